# kshim: a flight recorder for Python and Jupyter kernels
#
#   make                 build/libkshim.so and build/kshim-analyze
#   make check           all tests (scripts/check does the same and installs what they need)
#   make check-gpu       on a machine with a GPU: the clients of its driver
#   make check-suites    other people's test suites, plain and recorded; writes tests/TRANSPARENCY.md
#   make torture         deaths and lives in the worst places, in large numbers (scripts/check has a short part)
#   make bench           what it costs, as ratios to a run without it
#   make demo            a real Jupyter kernel dies on a Keras import, and is explained
#   make install         PREFIX=/usr/local DESTDIR=
#   make fuzz            libFuzzer on all readers of foreign bytes (needs clang); FUZZ=NAME FUZZ_SECONDS=60, tests/fuzz/fuzz.mk
#   make clean
#
# Variables: O=build folder, V=1 show commands, CC=compiler, SAN=address,undefined (analyzer
# and tests), WERROR=1, CROSS=aarch64-linux-gnu- (the recorder alone).

O ?= build
V ?= 0
PREFIX ?= /usr/local
CC ?= cc
ifneq ($(CROSS),)
CC := $(CROSS)gcc
endif
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

VERSION := $(shell sed -n 's/^\#define KSHIM_RELEASE[[:space:]]*"\(.*\)"/\1/p' shim/release.h)

WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla -Wno-missing-field-initializers
ifeq ($(WERROR),1)
WARN += -Werror
endif
BASE := -std=gnu11 -D_GNU_SOURCE -iquote . -iquote $(O)/gen -O2 -g $(WARN) $(CFLAGS)
# What it was made of, in words that hold for the same folder called by another name (O=build, O=/src/build).
DEPENDS = -MMD -MP -MT '$$(O)$(@:$(O)%=%)'
LIB_CFLAGS := $(BASE) -fPIC -fvisibility=hidden -fno-stack-protector -fno-strict-aliasing -fasynchronous-unwind-tables
# Some distributions switch it on: it would touch each page of the alternate stacks that hooks/thread.c sets aside.
LIB_CFLAGS += $(shell $(CC) -Werror -fno-stack-clash-protection -x c -c -o /dev/null /dev/null 2>/dev/null && echo -fno-stack-clash-protection)
lib_src := $(wildcard shim/*.c hooks/*.c)
# x86_64: signal handlers, and hooks that handlers call, run on the stack that they are given, and qemu-user 7.2 gives
# one that is not aligned (linux-user/i386/signal.c, get_sigframe). So: no vector registers, no aligned slots. Files that
# need them align the stack themselves; with a compiler that takes no word against them (zig), all but the quickest do.
MACROS := $(shell $(CC) -mgeneral-regs-only -dM -E -x c /dev/null)
ifneq ($(filter __x86_64__,$(MACROS)),)
vector_src := $(if $(filter __SSE2__,$(MACROS)),$(filter-out hooks/heap.c shim/ring.c,$(lib_src)),hooks/output.c hooks/heap_slow.c)
any_stack = $(if $(filter $(vector_src),$<),-mstackrealign -DKS_ALIGNS_STACK,-mgeneral-regs-only)
endif
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# What runs at the start of each program, and what it calls most, lies together: fewer pages are fetched.
lib_first := shim/state.c hooks/start.c hooks/sanitizer.c hooks/table.c hooks/next.c shim/elf.c hooks/version.c shim/config.c hooks/python.c shim/safe.c hooks/heap.c \
	     shim/ring.c shim/life.c hooks/process.c hooks/output.c hooks/load.c hooks/signal.c
lib_obj := $(patsubst %.c,$(O)/lib/%.o,$(lib_first) $(filter-out $(lib_first),$(lib_src)))
ana_src := $(wildcard analyzer/*.c analyzer/rules/*.c)
ana_obj := $(ana_src:%.c=$(O)/ana/%.o)
unit_src := $(wildcard tests/test_*.c)
unit_bin := $(unit_src:tests/%.c=$(O)/tests/%)

ana_pkgs := libdw libelf libcjson
ana_libs = $(shell pkg-config --libs $(ana_pkgs)) -lstdc++ $(ZYDIS)
HASH := \#
ifneq ($(shell printf '$(HASH)include <Zydis/Zydis.h>\n' | $(CC) -E - >/dev/null 2>&1 && echo yes),)
ZYDIS := -lZydis
ANA_DEFS := -DHAVE_ZYDIS
endif

.PHONY: all lib analyze check check-gpu check-suites unit bench demo install uninstall clean help
all: lib analyze
lib: $(O)/libkshim.so
analyze: $(O)/kshim-analyze

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

# Each start of each program pays for what the loader has to do for us: fewer segments, no code of the compiler's that begins and
# ends nothing (and makes the loader look for four names that are nowhere). zig's linker does not know the first. No relro: one
# more mapping costs each start 9 µs and each fork 0.4, and the functions that we call lie in writable memory anyway.
LIB_START := -nostartfiles $(shell t=$$(mktemp) && $(CC) -shared -nostartfiles -Wl,-z,noseparate-code -x c -o $$t /dev/null 2>/dev/null && echo -Wl,-z,noseparate-code; rm -f $$t)

$(O)/libkshim.so: $(lib_obj) $(O)/gen/exports.map
	$(call say,LINK,$@)$(CC) -shared $(LIB_START) -o $@.new $(lib_obj) \
		-Wl,-soname,libkshim.so -Wl,--version-script=$(O)/gen/exports.map \
		-Wl,-z,defs -Wl,-z,nodelete -Wl,-z,now -Wl,-z,norelro -Wl,--build-id=sha1 -Wl,--as-needed $(LDFLAGS) $(LIB_LDLIBS) && mv $@.new $@

$(O)/gen/exports.map: hooks/hooks.def Makefile
	@mkdir -p $(@D)
	$(call say,GEN,$@)( echo '{ global:'; sed -n 's/^HOOK([A-Z]*, *[^,]*, *\([A-Za-z_0-9]*\),.*/\t\1;/p' hooks/hooks.def; echo 'local: *; };' ) > $@

$(O)/lib/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(LIB_CFLAGS) $(DEPENDS) $(any_stack) -c -o $@ $<

$(O)/kshim-analyze: $(ana_obj)
	$(call say,LINK,$@)$(CC) $(SANITIZE) -o $@ $(ana_obj) $(LDFLAGS) $(ana_libs)

$(O)/ana/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(BASE) $(DEPENDS) $(SANITIZE) $(ANA_DEFS) $(shell pkg-config --cflags $(ana_pkgs)) -c -o $@ $<

# Unit tests: one program for each tests/test_*.c, linked with the analyzer but its main.
test_help := $(patsubst tests/%.c,$(O)/tests/obj/%.o,$(filter-out $(unit_src),$(wildcard tests/*.c)))
$(O)/tests/obj/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(BASE) $(DEPENDS) $(SANITIZE) $(ANA_DEFS) -c -o $@ $<
$(O)/tests/test_%: $(O)/tests/obj/test_%.o $(test_help) $(filter-out %/main.o,$(ana_obj))
	$(call say,LINK,$@)$(CC) $(SANITIZE) -o $@ $^ $(LDFLAGS) $(ana_libs) -lcmocka
.PRECIOUS: $(O)/tests/obj/%.o
unit: $(unit_bin)

check: all
	$(Q)scripts/check
# On a machine with an NVIDIA GPU: the clients of tests/run-gpu on its own driver. FRAMEWORKS=DIR: install PyTorch, JAX,
# TensorFlow, CuPy and numba-cuda there (some 20 GB) rather than take those of python3.
check-gpu: all
	$(Q)O=$(O) tests/run-gpu --real --wheels $(O)/venv $(if $(FRAMEWORKS),--frameworks $(FRAMEWORKS))
torture: all
	$(Q)O=$(O) tests/run-torture --all
# Other people's test suites, plain and recorded: hours; tests/run-suites --help.
check-suites: all
	$(Q)O=$(O) tests/run-suites --all --resume
	$(Q)O=$(O) tests/run-suites --table
bench: all
	$(Q)O=$(O) scripts/bench
demo:
	$(Q)scripts/demo

include tests/fuzz/fuzz.mk

install: all
	install -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 $(O)/libkshim.so $(DESTDIR)$(PREFIX)/lib/libkshim.so
	install -m 755 $(O)/kshim-analyze $(DESTDIR)$(PREFIX)/bin/kshim-analyze
	install -m 755 scripts/kshim-kernelspec $(DESTDIR)$(PREFIX)/bin/kshim-kernelspec
	for m in man/*.1; do install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man1/; done
	for m in man/*.7; do install -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man7/; done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/lib/libkshim.so $(DESTDIR)$(PREFIX)/bin/kshim-analyze $(DESTDIR)$(PREFIX)/bin/kshim-kernelspec
	for m in man/*.1; do rm -f $(DESTDIR)$(PREFIX)/share/man/man1/$${m##*/}; done
	for m in man/*.7; do rm -f $(DESTDIR)$(PREFIX)/share/man/man7/$${m##*/}; done

clean:
	rm -rf $(O)

-include $(lib_obj:.o=.d) $(ana_obj:.o=.d) $(wildcard $(O)/tests/obj/*.d)

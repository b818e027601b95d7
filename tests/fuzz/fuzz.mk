# Built by `make fuzz` and tests/fuzz/run: libFuzzer targets, one for each tests/fuzz/fuzz_*.c (needs clang).
#
#   make fuzz                      all targets, FUZZ_SECONDS (60) each, one after the other
#   make fuzz FUZZ=trace,lines     only these
#   make fuzz FUZZ_SECONDS=0 FUZZ_RUNS=1000000
#   make fuzz-every                every prefix and every flipped byte of small traces
#   make fuzz-cover                what the corpus reaches, line by line (clang's source-based coverage)
#
# What they found lies in $(O)/fuzz/NAME.found, the corpus in $(O)/fuzz/NAME.corpus, the sum of all executions in
# $(O)/fuzz/executions.

FUZZ_CC ?= clang
FUZZ_SAN ?= address,undefined
FUZZ_SECONDS ?= 60
FUZZ_RUNS ?= -1
fuzz_dir := $(O)/fuzz
fuzz_obj := $(fuzz_dir)/obj
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_bin := $(fuzz_names:%=$(fuzz_dir)/fuzz_%)
fuzz_shared := $(fuzz_obj)/tests/fuzz/mutate.o $(fuzz_obj)/tests/fuzz/output.o $(fuzz_obj)/tests/assemble.o
fuzz_ana := $(patsubst %.c,$(fuzz_obj)/%.o,$(filter-out analyzer/main.c,$(ana_src)))
FUZZ_CFLAGS = -std=gnu11 -D_GNU_SOURCE -iquote . -iquote $(O)/gen -O1 -g -fno-omit-frame-pointer -MMD -MP -Wall -Wextra -Wno-missing-field-initializers -Wno-unused-parameter \
	-fno-sanitize-recover=all $(if $(findstring address,$(FUZZ_SAN)),-D__SANITIZE_ADDRESS__) $(ANA_DEFS) $(FUZZ_COVER) $(shell pkg-config --cflags $(ana_pkgs))
FUZZ_COVER :=

$(fuzz_obj)/%.o: %.c Makefile tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -fno-sanitize-coverage=trace-cmp -c -o $@ $<
# Our own checks guide nobody.
$(fuzz_obj)/tests/fuzz/mutate.o $(fuzz_obj)/tests/fuzz/output.o: $(fuzz_obj)/%.o: %.c Makefile tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)$(FUZZ_CC) $(FUZZ_CFLAGS) -O2 -c -o $@ $<
$(fuzz_dir)/fuzz_%: $(fuzz_obj)/tests/fuzz/fuzz_%.o $(fuzz_shared) $(fuzz_ana)
	$(call say,LINK,$@)$(FUZZ_CC) $(FUZZ_COVER) -fsanitize=fuzzer,$(FUZZ_SAN) -o $@ $(filter-out $(fuzz_out:%=$(fuzz_obj)/%.o),$^) $(ana_libs)
# What these take in themselves.
$(fuzz_dir)/fuzz_live: fuzz_out := analyzer/live_read analyzer/live_python
$(fuzz_dir)/fuzz_maps: fuzz_out := analyzer/live analyzer/live_task
$(fuzz_dir)/fuzz_host: fuzz_out := analyzer/live analyzer/live_made analyzer/live_python analyzer/live_read analyzer/live_task
$(fuzz_dir)/fuzz_live $(fuzz_dir)/fuzz_walk $(fuzz_dir)/fuzz_host: $(fuzz_obj)/tests/fuzz/memory.o
# Programs with a main of their own.
$(fuzz_dir)/seeds $(fuzz_dir)/every: $(fuzz_dir)/%: $(fuzz_obj)/tests/fuzz/%.o $(filter-out %/mutate.o,$(fuzz_shared)) $(fuzz_ana)
	$(call say,LINK,$@)$(FUZZ_CC) $(FUZZ_COVER) -fsanitize=$(FUZZ_SAN) -o $@ $^ $(ana_libs)

.PHONY: fuzz fuzz-build fuzz-every fuzz-cover
.PRECIOUS: $(fuzz_obj)/%.o
fuzz-build: $(fuzz_bin) $(fuzz_dir)/seeds $(fuzz_dir)/every
fuzz: fuzz-build
	$(Q)O=$(O) tests/fuzz/run --seconds $(FUZZ_SECONDS) --runs $(FUZZ_RUNS) $(if $(FUZZ),--only $(FUZZ))
fuzz-every: all $(fuzz_dir)/every
	$(Q)O=$(O) tests/fuzz/run --every
fuzz-cover:
	$(Q)$(MAKE) O=$(O)/cover FUZZ_SAN=undefined FUZZ_COVER='-fprofile-instr-generate -fcoverage-mapping' fuzz-build
	$(Q)O=$(O) tests/fuzz/run --cover $(O)/cover/fuzz

-include $(wildcard $(fuzz_obj)/*/*.d $(fuzz_obj)/*/*/*.d)

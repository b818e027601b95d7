/* SPDX-License-Identifier: MIT */
/*
 * The constructor: the order in which everything begins, and who is recorded at all.
 *
 * Programs other than Python, setuid programs, programs under a sanitizer, and a second copy of this
 * library get their forwards and nothing else. A preload's constructor runs before those of nearly all other libraries, but
 * a hook may have been called before: then it found ks.on false.
 */
#include "hooks/hooks.h"

#include <sys/auxv.h>

#include "hooks/version.h"
#include "shim/elf.h"
#include "shim/safe.h"
#include "shim/surroundings.h"

static bool kernel;

bool ks_is_kernel(void)
{
	return kernel;
}

/* ipykernel's own ways to be started: -m ipykernel[_launcher] -f FILE, --f=FILE; and the like. */
static void look_for_kernel(int argc, char **argv)
{
	bool file = false, name = false;

	for (int i = 0; i < argc && argv[i]; i++) {
		if (strcmp(argv[i], "-f") == 0 || strncmp(argv[i], "-f=", 3) == 0 || strncmp(argv[i], "--f=", 4) == 0 ||
		    strstr(argv[i], "connection_file") || strstr(argv[i], "kernel-"))
			file = true;
		if (strstr(argv[i], "kernel"))
			name = true;
	}
	kernel = file && name;
}

/* Another copy of this library, in front of us: 1; ourselves: -1. */
static int is_kshim(struct dl_phdr_info *info, size_t size, void *unused)
{
	const char *soname;
	struct ks_elf elf;

	(void)size, (void)unused;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && (uintptr_t)is_kshim - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
			return -1;
	}
	soname = ks_elf_open(&elf, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum) ? ks_elf_soname(&elf) : NULL;
	return soname && strcmp(soname, "libkshim.so") == 0;
}

/*
 * Preloaded from two places (LD_PRELOAD and /etc/ld.so.preload; a module and a kernel.json), or opened by the
 * program as well: the first one in the order of look-ups is what the program calls. The others only forward.
 */
static bool is_second(void)
{
	return dl_iterate_phdr(is_kshim, NULL) > 0;
}

static bool wanted(char *const *environment)
{
	enum ks_mode mode;
	bool python;

	if (getauxval(AT_SECURE) || ks_sanitized())
		return false;
	mode = ks_config_mode(environment);
	python = mode != KS_MODE_OFF && ks_is_python();
	if ((mode != KS_MODE_ALL && !python) || is_second())
		return false;
	ks_config_read(environment);
	ks.python = python;
	return true;
}

static void begin(int argc, char **argv)
{
	ks.chosen = true;
	look_for_kernel(argc, argv);
	ks_open();
	ks.chosen = ks.on;
	if (!ks.on)
		return;
	ks.starting = true;
	ks_start_args = argv;
	ks_begin();
	ks_start_args = NULL;
	ks_loads_start();
	ks_modules_sync(0);
	ks_python_start();
	ks_main_altstack();
	ks_signals_start();
	ks_retain();
	ks_exit_watch();
	ks_checkpoint(KS_CHECK_START);
	ks.starting = false;
}

/* The library's data begin with the table of constructors: at the begin of a page they take two of them, and not three. */
__asm__(".pushsection .init_array,\"aw\"\n	.balign 4096\n	.popsection");

__attribute__((constructor)) static void start(int argc, char **argv, char **environment)
{
	int error = errno;

	if (!ks_next_is_libc())
		ks_resolve();
	if (wanted(environment)) {
		ks_resolve();
		begin(argc, argv);
	}
	errno = error;
}

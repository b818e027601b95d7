/* SPDX-License-Identifier: MIT */
/*
 * The constructor: the order in which everything begins, and who is recorded at all.
 *
 * Programs other than Python, setuid programs, and programs under a sanitizer get their forwards
 * and nothing else. A preload's constructor runs before those of nearly all other libraries, but
 * a hook may have been called before: then it found ks.on false.
 */
#include "hooks/hooks.h"

#include <sys/auxv.h>

#include "shim/safe.h"

/* A sanitizer runtime in the process intercepts the same functions and checks our every load. */
extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));

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

static bool wanted(char *const *environment)
{
	if (getauxval(AT_SECURE))
		return false;
	ks_config_read(environment);
	if (ks.config.mode == KS_MODE_OFF)
		return false;
	if (__asan_init || __tsan_init || __msan_init || __hwasan_init)
		return false;
	return ks.config.mode == KS_MODE_ALL || ks_is_python();
}

__attribute__((constructor)) static void start(int argc, char **argv, char **environment)
{
	int error = errno;

	ks_resolve();
	if (wanted(environment)) {
		ks.chosen = true;
		look_for_kernel(argc, argv);
		ks_open();
	}
	if (ks.on) {
		ks_begin();
		ks_loads_start();
		ks_modules_sync(0);
		ks_python_start();
		ks_main_altstack();
		ks_signals_start();
		ks_retain();
		ks_exit_watch();
		ks_checkpoint(KS_CHECK_START);
	} else {
		ks.chosen = false;
	}
	errno = error;
}

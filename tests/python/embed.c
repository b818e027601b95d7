/* SPDX-License-Identifier: MIT */
/*
 * A host that loads libpython privately, runs it, finalizes it and unloads it, twice: for run-python.
 *
 *	embed LIBPYTHON SIGNALS CODE		SIGNALS: as Py_InitializeEx takes it
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void once(char **argv)
{
	void *python = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	void (*initialize)(int);
	int (*run)(const char *), (*finalize)(void);

	if (!python) {
		puts(dlerror());
		exit(2);
	}
	initialize = (void (*)(int))dlsym(python, "Py_InitializeEx");
	run = (int (*)(const char *))dlsym(python, "PyRun_SimpleString");
	finalize = (int (*)(void))dlsym(python, "Py_FinalizeEx");
	initialize(atoi(argv[2]));
	printf("%d\n", run(argv[3]));
	printf("%d\n", finalize());
	dlclose(python);
	signal(SIGUSR2, SIG_IGN);		/* calls that the recorder stands in front of */
	dlclose(dlopen("libm.so.6", RTLD_NOW));
	printf("%s\n", dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) ? "stays" : "gone");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	once(argv);
	once(argv);
	return 0;
}

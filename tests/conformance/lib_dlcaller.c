/*
 * A library with a RUNPATH of its own, which loads and looks up for the program.
 * build: -Wl,-rpath,$ORIGIN/sub -ldl
 */
#include <dlfcn.h>

int who(void)
{
	return 1;
}

void *caller_open(const char *name)
{
	void *handle = dlopen(name, RTLD_NOW | RTLD_GLOBAL);

	return handle;		/* no tail call: the return address must be ours */
}

int caller_next(void)
{
	int (*next)(void) = (int (*)(void))dlsym(RTLD_NEXT, "who");

	return next ? next() : -1;
}

int caller_default(void)
{
	int (*any)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "who");

	return any ? any() : -1;
}

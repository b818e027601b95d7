/*
 * Its constructor makes dl calls of its own: good ones and bad ones, the last without asking.
 * build: -ldl -Wl,-rpath,$ORIGIN
 */
#include <dlfcn.h>
#include <stdio.h>

static void *inner;

__attribute__((constructor)) static void begin(void)
{
	char *text = dlerror();
	int (*f)(void);

	printf("nested: %s\n", text ? text : "(no error)");
	inner = dlopen("libdlinner.so", RTLD_NOW);
	f = inner ? (int (*)(void))dlsym(inner, "inner_value") : NULL;
	printf("nested: %d\n", f ? f() : -1);
	dlopen("libinner_missing.so.2", RTLD_NOW);
	text = dlerror();
	printf("nested: %s\n", text ? text : "(no error)");
	dlopen("libinner_unasked.so.3", RTLD_NOW);
}

__attribute__((destructor)) static void end(void)
{
	printf("nested: destructor %d\n", inner ? dlclose(inner) : -1);
}

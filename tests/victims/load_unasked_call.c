/*
 * A load fails, nobody looks at the result, and the function that was not found is called.
 */
#include <dlfcn.h>
#include <stddef.h>

static int (*volatile run)(int);

static void prepare(void)
{
	void *handle = dlopen("libplugin_of_mine.so.2", RTLD_NOW);

	if (handle)
		run = (int (*)(int))dlsym(handle, "run");
}

int main(void)
{
	prepare();
	return run(3);
}

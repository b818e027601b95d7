/*
 * As cuDNN 8 does it: a part is loaded when it is needed; it is not there; the program says a word,
 * does not ask dlerror, and aborts.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *part(const char *name)
{
	void *handle = dlopen(name, RTLD_NOW);

	if (!handle) {
		fputs("Could not load a part\n", stderr);
		abort();
	}
	return handle;
}

int main(void)
{
	part("libm.so.6");
	part("libdnn_ops_train.so.8");
	return 0;
}

/*
 * Optional libraries are looked for and not found, which the program takes calmly; much later it dies
 * of something else.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

static void optional(const char *name)
{
	if (!dlopen(name, RTLD_NOW))
		printf("without %s: %s\n", name, dlerror());
}

__attribute__((noinline)) static int divide(int a, volatile int *b)
{
	return a / *b;
}

int main(void)
{
	volatile int zero = 0;

	optional("libcudart.so.11.0");
	optional("libnvinfer.so.7");
	if (dlsym(RTLD_DEFAULT, "an_optional_function") == NULL)
		puts("without an_optional_function");
	usleep(20000);
	return divide(getpid(), &zero);
}

/*
 * Loaded by the constructor of libdlnested.so; says so.
 */
#include <stdio.h>

__attribute__((constructor)) static void begin(void)
{
	puts("inner: constructor");
}

__attribute__((destructor)) static void end(void)
{
	puts("inner: destructor");
}

int inner_value(void)
{
	return 7;
}

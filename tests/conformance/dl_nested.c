/*
 * dlopen within a constructor that dlopen runs, dlclose within a destructor that dlclose runs.
 * What the constructor did not ask for is still there after the outer dlopen went well.
 */
#include "dl.h"

static void *deep(const char *name, int levels)
{
	volatile char room[512];
	void *h;

	room[0] = (char)levels;
	h = levels ? deep(name, levels - 1) : dlopen(name, RTLD_NOW);
	room[1] = room[0];
	return h;
}

int main(void)
{
	void *h = dlopen("libdlnested.so", RTLD_NOW);

	printf("outer: %d %s\n", h != NULL, say(dlerror()));
	printf("outer: %s\n", say(dlerror()));
	report("closed", dlclose(h));
	h = deep("libdlnested.so", 40);
	printf("again, from deep below: %d\n", h != NULL);
	deep("libm.so.6", 90);
	printf("closed: %d\n", dlclose(h));
	h = deep("libnothing.so.1", 10);
	deep("libm.so.6", 50);
	printf("after a failure and a success: %s\n", say(dlerror()));
	return 0;
}

/* build: -pthread */
/*
 * A function looks for an optional library, says that it is not there, works on with children and large blocks, and
 * at once thereafter writes through a null pointer, which has nothing to do with the library.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int *volatile nothing;

int main(void)
{
	if (!dlopen("liboptional_for_speed.so.1", RTLD_NOW))
		puts(dlerror());
	for (int i = 0; i < 5; i++)
		free(malloc(2 << 20));
	if (fork() == 0)
		_exit(0);
	wait(NULL);
	*nothing = 1;
	return 0;
}

/*
 * A load fails, nobody asks, the program aborts: a handler of SIGABRT that asks is told why. And
 * in a child, a text that was handed out before the abort is still readable there.
 */
#include <signal.h>
#include <sys/wait.h>

#include "dl.h"

static char *kept;

static void handler(int signal)
{
	(void)signal;
	printf("kept: %s\n", say(kept));
	printf("asked: %s\n", say(dlerror()));
	printf("asked: %s\n", say(dlerror()));
	fflush(stdout);
	_exit(0);
}

int main(void)
{
	int status;

	signal(SIGABRT, handler);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (fork() == 0) {
		dlopen("liblost_in_child.so.7", RTLD_NOW);
		kept = dlerror();
		abort();
	}
	wait(&status);
	printf("child: %d\n", status);
	dlopen("liblost.so.7", RTLD_NOW);
	abort();
}

/* SPDX-License-Identifier: MIT */
/* Every way to end gives the status that it should, and runs the handlers that it should, in their order. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void word(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(99);
}

static void first(void) { word(" first"); }
static void second(void) { word(" second"); }
static void quick(void) { word(" quick"); }
__attribute__((destructor)) static void last(void) { word(" destructor"); }
static void *leave(void *arg) { (void)arg; exit(7); return NULL; }

static void end(int how)
{
	pthread_t t;

	switch (how) {
	case 0: exit(3);
	case 1: _exit(4);
	case 2: _Exit(5);
	case 3: quick_exit(6);
	case 4: pthread_create(&t, NULL, leave, NULL); pthread_join(t, NULL); break;
	case 5: abort();
	case 6: raise(SIGTERM); break;
	case 7: kill(getpid(), SIGKILL); break;
	case 8: signal(SIGABRT, SIG_IGN); abort();
	case 9: *(volatile int *)8 = 1; break;
	case 10: pthread_exit(NULL);
	case 11: exit(256 + 9);
	case 12: __builtin_trap();
	case 13: raise(SIGSEGV); break;
	case 14: raise(SIGPIPE); break;
	case 15: raise(SIGQUIT); break;
	}
}

int main(void)
{
	for (int how = 0; how < 16; how++) {
		int status;
		pid_t child;

		printf("%d:", how);
		fflush(stdout);
		child = fork();
		if (child == 0) {
			atexit(first);
			atexit(second);
			at_quick_exit(quick);
			end(how);
			return 88;
		}
		waitpid(child, &status, 0);
		printf(" %s %d\n", WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	fflush(stdout);
	return 0;
}

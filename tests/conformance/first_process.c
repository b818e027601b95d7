/* SPDX-License-Identifier: MIT */
/* needs: root */
/* native: yes */
/* The first process of a PID namespace (a container) does not die of what it is sent, but of its own faults. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void handler(int sig) { (void)sig; if (write(1, "handled\n", 8) < 0) _exit(9); }

static void work(const char *how)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGSEGV, SIGABRT, SIGUSR1, SIGPIPE, SIGTRAP };
	struct timespec t = { 0, 50000000 };
	int helper;

	printf("%s: pid %d\n", how, getpid());
	fflush(stdout);
	for (unsigned i = 0; i < sizeof(sigs) / sizeof(*sigs); i++) {
		kill(1, sigs[i]);
		raise(sigs[i]);
	}
	helper = fork();
	if (!helper) {
		kill(1, SIGTERM);
		raise(SIGTERM);
		_exit(3);
	}
	while (nanosleep(&t, &t))
		;
	int status = 0;

	waitpid(helper, &status, 0);
	printf("alive, helper %#x\n", status);
	signal(SIGTERM, handler);
	raise(SIGTERM);
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
	printf("alive still\n");
	fflush(stdout);
	*(volatile int *)16 = 1;
}

int main(int argc, char **argv)
{
	char *again[] = { argv[0], "exec", NULL };
	int status;

	if (argc > 1) {
		work(argv[1]);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		int pid = fork();

		if (!pid) {
			if (unshare(CLONE_NEWPID))
				_exit(7);
			pid = fork();
			if (!pid) {
				if (i)
					execv("/proc/self/exe", again);
				work("fork");
				_exit(0);
			}
			waitpid(pid, &status, 0);
			printf("ended %#x\n", status & 0x7f);
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		printf("outer %#x\n", status);
		fflush(stdout);
	}
	return 0;
}

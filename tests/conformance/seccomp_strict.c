/* SPDX-License-Identifier: MIT */
/* seccomp's strict mode: handlers that were set before still run, and the exit is the program's own. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int calls;

static void handler(int sig)
{
	calls++;
	if (sig == SIGSEGV) {
		if (write(1, "segv\n", 5) < 0)
			calls = -1;
		syscall(SYS_exit, 7);
	}
}

static void child(int mode)
{
	int pid, status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct sigaction a = { .sa_handler = handler };

		sigaction(SIGSEGV, &a, NULL);
		sigaction(SIGCHLD, &a, NULL);
		if (prctl(PR_SET_SECCOMP, 1, 0, 0, 0))
			_exit(100);
		if (write(1, "strict\n", 7) < 0)
			syscall(SYS_exit, 2);
		if (mode == 0)
			*(volatile int *)8 = 1;
		if (mode == 1)
			syscall(SYS_getpid);
		if (mode == 2)
			__builtin_trap();
		syscall(SYS_exit, 5);
	}
	waitpid(pid, &status, 0);
	printf("mode %d: %#x\n", mode, status & 0xff7f);
}

int main(void)
{
	struct sigaction a;

	for (int i = 0; i < 4; i++)
		child(i);
	errno = 0;
	printf("bad: %d", prctl(PR_SET_SECCOMP, 17, 0, 0, 0));
	printf(" errno %d\n", errno);
	sigaction(SIGTERM, NULL, &a);
	printf("term %d\n", a.sa_handler == SIG_DFL);
	printf("name: %d\n", prctl(PR_SET_NAME, "other", 0, 0, 0));
	char name[16];

	prctl(PR_GET_NAME, name);
	printf("%s\n", name);
	printf("dumpable %d nothing %d\n", prctl(PR_GET_DUMPABLE), prctl(9999) == -1 && errno == EINVAL);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* A crash handler that crashes: the first fault is the one to tell. */
#include <signal.h>
#include <string.h>

static void report(int sig)
{
	(void)sig;
	*(volatile int *)0x77777770 = 1;
}

static void first(void)
{
	*(volatile int *)0x60 = 1;
}

int main(void)
{
	struct sigaction a;

	memset(&a, 0, sizeof(a));
	a.sa_handler = report;
	a.sa_flags = (int)(SA_NODEFER | SA_RESETHAND);
	sigaction(SIGSEGV, &a, NULL);
	first();
	return 0;
}

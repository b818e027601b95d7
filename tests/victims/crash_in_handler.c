/* SPDX-License-Identifier: MIT */
/* A handler of SIGUSR1 that itself faults. */
#include <signal.h>

static void handler(int sig)
{
	(void)sig;
	*(volatile int *)0x50 = 1;
}

static void work(void)
{
	raise(SIGUSR1);
}

int main(void)
{
	signal(SIGUSR1, handler);
	work();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The program handles SIGSEGV on an alternate stack in its main thread; another thread, which has none, overflows. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char alt[65536];

static void handler(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}

static int dig(volatile int n)
{
	volatile char room[2000];

	room[n % 2000] = (char)n;
	return dig(n + 1) + room[7];
}

static void *begin(void *p)
{
	printf("%d\n", dig(0));
	return p;
}

int main(void)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };
	pthread_t t;

	sigaltstack(&s, NULL);
	sigaction(SIGSEGV, &a, NULL);
	if (pthread_create(&t, NULL, begin, NULL) == 0)
		pthread_join(t, NULL);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Endless recursion in a thread with a stack of 1 MiB: recorded on the thread's alternate stack. */
#include <pthread.h>
#include <stdio.h>

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
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 1 << 20);
	if (pthread_create(&t, &a, begin, NULL) == 0)
		pthread_join(t, NULL);
	return 0;
}

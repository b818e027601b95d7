/* SPDX-License-Identifier: MIT */
/* Four threads fault at the same moment: one of them is recorded, whole, and the process dies of it. */
#include <pthread.h>
#include <unistd.h>

static pthread_barrier_t together;

static void touch_nothing(void)
{
	*(volatile int *)0x40 = 1;
}

static void *begin(void *p)
{
	pthread_barrier_wait(&together);
	touch_nothing();
	return p;
}

int main(void)
{
	pthread_t t;

	pthread_barrier_init(&together, NULL, 4);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&t, NULL, begin, NULL))
			return 1;
	for (;;)
		pause();
}

/* SPDX-License-Identifier: MIT */
/* timeout: 30 */
/*
 * All of a thread's stack is the program's: threads with stacks of many sizes, set for each or as the default, which
 * may change between two of them, fill theirs nearly to the end. Their signal handlers, too, and recursion there.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPARE 8192 /* for libc: its own part of a stack, and the frames below */

static volatile char *volatile last;

/* Fills what is between here and n bytes on. */
static __attribute__((noinline)) void fill(size_t n)
{
	volatile char *p = __builtin_alloca(n);

	for (size_t i = 0; i < n; i += 512)
		p[i] = 1;
	last = p;
}

static __attribute__((noinline)) unsigned long recurse(size_t left)
{
	volatile char room[256];

	room[0] = (char)left;
	return left < 512 ? 1 : recurse(left - 320) + (unsigned long)room[0] / 1000 + 1;
}

static void *fills(void *size)
{
	fill((size_t)size - SPARE);
	return size;
}

static void *recurses(void *size)
{
	return recurse((size_t)size - SPARE) ? size : NULL;
}

static void handler(int sig)
{
	fill((size_t)sig == SIGUSR1 ? 2048 : 4096);
}

static void *signals(void *size)
{
	fill((size_t)size - SPARE - 8192);
	pthread_kill(pthread_self(), SIGUSR1);
	return size;
}

static void *waits(void *p)
{
	pause();
	return p;
}

static void run(const char *what, void *(*f)(void *), size_t size, const pthread_attr_t *a)
{
	void *result = NULL;
	pthread_t t;
	int rc = pthread_create(&t, a, f, (void *)size);

	if (rc == 0)
		pthread_join(t, &result);
	printf("%s %zu: rc %d, %s\n", what, size, rc, result == (void *)size ? "done" : "not done");
	fflush(stdout);
}

int main(void)
{
	static const size_t sizes[] = { 16384, 32768, 65536, 131072, 262144, 524288, 1 << 20, 8 << 20 };
	pthread_attr_t a;
	pthread_t t;

	signal(SIGUSR1, handler);
	pthread_attr_init(&a);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		pthread_attr_setstacksize(&a, sizes[i]);
		run("fills", fills, sizes[i], &a);
		run("recurses", recurses, sizes[i], &a);
		if (sizes[i] > 16384)
			run("signals", signals, sizes[i], &a);
	}
	for (unsigned i = sizeof(sizes) / sizeof(*sizes); i-- > 1;) {
		pthread_create(&t, NULL, waits, NULL);	/* the stacks that are kept for others are in use */
		pthread_attr_setstacksize(&a, sizes[i]);
		if (pthread_setattr_default_np(&a))
			return 1;
		run("fills, by default", fills, sizes[i], NULL);
		run("recurses, by default", recurses, sizes[i], NULL);
	}
	return 0;
}

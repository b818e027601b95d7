/* SPDX-License-Identifier: MIT */
/* build: -pthread -fno-builtin */
/*
 * The malloc family at its edges: zero, huge and overflowing sizes, bad alignments, blocks that
 * move, errno; use in constructors, exit handlers, thread-specific destructors and signal handlers.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *from_constructor;

__attribute__((constructor(101))) static void early(void)
{
	from_constructor = malloc(100);
	strcpy(from_constructor, "made before main");
}

static void say(const char *what, void *p)
{
	printf("%s: %s, errno %d\n", what, p ? "a block" : "none", errno);
	errno = 0;
	free(p);
}

static void sizes(void)
{
	static const size_t edges[] = { 0, 1, 8, 9, 24, 25, 1032, 1033, 262143, 262144, 1 << 20, 40 << 20 };
	volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2;

	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		char *p = malloc(edges[i]);

		printf("malloc(%zu): usable %zu, aligned %d\n", edges[i], malloc_usable_size(p), !((uintptr_t)p & 15));
		memset(p, 1, edges[i]);
		free(p);
	}
	errno = 0;
	for (size_t i = 0; i < 32; i++)
		say("malloc near the top", malloc(huge - i));
	say("malloc(half)", malloc(half));
	say("malloc(half + 1)", malloc(half + 1));
	say("calloc that wraps", calloc(half, 4));
	say("calloc(0, 0)", calloc(0, 0));
	say("reallocarray that wraps", reallocarray(NULL, half, 4));
	say("reallocarray", reallocarray(NULL, 10, 10));
	say("aligned_alloc(64)", aligned_alloc(64, 640));
	say("memalign(4096)", memalign(4096, 10));
	say("memalign(huge)", memalign(4096, huge));
	say("valloc", valloc(10));
	say("pvalloc", pvalloc(10));
	say("pvalloc(huge)", pvalloc(huge));
}

static void aligned(void)
{
	static const size_t alignments[] = { 0, 1, 3, 4, 8, 24, 64, 4096, (size_t)1 << 63 };

	for (size_t i = 0; i < sizeof(alignments) / sizeof(*alignments); i++) {
		void *p = (void *)1;
		int result;

		errno = 7;
		result = posix_memalign(&p, alignments[i], 100);
		printf("posix_memalign(%zu): %d, errno %d, %s\n", alignments[i], result, errno, p == (void *)1 ? "untouched" : "set");
		if (!result) {
			printf("  aligned %d\n", !((uintptr_t)p & (alignments[i] - 1)));
			free(p);
		}
	}
	printf("posix_memalign(huge): %d\n", posix_memalign(&(void *){ NULL }, 64, SIZE_MAX));
}

static void moves(void)
{
	volatile size_t huge = SIZE_MAX / 2 + 5;
	char *p = realloc(NULL, 10), *q;

	strcpy(p, "kept");
	for (size_t size = 16; size < 64 << 20; size *= 4) {
		p = realloc(p, size);
		printf("realloc(%zu): %s\n", size, p);
	}
	q = realloc(p, huge);
	printf("realloc(huge): %s, errno %d, old block %s\n", q ? "a block" : "none", errno, p);
	errno = 0;
	q = realloc(p, 0);
	printf("realloc(0): %s, errno %d\n", q ? "a block" : "none", errno);
	p = calloc(1000, 1000);
	for (int i = 0; i < 1000000; i++)
		if (p[i])
			printf("calloc: not zero at %d\n", i);
	errno = 11;
	free(p);
	free(NULL);
	printf("free keeps errno: %d\n", errno);
}

static pthread_key_t key;

static void last_words(void *p)
{
	char *q = malloc(300000);

	strcpy(q, p);
	free(p);
	printf("destructor: %s\n", q);
	free(q);
	free(malloc(2 << 20));
}

static void *in_thread(void *arg)
{
	char *p = malloc(64);

	strcpy(p, arg);
	pthread_setspecific(key, p);
	return malloc(1);
}

static volatile sig_atomic_t handled;

static void handler(int number)
{
	free(malloc(500000));	/* not allowed, common, and works */
	handled = number;
}

static void leave(void)
{
	char *p = malloc(3 << 20);

	printf("atexit: %d\n", p != NULL);
	free(p);
}

int main(void)
{
	pthread_t thread;
	void *result;

	puts(from_constructor);
	free(from_constructor);
	atexit(leave);
	sizes();
	aligned();
	moves();
	pthread_key_create(&key, last_words);
	for (int i = 0; i < 3; i++) {
		pthread_create(&thread, NULL, in_thread, "thread specific");
		pthread_join(thread, &result);
		free(result);
	}
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("handled %d\n", handled == SIGUSR1);
	return 0;
}

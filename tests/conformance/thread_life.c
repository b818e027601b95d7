/* SPDX-License-Identifier: MIT */
/* Threads: results, exits, cancellation, attributes, usable stack, destructors, many of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static pthread_key_t key;
static int destroyed, cleaned;
static volatile int go;
static void *own;

static void destructor(void *p)
{
	stack_t s;
	char big[2048];

	memset(big, 7, sizeof(big));
	sigaltstack(NULL, &s);
	if (s.ss_flags != SS_DISABLE)
		printf("a stack is left\n");
	destroyed += *(int *)p + big[5] - 7;
}

static void cleanup(void *p) { cleaned += (int)(intptr_t)p; }
static void *returns(void *p) { return (char *)p + 1; }
static void *exits(void *p) { pthread_exit((char *)p + 2); }

static void *waits(void *p)
{
	static int one = 1;

	pthread_setspecific(key, &one);
	pthread_cleanup_push(cleanup, (void *)1);
	pthread_cleanup_push(cleanup, (void *)10);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return p;
}

static void *exits_deep(void *p)
{
	static int ten = 10;

	pthread_setspecific(key, &ten);
	pthread_cleanup_push(cleanup, (void *)100);
	if (p)
		exits(p);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *attributes(void *p)
{
	pthread_attr_t a;
	size_t size, guard;
	void *low;
	int detached;
	char here;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &low, &size);
	pthread_attr_getguardsize(&a, &guard);
	pthread_attr_getdetachstate(&a, &detached);
	/* A stack of the program's own is that; another one is as large as was asked for, or larger. */
	printf("stack %s guard %zu detached %d inside %d\n", size < (size_t)p ? "too small" : low == own && size != 1 << 20 ? "wrong" : "right",
	       guard, detached, &here > (char *)low && &here < (char *)low + size);
	pthread_attr_destroy(&a);
	return p;
}

/* Uses n bytes of stack, page by page. */
static int use(long n)
{
	volatile char room[4000];

	room[0] = (char)n;
	return n > 0 ? use(n - 4096) + room[0] : 0;
}

static void *uses(void *p) { use((long)(intptr_t)p); return p; }
static void *spins(void *p) { while (!go) usleep(100); return p; }
static void *named(void *p)
{
	char name[16];

	prctl(PR_GET_NAME, name);
	printf("name %s\n", name);
	pthread_setname_np(pthread_self(), "other");
	return p;
}

static void *run(const char *what, void *(*f)(void *), void *arg, const pthread_attr_t *a)
{
	pthread_t t;
	void *result = NULL;
	int rc = pthread_create(&t, a, f, arg);

	if (rc == 0)
		rc = pthread_join(t, &result);
	printf("%s: rc %d result %ld\n", what, rc, (long)(intptr_t)result);
	return result;
}

int main(void)
{
	pthread_attr_t a;
	pthread_t t[64];
	void *result;

	pthread_key_create(&key, destructor);
	run("returns", returns, (void *)41, NULL);
	run("exits", exits, (void *)41, NULL);
	run("exits deep", exits_deep, (void *)41, NULL);
	printf("destroyed %d cleaned %d\n", destroyed, cleaned);
	pthread_create(&t[0], NULL, waits, NULL);
	usleep(10000);
	pthread_cancel(t[0]);
	pthread_join(t[0], &result);
	printf("cancelled %d destroyed %d cleaned %d\n", result == PTHREAD_CANCELED, destroyed, cleaned);
	run("attributes", attributes, NULL, NULL);
	pthread_attr_init(&a);
	static const size_t sizes[] = { 65536, 262144, 524288, 1 << 20, 64 << 20 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		pthread_attr_setstacksize(&a, sizes[i]);
		run("sized", attributes, (void *)sizes[i], &a);
		run("used", uses, (void *)(sizes[i] / 2), &a);
	}
	pthread_attr_setguardsize(&a, 0);
	run("unguarded", attributes, (void *)(64 << 20), &a);
	own = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_setstack(&a, own, 1 << 20);
	run("own stack", attributes, (void *)(1 << 20), &a);
	run("own stack used", uses, (void *)(800 << 10), &a);
	pthread_attr_destroy(&a);
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, SIZE_MAX / 4 & ~65535ul);
	printf("too large: %d\n", pthread_create(&t[0], &a, returns, NULL));
	pthread_attr_setstacksize(&a, SIZE_MAX - 4095);
	printf("larger: %d\n", pthread_create(&t[0], &a, returns, NULL));
	pthread_attr_destroy(&a);
	run("named", named, NULL, NULL);
	for (int i = 0; i < 64; i++)
		pthread_create(&t[i], NULL, spins, (void *)(intptr_t)i);
	go = 1;
	long sum = 0;

	for (int i = 0; i < 64; i++) {
		pthread_join(t[i], &result);
		sum += (long)(intptr_t)result;
	}
	printf("sum %ld\n", sum);
	for (int i = 0; i < 3000; i++) {
		if (pthread_create(&t[0], NULL, i & 1 ? exits : returns, (void *)(intptr_t)i))
			return 1;
		pthread_join(t[0], &result);
		sum += (long)(intptr_t)result;
	}
	printf("sum %ld\n", sum);
	return 0;
}

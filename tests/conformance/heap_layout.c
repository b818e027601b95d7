/* SPDX-License-Identifier: MIT */
/* build: -fno-builtin -pthread */
/*
 * The program's own heap stays as it is: where blocks lie to each other, what glibc counts, when its mmap
 * threshold moves, what malloc_trim gives back, what mallopt sets; obstacks; the same in a thread's arena.
 */
#include <errno.h>
#include <malloc.h>
#include <obstack.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

static char *base;

static void where(const char *what, void *p)
{
	long off = (char *)p - base;

	printf("%s: %ld usable %zu\n", what, off > -(64l << 20) && off < 64l << 20 ? off : 1, malloc_usable_size(p));
}

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
static void count(const char *what)
{
	struct mallinfo2 m = mallinfo2();

	printf("%s: arena %zu blocks %zu fast %zu mapped %zu in %zu used %zu free %zu top %zu\n", what, m.arena, m.ordblks, m.smblks,
	       m.hblks, m.hblkhd, m.uordblks, m.fordblks, m.keepcost);
}
#else
static void count(const char *what) { printf("%s\n", what); }
#endif

static void layout(void)
{
	void *p[40];

	for (int i = 0; i < 40; i++) {
		p[i] = malloc((size_t)(i * i * 37 % 4000));
		if (i % 8 == 0)
			where("block", p[i]);
	}
	for (int i = 0; i < 40; i += 2)
		free(p[i]);
	for (int i = 0; i < 40; i += 2) {
		p[i] = malloc((size_t)(i * 61 % 3000));
		if (i % 8 == 0)
			where("again", p[i]);
	}
	where("aligned", p[0] = aligned_alloc(4096, 8192));
	for (int i = 1; i < 40; i++)
		free(p[i]);
}

static int mapped(void *p)	/* glibc's IS_MMAPPED bit */
{
	return (int)(((size_t *)p)[-1] >> 1 & 1);
}

static void threshold(void)
{
	static const size_t sizes[] = { 100000, 131072, 140000, 1000000, 140000, 4000000, 1000000, 40000000, 33000000, 4000000 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		void *p = malloc(sizes[i]);

		printf("%zu: mapped %d usable %zu\n", sizes[i], mapped(p), malloc_usable_size(p));
		free(p);
	}
	printf("trim %d\n", malloc_trim(0));
	printf("trim again %d\n", malloc_trim(0));
	printf("mallopt %d", mallopt(M_MMAP_THRESHOLD, 65536));
	printf(" %d", mallopt(M_ARENA_MAX, 2));
	printf(" %d", mallopt(M_PERTURB, 0x5a));
	printf(" %d", mallopt(9999, 1));
	void *p = malloc(70000), *q = malloc(100);

	printf(" mapped %d %d perturbed %x\n", mapped(p), mapped(q), ((unsigned char *)q)[50]);
	free(p);
	free(q);
	mallopt(M_PERTURB, 0);
}

static void *in_thread(void *arg)
{
	char *p = malloc(100), *q = malloc(1000), *r = malloc(10);

	printf("in a thread: %ld %ld\n", (long)(q - p), (long)(r - q));
	free(p);
	free(q);
	free(r);
	return arg;
}

static void obstacks(void)
{
	struct obstack o;
	char *first;
	long sum = 0;

	obstack_init(&o);
	first = obstack_alloc(&o, 10);
	for (int i = 0; i < 3000; i++) {
		char *p = obstack_copy0(&o, "some words", 10);

		sum += p[9];
		if (i % 100 == 0)
			obstack_grow(&o, p, 10);
		if (i % 100 == 50)
			obstack_finish(&o);
	}
	printf("obstack %ld, %lu bytes\n", sum, (unsigned long)obstack_memory_used(&o));
	obstack_free(&o, first);
	obstack_free(&o, NULL);
}

static void overflows(void)
{
	static const size_t n[] = { SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8 + 1, (size_t)1 << 33, 0 };

	for (unsigned i = 0; i < sizeof(n) / sizeof(*n); i++)
		for (unsigned k = 0; k < sizeof(n) / sizeof(*n); k++) {
			volatile size_t a = n[i], b = n[k];
			void *p, *q, *r = (void *)5;
			int e1, e2;

			errno = 0;
			p = calloc(a, b);
			e1 = errno;
			errno = 0;
			q = reallocarray(NULL, a, b);
			e2 = errno;
			printf("%u %u: %d %d, %d %d", i, k, p != NULL, e1, q != NULL, e2);
			errno = 77;
			e1 = posix_memalign(&r, (b & 0xff) + 1, a);
			printf(", %d %d %d", e1, errno, r == (void *)5);
			if (e1)
				r = NULL;
			errno = 0;
			free(r);
			r = aligned_alloc(a, b);
			printf(", %d %d", r != NULL, errno);
			free(r);
			errno = 0;
			r = memalign(b, 100);
			printf(", %d %d\n", r != NULL, errno);
			free(p);
			free(q);
			free(r);
		}
}

int main(void)
{
	pthread_t t;
	char *brk = sbrk(0);

	setvbuf(stdout, NULL, _IONBF, 0);
	base = malloc(1);
	printf("first block: %ld above the begin of its page; heap grew %d\n", (long)((uintptr_t)base & 4095), (char *)sbrk(0) > brk);
	count("start");
	layout();
	count("layout");
	threshold();
	count("threshold");
	obstacks();
	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
	/* not counted again: a thread's table of TLS blocks is allocated with an entry for each library */
	overflows();
	free(NULL);
	printf("brk %ld\n", (long)((char *)sbrk(0) - base) / 4096);
	return 0;
}

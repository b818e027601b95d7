/* SPDX-License-Identifier: MIT */
/* build: -fno-builtin -ldl */
/*
 * A memory profiler as they are built with Heap-Layers: it stands in front of malloc, asks for the size of each block
 * that comes from behind and that goes back, and reallocates by itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void *(*next_malloc)(size_t);
static void (*next_free)(void *);
static int (*next_posix_memalign)(void **, size_t, size_t);
static size_t (*next_size)(void *);
static long given, taken;

static void find(void)
{
	next_size = (__typeof__(next_size))dlsym(RTLD_NEXT, "malloc_usable_size");
	next_free = (__typeof__(next_free))dlsym(RTLD_NEXT, "free");
	next_posix_memalign = (__typeof__(next_posix_memalign))dlsym(RTLD_NEXT, "posix_memalign");
	next_malloc = (__typeof__(next_malloc))dlsym(RTLD_NEXT, "malloc");
}

static void *counted(void *p)
{
	if (p)
		__atomic_fetch_add(&given, next_size(p), __ATOMIC_RELAXED);
	return p;
}

void *malloc(size_t size)
{
	if (!next_malloc)
		find();
	return counted(next_malloc(size));
}

void free(void *p)
{
	if (!p)
		return;
	__atomic_fetch_add(&taken, next_size(p), __ATOMIC_RELAXED);
	next_free(p);
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	p = malloc(bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

void *realloc(void *p, size_t size)
{
	size_t old = p ? next_size(p) : 0;
	void *q = malloc(size);

	if (q && p) {
		memcpy(q, p, old < size ? old : size);
		free(p);
	}
	return q;
}

int posix_memalign(void **to, size_t alignment, size_t size)
{
	int result;

	if (!next_malloc)
		find();
	result = next_posix_memalign(to, alignment, size);
	if (!result)
		counted(*to);
	return result;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	void *p = NULL;

	return posix_memalign(&p, alignment, size) ? NULL : p;
}

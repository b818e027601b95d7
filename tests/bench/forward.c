/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the bench: a preload that stands in front of malloc and kin and of the dl calls
 * and does nothing but forward. What it costs is the price of a preload as such.
 */
#include <dlfcn.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

__attribute__((constructor)) static void start(void)
{
	next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
}

EXPORT void *malloc(size_t size)
{
	return next_malloc ? next_malloc(size) : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
	return next_calloc ? next_calloc(n, size) : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t size)
{
	return next_realloc ? next_realloc(p, size) : __libc_realloc(p, size);
}

EXPORT void free(void *p)
{
	if (next_free)
		next_free(p);
	else
		__libc_free(p);
}

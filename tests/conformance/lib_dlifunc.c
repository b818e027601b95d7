/*
 * Functions that are chosen when the library is relocated, before its constructors: one of the
 * resolvers calls functions of libc that have no need of relocations of its own.
 * build: -O2 -Wl,-z,lazy
 */
#include <stdlib.h>
#include <string.h>

static int plain(void) { return 1; }
static int other(void) { return 2; }
static int (*choose(void))(void) { return sizeof(long) == 8 ? other : plain; }

int ifunc_value(void) __attribute__((ifunc("choose")));

static void *copy(size_t n)
{
	void *p = malloc(n);

	return p ? memset(p, 7, n) : NULL;
}

static void *(*choose_copy(void))(size_t) { return copy; }
void *ifunc_copy(size_t) __attribute__((ifunc("choose_copy")));
int (*ifunc_pointer(void))(void) { return ifunc_value; }

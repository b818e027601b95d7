/* SPDX-License-Identifier: MIT */
/*
 * The text of a failed dl call that the program has not asked for, read without asking.
 *
 * dlerror() would hand it out, and a program that asks later would find nothing; and where the
 * program has asked already, our asking would free what it holds. glibc 2.34 and later keep the
 * state of each thread behind one pointer, __libc_dlerror_result (dlfcn/dlerror.h), which libc.so
 * exports as a private thread variable in the static block. Whether it looks as we think is not
 * believed but tried, once: a look-up is made to fail, and what we read there must be, letter for
 * letter, what dlerror then says. Otherwise load.c falls back on dlerror itself.
 *
 * What is read is also in the C locale, whatever language dlerror speaks.
 */
#include "hooks/load.h"

#include <string.h>

#include "shim/arch.h"
#include "shim/safe.h"

struct result {			/* struct dl_action_result of glibc 2.34 to 2.43 */
	int code;		/* errno, 0: none */
	char source;
	bool returned;		/* dlerror has handed it out */
	const char *object;
	const char *text;
};
#define NO_MEMORY ((const struct result *)-1)

extern const char *strerrordesc_np(int) __attribute__((weak));

bool ks_load_text_known;
static uintptr_t place;		/* of the thread variable, from the thread pointer */

static const struct result *current(void)
{
	return *(const struct result **)(ks_thread_pointer() + place);
}

static char *put(char *p, char *end, const char *from, bool probe)
{
	size_t n = (size_t)(end - p - 1);

	if (!probe)
		return ks_put(p, end, from);
	n = ks_read_memory((uintptr_t)from, p, n);
	p += strnlen(p, n);
	*p = '\0';
	return p;
}

static size_t compose(const struct result *r, char *to, size_t size, bool probe)
{
	char *end = to + size, *p = to;
	const char *why = r->code && strerrordesc_np ? strerrordesc_np(r->code) : NULL;

	if (!r->returned)
		p = put(to, end, r->object, probe);
	if (p > to)
		p = ks_put(p, end, ": ");
	p = put(p, end, r->text, probe);
	if (why && !r->returned)
		p = ks_put(ks_put(p, end, ": "), end, why);
	return (size_t)(p - to);
}

size_t ks_load_text(char *to, size_t size, bool probe)
{
	const struct result *r = ks_load_text_known ? current() : NULL;
	struct result copy = { 0 };

	to[0] = '\0';
	if (!r || r == NO_MEMORY)
		return 0;
	if (!probe)
		copy = *r;
	else if (ks_read_memory((uintptr_t)r, &copy, sizeof(copy)) != sizeof(copy))
		return 0;
	return copy.text ? compose(&copy, to, size, probe) : 0;
}

const char *ks_load_text_words(void)
{
	const struct result *r = ks_load_text_known ? current() : NULL;

	return r && r != NO_MEMORY ? r->text : NULL;
}

void ks_load_text_start(void)
{
	uintptr_t tp = ks_thread_pointer();
	uintptr_t variable;
	char mine[512];
	const char *theirs;
	size_t n;

	ks_heap_own(true);
	variable = (uintptr_t)dlvsym(RTLD_NEXT, "__libc_dlerror_result", "GLIBC_PRIVATE");
	if (variable) {
		place = variable - tp;
		real.dlsym(RTLD_NEXT, "kshim: a name that no library has");
		ks_load_text_known = true;
		n = ks_load_text(mine, sizeof(mine), false);
		theirs = real.dlerror();
		ks_load_text_known = n && theirs && strcmp(mine, theirs) == 0 && current() && current()->returned;
	}
	real.dlerror();
	ks_heap_own(false);
}

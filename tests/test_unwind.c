/* SPDX-License-Identifier: MIT */
/*
 * The recorder's unwinder against glibc's backtrace(), in the shapes that compilers give to
 * frames: by stack pointer, by frame pointer, realigned, large, through libc's code and back,
 * with and without _dl_find_object, and after code was unloaded. The recorder's sources are taken
 * in as they are.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "shim/unwind.c"
#include "shim/cfi.c"
#include "shim/eh_frame.c"
#include "shim/safe.c"

struct ks ks;

ks_str ks_stack(const uintptr_t *pcs, unsigned n)
{
	(void)pcs;
	return n;
}

ks_str ks_stack_often(const uintptr_t *pcs, unsigned n)
{
	return ks_stack(pcs, n);
}

#define KEEP_FRAME() __asm__ volatile("" : : : "memory")	/* no tail call */

static unsigned frames;

static __attribute__((noinline)) void compare(void)
{
	uintptr_t ours[100];
	void *theirs[100];
	unsigned n = ks_unwind(ours, 100), m = (unsigned)backtrace(theirs, 100), skip = 1;

	while (skip < m && (uintptr_t)theirs[skip] != ours[2])
		skip++;				/* 1, but that of a sanitizer stands between */
	assert_in_range(skip, 1, 2);
	assert_int_equal(n - 2, m - skip);
	for (unsigned i = 2; i < n; i++)	/* before are ks_unwind and compare() itself */
		assert_int_equal(ours[i], (uintptr_t)theirs[skip + i - 2]);
	frames = n;
	KEEP_FRAME();
}

static __attribute__((noinline)) int deep(int depth)
{
	char *p = alloca((size_t)depth * 24 + 16);

	memset(p, depth, 16);
	if (depth)
		deep(depth - 1);
	else
		compare();
	KEEP_FRAME();
	return p[3];
}

static __attribute__((noinline)) int without_pointer(int depth)
{
	char text[200];

	memset(text, depth, sizeof(text));
	if (depth)
		without_pointer(depth - 1);
	else
		compare();
	KEEP_FRAME();
	return text[depth];
}

/* A frame that is aligned at run time and has a dynamic part: its CFA is an expression. */
static __attribute__((noinline)) int realigned(int depth)
{
	char text[64] __attribute__((aligned(64)));
	char *p = alloca((size_t)depth * 32 + 16);

	memset(text, depth, sizeof(text));
	memset(p, depth, 16);
	assert_int_equal((uintptr_t)text & 63, 0);
	if (depth)
		realigned(depth - 1);
	else
		compare();
	KEEP_FRAME();
	return text[1] + p[0];
}

static __attribute__((noinline)) int large(int depth)
{
	char text[70000];

	memset(text, depth, sizeof(text));
	if (depth)
		large(depth - 1);
	else
		deep(2);
	KEEP_FRAME();
	return text[60000];
}

static int in_order(const void *a, const void *b)
{
	compare();
	return *(const int *)a - *(const int *)b;
}

static void all_shapes(void)
{
	int values[] = { 3, 1, 2 };

	deep(30);
	without_pointer(30);
	realigned(10);
	large(3);
	qsort(values, 3, sizeof(*values), in_order);
}

static void frames_are_those_that_backtrace_finds(void **state)
{
	(void)state;
	ks_find_object = NULL;
	all_shapes();
	deep(40);
	assert_true(frames > 42);
}

static void the_same_with_dl_find_object(void **state)
{
	(void)state;
	ks_unwind_forget();
	*(void **)&ks_find_object = dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (!ks_find_object)
		skip();
	all_shapes();
	all_shapes();			/* out of the table now */
}

static void rules_that_were_forgotten_are_found_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++)
		ks_unwind_forget();
	all_shapes();
}

static void *in_thread(void *arg)
{
	for (int i = 0; i < 200; i++)
		all_shapes();
	return arg;
}

static void threads_share_the_table(void **state)
{
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_thread, NULL), 0);
	for (int i = 0; i < 200; i++)
		ks_unwind_forget();
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void a_rule_survives_its_word(void **state)
{
	static const struct ks_rule rules[] = {
		{ KS_CFA_END, 0, 0, 0 }, { KS_CFA_SP, 8, 0, -8 }, { KS_CFA_SP, 32760, -16, -8 },
		{ KS_CFA_FP, 16, -16, -8 }, { KS_CFA_AT_FP, -32768, 0, -8 }, { KS_CFA_AT_FP, -8, 0, -1016 },
		{ KS_CFA_SP, 176, -176, -168 },
	};
	static const struct ks_rule others[] = {
		{ KS_CFA_SP, 32768, 0, -8 }, { KS_CFA_SP, 12, 0, -8 }, { KS_CFA_SP, 8, 16, -8 },
		{ KS_CFA_SP, 8, -1024, -8 }, { KS_CFA_NONE, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct ks_rule r;

		assert_int_not_equal(pack(&rules[i]), 0);
		unpack(pack(&rules[i]) | 0x3ffffffffull << 30, &r);
		assert_int_equal(r.cfa, rules[i].cfa);
		assert_int_equal(r.offset, rules[i].offset);
		assert_int_equal(r.fp_at, rules[i].fp_at);
		assert_int_equal(r.ra_at, rules[i].ra_at);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(pack(&others[i]), 0);	/* looked up each time */
}

static void a_wrong_rule_ends_the_walk(void **state)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct ks_rule by_sp = { KS_CFA_SP, 16, -16, -8 }, at_fp = { KS_CFA_AT_FP, -8, 0, -8 };
	struct frame f;

	(void)state;
	assert_true(page != MAP_FAILED);
	assert_int_equal(munmap(page + 4096, 4096), 0);
	f = (struct frame){ .pc = 1, .sp = (uintptr_t)page + 4096, .fp = 8 };
	assert_false(step(&f, &by_sp));		/* nothing is mapped there */
	f.sp = (uintptr_t)page + 4096 - 12;
	assert_false(step(&f, &by_sp));		/* not at a word */
	f.sp = (uintptr_t)page + 4096 - 16;
	assert_false(step(&f, &by_sp));		/* readable, and the caller is at 0 */
	assert_false(step(&f, &at_fp));
	f.fp = (uintptr_t)page;
	assert_false(step_by_pointer(&f));	/* below the stack pointer */
	munmap(page, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_those_that_backtrace_finds),
		cmocka_unit_test(the_same_with_dl_find_object),
		cmocka_unit_test(rules_that_were_forgotten_are_found_again),
		cmocka_unit_test(threads_share_the_table),
		cmocka_unit_test(a_rule_survives_its_word),
		cmocka_unit_test(a_wrong_rule_ends_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

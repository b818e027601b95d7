/* SPDX-License-Identifier: MIT */
/*
 * The recorder's readers of what others wrote, with wrong bytes (found by tests/fuzz): unwind
 * information of an object, texts of the kernel about cgroups. Its sources are taken in as they
 * are, with files and objects of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "shim/safe.c"
static long no_file(const char *path, char *to, size_t size)
{
	(void)path;
	snprintf(to, size, "max\n");
	return (long)strlen(to);
}
static int any_file(const char *path, struct stat *st, int flags)
{
	(void)path, (void)st, (void)flags;
	return 0;
}
#define ks_read_file no_file
#define ks_sys_stat any_file
#include "shim/cgroup.c"
#include "shim/eh_frame.c"
#include "shim/cfi.c"

static struct found_object object;

static int find_ours(void *address, void *result)
{
	(void)address;
	memcpy(result, &object, sizeof(object));
	return 0;
}

int (*ks_find_object)(void *address, void *result) = find_ours;

/* A table of one entry, and where it leads; the sanitizer sees every step out of it. */
static bool rule_of(uint32_t count, int32_t entry, uint32_t length, uint32_t back)
{
	const struct { uint8_t kind[4]; int32_t frames; uint32_t count; int32_t start, entry; uint32_t length, back; int32_t at; uint32_t range; } all = {
		{ 1, 0x1b, 3, 0x3b }, 0, count, 0, entry, length, back, 0, 64,
	};
	uint8_t *bytes = malloc(sizeof(all));
	struct ks_rule r;
	bool found;

	memcpy(bytes, &all, sizeof(all));
	object = (struct found_object){ .map_start = bytes, .map_end = bytes + sizeof(all), .eh_frame = bytes };
	found = ks_cfi_find((uintptr_t)bytes + 8, &r);
	free(bytes);
	return found;
}

static void a_wrong_table_of_frames_leads_nowhere(void **state)
{
	(void)state;
	assert_false(rule_of(1, 20, 12, 4));
	assert_false(rule_of(0x7fffffff, 20, 12, 4));
	assert_false(rule_of(2, 20, 12, 4));
	assert_false(rule_of(1, 0x7ffffff0, 12, 4));
	assert_false(rule_of(1, -4096, 12, 4));
	assert_false(rule_of(1, 20, 0x10000, 4));
	assert_false(rule_of(1, 20, 12, 0x7fffffff));
	assert_false(rule_of(1, 34, 12, 4));
	object.eh_frame = NULL;
	assert_false(ks_cfi_find(4096, &(struct ks_rule){ 0 }));
}

static void a_cgroup_without_a_folder_ends_the_way_up(void **state)
{
	struct ks_cgroup c;

	(void)state;
	ks_cgroup_find("0::nofolder\n");
	ks_cgroup_find("0::/../../x\n12:memory:x\n");
	assert_int_equal(tightest("nofolder", "/memory.max", c.limited), UINT64_MAX);
	assert_int_equal(tightest("a/b", "/memory.max", c.limited), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_table_of_frames_leads_nowhere),
		cmocka_unit_test(a_cgroup_without_a_folder_ends_the_way_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

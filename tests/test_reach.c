/* SPDX-License-Identifier: MIT */
/* Which part of a path leads to a file system of another machine: found without touching what lies there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/reach_private.h"
#include "tests/scratch.h"

/* With a server's file system at data and at "two words" below the scratch folder, and a local one at disk. */
static void leads(const char *path, const char *wanted)
{
	char mounts[1024], given[512], found[REACH_PATH], expected[512];

	snprintf(mounts, sizeof(mounts),
		 "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
		 "30 22 8:2 / %s/disk rw,relatime shared:1 - xfs /dev/sdb1 rw\n"
		 "31 22 0:50 / %s/data rw,relatime shared:2 - nfs4 server:/export rw,vers=4.2\n"
		 "32 22 0:51 / %s/two\\040words rw,relatime - fuse.s3fs s3fs rw\n",
		 scratch, scratch, scratch);
	snprintf(given, sizeof(given), "%s/%s", scratch, path);
	snprintf(expected, sizeof(expected), "%s/%s", scratch, wanted);
	reach_culprit(given, mounts, found, sizeof(found));
	assert_string_equal(found, expected);
}

static void put_link(const char *to, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	assert_int_equal(symlink(to, path), 0);
}

static void a_mount_is_named_by_its_point(void **state)
{
	(void)state;
	leads("data/lib/libx.so", "data");
	leads("data", "data");
	leads("two words/libx.so", "two words");
}

static void a_link_into_it_is_named_by_the_link(void **state)
{
	char whole[512];

	(void)state;
	put_link("data/env", "relative");
	leads("relative/lib/libx.so", "relative");
	snprintf(whole, sizeof(whole), "%s/./disk/../data", scratch);
	put_link(whole, "absolute");
	leads("absolute/lib/libx.so", "absolute");
	put_link("relative/lib", "twice");
	leads("twice/a/b/libx.so", "twice");
}

static void a_file_of_this_machine_is_named_by_its_folder(void **state)
{
	(void)state;
	leads("disk/lib/libx.so", "disk/lib");
	leads("database/libx.so", "database");
	put_link("loop", "loop");
	leads("loop/lib/libx.so", "loop/lib");
}

static void what_does_not_answer_is_left_alone(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(reach_stat(scratch, &st), 0);
	assert_null(reach_silent(0));
	snprintf(reach_shared->silent[0], REACH_PATH, "%s", scratch);
	reach_shared->nsilent = 1;
	errno = 0;
	assert_int_equal(reach_stat(scratch, &st), -1);
	assert_int_equal(errno, EHOSTDOWN);
	assert_int_equal(reach_open(scratch), -1);
	assert_null(reach_dir(scratch));
	assert_false(reach_begin(scratch));
	assert_int_equal(reach_stat("/tmp", &st), 0);
	reach_shared->all = true;
	assert_int_equal(reach_stat("/tmp", &st), -1);
	assert_int_equal(reach_shared->depth, 0);
	reach_shared->nsilent = 0;
	reach_shared->all = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mount_is_named_by_its_point),
		cmocka_unit_test(a_link_into_it_is_named_by_the_link),
		cmocka_unit_test(a_file_of_this_machine_is_named_by_its_folder),
		cmocka_unit_test(what_does_not_answer_is_left_alone),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_clean);
}

/* SPDX-License-Identifier: MIT */
/*
 * Any texts as /proc/self/cgroup, mountinfo, and the files of cgroups; any directory may be there
 * or not. Also what a parent takes out of the header of its child's trace. No file is opened: the
 * recorder's source is taken in with reading replaced.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "shim/safe.c"

static long read_file(const char *path, char *to, size_t size);
static int stat_file(const char *path, struct stat *st, int flags);
#define ks_read_file read_file
#define ks_sys_stat stat_file
#include "shim/cgroup.c"

static const uint8_t *rest;
static size_t left;
static unsigned asked;

/* The next part of the input, up to a NUL. */
static long take(char *to, size_t size)
{
	const uint8_t *end = memchr(rest, 0, left);
	size_t n = end ? (size_t)(end - rest) : left, kept = n < size - 1 ? n : size - 1;

	memcpy(to, rest, kept);
	to[kept] = '\0';
	n += end != NULL;
	rest += n;
	left -= n;
	return (long)kept;
}

static long read_file(const char *path, char *to, size_t size)
{
	FUZZ_CHECK(strlen(path) < KS_CGROUP_DIR + 32);
	*to = '\0';
	if (!left || ++asked > 4096)
		return -2;
	return take(to, size);
}

static int stat_file(const char *path, struct stat *st, int flags)
{
	(void)st, (void)flags;
	FUZZ_CHECK(strlen(path) < KS_CGROUP_DIR + 32);
	asked++;
	return (left ? rest[asked % left] : asked) & 1 ? 0 : -2;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char text[4096], packed[2 * KS_CGROUP_DIR + 8];
	struct ks_cgroup c;

	rest = bytes;
	left = size;
	asked = 0;
	take(text, sizeof(text));
	ks_cgroup_find(text);
	ks_cgroup_usage(&ks_cgroup);
	ks_cgroup_oom_kill(&ks_cgroup);
	ks_cgroup_pack(&ks_cgroup, packed, sizeof(packed));
	FUZZ_CHECK(strlen(packed) < sizeof(packed));
	if (ks_cgroup_unpack(&c, text) || ks_cgroup_unpack(&c, packed)) {
		FUZZ_CHECK(strlen(c.memory) < sizeof(c.memory) && strlen(c.limited) < sizeof(c.limited));
		ks_cgroup_usage(&c);
		ks_cgroup_oom_kill(&c);
	}
	return 0;
}

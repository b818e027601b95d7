/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the trace of another process of the same user, as the recorder reads it: a parent
 * after its child's death, the next kernel. The recorder's source is taken in with reading
 * replaced, so that no file is needed.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "shim/recorder.h"
#include "shim/safe.h"

static const uint8_t *other_bytes;
static size_t other_size;

static long pread_other(int fd, void *to, size_t size, uint64_t offset)
{
	size_t n;

	(void)fd;
	if (offset > INT64_MAX)
		return -22;
	if (offset >= other_size)
		return 0;
	n = other_size - offset < size ? other_size - offset : size;
	memcpy(to, other_bytes + offset, n);
	return (long)n;
}

#define ks_sys_pread pread_other
#include "shim/other.c"
#undef ks_sys_pread
#include "shim/safe.c"
#include "shim/cgroup.c"

struct ks ks;

void ks_system_memory(uint64_t *available, uint64_t *swap_free)
{
	*available = *swap_free = 0;
}

bool ks_claim(uint64_t *place, struct ks_mark *mark)
{
	(void)place, (void)mark;
	return true;
}

void ks_claim_end(uint64_t *place, struct ks_mark *mark)
{
	(void)place, (void)mark;
}

uint64_t ks_system_oom_kill(void)
{
	return 0;
}

void ks_counters_before(const char *cgroup, struct ks_witness *w);
void ks_counters_before(const char *cgroup, struct ks_witness *w)
{
	(void)cgroup, (void)w;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	return mutate_trace(bytes, size, most, seed);
}

static void text_fits(const char *text, size_t size)
{
	FUZZ_CHECK(strnlen(text, size) < size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const keys[] = { "argv", "exe", "cgroup", "version" };
	struct ks_other o = { .fd = 0, .size = size };
	char text[256], long_text[2 * KS_CGROUP_DIR + 8];
	struct ks_slot slot;
	uint64_t fields[KS_MAX_FIELDS], address = 0;

	other_bytes = bytes;
	other_size = size;
	if (!ks_other_read(&o, 0, &o.head, sizeof(o.head)))
		return 0;
	for (enum ks_event e = 1; e < 100; e += 1 + (size & 3)) {
		if (ks_other_event(&o, e, &slot, fields, 1 + size % KS_MAX_FIELDS))
			address = fields[0];
	}
	ks_other_module(&o, address, text, sizeof(text));
	text_fits(text, sizeof(text));
	ks_other_module(&o, 0x7f0001000000, text, sizeof(text));
	text_fits(text, sizeof(text));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		ks_other_info(&o, keys[i], text, 16 + size % 200);
		text_fits(text, 16 + size % 200);
	}
	ks_other_text(&o, o.head.cgroup, long_text, sizeof(long_text));
	text_fits(long_text, sizeof(long_text));
	has_witness(&o);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the unwind information of a loaded object (.eh_frame_hdr and .eh_frame behind each
 * other): the recorder's own reader finds a rule or none, and reads nothing beyond the object.
 * The recorder's sources are taken in as they are.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "shim/cfi.c"
#include "shim/eh_frame.c"

static struct found_object object;

static int find(void *address, void *result)
{
	(void)address;
	memcpy(result, &object, sizeof(object));
	return 0;
}

int (*ks_find_object)(void *address, void *result) = find;

static void ask(uintptr_t pc)
{
	struct ks_rule r;

	if (!ks_cfi_find(pc, &r))
		return;
	FUZZ_CHECK(r.cfa > KS_CFA_NONE && r.cfa <= KS_CFA_AT_FP);
	FUZZ_CHECK(r.offset >= -(1 << 20) && r.offset <= 1 << 24);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t head[] = { 1, 0x1b, 3, 0x3b };
	uint32_t words[2], count;
	uint8_t *copy;

	if (size < sizeof(words) + 12)
		return 0;
	memcpy(words, bytes, sizeof(words));
	bytes += sizeof(words);
	size -= sizeof(words);
	copy = malloc(size);
	memcpy(copy, bytes, size);
	words[1] = words[1] & 0x80 ? words[1] >> 8 & ~3u : 0;
	if (words[1] > size)
		words[1] = 0;
	object = (struct found_object){ .map_start = copy, .map_end = copy + size, .eh_frame = copy + words[1] };
	if (size - words[1] >= 12 && words[0] & 1) {
		memcpy(copy + words[1], head, sizeof(head));
		memcpy(&count, copy + words[1] + 8, sizeof(count));
		if (count > (size - words[1] - 12) / 8)
			count = words[0] >> 24 & 31;
		if (count <= (size - words[1] - 12) / 8)
			memcpy(copy + words[1] + 8, &count, sizeof(count));
		for (uint32_t i = 0; i < count && i < 8 && 20 + 8 * i <= size - words[1]; i++) {
			int32_t start;

			memcpy(&start, copy + words[1] + 12 + 8 * i, sizeof(start));
			ask((uintptr_t)copy + words[1] + (uintptr_t)(intptr_t)start + (words[0] >> 1 & 63));
		}
	}
	ask((uintptr_t)copy + words[0]);
	free(copy);
	return 0;
}

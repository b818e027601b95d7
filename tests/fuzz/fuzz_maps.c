/* SPDX-License-Identifier: MIT */
/*
 * Any text as what the kernel says of a process: /proc/PID/maps, as the analyzer reads it of a
 * living one (live.c) and of a dead one (maps.c), task/TID/syscall, and texts of unwound stacks,
 * statfs and status in a trace. A path in /proc/PID/maps is chosen by the process itself.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/live.c"
#undef MOST_MAPS
#undef TRIES
#define parse_syscall parse_task_syscall
#define now_ns task_now_ns
#include "analyzer/live_task.c"

static const uint32_t kinds[] = { KS_BLOCK_MAPS, KS_BLOCK_NATIVE, KS_BLOCK_STATFS, KS_BLOCK_STATUS };

/* A trace of a crash that has nothing but one block. */
static void in_trace(const char *text, size_t size, uint32_t kind)
{
	const size_t crash = KS_HEADER_SIZE, block = crash + sizeof(struct ks_crash);
	char *bytes = calloc(1, block + sizeof(struct ks_block) + size);
	struct ks_header h = { .magic = KS_MAGIC, .header_size = KS_HEADER_SIZE, .version = KS_VERSION, .endian = KS_ENDIAN, .word_size = 8,
			       .arch = KS_ARCH_X86_64, .region_offset = KS_REGION_TABLE, .region_stride = sizeof(struct ks_region),
			       .region_count = 1, .pid = 7, .clock_hz = 1000000000, .end_kind = KS_END_SIGNAL, .end_code = 7 };
	struct ks_region r = { .kind = KS_REGION_CRASH, .offset = crash, .size = sizeof(struct ks_crash), .stride = sizeof(struct ks_crash), .count = 1 };
	struct ks_crash c = { .state = KS_CRASH_DONE, .signal = 7, .code = 2, .tid = 7, .pc = 0x7f0000001000, .address = 0x7f0000002000 };
	struct ks_block b = { .magic = KS_BLOCK_MAGIC, .kind = kind, .tid = 7, .size = size };
	struct trace *t;
	const char *why;

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + KS_REGION_TABLE, &r, sizeof(r));
	memcpy(bytes + crash, &c, sizeof(c));
	memcpy(bytes + block, &b, sizeof(b));
	memcpy(bytes + block + sizeof(b), text, size);
	t = trace_from_memory("fuzz.trace", bytes, block + sizeof(b) + size, &why);
	FUZZ_CHECK(t);
	reports_check(t, false, reports_some(text, size));
	trace_close(t);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct live_map map = { NULL, 0, 0 };
	struct live_task task = { .tid = 7 };
	struct arena arena = { 0 };
	char *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	memcpy(text, bytes + 1, size - 1);
	text[size - 1] = '\0';
	parse_maps(&map, &arena, text);
	for (size_t i = 0; i < map.n; i++) {
		FUZZ_CHECK(map.area[i].start < map.area[i].end);
		live_area_at(&map, map.area[i].start);
	}
	parse_task_syscall(&task, text);
	free(map.area);
	arena_free(&arena);
	if ((bytes[0] & 7) == 0)
		in_trace(text, size - 1, kinds[bytes[0] >> 3 & 3]);
	free(text);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Any memory as an interpreter, at the crash of its process: the recorder's walk over Python's
 * frames ends, and every record that it writes can be read. The recorder's source is taken in
 * with reading replaced.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "analyzer/pyframes.h"
#include "shim/recorder.h"
#include "shim/safe.h"
#include "tests/fuzz/memory.h"

#define ks_read_memory memory_read
#include "shim/python.c"
#undef fields
#undef FIRST_MINOR
#undef LAST_MINOR
#undef FIRST_DEBUG

static struct buffers *map_memory(void);

static long call(long nr, long tid)
{
	if (nr == SYS_mmap)
		return (long)map_memory();
	return tid >= FIRST_TID && tid < FIRST_TID + 8 ? 0 : -3;	/* tgkill: is there such a thread */
}

#undef ks_sys
#define ks_sys(nr, a, b, ...)	call(nr, (long)(b))
#define read_word	walk_read_word
#define thread		walk_thread
#include "shim/python_walk.c"

static struct buffers *map_memory(void)
{
	static struct buffers all;

	return &all;
}

int ks_block(enum ks_block_kind kind, uint32_t tid, uint64_t address, const void *data, size_t size, bool inside)
{
	struct arena arena = { 0 };
	struct py_frame *frames;
	bool cut;

	(void)address, (void)inside;
	FUZZ_CHECK(kind == KS_BLOCK_PYTHON && tid >= FIRST_TID && size);
	FUZZ_CHECK(py_frames(&arena, data, size, &frames, &cut));
	arena_free(&arena);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	return memory_mutate(bytes, size, most, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 2)
		return 0;
	memory_bytes = bytes + 1;
	memory_size = size - 1;
	ks_python = (struct ks_python){ .major = 3, .minor = (uint8_t)memory_minor(bytes[0]), .tid_offset = 80, .runtime = RUNTIME,
					.code_type = CODE_TYPE, .bytes_type = BYTES_TYPE, .text_type = TEXT_TYPE };
	ks_python.known = ks_python_choose();
	ks_python_frames(FIRST_TID);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Any memory as an interpreter in a living process: its layout, threads, frames and locks, as the
 * analyzer looks at them from outside. Reading of memory is replaced; live_python.c is taken in
 * as it is.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "analyzer/pyframes.h"
#include "analyzer/live_python.c"
#include "tests/fuzz/memory.h"

#define THREADS	4

size_t proc_read(uint32_t pid, const char *name, char *to, size_t size)
{
	(void)pid, (void)name, (void)size;
	*to = '\0';
	return 0;
}

char *proc_read_all(uint32_t pid, const char *name, size_t most, size_t *size)
{
	(void)pid, (void)name, (void)most;
	*size = 0;
	return NULL;
}

bool proc_link(uint32_t pid, const char *name, char *to, size_t size)
{
	return proc_read(pid, name, to, size) != 0;
}

size_t live_memory(uint32_t pid, uint64_t address, void *to, size_t size)
{
	(void)pid;
	return memory_read(address, to, size);
}

uint64_t live_word(uint32_t pid, uint64_t address)
{
	uint64_t word = 0;

	return live_memory(pid, address, &word, sizeof(word)) == sizeof(word) ? word : 0;
}

bool live_stat_read(uint32_t pid, struct live_stat *s)
{
	(void)pid, (void)s;
	return false;
}

bool live_there(uint32_t pid)
{
	(void)pid;
	return true;
}

static void look(const struct live_look *l, struct live_python *p)
{
	static char records[256 << 10];
	bool cut;

	find_threads(p, l);
	for (uint32_t tid = FIRST_TID; tid < FIRST_TID + THREADS; tid++) {
		size_t size = live_python_frames(p, tid, records, sizeof(records));
		struct arena arena = { 0 };
		struct py_frame *frames;

		FUZZ_CHECK(size <= sizeof(records));
		if (size)
			FUZZ_CHECK(py_frames(&arena, records, size, &frames, &cut));
		arena_free(&arena);
	}
	live_locks(l);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	return memory_mutate(bytes, size, most, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct live_task tasks[THREADS] = { { .tid = 0 } };
	struct live_area area = { .start = MEMORY_AT, .read = true, .write = true, .path = "" };
	struct arena arena = { 0 };
	struct live live = { .pid = FIRST_TID, .tasks = tasks, .ntasks = THREADS };
	struct live_python p = { .pid = FIRST_TID, .runtime = RUNTIME, .code_type = CODE_TYPE, .bytes_type = BYTES_TYPE, .text_type = TEXT_TYPE };
	struct live_look l = { .live = &live, .arch = KS_ARCH_X86_64, .python = &p, .arena = &arena, .map = { &area, 1, 1 } };

	if (size < 2)
		return 0;
	memory_bytes = bytes + 1;
	memory_size = size - 1;
	area.end = MEMORY_AT + memory_size;
	for (unsigned i = 0; i < THREADS; i++)
		tasks[i] = (struct live_task){ .tid = FIRST_TID + i, .state = 'S', .syscall = 202, .arg = { MEMORY_AT + 64 * i, 0x189 },
					       .sp = MEMORY_AT + size / 2, .pc = MEMORY_AT };
	p.minor = memory_minor(bytes[0]);
	if (bytes[0] & 0x80)		/* 3.6 keeps its interpreters where no symbol tells */
		p.bss = MEMORY_AT, p.bss_size = memory_size & ~7ull;
	if (choose_layout(&p))
		look(&l, &p);
	free(p.thread);
	arena_free(&arena);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* See memory.h. */
#include "tests/fuzz/memory.h"

#include <string.h>

#include "shim/python.h"
#include "tests/fuzz/fuzz.h"

#define FIRST_MINOR	6
#define LAST_MINOR	15
#define FIRST_DEBUG	13
#define TYPICAL		12288

const uint8_t *memory_bytes;
size_t memory_size;

static const struct {
	uint16_t offset[LAST_MINOR - FIRST_MINOR + 1];
	uint16_t word[LAST_MINOR - FIRST_DEBUG + 1];
} fields[] = {
#define PY_FIELD(name, a, b, c, d, e, f, g, h, i, j, k, l, m, meaning) { { a, b, c, d, e, f, g, h, i, j }, { k, l, m } },
#include "shim/python.def"
#undef PY_FIELD
};

#define NFIELDS	(sizeof(fields) / sizeof(*fields))

size_t memory_read(uint64_t address, void *to, size_t size)
{
	size_t n;

	if (address < MEMORY_AT || address - MEMORY_AT >= memory_size)
		return 0;
	n = memory_size - (address - MEMORY_AT);
	n = n < size ? n : size;
	memcpy(to, memory_bytes + (address - MEMORY_AT), n);
	return n;
}

unsigned memory_minor(uint8_t byte)
{
	return FIRST_MINOR + byte % (LAST_MINOR - FIRST_MINOR + 1);
}

/* --- an interpreter --- */

struct making {
	uint8_t *bytes;
	size_t size;
	uint64_t next;			/* free memory */
	struct ks_py_layout at;
	unsigned minor;
};

static void put(struct making *m, uint64_t at, uint64_t value, unsigned bytes)
{
	if (at >= MEMORY_AT && at - MEMORY_AT <= m->size && m->size - (at - MEMORY_AT) >= bytes)
		memcpy(m->bytes + (at - MEMORY_AT), &value, bytes);
}

static void put_field(struct making *m, uint64_t object, uint16_t offset, uint64_t value, unsigned bytes)
{
	if (offset != KS_PY_NONE)
		put(m, object + offset, value, bytes);
}

static uint64_t take(struct making *m, size_t size)
{
	uint64_t at = m->next;

	m->next += (size + 15) & ~15ull;
	return at;
}

static uint64_t make_text(struct making *m, const char *s)
{
	uint64_t at = take(m, 64 + strlen(s));

	put_field(m, at, m->at.object_type, TEXT_TYPE, 8);
	put_field(m, at, m->at.text_length, strlen(s), 8);
	put_field(m, at, m->at.text_state, (uint64_t)(1 | 0x18) << m->at.text_shift, 4);
	for (size_t i = 0; s[i]; i++)
		put(m, at + m->at.text_ascii + i, (uint8_t)s[i], 1);
	return at;
}

static uint64_t make_code(struct making *m)
{
	uint64_t at = take(m, 256), table = take(m, 80);

	put_field(m, at, m->at.object_type, CODE_TYPE, 8);
	put_field(m, at, m->at.code_first, 7, 4);
	put_field(m, at, m->at.code_file, make_text(m, "/a/b.py"), 8);
	put_field(m, at, m->at.code_name, make_text(m, "f"), 8);
	put_field(m, at, m->at.code_table, table, 8);
	put_field(m, table, m->at.object_type, BYTES_TYPE, 8);
	put_field(m, table, m->at.bytes_size, 40, 8);
	for (unsigned i = 0; i < 40; i++)
		put(m, table + m->at.bytes_data + i, m->minor >= 11 ? 0x88 : 2, 1);
	return at;
}

static uint64_t make_frame(struct making *m, uint64_t code, uint64_t back)
{
	uint64_t at = take(m, 160);

	put_field(m, at, m->at.frame_back, back, 8);
	put_field(m, at, m->at.frame_code, code, 8);
	put_field(m, at, m->at.frame_instr, m->minor >= 11 ? code + m->at.code_bytes + 4 : 4, m->minor >= 11 ? 8 : 4);
	return at;
}

static void make_interpreter(struct making *m, unsigned threads, unsigned frames)
{
	uint64_t interp = take(m, 64), before = 0;

	if (m->minor >= FIRST_DEBUG) {
		memcpy(m->bytes + (RUNTIME - MEMORY_AT), "xdebugpy", 8);
		put(m, RUNTIME + 8, 3ull << 24 | m->minor << 16, 8);
		for (size_t i = 0; i < NFIELDS; i++)
			if (fields[i].word[m->minor - FIRST_DEBUG] != KS_PY_NONE)
				put(m, RUNTIME + 8ull * fields[i].word[m->minor - FIRST_DEBUG], fields[i].offset[m->minor - FIRST_MINOR], 8);
	}
	put_field(m, RUNTIME, m->at.heads, interp, 8);
	for (unsigned t = 0; t < threads; t++) {
		uint64_t state = take(m, 256), self = take(m, 128), frame = 0, cframe = take(m, 32), code = make_code(m);

		for (unsigned i = 0; i < frames; i++)
			frame = make_frame(m, code, frame);
		put_field(m, state, m->at.thread_next, before, 8);
		put_field(m, state, m->at.thread_interp, interp, 8);
		put_field(m, state, m->at.thread_id, self, 8);
		put_field(m, state, m->at.thread_native, FIRST_TID + t, 8);
		put(m, self + 80, FIRST_TID + t, 4);
		put_field(m, cframe, m->at.cframe_frame, frame, 8);
		put_field(m, state, m->at.thread_frame, m->at.cframe_frame == KS_PY_NONE ? frame : cframe, 8);
		before = state;
	}
	put_field(m, interp, m->at.interp_threads, before, 8);
}

/* --- the mutator --- */

static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (*random >> 16) % below;
}

static size_t make(uint8_t *bytes, size_t most, uint64_t *random)
{
	struct making m = { .bytes = bytes + 1, .size = (most < TYPICAL ? most : TYPICAL) - 1, .next = RUNTIME + 0x580 };
	uint16_t *at = (uint16_t *)&m.at;

	memset(bytes, 0, m.size + 1);
	bytes[0] = (uint8_t)draw(random, LAST_MINOR - FIRST_MINOR + 1);
	m.minor = memory_minor(bytes[0]);
	for (size_t i = 0; i < NFIELDS; i++)
		at[i] = fields[i].offset[m.minor - FIRST_MINOR];
	make_interpreter(&m, 1 + (unsigned)draw(random, 3), (unsigned)draw(random, 9));
	return m.size + 1;
}

size_t memory_mutate(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	static const uint64_t types[] = { CODE_TYPE, TEXT_TYPE, BYTES_TYPE, RUNTIME, ~0ull, 0, 1, 0xffff, FIRST_TID, 1ull << 63 };
	uint64_t random = seed * 0x9e3779b97f4a7c15ull + 1, words, value;

	if (most < 4096)
		return LLVMFuzzerMutate(bytes, size, most);
	if (size < 4096 || draw(&random, 50) == 0)
		size = make(bytes, most, &random);
	words = (size - 1) / 8;
	for (uint64_t n = 1 + draw(&random, 4); n; n--) {
		uint8_t *to = bytes + 1 + 8 * draw(&random, words), *from = bytes + 1 + 8 * draw(&random, words);

		switch (draw(&random, 8)) {
		case 0: return LLVMFuzzerMutate(bytes, size, size);
		case 1: memcpy(to, from, 8); break;
		case 2: value = types[draw(&random, sizeof(types) / sizeof(*types))]; memcpy(to, &value, 8); break;
		case 3: value = MEMORY_AT + size - 1 - draw(&random, 300); memcpy(to, &value, 8); break;
		case 4: case 5: value = MEMORY_AT + 8 * draw(&random, words); memcpy(to, &value, 8); break;
		case 6: to[draw(&random, 8)] ^= (uint8_t)(1 << draw(&random, 8)); break;
		default: memcpy(&value, to, 8); value += draw(&random, 33) - 16; memcpy(to, &value, 8);
		}
	}
	return size;
}

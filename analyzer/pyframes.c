/* SPDX-License-Identifier: MIT */
/* Takes the records of KS_BLOCK_PYTHON apart; every size in them is checked here. */
#include "analyzer/pyframes.h"

#include <string.h>

#include "analyzer/pylines.h"

#define MOST_FRAMES	4096

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static void put_utf8(struct text *t, uint32_t c)
{
	if (c < 0x80) {
		text_char(t, (char)c);
	} else if (c < 0x800) {
		text_char(t, (char)(0xc0 | c >> 6));
		text_char(t, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		text_char(t, (char)(0xe0 | c >> 12));
		text_char(t, (char)(0x80 | (c >> 6 & 0x3f)));
		text_char(t, (char)(0x80 | (c & 0x3f)));
	} else {
		text_char(t, (char)(0xf0 | (c >> 18 & 7)));
		text_char(t, (char)(0x80 | (c >> 12 & 0x3f)));
		text_char(t, (char)(0x80 | (c >> 6 & 0x3f)));
		text_char(t, (char)(0x80 | (c & 0x3f)));
	}
}

/* A text as CPython holds it: characters of 1 (Latin-1), 2 or 4 bytes (PEP 393). */
static const char *py_text(struct arena *arena, const char *data, size_t bytes, unsigned kind)
{
	struct text t = { 0 };
	const char *clean;

	if (kind != 2 && kind != 4)
		kind = 1;
	for (size_t i = 0; i + kind <= bytes; i += kind) {
		uint32_t c = 0;

		memcpy(&c, data + i, kind);
		put_utf8(&t, c);
	}
	clean = arena_clean(arena, text_get(&t), t.n);
	text_free(&t);
	return clean;
}

size_t py_frames(struct arena *arena, const char *data, size_t size, struct py_frame **frames,
		 bool *cut)
{
	size_t n = 0, room = 0, at = 0;

	*frames = NULL;
	*cut = false;
	for (size_t look = 0; size - look >= sizeof(struct ks_py_frame) && room < MOST_FRAMES;
	     room++) {
		uint32_t bytes;

		memcpy(&bytes, data + look, sizeof(bytes));
		if (bytes < sizeof(struct ks_py_frame) || bytes > size - look)
			break;
		look += bytes;
	}
	*frames = arena_alloc(arena, room * sizeof(**frames));
	for (; n < room; n++) {
		struct ks_py_frame f;
		size_t file = sizeof(f), name, table;

		memcpy(&f, data + at, sizeof(f));
		name = file + padded(f.file_size);
		table = name + padded(f.name_size);
		if (name > f.size || table > f.size || f.table_size > f.size - table)
			break;
		(*frames)[n].file = py_text(arena, data + at + file, f.file_size, f.file_kind);
		(*frames)[n].function = py_text(arena, data + at + name, f.name_size, f.name_kind);
		(*frames)[n].line = py_line(&f, (const uint8_t *)data + at + table);
		(*frames)[n].entry = f.flags & 16 ? ENTRY_FROM_C :
				     f.flags & 32 ? ENTRY_FROM_PYTHON :
						    ENTRY_UNKNOWN;
		*cut |= f.flags & 1;
		at += f.size;
	}
	return n;
}

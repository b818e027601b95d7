/* SPDX-License-Identifier: MIT */
/* The interpreter of a living process: between live_python.c, which finds it, and live_frames.c, which reads frames. */
#ifndef LIVE_PYTHON_H
#define LIVE_PYTHON_H

#include <string.h>

#include "analyzer/live_private.h"

#define ABSENT	0xffff			/* of a field: that version has none */
#define VIEW	256

struct layout {
#define PY_FIELD(name, ...) uint16_t name;
#include "shim/python.def"
#undef PY_FIELD
};

struct py_thread {
	uint64_t state;
	uint32_t tid;
};

struct live_python {
	uint32_t pid;
	unsigned minor;
	uint64_t runtime, code_type, bytes_type, text_type, version, bss, bss_size;
	struct layout at;
	struct py_thread *thread;
	size_t nthreads, room;
};

struct view {				/* the first bytes of a structure; zeros beyond what could be read */
	uint64_t at;
	uint8_t bytes[VIEW];
};

bool view_read(const struct live_python *p, struct view *v, uint64_t at);	/* false: it cannot be read */

static inline uint64_t view_word(const struct view *v, uint16_t offset)
{
	uint64_t value = 0;

	if (offset <= VIEW - sizeof(value))
		memcpy(&value, v->bytes + offset, sizeof(value));
	return value;
}

static inline uint32_t view_half(const struct view *v, uint16_t offset)
{
	uint32_t value = 0;

	if (offset <= VIEW - sizeof(value))
		memcpy(&value, v->bytes + offset, sizeof(value));
	return value;
}

static inline uint8_t view_byte(const struct view *v, uint16_t offset)
{
	return offset < VIEW ? v->bytes[offset] : 0;
}

#endif

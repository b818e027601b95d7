/* SPDX-License-Identifier: MIT */
/* The layout of this process's interpreter, and its texts; see python.h. */
#include "shim/python.h"

#include <pthread.h>

#include "shim/recorder.h"
#include "shim/safe.h"

#define FIRST_MINOR	6
#define LAST_MINOR	15
#define FIRST_DEBUG	13	/* the first version with _Py_DebugOffsets */

struct ks_python ks_python;

/* The table, one row for each field, in the order of struct ks_py_layout. */
static const struct {
	uint16_t offset[LAST_MINOR - FIRST_MINOR + 1];
	uint16_t word[LAST_MINOR - FIRST_DEBUG + 1];
} fields[] = {
#define PY_FIELD(name, a, b, c, d, e, f, g, h, i, j, k, l, m, meaning)                             \
	{ { a, b, c, d, e, f, g, h, i, j }, { k, l, m } },
#include "shim/python.def"
#undef PY_FIELD
};

#define NFIELDS	(sizeof(fields) / sizeof(*fields))
_Static_assert(sizeof(struct ks_py_layout) == NFIELDS * sizeof(uint16_t), "one row a field");

/* What the interpreter says of itself goes before what we know of its version. */
static bool ask_interpreter(uint16_t *layout)
{
	struct {
		char cookie[8];
		uint64_t version, free_threaded;
	} head;

	if (ks_read_memory(ks_python.runtime, &head, sizeof(head)) != sizeof(head))
		return false;
	if (memcmp(head.cookie, "xdebugpy", 8) != 0 || head.version >> 24 != ks_python.major ||
	    (head.version >> 16 & 0xff) != ks_python.minor)
		return false;
	ks_python.free_threaded = head.free_threaded == 1;
	for (size_t i = 0; i < NFIELDS; i++) {
		uint16_t word = fields[i].word[ks_python.minor - FIRST_DEBUG];
		uint64_t value;

		if (word == KS_PY_NONE)
			continue;
		if (ks_read_memory(ks_python.runtime + 8 * word, &value, 8) != 8 || value >= KS_PY_NONE)
			return false;
		layout[i] = (uint16_t)value;
	}
	return true;
}

/* In a free-threaded build the head of an object is longer; the debug offsets tell by how much, but
 * not of the structures that they leave out. */
static void shift_rest(struct ks_py_layout *at)
{
	const uint16_t more = (uint16_t)(at->object_type - 8);
	uint16_t *rest[] = {
		&at->exc_args, &at->exc_traceback, &at->exc_context, &at->exc_cause, &at->exc_suppress, &at->import_name,
		&at->import_path, &at->os_filename, &at->tb_next, &at->tb_frame, &at->tb_last, &at->tb_line, &at->object_frame,
		&at->text_compact, &at->text_any,
	};

	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
		*rest[i] = (uint16_t)(*rest[i] + more);
}

bool ks_python_choose(void)
{
	uint16_t layout[NFIELDS];

	ks_python.known = false;
	if (ks_python.major != 3 || ks_python.minor < FIRST_MINOR || ks_python.minor > LAST_MINOR)
		return false;
	for (size_t i = 0; i < NFIELDS; i++)
		layout[i] = fields[i].offset[ks_python.minor - FIRST_MINOR];
	if (ks_python.minor >= FIRST_DEBUG && !ask_interpreter(layout))
		return false;
	memcpy(&ks_python.at, layout, sizeof(layout));
	if (ks_python.free_threaded)
		shift_rest(&ks_python.at);
	if (ks_python.at.frame_tlbc == 0)
		ks_python.at.frame_tlbc = KS_PY_NONE;	/* what a build with the lock says */
	ks_python.known = true;
	return true;
}

static uintptr_t read_word(uintptr_t address)
{
	uintptr_t value = 0;

	if (ks_read_memory(address, &value, sizeof(value)) != sizeof(value))
		return 0;
	return value;
}

static bool in_chain(uintptr_t first, uint16_t next, uintptr_t wanted)
{
	for (unsigned i = 0; first && i < 1024; i++) {
		if (first == wanted)
			return true;
		first = read_word(first + next);
	}
	return false;
}

bool ks_python_prove(uintptr_t thread_state)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t interp;

	if (!ks_python.known)
		return false;
	interp = read_word(thread_state + at->thread_interp);
	ks_python.known = interp && in_chain(read_word(interp + at->interp_threads), at->thread_next, thread_state) &&
			  read_word(thread_state + at->thread_id) == (uintptr_t)pthread_self();
	if (!ks_python.known)
		return false;
	if (at->heads == KS_PY_NONE || !in_chain(read_word(ks_python.runtime + at->heads), at->interp_next, interp))
		ks_python.main_interp = interp;
	ks_python.proven = true;
	return true;
}

uint32_t ks_python_tid_offset(void)
{
	const char *self = (const char *)pthread_self();
	const uint32_t tid = (uint32_t)ks_sys_gettid();
	uint32_t value;
	const uint32_t usual = KS_TID_IN_PTHREAD;

	memcpy(&value, self + usual, sizeof(value));
	if (value == tid)
		return usual;
	for (uint32_t i = 64; i < 1024; i += 4) {
		memcpy(&value, self + i, sizeof(value));
		if (value == tid)
			return i;
	}
	return 0;
}

bool ks_py_text(uintptr_t object, struct ks_py_text *text)
{
	const struct ks_py_layout *at = &ks_python.at;
	uint32_t state;

	if (!object || ks_py_word(object, at->object_type) != ks_python.text_type)
		return false;
	state = *(const uint32_t *)(object + at->text_state) >> at->text_shift;
	text->length = ks_py_word(object, at->text_length);
	text->kind = state & 7;
	text->ascii = (state & 0x18) == 0x18;
	if (text->kind != 1 && text->kind != 2 && text->kind != 4)
		return false;		/* a legacy text that has not been made ready */
	if (!(state & 8))
		text->data = ks_py_word(object, at->text_any);
	else
		text->data = object + (text->ascii ? at->text_ascii : at->text_compact);
	return text->data != 0;
}

static uint32_t character(const struct ks_py_text *text, size_t i)
{
	switch (text->kind) {
	case 1:
		return ((const uint8_t *)text->data)[i];
	case 2:
		return ((const uint16_t *)text->data)[i];
	default:
		return ((const uint32_t *)text->data)[i];
	}
}

size_t ks_py_utf8(const struct ks_py_text *text, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < text->length; i++) {
		const uint32_t c = character(text, i);
		const unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
		static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };

		if (n + more + 1 > room)
			break;
		out[n++] = (char)(lead[more] | (c >> 6 * more & (more ? 0x3f : 0x7f)));
		for (unsigned k = more; k-- > 0;)
			out[n++] = (char)(0x80 | (c >> 6 * k & 0x3f));
	}
	return n;
}

/* SPDX-License-Identifier: MIT */
/*
 * The Python frames of a living process's threads, as the records that a crash leaves
 * (KS_BLOCK_PYTHON). Types are compared with the interpreter's own, every chain has an end.
 */
#include "analyzer/live_python.h"

#include <stdlib.h>

#define MOST_LINKS 4096 /* frames of one thread that are followed */
#define MOST_KEPT 128	/* and kept */
#define MOST_TEXT 1024
#define MOST_TABLE 65536

enum { CUT = 1, ENTERED = 16, CALLED = 32 }; /* flags of struct ks_py_frame */

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Copies the characters of a str; bytes, 0 where there is none. */
static uint32_t put_text(const struct live_python *p, char *to, uint64_t object, uint8_t *kind)
{
	struct view v;
	uint64_t data, bytes;
	uint32_t state;

	*kind = 1;
	if (!view_read(p, &v, object) || view_word(&v, p->at.object_type) != p->text_type)
		return 0;
	state = view_half(&v, p->at.text_state) >> p->at.text_shift;
	if ((state & 7) != 1 && (state & 7) != 2 && (state & 7) != 4)
		return 0;
	data = !(state & 8)
		       ? view_word(&v, p->at.text_any)
		       : object + ((state & 0x18) == 0x18 ? p->at.text_ascii : p->at.text_compact);
	bytes = view_word(&v, p->at.text_length);
	bytes = (bytes < MOST_TEXT / (state & 7) ? bytes : MOST_TEXT / (state & 7)) * (state & 7);
	*kind = state & 7;
	return (uint32_t)live_memory(p->pid, data, to, bytes);
}

/* The line table as far as the instruction needs it: 4 bytes for each of code are ample. */
static uint32_t put_table(const struct live_python *p, char *to, uint64_t object,
			  int32_t instruction)
{
	uint64_t bytes, need = 128 + 4 * (uint64_t)(instruction > 0 ? instruction : 0);
	struct view v;

	if (!view_read(p, &v, object) || view_word(&v, p->at.object_type) != p->bytes_type)
		return 0;
	bytes = view_word(&v, p->at.bytes_size);
	bytes = bytes < need ? bytes : need;
	return (uint32_t)live_memory(p->pid, object + p->at.bytes_data, to,
				     bytes < MOST_TABLE ? bytes : MOST_TABLE);
}

/* Where the instructions begin that this frame executes (a copy of its own in free-threaded
 * builds). */
static uint64_t code_begin(const struct live_python *p, const struct view *frame, uint64_t code)
{
	uint64_t own, begin;
	uint32_t index;

	if (p->at.frame_tlbc == ABSENT || p->at.code_tlbc == ABSENT)
		return code + p->at.code_bytes;
	index = view_half(frame, p->at.frame_tlbc);
	own = live_word(p->pid, code + p->at.code_tlbc);
	if (!index || !own || index >= live_word(p->pid, own))
		return code + p->at.code_bytes;
	begin = live_word(p->pid,
			  own + 8 + 8ull * index); /* { Py_ssize_t size; char *entries[]; } */
	return begin ? begin : code + p->at.code_bytes;
}

static int32_t instruction_of(const struct live_python *p, const struct view *frame, uint64_t code)
{
	int64_t distance;

	if (p->minor <= 10) {
		int32_t last = (int32_t)view_half(frame, p->at.frame_instr);

		return last < 0 || last > 1 << 24 ? -1 : p->minor == 10 ? last * 2 : last;
	}
	distance = (int64_t)(view_word(frame, p->at.frame_instr) - code_begin(p, frame, code));
	return distance < 0 || distance > 1 << 24 ? -1 : (int32_t)distance;
}

/* The code object of a frame that runs Python code; 0: an entry from C, or a frame in the making.
 */
static uint64_t code_of(const struct live_python *p, const struct view *frame, struct view *code)
{
	uint64_t address = view_word(frame, p->at.frame_code) &
			   ~3ull; /* _PyStackRef: two tag bits from 3.14 */

	if (p->minor >= 12 && view_byte(frame, p->at.frame_owner) >= 3)
		return 0;
	if (!view_read(p, code, address) || view_word(code, p->at.object_type) != p->code_type)
		return 0;
	if (p->minor >= 11 && view_byte(frame, p->at.frame_owner) != 1 &&
	    instruction_of(p, frame, address) < 0)
		return 0;
	return address;
}

static size_t put_frame(const struct live_python *p, char *to, size_t room,
			const struct view *frame)
{
	struct ks_py_frame f = {.major = 3, .minor = (uint16_t)p->minor, .frame = frame->at};
	size_t at = sizeof(f);
	struct view code;

	f.code = code_of(p, frame, &code);
	if (!f.code || room < sizeof(f) + 2 * MOST_TEXT + MOST_TABLE + 64)
		return 0;
	f.first_line = (int32_t)view_half(&code, p->at.code_first);
	f.last_instruction = instruction_of(p, frame, f.code);
	f.file_size = put_text(p, to + at, view_word(&code, p->at.code_file), &f.file_kind);
	at = padded(at + f.file_size);
	f.name_size = put_text(p, to + at, view_word(&code, p->at.code_name), &f.name_kind);
	at = padded(at + f.name_size);
	f.table_size =
		put_table(p, to + at, view_word(&code, p->at.code_table), f.last_instruction);
	f.table_kind = p->minor <= 9 ? 1 : p->minor == 10 ? 2 : 3;
	at = padded(at + f.table_size);
	f.size = (uint32_t)at;
	memcpy(to, &f, sizeof(f));
	return at;
}

/* Up to 3.10 each frame has its own loop in C; 3.11 notes it (is_entry, before owner); later a
 * frame of C lies between. */
static uint8_t entry_of(const struct live_python *p, const struct view *frame)
{
	if (p->minor <= 10 || (p->minor == 11 && view_byte(frame, p->at.frame_owner - 1)))
		return ENTERED;
	return CALLED;
}

static void mark(char *record, uint8_t flags)
{
	struct ks_py_frame f;

	memcpy(&f, record, sizeof(f));
	f.flags = flags == CUT ? f.flags | CUT : (f.flags & CUT) | flags;
	memcpy(record, &f, sizeof(f));
}

size_t live_python_frames(const struct live_python *p, uint32_t tid, char *to, size_t room)
{
	size_t used = 0, last = 0;
	uint64_t state = 0, at;
	unsigned kept = 0;

	for (size_t i = 0; i < p->nthreads && !state; i++)
		state = p->thread[i].tid == tid ? p->thread[i].state : 0;
	at = state ? live_word(p->pid, state + p->at.thread_frame) : 0;
	if (at && p->at.cframe_frame != ABSENT)
		at = live_word(p->pid, at + p->at.cframe_frame);
	for (unsigned links = 0; at && links < MOST_LINKS && kept < MOST_KEPT; links++) {
		struct view frame;
		size_t n;

		if (!view_read(p, &frame, at))
			break;
		at = view_word(&frame, p->at.frame_back);
		n = put_frame(p, to + used, room - used, &frame);
		if (!n && room - used < MOST_TABLE + 4096)
			break;
		if (!n && used)
			mark(to + last, ENTERED); /* what is no code is an entry from C */
		if (!n)
			continue;
		last = used;
		used += n;
		kept++;
		mark(to + last, entry_of(p, &frame));
	}
	if (used && at)
		mark(to + last, CUT);
	return used;
}

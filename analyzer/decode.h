/* SPDX-License-Identifier: MIT */
/*
 * Records as text and back: what --dump prints and what the tests assemble traces from.
 *
 * One record a line:
 *
 *	load_begin time=1.250000000 tid=4711 id=3 path="/opt/lib_ext.so" flags=0x2 caller=0x7f00dead1000
 *	module path="/opt/lib_ext.so" base=0x7f0000000000 start=0x7f0000000000 end=0x7f0000004000 …
 *
 * The word is an event of events.def, or one of the records below. Times are seconds since the
 * trace began, with up to nine decimals. u64 and i64 are decimal, or hexadecimal with 0x; ptr is
 * hexadecimal; str is a quoted C string (\n \t \" \\ \xHH); stk is addresses joined by commas,
 * innermost first. What a newer recorder wrote and we do not know is event_N and field_N. "in_load" is the slot's load in progress; "at" (the record's place in its
 * file) is printed and ignored when read. A field left out is 0, in a
 * checkpoint "not known". '#' begins a comment line.
 *
 * Behind "block kind=WORD tid=… address=…" stands text="…" where it is text (maps, status, statfs,
 * native, gpu_log), else data=HEXDIGITS where there are not too many (stack, memory). Blocks of
 * records have a line for each record: thread_info, witness, and for Python's frames, innermost first,
 *
 *	python tid=4711 file="/home/a/b.py" line=3 function="f"
 *
 * and "output text=…" is the tail of fd 2. A trace made from such text has clock_hz = 1000000000
 * and start_clock = 0.
 */
#ifndef DECODE_H
#define DECODE_H

#include <stdbool.h>
#include "analyzer/text.h"
#include "analyzer/trace.h"

enum field_type {
	FIELD_U64, FIELD_I64, FIELD_PTR, FIELD_STR, FIELD_STK, FIELD_TIME,	/* of 8 bytes */
	FIELD_U32, FIELD_I32, FIELD_U16,
	FIELD_CHARS,			/* char[size], NUL-padded */
	FIELD_BYTES,			/* uint8_t[size], as hexadecimal digits */
	FIELD_WORDS,			/* uint64_t[size / 8], joined by commas */
};

struct field_info {
	const char *name;
	enum field_type type;
	uint16_t offset, size;		/* within the record; of events: 0, 8 */
	const char *meaning;		/* NULL for records */
};

struct record_info {
	const char *name;
	unsigned number;		/* of an event; 0 for a record */
	const char *lane, *meaning;	/* of an event */
	size_t size;			/* of a record: sizeof its struct */
	bool keep_zeros;		/* its zeros say something else than a field left out */
	unsigned nfields;
	const struct field_info *field;
};

extern const struct record_info events[];	/* in the order of events.def */
extern const unsigned nevent_kinds;
/* header, module, thread, checkpoint, crash_area, witness, block (its head), thread_info */
extern const struct record_info records[];
extern const unsigned nrecord_kinds;

const struct record_info *event_info(unsigned number);		/* NULL: not known */
const struct record_info *event_named(const char *name);	/* NULL */
const struct record_info *record_named(const char *name);	/* NULL */

/* Kinds of blocks by the word that stands in text: stack, maps, python…; NULL, 0: unknown. */
const char *block_word(unsigned kind);
unsigned block_kind(const char *word);

/* --- to text --- */

/* A realtime of a header. This and all other times stay so small that sums and differences of a few fit. */
int64_t header_realtime(uint64_t ns);
/* Nanoseconds since the trace began, of clock ticks. */
int64_t trace_time(const struct trace *t, uint64_t ticks);
uint64_t trace_clock_rate(const struct trace *t);		/* ticks in a second, never 0 */
int64_t trace_span(const struct trace *t, int64_t ticks);	/* of a duration */
void decode_slot(struct text *out, const struct trace *t, const struct slot *s);
void decode_record(struct text *out, const struct trace *t, const struct record_info *info, const void *record,
		   uint64_t offset);

/* --- from text --- */

#define LINE_PAIRS	64

struct pair {
	const char *key;
	const char *value;		/* unquoted */
	size_t size;
};

struct line {
	const char *word;
	struct pair pair[LINE_PAIRS];
	unsigned n;
};

/* Takes a line apart, in place. NULL, or what is wrong. An empty line and a comment give word NULL. */
const char *line_parse(struct line *l, char *text);
const struct pair *line_pair(const struct line *l, const char *key);	/* NULL: not there */
/* A number as the fields have it; false where the text is none. */
bool number_parse(const char *text, uint64_t *value);
bool time_parse(const char *text, uint64_t *ns);

/* Stores a string in the trace that is being made and returns its reference. */
typedef uint64_t keep_string(void *arg, unsigned kind, const void *data, size_t size);

/* Is this the word of an event, known or "event_N"? */
bool encodes_slot(const char *word);
/* NULL, or what is wrong: an unknown field, a value that is no number. Records are filled over zeros. */
const char *encode_slot(const struct line *l, struct slot *s, keep_string *keep, void *arg);
const char *encode_record(const struct line *l, const struct record_info *info, void *record, keep_string *keep, void *arg);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * --dump. Events come by time; tables, output, crash and blocks follow. The memory that a crash
 * kept (stacks) is named but not printed when it is long: it may hold anything.
 */
#include "analyzer/dump.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/decode.h"
#include "analyzer/pyframes.h"

#define MOST_DATA	4096	/* bytes of memory that are printed as digits */

static void put_line(struct text *line, FILE *out)
{
	text_char(line, '\n');
	fwrite(line->s, 1, line->n, out);
	line->n = 0;
}

static void dump_head(const struct trace *t, struct text *line, FILE *out)
{
	fprintf(out, "# kshim trace, format %u, %llu bytes, %u regions, %zu events\n",
		t->header.version, (unsigned long long)t->size, t->nregions, t->nslots);
	for (size_t i = 0; i < t->ndamage; i++)
		fprintf(out, "# damage at 0x%" PRIx64 ": %s\n", t->damage[i].offset,
			t->damage[i].text);
	if (t->torn)
		fprintf(out, "# %" PRIu64 " slots were being written or overwritten\n", t->torn);
	fprintf(out, "# clock: %" PRIu64 " ticks at the begin, %" PRIu64 " in a second\n",
		t->header.start_clock, trace_clock_rate(t));
	decode_record(line, t, record_named("header"), &t->header, 0);
	put_line(line, out);
}

static int by_time(const void *a, const void *b)
{
	const struct slot *const *x = a, *const *y = b;

	if ((*x)->time != (*y)->time)
		return (*x)->time < (*y)->time ? -1 : 1;
	return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

static void dump_events(const struct trace *t, struct text *line, FILE *out)
{
	const struct slot **sorted = xalloc(t->nslots, sizeof(*sorted));

	for (size_t i = 0; i < t->nslots; i++)
		sorted[i] = &t->slots[i];
	qsort(sorted, t->nslots, sizeof(*sorted), by_time);
	for (size_t i = 0; i < t->nslots; i++) {
		decode_slot(line, t, sorted[i]);
		put_line(line, out);
	}
	free(sorted);
}

static void dump_tables(const struct trace *t, struct text *line, FILE *out)
{
	for (size_t i = 0; i < t->nmodules; i++) {
		decode_record(line, t, record_named("module"), &t->modules[i].raw,
			      t->modules[i].offset);
		put_line(line, out);
	}
	for (size_t i = 0; i < t->nthreads; i++) {
		decode_record(line, t, record_named("thread"), &t->threads[i].raw,
			      t->threads[i].offset);
		put_line(line, out);
	}
	for (size_t i = 0; i < t->ncheckpoints; i++) {
		decode_record(line, t, record_named("checkpoint"), &t->checkpoints[i].raw,
			      t->checkpoints[i].offset);
		put_line(line, out);
	}
}

static void dump_python(const struct block *b, struct text *line, FILE *out)
{
	struct arena arena = { 0 };
	struct py_frame *frames;
	bool cut = false;
	size_t n = py_frames(&arena, b->data, b->head.size, &frames, &cut);

	for (size_t i = 0; i < n; i++) {
		text_printf(line, "python tid=%u file=", b->head.tid);
		text_quote(line, frames[i].file, strlen(frames[i].file));
		text_printf(line, " line=%d function=", frames[i].line);
		text_quote(line, frames[i].function, strlen(frames[i].function));
		text_printf(line, "%s at=0x%" PRIx64, cut && i == n - 1 ? " cut=1" : "", b->offset);
		put_line(line, out);
	}
	arena_free(&arena);
}

static bool dump_records(const struct trace *t, const struct block *b, struct text *line, FILE *out)
{
	bool witness = b->head.kind == KS_BLOCK_WITNESS;
	size_t size = witness ? sizeof(struct ks_witness) : sizeof(struct ks_thread_info);
	union {
		struct ks_witness witness;
		struct ks_thread_info info;
	} record;

	if (!witness && b->head.kind != KS_BLOCK_THREADS)
		return false;
	for (uint64_t at = 0; at + size <= b->head.size; at += size) {
		memcpy(&record, b->data + at, size);
		decode_record(line, t, record_named(witness ? "witness" : "thread_info"), &record,
			      b->offset);
		put_line(line, out);
	}
	return true;
}

static void dump_block(const struct trace *t, const struct block *b, struct text *line, FILE *out)
{
	unsigned kind = b->head.kind;
	const char *word = block_word(kind);

	if (dump_records(t, b, line, out))
		return;
	if (kind == KS_BLOCK_PYTHON) {
		dump_python(b, line, out);
		return;
	}
	decode_record(line, t, record_named("block"), &b->head, b->offset);
	if (word)
		text_printf(line, " kind=%s", word);
	else
		text_printf(line, " kind=%u", kind);
	if (kind == KS_BLOCK_MAPS || kind == KS_BLOCK_STATUS || kind == KS_BLOCK_STATFS ||
	    kind == KS_BLOCK_NATIVE || kind == KS_BLOCK_GPU_LOG) {
		text_add(line, " text=");
		text_quote(line, b->data, b->head.size);
	} else {
		text_printf(line, " size=%" PRIu64, b->head.size);
		if (b->head.size <= MOST_DATA) {
			text_add(line, " data=");
			for (uint64_t i = 0; i < b->head.size; i++)
				text_printf(line, "%02x", (unsigned char)b->data[i]);
		}
	}
	put_line(line, out);
}

void dump(const struct trace *t, FILE *out)
{
	struct text line = { 0 };

	dump_head(t, &line, out);
	dump_events(t, &line, out);
	dump_tables(t, &line, out);
	if (t->output) {
		text_add(&line, "output text=");
		text_quote(&line, t->output, t->output_size);
		text_printf(&line, " at=0x%" PRIx64, t->output_offset);
		put_line(&line, out);
	}
	if (t->crash_offset && t->crash.state) {
		decode_record(&line, t, record_named("crash_area"), &t->crash, t->crash_offset);
		put_line(&line, out);
	}
	for (size_t i = 0; i < t->nblocks; i++)
		dump_block(t, &t->blocks[i], &line, out);
	text_free(&line);
}

void dump_event_table(FILE *out)
{
	static const char *const types[] = { "u64", "i64", "ptr", "str", "stk", "time" };

	for (unsigned i = 0; i < nevent_kinds; i++) {
		const struct record_info *e = &events[i];

		fprintf(out, "### %u %s (%s)\n\n%s\n\n", e->number, e->name, e->lane, e->meaning);
		if (e->nfields)
			fprintf(out, "| field | type | meaning |\n|---|---|---|\n");
		for (unsigned k = 0; k < e->nfields; k++)
			fprintf(out, "| %s | %s | %s |\n", e->field[k].name,
				types[e->field[k].type], e->field[k].meaning);
		if (e->nfields)
			fputc('\n', out);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * --list. What the header tells is there for every recording; the cause of a bad end, the notebook
 * and the memory need the whole trace. As much of that as a second allows: first a quick look
 * into each (the trace alone), then a whole one (with symbols of the machine), the newest first.
 * What was looked into is kept in memory; nothing is written.
 */
#include "analyzer/list.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyzer/decode.h"
#include "analyzer/error.h"
#include "analyzer/events.h"
#include "analyzer/trace.h"
#include "analyzer/words.h"

#define ALL_MS 900 /* a list, whatever else the machine does */
#define QUICK_MS 450 /* of it: quick looks */
#define WHOLE_MS 700 /* and whole ones */
#define QUICK_LEAST 20
#define LEAST_WIDTH 100
#define QUICK_NEWEST 300 /* a screen or several */

enum looked { HEADER, QUICK, WHOLE };

struct row {
	const struct entry *e;
	enum looked looked;
	const char *what, *ending, *cause, *title, *confidence, *notebook, *connection;
	int signal, status;
	uint64_t peak;
	bool bad;
};

int64_t list_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *cheap_ending(struct arena *a, const struct entry *e)
{
	const struct ks_header *h = &e->head;

	switch (h->end_kind) {
	case KS_END_SIGNAL:
		return signal_name(a, h->end_code);
	case KS_END_EXIT:
		return h->end_code ? arena_printf(a, "exit %d", h->end_code) : "clean";
	case KS_END_EXEC:
		return "exec";
	case KS_END_SEALED:
		return e->alive ? "running" : "not seen";
	}
	return e->alive ? "running" : "killed";
}

static const char *true_ending(struct arena *a, const struct ending *e)
{
	switch (e->kind) {
	case END_SIGNAL:
	case END_ABORT:
		return signal_name(a, e->signal);
	case END_EXIT:
		return arena_printf(a, "exit %d", e->status);
	default:
		return ending_word(e->kind);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *what(struct arena *a, const struct model *m)
{
	const char *const *argv;
	size_t n = process_argv(m, a, &argv);

	if (m->is_kernel)
		return arena_printf(a, "kernel %s",
				    m->notebook		 ? base_name(m->notebook)
				    : m->connection_file ? base_name(m->connection_file)
							 : "");
	for (size_t i = 1; i < n; i++) {
		if (strcmp(argv[i], "-m") == 0 && i + 1 < n)
			return arena_printf(a, "python -m %s", argv[i + 1]);
		if (strcmp(argv[i], "-c") == 0)
			return "python -c …";
		if (argv[i][0] != '-')
			return base_name(argv[i]);
	}
	return n ? base_name(argv[0]) : "";
}

/* One line in a list of lines. */
static const char *kept(struct arena *a, const char *s)
{
	char *copy = s ? arena_text(a, s, strlen(s)) : NULL;

	for (char *p = copy; p && *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return copy;
}

static void look_inside(struct arena *a, struct row *r, enum looked how)
{
	struct verdict v;
	const char *why;
	struct trace *t = trace_open(r->e->path, &why);
	struct model *m;

	if (!t)
		return;
	m = how == WHOLE ? model_build(t) : model_build_plain(t);
	r->looked = how;
	r->peak = report_memory(m).rss_peak;
	r->what = kept(a, what(a, m));
	r->notebook = kept(a, m->notebook);
	r->connection = kept(a, m->connection_file);
	r->ending = kept(a, true_ending(a, &m->ending));
	r->signal = m->ending.signal;
	r->status =
		m->ending.kind == END_EXIT || m->ending.kind == END_CLEAN ? m->ending.status : -1;
	r->bad = m->ending.kind != END_CLEAN && m->ending.kind != END_RUNNING;
	if (r->bad) {
		rules_run(m, &v);
		r->cause = v.best.rule->id;
		r->title = kept(a, v.best.title ? v.best.title : v.best.rule->title);
		r->confidence = confidence_word(&v.best);
		verdict_free(&v);
	}
	model_free(m);
	trace_close(t);
}

/* --- as lines for people --- */

static void put_cut(FILE *out, const char *s, size_t width)
{
	size_t n = 0, bytes = 0;

	while (s[bytes] && n < width) {
		bytes++;
		while ((s[bytes] & 0xc0) == 0x80)
			bytes++;
		n++;
	}
	if (s[bytes] && bytes && width > 1) {
		do
			bytes--;
		while ((s[bytes] & 0xc0) == 0x80);
		fprintf(out, "%.*s…", (int)bytes, s);
	} else {
		fprintf(out, "%.*s%*s", (int)bytes, s, (int)(width - n), "");
	}
}

/* 19 + 1 + 7 + 2 for when and who, 2 + 9 + 1 + 8 + 2 + 25 for what follows: a hundred with 24 for
 * the name. */
static void put_row(FILE *out, const struct row *r, struct look look)
{
	struct arena a = {0};
	size_t width = look.width < LEAST_WIDTH ? LEAST_WIDTH : look.width;

	fprintf(out, "%-19s %7u  ", clock_words(&a, header_realtime(r->e->head.start_realtime)),
		r->e->head.pid);
	put_cut(out, r->what, width - 76);
	fprintf(out, "  %s%-9s%s %8s", look.colour && r->bad ? "\x1b[1;31m" : "", r->ending,
		look.colour && r->bad ? "\x1b[0m" : "",
		r->peak == UNKNOWN ? "" : size_words(&a, r->peak));
	fprintf(out, "%s%s\n", *r->cause ? "  " : "", r->cause);
	arena_free(&a);
}

/* --- as JSON lines for collectors --- */

static void add_text(cJSON *to, const char *name, const char *s)
{
	cJSON *value = s && *s ? cJSON_CreateString(s) : cJSON_CreateNull();

	if (!value)
		die(EXIT_NO_TRACE, "out of memory");
	cJSON_AddItemToObject(to, name, value);
}

static void put_object(FILE *out, const struct row *r)
{
	static const char *const looked[] = {
		[HEADER] = "header", [QUICK] = "quick", [WHOLE] = "whole"};
	const struct ks_header *h = &r->e->head;
	struct arena a = {0};
	cJSON *o = cJSON_CreateObject();
	char *printed;

	add_text(o, "time", iso_time(&a, header_realtime(h->start_realtime)));
	add_text(o, "ended", r->e->alive ? NULL : iso_time(&a, r->e->ended));
	cJSON_AddNumberToObject(o, "pid", h->pid);
	cJSON_AddNumberToObject(o, "ppid", h->ppid);
	cJSON_AddBoolToObject(o, "kernel", r->e->kernel);
	add_text(o, "notebook", r->notebook);
	add_text(o, "connection_file", r->connection);
	add_text(o, "what", r->what);
	add_text(o, "ending", r->ending);
	add_text(o, "signal", r->signal ? signal_name(&a, r->signal) : NULL);
	cJSON_AddItemToObject(o, "status",
			      r->status >= 0 ? cJSON_CreateNumber(r->status) : cJSON_CreateNull());
	add_text(o, "cause", r->cause);
	add_text(o, "confidence", r->confidence);
	add_text(o, "title", r->title);
	cJSON_AddItemToObject(o, "memory_peak",
			      r->peak == UNKNOWN ? cJSON_CreateNull()
						 : cJSON_CreateNumber((double)r->peak));
	cJSON_AddBoolToObject(o, "child", r->e->child);
	cJSON_AddBoolToObject(o, "read", h->read_time != 0);
	add_text(o, "looked", looked[r->looked]);
	add_text(o, "file", r->e->path);
	printed = cJSON_PrintUnformatted(o);
	if (!printed)
		die(EXIT_NO_TRACE, "out of memory");
	fprintf(out, "%s\n", printed);
	free(printed);
	cJSON_Delete(o);
	arena_free(&a);
}

/* --- all --- */

static void look_into(struct arena *a, struct row *rows, size_t n, const struct list_way *way)
{
	const int64_t begin = way->begun_ms, spent = list_clock() - begin;
	const int64_t left = ALL_MS - 2 * spent;	/* to print takes about as long as to read the directory did */
	const int64_t quick = begin + spent + (left < QUICK_MS ? left : QUICK_MS);
	const int64_t whole = begin + spent + (left < WHOLE_MS ? left : WHOLE_MS);

	for (size_t i = 0; i < n && !way->all && i < QUICK_NEWEST && (i < QUICK_LEAST || list_clock() < quick); i++)
		look_inside(a, &rows[i], QUICK);
	for (size_t i = 0; i < n && (way->all || list_clock() < whole); i++)
		if (way->all || rows[i].bad || rows[i].looked == HEADER)
			look_inside(a, &rows[i], WHOLE);
}

void list(const struct folder *f, const struct list_way *way, FILE *out)
{
	struct row *rows = xalloc(f->n, sizeof(*rows));
	struct arena a = {0};
	size_t cut = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct entry *e = &f->entry[i];

		rows[i] = (struct row){
			.e = e,
			.what = e->kernel ? "kernel" : "",
			.ending = cheap_ending(&a, e),
			.cause = "",
			.peak = UNKNOWN,
			.bad = e->bad,
			.signal = e->head.end_kind == KS_END_SIGNAL ? e->head.end_code : 0,
			.status = e->head.end_kind == KS_END_EXIT ? e->head.end_code : -1,
		};
	}
	look_into(&a, rows, f->n, way);
	for (size_t i = 0; i < f->n; i++) {
		cut += rows[i].looked == HEADER;
		if (way->lines)
			put_object(out, &rows[i]);
		else
			put_row(out, &rows[i], way->look);
	}
	if (cut && !way->lines)
		fprintf(out,
			"(%zu older ones were not looked into: --all does, however long it "
			"takes)\n",
			cut);
	free(rows);
	arena_free(&a);
}

/* SPDX-License-Identifier: MIT */
/*
 * --list. What the header tells is there for every recording; the cause of a bad end, the notebook
 * and the memory need the whole trace: the newest get that, as many as a second allows.
 */
#include "analyzer/list.h"

#include <string.h>
#include <time.h>

#include "analyzer/decode.h"
#include "analyzer/trace.h"
#include "analyzer/words.h"

#define MILLISECONDS	800	/* for looking into traces */

struct row {
	const char *when, *what, *ending, *cause, *memory;
	bool bad;
};

static int64_t now_ms(void)
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
				    m->notebook	       ? base_name(m->notebook) :
				    m->connection_file ? base_name(m->connection_file) :
							 "");
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

static bool look_inside(struct arena *a, const struct entry *e, struct row *r)
{
	struct verdict v;
	const char *why;
	struct trace *t = trace_open(e->path, &why);
	struct model *m;
	uint64_t peak;

	if (!t)
		return false;
	m = model_build(t);
	peak = report_memory(m).rss_peak;
	r->what = arena_printf(a, "%s", what(a, m));
	r->ending = true_ending(a, &m->ending);
	r->memory = peak == UNKNOWN ? "" : size_words(a, peak);
	r->bad = m->ending.kind != END_CLEAN && m->ending.kind != END_RUNNING;
	if (r->bad) {
		rules_run(m, &v);
		r->cause = v.best.rule->id;
		verdict_free(&v);
	}
	model_free(m);
	trace_close(t);
	return true;
}

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

static void put_row(FILE *out, const struct row *r, unsigned pid, struct look look)
{
	size_t room = look.width > 104 ? look.width - 76 : 28;

	fprintf(out, "%-19s %7u  ", r->when, pid);
	put_cut(out, r->what, room);
	fprintf(out, "  %s%-9s%s %9s  %s\n", look.colour && r->bad ? "\x1b[1;31m" : "", r->ending,
		look.colour && r->bad ? "\x1b[0m" : "", r->memory, r->cause);
}

void list(const struct folder *f, struct look look, FILE *out)
{
	int64_t deadline = now_ms() + MILLISECONDS;
	size_t cut = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct entry *e = &f->entry[i];
		struct arena a = { 0 };
		struct row r = {
			.when = clock_words(&a, header_realtime(e->head.start_realtime)),
			.what = e->kernel ? "kernel" : "",
			.ending = cheap_ending(&a, e),
			.cause = "",
			.memory = "",
			.bad = e->bad,
		};

		if (now_ms() < deadline)
			look_inside(&a, e, &r);
		else
			cut++;
		put_row(out, &r, e->head.pid, look);
		arena_free(&a);
	}
	if (cut)
		fprintf(out,
			"(%zu older ones were not looked into: kshim-analyze FILE tells their "
			"causes)\n",
			cut);
}

/* SPDX-License-Identifier: MIT */
/*
 * Puts a report together, section by section: what happened, why, what to do, the proof, where,
 * what else was seen, memory. Everything said here comes from the model or from the verdict.
 */
#include "analyzer/proof.h"
#include "analyzer/report_parts.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/events.h"
#include "analyzer/reach.h"
#include "analyzer/words.h"


struct section *report_begin(struct report *r, const char *title)
{
	struct section *s = &r->section[r->n++];

	*s = (struct section){ .title = title };
	return s;
}

void report_end(struct report *r)
{
	if (r->section[r->n - 1].n)
		return;
	free(r->section[--r->n].items);
}

void report_put(struct section *s, enum item_kind kind, const char *label, const char *text)
{
	s->items = grow(s->items, s->n, &s->room, sizeof(*s->items));
	s->items[s->n++] = (struct item){ .kind = kind, .label = label, .text = text };
}

/* --- what died, and of what --- */

/* The command line as one would say it: the program's name alone, then its arguments, cut. */
static const char *command(struct report *r)
{
	const char *const *argv, *line;
	size_t n = process_argv(r->m, &r->arena, &argv), all;
	bool script = false;
	struct text t = { 0 };

	if (!n)
		return base_name(model_info(r->m, "exe"));
	text_add(&t, base_name(argv[0]));
	for (size_t i = 1; i < n; i++) {
		/* The script without its folder; what follows it is the script's own business. */
		script = script || argv[i][0] != '-';
		text_printf(&t, " %s",
			    script && i && argv[i - 1][0] != '-' ? base_name(argv[i]) : argv[i]);
	}
	all = strcspn(text_get(&t), "\n");
	if (all < t.n || all > 60) {
		all = all > 60 ? 60 : all;
		while (all && (t.s[all] & 0xc0) == 0x80)
			all--;
		t.s[all] = '\0';
		line = arena_printf(&r->arena, "%s…", t.s);
	} else {
		line = arena_text(&r->arena, t.s, t.n);
	}
	text_free(&t);
	return line;
}

static const char *who(struct report *r)
{
	const struct model *m = r->m;
	const char *line;

	if (m->is_kernel && m->notebook)
		return arena_printf(&r->arena, "The kernel of %s (pid %u)", base_name(m->notebook),
				    m->pid);
	if (m->is_kernel)
		return arena_printf(&r->arena, "The Jupyter kernel with pid %u", m->pid);
	line = command(r);
	if (m->parent_pid)
		return line && *line ? arena_printf(&r->arena, "Process %u, a fork of %u (%s),", m->pid, m->parent_pid, line) :
				       arena_printf(&r->arena, "Process %u, a fork of %u,", m->pid, m->parent_pid);
	return line && *line ? arena_printf(&r->arena, "%s (pid %u)", line, m->pid) : arena_printf(&r->arena, "Process %u", m->pid);
}

/* brief: without what the signal means. */
static const char *how(struct report *r, const struct model *m, bool brief)
{
	const struct ending *e = &m->ending;
	const char *name = signal_name(&r->arena, e->signal), *meaning = signal_meaning(e->signal);
	bool sent = e->code <= 0 && e->sender_pid && e->sender_pid != m->pid;

	switch (e->kind) {
	case END_SIGNAL:
		if (sent && brief)
			return arena_printf(&r->arena, "was ended by %s", name);
		if (sent)
			return arena_printf(&r->arena, "was ended by %s from process %u%s%s%s",
					    name, e->sender_pid, e->sender ? " (" : "",
					    e->sender ? e->sender : "", e->sender ? ")" : "");
		return *meaning && !brief ?
			       arena_printf(&r->arena, "died of %s (%s)", name, meaning) :
			       arena_printf(&r->arena, "died of %s", name);
	case END_ABORT:
		return brief ? "aborted" : "gave up by itself (abort, SIGABRT)";
	case END_EXIT:
		if (e->status == 0)
			return "exited with status 0, although nobody asked it to";
		return arena_printf(&r->arena, r->v->context->error.uncaught ? "ended with an error (exit status %d)" :
									       "ended with exit status %d", e->status);
	case END_KILLED:
		return brief ? "was killed (SIGKILL)" : e->signal ? "was killed from outside (SIGKILL)" :
								    "was killed from outside: it wrote no end";
	case END_EXEC:
		return "was replaced by another program (exec)";
	case END_CLEAN:
		return "ended well (status 0)";
	case END_RUNNING:
		return m->sealed ? "went on without being recorded" : "is running";
	}
	return "";
}

/* The trace of a forked child begins when it must: its life began at the fork. */
static int64_t lifetime(const struct model *m)
{
	const struct event *forked = model_next(m, KS_child_of, 0, NULL);

	return m->ending.time - (forked && FIELD(forked, child_of, forked) ? FIELD_SIGNED(forked, child_of, forked) : 0);
}

static void headline(struct report *r)
{
	const struct model *m = r->m;
	const struct finding *f = &r->v->best;
	int64_t age = lifetime(m);
	const char *after = duration_words(&r->arena, age);
	/* Where the cause is known it is said in the line below, and what the signal means adds nothing. */
	const bool said = (m->ending.kind == END_SIGNAL || m->ending.kind == END_KILLED) && !f->rule->general;

	r->bad = m->ending.kind != END_CLEAN && m->ending.kind != END_RUNNING;
	if (r->where != m)
		r->headline = arena_printf(&r->arena, "%s %s, because its child process %u %s.", who(r),
					   how(r, m, true), r->where->pid, how(r, r->where, true));
	else if (m->ending.kind == END_RUNNING || age < 1000000)
		r->headline = arena_printf(&r->arena, "%s %s.", who(r), how(r, m, said));
	else if (m->ending.kind == END_KILLED)
		r->headline = arena_printf(&r->arena, "%s %s; its last sign of life came after %s.",
					   who(r), how(r, m, said), after);
	else
		r->headline =
			arena_printf(&r->arena, "%s %s after %s.", who(r), how(r, m, said), after);
	r->title = f->title ? f->title : f->rule->title;
	r->cause = f->rule->id;
	r->confidence = confidence_word(f);
}

/* --- sections --- */

static void loads_in_progress(struct report *r, struct section *s)
{
	const struct thread *th = report_thread(r->m);

	for (size_t i = 0; th && i < r->m->nloads; i++) {
		const struct load *l = &r->m->loads[i];

		if (l->outcome == LOAD_RUNNING && l->tid == th->tid && l->path)
			report_put(s, ITEM_FACT, report_time(r, l->begin),
				   arena_printf(&r->arena,
						"began to load %s, and never got back from it",
						l->path));
	}
}

/* The trace of a child began so much later: all times of a report are those of the process. */
int64_t report_later(const struct report *r)
{
	return r->where->started - r->m->started;
}

static void what_happened(struct report *r)
{
	const struct model *m = r->m;
	struct section *s = report_begin(r, "What happened, in order");
	const char *version = process_version(m, &r->arena), *const *argv;
	size_t n = process_argv(m, &r->arena, &argv);
	const char *venv = process_venv(m), *conda = process_conda(m);
	const struct event *cell = model_last(m, KS_py_cell, 0, NULL);
	struct text t = { 0 };

	s->expert = true;
	text_printf(&t, "began");
	if (version)
		text_printf(&t, ", Python %s", version);
	if (conda || venv)
		text_printf(&t, " of %s", conda ? conda : venv);
	for (size_t i = 0; i < n && !m->is_kernel; i++)
		text_printf(&t, "%s%.*s", i ? " " : ": ", (int)strcspn(argv[i], "\n"),
			    i ? argv[i] : base_name(argv[i]));
	report_put(s, ITEM_FACT, clock_words(&r->arena, m->started),
		   arena_text(&r->arena, text_get(&t), t.n));
	text_free(&t);
	if (cell)
		report_put(s, ITEM_FACT, report_time(r, cell->time),
			   arena_printf(&r->arena, "cell %llu began (%llu line%s)",
					(unsigned long long)FIELD(cell, py_cell, count),
					(unsigned long long)FIELD(cell, py_cell, lines),
					FIELD(cell, py_cell, lines) == 1 ? "" : "s"));
	if (r->bad) {
		report_last_import(r, s);
		loads_in_progress(r, s);
	}
	if (r->where != m)
		report_put(s, ITEM_FACT, report_time(r, r->where->ending.time + report_later(r)),
			   arena_printf(&r->arena, "its child process %u %s", r->where->pid,
					how(r, r->where, true)));
	if (m->ending.kind == END_KILLED)
		report_put(s, ITEM_FACT, report_time(r, m->ending.time), "its last sign of life");
	else if (m->ending.kind != END_RUNNING)
		report_put(s, ITEM_FACT, report_time(r, m->ending.time),
			   arena_printf(&r->arena, "it %s", how(r, m, true)));
}

static void trace(struct report *r)
{
	const char *noise = report_noise(r);
	struct section *s = report_begin(r, "The recording");

	s->aside = s->expert = true;
	report_put(s, ITEM_FACT, "file", r->m->file);
	if (r->where != r->m)
		report_put(s, ITEM_FACT, "its child's", r->where->file);
	report_put(s, ITEM_FACT, "verdict",
		   arena_printf(&r->arena, "%s (%s), fingerprint %s", r->cause, r->confidence,
				r->v->fingerprint));
	if (noise)
		report_put(s, ITEM_FACT, "passed over", noise);
	if (r->note)
		report_put(s, ITEM_FACT, "chosen", r->note);
	for (unsigned i = 0; reach_silent(i); i++)
		report_put(s, ITEM_FACT, "not seen", arena_printf(&r->arena, "%s: its file system does not answer", reach_silent(i)));
	for (size_t i = 0; i < r->m->ndamage && i < 5; i++)
		report_put(s, ITEM_FACT, "damage", r->m->damage[i].text);
	for (const struct event *e = NULL; (e = model_next(r->m, KS_note, 0, e)) && s->n < 12;)
		if (FIELD_TEXT(e, note, text))
			report_put(s, ITEM_FACT, "recorder", FIELD_TEXT(e, note, text));
}

/*
 * Every item is one line, whoever wrote it: names of files and functions may hold line feeds, and
 * what comes from other files than the trace was not cleaned before.
 */
static const char *one_line(struct report *r, const char *text)
{
	size_t n = text ? strlen(text) : 0, i = 0;
	char *line;

	while (i < n && text[i] >= ' ' && text[i] < 0x7f)
		i++;
	if (i == n)
		return text;
	line = arena_clean(&r->arena, text, n);
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	return line;
}

static void clean(struct report *r)
{
	r->headline = one_line(r, r->headline);
	r->title = one_line(r, r->title);
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->section[i].n; k++) {
			struct item *item = &r->section[i].items[k];

			item->label = one_line(r, item->label);
			item->text = one_line(r, item->text);
			item->command = item->command ? one_line(r, item->command) : NULL;
		}
	}
}

/* Memory and the GPU matter to whoever ran out of them; else they are details. */
static bool about_memory(const char *id)
{
	return strncmp(id, "cuda.", 5) == 0 || strncmp(id, "fork.cuda", 9) == 0 || strncmp(id, "mem.oom", 7) == 0 ||
	       strcmp(id, "mem.bad-alloc") == 0 || strncmp(id, "mem.address", 11) == 0;
}

/* What begins behind this section is for experts. */
static void expert_from(struct report *r, size_t first)
{
	for (size_t i = first; i < r->n; i++)
		r->section[i].expert = true;
}

/* For users first, then for a bug report; each in its order. */
static void put_in_order(struct report *r)
{
	struct section sorted[sizeof(r->section) / sizeof(r->section[0])];
	size_t n = 0;

	for (int expert = 0; expert <= 1; expert++) {
		for (size_t i = 0; i < r->n; i++) {
			if (r->section[i].expert == expert)
				sorted[n++] = r->section[i];
		}
	}
	memcpy(r->section, sorted, n * sizeof(*sorted));
}

void report_build(struct report *r, const struct subject *s)
{
	size_t first;

	*r = (struct report){ .m = s->m, .where = s->where, .v = s->v, .note = s->note,
			       .series = s->series };
	headline(r);
	report_why(r);
	report_now(r);
	report_what_to_do(r);
	what_happened(r);
	report_proof(r);
	report_last_words(r);
	report_where(r);
	report_also_seen(r);
	first = r->n;
	report_gpu(r);
	report_memory_section(r);
	if (!about_memory(r->cause) && !model_live(r->where))
		expert_from(r, first);
	put_in_order(r);
	report_shorten(r);
	trace(r);
	clean(r);
}

void report_free(struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->section[i].items);
	arena_free(&r->arena);
}

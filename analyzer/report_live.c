/* SPDX-License-Identifier: MIT */
/*
 * What a living process does: each thread, what it waits for, and its stack, Python and native as
 * one. Threads that stand at the same place are told once.
 */
#include "analyzer/report_parts.h"

#include <string.h>

#include "analyzer/live.h"
#include "analyzer/merge.h"

#define MOST_THREADS 24
#define MAIN_FRAMES 16
#define OTHER_FRAMES 5

static const char *title_of(struct report *r, const struct model *m, const struct thread *th)
{
	const struct thread *main_thread = model_thread(m, m->pid);

	if (th->tid == m->pid)
		return arena_printf(&r->arena, "main thread (%u)", th->tid);
	if (*th->name && !(main_thread && strcmp(main_thread->name, th->name) == 0))
		return arena_printf(&r->arena, "thread %u (%s)", th->tid, th->name);
	return arena_printf(&r->arena, "thread %u", th->tid);
}

/* What stands below the run() of every Python thread. */
static bool thread_begin(const struct py_frame *f)
{
	return strstr(f->file, "/threading.py") &&
	       (strstr(f->function, "_bootstrap") || strcmp(f->function, "Thread.run") == 0 ||
		strcmp(f->function, "run") == 0);
}

/* Frames that say nothing beside the Python ones: the interpreter's way between them, the thread's
 * begin. */
static bool plain(const struct one_frame *f)
{
	if (f->python)
		return report_import_frame(f->python) || thread_begin(f->python);
	return report_interpreter_frame(f->native);
}

static const char *line_of(struct report *r, const struct model *m, const struct one_frame *f,
			   const struct one_frame *before)
{
	if (f->python)
		return report_python_line(r, m, f->python);
	return report_native_line(r, f->native, before ? before->native : NULL);
}

static void stack_lines(struct report *r, struct section *s, const struct model *m,
			const struct thread *th, size_t most)
{
	struct one_frame *all;
	size_t n = stack_merge(th, th->native, &r->arena, &all), shown = 0;
	const struct one_frame *before = NULL;

	for (size_t i = 0; i < n && shown < most; i++) {
		if (th->npython && i && plain(&all[i])) {
			before = NULL;
			continue;
		}
		report_put(s, ITEM_CODE, NULL, line_of(r, m, &all[i], before));
		before = &all[i];
		shown++;
		if (shown == most && i + 1 < n)
			report_put(s, ITEM_CODE, NULL, "… and more");
	}
}

static const char *wait_words(struct report *r, const struct thread *th)
{
	const struct wait *w = &th->wait;

	if (w->kind == WAIT_NONE)
		return "runs on a CPU";
	if (w->text)
		return arena_printf(&r->arena, "waits for %s", w->text);
	return th->state == 'T'	  ? "is stopped (SIGSTOP)"
	       : th->state == 't' ? "is stopped by a debugger"
				  : "what it waits for is not known";
}

static bool same_place(const struct thread *a, const struct thread *b)
{
	if (!a->wait.text != !b->wait.text ||
	    (a->wait.text && strcmp(a->wait.text, b->wait.text) != 0))
		return false;
	if (a->npython != b->npython || !a->native != !b->native)
		return false;
	for (size_t i = 0; i < a->npython; i++)
		if (a->python[i].line != b->python[i].line ||
		    strcmp(a->python[i].file, b->python[i].file) != 0)
			return false;
	if (!a->native)
		return true;
	for (size_t i = 0; i < a->native->n && i < b->native->n && i < OTHER_FRAMES; i++)
		if (a->native->frames[i].pc != b->native->frames[i].pc)
			return false;
	return true;
}

static bool told_before(const struct model *m, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (m->threads[i].alive && m->threads[i].tid != m->pid &&
		    same_place(&m->threads[i], &m->threads[at]))
			return true;
	return false;
}

static size_t alike(const struct model *m, size_t at)
{
	size_t n = 0;

	for (size_t i = at + 1; i < m->nthreads; i++)
		n += m->threads[i].alive && m->threads[i].tid != m->pid &&
		     same_place(&m->threads[i], &m->threads[at]);
	return n;
}

static void put_thread(struct report *r, struct section *s, const struct model *m, size_t i)
{
	const struct thread *th = &m->threads[i];
	size_t more = th->tid == m->pid ? 0 : alike(m, i);
	const char *others = more ? arena_printf(&r->arena, ", and %zu like it", more) : "";

	report_put(s, ITEM_TEXT, NULL,
		   arena_printf(&r->arena, "The %s%s %s.", title_of(r, m, th), others,
				wait_words(r, th)));
	stack_lines(r, s, m, th, th->tid == m->pid ? MAIN_FRAMES : OTHER_FRAMES);
}

void report_live(struct report *r)
{
	const struct model *m = r->where;
	const struct live *live = model_live(m);
	struct section *s = report_begin(r, "What its threads do");
	size_t shown = 0, left = 0;

	if (live->refused)
		report_put(s, ITEM_TEXT, NULL,
			   arena_printf(&r->arena,
					"Its memory cannot be read: %s. What follows is what /proc "
					"tells to everybody, and the recording.",
					live->refused));
	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < m->nthreads; i++) {
			const struct thread *th = &m->threads[i];

			if (!th->alive || (th->tid == m->pid) != (turn == 0) ||
			    (turn && told_before(m, i)))
				continue;
			if (shown++ < MOST_THREADS)
				put_thread(r, s, m, i);
			else
				left++;
		}
	}
	if (left)
		report_put(
			s, ITEM_TEXT, NULL,
			arena_printf(&r->arena, "%zu more threads stand at other places.", left));
	if (live->stopped)
		report_put(s, ITEM_FACT, "looked at",
			   arena_printf(&r->arena, "%u threads were stopped for it, %.1f ms in all",
					live->stopped, (double)live->stopped_ns / 1e6));
}

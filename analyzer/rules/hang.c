/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for each other: each holds what the next one wants. Proof: the owner that each
 * lock names, all around. Locks that name no owner (Python's Lock) prove nothing by themselves.
 */
#include "analyzer/proof.h"

#include <string.h>

#define MOST_AROUND 8 /* threads in a circle */

static bool may_hang(const struct model *m)
{
	return m->ending.kind == END_RUNNING || (m->ending.kind == END_SIGNAL && end_was_sent(m));
}

/* The thread that this one waits for, if it is known and the wait has no other end; NULL. */
static const struct thread *waits_for(const struct model *m, const struct thread *t)
{
	const struct wait *w = &t->wait;

	if (!t->alive || !w->owner || w->owner_gone || w->kind == WAIT_OUTSIDE)
		return NULL;
	/* Who waits for the interpreter looks at the clock in between. */
	if (w->kind != WAIT_GIL && (w->passing || (w->known && w->timed)))
		return NULL;
	return model_thread(m, w->owner);
}

/* The circle that begins at t: how many threads, 0: none. */
static unsigned circle(const struct model *m, const struct thread *t, const struct thread **out)
{
	const struct thread *at = t;
	unsigned n = 0;

	while (at && n < MOST_AROUND) {
		out[n++] = at;
		at = waits_for(m, at);
		if (at == t)
			return n;
	}
	return 0;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const struct thread *around[MOST_AROUND];

	if (!may_hang(m))
		return NO_MATCH;
	for (size_t i = 0; i < m->nthreads; i++) {
		unsigned n = circle(m, &m->threads[i], around);
		bool guessed = false;

		if (!n)
			continue;
		for (unsigned k = 0; k < n; k++)
			guessed |= around[k]->wait.kind == WAIT_GIL || around[k]->wait.guessed;
		f->thread = around[0];
		f->number[0] = n;
		return guessed ? LIKELY : PROVEN;
	}
	return NO_MATCH;
}

static const char *name_of(const struct model *m, struct finding *f, const struct thread *t)
{
	const struct thread *main_thread = model_thread(m, m->pid);

	if (t->tid == m->pid)
		return arena_printf(f->arena, "the main thread (%u)", t->tid);
	return *t->name && !(main_thread && strcmp(t->name, main_thread->name) == 0)
		       ? arena_printf(f->arena, "thread %u (%s)", t->tid, t->name)
		       : arena_printf(f->arena, "thread %u", t->tid);
}

static const char *place_of(struct finding *f, const struct thread *t)
{
	const struct stack *s = t->native;

	if (t->npython)
		return arena_printf(f->arena, "%s (%s:%d)", t->python[0].function,
				    t->python[0].file, t->python[0].line);
	for (size_t i = 0; s && i < s->n; i++)
		if (!module_is_libc(s->frames[i].module))
			return frame_text(f->arena, &s->frames[i]);
	return "a place that is not known";
}

static void explain(const struct model *m, struct finding *f)
{
	const struct thread *around[MOST_AROUND];
	unsigned n = circle(m, f->thread, around);

	if (n == 1)
		finding_title(f, "A thread waits for a lock that it holds itself");
	else
		finding_title(f, "%u threads wait for each other's locks", n);
	for (unsigned i = 0; i < n; i++) {
		finding_cite(f, 0, m->ending.time, "%s waits for %s", name_of(m, f, around[i]),
			     around[i]->wait.text);
		finding_say(f, "%s%s stands in %s.",
			    i ? "And " : "In a circle: ", name_of(m, f, around[i]),
			    place_of(f, around[i]));
	}
	finding_say(f,
		    n == 1 ? "Nobody else can open it: this never ends by itself."
			   : "Each holds what the next one waits for: this never ends by itself.");
	finding_fix(f, n == 1 ? "Use a lock that its holder may take again (threading.RLock), or "
				"give it back before."
			      : "Let all threads take these locks in the same order, or hold one "
				"at a time.");
}

const struct rule rule_thread_deadlock = {
	.id = "thread.deadlock",
	.title = "Threads wait for each other's locks",
	.match = match,
	.explain = explain,
	.page = "Two threads each hold a lock and wait for the other's; or one waits for a lock of "
		"its own.\n"
		"Proof: the owner that each lock names is the next thread that waits, all around, "
		"and none of the waits ends by a clock.\n"
		"Mistaken for it: threads of a pool that wait for work, a main thread that waits "
		"for a signal.",
	.sources = "https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html",
};

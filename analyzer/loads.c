/* SPDX-License-Identifier: MIT */
/*
 * Loads (dlopen): begun, learnt the outcome of, or never returned from.
 *
 * The recorder learns an outcome late: at the thread's next event. So a load without one had not
 * returned only where something shows that the thread was still inside it.
 */
#include "analyzer/model_private.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
	const struct load *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct load *find(const struct model *m, uint64_t id)
{
	size_t low = 0, high = m->nloads;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->loads[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->nloads && m->loads[low].id == id ? &m->loads[low] : NULL;
}

const struct load *model_load(const struct model *m, uint32_t id)
{
	return id ? find(m, id) : NULL;
}

static void begun(struct load *l, const struct event *e)
{
	l->id = (uint32_t)FIELD(e, load_begin, id);
	l->tid = e->tid;
	l->outer = (uint32_t)FIELD(e, load_begin, outer);
	l->begin = e->time;
	l->end = -1;
	l->path = FIELD_TEXT(e, load_begin, path);
	l->flags = FIELD(e, load_begin, flags);
	l->caller.pc = FIELD(e, load_begin, caller);
	l->began = e;
}

static void ended(struct load *l, const struct event *e)
{
	uint64_t ok = FIELD(e, load_end, ok);

	l->ended = e;
	l->error = FIELD_TEXT(e, load_end, error);
	l->end =
		FIELD_SIGNED(e, load_end, returned) ? FIELD_SIGNED(e, load_end, returned) : e->time;
	if (ok == 1)
		l->outcome = LOAD_OK;
	else if (ok == 0)
		l->outcome = LOAD_FAILED;
}

/* --- which had not returned --- */

static bool in_loader(const struct frame *f)
{
	return f->module && (strncmp(f->module->name, "ld-linux", 8) == 0 ||
			     strncmp(f->module->name, "ld-musl", 7) == 0 ||
			     strncmp(f->module->name, "ld-2.", 5) == 0);
}

/* The loader, or who has just called it: where a stack follows frame pointers, the loader has none. */
static bool loads(const struct frame *f)
{
	static const char *const callers[] = {"dlopen", "dlmopen", "py_dl_open", "_PyImport_FindSharedFuncptr"};

	if (in_loader(f))
		return true;
	for (unsigned i = 0; f->symbol && i < sizeof(callers) / sizeof(*callers); i++) {
		const size_t n = strlen(callers[i]);

		if (strncmp(f->symbol, callers[i], n) == 0 && (!f->symbol[n] || f->symbol[n] == '@'))
			return true;
	}
	return false;
}

/* How many loads a stack shows in progress: each leaves frames of the loader between those of
 * others. */
static unsigned loads_on_stack(const struct stack *s)
{
	unsigned n = 0;

	for (size_t i = 0; s && i < s->n; i++)
		if (loads(&s->frames[i]) && (!i || !loads(&s->frames[i - 1])))
			n++;
	return n;
}

/* id and those in which it happens, up to most of them counted from the outermost, had not
 * returned. */
static void mark_running(struct model *m, uint32_t id, unsigned most)
{
	struct load *chain[64];
	unsigned n = 0;

	for (struct load *l = find(m, id); l && n < 64; l = l->outer ? find(m, l->outer) : NULL)
		chain[n++] = l;
	for (unsigned i = n > most ? n - most : 0; i < n; i++)
		if (chain[i]->outcome == LOAD_UNKNOWN && !chain[i]->ended)
			chain[i]->outcome = LOAD_RUNNING;
}

/* Of a thread that was looked at: its newest load, where its stack shows one. */
static void mark_newest(struct model *m, const struct thread *th)
{
	unsigned n = loads_on_stack(th->native);

	for (size_t i = m->nloads; n && i-- > 0;) {
		if (m->loads[i].tid != th->tid || m->loads[i].ended)
			continue;
		mark_running(m, m->loads[i].id, n);
		return;
	}
}

/*
 * The recorder's idea of the load in progress (event->load) is put right only at the thread's next
 * load, exit or abort; at a crash the stack decides whether there is one at all.
 */
void build_running_loads(struct model *m)
{
	const struct event *call = model_last(m, KS_exit_call, 0, NULL),
			   *aborted = model_last(m, KS_abort_call, 0, NULL);
	const struct event *crash = model_last(m, KS_crash, m->crash.tid, NULL);

	if (call && FIELD(call, exit_call, load))
		mark_running(m, (uint32_t)FIELD(call, exit_call, load), 64);
	if (aborted && FIELD(aborted, abort_call, load))
		mark_running(m, (uint32_t)FIELD(aborted, abort_call, load), 64);
	for (size_t i = 0; i < m->nthreads; i++)
		if (m->threads[i].native && m->threads[i].alive)
			mark_newest(m, &m->threads[i]);
	if (m->crash.present && !m->crash.repaired && crash && crash->load)
		mark_running(m, crash->load, loads_on_stack(m->crash.stack));
}

void build_loads(struct model *m)
{
	size_t room = 0, n = 0;

	for (const struct event *e = NULL; (e = model_next(m, KS_load_begin, 0, e)); n++) {
		m->loads = grow(m->loads, n, &room, sizeof(*m->loads));
		begun(&m->loads[n], e);
	}
	m->nloads = n;
	if (!n)
		return;
	qsort(m->loads, n, sizeof(*m->loads), by_id);
	for (const struct event *e = NULL; (e = model_next(m, KS_load_end, 0, e));) {
		struct load *l = find(m, FIELD(e, load_end, id));

		if (l)
			ended(l, e);
	}
	for (const struct event *e = NULL; (e = model_next(m, KS_load_refused, 0, e));) {
		struct load *l = find(m, FIELD(e, load_refused, id));

		if (l)
			l->refused = e;
	}
	for (size_t i = 0; i < m->nloads; i++)
		frame_at(m, m->loads[i].caller.pc, true, m->loads[i].begin)->needed = true;
}

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
	l->end = FIELD_SIGNED(e, load_end, returned) ? FIELD_SIGNED(e, load_end, returned) : e->time;
	if (ok == 1)
		l->outcome = LOAD_OK;
	else if (ok == 0)
		l->outcome = LOAD_FAILED;
}

/* Is id the load inner, or one that inner happens in? */
static bool within(const struct model *m, uint32_t inner, uint32_t id)
{
	for (unsigned depth = 0; inner && depth < 64; depth++) {
		const struct load *l;

		if (inner == id)
			return true;
		l = find(m, inner);
		inner = l ? l->outer : 0;
	}
	return false;
}

/* The thread's last event: what it says of the load that it happened in is the last that is known. */
static const struct event *last_of_thread(const struct model *m, uint32_t tid)
{
	for (size_t i = m->nevents; i-- > 0;)
		if (m->events[i].tid == tid)
			return &m->events[i];
	return NULL;
}

static bool brought_modules(const struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->nmodules; i++)
		if (m->modules[i].load == id)
			return true;
	return false;
}

static void still_running(struct model *m)
{
	for (size_t i = 0; i < m->nloads; i++) {
		struct load *l = &m->loads[i];
		const struct event *last;

		if (l->outcome != LOAD_UNKNOWN || l->ended)
			continue;
		last = last_of_thread(m, l->tid);
		if (within(m, last->load, l->id) || (last == l->began && !brought_modules(m, l->id)))
			l->outcome = LOAD_RUNNING;
	}
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
	still_running(m);
	for (size_t i = 0; i < m->nloads; i++)
		frame_at(m, m->loads[i].caller.pc, true, m->loads[i].begin)->needed = true;
}

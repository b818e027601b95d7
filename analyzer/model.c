/* SPDX-License-Identifier: MIT */
/*
 * Builds the model of a trace and answers the questions about its events.
 *
 * Order matters: modules before frames, frames before their names, the ending last.
 */
#include "analyzer/model_private.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/decode.h"
#include "analyzer/names.h"

/* Copies what is known by now of each frame into a stack that was made from them. */
static void stack_refresh(struct model *m, const struct stack *stack, int64_t time)
{
	for (size_t i = 0; stack && i < stack->n; i++)
		stack->frames[i] = frame_at(m, stack->frames[i].pc, true, time)->frame;
}

/* --- events --- */

static void event_stack(struct model *m, struct event *e, uint64_t reference, bool needed)
{
	struct private *p = m->private;
	uint64_t pcs[128];
	size_t size;
	const char *data = trace_string(p->trace, reference, KS_STRING_STACK, &size);

	if (!data || e->stack)
		return;
	size = size / 8 < 128 ? size / 8 : 128;
	memcpy(pcs, data, size * 8);
	e->stack = model_stack(m, pcs, size, e->time, needed);
}

static void event_decode(struct model *m, struct event *e, const struct slot *s)
{
	struct private *p = m->private;
	const struct record_info *info = event_info(s->event);

	e->time = trace_time(p->trace, s->time);
	e->number = s->event;
	e->tid = s->tid;
	e->load = s->load;
	e->nfields = s->nfields;
	e->record = s->offset;
	memcpy(e->field, s->field, sizeof(e->field));
	for (unsigned i = 0; info && i < s->nfields && i < info->nfields; i++) {
		const struct field_info *f = &info->field[i];

		if (f->type == FIELD_STR)
			e->str[i] = model_text(m, s->field[i]);
		else if (f->type == FIELD_STK)
			event_stack(m, e, s->field[i], strcmp(info->lane, "RING") != 0);
		else if (f->type == FIELD_TIME && s->field[i])
			e->field[i] =
				(uint64_t)(strcmp(f->name, "duration") ?
						   trace_time(p->trace, s->field[i]) :
						   trace_span(p->trace, (int64_t)s->field[i]));
	}
}

static int by_time(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void build_events(struct model *m)
{
	struct private *p = m->private;
	struct trace *t = p->trace;
	size_t count[KS_EVENT_MAX + 1] = { 0 };

	if (t->nslots)
		qsort(t->slots, t->nslots, sizeof(*t->slots), by_time);
	m->events = xalloc(t->nslots, sizeof(*m->events));
	m->nevents = t->nslots;
	for (size_t i = 0; i < t->nslots; i++) {
		event_decode(m, &m->events[i], &t->slots[i]);
		if (m->events[i].number <= KS_EVENT_MAX)
			count[m->events[i].number]++;
	}
	for (unsigned k = 0; k <= KS_EVENT_MAX; k++)
		p->of[k].event =
			count[k] ? arena_alloc(&p->arena, count[k] * sizeof(struct event *)) : NULL;
	for (size_t i = 0; i < m->nevents; i++) {
		struct events_of *of =
			m->events[i].number <= KS_EVENT_MAX ? &p->of[m->events[i].number] : NULL;

		if (of)
			of->event[of->n++] = &m->events[i];
	}
}

/* How many events of this list come before e (which need not be in it). */
static size_t position(const struct events_of *of, const struct event *e)
{
	size_t low = 0, high = of->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (of->event[mid] < e)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct event *model_last(const struct model *m, uint32_t number, uint32_t tid,
			       const struct event *before)
{
	const struct events_of *of = number <= KS_EVENT_MAX ? &private_of(m)->of[number] : NULL;

	for (size_t i = !of ? 0 : before ? position(of, before) : of->n; i-- > 0;)
		if (!tid || of->event[i]->tid == tid)
			return of->event[i];
	return NULL;
}

const struct event *model_next(const struct model *m, uint32_t number, uint32_t tid,
			       const struct event *after)
{
	const struct events_of *of = number <= KS_EVENT_MAX ? &private_of(m)->of[number] : NULL;

	for (size_t i = of && after ? position(of, after + 1) : 0; of && i < of->n; i++)
		if (!tid || of->event[i]->tid == tid)
			return of->event[i];
	return NULL;
}

/* --- facts --- */

const char *model_env(const struct model *m, const char *name)
{
	for (const struct event *e = NULL; (e = model_next(m, KS_env, 0, e));) {
		const char *n = FIELD_TEXT(e, env, name), *value = FIELD_TEXT(e, env, value);

		if (n && strcmp(n, name) == 0)
			return value ? value : "";
	}
	return NULL;
}

const char *model_info(const struct model *m, const char *key)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_info, 0, e));) {
		const char *k = FIELD_TEXT(e, info, key);

		if (k && strcmp(k, key) == 0)
			return FIELD_TEXT(e, info, value);
	}
	return NULL;
}

static uint64_t limit_of(const struct model *m, int resource, bool hard)
{
	uint64_t value = UNKNOWN;

	for (const struct event *e = NULL; (e = model_next(m, KS_limit, 0, e));)
		if (FIELD(e, limit, resource) == (uint64_t)resource)
			value = hard ? FIELD(e, limit, hard) : FIELD(e, limit, soft);
	for (const struct event *e = NULL; (e = model_next(m, KS_limit_set, 0, e));)
		if (FIELD(e, limit_set, resource) == (uint64_t)resource && !FIELD(e, limit_set, result))
			value = hard ? FIELD(e, limit_set, hard) : FIELD(e, limit_set, soft);
	return value;
}

uint64_t model_limit(const struct model *m, int resource)
{
	return limit_of(m, resource, false);
}

uint64_t model_hard_limit(const struct model *m, int resource)
{
	return limit_of(m, resource, true);
}

static void build_facts(struct model *m)
{
	struct private *p = m->private;
	const struct event *kernel = model_last(m, KS_kernel, 0, NULL),
			   *cell = model_last(m, KS_py_cell, 0, NULL);

	m->file = p->trace->path;
	m->header = &p->trace->header;
	m->arch = m->header->arch;
	m->started = header_realtime(m->header->start_realtime);
	m->pid = m->header->pid;
	m->ppid = m->header->ppid;
	m->parent_pid = m->header->parent_pid;
	if (kernel) {
		m->is_kernel = true;
		m->connection_file = FIELD_TEXT(kernel, kernel, connection);
		m->notebook = FIELD_TEXT(kernel, kernel, notebook);
	}
	if (cell) {
		m->cell = FIELD(cell, py_cell, count);
		m->cell_file = FIELD_TEXT(cell, py_cell, file);
		m->cell_text = FIELD_TEXT(cell, py_cell, text);
	}
	m->ndamage = p->trace->ndamage;
	m->damage = arena_alloc(&p->arena, m->ndamage * sizeof(*m->damage));
	for (size_t i = 0; i < m->ndamage; i++)
		m->damage[i] =
			(struct damage){ p->trace->damage[i].text, p->trace->damage[i].offset };
}

static struct model *build(struct trace *trace, bool plain)
{
	struct model *m = xalloc(1, sizeof(*m));
	struct private *p = xalloc(1, sizeof(*p));

	m->private = p;
	p->trace = trace;
	p->plain = plain;
	build_maps(m);
	build_modules(m);
	p->names = names_new(&p->arena, trace->header.arch);
	build_events(m);
	build_facts(m);
	build_checkpoints(m);
	build_witnesses(m);
	build_gpu(m);
	build_output(m);
	build_threads(m);
	build_loads(m);
	build_crash(m);
	build_own_look(m);
	build_native_stack(m);
	build_thread_stacks(m);
	build_running_loads(m);
	model_symbolise(m);
	for (size_t i = 0; i < m->nevents; i++)
		stack_refresh(m, m->events[i].stack, m->events[i].time);
	for (size_t i = 0; i < m->nloads; i++)
		m->loads[i].caller =
			frame_at(m, m->loads[i].caller.pc, true, m->loads[i].begin)->frame;
	for (size_t i = 0; i < m->nthreads; i++)
		m->threads[i].routine =
			frame_at(m, m->threads[i].routine.pc, false, m->threads[i].start)->frame;
	build_waits(m);
	build_ending(m);
	return m;
}

const struct live *model_live(const struct model *m)
{
	return private_of(m)->trace->live;
}

struct model *model_build(struct trace *trace)
{
	return build(trace, false);
}

struct model *model_build_plain(struct trace *trace)
{
	return build(trace, true);
}

void model_free(struct model *m)
{
	struct private *p = m ? m->private : NULL;

	if (!m)
		return;
	names_free(p->names);
	free(p->frames);
	free(p->texts);
	free(m->events);
	free(m->modules);
	free(m->loads);
	free(m->threads);
	free(m->checkpoints);
	free(m->maps);
	free(m->witnesses);
	arena_free(&p->arena);
	free(p);
	free(m);
}

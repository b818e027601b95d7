/* SPDX-License-Identifier: MIT */
/* Threads: their counters, what the crash saw of them, their Python frames. */
#include "analyzer/model_private.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/decode.h"
#include "analyzer/pyframes.h"

static void copy_name(char *to, size_t room, const char *from, size_t n)
{
	struct text t = { 0 };

	text_clean(&t, from, strnlen(from, n));
	strncpy(to, text_get(&t), room - 1);
	text_free(&t);
}

static void fill_thread(struct model *m, struct thread *to, const struct ks_thread *raw)
{
	const struct trace *t = private_of(m)->trace;

	to->tid = raw->tid;
	copy_name(to->name, sizeof(to->name), raw->name, sizeof(raw->name));
	to->alive = raw->state == 1;
	to->start = trace_time(t, raw->start_time);
	to->end = raw->end_time ? trace_time(t, raw->end_time) : -1;
	to->alloc_bytes = raw->alloc_bytes;
	to->alloc_count = raw->alloc_count;
	to->free_bytes = raw->free_bytes;
	to->free_count = raw->free_count;
	to->fail_count = raw->fail_count;
	to->big_count = raw->big_count;
	to->stack_low = raw->stack_low;
	to->stack_high = raw->stack_high;
	to->guard_size = raw->guard_size;
	to->routine.pc = raw->routine;
	to->syscall = UNKNOWN;
}

static struct thread *find(struct model *m, uint32_t tid)
{
	for (size_t i = m->nthreads; i-- > 0;)
		if (m->threads[i].tid == tid)
			return &m->threads[i];
	return NULL;
}

const struct thread *model_thread(const struct model *m, uint32_t tid)
{
	for (size_t i = m->nthreads; i-- > 0;)
		if (m->threads[i].tid == tid)
			return &m->threads[i];
	return NULL;
}

/* The thread of a record of the crash: one that never allocated has no counters and is new here. */
static struct thread *find_or_add(struct model *m, uint32_t tid, size_t *room)
{
	struct thread *th = find(m, tid);

	if (th)
		return th;
	m->threads = grow(m->threads, m->nthreads, room, sizeof(*m->threads));
	th = &m->threads[m->nthreads++];
	*th = (struct thread){ .tid = tid, .alive = true, .end = -1, .syscall = UNKNOWN };
	return th;
}

static void add_infos(struct model *m, const struct block *b, size_t *room)
{
	struct ks_thread_info info;
	size_t n = b->head.size / sizeof(info);

	for (size_t i = 0; i < n && i < 4096; i++) {
		struct thread *th;

		memcpy(&info, b->data + i * sizeof(info), sizeof(info));
		if (!info.tid)
			continue;
		th = find_or_add(m, info.tid, room);
		copy_name(th->name, sizeof(th->name), info.name, sizeof(info.name));
		th->state = info.state >= 'A' && info.state <= 'z' ? info.state : 0;
		th->syscall = info.syscall;
		th->args = info.args;
		th->arg0 = info.arg0;
		th->arg1 = info.arg1;
		th->sp = info.sp;
		th->pc = info.pc;
		th->alive = true;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void build_threads(struct model *m)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	size_t room = t->nthreads + 1;

	m->threads = xalloc(room, sizeof(*m->threads));
	m->nthreads = t->nthreads;
	for (size_t i = 0; i < t->nthreads; i++)
		fill_thread(m, &m->threads[i], &t->threads[i].raw);
	qsort(m->threads, m->nthreads, sizeof(*m->threads), by_start);
	/* Who looks at a living process sees all threads that there are. */
	for (size_t i = 0; t->live && i < m->nthreads; i++)
		m->threads[i].alive = false;
	for (size_t i = 0; i < t->nblocks; i++)
		if (t->blocks[i].head.kind == KS_BLOCK_THREADS)
			add_infos(m, &t->blocks[i], &room);
	for (size_t i = 0; i < t->nblocks && i < 4096; i++) {
		const struct block *b = &t->blocks[i];

		if (b->head.kind == KS_BLOCK_PYTHON) {
			struct thread *th = find_or_add(m, b->head.tid, &room);

			th->npython = py_frames(&p->arena, b->data, b->head.size, &th->python,
						&th->python_cut);
		}
	}
}

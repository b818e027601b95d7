/* SPDX-License-Identifier: MIT */
/* Checkpoints of the memory, the reports of witnesses, and the tail of fd 2. */
#include "analyzer/model_private.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/decode.h"

static int by_time(const void *a, const void *b)
{
	const struct checkpoint *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

void build_checkpoints(struct model *m)
{
	const struct trace *t = private_of(m)->trace;

	m->checkpoints = xalloc(t->ncheckpoints, sizeof(*m->checkpoints));
	m->ncheckpoints = t->ncheckpoints;
	for (size_t i = 0; i < t->ncheckpoints; i++) {
		const struct ks_checkpoint *c = &t->checkpoints[i].raw;

		m->checkpoints[i] = (struct checkpoint){
			.time = trace_time(t, c->time),
			.reason = c->reason,
			.threads = c->threads,
			.tid = c->tid,
			.rss = c->rss,
			.vsize = c->vsize,
			.heap_alloc = c->heap_alloc,
			.heap_free = c->heap_free,
			.cg_usage = c->cg_usage,
			.cg_limit = c->cg_limit,
			.cg_oom_kill = c->cg_oom_kill,
			.sys_oom_kill = c->sys_oom_kill,
			.mem_available = c->mem_available,
			.swap_free = c->swap_free,
			.cg_pids = c->cg_pids,
			.cpu_ms = c->cpu_ms,
			.record = t->checkpoints[i].offset,
		};
	}
	if (m->ncheckpoints)
		qsort(m->checkpoints, m->ncheckpoints, sizeof(*m->checkpoints), by_time);
}

void build_witnesses(struct model *m)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	size_t room = 0;

	for (size_t i = 0; i < t->nblocks; i++) {
		const struct block *b = &t->blocks[i];
		struct witness *w;

		if (b->head.kind != KS_BLOCK_WITNESS || b->head.size < 64 || m->nwitnesses >= 64)
			continue;
		m->witnesses = grow(m->witnesses, m->nwitnesses, &room, sizeof(*m->witnesses));
		w = &m->witnesses[m->nwitnesses++];
		memcpy(&w->raw, b->data,
		       b->head.size < sizeof(w->raw) ? b->head.size : sizeof(w->raw));
		w->name = arena_clean(&p->arena, w->raw.name,
				      strnlen(w->raw.name, sizeof(w->raw.name)));
		w->record = b->offset;
	}
}

/* Totals of the GPU: the region that hooks/cuda_state.c keeps. */
void build_gpu(struct model *m)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;

	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];
		struct ks_gpu *gpu;

		if (r->kind != KS_REGION_STATE || r->aux[0] != KS_STATE_GPU ||
		    r->size < sizeof(*gpu))
			continue;
		gpu = arena_alloc(&p->arena, sizeof(*gpu));
		memcpy(gpu, t->bytes + r->offset, sizeof(*gpu));
		m->gpu = gpu;
	}
}

void build_output(struct model *m)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	const char *from = t->output ? t->output : "";
	size_t n = t->output_size;

	if (t->output_total > n) {	/* the ring has turned: its oldest line is not whole */
		const char *line = memchr(from, '\n', n);

		if (line) {
			n -= (size_t)(line + 1 - from);
			from = line + 1;
		}
	}
	m->stderr_tail = arena_clean(&p->arena, from, n);
	m->stderr_size = strlen(m->stderr_tail);
}

const char *model_stderr_line(const struct model *m, const char *text, bool last)
{
	struct private *p = m->private;
	const char *found = strstr(m->stderr_tail, text), *begin, *end;

	for (const char *next = found; last && next && *text; next = strstr(next + 1, text))
		found = next;
	if (!found)
		return NULL;
	begin = found;
	while (begin > m->stderr_tail && begin[-1] != '\n')
		begin--;
	end = strchr(found, '\n');
	return arena_text(&p->arena, begin, end ? (size_t)(end - begin) : strlen(begin));
}

/* SPDX-License-Identifier: MIT */
/* What every report says of a process: its Python and environment, its thread, its memory. */
#include "analyzer/report.h"

#include <string.h>
#include <sys/resource.h>

#include "analyzer/events.h"

static const char *not_empty(const char *s)
{
	return s && *s ? s : NULL;
}

static const char *ready_text(const struct model *m, size_t field)
{
	const struct event *e = model_last(m, KS_py_ready, 0, NULL);

	return e ? not_empty(e->str[field]) : NULL;
}

const char *process_version(const struct model *m, struct arena *a)
{
	const char *full = ready_text(m, FIELD_INDEX(py_ready, version));

	return full ? arena_text(a, full, strcspn(full, " ")) : NULL;
}

/* The recorder joins arguments as a shell would have to write them (shim/args.c): apart again. */
size_t process_argv(const struct model *m, struct arena *a, const char *const **argv)
{
	const char *p = model_info(m, "argv");
	size_t n = 0, room = p ? strlen(p) / 2 + 1 : 0;
	const char **list = arena_alloc(a, (room + 1) * sizeof(*list));

	*argv = list;
	while (p && *p && n < room) {
		char *to = arena_alloc(a, strlen(p) + 1), quote = 0;

		list[n++] = to;
		for (; *p && (quote || *p != ' '); p++) {
			if (!quote && *p == '\\' && p[1])
				*to++ = *++p;
			else if (!quote && *p == '\'')
				quote = *p;
			else if (quote && *p == quote)
				quote = 0;
			else
				*to++ = *p;
		}
		p += *p == ' ';
	}
	return n;
}

const char *process_prefix(const struct model *m)
{
	return ready_text(m, FIELD_INDEX(py_ready, prefix));
}

const char *process_venv(const struct model *m)
{
	const char *base = ready_text(m, FIELD_INDEX(py_ready, base_prefix)),
		   *prefix = process_prefix(m);

	if (prefix)
		return base && strcmp(base, prefix) != 0 ? prefix : NULL;
	return not_empty(model_env(m, "VIRTUAL_ENV"));
}

/* The environment of conda that this Python belongs to; an active one of another Python does not
 * count. */
const char *process_conda(const struct model *m)
{
	const char *conda = not_empty(model_env(m, "CONDA_PREFIX")), *prefix = process_prefix(m);

	return conda && (!prefix || strcmp(conda, prefix) == 0) ? conda : NULL;
}

const struct thread *report_thread(const struct model *m)
{
	uint32_t tid = m->crash.present && !m->crash.repaired ? m->crash.tid :
		       m->ending.event			      ? m->ending.event->tid :
								0;

	if (!tid && model_live(m))
		tid = m->pid;
	return tid ? model_thread(m, tid) : NULL;
}

const struct stack *report_stack(const struct model *m)
{
	if (m->crash.present && !m->crash.repaired && m->crash.stack)
		return m->crash.stack;
	if (m->ending.event)
		return m->ending.event->stack;
	return model_live(m) && report_thread(m) ? report_thread(m)->native : NULL;
}

static uint64_t known(uint64_t v)
{
	return v ? v : UNKNOWN;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a == UNKNOWN || (b != UNKNOWN && b > a) ? known(b) : a;
}

/* A request that failed looked at the process, too: what was in use then is what a limit is held against. */
static void look_at_failures(const struct model *m, struct memory_summary *s)
{
	const int64_t last = m->ncheckpoints ? m->checkpoints[m->ncheckpoints - 1].time : INT64_MIN;
	const struct event *alloc = model_last(m, KS_alloc_failed, 0, NULL), *map = model_last(m, KS_map_failed, 0, NULL),
			   *thread = model_last(m, KS_thread_failed, 0, NULL);

	if (alloc)
		s->vsize = most(s->vsize, FIELD(alloc, alloc_failed, vsize));
	if (map)
		s->vsize = most(s->vsize, FIELD(map, map_failed, vsize));
	if (thread)
		s->vsize = most(s->vsize, FIELD(thread, thread_failed, vsize));
	if (thread && thread->time > last)
		s->threads = known(FIELD(thread, thread_failed, threads));
}

struct memory_summary report_memory(const struct model *m)
{
	struct memory_summary s = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
				    UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };

	for (size_t i = 0; i < m->ncheckpoints; i++) {
		const struct checkpoint *c = &m->checkpoints[i];

		if (c->rss != UNKNOWN && c->rss) {
			s.rss = c->rss;
			if (s.rss_peak == UNKNOWN || c->rss > s.rss_peak)
				s.rss_peak = c->rss;
		}
		s.vsize = known(c->vsize);
		s.cgroup_usage = known(c->cg_usage);
		s.cgroup_limit = known(c->cg_limit);
		s.available = known(c->mem_available);
		if (c->threads)
			s.threads = c->threads;
		if (c->heap_alloc != UNKNOWN && c->heap_alloc > c->heap_free)
			s.heap_live = c->heap_alloc - c->heap_free;
	}
	look_at_failures(m, &s);
	s.as_limit = model_limit(m, RLIMIT_AS);
	return s;
}

const char *confidence_word(const struct finding *f)
{
	return f->confidence == PROVEN ? "proven" : f->confidence == LIKELY ? "likely" : "unknown";
}

/* SPDX-License-Identifier: MIT */
/*
 * Killed by the kernel for want of memory. SIGKILL leaves nothing in the process; the proof is a
 * counter of the kernel (oom_kill of the cgroup, or of the whole machine) that was lower while
 * the process lived than when a witness looked after its end, beside a use near the limit.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

#define FRESH	60000000000	/* a look so short before the end was taken on the way to it, ns */
#define AT_ONCE	1000000000	/* children whose ends are learnt of within so long may have ended at the same moment, ns */

struct counters {
	uint64_t cg_before, cg_after, sys_before, sys_after, usage, limit, rss, grown, available;
	const struct witness *witness;
	const struct checkpoint *first, *last;
	bool fresh;		/* the last look inside was shortly before the end */
	bool cg_doubtful, sys_doubtful;
};

static void take(uint64_t *to, uint64_t value)
{
	if (value != UNKNOWN)
		*to = value;
}

static uint64_t larger(uint64_t a, uint64_t plus_one)
{
	return a != UNKNOWN && plus_one && plus_one - 1 > a ? plus_one - 1 : a;
}

/* The witness may have seen the counter rise before, for another one (shim/counters.c). */
static void tell_witness(const struct model *m, struct counters *c, const struct ks_witness *w)
{
	const int64_t end = (int64_t)(w->realtime - m->header->start_realtime);

	c->cg_before = larger(c->cg_before, w->cg_before);
	c->sys_before = larger(c->sys_before, w->sys_before);
	c->cg_doubtful = w->doubtful & KS_DOUBTFUL_CGROUP;
	c->sys_doubtful = w->doubtful & KS_DOUBTFUL_SYSTEM;
	c->fresh = c->last && end - c->last->time < FRESH;
}

/* The counters of the heap go on until the last instruction; memory was measured at the last look. */
static void tell_heap(const struct model *m, struct counters *c)
{
	const struct checkpoint *p = c->last;
	uint64_t alloc = 0, freed = 0;

	for (size_t i = 0; i < m->nthreads; i++) {
		alloc += m->threads[i].alloc_bytes;
		freed += m->threads[i].free_bytes;
	}
	if (alloc < freed || !p || p->heap_alloc == UNKNOWN || p->heap_free == UNKNOWN || p->heap_alloc < p->heap_free)
		return;
	if (alloc - freed > p->heap_alloc - p->heap_free && alloc - freed < 1ull << 50)
		c->grown = alloc - freed - (p->heap_alloc - p->heap_free);
}

static struct counters count(const struct model *m)
{
	struct counters c = { UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, .available = UNKNOWN };

	for (size_t i = 0; i < m->ncheckpoints; i++) {
		const struct checkpoint *p = &m->checkpoints[i];

		/* The first look of all is a short one, without the cgroup. */
		if (!c.first || (c.first->cg_usage == UNKNOWN && p->cg_usage != UNKNOWN))
			c.first = p;
		c.last = p;
		take(&c.cg_before, p->cg_oom_kill);
		take(&c.sys_before, p->sys_oom_kill);
		take(&c.limit, p->cg_limit);
		take(&c.usage, p->cg_usage);
		take(&c.rss, p->rss);
		take(&c.available, p->mem_available);
	}
	tell_heap(m, &c);
	for (size_t i = 0; i < m->nwitnesses; i++) {
		const struct ks_witness *w = &m->witnesses[i].raw;

		if (w->cg_oom_kill == UNKNOWN && w->sys_oom_kill == UNKNOWN)
			continue;
		/* Who saw it first knows best: later ones may have seen others die. */
		if (c.witness && c.witness->raw.kind <= w->kind)
			continue;
		c.witness = &m->witnesses[i];
		take(&c.cg_after, w->cg_oom_kill);
		take(&c.sys_after, w->sys_oom_kill);
	}
	if (c.witness)
		tell_witness(m, &c, &c.witness->raw);
	return c;
}

static bool rose(uint64_t before, uint64_t after)
{
	return before != UNKNOWN && after != UNKNOWN && after > before;
}

static void keep(struct finding *f, const struct counters *c)
{
	f->first = c->first;
	f->last = c->last;
	f->number[0] = c->usage;
	f->number[1] = c->limit;
	f->number[2] = c->rss;
	f->number[3] = c->available;
	f->number[4] = c->witness ? c->witness->record : 0;
}

/* Who asked for the most big blocks that were seen. */
static void tell_allocators(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_alloc_big, 0, NULL);
	const struct frame *frame = e ? frame_outside(e->stack) : NULL;

	if (!frame)
		return;
	finding_cite(f, e->record, e->time, "the last big request: %s by %s", size_text(f->arena, FIELD(e, alloc_big, size)),
		     frame_text(f->arena, frame));
	if (!module_is_python(frame->module))
		finding_say(f, "The last big piece of memory that was seen, %s, was asked for by %s.",
			    size_text(f->arena, FIELD(e, alloc_big, size)), software_of(f->arena, frame->module));
}

static void tell_looks(struct finding *f)
{
	if (f->first && f->last && f->first->cg_usage != UNKNOWN && f->last->cg_usage != UNKNOWN &&
	    f->last->cg_usage > f->first->cg_usage) {
		finding_cite(f, f->last->record, f->last->time, "memory in use by its cgroup %s, at the first look %s",
			     size_text(f->arena, f->last->cg_usage), size_text(f->arena, f->first->cg_usage));
		finding_say(f,
			    "What the container uses had grown from %s to %s at the last look, %.1f s "
			    "after the start.",
			    size_text(f->arena, f->first->cg_usage),
			    size_text(f->arena, f->last->cg_usage), SECONDS(f->last->time));
		return;
	}
	if (f->first && f->last && f->first->rss != UNKNOWN && f->last->rss != UNKNOWN) {
		finding_cite(f, f->last->record, f->last->time, "resident memory %s, at the start %s",
			     size_text(f->arena, f->last->rss), size_text(f->arena, f->first->rss));
		finding_say(f, "Its memory had grown from %s to %s at the last look, %.1f s after the start.",
			    size_text(f->arena, f->first->rss), size_text(f->arena, f->last->rss), SECONDS(f->last->time));
	}
}

static void tell_growth(const struct model *m, struct finding *f)
{
	const uint64_t grown = count(m).grown;

	tell_looks(f);
	if (grown >= 1 << 20)
		finding_say(f, "From then to its end it took %s more from the heap than it gave back.", size_text(f->arena, grown));
}

/* --- mem.oom-killed-cgroup --- */

static bool was_killed(const struct event *child_end)
{
	return (FIELD(child_end, child_end, status) & 0x7f) == SIGKILL;
}

/*
 * The last look before a child's end and the one at it. Of several that ended at once another may have been waited for
 * first: what was seen then does not count as before.
 */
static void looks_around(const struct model *m, const struct event *e, const struct checkpoint **before,
			 const struct checkpoint **after)
{
	*before = *after = NULL;
	for (size_t i = 0; i < m->ncheckpoints && !*after; i++) {
		const struct checkpoint *c = &m->checkpoints[i];

		if (c->time >= e->time)
			*after = c;
		else if (c->cg_oom_kill != UNKNOWN && !(c->reason == KS_CHECK_WITNESS && e->time - c->time < AT_ONCE))
			*before = c;
	}
}

/* Children that were killed since that look, this one among them. */
static uint64_t killed_since(const struct model *m, const struct checkpoint *before, const struct event *last)
{
	uint64_t n = 0;

	for (const struct event *e = NULL; (e = model_next(m, KS_child_end, 0, e));)
		n += was_killed(e) && e->time >= before->time && e->time <= last->time;
	return n;
}

/*
 * A worker without a recording of its own was killed, and the counter rose for it and whoever else was killed between the
 * last look before its end and the look that this process took when it learnt of it; then an exception about it came.
 */
static enum confidence match_worker(const struct model *m, struct finding *f)
{
	const struct py_error *error = &f->context->error;
	const bool about = strstr(error->text, "terminated abruptly") ||
			   strstr(error->text, "killed by signal") ||
			   strstr(error->text, "exited unexpectedly") ||
			   strstr(error->text, "SIGKILL") || strstr(error->type, "WorkerLost") ||
			   strstr(error->type, "BrokenProcess") ||
			   strstr(error->type, "TerminatedWorker");

	if (!error->uncaught || !about)
		return NO_MATCH;
	for (const struct event *e = NULL; (e = model_last(m, KS_child_end, 0, e));) {
		const struct checkpoint *before, *after;

		if (!was_killed(e) || FIELD_TEXT(e, child_end, trace))
			continue;
		looks_around(m, e, &before, &after);
		if (!before || !after || after->reason != KS_CHECK_WITNESS || !rose(before->cg_oom_kill, after->cg_oom_kill) ||
		    after->cg_oom_kill - before->cg_oom_kill < killed_since(m, before, e))
			continue;
		f->event = e;
		f->first = before;
		f->last = after;
		f->number[1] = after->cg_limit;
		return after->cg_limit != UNKNOWN && e->time - before->time < FRESH ? PROVEN : LIKELY;
	}
	return NO_MATCH;
}

static void explain_worker(const struct model *m, struct finding *f)
{
	const char *path = model_info(m, "cgroup_memory");
	const unsigned pid = (unsigned)FIELD(f->event, child_end, pid);
	const char *limit = f->number[1] != UNKNOWN ? size_text(f->arena, f->number[1]) : NULL;

	finding_title(f,
		      "Linux's OOM killer ended process %u, a worker of this one: the memory "
		      "limit of its container%s%s%s was reached",
		      pid, limit ? " (" : "", limit ? limit : "", limit ? ")" : "");
	finding_cite(f, f->event->record, f->event->time, "process %u, a child, was ended by SIGKILL", pid);
	finding_cite(f, f->last->record, f->last->time,
		     "oom_kill of the cgroup had risen from %llu to %llu",
		     (unsigned long long)f->first->cg_oom_kill,
		     (unsigned long long)f->last->cg_oom_kill);
	finding_say(f,
		    "Process %u was made by this one and ended by SIGKILL. The counter of OOM "
		    "kills of their memory cgroup%s%s%s%s%s rose with it.",
		    pid, path ? " " : "", path ? path : "", limit ? " (limit: " : "",
		    limit ? limit : "", limit ? ")" : "");
	finding_say(f, "This process did not run out of memory itself: it ended by the exception that told of the worker, %s: %s",
		    f->context->error.type, f->context->error.text);
	finding_fix(f, "Use fewer workers at a time (n_jobs=…, num_workers=…, max_workers=…): each holds its own copy of the data.");
	howto_memory_limit(m, f, f->number[1]);
	howto_less_memory(m, f, "Or");
}

/*
 * Did the counter rise for this one? It counts others of the cgroup too: whoever died between a look
 * long before the end and the witness's. Who holds half of the limit is the one that the kernel takes.
 */
static bool is_own(const struct counters *c)
{
	const uint64_t held = c->rss != UNKNOWN ? c->rss + c->grown : 0;

	/* Who looks later than a parent may see the kill of one that came after it. */
	if (c->witness->raw.kind != 1)
		return held >= c->limit / 4 * 3 && c->fresh;
	return held >= c->limit / 2 ? c->fresh || !c->cg_doubtful : c->fresh && !c->cg_doubtful;
}

static enum confidence match_cgroup(const struct model *m, struct finding *f)
{
	struct counters c = count(m);

	if (m->ending.kind != END_KILLED)
		return match_worker(m, f);
	keep(f, &c);
	if (m->oom_line)
		return strstr(m->oom_line, "Memory cgroup") ? PROVEN : NO_MATCH;
	/* Its log names each process that the kernel ends so: it was another one. */
	if (m->oom_log_whole || c.limit == UNKNOWN || !c.limit || c.limit > 1ull << 52)
		return NO_MATCH;
	if (rose(c.cg_before, c.cg_after)) {
		f->number[5] = c.cg_after - c.cg_before;
		return is_own(&c) ? PROVEN : LIKELY;
	}
	/* The counter was looked at and did not rise: it was not this. */
	if (c.cg_before != UNKNOWN && c.cg_after != UNKNOWN)
		return NO_MATCH;
	/* The cgroup has gone with its container: only the use close below the limit is left. */
	return c.usage != UNKNOWN && c.usage + c.grown >= c.limit - c.limit / 16 ? LIKELY : NO_MATCH;
}

static void explain_cgroup(const struct model *m, struct finding *f)
{
	const char *path = model_info(m, "cgroup_memory");
	const char *limit = size_text(f->arena, f->number[1]);

	if (f->event) {
		explain_worker(m, f);
		return;
	}
	if (f->number[1] == UNKNOWN) {
		finding_say(f, "The memory limit of its cgroup%s%s was reached.", path ? " " : "", path ? path : "");
	} else {
		finding_title(f, "Linux's OOM killer ended it: the memory limit of its container (%s) was reached", limit);
		finding_say(f,
			    "The container (memory cgroup%s%s) that it ran in may use %s of memory%s%s. When "
			    "that is reached, Linux ends a process in it with SIGKILL, without a word and without an "
			    "exception that could be caught.",
			    path ? " " : "", path ? path : "", limit,
			    f->number[0] != UNKNOWN ? "; in use at the last look: " : "",
			    f->number[0] != UNKNOWN ? size_text(f->arena, f->number[0]) : "");
	}
	if (m->oom_line)
		finding_cite(f, 0, m->ending.time, "Linux's log says: %.300s", m->oom_line);
	if (m->oom_line)
		finding_say(f, "Linux's own log names this process.");
	if (f->number[5])
		finding_cite(f, f->number[4], m->ending.time,
			     "oom_kill of the cgroup rose by %llu between the last look inside and "
			     "the end",
			     (unsigned long long)f->number[5]);
	if (f->number[5])
		finding_say(f, "The cgroup's own counter of such kills (oom_kill) rose %s.",
			    f->confidence == PROVEN ? "when it ended"
						    : "between the last look inside this process and its end; it may have "
						      "risen for another process of the cgroup");
	else if (!m->oom_line)
		finding_say(f, "The counter of such kills could not be read after its end; the use "
			       "so close to the limit makes it likely.");
	tell_growth(m, f);
	tell_allocators(m, f);
	howto_memory_limit(m, f, f->number[1]);
	howto_less_memory(m, f, "Or");
}

const struct rule rule_mem_oom_killed_cgroup = {
	.id = "mem.oom-killed-cgroup",
	.title = "Linux's OOM killer ended it: the container's memory limit was reached",
	.match = match_cgroup,
	.explain = explain_cgroup,
	.page = "A container, a JupyterHub or a batch system limits the memory of a cgroup; beyond "
		"it the kernel kills.\n"
		"Proof: the recording stops without an end, and the cgroup's oom_kill counter is "
		"higher after it than it was inside.\n"
		"Mistaken for it: every SIGKILL. Without the counter kshim says \"likely\" at "
		"most.",
	.sources = "https://github.com/ubcs3/2017-Fall/issues/4 "
		   "https://github.com/jupyter/help/issues/418 "
		   "https://github.com/jupyter/jupyter_client/issues/186",
};

/* --- mem.oom-killed-system --- */

static enum confidence match_system(const struct model *m, struct finding *f)
{
	struct counters c = count(m);
	bool low;

	if (m->ending.kind != END_KILLED)
		return NO_MATCH;
	keep(f, &c);
	if (m->oom_line)
		return strstr(m->oom_line, "Memory cgroup") ? NO_MATCH : PROVEN;
	if (m->oom_log_whole || !rose(c.sys_before, c.sys_after) || rose(c.cg_before, c.cg_after))
		return NO_MATCH;
	/* It counts the kills for a container's limit too, and other processes'. */
	low = c.available != UNKNOWN && c.rss != UNKNOWN && c.available < c.rss + 2 * c.grown;
	if (!low)
		return NO_MATCH;
	return c.witness->raw.kind == 1 && c.fresh && !c.sys_doubtful ? PROVEN : LIKELY;
}

static void explain_system(const struct model *m, struct finding *f)
{
	if (m->oom_line) {
		finding_cite(f, 0, m->ending.time, "Linux's log says: %.300s", m->oom_line);
		finding_say(f, "The whole machine ran out of memory, and Linux ended this process to go on; its own log names it.");
	} else {
		finding_cite(f, f->number[4], m->ending.time, "oom_kill of the machine (/proc/vmstat) rose while it ended");
		finding_say(f, "The machine ran out of memory, and the kernel ended a process: its "
			       "counter rose in the time in which this one "
			       "vanished without an end.");
	}
	if (f->number[3] != UNKNOWN)
		finding_say(f, "At the last look %s of memory was available on the machine.", size_text(f->arena, f->number[3]));
	tell_growth(m, f);
	tell_allocators(m, f);
	finding_fix(f, "See what else holds memory, and shut down notebooks that are not needed (Jupyter: Running, Shut Down):");
	finding_run(f, "ps -eo pid,user,rss,args --sort=-rss | head");
	howto_less_memory(m, f, "Or");
	finding_fix(f, "Or use a machine with more memory.");
}

const struct rule rule_mem_oom_killed_system = {
	.id = "mem.oom-killed-system",
	.title = "Linux's OOM killer ended it: the machine was out of memory",
	.match = match_system,
	.explain = explain_system,
	.page = "The machine has no memory left, and the kernel kills the process with the highest "
		"badness.\nProof: the recording stops without an "
		"end, and the machine's oom_kill counter rose between the last look inside and the "
		"parent's wait.\n"
		"Mistaken for it: systemd-oomd and earlyoom kill without raising that counter.",
	.sources = "https://github.com/jupyter/notebook/issues/4097 "
		   "https://github.com/systemd/systemd/issues/35270",
};

/* SPDX-License-Identifier: MIT */
/* What links the end of a process to that of its child: words about it, its status, or the wait for
 * it. */
#include "analyzer/kin.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/events.h"
#include "analyzer/trace.h"

#define MOST_CHILDREN	16	/* whose traces are opened */

bool case_of(struct case_file *c, struct trace *t)
{
	c->trace = t;
	if (!t)
		return false;
	c->model = model_build(c->trace);
	rules_run(c->model, &c->verdict);
	return true;
}

bool case_open(struct case_file *c, const char *path, const char **why)
{
	return case_of(c, trace_open(path, why));
}

bool case_open_plain(struct case_file *c, const char *path, const char **why)
{
	c->trace = trace_open(path, why);
	if (!c->trace)
		return false;
	c->model = model_build_plain(c->trace);
	rules_run(c->model, &c->verdict);
	return true;
}

void case_close(struct case_file *c)
{
	verdict_free(&c->verdict);
	model_free(c->model);
	trace_close(c->trace);
}

/* Does what the process said at its end speak of a child that died? */
static bool speaks_of_a_child(const struct model *m, uint32_t pid)
{
	static const char *const words[] = {
		"terminated abruptly",	  "TerminatedWorkerError",  "exited unexpectedly",
		"is killed by signal",	  "died with <Signals",	    "BrokenProcessPool",
		"ProcessExitedException", "ProcessRaisedException",
		"KilledWorker",		  "WorkerLostError",	    "WorkerCrashedError",
	};
	const struct event *e = model_last(m, KS_py_exception, 0, NULL);
	const char *text = e ? FIELD_TEXT(e, py_exception, text) : NULL,
		   *type = e ? FIELD_TEXT(e, py_exception, type) : NULL;
	char number[24];

	snprintf(number, sizeof(number), "(%u)", pid);
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((text && strstr(text, words[i])) || (type && strstr(type, words[i])) ||
		    model_stderr_line(m, words[i], true))
			return true;
	return text && strstr(text, number);
}

/* A pool that lost a worker ends the others: that is no cause. */
static bool ended_by_parent(const struct model *m, const struct model *parent)
{
	for (size_t i = 0; i < m->nwitnesses; i++)
		if (m->witnesses[i].raw.kind == 1 && m->ending.kind == END_KILLED &&
		    m->witnesses[i].raw.requested == SIGKILL)
			return true;
	return m->ending.sender_pid && m->ending.sender_pid == parent->pid;
}

/* Ended with the very status of its child, and nothing of its own explains it:
 * sys.exit(worker.exitcode). */
static bool passes_on(const struct case_file *parent, const struct case_file *child)
{
	const struct ending *a = &parent->model->ending, *b = &child->model->ending;

	return a->kind == END_EXIT && b->kind == END_EXIT && a->status == b->status &&
	       child->verdict.best.confidence == PROVEN && !child->verdict.best.rule->general &&
	       strcmp(child->verdict.best.rule->id, "none") != 0 &&
	       strcmp(child->verdict.best.rule->id, "exit.by-program") != 0;
}

/* Ended with what shells and subprocess make of the signal that it saw end this child. */
static bool passes_signal_on(const struct case_file *parent, const struct case_file *child)
{
	const struct model *m = parent->model;

	if (strcmp(parent->verdict.best.rule->id, "crash.in-child") != 0 || parent->verdict.best.confidence != PROVEN)
		return false;
	for (const struct event *e = NULL; (e = model_last(m, KS_child_end, 0, e));)
		if (FIELD(e, child_end, pid) == child->model->pid)
			return (FIELD(e, child_end, status) & 0x7f) == (uint64_t)child->model->ending.signal;
	return false;
}

/* Ended from outside while it waited for a child that hangs. */
static bool waits_for(const struct case_file *parent, const struct case_file *child)
{
	static const char *const waiting[] = {"wait", "poll", "select"};
	const struct stack *s = parent->model->crash.stack;

	if (parent->model->ending.kind != END_SIGNAL ||
	    strcmp(child->verdict.best.rule->id, "fork.deadlock") != 0)
		return false;
	for (size_t i = 0; s && i < s->n && i < 4; i++)
		for (size_t k = 0; s->frames[i].symbol && k < sizeof(waiting) / sizeof(waiting[0]); k++)
			if (strstr(s->frames[i].symbol, waiting[k]))
				return true;
	return false;
}

/* --- a pool whose worker died with its task: multiprocessing makes another worker, and no other result --- */

static bool in_pool(const struct py_frame *f, const char *function)
{
	static const char file[] = "multiprocessing/pool.py";
	const char *dot = f->function ? strrchr(f->function, '.') : NULL;
	size_t n = f->file ? strlen(f->file) : 0, k = sizeof(file) - 1;

	return n >= k && strcmp(f->file + n - k, file) == 0 && f->function &&
	       (!function || strcmp(dot ? dot + 1 : f->function, function) == 0);
}

/* Waits for a result, or gave up waiting for it: get(timeout=…). */
static bool waits_for_result(const struct model *m)
{
	const struct thread *t = model_thread(m, m->pid);
	const struct event *e = model_last(m, KS_py_exception, 0, NULL);
	const char *type = e ? FIELD_TEXT(e, py_exception, type) : NULL;

	if (m->ending.kind == END_EXIT)
		return type && strstr(type, "TimeoutError") && model_stderr_line(m, "multiprocessing/pool.py", true);
	for (size_t i = 0; m->ending.kind == END_SIGNAL && m->ending.sender_pid && t && i < t->npython && i < 5; i++)
		if (in_pool(&t->python[i], NULL))
			return true;
	return false;
}

/* Died at work: the task's own function was called by the worker's loop, or it took too much memory. */
static bool had_a_task(const struct case_file *c)
{
	const struct thread *t = c->model->crash.thread ? c->model->crash.thread : model_thread(c->model, c->model->pid);

	if (strcmp(c->verdict.best.rule->id, "mem.oom-killed-cgroup") == 0)
		return c->verdict.best.confidence == PROVEN;
	for (size_t i = 1; t && i < t->npython; i++)
		if (in_pool(&t->python[i], "worker"))
			return strstr(t->python[0].function ? t->python[0].function : "", "recv") == NULL &&
			       !in_pool(&t->python[0], NULL);
	return false;
}

static bool lost_its_result(const struct case_file *parent, const struct case_file *child)
{
	const struct model *m = child->model;

	return m->ending.kind != END_CLEAN && m->ending.kind != END_RUNNING && !ended_by_parent(m, parent->model) &&
	       m->started + m->ending.time < parent->model->started + parent->model->ending.time &&
	       !(m->ending.sender_pid && m->ending.sender_pid == parent->model->ending.sender_pid) &&
	       waits_for_result(parent->model) && had_a_task(child);
}

bool case_find_child(const struct folder *f, const struct case_file *parent,
		     struct case_file *child)
{
	const struct model *m = parent->model;
	unsigned looked = 0;
	const char *why;

	if (!f || (m->ending.kind != END_EXIT && m->ending.kind != END_SIGNAL))
		return false;
	if (parent->verdict.best.confidence == PROVEN && !parent->verdict.best.rule->general &&
	    strcmp(parent->verdict.best.rule->id, "none") != 0 &&
	    strcmp(parent->verdict.best.rule->id, "crash.in-child") != 0 &&
	    strcmp(parent->verdict.best.rule->id, "killed.by-process") != 0)
		return false;
	for (const struct entry *e = NULL; (e = folder_child(f, m->header, e));) {
		if (looked++ >= MOST_CHILDREN)
			return false;
		if (e->ended > m->started + m->ending.time + 1000000000 ||
		    !case_open(child, e->path, &why))
			continue;
		if (m->ending.kind == END_EXIT && !ended_by_parent(child->model, m) && strcmp(child->verdict.best.rule->id, "none") != 0 &&
		    (speaks_of_a_child(m, e->head.pid) || passes_on(parent, child) || passes_signal_on(parent, child)))
			return true;
		if ((m->ending.kind == END_SIGNAL && waits_for(parent, child)) || lost_its_result(parent, child))
			return true;
		case_close(child);
	}
	return false;
}

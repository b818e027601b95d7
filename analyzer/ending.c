/* SPDX-License-Identifier: MIT */
/*
 * How did it end? (design.md 6.) What the process wrote about itself comes first: a crash area, the
 * mark in its header. Where it wrote nothing, somebody ended it from outside: a witness may know
 * how, and a process that lives has not ended at all.
 */
#include "analyzer/model_private.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "analyzer/decode.h"
#include "analyzer/live.h"
#include "analyzer/process.h"

static int64_t last_sign_of_life(const struct model *m)
{
	int64_t last = 0;

	if (m->nevents)
		last = m->events[m->nevents - 1].time;
	if (m->ncheckpoints && m->checkpoints[m->ncheckpoints - 1].time > last)
		last = m->checkpoints[m->ncheckpoints - 1].time;
	return last;
}

/* A fault that the CPU raised, or an abort; else (kill, timers) somebody sent it. */
static bool sent_by_another(const struct model *m, int signal, int code, uint32_t pid)
{
	if (signal != SIGABRT)
		return false;
	return code <= 0 && pid && pid != m->pid;
}

static void sender_of(struct model *m, struct ending *e)
{
	struct private *p = m->private;
	const struct ks_crash *c = m->crash.raw;

	if (e->code > 0 || !c->sender_pid)
		return;
	e->sender_pid = c->sender_pid;
	e->sender_uid = c->sender_uid;
	e->sender_ppid = c->sender_ppid;
	if (c->sender_name[0])
		e->sender = arena_clean(&p->arena, c->sender_name,
					strnlen(c->sender_name, sizeof(c->sender_name)));
	if (c->sender_parent[0])
		e->sender_parent = arena_clean(&p->arena, c->sender_parent,
					       strnlen(c->sender_parent, sizeof(c->sender_parent)));
}

/* Where the crash area is missing its sender, the event of the signal may have it. */
static void sender_from_event(const struct model *m, struct ending *e)
{
	for (const struct event *from = NULL;
	     !e->sender_pid && (from = model_last(m, KS_signal_from, 0, from));) {
		if (FIELD(from, signal_from, signal) != (uint64_t)e->signal ||
		    !FIELD(from, signal_from, fatal))
			continue;
		e->sender_pid = (uint32_t)FIELD(from, signal_from, pid);
		e->sender_uid = (uint32_t)FIELD(from, signal_from, uid);
		e->sender_ppid = (uint32_t)FIELD(from, signal_from, ppid);
		e->sender = FIELD_TEXT(from, signal_from, comm);
		e->sender_parent = FIELD_TEXT(from, signal_from, parent_comm);
		e->event = from;
	}
}

static void by_signal(struct model *m, int signal)
{
	struct ending *e = &m->ending;
	const struct crash *c = &m->crash;
	bool same = c->present && !c->repaired &&
		    (c->raw->signal == signal || signal == SIGABRT || !signal);

	/* A handler of the program (faulthandler, a JVM) may have turned a fault into an abort: the
	 * fault is the end. */
	e->signal = same && c->raw->code > 0 ? c->raw->signal : signal ? signal : c->raw->signal;
	e->code = same ? c->raw->code : 0;
	e->event = model_last(m, KS_crash, 0, NULL);
	e->time = same ? trace_time(private_of(m)->trace, c->raw->time) : last_sign_of_life(m);
	if (same)
		sender_of(m, e);
	sender_from_event(m, e);
	e->kind = e->signal == SIGABRT && !sent_by_another(m, e->signal, e->code, e->sender_pid) ?
			  END_ABORT :
			  END_SIGNAL;
}

/* Is the address in the interpreter itself: the executable, libpython, or the C library that runs
 * exit handlers? */
static bool in_interpreter(const struct model *m, uint64_t address)
{
	const struct module *mod = address ? model_module_at(m, address - 1) : NULL;

	return !mod || mod->flags & (KS_MODULE_MAIN | KS_MODULE_SELF) ||
	       strncmp(mod->name, "libpython", 9) == 0 || strncmp(mod->name, "libc.so", 7) == 0 ||
	       strncmp(mod->name, "libc-2", 6) == 0;
}

/*
 * Status 0 is a clean end unless nobody asked for it: a native library called exit, or a kernel was
 * ended by os._exit, without the interpreter going down.
 */
static bool unasked(const struct model *m, const struct event *call)
{
	const char *function = call ? FIELD_TEXT(call, exit_call, function) : NULL;

	if (!call)
		return false;
	if (!in_interpreter(m, FIELD(call, exit_call, caller)))
		return true;
	return m->is_kernel && !m->parent_pid && function && function[0] == '_' &&
	       !model_last(m, KS_py_finalize, 0, NULL) && !model_last(m, KS_exit_end, 0, NULL);
}

static void by_exit(struct model *m, int status, bool recorded)
{
	struct ending *e = &m->ending;
	const struct event *call = model_next(m, KS_exit_call, 0, NULL);

	e->status = status;
	e->event = call ? call : model_last(m, KS_exit_end, 0, NULL);
	e->time = recorded && m->header->end_clock ?
			  trace_time(private_of(m)->trace, m->header->end_clock) :
			  last_sign_of_life(m);
	e->kind = status || unasked(m, call) ? END_EXIT : END_CLEAN;
}

static void by_exec(struct model *m)
{
	struct ending *e = &m->ending;

	e->kind = END_EXEC;
	e->event = model_last(m, KS_exec_call, 0, NULL);
	e->time = m->header->end_clock ? trace_time(private_of(m)->trace, m->header->end_clock) :
					 last_sign_of_life(m);
}

/* Nothing was written: what the witness with the best view says, else a kill. */
static void from_outside(struct model *m)
{
	struct ending *e = &m->ending;
	const struct witness *w = NULL;

	for (size_t i = 0; i < m->nwitnesses && !w; i++)
		if (m->witnesses[i].raw.kind == 1)
			w = &m->witnesses[i];
	e->time = last_sign_of_life(m);
	if (w && WIFEXITED(w->raw.status)) {
		by_exit(m, WEXITSTATUS(w->raw.status), false);
		return;
	}
	if (w && WIFSIGNALED(w->raw.status) && WTERMSIG(w->raw.status) != SIGKILL) {
		by_signal(m, WTERMSIG(w->raw.status));
		return;
	}
	e->kind = END_KILLED;
	m->hidden = !w && process_hidden(m->header);
	e->signal = w && WIFSIGNALED(w->raw.status) ? SIGKILL : 0;
}

/* The recording has ended, and the process went on: a parent that was recorded may know how that ended. */
static void by_filter(struct model *m)
{
	const bool alive = process_alive(m->header);

	if (!alive)
		from_outside(m);
	m->sealed = !alive && m->ending.kind == END_KILLED && !m->ending.signal;
	if (alive || m->sealed)
		m->ending = (struct ending){ .kind = END_RUNNING, .time = last_sign_of_life(m) };
}

void build_ending(struct model *m)
{
	const struct ks_header *h = m->header;
	bool crashed = m->crash.present && !m->crash.repaired;

	if (h->end_kind == KS_END_SIGNAL)
		by_signal(m, h->end_code);
	else if (h->end_kind == KS_END_EXIT)
		by_exit(m, h->end_code, true);
	else if (h->end_kind == KS_END_EXEC)
		by_exec(m);
	else if (h->end_kind == KS_END_SEALED)
		by_filter(m);
	else if (crashed && m->crash.raw->state < KS_CRASH_REPAIRED && !process_alive(h))
		by_signal(m, m->crash.raw->signal);
	else if (process_alive(h))
		m->ending = (struct ending){
			.kind = END_RUNNING,
			.time = model_live(m) ? model_live(m)->now - m->started : last_sign_of_life(m),
		};
	else
		from_outside(m);
}

/* SPDX-License-Identifier: MIT */
/*
 * A forked child has only the thread that forked. A lock that another thread held at that moment
 * stays locked in the child for ever: whoever waits for it there waits in vain.
 *
 * Proof: the child was made by fork without exec while its parent had several threads; it has one
 * thread; and that one was waiting for a lock of its own process when it was ended or looked at.
 * A lock that other processes can open (multiprocessing's semaphores) is none. The same goes for the
 * pools of OpenMP and BLAS: the child's copy says that there are threads, waits at a private futex,
 * without a limit of time, for them, or yields to them for ever; nobody else could wake it.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"
#include "analyzer/live.h"

#include <signal.h>
#include <string.h>

#include "analyzer/syscalls.h"

static bool waits_for_lock(const struct stack *s)
{
	static const char *const names[] = {
		"__lll_lock_wait",
		"pthread_mutex_lock",
		"pthread_cond_wait",
		"pthread_cond_timedwait",
		"sem_wait",
		"sem_timedwait",
		"futex_wait",
		"futex_abstimed_wait",
		"do_futex_wait",
		"PyThread_acquire_lock",
		"_PyMutex_Lock",
		"_PySemaphore_Wait",
		"sem_clockwait",
		"gomp_barrier_wait",
		"gomp_team_barrier_wait",
		NULL,
	};
	bool found = false;

	for (size_t i = 0; s && i < s->n && i < 14; i++) {
		if (module_like(s->frames[i].module, "_multiprocessing"))
			return false;
		for (int k = 0; names[k] && !found && i < 6; k++)
			found = frame_names(&s->frames[i], names[k]);
	}
	return found;
}

/* Libraries whose work is shared among threads of a pool that they keep. */
static const struct module *pool_of(const struct frame *f)
{
	static const char *const names[] = {"openblas", "libgomp", "libiomp", "libomp", "libblis", "libmkl", NULL};

	for (int k = 0; f->module && f->module->name && names[k]; k++)
		if (strstr(f->module->name, names[k]))
			return f->module;
	return NULL;
}

/* The pool's own code gives the CPU away until another thread has done its part: there is none. */
static const struct module *yields_to_team(const struct stack *s)
{
	return s && s->n > 1 && frame_names(&s->frames[0], "sched_yield") ? pool_of(&s->frames[1]) : NULL;
}

/* Python functions in which one waits for another thread. */
static const struct py_frame *python_wait(const struct thread *t)
{
	static const char *const names[] = {
		"acquire",    "wait",	"__enter__", "join", "put", "get", "_wait_for_tstate_lock",
		"createLock", "handle", NULL};

	for (size_t i = 0; t && i < t->npython && i < 3; i++) {
		const char *function = t->python[i].function;
		const char *dot = function ? strrchr(function, '.') : NULL; /* of its class */

		for (int k = 0; function && names[k]; k++) {
			if (strcmp(dot ? dot + 1 : function, names[k]) == 0)
				return &t->python[i];
		}
	}
	return NULL;
}

static const struct stack *stack_of(const struct model *m, const struct thread *t)
{
	return t->native ? t->native : m->crash.stack;
}

static unsigned alive_threads(const struct model *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->nthreads; i++)
		n += m->threads[i].alive;
	return n;
}

/* It runs and was looked at, or somebody ended it from outside. */
static bool may_hang(const struct model *m)
{
	return m->ending.kind == END_RUNNING || m->ending.kind == END_KILLED ||
	       (m->ending.kind == END_SIGNAL && end_was_sent(m));
}

/* A program of the kind that waits for a signal, and sets an event in its handler, waits for no
 * thread. */
static bool awaits_signals(const struct model *m)
{
	static const int wanted[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM};

	for (size_t i = 0; model_live(m) && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (model_live(m)->caught >> (wanted[i] - 1) & 1)
			return true;
	for (const struct event *e = NULL; (e = model_next(m, KS_handler_set, 0, e));) {
		uint64_t signal = FIELD(e, handler_set, signal);

		if (FIELD(e, handler_set, handler) > 1 &&
		    (signal == SIGTERM || signal == SIGHUP || signal == SIGUSR1 ||
		     signal == SIGUSR2 || signal == SIGALRM))
			return true;
	}
	return false;
}

/* What its only thread waits for: a lock that only a thread could open; a condition says less. */
static enum confidence judge(const struct model *m, const struct thread *t)
{
	const struct wait *w = &t->wait;

	if (w->passing || (w->known && (w->timed || w->shared)))
		return NO_MATCH;
	switch (w->kind) {
	case WAIT_LOCK:
	case WAIT_THREAD:
		return PROVEN;
	case WAIT_CONDITION:
		if (t->npython && python_wait(t))
			return awaits_signals(m) ? NO_MATCH : LIKELY;
		return PROVEN;
	case WAIT_UNKNOWN:
	case WAIT_OUTSIDE:
	case WAIT_NONE:
		if (yields_to_team(stack_of(m, t)))
			return PROVEN;
		return w->kind == WAIT_UNKNOWN &&
				       (waits_for_lock(m->crash.stack) || call_of(m->arch, t->syscall) == CALL_futex)
			       ? PROVEN
			       : NO_MATCH;
	default:
		return NO_MATCH;
	}
}

/* A thread at a mutex whose owner is no thread of this process. */
static const struct thread *orphaned(const struct model *m)
{
	for (size_t i = 0; i < m->nthreads; i++) {
		const struct wait *w = &m->threads[i].wait;

		if (m->threads[i].alive && w->kind == WAIT_LOCK && w->owner_gone && !w->guessed && !w->passing &&
		    !w->timed)
			return &m->threads[i];
	}
	return NULL;
}

/* How many threads the parent had at the fork is not recorded: it has so many now. */
static bool guessed(const struct model *m)
{
	return model_live(m) && model_live(m)->fork_guessed;
}

/* It was killed, and so perhaps was a child of it, which may have hung and can have left no word. */
static enum confidence match_parent(const struct model *m, struct finding *f)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_fork, 0, e));) {
		const char *function = FIELD_TEXT(e, fork, function);

		if (!function || strcmp(function, "fork") != 0 || FIELD_SIGNED(e, fork, result) <= 0 ||
		    FIELD(e, fork, threads) < 2)
			continue;
		for (const struct event *end = NULL; (end = model_next(m, KS_child_end, 0, end));)
			if (FIELD(end, child_end, pid) == FIELD(e, fork, result))
				return NO_MATCH;
		f->event = e;
		f->number[0] = FIELD(e, fork, threads);
		f->number[1] = FIELD(e, fork, result);
		f->why_not = "whether that child hung is not recorded; while one does, kshim-analyze PID tells where";
		return SEEN;
	}
	return NO_MATCH;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_child_of, 0, NULL);
	const struct thread *t = model_thread(m, f->context->tid);
	enum confidence c;

	if (m->ending.kind == END_KILLED && !(e && f->context->tid))
		return match_parent(m, f);
	if (!e || !may_hang(m) || FIELD(e, child_of, threads) < 2)
		return NO_MATCH;
	f->event = e;
	f->number[0] = FIELD(e, child_of, threads);
	f->number[1] = FIELD(e, child_of, parent);
	f->thread = orphaned(m);
	if (f->thread)
		return guessed(m) && !model_live(m)->lock_of_parent ? LIKELY : PROVEN;
	f->thread = t;
	c = t && alive_threads(m) == 1 ? judge(m, t) : NO_MATCH;
	return c == PROVEN && guessed(m) ? LIKELY : c;
}

static void cite_wait(const struct model *m, struct finding *f)
{
	const struct thread *t = f->thread;
	const struct stack *s = stack_of(m, t);
	const char *place = frame_text(f->arena, s && s->n ? &s->frames[0] : NULL);

	finding_cite(f, m->crash.record, m->ending.time, "%s waits in %s%s%s",
		     alive_threads(m) == 1 ? "its only thread" : "a thread", place,
		     t->wait.text ? ", for " : "", t->wait.text ? t->wait.text : "");
	if (t->wait.owner_gone)
		finding_cite(f, 0, m->ending.time,
			     "the lock's owner is thread %u; the process has %u thread%s, and none "
			     "with that number",
			     t->wait.owner, alive_threads(m), alive_threads(m) == 1 ? "" : "s");
}

/* The first library of such a pool among the innermost frames; NULL. */
static const struct module *pool_in(const struct stack *s, size_t frames)
{
	for (size_t i = 0; s && i < s->n && i < frames; i++)
		if (pool_of(&s->frames[i]))
			return pool_of(&s->frames[i]);
	return NULL;
}

static void tell_fork(const struct model *m, struct finding *f, bool threads, const struct module *team)
{
	finding_say(f, "Process %u is a fork of process %llu, which %s. fork copies the memory%s, but only the thread that called it: %s",
		    m->pid, (unsigned long long)f->number[1],
		    arena_printf(f->arena, guessed(m) ? "has %llu threads now" : "had %llu threads then",
				 (unsigned long long)f->number[0]),
		    threads ? "" : " with all locks in it",
		    team	? arena_printf(f->arena, "the pool of threads that %s believes to have is not there, and its work is never done.",
					       team->name)
		    : threads	? "the threads that ought to wake this one are not there."
				: "a lock that another thread held at that moment is never opened in the child.");
}

static void explain_child(const struct model *m, struct finding *f)
{
	const struct py_frame *wait = python_wait(f->thread);
	const struct module *team = alive_threads(m) == 1 ? pool_in(stack_of(m, f->thread), 4) : NULL;
	bool threads = f->thread->wait.kind == WAIT_CONDITION || team;
	int64_t forked = FIELD_SIGNED(f->event, child_of, forked);

	if (!wait && f->thread->npython)
		wait = &f->thread->python[0];
	finding_title(f, threads ? "A forked child waits for a thread that was not copied into it"
				 : "A forked child waits for a lock that nobody holds any more");
	finding_cite(f, f->event->record, forked ? forked : f->event->time,
		     "forked from process %llu, which %s %llu threads",
		     (unsigned long long)f->number[1], guessed(m) ? "has" : "had",
		     (unsigned long long)f->number[0]);
	cite_wait(m, f);
	tell_fork(m, f, threads, team);
	if (wait && wait->file)
		finding_say(f, "The child's %sthread waits in %s (%s:%d).",
			    alive_threads(m) == 1 ? "only " : "", wait->function, wait->file,
			    wait->line);
	finding_fix(f, "Start workers without fork, in a line before any is made (or \"forkserver\"); or fork before any thread is started:");
	finding_run(f, "import multiprocessing; multiprocessing.set_start_method(\"spawn\")");
	if (pool_in(stack_of(m, f->thread), SIZE_MAX))
		finding_fix(f, "Or let the numeric libraries make no threads in the parent: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 before it starts.");
}

static void explain(const struct model *m, struct finding *f)
{
	if (f->thread)
		explain_child(m, f);
	else
		finding_title(f, "It had forked process %llu while it had %llu threads", (unsigned long long)f->number[1],
			      (unsigned long long)f->number[0]);
}

const struct rule rule_fork_deadlock = {
	.id = "fork.deadlock",
	.title = "A forked child waits for a lock that nobody holds any more",
	.match = match,
	.explain = explain,
	.page = "fork() in a process with several threads: locks (logging, malloc's users, BLAS "
		"and OpenMP pools) stay locked in the child.\n"
		"Proof: the child was forked from a process with several threads, has one thread, "
		"and that thread waits for a lock of its own process, or for the threads of a pool (OpenMP, BLAS) that were not copied.\n"
		"Mistaken for it: a slow start of CUDA, a JIT compile, waiting for another "
		"process.",
	.sources = "https://github.com/OpenMathLib/OpenBLAS/issues/294 "
		   "https://github.com/stan-dev/pystan2/issues/210 "
		   "https://github.com/OpenMathLib/OpenBLAS/issues/5520",
};

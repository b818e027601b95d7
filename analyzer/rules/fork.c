/* SPDX-License-Identifier: MIT */
/*
 * A forked child has only the thread that forked. A lock that another thread held at that moment
 * stays locked in the child for ever: whoever waits for it there waits in vain.
 *
 * Proof: the child was made by fork without exec while its parent had several threads; it has one
 * thread; and that one was waiting for a lock of its own process when it was ended or looked at.
 * A lock that other processes can open (multiprocessing's semaphores) is none.
 */
#include "analyzer/proof.h"

#include <string.h>
#include <sys/syscall.h>

static bool waits_for_lock(const struct stack *s)
{
	static const char *const names[] = {
		"__lll_lock_wait", "pthread_mutex_lock", "pthread_cond_wait", "pthread_cond_timedwait", "sem_wait", "sem_timedwait",
		"futex_wait", "futex_abstimed_wait", "do_futex_wait", "PyThread_acquire_lock", "_PyMutex_Lock", "_PySemaphore_Wait",
		"sem_clockwait", "gomp_barrier_wait", "gomp_team_barrier_wait", "exec_blas", "blas_thread", NULL,
	};
	bool found = false;

	for (size_t i = 0; s && i < s->n && i < 14; i++) {
		if (module_like(s->frames[i].module, "_multiprocessing"))
			return false;
		for (int k = 0; names[k] && !found; k++)
			found = frame_names(&s->frames[i], names[k]);
	}
	return found;
}

/* Python functions in which one waits for another thread. */
static const struct py_frame *python_wait(const struct thread *t)
{
	static const char *const names[] = { "acquire", "wait", "__enter__", "join", "put", "get", "_wait_for_tstate_lock", "createLock", "handle", NULL };

	for (size_t i = 0; t && i < t->npython && i < 3; i++) {
		for (int k = 0; names[k]; k++) {
			if (t->python[i].function && strcmp(t->python[i].function, names[k]) == 0)
				return &t->python[i];
		}
	}
	return NULL;
}

static unsigned alive_threads(const struct model *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->nthreads; i++)
		n += m->threads[i].alive;
	return n;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_child_of, 0, NULL);
	const struct thread *t = model_thread(m, f->context->tid);
	bool stuck = m->ending.kind == END_RUNNING || m->ending.kind == END_KILLED || (m->ending.kind == END_SIGNAL && end_was_sent(m));
	bool native;

	if (!e || !stuck || FIELD(e, child_of, threads) < 2 || alive_threads(m) > 1)
		return NO_MATCH;
	native = waits_for_lock(m->crash.stack) || (t && t->syscall == SYS_futex);
	f->event = e;
	f->thread = t;
	if (!native)
		return NO_MATCH;
	f->number[0] = FIELD(e, child_of, threads);
	f->number[1] = FIELD(e, child_of, parent);
	return PROVEN;
}

static void explain(const struct model *m, struct finding *f)
{
	const struct py_frame *wait = python_wait(f->thread);

	finding_title(f, "A forked child waits for a lock that nobody holds any more");
	finding_cite(f, f->event->record, f->event->time, "forked from process %llu, which had %llu threads", (unsigned long long)f->number[1],
		     (unsigned long long)f->number[0]);
	finding_cite(f, m->crash.record, m->ending.time, "its only thread was waiting in %s",
		     frame_text(f->arena, m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL));
	finding_say(f, "Process %u is a fork of process %llu, which had %llu threads then. fork copies the memory with all locks in it, but only the thread "
		    "that called it: a lock that another thread held at that moment is never opened in the child.", m->pid,
		    (unsigned long long)f->number[1], (unsigned long long)f->number[0]);
	if (wait && wait->file)
		finding_say(f, "The child's only thread waits in %s (%s:%d).", wait->function, wait->file, wait->line);
	finding_fix(f, "Start workers without fork: multiprocessing.get_context(\"spawn\") (or \"forkserver\"); or fork before any thread is started.");
	finding_fix(f, "For BLAS and OpenMP in forked workers: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 in the parent.");
}

const struct rule rule_fork_deadlock = {
	.id = "fork.deadlock",
	.title = "A forked child waits for a lock that nobody holds any more",
	.match = match,
	.explain = explain,
	.page = "fork() in a process with several threads: locks (logging, malloc's users, BLAS and OpenMP pools) stay locked in the child.\n"
		"Proof: the child was forked from a process with several threads, has one thread, and that thread waits for a lock of its own process.\n"
		"Mistaken for it: a slow start of CUDA, a JIT compile, waiting for another process.",
	.sources = "https://github.com/OpenMathLib/OpenBLAS/issues/294 https://github.com/stan-dev/pystan2/issues/210 "
		   "https://github.com/OpenMathLib/OpenBLAS/issues/5520",
};

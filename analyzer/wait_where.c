/* SPDX-License-Identifier: MIT */
/* Names of functions in which threads wait, and what for; see wait_where.h. */
#include "analyzer/wait_where.h"

#include <string.h>

#define INNERMOST 14 /* frames in which one looks for what a thread does */

/* Functions of libc that wait; the last that matches, from the innermost on, says what for. */
static const struct {
	const char *symbol;
	enum base base;
} bases[] = {
	{"__lll_lock_wait", BASE_LOW_LOCK},
	{"pthread_mutex_lock", BASE_MUTEX},
	{"pthread_mutex_timedlock", BASE_MUTEX},
	{"pthread_mutex_clocklock", BASE_MUTEX},
	{"pthread_mutex_cond_lock", BASE_MUTEX},
	{"pthread_cond_wait", BASE_CONDITION},
	{"pthread_cond_timedwait", BASE_CONDITION},
	{"pthread_cond_clockwait", BASE_CONDITION},
	{"sem_wait", BASE_SEMAPHORE},
	{"sem_timedwait", BASE_SEMAPHORE},
	{"sem_clockwait", BASE_SEMAPHORE},
	{"pthread_join", BASE_JOIN},
	{"pthread_timedjoin", BASE_JOIN},
	{"pthread_clockjoin", BASE_JOIN},
	{"pthread_barrier_wait", BASE_BARRIER},
	{"pthread_rwlock_", BASE_RW_LOCK},
};

static bool is_libc(const struct frame *f)
{
	const struct module *mod = f->module;

	return mod &&
	       (strncmp(mod->name, "libc.so", 7) == 0 || strncmp(mod->name, "libc-2", 6) == 0 ||
		strncmp(mod->name, "libpthread", 10) == 0 ||
		strncmp(mod->name, "ld-linux", 8) == 0);
}

struct place wait_place(const struct stack *s)
{
	struct place p = {BASE_NONE, 0};

	for (size_t i = 0; s && i < s->n && i < INNERMOST && is_libc(&s->frames[i]); i++) {
		p.next = i + 1;
		for (size_t k = 0; s->frames[i].raw && k < sizeof(bases) / sizeof(bases[0]); k++)
			if (strstr(s->frames[i].raw, bases[k].symbol))
				p.base = bases[k].base;
	}
	return p;
}

bool wait_in_python(const struct module *mod)
{
	return mod && (mod->flags & KS_MODULE_MAIN || strncmp(mod->name, "libpython", 9) == 0 ||
		       strncmp(mod->name, "python", 6) == 0);
}

static bool named(const struct frame *f, const char *const *names)
{
	for (; f->raw && *names; names++)
		if (strcmp(f->raw, *names) == 0)
			return true;
	return false;
}

/* The interpreter waits for its own lock: with a condition, in take_gil, which has no name where it
 * is stripped. */
bool wait_for_gil(const struct stack *s, const struct place *p)
{
	static const char *const gil[] = {
		"take_gil",	     "PyEval_RestoreThread",  "PyEval_AcquireThread",
		"PyGILState_Ensure", "_PyThreadState_Attach", NULL};
	static const char *const others[] = {"PyThread_acquire_lock_timed", "PyThread_acquire_lock",
					     "_PySemaphore_Wait", "_PySemaphore_PlatformWait",
					     NULL};

	if (p->base != BASE_CONDITION || p->next >= s->n ||
	    !wait_in_python(s->frames[p->next].module))
		return false;
	for (size_t i = p->next; i < s->n && i < p->next + 4; i++) {
		if (named(&s->frames[i], gil))
			return true;
		if (named(&s->frames[i], others))
			return false;
	}
	return !s->frames[p->next].raw;
}

bool wait_python_lock(const struct stack *s, const struct place *p)
{
	static const char *const names[] = {
		"PyThread_acquire_lock_timed", "PyThread_acquire_lock",
		"_PySemaphore_Wait",	       "_PySemaphore_PlatformWait",
		"_PyParkingLot_Park",	       "_PyMutex_LockTimed",
		"_PyMutex_LockSlow",	       NULL,
	};

	for (size_t i = p->next; i < s->n && i < p->next + 3; i++)
		if (named(&s->frames[i], names))
			return true;
	return false;
}

/* --- what Python calls it --- */

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), k = strlen(with);

	return n >= k && strcmp(path + n - k, with) == 0;
}

static const struct {
	const char *file, *function;
	enum wait_kind kind;
	const char *words;
} python_waits[] = {
	{"threading.py", "_wait_for_tstate_lock", WAIT_THREAD,
	 "a Python thread to end (Thread.join)"},
	{"threading.py", "join", WAIT_THREAD, "a Python thread to end (Thread.join)"},
	{"threading.py", "_shutdown", WAIT_THREAD,
	 "the Python threads that are left to end, at exit"},
	{"queue.py", "get", WAIT_CONDITION, "something to be put into a queue (Queue.get)"},
	{"queue.py", "put", WAIT_CONDITION, "room in a queue (Queue.put)"},
	{"concurrent/futures/_base.py", "result", WAIT_CONDITION, "the result of a future"},
	{"concurrent/futures/thread.py", "_worker", WAIT_CONDITION, "work for its pool"},
	{"threading.py", "wait", WAIT_CONDITION, "an event or a condition (threading)"},
	{"threading.py", "acquire", WAIT_CONDITION, "a semaphore (threading)"},
	{"multiprocessing/synchronize.py", NULL, WAIT_OUTSIDE,
	 "a lock that other processes share (multiprocessing)"},
};

/* The outermost of the innermost frames that the table knows: get() calls wait(). */
bool wait_from_python(const struct thread *th, struct wait *w)
{
	bool found = false;

	for (size_t i = 0; i < th->npython && i < 4; i++) {
		const struct py_frame *f = &th->python[i];
		bool here = false;

		for (size_t k = 0; f->file && f->function &&
				   k < sizeof(python_waits) / sizeof(python_waits[0]) && !here;
		     k++) {
			const char *function = strrchr(f->function, '.');

			here = ends(f->file, python_waits[k].file) &&
			       (!python_waits[k].function ||
				strcmp(function ? function + 1 : f->function,
				       python_waits[k].function) == 0);
			if (here && (!found || python_waits[k].kind != w->kind || k < 7)) {
				w->kind = python_waits[k].kind;
				w->text = python_waits[k].words;
			}
		}
		if (!here)
			return found;
		found = true;
	}
	return found;
}

/* SPDX-License-Identifier: MIT */
/*
 * Python's locks in a living process: which one a thread waits for, and who holds it.
 *
 * An RLock names its owner. A Lock does not, but a "with" statement leaves lock.__exit__ on the
 * value stack of its frame (BEFORE_WITH, LOAD_SPECIAL: Python/bytecodes.c), before it waits for the
 * lock itself: a thread with such a frame, that does not wait for this lock, is taken for its
 * holder. That is a guess and told as one: a slot may be left over from before.
 */
#include "analyzer/live_python.h"

#include <stdlib.h>

#define STACK_WORDS 512 /* of the waiting thread, from its stack pointer up */
#define MOST_FRAMES 64	/* of one thread */
#define MOST_SLOTS 512	/* of one frame */
#define MOST_HELD 256

enum lock { NO_LOCK, LOCK, RLOCK };

struct held { /* a lock that a thread has entered */
	uint64_t lock;
	uint32_t tid;
};

struct locks {
	const struct live_look *l;
	const struct live_python *p;
	struct held held[MOST_HELD];
	size_t n;
};

static bool is_heap(const struct locks *k, uint64_t address)
{
	const struct live_area *a = address & 7 ? NULL : live_area_at(&k->l->map, address);

	return a && a->write;
}

/* Is the name of an object's type this one; the object is given by its first bytes. */
static bool type_named(const struct locks *k, const struct view *object, const char *name)
{
	uint64_t type = view_word(object, k->p->at.object_type);
	char text[32] = "";

	if (!type || type & 7)
		return false;
	live_memory(k->p->pid, live_word(k->p->pid, type + k->p->at.type_name), text,
		    sizeof(text) - 1);
	return strcmp(text, name) == 0;
}

static enum lock lock_at(const struct locks *k, uint64_t address, struct view *v)
{
	if (!is_heap(k, address) || !view_read(k->p, v, address))
		return NO_LOCK;
	return type_named(k, v, "_thread.RLock")  ? RLOCK
	       : type_named(k, v, "_thread.lock") ? LOCK
						  : NO_LOCK;
}

/* --- what is waited for --- */

/*
 * The lock object whose semaphore this is. From 3.14 on a thread waits at a semaphore of its own, in
 * a struct wait_entry on its stack, where the address that it waits for stands just before it
 * (Python/parking_lot.c): that of the mutex, the first thing in the lock. Where that is another one, the
 * innermost lock on its stack is taken.
 */
static uint64_t waited_for(const struct locks *k, const struct live_task *t, struct view *v,
			   enum lock *kind)
{
	uint64_t words[STACK_WORDS];
	size_t n = live_memory(k->p->pid, t->sp & ~7ull, words, sizeof(words)) / 8;
	const uint16_t head = (uint16_t)(k->p->at.object_type + 8);

	if (k->p->minor >= 14) {
		const uint64_t mutex = live_word(k->p->pid, (t->arg[0] & ~7ull) - 8);

		*kind = mutex > head ? lock_at(k, mutex - head, v) : NO_LOCK;
		if (*kind != NO_LOCK)
			return mutex - head;
	}
	for (size_t i = 0; i < n; i++) {
		*kind = lock_at(k, words[i], v);
		if (*kind != NO_LOCK && (k->p->minor >= 14 || view_word(v, head) == t->arg[0]))
			return words[i];
		/* Its mutex, which is the first thing in it. */
		if (k->p->minor >= 14 && (*kind = lock_at(k, words[i] - head, v)) != NO_LOCK)
			return words[i] - head;
	}
	return 0;
}

/* --- what is held --- */

static bool method_named(const struct locks *k, uint64_t definition, const char *name)
{
	char text[16] = "";

	live_memory(k->p->pid, live_word(k->p->pid, definition), text, sizeof(text) - 1);
	return strcmp(text, name) == 0;
}

/* A slot of a value stack that holds lock.__exit__: bound, or with the lock behind it; the lock, 0.
 */
static uint64_t entered(const struct locks *k, uint64_t slot, uint64_t next)
{
	const uint16_t head = (uint16_t)(k->p->at.object_type + 8);
	uint64_t lock = 0;
	struct view v;

	slot &= ~3ull; /* _PyStackRef: tag bits */
	if (!slot || slot & 7 || !view_read(k->p, &v, slot))
		return 0;
	if (type_named(k, &v, "builtin_function_or_method") &&
	    method_named(k, view_word(&v, head), "__exit__"))
		lock = view_word(&v, (uint16_t)(head + 8));
	else if (k->p->minor >= 14 && type_named(k, &v, "method_descriptor") &&
		 method_named(k, view_word(&v, (uint16_t)(head + 24)), "__exit__"))
		lock = next & ~3ull;
	return lock && lock_at(k, lock, &v) != NO_LOCK ? lock : 0;
}

/* Where the locals and the value stack of a frame lie. */
static uint64_t slots_of(const struct locks *k, const struct view *frame, size_t *n)
{
	const struct layout *at = &k->p->at;
	struct view code, type;
	uint64_t begin;

	*n = 0;
	if (k->p->minor <= 10) { /* PyFrameObject, as long as its ob_size says */
		if (!view_read(k->p, &type, view_word(frame, at->object_type)))
			return 0;
		begin = view_word(&type, 32) &
			0xffff; /* tp_basicsize; f_localsplus[1] is its end */
		*n = view_word(frame, (uint16_t)(at->object_type + 8)) & 0xffff;
		return frame->at + begin - 8;
	}
	if (!view_read(k->p, &code, view_word(frame, at->frame_code) & ~3ull) ||
	    view_word(&code, at->object_type) != k->p->code_type)
		return 0;
	/* co_stacksize, co_firstlineno, co_nlocalsplus stand in a row (Include/cpython/code.h). */
	*n = view_half(&code, (uint16_t)(at->code_first - 4)) +
	     view_half(&code, (uint16_t)(at->code_first + 4));
	return frame->at + ((at->frame_owner + 8u) & ~7u);
}

static void find_entered(struct locks *k, const struct py_thread *t)
{
	uint64_t slot[MOST_SLOTS + 1], at = live_word(k->p->pid, t->state + k->p->at.thread_frame);

	if (at && k->p->at.cframe_frame != ABSENT)
		at = live_word(k->p->pid, at + k->p->at.cframe_frame);
	for (int i = 0; at && i < MOST_FRAMES; i++) {
		struct view frame;
		uint64_t begin;
		size_t n;

		if (!view_read(k->p, &frame, at))
			return;
		begin = slots_of(k, &frame, &n);
		n = n < MOST_SLOTS ? n : MOST_SLOTS;
		memset(slot, 0, sizeof(slot));
		n = begin ? live_memory(k->p->pid, begin, slot, n * 8) / 8 : 0;
		for (size_t s = 0; s < n; s++) {
			uint64_t lock = entered(k, slot[s], slot[s + 1]);

			if (lock && k->n < MOST_HELD)
				k->held[k->n++] = (struct held){lock, t->tid};
		}
		at = view_word(&frame, k->p->at.frame_back);
	}
}

/* The only thread that has entered it and does not wait for it; 0: none, or several. */
static uint32_t guess_holder(const struct locks *k, const struct live_task *tasks, size_t n,
			     uint64_t lock)
{
	uint32_t found = 0;

	for (size_t i = 0; i < k->n; i++) {
		bool waits = false;

		for (size_t t = 0; t < n; t++)
			waits |= tasks[t].tid == k->held[i].tid && tasks[t].lock == lock;
		if (k->held[i].lock != lock || waits || found == k->held[i].tid)
			continue;
		if (found)
			return 0;
		found = k->held[i].tid;
	}
	return found;
}

/* --- all --- */

static void own_rlock(const struct locks *k, struct live_task *t, const struct view *v)
{
	const uint16_t head = (uint16_t)(k->p->at.object_type + 8);
	uint64_t owner = view_word(v, (uint16_t)(head + 8)),
		 count = view_word(v, (uint16_t)(head + 16));

	/* From 3.14 on the count is of those beyond the first (_PyRecursiveMutex). */
	if (!owner || (!count && k->p->minor < 14))
		return;
	t->lock_gone = true;
	for (size_t i = 0; i < k->p->nthreads; i++) {
		struct view state;

		if (!view_read(k->p, &state, k->p->thread[i].state) ||
		    view_word(&state, k->p->at.thread_id) != owner)
			continue;
		t->lock_owner = k->p->thread[i].tid;
		t->lock_guessed = k->p->minor >= 14; /* that it is this lock */
		t->lock_gone = false;
	}
}

void live_locks(const struct live_look *l)
{
	struct live *live = l->live;
	struct locks *k = xalloc(1, sizeof(*k));
	bool any = false;

	k->l = l;
	k->p = l->python;
	for (size_t i = 0; i < live->ntasks && k->p->nthreads; i++) {
		struct live_task *t = &live->tasks[i];
		enum lock kind;
		struct view v;

		if (call_of(l->arch, t->syscall) != CALL_futex)
			continue;
		t->lock = waited_for(k, t, &v, &kind);
		t->lock_is_rlock = t->lock && kind == RLOCK;
		if (t->lock_is_rlock)
			own_rlock(k, t, &v);
		any |= t->lock && kind == LOCK;
	}
	for (size_t i = 0; any && i < k->p->nthreads; i++)
		find_entered(k, &k->p->thread[i]);
	for (size_t i = 0; any && i < live->ntasks; i++) {
		struct live_task *t = &live->tasks[i];

		if (!t->lock || t->lock_is_rlock)
			continue;
		t->lock_owner = guess_holder(k, live->tasks, live->ntasks, t->lock);
		t->lock_guessed = t->lock_owner != 0;
	}
	free(k);
}

/* SPDX-License-Identifier: MIT */
/*
 * Threads: an alternate signal stack for each, so that a stack overflow is recorded; their begin
 * and end. Why one could not be made: refused.c.
 *
 * The alternate stack is carved out of the base of the thread's own stack, before its start routine
 * runs: nothing to map, to free or to leak. The stack is asked for that much larger, and for what our
 * hooks need on it, so that the program has all that it wanted; where that is refused, and where the
 * program has made the stack itself, nothing is carved. What the start routine needs travels in a
 * static table, since nothing may be allocated; when that is full, the thread starts as without us.
 *
 * A thread that ends by pthread_exit or is cancelled comes by over_with; its alternate stack is
 * taken back there, before destructors run on the memory.
 */
#include <alloca.h>
#include <sys/prctl.h>

#include "hooks/process.h"
#include "hooks/signal.h"
#include "shim/crash.h"
#include "shim/safe.h"

#define ALT_SIZE	(64u << 10)
#define ALT_FROM	(64u << 10)	/* stacks smaller than this get none */
#define OURS		(16u << 10)	/* thread-local variables, and frames of our hooks */
#define STARTS		512

struct start {
	uint32_t owner;			/* generation + 1 of the process that uses it, 0: free */
	uint32_t creator;		/* tid */
	void *(*routine)(void *);
	void *argument;
	size_t stack_size, guard_size;	/* as the attributes say; stack_size 0: not known */
	size_t more;			/* by how much ours is larger */
	bool alternate;			/* and has room for an alternate stack */
};

static struct start starts[STARTS];
static char main_stack[ALT_SIZE] __attribute__((aligned(64)));
KS_TLS stack_t own;			/* ss_size 0: none */
KS_TLS bool in_use;			/* stays set when the handler jumps out: then ours is not armed again */

bool ks_own_altstack(stack_t *stack)
{
	*stack = own;
	return own.ss_size != 0 && !in_use;
}

bool ks_on_own_altstack(uintptr_t address)
{
	return address - (uintptr_t)own.ss_sp < own.ss_size;
}

void ks_altstack_in_use(bool yes)
{
	in_use = yes;
}

/* The main thread's stack grows when it is touched, up to its limit (arguments count, too). */
bool ks_stack_has_room(uintptr_t sp)
{
	char byte;
	uint64_t limit;

	if (ks_read_memory(sp - 128, &byte, 1) == 1)
		return true;
	if (ks_tid() != (uint32_t)ks.pid)
		return false;
	limit = ks_limit(RLIMIT_STACK);
	return sp < ks_arguments_at && ks_arguments_at - sp + (256u << 10) < limit;
}

static void use_altstack(void *at, size_t size)
{
	stack_t now;

	if (REAL(sigaltstack)(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE))
		return;
	/* Disarmed while a handler runs on it: then the thread has none, as without us. Linux 4.7. */
	now = (stack_t){ .ss_sp = at, .ss_size = size, .ss_flags = (int)(1u << 31) /* SS_AUTODISARM */ };
	if (REAL(sigaltstack)(&now, NULL) == 0)
		own = now;
}

static void disarm(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	stack_t now;

	if (own.ss_size && REAL(sigaltstack)(NULL, &now) == 0 && now.ss_sp == own.ss_sp)
		REAL(sigaltstack)(&none, NULL);
}

void ks_altstack_armed(bool yes)
{
	if (!yes)
		disarm();
	else if (own.ss_size)
		use_altstack(own.ss_sp, own.ss_size);
}

void ks_main_altstack(void)
{
	struct ks_thread *t = ks_thread_counters();

	ks_arguments_at = (uintptr_t)environ;
	use_altstack(main_stack, sizeof(main_stack));
	if (t) {
		t->alt_low = (uintptr_t)own.ss_sp;
		t->alt_size = own.ss_size;
	}
}

/* --- the begin and the end of a thread --- */

static struct start *claim(void)
{
	static unsigned next;
	const uint32_t me = ks.generation + 1;

	for (int i = 0; i < 64; i++) {
		struct start *s = &starts[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % STARTS];
		uint32_t owner = __atomic_load_n(&s->owner, __ATOMIC_RELAXED);

		/* One that a parent of this process had claimed when it forked is free here. */
		if (owner != me && __atomic_compare_exchange_n(&s->owner, &owner, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return s;
	}
	return NULL;
}

/* Name of the calling thread, as it is now: called when it ends. */
static void keep_name(struct ks_thread *t)
{
	ks_sys(SYS_prctl, PR_GET_NAME, t->name);
}

static void over_with(void *routine)
{
	int error = errno;

	if (!ks.sealed)
		disarm();
	own = (stack_t){ 0 };
	if (ks.on) {
		ks_heap_settle();
		KS_EMIT(thread_end, .routine = (uintptr_t)routine);
		if (ks_self.thread && ks_self.generation == ks.generation)
			keep_name(ks_self.thread);
		ks_thread_ended();
	}
	errno = error;
}

/* The bounds are an estimate (glibc may hand out a larger stack that it had kept); the mappings
 * that a crash records are exact. */
static void note_begin(const struct start *s, uintptr_t high)
{
	struct ks_thread *t = ks_thread_counters();

	if (t) {
		t->stack_high = high;
		t->stack_low = s->stack_size && s->stack_size < high ? high - s->stack_size - s->more : 0;
		t->guard_size = s->guard_size;
		t->alt_low = (uintptr_t)own.ss_sp;
		t->alt_size = own.ss_size;
		t->routine = (uintptr_t)s->routine;
	}
	KS_EMIT(thread_start, .routine = (uintptr_t)s->routine, .creator = s->creator, .stack_size = s->stack_size);
}

static void *begin(void *argument)
{
	struct start s = *(struct start *)argument;
	void *result;

	__atomic_store_n(&((struct start *)argument)->owner, 0, __ATOMIC_RELEASE);
	pthread_cleanup_push(over_with, s.routine);
	if (s.alternate && !ks.sealed)
		use_altstack(alloca(ALT_SIZE), ALT_SIZE);
	if (ks.on)
		note_begin(&s, ((uintptr_t)__builtin_frame_address(0) | 4095) + 1);
	result = s.routine(s.argument);
	pthread_cleanup_pop(1);
	return result;
}

/* What the thread is to get; in wider the same with more stack. Returns whether that is to be used. */
static bool widen(struct start *s, const pthread_attr_t *attr, pthread_attr_t *wider)
{
	size_t size = 0;
	void *low = NULL;

	*wider = *attr;
	s->stack_size = s->guard_size = 0;
	s->alternate = false;
	s->more = 0;
	pthread_attr_getstacksize(attr, &s->stack_size);
	pthread_attr_getguardsize(attr, &s->guard_size);
	/* Where no stack was set, glibc answers with one that ends at address 0. */
	pthread_attr_getstack(attr, &low, &size);
	if ((uintptr_t)low + size != 0 || !s->stack_size)
		return false;
	s->alternate = s->stack_size >= ALT_FROM;
	s->more = OURS + (s->alternate ? ALT_SIZE : 0);
	return s->stack_size < SIZE_MAX / 2 && pthread_attr_setstacksize(wider, s->stack_size + s->more) == 0;
}

/* --- the hook --- */

/* With attr, or with more stack where that can be had. */
static int create(pthread_t *thread, const pthread_attr_t *attr, const pthread_attr_t *wider, struct start *s)
{
	int rc = REAL(pthread_create)(thread, wider, begin, s);

	if (wider == attr || (rc != EAGAIN && rc != ENOMEM && rc != EINVAL))
		return rc;
	s->more = 0;
	s->alternate = false;
	return REAL(pthread_create)(thread, attr, begin, s);
}

/* Without attributes it takes the defaults; they may change at any time, so they are asked for each time, as it does. */
static int create_by_default(pthread_t *thread, struct start *s)
{
	pthread_attr_t usual, wider;
	int rc = pthread_getattr_default_np(&usual);

	if (rc != 0)
		return rc;
	rc = create(thread, &usual, widen(s, &usual, &wider) ? &wider : &usual, s);
	pthread_attr_destroy(&usual);
	return rc;
}

KS_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *), void *argument)
{
	struct start *s = ks.chosen ? claim() : NULL, copy;
	pthread_attr_t wider;
	int rc, error;

	if (!s)
		return REAL(pthread_create)(thread, attr, routine, argument);
	s->creator = ks_tid();
	s->routine = routine;
	s->argument = argument;
	if (attr)
		rc = create(thread, attr, widen(s, attr, &wider) ? &wider : attr, s);
	else
		rc = create_by_default(thread, s);
	if (rc == 0)
		return rc;
	error = errno;
	copy = *s;
	__atomic_store_n(&s->owner, 0, __ATOMIC_RELEASE);
	ks_refused(NULL, rc, (uintptr_t)copy.routine, copy.stack_size, KS_CALLER());
	errno = error;
	return rc;
}

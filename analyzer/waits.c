/* SPDX-License-Identifier: MIT */
/*
 * What each thread waits for: told from the functions it stands in, the system call and its
 * arguments, and the words of memory around a futex, whether they come from a crash that a signal
 * from outside made, or from a look at the living process.
 *
 * A mutex of glibc knows its owner: { int lock; unsigned count; int owner; … }
 * (sysdeps/nptl/bits/struct_mutex.h); a semaphore, which is what Python's locks are made of up
 * to 3.12, does not.
 */
#include "analyzer/model_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/live.h"
#include "analyzer/wait_where.h"
#include "analyzer/syscalls.h"

#define FUTEX_SHARED(op) (!((op)&128)) /* FUTEX_PRIVATE_FLAG, linux/futex.h */

/* Bytes of the process as the trace has them. */
static bool read_memory(const struct trace *t, uint64_t address, void *to, size_t size)
{
	for (size_t i = 0; i < t->nblocks; i++) {
		const struct block *b = &t->blocks[i];
		uint64_t at = address - b->head.address;

		if ((b->head.kind == KS_BLOCK_MEMORY || b->head.kind == KS_BLOCK_STACK) &&
		    address >= b->head.address && at < b->head.size && b->head.size - at >= size) {
			memcpy(to, b->data + at, size);
			return true;
		}
	}
	return false;
}

/* --- owners --- */

static bool is_thread(const struct model *m, uint32_t tid)
{
	for (size_t i = 0; i < m->nthreads; i++)
		if (m->threads[i].tid == tid && m->threads[i].alive)
			return true;
	return false;
}

static const char *thread_words(struct arena *a, const struct model *m, uint32_t tid)
{
	const struct thread *th = model_thread(m, tid), *main_thread = model_thread(m, m->pid);

	if (tid == m->pid)
		return arena_printf(a, "the main thread (%u)", tid);
	if (th && *th->name && !(main_thread && strcmp(th->name, main_thread->name) == 0))
		return arena_printf(a, "thread %u (%s)", tid, th->name);
	return arena_printf(a, "thread %u", tid);
}

static void own_mutex(struct model *m, struct wait *w)
{
	struct {
		int32_t lock;
		uint32_t count;
		int32_t owner;
	} mutex;

	if (!w->address || !read_memory(private_of(m)->trace, w->address, &mutex, sizeof(mutex)) ||
	    mutex.lock == 0 || mutex.owner <= 0)
		return;
	w->owner = (uint32_t)mutex.owner;
	w->owner_gone = !is_thread(m, w->owner);
}

/* pthread_join waits at the tid word of the thread (nptl/pthread_join_common.c). */
static void own_join(struct model *m, struct wait *w)
{
	int32_t tid;

	if (w->address && read_memory(private_of(m)->trace, w->address, &tid, sizeof(tid)) &&
	    tid > 0) {
		w->owner = (uint32_t)tid;
		w->owner_gone = !is_thread(m, w->owner);
	}
}

static void tell_owner(struct model *m, struct wait *w, const char *what)
{
	struct arena *a = &private_of(m)->arena;

	if (!w->owner && w->owner_gone)
		w->text = arena_printf(
			a, "%s that is held by a thread which is none of this process", what);
	else if (w->guessed)
		w->text = arena_printf(a, "%s that %s seems to hold", what,
				       thread_words(a, m, w->owner));
	else if (!w->owner)
		w->text = what;
	else if (w->owner_gone)
		w->text = arena_printf(
			a, "%s that thread %u holds, and there is no such thread in this process",
			what, w->owner);
	else
		w->text = arena_printf(a, "%s that %s holds", what, thread_words(a, m, w->owner));
}

/* --- all of it --- */

static bool is_runtime(const struct module *mod)
{
	return mod &&
	       (strncmp(mod->name, "libstdc++", 9) == 0 || strncmp(mod->name, "libc++", 6) == 0 ||
		strncmp(mod->name, "libgcc_s", 8) == 0);
}

/* Who called the function that waits, where that is not the interpreter; a C++ name without its
 * arguments. */
static const char *caller_words(struct arena *a, const struct stack *s, const struct place *p,
				const char *what)
{
	const struct frame *f;
	size_t at = p->next, n;

	while (at < s->n && (is_runtime(s->frames[at].module) || s->frames[at].inlined))
		at++;
	f = at < s->n ? &s->frames[at] : NULL;
	if (!f || !f->module || wait_in_python(f->module))
		return what;
	if (!f->symbol)
		return arena_printf(a, "%s (in %s)", what, f->module->name);
	n = strcspn(f->symbol, "(<");
	n = n && !strstr(f->symbol, "operator") && !strstr(f->symbol, "(anonymous")
		    ? n
		    : strlen(f->symbol);
	return arena_printf(a, "%s (%.*s in %s)", what, (int)(n < 80 ? n : 80), f->symbol,
			    f->module->name);
}

static void by_base(struct model *m, const struct stack *s, const struct place *p, struct wait *w)
{
	struct arena *a = &private_of(m)->arena;

	switch (p->base) {
	case BASE_MUTEX:
		w->kind = WAIT_LOCK;
		own_mutex(m, w);
		tell_owner(m, w, caller_words(a, s, p, "a mutex"));
		return;
	case BASE_JOIN:
		w->kind = WAIT_THREAD;
		own_join(m, w);
		w->text = w->owner && !w->owner_gone
				  ? arena_printf(a, "%s to end", thread_words(a, m, w->owner))
				  : "a thread to end";
		return;
	case BASE_CONDITION:
	case BASE_BARRIER:
		w->kind = WAIT_CONDITION;
		w->text = caller_words(a, s, p, "other threads of its process");
		return;
	case BASE_LOW_LOCK:
	case BASE_RW_LOCK:
	case BASE_SEMAPHORE:
		w->kind = WAIT_LOCK;
		w->text = caller_words(a, s, p, "a lock");
		return;
	case BASE_NONE:
		w->kind = WAIT_CONDITION;
		w->text = caller_words(a, s, p, "other threads of its process");
		return;
	}
}

static const struct live_task *task_of(const struct live *live, uint32_t tid)
{
	for (size_t i = 0; live && i < live->ntasks; i++)
		if (live->tasks[i].tid == tid)
			return &live->tasks[i];
	return NULL;
}

static void at_futex(struct model *m, const struct thread *th, const struct stack *s,
		     struct wait *w)
{
	const struct live_task *task = task_of(model_live(m), th->tid);
	struct place p = wait_place(s);

	if (s && wait_for_gil(s, &p)) {
		w->kind = WAIT_GIL;
		w->text = "the interpreter's lock (GIL)";
	} else if (s && (wait_python_lock(s, &p) || p.base == BASE_SEMAPHORE)) {
		if (wait_from_python(th, w))
			return;
		w->kind = WAIT_LOCK;
		if (task && (task->lock_owner || task->lock_gone)) {
			w->owner = task->lock_owner;
			w->owner_gone = task->lock_gone;
			w->guessed = task->lock_guessed;
			tell_owner(m, w,
				   task->lock_is_rlock ? "a threading.RLock" : "a threading.Lock");
			return;
		}
		w->text = wait_python_lock(s, &p)
				  ? "a lock (threading)"
				  : caller_words(&private_of(m)->arena, s, &p, "a semaphore");
	} else if (s) {
		by_base(m, s, &p, w);
	} else if (!wait_from_python(th, w)) {
		w->text = "another thread (futex)";
	}
	if (s && p.next < s->n && s->frames[p.next].module &&
	    strncmp(s->frames[p.next].module->name, "_multiprocessing", 16) == 0) {
		w->kind = WAIT_OUTSIDE;
		w->text = "a lock that other processes share (multiprocessing)";
	}
	if (w->known && w->shared && (w->kind == WAIT_LOCK || w->kind == WAIT_CONDITION)) {
		w->kind = WAIT_OUTSIDE;
		w->text = "a lock that other processes share";
	}
}

/* The registers of a thread that a signal took out of a futex call: behind the instruction, with EINTR. */
struct futex_call {
	uint64_t address, op, value, timeout; /* futex(2); address 0: its register holds the result now */
};

static bool behind_call(const struct ks_crash *c, const uint8_t *call, size_t size)
{
	uint64_t behind = c->pc - c->opcode_address;

	return behind >= size && behind < c->opcode_size && memcmp(c->opcode + behind - size, call, size) == 0;
}

static bool futex_registers(const struct model *m, struct futex_call *f)
{
	const struct ks_crash *c = m->crash.raw;
	static const uint8_t syscall[] = {0x0f, 0x05}, svc[] = {0x01, 0x00, 0x00, 0xd4};

	if (m->arch == KS_ARCH_X86_64 && c->nregs > 10 && behind_call(c, syscall, sizeof(syscall))) {
		*f = (struct futex_call){c->regs[5], c->regs[4], c->regs[1], c->regs[10]};
		return true;
	}
	if (m->arch == KS_ARCH_AARCH64 && c->nregs > 8 && behind_call(c, svc, sizeof(svc))) {
		*f = (struct futex_call){0, c->regs[1], c->regs[2], c->regs[3]};
		return call_of(m->arch, c->regs[8]) == CALL_futex;
	}
	return false;
}

/*
 * A runtime that calls futex by itself (libgomp) has no function of libc that tells so: the result
 * is EINTR, the operation is a private wait, and the word still holds the value that was waited at.
 */
static bool waits_by_itself(const struct model *m, const struct futex_call *f)
{
	const uint64_t wait = 0, wait_bitset = 9, command = f->op & 127;
	uint32_t word;

	if (m->crash.raw->regs[0] != (uint64_t)-EINTR || FUTEX_SHARED(f->op) ||
	    (command != wait && command != wait_bitset))
		return false;
	return m->arch == KS_ARCH_AARCH64 ||
	       (read_memory(private_of(m)->trace, f->address, &word, sizeof(word)) && word == (uint32_t)f->value);
}

/* A thread that a signal took out of its system call: does it stand in or behind a futex call? */
static bool taken_from_futex(const struct model *m, struct wait *w, const struct stack *s)
{
	const bool in_libc = wait_place(s).base != BASE_NONE;
	struct futex_call f;

	if (!futex_registers(m, &f) || (!in_libc && !waits_by_itself(m, &f)))
		return in_libc;
	w->address = f.address;
	w->known = true;
	w->shared = FUTEX_SHARED(f.op);
	w->timed = f.timeout != 0;
	return true;
}

static const char *plain_words(struct model *m, const struct thread *th, enum call call)
{
	struct arena *a = &private_of(m)->arena;

	switch (call) {
	case CALL_read:
	case CALL_write:
	case CALL_recvfrom:
	case CALL_recvmsg:
	case CALL_sendto:
	case CALL_sendmsg:
	case CALL_readv:
	case CALL_writev:
	case CALL_epoll_wait:
	case CALL_epoll_pwait:
	case CALL_accept:
	case CALL_accept4:
	case CALL_connect:
	case CALL_ioctl:
	case CALL_flock:
		return arena_printf(a, "%s on fd %d", call_name(call), (int)th->arg0);
	case CALL_wait4:
	case CALL_waitid:
		return "a child of it to end";
	case CALL_nanosleep:
	case CALL_clock_nanosleep:
		return "a time to pass";
	case CALL_UNKNOWN:
		return NULL;
	default:
		return call_name(call);
	}
}

static void fill(struct model *m, struct thread *th)
{
	const bool crashed = m->crash.present && !m->crash.repaired && m->crash.tid == th->tid;
	const struct stack *s = crashed ? m->crash.stack : th->native;
	const struct live_task *task = task_of(model_live(m), th->tid);
	enum call call = th->syscall == UNKNOWN ? CALL_UNKNOWN : call_of(m->arch, th->syscall);
	struct wait *w = &th->wait;

	w->passing = task && task->passing;
	if (crashed) {
		if (taken_from_futex(m, w, s))
			at_futex(m, th, s, w);
		return;
	}
	if (task && task->running) {
		w->kind = WAIT_NONE;
		return;
	}
	if (call == CALL_futex) {
		w->address = th->arg0;
		w->known = th->args & 0x80;
		w->shared = FUTEX_SHARED(th->arg1);
		w->timed = th->args & 1 << 3;
		at_futex(m, th, s, w);
		return;
	}
	w->text = task && task->waits ? task->waits : plain_words(m, th, call);
	if (w->text)
		w->kind = WAIT_OUTSIDE;
	else if (!task && !call && th->state == 'R')
		w->kind = WAIT_NONE;
}

/* A dlopen goes on: what waits within it waits for it, too. */
static void tell_load(struct model *m, struct thread *th)
{
	struct arena *a = &private_of(m)->arena;

	for (size_t i = m->nloads; i-- > 0;) {
		const struct load *l = &m->loads[i];

		if (l->tid != th->tid || l->outcome != LOAD_RUNNING || !l->path)
			continue;
		th->wait.text = th->wait.text ? arena_printf(a, "%s, while it loads %s",
							     th->wait.text, l->path)
					      : NULL;
		return;
	}
}

/*
 * Who has the interpreter's lock, where others wait for it: the only thread with Python frames that
 * does not.
 */
static void own_gil(struct model *m)
{
	const struct thread *holder = NULL;
	unsigned others = 0, waiting = 0;

	for (size_t i = 0; i < m->nthreads; i++) {
		const struct thread *th = &m->threads[i];

		if (!th->alive || !th->npython)
			continue;
		if (th->wait.kind == WAIT_GIL) {
			waiting++;
		} else {
			holder = th;
			others++;
		}
	}
	for (size_t i = 0; others == 1 && waiting && i < m->nthreads; i++) {
		struct wait *w = &m->threads[i].wait;

		if (w->kind != WAIT_GIL)
			continue;
		w->owner = holder->tid;
		tell_owner(m, w, "the interpreter's lock (GIL)");
	}
}

void build_waits(struct model *m)
{
	for (size_t i = 0; i < m->nthreads; i++) {
		if (!m->threads[i].alive)
			continue;
		fill(m, &m->threads[i]);
		tell_load(m, &m->threads[i]);
	}
	own_gil(m);
}

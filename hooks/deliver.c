/* SPDX-License-Identifier: MIT */
/*
 * What happens when a signal comes.
 *
 * To a handler of the program (ks_on_signal): a light record, then a jump to the handler with the
 * same arguments; no frame of ours is left on its stack, and it may return, jump out or end the
 * process. A fault of the CPU is kept in thread-local memory: should the handler end the process
 * by raising the signal again or by abort (faulthandler, UCX, absl, a JVM), that first fault is
 * the crash that is recorded, and what came after it is not.
 *
 * To nobody (ks_on_default): record the crash, then die as without us: a fault happens again
 * under SIG_DFL, anything else is sent again with its siginfo. In a vfork child and in any other process
 * that does not own the recording: only the latter.
 */
#include "hooks/signal.h"

#include <sys/prctl.h>
#include <ucontext.h>

#include "shim/arch.h"
#include "shim/claim.h"
#include "shim/crash.h"
#if defined(__x86_64__)
#include "shim/arch/x86_64_crash.h"
#else
#include "shim/arch/aarch64_crash.h"
#endif
#include "shim/safe.h"

/* Where the kernel put the siginfo of a delivery, and how to tell that it is still that one. */
struct mark {
	const siginfo_t *at;
	uintptr_t alt, alt_size;	/* the alternate stack of that time, where it was used */
	uintptr_t sp;			/* which it interrupted */
	uintptr_t below;		/* where call_below left that sp, 0: the handler runs where the kernel put it */
	siginfo_t copy;
};

KS_TLS struct mark last_mark;		/* the last delivery to a handler of the program */
KS_TLS struct mark first_mark;		/* the last fault of the CPU among them … */
KS_TLS struct ks_fault first;		/* … with all registers */

static char crash_stack[64 << 10] __attribute__((aligned(64)));

static void set_mark(struct mark *m, const siginfo_t *info, const ucontext_t *uc)
{
	uintptr_t alt = (uintptr_t)uc->uc_stack.ss_sp;
	bool used = (uintptr_t)info - alt < uc->uc_stack.ss_size;

	m->at = info;
	m->alt = used ? alt : 0;
	m->alt_size = used ? uc->uc_stack.ss_size : 0;
	m->sp = ks_uc_sp(uc);
	m->below = 0;
	m->copy = *info;
}

/*
 * Is the handler of that delivery still running, when the thread's stack pointer is sp? It may have
 * been left by siglongjmp: then sp is above its frame, or on another stack, or the frame has been
 * overwritten.
 */
static bool still_runs(const struct mark *m, uintptr_t sp)
{
	siginfo_t now;
	uintptr_t left;

	if (m->below)
		return sp < m->below && m->below - sp < 64u << 20 &&
		       ks_read_memory(m->below, &left, sizeof(left)) == sizeof(left) && left == ~m->sp;
	if (!m->at || sp >= (uintptr_t)m->at || (uintptr_t)m->at - sp > 64u << 20)
		return false;
	if (m->alt_size && sp - m->alt >= m->alt_size)
		return false;
	return ks_read_memory((uintptr_t)m->at, &now, sizeof(now)) == sizeof(now) &&
	       memcmp(&now, &m->copy, sizeof(now)) == 0;
}

bool ks_in_handler(void)
{
	return still_runs(&last_mark, (uintptr_t)__builtin_frame_address(0));
}

bool ks_fault_handler_runs(void)
{
	return still_runs(&first_mark, (uintptr_t)__builtin_frame_address(0));
}

static bool was_sent(const siginfo_t *info)
{
	return info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE;
}

static bool from_outside(const siginfo_t *info)
{
	return was_sent(info) && info->si_pid != ks.pid;
}

/* --- a signal for a handler of the program --- */

static void emit_sender(const siginfo_t *info, const struct ks_sender *s, bool fatal)
{
	KS_EMIT(signal_from, .signal = info->si_signo, .code = info->si_code, .pid = s->pid, .uid = info->si_uid,
		.comm = ks_text(s->name), .ppid = s->ppid, .parent_comm = ks_text(s->parent), .fatal = fatal,
		.argv = ks.config.text == KS_TEXT_OFF ? 0 : ks_text(s->argv));
}

/* The first of each sender and signal, and then ever fewer: some programs signal each other all day. */
static bool worth_asking(const siginfo_t *info)
{
	static struct { int32_t pid; uint32_t count; } last[KS_SIGNALS];
	unsigned sig = (unsigned)info->si_signo;

	if (sig >= KS_SIGNALS || sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT)
		return false;
	if (__atomic_exchange_n(&last[sig].pid, info->si_pid, __ATOMIC_RELAXED) != info->si_pid &&
	    last[sig].count < 64)
		return ++last[sig].count;
	last[sig].count++;
	return !(last[sig].count & (last[sig].count - 1));
}

static void note_sender(const siginfo_t *info)
{
	static struct ks_sender sender;
	static uint64_t taken;
	struct ks_mark mark;

	if (!worth_asking(info) || !ks_claim(&taken, &mark))
		return;
	ks_sender_read((uint32_t)info->si_pid, &sender);
	emit_sender(info, &sender, false);
	ks_claim_end(&taken, &mark);
}

__attribute__((noinline)) static ks_handler prepare(int sig, siginfo_t *info, ucontext_t *uc)
{
	struct ks_disposition *d = &ks_dispositions[sig];
	ks_handler handler = __atomic_load_n(&d->handler, __ATOMIC_ACQUIRE);

	if (d->program.sa_flags & (int)SA_RESETHAND)
		ks_signal_was_reset(sig);
	if (!ks.chosen)
		return handler;
	if (ks_is_fault(sig) && info->si_code > 0 && !still_runs(&first_mark, ks_uc_sp(uc))) {
		ks_fault_read(&first, info, uc, (uintptr_t)handler);
		set_mark(&first_mark, info, uc);
	}
	set_mark(&last_mark, info, uc);
	if (!ks.on)			/* a forked child without a trace, so far */
		return handler;
	/* A thread without a ring gets none here: the stack may be small. */
	if (ks_self.ring && ks_self.generation == ks.generation)
		KS_EMIT(signal_seen, .signal = sig, .code = info->si_code,
			.address = ks_is_fault(sig) && info->si_code > 0 ? (uintptr_t)info->si_addr
				 : (uint64_t)(uint32_t)info->si_pid << 32 | info->si_uid,
			.pc = ks_uc_pc(uc), .handler = (uintptr_t)handler);
	if (KS_UNLIKELY(from_outside(info)))
		note_sender(info);
	return handler;
}

/*
 * The handler asked for an alternate stack, its thread has none of its own, and the kernel has
 * taken ours: go back to the stack on which it would have run without us. Ours is disarmed while it
 * runs (SS_AUTODISARM). Where that stack has no room left, the kernel would have killed.
 */
__attribute__((noinline)) static void call_below(ks_handler handler, int sig, siginfo_t *info, ucontext_t *uc)
{
	volatile uintptr_t frame = (uintptr_t)__builtin_frame_address(0);	/* have a frame pointer */
	const uintptr_t sp = ks_uc_sp(uc), below = ((sp - 128) & ~63ul) - 64;

	(void)frame;
	if (sig == SIGSEGV && info->si_code > 0 && !ks_stack_has_room(sp)) {
		ks_on_default(sig, info, uc);
		return;
	}
	*(uintptr_t *)below = ~sp;	/* overwritten soon where the handler has jumped out */
	if (first_mark.at == info)
		first_mark.below = below;
	if (last_mark.at == info)
		last_mark.below = below;
	ks_altstack_in_use(true);
	ks_handler_on_stack(handler, sig, info, uc, below);
	ks_altstack_in_use(false);
}

/*
 * Our own look at what the program gave to free(): it is to fault where it would have, in libc. And our own trace,
 * cut off by somebody, lost by a file server, or unmapped by a program that clears out what it does not know.
 */
static bool faults_elsewhere(int sig, const siginfo_t *info, void *context)
{
	if ((sig != SIGSEGV && sig != SIGBUS) || info->si_code <= 0)
		return false;
	return ks_heap_step_over(context) ||
	       ((sig == SIGBUS || info->si_code == SEGV_MAPERR) && ks_trace_lost((uintptr_t)info->si_addr, sig == SIGSEGV));
}

void ks_on_signal(int sig, siginfo_t *info, void *context)
{
	ks_handler handler;

	if (KS_UNLIKELY(!(ks_dispositions[sig].program.sa_flags & (int)SA_RESETHAND) &&
			faults_elsewhere(sig, info, context)))
		return;
	handler = prepare(sig, info, context);

	if (KS_UNLIKELY(ks_on_own_altstack((uintptr_t)info)) && !ks_altstack_is_real)
		call_below(handler, sig, info, context);
	else
		handler(sig, info, context);
}

/* --- a signal that kills --- */

static struct {
	int sig;
	siginfo_t *info;
	ucontext_t *uc;
	siginfo_t copy;			/* for die_here, should info be gone */
} fatal;

static bool written;			/* the crash area is in use: a handler of a fault has called exit */

/* Pools stop their workers so: a forked child that had nothing to say, and whose own parent ends it, leaves no trace.
 * Not where it may hang since the fork: its parent had threads, whose locks it has inherited. */
static bool stopped_by_parent(void)
{
	static struct ks_sender parent;
	const int by = fatal.info->si_pid, above = (int)ks_sys(SYS_getppid);

	if (ks.on || ks.forked_threads > 1 || fatal.info->si_code != SI_USER ||
	    (fatal.sig != SIGTERM && fatal.sig != SIGINT && fatal.sig != SIGHUP))
		return false;
	if (by == above)
		return true;
	ks_sender_read((uint32_t)above, &parent);	/* a fork server made it for its own parent */
	return parent.ppid && (int)parent.ppid == by;
}

static struct ks_fault fresh;

/* On our own stack. */
static void record(void *unused)
{
	static struct ks_sender sender;
	const uintptr_t sp = ks_uc_sp(fatal.uc);
	const struct ks_fault *f = &fresh;
	bool outside = from_outside(fatal.info), again;

	(void)unused;
	if (stopped_by_parent())
		return;
	ks.crashing = true;
	if (!ks.on && !ks_wake())
		return;
	ks_self.load = ks_load_now(sp);
	ks_fault_read(&fresh, fatal.info, fatal.uc, 0);
	again = first_mark.at && (still_runs(&first_mark, sp) || (first.pc == fresh.pc && first.sp == sp));
	if (!outside && again)
		f = &first;
	if (outside) {
		ks_sender_read((uint32_t)fatal.info->si_pid, &sender);
		emit_sender(fatal.info, &sender, true);
	}
	ks_crash_record(f, fatal.sig, f == &fresh && still_runs(&last_mark, sp) ? last_mark.sp : 0,
			outside ? &sender : NULL);
	ks_loads_at_crash(sp);
}

static void record_first(void *unused)
{
	(void)unused;
	ks.crashing = true;
	ks_crash_record(&first, 0, 0, NULL);
}

/* A fault in the crash path: what happened at first is there, however early this came. */
static void note_nested(const siginfo_t *info, const ucontext_t *uc)
{
	if (!ks.on)
		return;
	ks_end(KS_END_SIGNAL, fatal.sig);
	if (fresh.tid != ks_tid())
		ks_fault_read(&fresh, &fatal.copy, fatal.uc, 0);
	ks_crash_nested(&fresh, info, uc);
}

void ks_on_default(int sig, siginfo_t *info, void *context)
{
	static unsigned nested;
	enum ks_claim claim;

	if (faults_elsewhere(sig, info, context))
		return;
	ks_die_if_back(info);
	if (!ks_mine()) {
		ks_die(sig, info, context);
		return;
	}
	/* The first process of a container does not die of what it was only sent. */
	if (ks.pid == 1 && info->si_code <= 0)
		return;
	claim = ks_crash_claim();
	if (claim == KS_CLAIM_NESTED && !fatal.sig)
		claim = KS_CLAIM_FIRST;	/* the first one had not got further than its claim */
	switch (claim) {
	case KS_CLAIM_FIRST:
		if (written)
			break;
		fatal.info = info;
		fatal.uc = context;
		fatal.copy = *info;
		__atomic_store_n(&fatal.sig, sig, __ATOMIC_RELEASE);
		ks_on_stack(record, NULL, crash_stack + sizeof(crash_stack));
		break;
	case KS_CLAIM_NESTED:
		if (nested > 2)
			ks_die_at_once(fatal.sig);
		if (!nested++)		/* this may fault once more */
			note_nested(info, context);
		ks_die_here(fatal.sig, &fatal.copy);
		break;
	case KS_CLAIM_OTHER:
		ks_crash_wait();
		break;
	}
	ks_die(sig, info, context);
}

/*
 * exit was called, and not with 0: by the handler of a fault, like ROOT's and others that print a stack
 * and exit? Then that fault is what happened. The exit goes on.
 */
void ks_signals_last_words(void)
{
	if (!ks_fault_handler_runs() || written || ks_crash_claim() != KS_CLAIM_FIRST)
		return;
	written = true;
	ks_on_stack(record_first, NULL, crash_stack + sizeof(crash_stack));
	ks_crash_give_up();
}

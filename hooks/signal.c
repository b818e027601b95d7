/* SPDX-License-Identifier: MIT */
/*
 * sigaction and kin: the program sees the dispositions that it set, we see the signals.
 *
 * Where the program has a handler, the kernel gets ks_on_signal with the program's own flags and
 * mask, so that the kernel keeps its promises to it (SA_RESTART, SA_NODEFER, SA_RESETHAND, …), plus
 * SA_SIGINFO. Where it has SIG_DFL and that kills, the kernel gets ks_on_default; SIG_IGN and all
 * else is really set. A query asks the kernel, and only where that has a function of ours is the
 * answer taken from our table; so a vfork child, and what libc sets past us (system, abort),
 * are answered rightly without a write of ours. SA_ONSTACK is passed on once the program has an
 * alternate stack somewhere: before that, its handlers run on the stacks that they ran on without us.
 *
 * Context: any thread, handlers, vfork children. Two threads that set the same signal at once are
 * kept apart by a flag that nobody waits for longer than a moment.
 */
#include "hooks/signal.h"

#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "shim/crash.h"
#include "shim/safe.h"

/* Exported by glibc, declared by no header of its present versions. */
int __sigaction(int sig, const struct sigaction *act, struct sigaction *oact);

struct ks_disposition ks_dispositions[KS_SIGNALS];
bool ks_signals_virtual;

#define BIT(signal) (1ull << ((signal) - 1))

bool ks_altstack_is_real;
static bool program_altstack;		/* the program has set an alternate stack in some thread */
static uint32_t setting;		/* tid of the thread that changes the table */
static uint32_t changes[KS_SIGNALS];

/* Signals that kill by default and that the program has not asked for. */
static const uint8_t killing[] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGPIPE,
	SIGXCPU, SIGXFSZ, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGPOLL, SIGPWR, SIGSTKFLT,
};

/* The first process of a PID namespace ignores what it is sent, where that has the default. */
static bool kills(int sig)
{
	for (size_t i = 0; i < sizeof(killing); i++) {
		if (killing[i] == sig)
			return ks.pid != 1 || (ks_is_fault(sig) && sig != SIGTRAP && sig != SIGSYS);
	}
	return false;
}

static bool enter(void)
{
	const uint32_t tid = ks_tid();

	for (int i = 0; i < 1000; i++) {
		uint32_t nobody = 0;

		if (__atomic_compare_exchange_n(&setting, &nobody, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
		if (nobody == tid)
			return false;	/* a handler has interrupted us */
		ks_sys(SYS_sched_yield);
	}
	__atomic_store_n(&setting, tid, __ATOMIC_RELAXED);	/* its thread is gone: a fork */
	return true;
}

static void leave(bool entered)
{
	if (entered)
		__atomic_store_n(&setting, 0, __ATOMIC_RELEASE);
}

static int set(int sig, const struct sigaction *act, struct sigaction *old)
{
	return REAL(sigaction)(sig, act, old);
}

static bool is_ours(const struct sigaction *act)
{
	return act->sa_sigaction == ks_on_signal || act->sa_sigaction == ks_on_default;
}

static bool is_function(const struct sigaction *act)
{
	return act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN;
}

/* What the kernel gets for a handler of the program. */
static struct sigaction wrapped(const struct sigaction *program)
{
	struct sigaction ours = *program;

	ours.sa_sigaction = ks_on_signal;
	ours.sa_flags |= SA_SIGINFO;
	if (!program_altstack)
		ours.sa_flags &= ~SA_ONSTACK;
	return ours;
}

static int catch_default(int sig, struct sigaction *old)
{
	/* All but faults, so that one in the crash path comes back to us, and but libc's own two. */
	static const uint64_t mask = ~(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS) |
				       BIT(32) | BIT(33));
	struct sigaction ours = { .sa_sigaction = ks_on_default, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	memcpy(&ours.sa_mask, &mask, sizeof(mask));
	return set(sig, &ours, old);
}

void ks_catch_default(int sig)
{
	if (kills(sig))
		catch_default(sig, NULL);
}

bool ks_signal_give_back(int sig)
{
	struct sigaction now;

	const struct sigaction *program = &ks_dispositions[sig].program;
	struct {			/* as the kernel has it: libc would add a flag that a query of the child tells */
		void *handler;
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = { (void *)program->sa_sigaction, (unsigned)program->sa_flags, program->sa_restorer, 0 };

	memcpy(&action.mask, &program->sa_mask, sizeof(action.mask));
	if (set(sig, NULL, &now) != 0 || now.sa_sigaction != ks_on_default)
		return false;
	return ks_sys(SYS_rt_sigaction, sig, &action, NULL, 8) == 0;
}

void ks_signal_take(int sig)
{
	struct sigaction now;

	if (set(sig, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		ks_catch_default(sig);
}

/*
 * What a query would tell of act: the kernel and libc drop and add flags, and signals that cannot be blocked from its mask (an
 * emulator does not). Learnt from a query when these come for the first time, for each costs a system call; two
 * threads that learn at once do not hurt each other.
 */
static uint64_t kept[16];		/* ~(given << 32 | kept); 0: nothing */
static void (*restorer)(void);		/* of libc's */
static enum { NOT_LEARNT, DROPPED, LEFT } unblockable;

/* One of its signals that cannot be blocked; 0: it has none. */
static int hard_one(const sigset_t *mask)
{
	return sigismember(mask, SIGKILL) ? SIGKILL : sigismember(mask, SIGSTOP) ? SIGSTOP : 0;
}

static uint64_t *place_of(int flags)
{
	return &kept[(uint32_t)flags * 0x9e3779b1u >> 28];
}

static bool knows(struct sigaction *act)
{
	const uint64_t known = __atomic_load_n(place_of(act->sa_flags), __ATOMIC_ACQUIRE);

	if (!known || (uint32_t)(~known >> 32) != (uint32_t)act->sa_flags ||
	    (unblockable == NOT_LEARNT && hard_one(&act->sa_mask)))
		return false;
	act->sa_flags = (int)(uint32_t)~known;
	act->sa_restorer = restorer;
	if (unblockable != LEFT) {
		sigdelset(&act->sa_mask, SIGKILL);
		sigdelset(&act->sa_mask, SIGSTOP);
	}
	return true;
}

static void learn(const struct sigaction *given, const struct sigaction *told)
{
	const uint64_t flags = (uint64_t)(uint32_t)given->sa_flags << 32 | (uint32_t)told->sa_flags;

	restorer = told->sa_restorer;
	if (hard_one(&given->sa_mask))
		unblockable = hard_one(&told->sa_mask) ? LEFT : DROPPED;
	__atomic_store_n(place_of(given->sa_flags), ~flags, __ATOMIC_RELEASE);
}

static int install_handler(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct ks_disposition *d = &ks_dispositions[sig], before = *d;
	struct sigaction ours = wrapped(act), told = *act, got;
	const bool known = knows(&told);

	/* First the table: the kernel may deliver at once. */
	__atomic_store_n(&d->handler, act->sa_sigaction, __ATOMIC_RELEASE);
	d->program = told;
	if (set(sig, &ours, old) != 0) {
		*d = before;
		return -1;
	}
	/* What the kernel says, but for the two flags that we changed. */
	if (!known && set(sig, NULL, &got) == 0 && got.sa_sigaction == ks_on_signal) {
		got.sa_sigaction = act->sa_sigaction;
		got.sa_flags = (got.sa_flags & ~(SA_SIGINFO | SA_ONSTACK)) | (act->sa_flags & (SA_SIGINFO | SA_ONSTACK));
		d->program = got;
		learn(act, &got);
	}
	return 0;
}

static int install(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction *program = &ks_dispositions[sig].program, before = *program, told = *act;
	const bool caught = act->sa_handler == SIG_DFL && kills(sig);

	if (is_function(act))
		return install_handler(sig, act, old);
	if (caught && knows(&told)) {
		*program = told;
		if (catch_default(sig, old) == 0)
			return 0;
		*program = before;
		return -1;
	}
	if (set(sig, act, old) != 0)
		return -1;
	if (caught && set(sig, NULL, program) == 0) {
		learn(act, program);
		catch_default(sig, NULL);
	}
	return 0;
}

/* After a delivery with SA_RESETHAND the kernel has SIG_DFL, and so has the program's view. */
void ks_signal_was_reset(int sig)
{
	struct sigaction now = ks_dispositions[sig].program, kernel;

	if (!ks_signals_virtual || !ks_mine() || set(sig, NULL, &kernel) != 0 || kernel.sa_handler != SIG_DFL)
		return;
	now.sa_handler = SIG_DFL;
	ks_dispositions[sig].program = now;
	set(sig, &now, NULL);
	ks_catch_default(sig);
}

/* siginterrupt has changed SA_RESTART of what the kernel has. */
void ks_signal_restarts(int sig, bool yes)
{
	struct sigaction now;

	if (ks_mine() && set(sig, NULL, &now) == 0 && is_ours(&now)) {
		int *flags = &ks_dispositions[sig].program.sa_flags;

		*flags = (*flags & ~SA_RESTART) | (yes ? SA_RESTART : 0);
	}
}

/* The first changes of a signal, then ever fewer: ipykernel sets SIGINT around each cell. */
static void note_change(int sig, const struct sigaction *act, const struct sigaction *old, uintptr_t caller)
{
	uint32_t n = __atomic_add_fetch(&changes[sig], 1, __ATOMIC_RELAXED);

	if (n > 16 && (n & (n - 1)))
		return;
	KS_EMIT(handler_set, .signal = sig, .handler = (uintptr_t)act->sa_handler, .flags = (unsigned)act->sa_flags,
		.caller = caller, .old = (uintptr_t)old->sa_handler);
}

static void pass_on_altstack(void);

/* The first handler of Go's: what it finds with a system call of its own has to be what it gets. */
static void look_for_go(const struct sigaction *program)
{
	if (ks_altstack_is_real || !(program->sa_flags & SA_ONSTACK) || !is_function(program) ||
	    !ks_is_go((uintptr_t)program->sa_sigaction))
		return;
	ks_altstack_is_real = true;
	pass_on_altstack();
}

int ks_virtual_sigaction(int sig, const struct sigaction *act, struct sigaction *oact, uintptr_t caller)
{
	struct sigaction want, old, before;
	bool entered, mine;
	int rc;

	if (!ks_signals_virtual || sig <= 0 || sig >= KS_SIGNALS)
		return set(sig, act, oact);
	mine = act && ks_mine();
	if (mine)
		ks_signals_take_again();
	if (mine && ks.on && !ks.crashing)
		ks_python_try();
	if (act)
		want = *act;
	if (mine)
		look_for_go(&want);
	entered = mine && enter();
	before = ks_dispositions[sig].program;
	rc = mine ? install(sig, &want, &old) : set(sig, act ? &want : NULL, &old);
	leave(entered);
	if (rc != 0)
		return rc;
	if (is_ours(&old))
		old = before;
	if (oact)
		*oact = old;
	if (mine)
		note_change(sig, &want, &old, caller);
	return 0;
}

/* --- the exported family --- */

KS_EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *oact)
{
	return ks_virtual_sigaction(sig, act, oact, KS_CALLER());
}

KS_EXPORT int __sigaction(int sig, const struct sigaction *act, struct sigaction *oact)
{
	return ks_virtual_sigaction(sig, act, oact, KS_CALLER());
}

/* --- alternate stacks: the program does not see ours --- */

static void pass_on_altstack(void)
{
	bool entered = enter();

	program_altstack = true;
	for (int sig = 1; sig < KS_SIGNALS; sig++) {
		struct sigaction now, ours;

		if (set(sig, NULL, &now) != 0 || now.sa_sigaction != ks_on_signal ||
		    !(ks_dispositions[sig].program.sa_flags & SA_ONSTACK))
			continue;
		ours = wrapped(&ks_dispositions[sig].program);
		set(sig, &ours, NULL);
	}
	leave(entered);
}

KS_EXPORT int sigaltstack(const stack_t *want, stack_t *old)
{
	stack_t ours, got, copy;
	bool have = ks_signals_virtual && ks_own_altstack(&ours);
	int error = errno, rc;

	if (!ks_signals_virtual || (!want && !old))
		return REAL(sigaltstack)(want, old);
	/* A bad pointer is the kernel's to refuse. */
	if ((want && ks_read_memory((uintptr_t)want, &copy, sizeof(copy)) != sizeof(copy)) ||
	    (old && ks_read_memory((uintptr_t)old, &got, sizeof(got)) != sizeof(got)))
		return REAL(sigaltstack)(want, old);
	rc = REAL(sigaltstack)(want ? &copy : NULL, &got);
	if (rc != 0)
		return rc;
	if (old) {
		if (have && got.ss_sp == ours.ss_sp)
			got = (stack_t){ .ss_flags = SS_DISABLE };
		*old = got;
	}
	if (want && (copy.ss_flags & SS_DISABLE)) {
		if (have)
			REAL(sigaltstack)(&ours, NULL);
	} else if (want && !program_altstack && ks_mine()) {
		pass_on_altstack();
	}
	errno = error;
	return 0;
}

/* --- the begin and the end of it --- */

void ks_signals_start(void)
{
	static bool looked;

	if (!looked) {			/* a dl call: not again when prctl has failed */
		ks_heap_own(true);
		ks_crash_abort_message_at((const void *const *)dlvsym(RTLD_DEFAULT, "__abort_msg", "GLIBC_PRIVATE"));
		REAL(dlerror)();
		ks_heap_own(false);
		looked = true;
	}
	for (int sig = 1; sig < KS_SIGNALS; sig++) {
		struct ks_disposition *d = &ks_dispositions[sig];
		struct sigaction ours;

		if (set(sig, NULL, &d->program) != 0)
			continue;
		if (is_function(&d->program)) {
			d->handler = d->program.sa_sigaction;
			look_for_go(&d->program);
			ours = wrapped(&d->program);
			set(sig, &ours, NULL);
		} else if (d->program.sa_handler == SIG_DFL) {
			ks_catch_default(sig);
		}
	}
	ks_signals_virtual = true;
}

void ks_signals_release(void)
{
	for (int sig = 1; ks_signals_virtual && sig < KS_SIGNALS; sig++) {
		struct sigaction now;

		if (set(sig, NULL, &now) == 0 && is_ours(&now))
			set(sig, &ks_dispositions[sig].program, NULL);
	}
	if (ks_mine())
		ks_signals_virtual = false;
}

KS_EXPORT int prctl(int option, ...)
{
	const bool on = ks.on, chosen = ks.chosen;
	int error = errno, rc;
	unsigned long a[4];
	va_list ap;
	bool spared;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (option != PR_SET_SECCOMP || !ks_signals_virtual)
		return REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	spared = ks_before_seccomp(a[0], (const void *)a[1], KS_CALLER());
	errno = error;
	rc = REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (rc != 0 && !spared && ks.sealed) {
		error = errno;
		ks.sealed = false;
		ks.on = on;
		ks.chosen = chosen;
		ks_end_undo();
		ks_signals_start();
		ks_altstack_armed(true);
		errno = error;
	}
	return rc;
}

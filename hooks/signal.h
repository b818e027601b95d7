/* SPDX-License-Identifier: MIT */
/*
 * Between signal.c and signal_kin.c (what the program set), deliver.c (what happens when a signal comes), thread.c
 * (alternate stacks) and kill.c.
 */
#ifndef KS_HOOKS_SIGNAL_H
#define KS_HOOKS_SIGNAL_H

#include "hooks/hooks.h"

#define KS_SIGNALS 65

typedef void (*ks_handler)(int, siginfo_t *, void *);

/* One for each signal, since ks_signals_start. What the kernel has where it has a function of
 * ours; where it has anything else, the kernel's own answer is the truth and this is not looked at. */
struct ks_disposition {
	struct sigaction program;	/* what the program set, as a query would tell it */
	ks_handler handler;		/* the last function of the program; stays when it sets SIG_DFL, for a delivery on its way */
};

#pragma GCC visibility push(hidden)
extern struct ks_disposition ks_dispositions[KS_SIGNALS];
extern bool ks_signals_virtual;		/* the kernel may have functions of ours */

int ks_virtual_sigaction(int signal, const struct sigaction *act, struct sigaction *old, uintptr_t caller);
extern bool ks_altstack_is_real;	/* handlers run on our alternate stack where their thread has no other (go.c) */
bool ks_is_go(uintptr_t code);		/* go.c: it belongs to a Go program or library */
void ks_signal_restarts(int signal, bool yes);	/* siginterrupt was called */

void ks_on_signal(int signal, siginfo_t *info, void *context);	/* for handlers of the program */
void ks_on_default(int signal, siginfo_t *info, void *context);	/* where it has the default, and that is to die */
void ks_die(int signal, siginfo_t *info, void *context);	/* die.c; ks_die when its caller returns to the kernel */
void ks_die_here(int signal, const siginfo_t *info);		/* does not return */
void ks_die_at_once(int signal);				/* likewise; by exit_group, should nothing else be left */
void ks_die_if_back(const siginfo_t *info);			/* does not return where ks_die was not enough */
void ks_signal_was_reset(int signal);	/* SA_RESETHAND has taken effect */
/* vfork.c: signals whose default the kernel has while the process may sleep in vfork. */
extern uint64_t ks_signals_bare;
void ks_signals_take_again_slowly(void);
static inline void ks_signals_take_again(void)
{
	if (KS_UNLIKELY(ks_signals_bare))
		ks_signals_take_again_slowly();
}
bool ks_signal_give_back(int signal);	/* false: it was not ours */
void ks_signal_take(int signal);	/* where it still has the default */
void ks_catch_default(int signal);	/* set SIG_DFL, recorded where that kills */

bool ks_own_altstack(stack_t *stack);	/* ours of the calling thread; false: it has none, or a handler sits on it */
bool ks_on_own_altstack(uintptr_t address);
bool ks_stack_has_room(uintptr_t sp);	/* for a signal frame below sp, where nothing has overflowed */
void ks_altstack_armed(bool yes);	/* give ours of the calling thread back, and take it again */
void ks_altstack_in_use(bool yes);	/* a handler of the program has its signal frame there */
bool ks_in_handler(void);		/* a handler of the program is on the stack of the calling thread */
bool ks_fault_handler_runs(void);	/* and it handles a fault of the CPU */
#pragma GCC visibility pop

/* Faults of the CPU: delivered to the thread that made them, at the instruction. */
static inline bool ks_is_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
	       signal == SIGTRAP || signal == SIGSYS;
}

#endif

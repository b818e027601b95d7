/* SPDX-License-Identifier: MIT */
/*
 * The crash path: what a dying process writes about itself.
 *
 * Context: a signal handler, on a stack of our own, in a process whose memory may be corrupt.
 * Nothing here allocates, locks, unwinds, or trusts a pointer of the program; every loop ends.
 * hooks/deliver.c decides that a signal is fatal, claims, records and lets the process die.
 */
#ifndef KS_CRASH_H
#define KS_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "shim/sender.h"

/* A signal as it was delivered, with the registers that it interrupted. */
struct ks_fault {
	siginfo_t info;
	uintptr_t handler;		/* of the program, 0: the default */
	uint64_t pc, sp, fp, trap, error;
	uint32_t nregs, tid;
	uint64_t time;
	uint64_t regs[33];
};

#pragma GCC visibility push(hidden)

void ks_fault_read(struct ks_fault *f, const siginfo_t *info, const ucontext_t *uc, uintptr_t handler);

enum ks_claim { KS_CLAIM_FIRST, KS_CLAIM_NESTED, KS_CLAIM_OTHER };

/* Who records: the first thread that comes. A second one waits, at most two seconds. */
enum ks_claim ks_crash_claim(void);
void ks_crash_wait(void);
/* Waits so long, less than a second; by the one system call of the crash path that can (calls.def). */
void ks_crash_pause(long nanoseconds);
/* A handler of the program has the last word after all: others may claim again. */
void ks_crash_give_up(void);

/*
 * Writes the crash area, the blocks and the events. f is the first fault; last_signal the signal
 * of which the process dies (a handler may have turned SIGSEGV into SIGABRT), 0: it exits; outer a stack
 * pointer that a handler of the program interrupted, 0: none; sender NULL: nobody.
 */
void ks_crash_record(const struct ks_fault *f, int last_signal, uintptr_t outer, const struct ks_sender *sender);
/* A fault inside the crash path itself, while first was recorded: its context is kept where it was not yet. */
void ks_crash_nested(const struct ks_fault *first, const siginfo_t *info, const ucontext_t *uc);

/* glibc's __abort_msg, looked up by the constructor; NULL: not there. */
void ks_crash_abort_message_at(const void *const *address);

struct ks_module;
/* exception.c: a module came (any thread, not in a handler); remembers C++ runtimes. */
void ks_exception_module(const char *path, const struct ks_module *m);
/* Fills exception_type, _text and _module of the crash area from the thread's caught exceptions. */
void ks_exception_read(void);

/* scene.c: blocks about the surroundings of the fault. */
extern uintptr_t ks_arguments_at;	/* of the main thread: here its stack ends, and arguments and environment begin */
size_t ks_stack_bytes(uintptr_t from, size_t size);	/* size, or less, so that those stay out */
void ks_scene_stack(const struct ks_fault *f, uintptr_t outer);
void ks_scene_threads(const struct ks_fault *f);	/* tasks.c */
void ks_scene_maps(const struct ks_fault *f);
void ks_scene_bus(const struct ks_fault *f);
void ks_scene_rest(void);
void ks_scene_changed(void);		/* changed.c: files of modules that were written anew */

#pragma GCC visibility pop

#endif

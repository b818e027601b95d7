/* SPDX-License-Identifier: MIT */
/*
 * What every family of hooks shares: the real functions, how to export, where we were called from.
 *
 * real.NAME is the function behind us, found once (hooks/table.c): in a process that is recorded, by the
 * constructor. It may be asked for before that, by another library's, and in any other process: REAL(NAME).
 */
#ifndef KS_HOOKS_H
#define KS_HOOKS_H

#ifndef _GNU_SOURCE
#error "compile with -D_GNU_SOURCE"
#endif
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/recorder.h"

typedef void (*ks_sighandler)(int);
#ifdef __cplusplus
#error "C only"
#endif
typedef __rlimit_resource_t ks_rlimit_resource;
typedef __itimer_which_t ks_itimer_which;

#define KS_EXPORT	__attribute__((visibility("default")))
#define KS_CALLER()	((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

struct ks_real {
#define HOOK(how, returns, name, parameters) returns (*name) parameters;
#include "hooks/hooks.def"
#undef HOOK
};
extern struct ks_real real KS_HIDDEN;

enum ks_hook {
#define HOOK(how, returns, name, parameters) KS_HOOK_##name,
#include "hooks/hooks.def"
#undef HOOK
	KS_HOOKS,
};

/* Finds all real functions; harmless when done already. May make dl calls: constructor or first use only. */
void ks_resolve(void) KS_HIDDEN;
void *ks_resolve_one(enum ks_hook hook) KS_HIDDEN;
/* Where the object begins that this address is of; NULL: none. Not in handlers. */
const void *ks_object_of(const void *address) KS_HIDDEN;
#define REAL(name) (KS_LIKELY(real.name != NULL) ? real.name : (__typeof__(real.name))ks_resolve_one(KS_HOOK_##name))

/*
 * Between families. Each is a no-op where it does not apply, and none changes errno.
 */
#pragma GCC visibility push(hidden)
bool ks_sanitized(void);		/* sanitizer.c: the process has a sanitizer's runtime */
void ks_exit_watch(void);		/* end.c: learn of the normal end (on_exit) */
void ks_signals_start(void);		/* signal.c: our handlers for what is fatal by default */
void ks_signals_release(void);		/* signal.c: give all dispositions back (seccomp strict, exec) */
/* seccomp.c: the program is about to put this on. True: the recording goes on; else it has ended. */
bool ks_before_seccomp(unsigned long mode, const void *filter, uintptr_t caller);
void ks_main_altstack(void);		/* thread.c: for the thread that runs the constructor */
void ks_signals_last_words(void);	/* deliver.c: exit with a bad status; the handler of a fault may have called it */
/* kill.c: the last signals that this process sent to pid (or the group that it leads), newest
 * first, 0 none; realtime: when the newest was sent, ns since 1970, 0 never. */
void ks_signals_sent_to(int pid, uint32_t out[4], uint64_t *realtime);
void ks_python_try(void);		/* python.c: add the audit hook if the time has come; cheap when it is in */
bool ks_in_handler(void);		/* deliver.c: a handler of the program is on the stack of the calling thread */
void ks_python_ended(void);		/* python.c: the interpreter has dropped its hooks */
void ks_python_start(void);		/* python.c: find the interpreter's symbols (constructor, or a libpython that came) */
bool ks_is_python(void);		/* python.c: this process runs an interpreter */
void ks_loads_start(void);		/* load.c: constructor, before the first ks_modules_sync */
void ks_loads_settle(uintptr_t sp);	/* load.c: which loads of this thread have returned? sp: KS_SP() of shim/arch.h. No dl calls; not in handlers */
void ks_loads_at_crash(uintptr_t sp);	/* load.c: how the pending loads ended, as far as memory tells; sp: where it crashed. Handler-safe */
uint32_t ks_load_now(uintptr_t sp);	/* load.c: id of the load in progress on this thread's stack at sp, 0: none. Handler-safe */
void ks_load_last_words(void);		/* load.c: an end is near (abort, exit): note the pending text of dlerror, as it is */
void ks_heap_settle(void);		/* heap_slow.c: the caller's counters into the trace (a thread ends, a crash) */
bool ks_heap_step_over(void *context);	/* heap.c: it was our look at a pointer that faulted; go on behind it */
void ks_heap_own(bool begin);		/* heap.c: around dl calls of our own: what they allocate does not come from the program's heap */
void ks_heap_doubt(void);		/* heap.c: small requests may fail from now on (a limit was set, a mapping failed) */
void ks_end_process(int kind, int code, uintptr_t caller);	/* end.c: keep or remove the trace, mark its end */
bool ks_is_kernel(void);		/* start.c: argv and environment say that this is a Jupyter kernel */
#pragma GCC visibility pop

#endif

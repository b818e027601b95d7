/* SPDX-License-Identifier: MIT */
/*
 * Ends that the process chooses itself: exit and its kin, abort, failed assertions, return from
 * main; and whether its trace is kept.
 *
 * main's return does not pass our exit, so the constructor registers a function with on_exit: it
 * runs after all exit handlers and destructors that came later, and is told the status. A trace is
 * removed where the process ended as it was asked to: status 0 by the program or its interpreter.
 * It is kept where the status is another one; where a library called exit(0) while nobody had
 * asked for an end; and where a kernel vanishes by _exit(0).
 *
 * Any thread, signal handlers. In a vfork child, and in a child that we have not heard of,
 * everything is a forward; a forked child without a trace gets one only for a bad status, and
 * not for that of an exec that failed (subprocess tries programs that are not there).
 */
#include "hooks/hooks.h"

#include "hooks/process.h"
#include "hooks/signal.h"
#include "shim/arch.h"
#include "shim/python.h"
#include "shim/safe.h"
#include "shim/surroundings.h"

#define MANY 16 /* bad statuses of forked children: then it is the program's way to speak */

static bool asked;   /* the program, or its interpreter, is about to end in order */
static bool unasked; /* a library called exit although nobody had asked for an end */

/* The interpreter, the executable, libc: who may end the process. */
static bool may_end(uintptr_t caller)
{
	static const char *const names[] = {"libpython", "libc.so",    "libc-",	 "ld-linux",
					    "ld-musl",	 "libpthread", "libpypy"};
	const struct ks_module *m = ks_module_at(caller);
	const char *path, *name;

	if (!m || (m->flags & KS_MODULE_MAIN))
		return true; /* code that belongs to no file accuses nobody */
	path = ks_text_at(m->path);
	name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The interpreter has gone down in order: what comes then are its last steps. */
static bool finalized(void)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		const char *slots = (const char *)ks_region_at(i) + sizeof(struct ks_ring_head);

		if (r->kind != KS_REGION_RARE)
			continue;
		for (uint64_t at = 0; at + KS_RARE_SLOT <= ks_ready_size(i) - sizeof(struct ks_ring_head);
		     at += KS_RARE_SLOT)
			if (((const struct ks_slot *)(slots + at))->event == KS_py_finalize)
				return true;
	}
	return false;
}

void ks_end_process(int kind, int code, uintptr_t caller)
{
	const bool kernel = ks_is_kernel() && !ks.generation;
	bool keep = ks.config.keep == KS_KEEP_ALWAYS || code || unasked;

	if (!ks.head || !ks_mine())
		return;
	/* caller: who calls _exit; an orderly end has none. */
	if (caller && kernel && !asked && !finalized())
		keep = true;
	if (keep) {
		ks_heap_settle();
		ks_checkpoint(KS_CHECK_END);
		ks_facts_late();
		ks_end(kind, code);
	} else {
		ks_end(kind, code);	/* what cannot be removed, behind a chroot or as another user, says so */
		ks_witness_clean();
		ks_discard();
	}
}

/* After everything: the status is final. */
static void at_end(int status, void *unused)
{
	int error = errno;

	(void)unused;
	/* main has returned, which is no call of exit that we see: what it loaded last is not settled. */
	if (ks.on && (status & 0xff || ks.config.keep == KS_KEEP_ALWAYS) && !ks_in_handler() && ks_mine()) {
		ks_loads_settle(KS_SP());
		ks_load_last_words();
		ks_modules_appended(ks_load_now(KS_SP()));
	}
	KS_EMIT(exit_end, .status = status);
	ks_end_process(KS_END_EXIT, status & 0xff, 0);
	errno = error;
}

void ks_exit_watch(void)
{
	on_exit(at_end, NULL);
}

/* Says what was called. False: nothing of this concerns us. */
static bool called(const char *function, int status, uintptr_t caller, uintptr_t sp)
{
	const bool calm = !ks_in_handler();
	bool library;

	if (!ks.chosen || !ks_mine())
		return false;
	if (!ks.on &&
	    (!(status & 0xff) || ks_exec_has_failed() || ks_children_failed >= MANY || !ks_wake()))
		return false;
	if (calm) {
		ks_loads_settle(sp);
		ks_load_last_words();
		ks_modules_appended(ks_load_now(sp));
	}
	if (status & 0xff)
		ks_signals_last_words();
	library = !may_end(caller);
	KS_EMIT(exit_call, .function = ks_text(function), .status = status, .caller = caller,
		.stack = calm ? ks_callers() : 0, .load = ks_load_now(sp));
	if (asked || finalized())
		return true;
	if (library)
		unasked = true;
	if (library || function[0] != 'e') /* exit by Python comes when its frames are gone */
		ks_python_frames(ks_tid());
	else
		asked = true;
	return true;
}

KS_EXPORT void exit(int status)
{
	int error = errno;

	called("exit", status, KS_CALLER(), KS_SP());
	errno = error;
	REAL(exit)(status);
	__builtin_unreachable();
}

static void at_once(const char *function, int status, uintptr_t caller, uintptr_t sp)
{
	int error = errno;

	if (called(function, status, caller, sp))
		ks_end_process(KS_END_EXIT, status & 0xff, caller);
	errno = error;
}

KS_EXPORT void _exit(int status)
{
	at_once("_exit", status, KS_CALLER(), KS_SP());
	REAL(_exit)(status);
	__builtin_unreachable();
}

KS_EXPORT void _Exit(int status)
{
	at_once("_Exit", status, KS_CALLER(), KS_SP());
	REAL(_Exit)(status);
	__builtin_unreachable();
}

KS_EXPORT void quick_exit(int status)
{
	at_once("quick_exit", status, KS_CALLER(), KS_SP());
	REAL(quick_exit)(status);
	__builtin_unreachable();
}

/* --- abort and assertions: stubs, so that no frame of ours is above them in a core dump --- */

static bool last_words(uintptr_t sp)
{
	if (!ks.chosen || !ks_mine() || !(ks.on || ks_wake()))
		return false;
	if (!ks_in_handler()) {
		ks_loads_settle(sp);
		ks_load_last_words();
		ks_modules_appended(ks_load_now(sp));
	}
	return true;
}

KS_TAIL_JUMP(abort);
void *ks_before_abort(uintptr_t a0, uintptr_t a1, uintptr_t a2, uintptr_t a3, uintptr_t caller,
		      uintptr_t sp)
{
	int error = errno;

	(void)a0, (void)a1, (void)a2, (void)a3;
	if (last_words(sp))
		KS_EMIT(abort_call, .caller = caller, .stack = ks_in_handler() ? 0 : ks_callers(),
			.load = ks_load_now(sp));
	errno = error;
	return (void *)REAL(abort);
}

static void assert_failed(const char *expression, const char *file, unsigned line,
			  const char *function, uintptr_t caller, uintptr_t sp)
{
	int error = errno;

	if (last_words(sp))
		KS_EMIT(assert_failed, .expression = ks.config.text == KS_TEXT_OFF ? 0 : ks_text(expression), .file = ks_text(file),
			.line = line, .function = ks_text(function), .caller = caller);
	errno = error;
}

KS_TAIL_JUMP(__assert_fail);
void *ks_before___assert_fail(uintptr_t expression, uintptr_t file, uintptr_t line,
			      uintptr_t function, uintptr_t caller, uintptr_t sp)
{
	assert_failed((const char *)expression, (const char *)file, (unsigned)line,
		      (const char *)function, caller, sp);
	return (void *)REAL(__assert_fail);
}

/* The expression is what strerror would say of the error; its number is kept instead. */
KS_TAIL_JUMP(__assert_perror_fail);
void *ks_before___assert_perror_fail(uintptr_t number, uintptr_t file, uintptr_t line,
				     uintptr_t function, uintptr_t caller, uintptr_t sp)
{
	char text[32];

	ks_put_dec(ks_put(text, text + sizeof(text), "errno "), text + sizeof(text), number, 1);
	assert_failed(text, (const char *)file, (unsigned)line, (const char *)function, caller, sp);
	return (void *)REAL(__assert_perror_fail);
}

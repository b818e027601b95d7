/* SPDX-License-Identifier: MIT */
/*
 * The life of a recording: whose it is, how it ends, how a forked child begins one of its own.
 *
 * A forked child has the parent's trace still mapped and only reads it. It begins its own at its
 * first rare event, or at its death, also from a signal handler: raw system calls, no lock.
 */
#include "shim/recorder.h"

#include "shim/claim.h"
#include "shim/safe.h"

const struct ks_header *ks_forked_from;

bool ks_mine(void)
{
	return !ks.sealed && (ks.starting || ks.pid == ks_sys_getpid());
}

void ks_end(int kind, int code)
{
	if (!ks.head || !ks_mine())
		return;
	ks_clock_mark();
	ks.head->end_clock = ks.head->last_clock;
	ks.head->end_code = code;
	__atomic_store_n(&ks.head->end_kind, (uint32_t)kind, __ATOMIC_RELEASE);
}

void ks_end_undo(void)
{
	if (ks.head && ks_mine())
		__atomic_store_n(&ks.head->end_kind, KS_END_NONE, __ATOMIC_RELEASE);
}

void ks_discard(void)
{
	struct stat st;

	if (!ks.path[0] || !ks_mine())
		return;
	if (ks_sys_stat(ks.path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == ks.dev && st.st_ino == ks.inode)
		ks_sys(SYS_unlinkat, AT_FDCWD, ks.path, 0);
}

void ks_forked(void)
{
	if (!ks.chosen)
		return;
	ks.forked_clock = ks_clock();
	ks.forked_threads = ks_forked_from ? ks_forked_from->threads : 0;
	if (ks.head)				/* where the kernel has not */
		memset(ks.wiped, 0, sizeof(ks.wiped));
	ks.path[0] = '\0';
	ks.generation++;
	ks.pid = ks_sys_getpid();
	ks_ring_forget();
}

bool ks_wake(void)
{
	static uint64_t waking;
	const struct ks_header *parent = ks_forked_from;
	struct ks_mark mark;

	if (ks.on)
		return true;
	if (!ks.chosen || !ks_mine() || !ks_claim(&waking, &mark))
		return false;
	ks_open();
	if (ks.on) {
		if (parent) {
			ks.head->parent_pid = parent->pid;
			ks.head->parent_start = parent->start_realtime;
			KS_EMIT(child_of, .parent = parent->pid, .threads = ks.forked_threads, .forked = ks.forked_clock,
				.load = ks_self.load);
		}
		ks_begin();
		ks_output_woken();
		ks_modules_sync(0);	/* takes over the parent's table; also in a handler */
	} else {
		ks.chosen = false;	/* no room for a trace: leave it at that */
	}
	ks_claim_end(&waking, &mark);
	return ks.on;
}

void ks_note(const char *text, int error)
{
	KS_EMIT(note, .text = ks_text(text), .error = error);
	if (ks.config.debug) {
		char line[256], *end = line + sizeof(line);
		char *p = ks_put(ks_put(line, end, "kshim: "), end, text);

		if (error)
			p = ks_put_dec(ks_put(p, end, ": errno "), end, (uint64_t)-error, 1);
		p = ks_put(p, end, "\n");
		ks_sys_write(2, line, (size_t)(p - line));
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * A process that lives, looked at from outside: what its threads do at this moment.
 *
 * It is only read. A thread that sleeps is not even stopped: /proc tells where it stands, and its
 * memory is copied while it stays there. One that runs on a CPU is stopped (ptrace) for as long as
 * it takes to copy its registers and stack, all of them together no longer than MOST_STOPPED_NS.
 * What is found becomes records of a trace, as a crash would have left them, so that the model, the
 * rules and the reports need not know the difference.
 */
#ifndef LIVE_H
#define LIVE_H

#include <stdbool.h>
#include "analyzer/text.h"
#include "analyzer/trace.h"

struct live_task {
	uint32_t tid;
	char state;			/* of /proc/PID/task/TID/stat */
	char name[20];
	bool running;			/* was on a CPU, or about to be, when it was looked at */
	bool stopped;			/* had to be stopped for it */
	uint64_t syscall, arg[6];	/* syscall: UINT64_MAX outside of one, or not to be known */
	uint64_t sp, pc;		/* 0: not known */
	char wchan[48];			/* where it sleeps in the kernel; "": not known */
	uint64_t turns;			/* how often it had been scheduled */
	bool passing;			/* and was again between two looks */
	uint64_t lock;			/* Python's lock object that it waits for; 0 */
	bool lock_is_rlock;
	uint32_t lock_owner;		/* thread that holds it; 0: not known */
	bool lock_gone;			/* it is held by a thread that is none of this process */
	bool lock_guessed;		/* owner is a guess */
	const char *waits;		/* for what, where that is no lock; NULL */
};

struct live {
	uint32_t pid, ppid;
	const char *refused;		/* why its memory may not be read; NULL: it may */
	struct live_task *tasks;
	size_t ntasks;
	unsigned stopped;		/* threads that were stopped */
	uint64_t stopped_ns, longest_ns;	/* in all; the longest of them */
	int64_t now;			/* realtime, ns */
	bool fork_guessed;		/* that its parent forked it is told from /proc, not from a trace */
	bool lock_of_parent;		/* a word that looks like the owner of a lock names a thread of the parent */
	const char *exe;		/* NULL */
	uint64_t caught;		/* signals with a handler, bit n - 1 for n; 0 where the recorder has handlers of its own */
	uint64_t rss, rss_peak, vsize;	/* bytes; 0: not known */
};

#define MOST_STOPPED_NS	40000000

/* The trace file that the process writes, or, of a forked child without one of its own, its parent's; NULL. */
const char *live_trace_path(uint32_t pid, struct arena *a);
bool live_there(uint32_t pid);		/* is there such a process, and not a zombie */

/*
 * Looks, and puts what is found into a trace: that of the process (path), or one made up from /proc
 * where path is NULL or its parent's. NULL and a reason where there is no such process.
 */
struct trace *live_open(uint32_t pid, const char *path, const char **why);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * All tasks of a dying process: what each does, and, where somebody ended it from outside, what each
 * waits for. Who is ended by SIGTERM or SIGINT may have hung: then the words that the threads wait
 * at, and the inner end of their stacks, tell a lock whose owner is gone from an idle worker.
 *
 * Context: the crash path (shim/crash.h); one thread at a time, so that buffers are static.
 */
#include "shim/crash.h"

#include <sys/syscall.h>

#include "shim/recorder.h"
#include "shim/safe.h"

#define TASKS		512
#define SURE		64	/* tasks that are read whatever time it takes */
#define LOOKED_INTO	32	/* other threads whose stacks are kept */
#define INNER		(8u << 10)	/* bytes of each */
#define AROUND		64	/* bytes around a word that a thread waits at */
#define LOOKS		5	/* at a thread that runs where others wait: 1, 2, 4, 8 ms apart */

static struct ks_thread_info tasks[TASKS];
static unsigned ntasks;
static char entries[16 << 10];

static long read_task(uint32_t tid, const char *file, char *buf, size_t size)
{
	char path[64], *end = path + sizeof(path);

	ks_put(ks_put(ks_put_dec(ks_put(path, end, "/proc/self/task/"), end, tid, 1), end, "/"), end, file);
	return ks_read_file(path, buf, size);
}

/* "NR 0xarg0 … 0xarg5 0xSP 0xPC", "-1 0xSP 0xPC" outside a system call, or "running" (proc(5)). */
static void parse_syscall(const char *p, struct ks_thread_info *t)
{
	bool inside = *p >= '0' && *p <= '9';

	t->syscall = ~0ull;
	if (!inside && *p != '-')
		return;
	if (inside) {
		t->syscall = ks_number(p, &p);
		t->args = 0x80;
	}
	for (int i = inside ? 0 : 6; i < 8; i++) {
		uint64_t value;

		p = strchr(p, ' ');
		if (!p)
			return;
		value = ks_number(++p, &p);
		if (i < 6 && value)
			t->args |= (uint8_t)(1u << i);
		if (i == 0)
			t->arg0 = value;
		else if (i == 1)
			t->arg1 = value;
		else if (i == 6)
			t->sp = value;
		else if (i == 7)
			t->pc = value;
	}
}

static void read_thread(uint32_t tid, struct ks_thread_info *t)
{
	char text[256];
	const char *p;

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	t->syscall = ~0ull;
	if (read_task(tid, "stat", text, sizeof(text)) > 0) {
		const char *from = strchr(text, '(');

		p = strrchr(text, ')');
		if (from && p && p > from) {
			size_t n = (size_t)(p - from - 1);

			memcpy(t->name, from + 1, n > 15 ? 15 : n);
			t->state = p[1] == ' ' ? p[2] : '?';
		}
	}
	if (read_task(tid, "syscall", text, sizeof(text)) > 0)
		parse_syscall(text, t);
}

/* --- what they wait for --- */

static void keep_around(uint32_t tid, uint64_t address)
{
	char bytes[AROUND];
	uint64_t from = (address & ~7ull) - AROUND / 4;
	size_t n = address > 4096 ? ks_read_memory(from, bytes, sizeof(bytes)) : 0;

	if (!n && address > 4096)	/* the first ones of a page */
		n = ks_read_memory(from = address & ~7ull, bytes, sizeof(bytes));
	if (n)
		ks_block(KS_BLOCK_MEMORY, tid, from, bytes, n, true);
}

/*
 * The thread that the signal took was in a system call like the others, perhaps; its arguments are
 * among its registers still (all but x0 on aarch64).
 */
static void keep_waits(const struct ks_fault *f)
{
	unsigned looked = 0;

	if (!ks.config.stack)
		return;
	for (unsigned i = 0; i < f->nregs && i < sizeof(f->regs) / sizeof(f->regs[0]); i++)
		keep_around(f->tid, f->regs[i]);
	for (unsigned i = 1; i < ntasks; i++) {
		if (tasks[i].syscall == SYS_futex)
			keep_around(tasks[i].tid, tasks[i].arg0);
		if (!tasks[i].sp || looked++ >= LOOKED_INTO)
			continue;
		ks_block(KS_BLOCK_STACK, tasks[i].tid, tasks[i].sp & ~15ull, (const void *)(tasks[i].sp & ~15ull),
			 ks_stack_bytes(tasks[i].sp & ~15ull, INNER), false);
	}
}

/*
 * A thread that waits runs for a moment where a signal finds it: who ends the process ends itself
 * next, and its SIGCHLD, which this thread blocks, goes to one of the others (complete_signal,
 * kernel/signal.c), which begins its wait anew.
 */
static void look_again(void)
{
	long pause = 1000 * 1000;
	unsigned run = 1;

	for (int look = 1; look < LOOKS && run; look++, pause *= 2) {
		run = 0;
		for (unsigned i = 1; i < ntasks; i++)
			run += tasks[i].state == 'R';
		if (run)
			ks_crash_pause(pause);
		for (unsigned i = 1; i < ntasks && run; i++)
			if (tasks[i].state == 'R')
				read_thread(tasks[i].tid, &tasks[i]);
	}
}

/* All tasks of the process; the one that failed comes first. At most TASKS; after SURE of them 20 ms at most. */
void ks_scene_threads(const struct ks_fault *f)
{
	uint64_t begin = ks_clock(), most = ks.head->clock_hz ? ks.head->clock_hz / 50 : 60u << 20;
	bool sent = f->info.si_code <= 0 && f->info.si_pid != ks.pid;
	int fd = ks_sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
	long got;

	ntasks = 1;
	read_thread(f->tid, &tasks[0]);
	while (fd >= 0 && ntasks < TASKS) {
		got = ks_sys(SYS_getdents64, fd, entries, sizeof(entries));
		if (got <= 0)
			break;
		for (long at = 0; at < got && ntasks < TASKS && (ntasks < SURE || ks_clock() - begin < most);) {
			const struct ks_entry *e = (const struct ks_entry *)(entries + at);
			uint32_t tid = (uint32_t)ks_number(e->name, NULL);

			if (!e->size)
				break;
			if (tid && tid != f->tid)
				read_thread(tid, &tasks[ntasks++]);
			at += e->size;
		}
	}
	if (fd >= 0)
		ks_sys_close(fd);
	if (sent)
		look_again();
	ks_block(KS_BLOCK_THREADS, f->tid, 0, tasks, ntasks * sizeof(tasks[0]), true);
	if (sent && ks.config.stack)
		keep_waits(f);
}

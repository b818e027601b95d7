/* SPDX-License-Identifier: MIT */
/*
 * Where the threads of a living process stand. See live.h.
 *
 * A sleeping thread is copied where it sleeps; it is believed when it still stands at the same
 * place afterwards. A running one is stopped for its copy, by a child process of ours: whatever
 * goes wrong there, the kernel lets the thread go on when that child ends (ptrace(2),
 * PTRACE_SEIZE). A thread in a system call that would fail with EINTR after a stop is never
 * stopped.
 */
#include "analyzer/live_private.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIES 3
#define STACK (256u << 10)	  /* bytes of a stack that are copied */
#define PYTHON (256u << 10)	  /* and of its Python frames */
#define LONGEST_WAIT_NS 500000000 /* for a thread to come to its stop, while it goes on */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t task_file(const struct live_look *l, uint32_t tid, const char *file, char *to,
			size_t size)
{
	char name[64];

	snprintf(name, sizeof(name), "task/%u/%s", tid, file);
	return proc_read(l->live->pid, name, to, size);
}

/* "NR 0xARG0 … 0xARG5 0xSP 0xPC", "-1 0xSP 0xPC" outside a system call, or "running" (proc(5)). */
static void parse_syscall(struct live_task *t, const char *text)
{
	unsigned long long v[8];
	long long number;
	int n;

	t->syscall = UINT64_MAX;
	t->sp = t->pc = 0;
	memset(t->arg, 0, sizeof(t->arg));
	t->running = strncmp(text, "running", 7) == 0;
	n = sscanf(text, "%lld %llx %llx %llx %llx %llx %llx %llx %llx", &number, &v[0], &v[1],
		   &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
	if (n == 3 && number < 0) {
		t->sp = v[0];
		t->pc = v[1];
	} else if (n == 9 && number >= 0) {
		t->syscall = (uint64_t)number;
		for (int i = 0; i < 6; i++)
			t->arg[i] = v[i];
		t->sp = v[6];
		t->pc = v[7];
	}
}

void live_task_read(const struct live_look *l, struct live_task *t)
{
	char text[1024], *from, *to;

	if (task_file(l, t->tid, "stat", text, sizeof(text)) && (from = strchr(text, '(')) &&
	    (to = strrchr(text, ')')) && to > from) {
		struct text name = {0};

		text_clean(&name, from + 1, (size_t)(to - from - 1));
		snprintf(t->name, sizeof(t->name), "%s", text_get(&name));
		text_free(&name);
		t->state = to[1] ? to[2] : '?';
	}
	if (task_file(l, t->tid, "wchan", text, sizeof(text)) && strcmp(text, "0") != 0)
		snprintf(t->wchan, sizeof(t->wchan), "%.47s", text);
	task_file(l, t->tid, "syscall", text, sizeof(text));
	parse_syscall(t, text);
	if (!*text)
		t->running = t->state == 'R';
}

uint64_t live_turns(const struct live_look *l, uint32_t tid)
{
	char text[128];
	unsigned long long turns;

	return task_file(l, tid, "schedstat", text, sizeof(text)) &&
			       sscanf(text, "%*u %*u %llu", &turns) == 1
		       ? turns
		       : 0;
}

/* --- without a stop --- */

const struct live_area *live_area_at(const struct live_map *map, uint64_t address)
{
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (map->area[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low < map->n && map->area[low].start <= address ? &map->area[low] : NULL;
}

static size_t copy_stack(const struct live_look *l, uint64_t sp, char *to)
{
	const struct live_area *a = live_area_at(&l->map, sp);
	size_t size = a ? a->end - sp : 0;

	return size ? live_memory(l->live->pid, sp, to, size < STACK ? size : STACK) : 0;
}

static bool copy_asleep(struct live_look *l, struct live_task *t, struct live_copy *c)
{
	char before[512], after[512];

	for (int i = 0; i < TRIES; i++) {
		if (!task_file(l, t->tid, "syscall", before, sizeof(before)))
			return false;
		parse_syscall(t, before);
		if (!t->sp)
			continue;
		c->stack_at = t->sp & ~7ull;
		c->stack_size = copy_stack(l, c->stack_at, c->stack);
		c->python_size =
			l->python ? live_python_frames(l->python, t->tid, c->python, PYTHON) : 0;
		task_file(l, t->tid, "syscall", after, sizeof(after));
		if (strcmp(before, after) != 0)
			continue;
		c->regs[0] = t->pc;
		c->regs[1] = t->sp;
		c->nregs = 2;
		return true;
	}
	return false;
}

/* --- with one --- */

struct shared { /* what the child that stops a thread has found */
	uint64_t regs[40];
	unsigned nregs;
	bool done;
	uint64_t begun, stopped_ns; /* begun: when the stop was asked for */
	char where[512];	    /* its syscall file while it stood */
	size_t stack_size, python_size;
	char stack[STACK], python[PYTHON];
};

/* Words of struct user_regs_struct (x86_64, sys/user.h) and user_pt_regs (aarch64, asm/ptrace.h) in
 * DWARF's order. */
static unsigned order_registers(const uint64_t *words, size_t n, uint64_t *regs)
{
	static const uint8_t x86_64[] = {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16};

	if (n == 27) {
		regs[0] = words[16];
		regs[1] = words[19];
		for (unsigned i = 0; i < sizeof(x86_64); i++)
			regs[2 + i] = words[x86_64[i]];
		return 2 + sizeof(x86_64);
	}
	if (n != 34)
		return 0;
	regs[0] = words[32];
	regs[1] = words[31];
	memcpy(regs + 2, words, 33 * sizeof(*words));
	return 35;
}

static void copy_stopped(const struct live_look *l, uint32_t tid, struct shared *s)
{
	uint64_t words[64];
	struct iovec io = {words, sizeof(words)};

	if (ptrace(PTRACE_GETREGSET, (pid_t)tid, (void *)NT_PRSTATUS, &io) < 0)
		return;
	s->nregs = order_registers(words, io.iov_len / sizeof(*words), s->regs);
	task_file(l, tid, "syscall", s->where, sizeof(s->where));
	if (!s->nregs)
		return;
	s->stack_size = copy_stack(l, s->regs[1] & ~7ull, s->stack);
	if (l->python)
		s->python_size = live_python_frames(l->python, tid, s->python, PYTHON);
	s->done = true;
}

/* In the child. A signal of the program's own that comes first is handed on. */
static void stop_and_copy(const struct live_look *l, uint32_t tid, struct shared *s)
{
	const struct timespec pause = {0, 20000};
	const uint64_t asked = now_ns();
	int status = 0;
	pid_t got = 0;

	prctl(PR_SET_TIMERSLACK, 1000);
	setpriority(PRIO_PROCESS, 0, -10); /* where it is allowed: the thread waits for us */
	if (ptrace(PTRACE_SEIZE, (pid_t)tid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, (pid_t)tid, NULL, NULL) < 0)
		return;
	while (got == 0 && now_ns() - asked < LONGEST_WAIT_NS) {
		s->begun = now_ns();
		got = waitpid((pid_t)tid, &status, __WALL | WNOHANG);
		if (got == 0)
			nanosleep(&pause, NULL);
	}
	if (got != (pid_t)tid || !WIFSTOPPED(status)) {
		s->begun = 0;
		return;
	}
	copy_stopped(l, tid, s);
	ptrace(PTRACE_DETACH, (pid_t)tid, NULL,
	       (void *)(long)(status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status)));
	s->stopped_ns = now_ns() - s->begun;
}

static void wait_child(pid_t pid)
{
	const struct timespec pause = {0, 200000};
	const uint64_t begun = now_ns();

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (now_ns() - begun > 2 * LONGEST_WAIT_NS) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return;
		}
		nanosleep(&pause, NULL);
	}
}

static bool copy_stopping(struct live_look *l, struct live_task *t, struct live_copy *c)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool done;
	pid_t pid;

	if (s == MAP_FAILED)
		return false;
	pid = fork();
	if (pid == 0) {
		stop_and_copy(l, t->tid, s);
		_exit(0);
	}
	if (pid > 0)
		wait_child(pid);
	if (s->begun && !s->stopped_ns)
		s->stopped_ns = now_ns() - s->begun;
	l->live->stopped += s->begun != 0;
	l->live->stopped_ns += s->stopped_ns;
	if (s->stopped_ns > l->live->longest_ns)
		l->live->longest_ns = s->stopped_ns;
	done = pid > 0 && s->done && s->nregs <= 40;
	if (done) {
		bool running = t->running;

		t->stopped = true;
		parse_syscall(t, s->where);
		t->running = running;
		memcpy(c->regs, s->regs, sizeof(c->regs));
		c->nregs = s->nregs;
		c->stack_at = s->regs[1] & ~7ull;
		c->stack_size = s->stack_size;
		memcpy(c->stack, s->stack, s->stack_size);
		c->python_size = s->python_size;
		memcpy(c->python, s->python, s->python_size);
	}
	munmap(s, sizeof(*s));
	return done;
}

bool live_task_copy(struct live_look *l, struct live_task *t, struct live_copy *c, bool stop)
{
	*c = (struct live_copy){.stack = xalloc(STACK, 1), .python = xalloc(PYTHON, 1)};
	if (!stop && copy_asleep(l, t, c))
		return true;
	if (l->live->stopped_ns > MOST_STOPPED_NS || t->state == 'D' || t->state == 't')
		return false;
	if (!t->running && call_tells(call_of(l->arch, t->syscall)))
		return false;
	return copy_stopping(l, t, c);
}

void live_copy_free(struct live_copy *c)
{
	free(c->stack);
	free(c->python);
}

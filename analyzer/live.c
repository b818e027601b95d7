/* SPDX-License-Identifier: MIT */
/*
 * Looks at a living process and adds what it sees to its trace, or to one made up where it has none
 * (it is not recorded, or a forked child to which nothing has happened yet). See live.h.
 */
#include "analyzer/live_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/events.h"
#include "analyzer/reach.h"

#define MOST_TASKS 4096
#define MOST_COPIED 256 /* threads whose stacks are copied */
#define MOST_MAPS (64u << 20)
#define BETWEEN_LOOKS_NS 40000000
#define LEFT_STOPPED 5 /* wait this often, 1 ms each, before a thread that runs is stopped */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *clean_end(const char *path) /* without the kernel's " (deleted)" */
{
	const char *end = strstr(path, " (deleted)");

	return end && !end[10] ? end : path + strlen(path);
}

/* "START-END rwxp OFFSET DEV INODE   PATH" (proc(5)). */
static void parse_maps(struct live_map *map, struct arena *a, const char *text)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t n = strcspn(p, "\n");
		unsigned long long start, end, offset;
		char perms[5], line[160];
		int path = 0;

		snprintf(line, sizeof(line), "%.*s", (int)(n < 159 ? n : 159), p);
		if (sscanf(line, "%llx-%llx %4s %llx %*s %*u %n", &start, &end, perms, &offset,
			   &path) < 4 ||
		    end <= start)
			continue;
		map->area = grow(map->area, map->n, &map->room, sizeof(*map->area));
		map->area[map->n++] = (struct live_area){
			.start = start,
			.end = end,
			.offset = offset,
			.read = perms[0] == 'r',
			.write = perms[1] == 'w',
			.execute = perms[2] == 'x',
			.path = path && (size_t)path < n ? arena_text(a, p + path, n - (size_t)path)
							 : "",
		};
	}
}

const char *live_trace_path(uint32_t pid, struct arena *a)
{
	size_t size;
	char *maps = proc_read_all(pid, "maps", MOST_MAPS, &size), wanted[32];
	struct live_map map = {0};
	const char *found = NULL;

	if (!maps)
		return NULL;
	parse_maps(&map, a, maps);
	snprintf(wanted, sizeof(wanted), "-%u.trace", pid);
	for (size_t i = 0; i < map.n; i++) {
		const char *path = map.area[i].path, *name = last_part(path),
			   *end = clean_end(path);
		struct stat st;

		if (strncmp(name, "kshim-", 6) != 0 || end - name < 7 ||
		    strncmp(end - 6, ".trace", 6) != 0)
			continue;
		path = arena_text(a, path, (size_t)(end - path));
		if (reach_stat(path, &st) < 0)
			path = arena_printf(a, "/proc/%u/root%s", pid, path);
		if (reach_stat(path, &st) < 0)
			continue;
		found = path;
		if (strstr(name, wanted))
			break;
	}
	free(map.area);
	free(maps);
	return found;
}

/* --- the look --- */

static void add_block(struct trace *t, unsigned kind, uint32_t tid, uint64_t address,
		      const void *data, size_t size)
{
	char *kept = arena_alloc(&t->arena, size + 1);

	if (!size)
		return;
	memcpy(kept, data, size);
	t->blocks = grow(t->blocks, t->nblocks, &t->block_room, sizeof(*t->blocks));
	t->blocks[t->nblocks++] = (struct block){
		.head = {KS_BLOCK_MAGIC, kind, tid, address, size, 0, 0},
		.data = kept,
	};
}

static void find_tasks(struct live_look *l)
{
	char path[64];
	struct dirent *d;
	struct live *live = l->live;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", live->pid);
	live->tasks = arena_alloc(l->arena, MOST_TASKS * sizeof(*live->tasks));
	dir = opendir(path);
	while (dir && (d = readdir(dir)) && live->ntasks < MOST_TASKS) {
		uint32_t tid = (uint32_t)strtoul(d->d_name, NULL, 10);

		if (!tid)
			continue;
		live->tasks[live->ntasks].tid = tid;
		live_task_read(l, &live->tasks[live->ntasks++]);
	}
	if (dir)
		closedir(dir);
}

/* May the memory be read? (ptrace(2), "Ptrace access mode checking".) */
static const char *refusal(struct live_look *l)
{
	char byte, scope[16];
	const char *why;

	if (!l->map.n) {
		why = "its /proc/PID/maps may not be read";
	} else {
		if (live_memory(l->live->pid, l->map.area[0].start, &byte, 1) == 1)
			return NULL;
		why = strerror(errno);
	}
	if (proc_read(1, "../sys/kernel/yama/ptrace_scope", scope, sizeof(scope)) && *scope != '0')
		return arena_printf(
			l->arena,
			"%s (kernel.yama.ptrace_scope is %c: only root or a parent may look)", why,
			*scope);
	return arena_printf(l->arena,
			    "%s (run this as the user of the process, or as root; a container "
			    "needs CAP_SYS_PTRACE)",
			    why);
}

static void copy_task(struct live_look *l, struct trace *t, struct live_task *task)
{
	struct live_copy c;

	/* One that has just been woken for a moment need not be stopped. */
	for (int i = 0; i < LEFT_STOPPED && task->running; i++) {
		nanosleep(&(struct timespec){0, 1000000}, NULL);
		live_task_read(l, task);
	}
	task->turns = live_turns(l, task->tid);
	if (live_task_copy(l, task, &c, task->running)) {
		add_block(t, KS_BLOCK_REGISTERS, task->tid, 0, c.regs, c.nregs * sizeof(*c.regs));
		add_block(t, KS_BLOCK_STACK, task->tid, c.stack_at, c.stack, c.stack_size);
		add_block(t, KS_BLOCK_PYTHON, task->tid, 0, c.python, c.python_size);
	}
	live_copy_free(&c);
	if (call_of(l->arch, task->syscall) == CALL_futex) {
		char around[64], name[32];
		int32_t owner = (int32_t)live_word(l->live->pid,
						   task->arg[0] + 8); /* where it is a mutex */

		if (owner > 0 && owner != (int32_t)l->live->ppid) {
			snprintf(name, sizeof(name), "task/%d/comm", owner);
			l->live->lock_of_parent |=
				proc_read(l->live->ppid, name, around, sizeof(around)) != 0;
		}

		add_block(t, KS_BLOCK_MEMORY, task->tid, (task->arg[0] & ~7ull) - 16, around,
			  live_memory(l->live->pid, (task->arg[0] & ~7ull) - 16, around,
				      sizeof(around)));
	}
	task->waits = live_wait(l, task);
}

/* Who waits at a lock for ever has not been scheduled since. */
static void look_again(struct live_look *l)
{
	struct live *live = l->live;
	bool any = false;

	for (size_t i = 0; i < live->ntasks; i++)
		any |= call_of(l->arch, live->tasks[i].syscall) == CALL_futex;
	if (any)
		nanosleep(&(struct timespec){0, BETWEEN_LOOKS_NS}, NULL);
	for (size_t i = 0; any && i < live->ntasks; i++)
		live->tasks[i].passing = live_turns(l, live->tasks[i].tid) != live->tasks[i].turns;
}

static void add_threads(struct live_look *l, struct trace *t)
{
	const struct live *live = l->live;
	struct ks_thread_info *all = xalloc(live->ntasks + 1, sizeof(*all));

	for (size_t i = 0; i < live->ntasks; i++) {
		const struct live_task *task = &live->tasks[i];
		struct ks_thread_info *to = &all[i];

		*to = (struct ks_thread_info){
			.tid = task->tid,
			.state = task->state,
			.syscall = task->syscall,
			.arg0 = task->arg[0],
			.arg1 = task->arg[1],
			.sp = task->sp,
			.pc = task->pc,
			.args = task->syscall == UINT64_MAX ? 0 : 0x80,
		};
		for (int k = 0; k < 6; k++)
			to->args |= (uint8_t)((task->arg[k] != 0) << k);
		memcpy(to->name, task->name, strnlen(task->name, sizeof(to->name)));
	}
	add_block(t, KS_BLOCK_THREADS, live->pid, 0, all, live->ntasks * sizeof(*all));
	free(all);
}

static uint64_t status_bytes(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	return p ? strtoull(p + strlen(key), NULL, 10) << 10 : 0;
}

static void find_facts(struct live_look *l)
{
	char text[8192];
	const char *caught;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	l->live->now = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (proc_read(l->live->pid, "status", text, sizeof(text))) {
		l->live->rss = status_bytes(text, "\nVmRSS:");
		l->live->rss_peak = status_bytes(text, "\nVmHWM:");
		l->live->vsize = status_bytes(text, "\nVmSize:");
		caught = strstr(text, "\nSigCgt:");
		l->live->caught = caught ? strtoull(caught + 8, NULL, 16) : 0;
	}
	if (proc_link(l->live->pid, "exe", text, sizeof(text)))
		l->live->exe = arena_text(l->arena, text, (size_t)(clean_end(text) - text));
}

static const struct slot *python_ready(const struct trace *t)
{
	for (size_t i = 0; i < t->nslots; i++)
		if (t->slots[i].event == KS_py_ready)
			return &t->slots[i];
	return NULL;
}

static void look(struct live_look *l, struct trace *t)
{
	const struct slot *ready = python_ready(t);
	struct live_python *python = NULL;
	size_t size;
	char *maps = proc_read_all(l->live->pid, "maps", MOST_MAPS, &size);

	find_facts(l);
	if (maps) {
		parse_maps(&l->map, l->arena, maps);
		add_block(t, KS_BLOCK_MAPS, l->live->pid, 0, maps, size);
	}
	free(maps);
	for (size_t i = 0; i < l->map.n; i++)
		if (strstr(l->map.area[i].path, "/libkshim.so"))
			l->live->caught = 0;
	find_tasks(l);
	l->live->refused = refusal(l);
	if (!l->live->refused)
		l->python = python = live_python_find(
			l, ready ? (unsigned)ready->field[FIELD_INDEX(py_ready, hexversion)] : 0,
			ready ? ready->field[FIELD_INDEX(py_ready, runtime)] : 0);
	for (size_t i = 0; i < l->live->ntasks && i < MOST_COPIED; i++) {
		if (l->live->refused)
			l->live->tasks[i].waits = live_wait(l, &l->live->tasks[i]);
		else
			copy_task(l, t, &l->live->tasks[i]);
	}
	if (l->python)
		live_locks(l);
	if (!l->live->refused)
		look_again(l);
	add_threads(l, t);
	live_python_free(python);
	free(l->map.area);
}

struct trace *live_open(uint32_t pid, const char *path, const char **why)
{
	struct live_look l = {0};
	struct live_stat s;
	struct trace *t = NULL;

	*why = "there is no such process";
	if (!live_there(pid) || !live_stat_read(pid, &s))
		return NULL;
	if (path)
		t = trace_open(path, why);
	if (!t || t->header.pid != pid ||
	    (t->header.start_ticks && t->header.start_ticks != s.start) ||
	    t->header.end_kind != KS_END_NONE) {
		bool other = t && t->header.pid != pid;

		trace_close(t);
		t = live_make(pid, &s, other ? path : NULL, why);
	}
	if (!t)
		return NULL;
	l.arena = &t->arena;
	l.arch = t->header.arch;
	if (!t->live)
		t->live = arena_alloc(&t->arena, sizeof(*t->live));
	l.live = t->live;
	l.live->pid = pid;
	l.live->ppid = s.ppid;
	look(&l, t);
	return t;
}

/* SPDX-License-Identifier: MIT */
/* Between the files that look at a living process (live*.c). */
#ifndef LIVE_PRIVATE_H
#define LIVE_PRIVATE_H

#include "analyzer/live.h"
#include "analyzer/syscalls.h"

/* --- live_read.c: /proc and memory --- */

/* Bytes of a file of /proc/PID (name: "stat", "task/12/syscall"…), NUL-terminated; 0: cannot be read. */
size_t proc_read(uint32_t pid, const char *name, char *to, size_t size);
char *proc_read_all(uint32_t pid, const char *name, size_t most, size_t *size);	/* free() it; NULL */
bool proc_link(uint32_t pid, const char *name, char *to, size_t size);
struct live_stat {
	char state;
	uint32_t ppid;
	uint64_t code, stack;	/* where its program and its first stack begin; 0: not to be known */
	uint64_t start;		/* ticks since boot */
};

bool live_stat_read(uint32_t pid, struct live_stat *s);
/* Memory of the process; how much could be read. */
size_t live_memory(uint32_t pid, uint64_t address, void *to, size_t size);
uint64_t live_word(uint32_t pid, uint64_t address);	/* 0 where it cannot be read */

/* --- live_task.c: where the threads stand --- */

struct live_area {			/* a line of /proc/PID/maps */
	uint64_t start, end, offset;
	bool read, write, execute;
	const char *path;		/* "": anonymous */
};

struct live_map {
	struct live_area *area;
	size_t n, room;
};

const struct live_area *live_area_at(const struct live_map *map, uint64_t address);

struct live_copy {			/* of one thread */
	uint64_t regs[40];		/* pc, sp, then as in ks_crash; DWARF order */
	unsigned nregs;			/* 2: only pc and sp are known */
	char *stack;			/* from stack_at on */
	uint64_t stack_at;
	size_t stack_size;
	char *python;			/* ks_py_frame records */
	size_t python_size;
};

struct live_python;

struct live_look {			/* one look at a process */
	struct live *live;
	unsigned arch;
	struct live_map map;
	const struct live_python *python;	/* NULL: none, or of a kind that is not known */
	struct arena *arena;
};

void live_task_read(const struct live_look *l, struct live_task *t);	/* stat, wchan, syscall: as it stands now */
uint64_t live_turns(const struct live_look *l, uint32_t tid);	/* how often it was scheduled (schedstat); 0: not known */
/* Registers, stack and Python frames of a thread, stopping it only where it runs; false: nothing could be had. */
bool live_task_copy(struct live_look *l, struct live_task *t, struct live_copy *c, bool stop);
void live_copy_free(struct live_copy *c);

/* --- live_python.c: the interpreter in it --- */

struct live_python *live_python_find(const struct live_look *l, unsigned hexversion, uint64_t runtime);
void live_python_free(struct live_python *p);
/* Records of the frames of a thread, as KS_BLOCK_PYTHON has them; bytes. */
size_t live_python_frames(const struct live_python *p, uint32_t tid, char *to, size_t room);
const char *live_python_version(const struct live_python *p, struct arena *a);	/* "3.11" */

/* --- live_locks.c: Python's locks that threads wait for, and who holds them --- */
void live_locks(const struct live_look *l);

/* --- live_made.c: a trace from /proc alone; parent: of the process that may have forked this one, NULL --- */
struct trace *live_make(uint32_t pid, const struct live_stat *s, const char *parent, const char **why);
/* The threads that its parent has now, where both are one program with one layout: forked, and nothing executed since; 0. */
unsigned live_forked(uint32_t pid, const struct live_stat *s);

/* --- live_wait.c: what a system call waits for, in words; NULL: a lock, or nothing to be said --- */
const char *live_wait(const struct live_look *l, const struct live_task *t);

/* --- live_fd.c: what a descriptor is --- */
void live_fd(struct text *out, uint32_t pid, int fd);	/* "fd 5 (a connection to 10.0.0.1:80)" */
bool live_fd_terminal(uint32_t pid, int fd);

#endif

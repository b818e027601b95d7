/* SPDX-License-Identifier: MIT */
/*
 * What one trace says, replayed: the process, its libraries, loads, threads, memory and its end.
 * Built once from a trace (model_build), symbolised (symbols.c), then only read: rules and the
 * report see this and never the file. Everything is owned by the model and freed with it.
 * A pointer that may be NULL says so; texts are valid UTF-8 without control characters.
 * Times are ns since the process's trace began (int64_t, may be off by the clock's drift).
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shim/format.h"

#define UNKNOWN	UINT64_MAX

/* One event of events.def, decoded. Fields in table order; str fields are texts in str[]. */
struct event {
	int64_t time;
	uint32_t number;		/* of events.def: KS_load_begin… (analyzer/events.h) */
	uint32_t tid;
	uint32_t load;			/* id of the innermost dlopen in progress, 0 */
	uint32_t nfields;
	uint64_t field[KS_MAX_FIELDS];
	const char *str[KS_MAX_FIELDS];	/* NULL where the field is no text or none was kept */
	const struct stack *stack;	/* of the first stk field, NULL: none */
	uint64_t record;		/* where it stands in the file: names it in evidence and --dump */
};

struct frame {
	uint64_t pc;			/* as recorded (a return address except in the innermost frame) */
	const struct module *module;	/* NULL: no module there */
	const char *symbol;		/* demangled, NULL: unknown */
	const char *raw;		/* as the symbol table has it, NULL: unknown */
	uint64_t offset;		/* from the symbol's begin, else from the module's base */
	const char *file;		/* source, NULL: no debug information */
	int line;
	bool inlined;			/* this frame was inlined into the next */
	bool ours;			/* inside libkshim.so: hidden in reports */
};

struct stack {
	struct frame *frames;		/* innermost first */
	size_t n;
	bool cut;			/* the walk ended before the thread's begin */
};

enum entered { ENTRY_UNKNOWN, ENTRY_FROM_C, ENTRY_FROM_PYTHON };

struct py_frame {
	const char *file, *function;
	int line;			/* 0: unknown */
	enum entered entry;		/* who called it */
};

struct module {
	const char *path;		/* as loaded */
	const char *name;		/* last part of path */
	const char *soname;		/* NULL: none */
	char build_id[48];		/* hex, "" : none */
	uint64_t base, start, end, text_start, text_end;
	uint64_t dev, inode, file_size, mtime, need_size, tls_size, mount_flags, fs_magic;
	uint32_t flags;			/* KS_MODULE_* */
	int64_t load_time, unload_time;	/* unload_time: -1 still loaded at the end */
	uint32_t load;			/* id of the dlopen that brought it, 0: at start */
	uint32_t tid;
	/* As the file is now, when the analyzer looks (regular files only): */
	bool file_there, file_same;	/* file_same: same inode, size, mtime and build-id */
	uint64_t record;
};

enum load_outcome { LOAD_UNKNOWN, LOAD_OK, LOAD_FAILED, LOAD_RUNNING };	/* RUNNING: had not returned at the end */

struct load {
	uint32_t id, tid, outer;
	int64_t begin, end;		/* end: -1 where it never returned */
	const char *path;		/* NULL: dlopen(NULL) */
	uint64_t flags;
	struct frame caller;
	enum load_outcome outcome;
	const char *error;		/* dlerror's text, NULL: none seen */
	const struct event *refused;	/* load_refused that belongs to it, NULL */
	const struct event *began, *ended;	/* ended: NULL */
};

enum wait_kind {
	WAIT_UNKNOWN,			/* nothing is known of it */
	WAIT_NONE,			/* it ran on a CPU */
	WAIT_OUTSIDE,			/* something that comes from outside: a file, a child, a signal, a time */
	WAIT_LOCK,			/* a lock that a thread of this process opens */
	WAIT_CONDITION,			/* a condition, an event, a queue: another thread wakes it */
	WAIT_THREAD,			/* a thread to end */
	WAIT_GIL,			/* the interpreter's own lock */
};

struct wait {				/* what a thread waits for; waits.c */
	enum wait_kind kind;
	const char *text;		/* in words, to stand behind "waits for"; NULL */
	uint64_t address;		/* of the word that it waits at (futex), 0: none */
	bool known;			/* timed and shared are known */
	bool timed;			/* it goes on by itself after a time */
	bool shared;			/* another process may wake it */
	uint32_t owner;			/* thread that holds it, or that is to end; 0: not known */
	bool owner_gone;		/* owner is no thread of this process */
	bool guessed;			/* owner is likely, not proven */
	bool passing;			/* a second look found that it had gone on in between */
};

struct thread {
	uint32_t tid;
	char name[20];
	bool alive;			/* at the end */
	int64_t start, end;
	struct frame routine;
	uint64_t alloc_bytes, alloc_count, free_bytes, free_count, fail_count, big_count;
	uint64_t stack_low, stack_high, guard_size;
	char state;			/* at a crash; 0 unknown */
	uint64_t syscall;		/* at a crash; UNKNOWN */
	uint64_t arg0, arg1, sp, pc;	/* of the system call, as far as known */
	uint8_t args;			/* as in ks_thread_info */
	const struct stack *native;	/* where it stood at a sent signal, or stands; NULL */
	struct wait wait;
	struct py_frame *python;	/* innermost first */
	size_t npython;
	bool python_cut;
};

struct checkpoint {
	int64_t time;
	unsigned reason, threads;
	uint32_t tid, cpu_ms;		/* 0: the CPU time was not read */
	uint64_t rss, vsize, heap_alloc, heap_free, cg_usage, cg_limit, cg_oom_kill, sys_oom_kill;
	uint64_t mem_available, swap_free, cg_pids;
	uint64_t record;
};

enum ending_kind { END_SIGNAL, END_ABORT, END_EXIT, END_KILLED, END_EXEC, END_CLEAN, END_RUNNING };

struct ending {
	enum ending_kind kind;
	int signal, code;		/* 0 where it was no signal */
	int status;			/* exit status */
	int64_t time;			/* the last sign of life where it was killed */
	uint32_t sender_pid, sender_uid, sender_ppid;	/* 0: nobody sent it, or unknown */
	const char *sender, *sender_parent;	/* commands, NULL */
	const struct event *event;	/* exit_call, crash, exec_call… NULL */
};

struct crash {				/* valid where present is set */
	bool present, repaired;
	const struct ks_crash *raw;
	uint64_t address, pc, sp;
	uint32_t tid;
	const struct thread *thread;	/* NULL */
	const struct stack *stack;	/* native, our own frames left out; NULL: none could be unwound */
	const struct module *module;	/* that pc lies in, NULL */
	const char *abort_message;	/* NULL */
	const char *exception_type, *exception_text;	/* demangled; NULL */
	const struct module *exception_module;
	const struct mapping *map_pc, *map_address, *map_sp;	/* from the maps at the crash; NULL */
	const char *instruction;	/* disassembled, NULL */
	const char *isa;		/* CPU feature that the instruction belongs to ("AVX2"), NULL */
	bool statfs_known;		/* of the file behind address (SIGBUS) */
	const char *statfs_path, *statfs_type;
	uint64_t statfs_free, statfs_total, statfs_file_size;
	uint64_t record;
};

struct mapping {			/* a line of the maps at the crash */
	uint64_t start, end, offset, inode;
	char perms[5];
	const char *path;		/* "" : anonymous */
	const struct mapping *below;	/* the next lower one, NULL */
};

struct witness {
	struct ks_witness raw;
	const char *name;
	uint64_t record;
};

struct damage {				/* what is wrong with the file */
	const char *text;
	uint64_t offset;
};

struct model {
	const char *file;
	struct damage *damage; size_t ndamage;
	const struct ks_header *header;
	unsigned arch;			/* enum ks_arch */
	int64_t started;		/* ns since 1970 */
	uint32_t pid, ppid, parent_pid;
	bool is_kernel;
	const char *connection_file, *notebook;	/* NULL */
	const char *cell_file; uint64_t cell;	/* the last cell begun: co_filename, count; 0: none */
	const char *cell_text;			/* NULL unless kept */

	struct event *events; size_t nevents;		/* by time */
	struct module *modules; size_t nmodules;	/* by load time */
	struct load *loads; size_t nloads;		/* by id */
	struct thread *threads; size_t nthreads;
	struct checkpoint *checkpoints; size_t ncheckpoints;	/* by time */
	struct mapping *maps; size_t nmaps;		/* by address; only after a crash */
	struct witness *witnesses; size_t nwitnesses;
	const char *oom_line;			/* the kernel's own line about its OOM kill of this process, NULL: none was found */
	bool oom_log_whole;			/* and its log reaches back to the start of the process */

	bool sealed;		/* its recording ended before it did, at a filter of system calls; nobody saw how it ended */
	bool hidden;		/* it has no end, and is another container's: it may run (process.h) */
	struct ending ending;
	struct crash crash;
	const struct ks_gpu *gpu;	/* totals of the GPU, NULL: none kept */
	const char *stderr_tail;	/* "" : nothing kept */
	size_t stderr_size;
	void *private;			/* model.c's own */
};

struct trace;
struct live;
/* What a look at the living process said beside all this; NULL: the trace alone is known. */
const struct live *model_live(const struct model *m);
struct model *model_build(struct trace *trace);
/* From the trace alone: no file of the machine is looked at, so frames have no symbols. Quick. */
struct model *model_build_plain(struct trace *trace);
void model_free(struct model *m);

/* --- questions that rules ask --- */

/* Value of an environment variable at the start; NULL: not set (or only its name is kept: ""). */
const char *model_env(const struct model *m, const char *name);
/* A start fact (shim/info.c): "exe", "argv", "cwd", "glibc", "cpu_flags", "cgroup_memory"…; NULL. */
const char *model_info(const struct model *m, const char *key);
/* A resource limit at the end (start value, then what limit_set changed); UNKNOWN = unlimited or not recorded. */
uint64_t model_limit(const struct model *m, int resource);
uint64_t model_hard_limit(const struct model *m, int resource);

const struct module *
model_module_at(const struct model *m,
		uint64_t address); /* loaded at the end, else the last that was there */
/* By file name or soname; the first whose name begins with prefix. after: continue behind it, or
 * NULL. */
const struct module *model_module_named(const struct model *m, const char *prefix, const struct module *after);
/* Is one loaded whose path holds this ("/numba/")? */
bool model_module_below(const struct model *m, const char *part);
const struct load *model_load(const struct model *m, uint32_t id);
const struct thread *model_thread(const struct model *m, uint32_t tid);
/* The latest / next event of a kind: number, tid 0 = any; before/after NULL = from the end / begin. */
const struct event *model_last(const struct model *m, uint32_t number, uint32_t tid, const struct event *before);
const struct event *model_next(const struct model *m, uint32_t number, uint32_t tid, const struct event *after);
/* Address to frame (symbol, module): never NULL inside, symbol may be unknown. Cached. */
const struct frame *model_frame(const struct model *m, uint64_t address, bool return_address);
const struct mapping *model_map_at(const struct model *m, uint64_t address);
/* Does this module export (define) a dynamic symbol; 1 yes, 0 no, -1 cannot be told (file gone or replaced). */
int model_exports(const struct model *m, const struct module *module, const char *symbol);
/* The first / last line of the stderr tail that holds text; NULL. Valid until the model is freed. */
const char *model_stderr_line(const struct model *m, const char *text, bool last);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The recorder as the hooks see it: write an event, keep a text, know whether we record.
 *
 * Context: everything here may be called from any thread, from a signal handler and before
 * main, unless said otherwise. Nothing allocates, locks, prints or changes errno; nothing
 * calls a function that hooks/ exports (raw system calls and shim/safe.h instead).
 */
#ifndef KS_RECORDER_H
#define KS_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "shim/format.h"
#if defined(__x86_64__)
#include "shim/arch/x86_64_base.h"
#else
#include "shim/arch/aarch64_base.h"
#endif

#define KS_HIDDEN	__attribute__((visibility("hidden")))
#define KS_TLS		static __thread __attribute__((tls_model("initial-exec")))
#define KS_LIKELY(x)	__builtin_expect(!!(x), 1)
/* What it needs of the stack is not in its callers' frames, nor there at the same time as others' of the kind:
 * hooks may run on 16 KiB. */
#define KS_APART	__attribute__((noinline))
/* What every process writes at its start, recorded or not: on the page that the loader has had to write anyway. */
#define KS_AT_START	__attribute__((section(".data")))
#define KS_TEXT_AT_START(text) ({ static char text_[] KS_AT_START = text; text_; })
#define KS_UNLIKELY(x)	__builtin_expect(!!(x), 0)

#pragma GCC visibility push(hidden)

/* --- events: enum, one struct of fields for each, lanes --- */

typedef uint64_t ks_str;	/* file offset of a ks_string, 0: none */

#define KS_F_u64	uint64_t
#define KS_F_i64	int64_t
#define KS_F_ptr	uint64_t
#define KS_F_str	ks_str
#define KS_F_stk	ks_str
#define KS_F_time	uint64_t

enum ks_event {
#define F(type, field, meaning)
#define EVENT(number, name, lane, meaning, ...) KS_##name = number,
#include "shim/events.def"
#undef EVENT
#undef F
	KS_EVENT_MAX = 255,
};

#define F(type, field, meaning) KS_F_##type field;
#define EVENT(number, name, lane, meaning, ...) struct ks_ev_##name { __VA_ARGS__ };
#include "shim/events.def"
#undef EVENT
#undef F

enum ks_lane { KS_LANE_RARE, KS_LANE_QUIET, KS_LANE_RING };

enum {
#define F(type, field, meaning)
#define EVENT(number, name, lane, meaning, ...) KS_LANE_OF_##name = KS_LANE_##lane,
#include "shim/events.def"
#undef EVENT
#undef F
};

/* Writes an event: KS_EMIT(limit_set, .resource = r, .result = 0). Fields left out are 0; what the
 * fields say is only evaluated where the event will be written. */
#define KS_EMIT(name, ...) do {								\
		if (ks.on || (KS_LANE_OF_##name == (int)KS_LANE_RARE && ks_wake())) {	\
			const struct ks_ev_##name ks_ev_ = { __VA_ARGS__ };		\
			ks_emit(KS_##name, (enum ks_lane)KS_LANE_OF_##name,		\
				(const uint64_t *)&ks_ev_, sizeof(ks_ev_) / 8);		\
		}									\
	} while (0)

/* The way behind KS_EMIT. A RARE event begins the recording of a forked child. */
void ks_emit(enum ks_event event, enum ks_lane lane, const uint64_t *fields, unsigned count);

/* --- texts --- */

/* Keeps a text (cut at 4 KiB) once; NULL gives 0, as does a process that is not recorded (use
 * inside KS_EMIT). The bytes must be readable. */
ks_str ks_text(const char *text);
ks_str ks_text_n(const char *text, size_t size);
/* Keeps n program counters, innermost first. */
ks_str ks_stack(const uintptr_t *pcs, unsigned n);
/* The callers of the hook that asks, innermost first, without our own frames; 0 where none can be
 * had (shim/unwind.c). The second of each pair is for frequent events: when all of theirs together
 * have had their share of the trace, only stacks that are there already are found. */
ks_str ks_stack_often(const uintptr_t *pcs, unsigned n);
ks_str ks_callers(void);
ks_str ks_callers_often(void);

/* --- state --- */

/* Per thread, plain data, initial-exec: no constructor, no destructor, no allocation. */
struct ks_self {
	uintptr_t ring;			/* where its RING events go, and in the low bits the binary logarithm of its
					 * slots: one word, since a handler may come in between; 0: none yet */
	uint32_t tid;			/* 0: not asked yet */
	uint32_t load;			/* id of the innermost dlopen in progress, 0: none (hooks/load.c) */
	struct ks_thread *thread;	/* its counters in the trace; NULL: none yet */
	uint32_t generation;		/* of the recording (forks) that ring and thread belong to */
};
extern __thread struct ks_self ks_self __attribute__((tls_model("initial-exec")));

enum ks_mode { KS_MODE_ON, KS_MODE_OFF, KS_MODE_ALL };

struct ks_config {
	enum { KS_KEEP_DEATH, KS_KEEP_ALWAYS } keep;
	enum { KS_TEXT_OFF, KS_TEXT_STDERR, KS_TEXT_CELL } text;
	bool say, debug;
	uint64_t size, sample, stack;
	uint64_t max_files, max_bytes, max_age;	/* age in seconds; 0: no limit */
	char dir[1024];		/* "": none */
	size_t made_below;	/* length of the part of dir that is not made where it is missing: somebody's home */
};

/*
 * The first part lies on pages of its own, which the kernel wipes in every forked child
 * (MADV_WIPEONFORK): a child that we do not hear of finds on == false and writes nothing.
 */
struct ks {
	union {
		struct {
			bool on;			/* this process is recorded now, its trace is mapped */
			bool whole;			/* all of the first part of the trace has its space */
			bool starting;			/* in the constructor: nobody else is here yet */
			bool crashing;			/* a crash is being recorded: no growth, no new rings */
			bool sealed;			/* a seccomp filter may kill for what we call: no system call of ours any more */
			struct ks_header *head;		/* the mapped trace, NULL: none */
			struct ks_crash *crash;		/* crash area */
			size_t crash_room;		/* bytes for blocks behind it */
			struct ks_ring_head *rare, *output, *checkpoints;
			size_t output_size;		/* bytes of the ring of output */
			/* what its parts know of the trace; here, so that a child need not touch their pages */
			uint64_t growing;		/* file.c: somebody makes it larger (shim/claim.h) */
			uint32_t texts_full;		/* text.c: there is no room, do not try each time */
			uint64_t texts_often;		/* bytes of stacks of frequent events */
			uint32_t threads_taken;		/* ring.c: regions of threads that are full, for good */
			uint32_t threads_refused;	/* so often the trace could not grow for them */
		};
		char wiped[KS_PAGES];
	};
	bool chosen;			/* it is one that is to be recorded (Python), even if a fork has not begun yet */
	bool python;			/* and it is Python; else KSHIM=all */
	uint32_t generation;		/* grows in every forked child */
	int32_t pid;			/* owner of the mapping */
	uint64_t forked_clock;		/* in a forked child: when, … */
	uint64_t forked_threads;	/* … and how many threads its parent had */
	struct ks_config config;
	uint64_t dev, inode;		/* of the trace file */
	char path[1200];		/* of the trace file, "" : none */
} __attribute__((aligned(KS_PAGES)));
extern struct ks ks;

/* True when the calling process owns the recording (a system call: not on hot paths). False
 * in a vfork child and in a child of a fork that we have not seen; such a caller records nothing. */
bool ks_mine(void);

/* Thread id of the caller, cached. */
uint32_t ks_tid(void);

/* --- life of a recording (shim/file.c, life.c; called by hooks/start.c and hooks/process.c) --- */

void ks_retain(void);			/* keep the directory small (shim/retain.c); from the constructor */
void ks_open(void);			/* make and map the trace of this process; sets ks.on (shim/file.c) */
void ks_clock_mark(void);		/* the header's second pair of clocks: now */
void ks_begin(void);			/* what every new trace begins with: facts, limits, modules (shim/info.c) */
void ks_facts_late(void);		/* what only explains a bad end, once: machine, CPU. Handler-safe (shim/info.c) */
/* The last trace that this process mapped: in a forked child its parent's, only read. */
extern const struct ks_header *ks_forked_from;
void ks_forked(void);			/* in the child of a fork: forget the parent's trace */
bool ks_wake(void);			/* begin the trace of a forked child now; true when recording */
void ks_end(int kind, int code);	/* enum ks_end_kind: mark the header */
void ks_end_undo(void);			/* an exec failed */
void ks_discard(void);			/* remove the trace file: nothing bad happened */
/* A page of the trace is gone (a fault at address): memory in its place, and no recording any more. False: it is none
 * of the trace's. unmapped: by the program; else cut off, or lost by a server. Handler-safe. */
bool ks_trace_lost(uintptr_t address, bool unmapped);
void ks_note(const char *text, int error);	/* our own trouble, as an event */

/* Reads KSHIM_*; environment as the constructor was given it (shim/config.c). KSHIM alone: a program that is not
 * recorded writes nothing. */
void ks_config_read(char *const *environment);
enum ks_mode ks_config_mode(char *const *environment);

/* Memory of the trace for a family's own table (KS_REGION_STATE and others): size bytes, zeroed,
 * registered in the header; NULL when the trace may not grow. Not from a signal handler. */
void *ks_grow(enum ks_region_kind kind, uint32_t stride, uint32_t count, uint64_t aux0);

/* Ring and counters of the calling thread are made at its first event; given back here. */
void ks_thread_ended(void);
struct ks_thread *ks_thread_counters(void);	/* of the caller, made if need be; NULL: none */

/* The regions that each trace begins with, in their order. */
enum {
	KS_FIRST_RING, KS_FIRST_RARE, KS_FIRST_STRINGS, KS_FIRST_MODULES, KS_FIRST_THREADS, KS_FIRST_CHECKPOINTS,
	KS_FIRST_OUTPUT, KS_FIRST_CRASH, KS_FIRST_RINGS,
};
/* May the first size bytes of this region be written? They have their space then (shim/file.c); if not, a
 * store could end the process. Takes it where need be: system calls, any context. */
bool ks_ready_slowly(unsigned region, uint64_t size);
static inline bool ks_ready(unsigned region, uint64_t size)
{
	return KS_LIKELY(ks.whole) || ks_ready_slowly(region, size);
}
uint64_t ks_ready_size(unsigned region);	/* bytes of it that have their space; a look at the others costs, too */
bool ks_make_whole(void);		/* take it for all of them now: the process has lived for a while */

/* Appends a block to the file behind everything (opens it fresh; raw system calls only), or
 * puts it into the crash area where inside is set and it fits. Returns 0 or -errno. */
int ks_block(enum ks_block_kind kind, uint32_t tid, uint64_t address, const void *data, size_t size, bool inside);

/* Between parts of shim/. */
struct ks_layout;
uint64_t ks_offset_of(const void *at);	/* of something mapped, in the file; 0: not of the trace */
void ks_text_begin(void);		/* text.c: a trace begins */
void ks_ring_forget(void);		/* ring.c: in a forked child */
struct ks_region *ks_region(unsigned i);
void *ks_region_at(unsigned i);		/* where region i is mapped */
const struct ks_string *ks_string_at(ks_str offset);	/* a text of the trace where it is mapped; NULL */
unsigned ks_regions(void);

/* --- other parts of shim/ that hooks use --- */

/* modules.c: note what came and went; load: id that brought them. Returns how many came. Not in handlers. */
unsigned ks_modules_sync(uint32_t load);
/* The same without the loader's lock where nothing came: before an end, after a load that failed. */
unsigned ks_modules_appended(uint32_t load);
/* At a crash: adds what came since, from memory that is only probed. Handler-safe. */
unsigned ks_modules_late(uint32_t load);
/* If set: called for each module that came, after the walk; path is the loader's, absolute. */
extern void (*ks_module_came)(const struct ks_module *m, const char *path);
void ks_checkpoint(enum ks_checkpoint_reason reason);	/* checkpoint.c: memory, cgroup, counters. Opens files; handler-safe */
void ks_output(const char *bytes, size_t size);		/* output.c: into the ring of fd 2's tail */
void ks_output_woken(void);				/* output.c: what a forked child wrote before its trace began */

struct ks_memory {			/* checkpoint.c: as of now; ~0 where not known */
	uint64_t rss, vsize, as_limit, mem_available;
	uint64_t pids_current, pids_max, nproc_limit, threads;
};
void ks_memory_now(struct ks_memory *m);

#pragma GCC visibility pop

#endif

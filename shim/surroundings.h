/* SPDX-License-Identifier: MIT */
/*
 * What surrounds the process, as far as shim/ asks for it in more than one place: its cgroups,
 * command lines as text, addresses of modules, traces of other processes.
 * Everything is async-signal-safe unless said otherwise.
 */
#ifndef KS_SURROUNDINGS_H
#define KS_SURROUNDINGS_H

#include "shim/recorder.h"

#pragma GCC visibility push(hidden)

/* --- cgroup.c --- */

#define KS_CGROUP_DIR 512

/* Where a process's cgroups are mounted, "" : not known. The tightest limit may be an ancestor's.
 */
struct ks_cgroup {
	bool v2;		     /* of memory */
	char memory[KS_CGROUP_DIR];  /* directory of its memory cgroup: oom_kill is counted there */
	char limited[KS_CGROUP_DIR]; /* of the ancestor (or itself) with the tightest limit; "" : no
					limit */
	uint64_t limit;		     /* bytes, ~0: none */
	char pids[KS_CGROUP_DIR];    /* directory whose pids.max is the tightest, else its own */
	uint64_t pids_max;	     /* ~0: none */
};

extern struct ks_cgroup ks_cgroup; /* of this process, since the last ks_cgroup_find() */

void ks_cgroup_find(const char *text); /* what /proc/self/cgroup says */
/* The number in dir/file; ~0 for "max", for no such file, and for what version 1 means by "no
 * limit". */
uint64_t ks_cgroup_number(const char *dir, const char *file);
uint64_t ks_cgroup_usage(const struct ks_cgroup *c);
uint64_t ks_cgroup_oom_kill(const struct ks_cgroup *c);
/* As one text for the header of the trace, and back again; false: not one of ours. */
void ks_cgroup_pack(const struct ks_cgroup *c, char *to, size_t size);
bool ks_cgroup_unpack(struct ks_cgroup *c, const char *from);

/* Number behind word at the begin of a line of text; ~0: no such line. */
uint64_t ks_line_number(const char *text, const char *word);

/* info.c: the same, and as facts in the trace; and what else the first full checkpoint writes. */
void ks_cgroup_record(const char *text);
void ks_facts_soon(void);
extern char *const *ks_start_args;	/* in the constructor: argv, later NULL (the program may write there) */

/* --- checkpoint.c --- */

/* oom_kill of /proc/vmstat; MemAvailable and SwapFree in bytes; ~0 unknown. */
uint64_t ks_system_oom_kill(void);
void ks_system_memory(uint64_t *available, uint64_t *swap_free);

/* --- args.c --- */

/* Appends one argument of a command line as a shell would take it, a blank before it; what looks
 * like a secret is left out. state is 0 for the first one. */
char *ks_put_arg(char *p, char *end, const char *arg, unsigned *state);
/* The same for an argv of this process whose pointers may be bad; at most most arguments. */
char *ks_put_argv(char *p, char *end, char *const *argv, unsigned most);
/* A text of this process at an address that may be bad, cut to fit; false: nothing could be read.
 */
bool ks_read_text(const char *from, char *to, size_t size);

/* --- where.c --- */

/* The loaded module that address lies in, as the trace has it; NULL: not known (yet). */
const struct ks_module *ks_module_at(uintptr_t address);
/* A text of this trace; "" for none. Valid as long as the trace is mapped. */
const char *ks_text_at(ks_str text);

#pragma GCC visibility pop

#endif

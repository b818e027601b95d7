/* SPDX-License-Identifier: MIT */
/*
 * Steps of a fix that depend on what the process was: a script of somebody's shell, the kernel of
 * a notebook, a job, a container. All of them add one step, with the line to type where there is one.
 */
#ifndef HOWTO_H
#define HOWTO_H

#include "analyzer/rule.h"

/* When a variable is looked at: by the loader or the C library at the program's start, or by a library once it is imported. */
enum variable_use { AT_START, AT_IMPORT };

/* How this program is started, as one types it: "python train.py"; NULL: a kernel, which a server starts, or not known. */
const char *start_command(const struct model *m, struct arena *arena);
/* Was the variable set, with or without a value that is kept? */
bool variable_set(const struct model *m, const char *name);

/* why: "Let OpenBLAS make fewer threads"; assignments: "A=1 B=2". */
void howto_set(const struct model *m, struct finding *f, enum variable_use use, const char *why, const char *assignments);
void howto_unset(const struct model *m, struct finding *f, const char *why, const char *name);

/*
 * Raise a limit of the shell: option and conf as ulimit and limits.conf call it ("v", "as"), resource
 * RLIMIT_*; value: what to ask for, in ulimit's unit.
 */
void howto_ulimit(const struct model *m, struct finding *f, int resource, const char *option, const char *conf, const char *value);

/* Who can raise what a container may have, and how: its memory, its threads. now: the limit; UNKNOWN: not known. */
void howto_memory_limit(const struct model *m, struct finding *f, uint64_t now);
void howto_pids_limit(const struct model *m, struct finding *f, uint64_t now);

/* Use less memory, as this program can. */
void howto_less_memory(const struct model *m, struct finding *f, const char *lead);

/* Report it to the makers of this software; nothing where it is nobody's. */
void howto_report(const struct model *m, struct finding *f, const struct module *module);

/* The words of a table: a step, and behind it "$ command", "pip: package", "set: A=B" or "unset: A". */
void howto_words(const struct model *m, struct finding *f, const char *words);

/* step, and the command for a package in this environment; a kernel has to be restarted then. again: it is there, and broken. */
void howto_install(const struct model *m, struct finding *f, const char *step, const char *package, bool again);

/* Run the program under another one, as "valgrind"; before: what stands before python. NULL where that cannot be told. */
const char *command_under(const struct model *m, struct arena *arena, const char *before);

/* A framework that works in batches is loaded. */
bool works_in_batches(const struct model *m);

#endif

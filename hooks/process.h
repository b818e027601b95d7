/* SPDX-License-Identifier: MIT */
/* Between process.c, exec.c, wait.c and end.c. */
#ifndef KS_HOOKS_PROCESS_H
#define KS_HOOKS_PROCESS_H

#include "hooks/hooks.h"

#pragma GCC visibility push(hidden)

/* exec.c: this process, a forked child, tried to become another program and could not. */
bool ks_exec_has_failed(void);

/* process.c: a child was made (result: its pid, 0: not known), or -errno. */
void ks_child_made(const char *function, int result, uintptr_t caller, const char *path);

/* process.c: one more child; false where a program that makes them all day has made enough. */
bool ks_child_worth_noting(uint64_t *count);

/* How many children of this process, and of those that it was forked from, ended with a bad status. */
extern uint32_t ks_children_failed;

/* refused.c: function could not make a process, pthread_create (NULL) a thread; an errno. */
void ks_refused(const char *function, int error, uintptr_t routine, size_t stack_size, uintptr_t caller);

/* witness.c: a child has ended badly: leave a record in its trace, if it has one, and say so. */
void ks_witness_child(int pid, int status);
/* This process ends well: the traces of workers that it had stopped itself explain nothing. */
void ks_witness_clean(void);

#pragma GCC visibility pop

#endif

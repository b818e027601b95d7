/* SPDX-License-Identifier: MIT */
/* System calls by name, whatever CPU a trace is of (syscalls.def). */
#ifndef ANALYZER_SYSCALLS_H
#define ANALYZER_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

enum call {
	CALL_UNKNOWN,
#define SYSCALL(name, x86_64, aarch64, stop) CALL_##name,
#include "analyzer/syscalls.def"
#undef SYSCALL
};

/* arch: enum ks_arch. */
enum call call_of(unsigned arch, uint64_t number);
const char *call_name(enum call call);		/* "read"; "a system call" */
bool call_tells(enum call call);		/* would fail with EINTR if its thread were stopped */

#endif

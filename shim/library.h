/* SPDX-License-Identifier: MIT */
/*
 * A library as a file that is not loaded (yet, or because the loader refused it): is it whole,
 * is it an ELF file at all, what does it ask for, what does its mount allow.
 */
#ifndef KS_LIBRARY_H
#define KS_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

struct ks_library {
	int error;			/* -errno of looking at it, 0 */
	uint32_t mode;			/* st_mode */
	uint64_t size;			/* bytes */
	uint64_t need_size;		/* where its last segment ends, 0: not an ELF file of ours */
	uint64_t mount_flags, fs_magic;	/* statfs */
	uint64_t head;			/* first 8 bytes, as they lie in memory */
	uint32_t machine;		/* e_machine of an ELF file of this byte order, 0 */
	bool exec_stack;
};

/* Looks at path: only a regular file is opened, and closed at once. False: nothing is there, or
 * it could not even be asked about. Async-signal-safe. */
bool ks_library_look(const char *path, struct ks_library *l) __attribute__((visibility("hidden")));

/* True where the file ends before its segments do: mapping it would raise SIGBUS. Quick. */
bool ks_library_cut_off(const char *path) __attribute__((visibility("hidden")));

#endif

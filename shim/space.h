/* SPDX-License-Identifier: MIT */
/*
 * Space for the trace: whether it may be taken, and taking it. Raw system calls; any context.
 */
#ifndef KS_SPACE_H
#define KS_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)
/* May the file reach this size, and the process map so much more? */
bool ks_space_allowed(uint64_t file_size, uint64_t more);
/* Zeros in the file: its space is there then. 0 or -errno. */
int ks_space_write(int fd, uint64_t offset, uint64_t size);
#pragma GCC visibility pop

#endif

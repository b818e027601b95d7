/* SPDX-License-Identifier: MIT */
/*
 * Work on what strangers have written, in a child process with little time and memory: what goes
 * wrong there costs its answer, and not the report.
 */
#ifndef APART_H
#define APART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/text.h"

/* The work, in the child: writes its answer to fd and returns. */
typedef void apart_work(void *arg, int fd);

/*
 * Adds to answer what the work wrote, at most bytes of it (the last piece may be longer), until it ended, by itself or
 * not: true; or until its time (ms) was over, or no child could be made: false, with what has come.
 * memory: bytes of data that the child may have.
 */
bool apart(apart_work *work, void *arg, int64_t ms, size_t memory, size_t bytes, struct text *answer);

#endif

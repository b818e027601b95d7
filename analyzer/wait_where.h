/* SPDX-License-Identifier: MIT */
/* Where a waiting thread stands, told from the functions on its stack, native and Python. */
#ifndef WAIT_WHERE_H
#define WAIT_WHERE_H

#include "analyzer/model.h"

enum base {
	BASE_NONE,
	BASE_MUTEX,
	BASE_LOW_LOCK,
	BASE_CONDITION,
	BASE_SEMAPHORE,
	BASE_JOIN,
	BASE_BARRIER,
	BASE_RW_LOCK
};

struct place {
	enum base base;
	size_t next; /* the frame that called it */
};

struct place wait_place(const struct stack *s);	/* which of libc's functions it waits in */
bool wait_for_gil(const struct stack *s, const struct place *p);
bool wait_python_lock(const struct stack *s, const struct place *p);
/* What Python calls it: threading's, queue's, futures' functions; fills kind and text. */
bool wait_from_python(const struct thread *th, struct wait *w);
bool wait_in_python(const struct module *mod);	/* is it the interpreter */

#endif

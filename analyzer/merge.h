/* SPDX-License-Identifier: MIT */
/*
 * Python and native frames of a thread as one stack: where the interpreter runs Python code its own
 * frame of C gives way to those of the code that it runs.
 */
#ifndef MERGE_H
#define MERGE_H

#include "analyzer/model.h"
#include "analyzer/text.h"

struct one_frame {			/* one of the two */
	const struct frame *native;
	const struct py_frame *python;
};

/* Innermost first; how many. Without Python frames the native ones, and the other way round. */
size_t stack_merge(const struct thread *th, const struct stack *native, struct arena *a,
		   struct one_frame **out);
/* The interpreter's loop, that runs Python code. */
bool runs_python(const struct frame *f);

#endif

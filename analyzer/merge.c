/* SPDX-License-Identifier: MIT */
/*
 * How many Python frames belong to one call of the interpreter's loop: up to 3.10 one; later all
 * that were called from Python, up to the one that C entered by. Where the frames do not say which
 * one that is, as many as there are loops is taken for one each, and else all for the innermost.
 */
#include "analyzer/merge.h"

#include <string.h>

bool runs_python(const struct frame *f)
{
	return f->raw && (strncmp(f->raw, "_PyEval_EvalFrame", 17) == 0 ||
			  strncmp(f->raw, "_TAIL_CALL_", 11) == 0);
}

/* The first loop that calls the next one directly is the same one twice (cold part, wrapper). */
static bool counts(const struct stack *s, size_t i)
{
	return runs_python(&s->frames[i]) && !(i && runs_python(&s->frames[i - 1]));
}

static size_t loops_in(const struct stack *s)
{
	size_t n = 0;

	for (size_t i = 0; s && i < s->n; i++)
		n += counts(s, i);
	return n;
}

/* How many of the Python frames from at on belong to this loop. */
static size_t group(const struct thread *th, size_t at, size_t loops)
{
	size_t n = 0;

	if (th->npython == loops)
		return 1;
	if (th->python[at].entry == ENTRY_UNKNOWN)
		return th->npython - at;
	while (at + n < th->npython && th->python[at + n++].entry != ENTRY_FROM_C)
		;
	return n;
}

size_t stack_merge(const struct thread *th, const struct stack *native, struct arena *a,
		   struct one_frame **out)
{
	const size_t loops = loops_in(native);
	struct one_frame *all;
	size_t n = 0, at = 0;

	*out = all = arena_alloc(a, ((native ? native->n : 0) + th->npython + 1) * sizeof(*all));
	for (size_t i = 0; native && i < native->n; i++) {
		if (native->frames[i].ours)
			continue;
		if (!runs_python(&native->frames[i]) || !th->npython) {
			all[n++].native = &native->frames[i];
			continue;
		}
		if (!counts(native, i) || at >= th->npython)
			continue;
		for (size_t k = group(th, at, loops); k && at < th->npython; k--)
			all[n++].python = &th->python[at++];
	}
	/* The native stack was cut, or the interpreter has no names. */
	while (at < th->npython)
		all[n++].python = &th->python[at++];
	return n;
}

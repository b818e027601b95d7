/* SPDX-License-Identifier: MIT */
/*
 * The native stacks of threads that did not end the process: of one that lives, and of one that
 * somebody ended from outside, where the recorder kept the inner end of each stack. All of them are
 * unwound in one go.
 */
#include "analyzer/model_private.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/symbols.h"

#define MOST_THREADS 256
#define MOST_WORDS 40

struct places {
	struct unwind *unwind;
	struct thread **thread;
	size_t n;
};

static struct thread *thread_named(struct model *m, uint32_t tid)
{
	for (size_t i = m->nthreads; i-- > 0;)
		if (m->threads[i].tid == tid)
			return &m->threads[i];
	return NULL;
}

/* Registers as a look from outside has them, else the two that the list of threads has. */
static bool fill(struct model *m, struct unwind *u, const struct thread *th)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	uint64_t *regs = arena_alloc(&p->arena, MOST_WORDS * sizeof(*regs));
	const unsigned least = m->arch == KS_ARCH_AARCH64 ? 32 : 16;

	*u = (struct unwind){
		.regs = regs, .nregs = least, .pc = th->pc, .sp = th->sp, .tid = th->tid,
		.places_only = true};
	regs[least == 32 ? 31 : 7] = th->sp;
	for (size_t i = 0; i < t->nblocks; i++) {
		const struct block *b = &t->blocks[i];
		size_t words = b->head.size / 8;

		if (b->head.kind != KS_BLOCK_REGISTERS || b->head.tid != th->tid || words < 2)
			continue;
		memcpy(&u->pc, b->data, 8);
		memcpy(&u->sp, b->data + 8, 8);
		words = words - 2 < MOST_WORDS ? words - 2 : MOST_WORDS;
		u->places_only = words < least;
		if (words >= least)
			memcpy(regs, b->data + 16, words * 8);
		else
			regs[least == 32 ? 31 : 7] = u->sp;
	}
	return u->pc && u->sp;
}

static bool add_memory(struct model *m, struct unwind *u)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	struct memory *memory = arena_alloc(&p->arena, 4 * sizeof(*memory));

	u->memory = memory;
	for (size_t i = 0; i < t->nblocks && u->nmemory < 4; i++) {
		const struct block *b = &t->blocks[i];

		if (b->head.kind == KS_BLOCK_STACK && b->head.tid == u->tid &&
		    b->head.size <= UINT64_MAX - b->head.address)
			memory[u->nmemory++] =
				(struct memory){b->head.address, b->head.size, b->data};
	}
	return u->nmemory != 0;
}

/* Somebody unwound them before: from tests. */
static void from_text(struct model *m)
{
	const struct trace *t = private_of(m)->trace;

	for (size_t i = 0; i < t->nblocks; i++) {
		const struct block *b = &t->blocks[i];
		struct thread *th =
			b->head.kind == KS_BLOCK_NATIVE ? thread_named(m, b->head.tid) : NULL;

		if (th && !th->native && !(m->crash.present && m->crash.tid == th->tid))
			th->native = native_parse(m, b);
	}
}

void build_thread_stacks(struct model *m)
{
	struct places all = {.n = 0};
	const struct stack **stack;

	from_text(m);
	if (private_of(m)->plain)
		return;
	all.unwind = xalloc(MOST_THREADS, sizeof(*all.unwind));
	all.thread = xalloc(MOST_THREADS, sizeof(*all.thread));
	for (size_t i = 0; i < m->nthreads && all.n < MOST_THREADS; i++) {
		struct thread *th = &m->threads[i];

		if (th->native || !th->alive ||
		    (m->crash.present && !m->crash.repaired && m->crash.tid == th->tid))
			continue;
		if (!fill(m, &all.unwind[all.n], th) || !add_memory(m, &all.unwind[all.n]))
			continue;
		all.thread[all.n++] = th;
	}
	stack = xalloc(all.n + 1, sizeof(*stack));
	symbols_unwind(m, all.unwind, all.n, stack);
	for (size_t i = 0; i < all.n; i++)
		all.thread[i]->native = stack[i];
	free(stack);
	free(all.unwind);
	free(all.thread);
}

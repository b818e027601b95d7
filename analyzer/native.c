/* SPDX-License-Identifier: MIT */
/*
 * The native stack of the thread that ended the process: unwound from the bytes that the crash
 * kept, or taken from text (KS_BLOCK_NATIVE) where somebody unwound it before, or, where neither
 * is there, the callers that the abort itself recorded.
 */
#include "analyzer/model_private.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/symbols.h"

#define MOST_FRAMES	512

/* --- "#0 0xPC MODULE SYMBOL+0xOFF FILE:LINE", '-' for what is not known, "inlined" at the end ---
 */

static const struct module *named_module(struct model *m, uint64_t pc, const char *name)
{
	struct private *p = m->private;
	const struct module *mod = pc ? model_module_at(m, pc) : NULL;
	struct module *made;

	if (mod || strcmp(name, "-") == 0)
		return mod;
	for (size_t i = 0; i < m->nmodules; i++)
		if (strcmp(m->modules[i].name, name) == 0)
			return &m->modules[i];
	made = arena_alloc(&p->arena, sizeof(*made));
	made->path = made->name = arena_clean(&p->arena, name, strlen(name));
	made->unload_time = -1;
	return made;
}

static char *next_word(char **p)
{
	char *word;

	while (**p == ' ')
		(*p)++;
	word = *p;
	while (**p && **p != ' ')
		(*p)++;
	if (**p)
		*(*p)++ = '\0';
	return word;
}

static char *last_offset(char *s)
{
	char *found = NULL;

	while ((s = strstr(s, "+0x")))
		found = s++;
	return found;
}

/* SYMBOL+0xOFF FILE:LINE; a symbol may hold spaces. */
static void parse_symbol(struct private *p, char *s, struct frame *f)
{
	char *plus = last_offset(s), *rest, *colon;

	if (!plus) {
		rest = s;
		s = next_word(&rest);
	} else {
		*plus = '\0';
		rest = plus + 1;
		f->offset = strtoull(next_word(&rest), NULL, 16);
	}
	if (*s && strcmp(s, "-") != 0)
		f->symbol = f->raw = arena_clean(&p->arena, s, strlen(s));
	colon = strrchr(rest, ':');
	if (colon && colon != rest) {
		*colon = '\0';
		f->file = arena_clean(&p->arena, rest, strlen(rest));
		f->line = atoi(colon + 1);
	}
}

static bool parse_frame(struct model *m, char *line, struct frame *f)
{
	struct private *p = m->private;
	size_t n = strlen(line);
	char *module;

	memset(f, 0, sizeof(*f));
	if (*line != '#')
		return false;
	if (n > 8 && strcmp(line + n - 8, " inlined") == 0) {
		f->inlined = true;
		line[n - 8] = '\0';
	}
	next_word(&line);
	f->pc = strtoull(next_word(&line), NULL, 16);
	module = next_word(&line);
	f->module = named_module(m, f->pc, module);
	f->offset = f->module ? f->pc - f->module->base : 0;
	parse_symbol(p, line, f);
	f->ours = f->module && f->module->flags & KS_MODULE_SELF;
	return true;
}

const struct stack *native_parse(struct model *m, const struct block *b)
{
	struct private *p = m->private;
	struct stack *s = arena_alloc(&p->arena, sizeof(*s));
	char *text = arena_text(&p->arena, b->data, b->head.size), *next;

	s->frames = arena_alloc(&p->arena, MOST_FRAMES * sizeof(*s->frames));
	for (; text && *text && s->n < MOST_FRAMES; text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		if (strcmp(text, "cut") == 0)
			s->cut = true;
		else if (parse_frame(m, text, &s->frames[s->n]))
			s->n++;
	}
	return s->n ? s : NULL;
}

/* --- from memory --- */

static const struct stack *unwind(struct model *m)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	struct memory *memory = arena_alloc(&p->arena, (t->nblocks + 1) * sizeof(*memory));
	const struct stack *s;
	struct unwind u = {
		.regs = t->crash.regs,
		.nregs = (unsigned)t->crash.nregs,
		.pc = t->crash.pc,
		.sp = t->crash.sp,
		.fp = t->crash.fp,
		.memory = memory,
		.tid = t->crash.tid,
	};

	for (size_t i = 0; i < t->nblocks; i++) {
		const struct block *b = &t->blocks[i];

		if ((b->head.kind == KS_BLOCK_STACK || b->head.kind == KS_BLOCK_MEMORY) &&
		    b->head.size <= UINT64_MAX - b->head.address)
			memory[u.nmemory++] =
				(struct memory){ b->head.address, b->head.size, b->data };
	}
	symbols_unwind(m, &u, 1, &s);
	return s;
}

/* A fault in the recorder's own code must not look like one of its caller. */
static const struct stack *without_ours(struct model *m, const struct stack *from)
{
	struct private *p = m->private;
	struct stack *s;

	if (!from)
		return NULL;
	if (m->crash.raw->code > 0 && from->n && from->frames[0].ours) {
		for (size_t i = 0; i < from->n; i++)
			from->frames[i].ours = false;
		return from;
	}
	s = arena_alloc(&p->arena, sizeof(*s));
	s->frames = arena_alloc(&p->arena, from->n * sizeof(*s->frames));
	s->cut = from->cut;
	for (size_t i = 0; i < from->n; i++)
		if (!from->frames[i].ours)
			s->frames[s->n++] = from->frames[i];
	return s->n ? s : NULL;
}

void build_native_stack(struct model *m)
{
	const struct trace *t = private_of(m)->trace;
	const struct event *aborted;

	if (!m->crash.present)
		return;
	for (size_t i = 0; i < t->nblocks && !m->crash.stack; i++)
		if (t->blocks[i].head.kind == KS_BLOCK_NATIVE)
			m->crash.stack = without_ours(m, native_parse(m, &t->blocks[i]));
	if (m->crash.stack)
		return;
	if (!private_of(m)->plain)
		m->crash.stack = without_ours(m, unwind(m));
	aborted = model_last(m, KS_abort_call, m->crash.tid, NULL);
	if ((!m->crash.stack || m->crash.stack->n < 2) && aborted)
		m->crash.stack = aborted->stack;
}

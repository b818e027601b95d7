/* SPDX-License-Identifier: MIT */
/*
 * The asking side of symbols.h: chooses the modules that the stack can be about, starts the child
 * that walks, takes its answer as far as it came, and gives the frames their names.
 */
#include "analyzer/symbols_private.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/apart.h"
#include "analyzer/names.h"

#define MOST_ANSWER	(4u << 20)

static void want_module(const struct model *m, struct reported *r, uint64_t address)
{
	const struct module *mod = model_module_at(m, address);

	if (!mod || !mod->file_there || r->n == MOST_MODULES)
		return;
	for (size_t i = 0; i < r->n; i++)
		if (r->module[i] == mod)
			return;
	if (names_file_same(private_of(m)->names, mod))
		r->module[r->n++] = mod;
}

static void want_modules(const struct model *m, const struct unwind *u, struct reported *r)
{
	want_module(m, r, u->pc);
	for (size_t i = 0; i < u->nmemory; i++) {
		uint64_t page = 0, word;

		for (uint64_t at = 0; at + 8 <= u->memory[i].size; at += 8) {
			memcpy(&word, u->memory[i].bytes + at, 8);
			if (word >> 12 == page || word < 4096)
				continue;
			page = word >> 12;
			want_module(m, r, word);
		}
	}
	for (unsigned i = 0; i < u->nregs; i++)
		want_module(m, r, u->regs[i]);
}

static struct made_frame *add_frame(struct model *m, struct frame *to, const struct found *f,
				    const char *file, const char *name)
{
	struct private *p = m->private;
	struct made_frame *made = frame_at(m, f->pc, !f->exact, INT64_MAX);

	made->needed = true;
	*to = made->frame;
	to->inlined = f->inlined;
	if (f->inlined)
		to->offset = 0;
	to->line = f->line > 0 ? f->line : 0;
	if (f->file_size)
		to->file = arena_clean(&p->arena, file, f->file_size);
	if (f->name_size) {
		to->raw = arena_clean(&p->arena, name, f->name_size);
		to->symbol = names_demangle(p->names, to->raw, false);
	}
	return made;
}

/* All names at once; an inlined function has brought its own. */
static void name_frames(const struct stack *s, struct made_frame *const *made)
{
	for (size_t i = 0; i < s->n; i++) {
		struct frame *f = &s->frames[i];

		if (f->raw)
			continue;
		f->raw = made[i]->frame.raw;
		f->symbol = made[i]->frame.symbol;
		f->offset = made[i]->frame.offset;
	}
}

struct answer {				/* what the child wrote, and how far it was taken */
	struct text all;
	size_t at;
};

struct taken {				/* the frames of one thread */
	struct frame *frames;
	struct made_frame **made;	/* where each gets its name from */
	size_t n, room, made_room;
	bool ended, whole;		/* its mark was read; what that says */
};

static void take_frames(struct model *m, struct answer *a, struct taken *t)
{
	const size_t most = MOST_FRAMES + WITH_LINES * MOST_INLINED;

	while (a->all.n - a->at >= sizeof(struct found) && t->n < most && !t->ended) {
		struct found f;
		const char *texts;

		memcpy(&f, a->all.s + a->at, sizeof(f));
		a->at += sizeof(f);
		if (f.last) {
			t->ended = true;
			t->whole = f.line;
			return;
		}
		if ((size_t)f.file_size + f.name_size > a->all.n - a->at)
			return;
		texts = a->all.s + a->at;
		t->frames = grow(t->frames, t->n, &t->room, sizeof(*t->frames));
		t->made = grow(t->made, t->n, &t->made_room, sizeof(*t->made));
		t->made[t->n] = add_frame(m, &t->frames[t->n], &f, texts, texts + f.file_size);
		t->n++;
		a->at += (size_t)f.file_size + f.name_size;
	}
}

/* Frames with lines in the places of those without, as far as they came: of a frame and those inlined into it, all. */
static void take_lines(struct taken *t, struct taken *lines)
{
	size_t outer = 0;

	while (lines->n && lines->frames[lines->n - 1].inlined)
		lines->n--;
	for (size_t i = 0; i < lines->n; i++)
		outer += !lines->frames[i].inlined;
	for (; outer < t->n; outer++, lines->n++) {
		lines->frames = grow(lines->frames, lines->n, &lines->room, sizeof(*lines->frames));
		lines->made = grow(lines->made, lines->n, &lines->made_room, sizeof(*lines->made));
		lines->frames[lines->n] = t->frames[outer];
		lines->made[lines->n] = t->made[outer];
	}
	free(t->frames);
	free(t->made);
	t->frames = lines->frames;
	t->made = lines->made;
	t->n = lines->n;
}

static struct stack *keep_stack(struct model *m, const struct taken *t)
{
	struct private *p = m->private;
	struct stack *s = arena_alloc(&p->arena, sizeof(*s));

	s->cut = !t->whole;
	s->n = t->n;
	s->frames = arena_alloc(&p->arena, s->n * sizeof(*s->frames));
	if (s->n)
		memcpy(s->frames, t->frames, s->n * sizeof(*s->frames));
	return s;
}

static void take_all(struct model *m, struct answer *a, size_t n, const struct stack **stack)
{
	struct taken *all = xalloc(n, sizeof(*all));

	for (size_t i = 0; i < n; i++)
		take_frames(m, a, &all[i]);
	for (size_t i = 0; i < n && all[i].ended && a->at < a->all.n; i++) {
		struct taken lines = { .n = 0 };

		take_frames(m, a, &lines);
		take_lines(&all[i], &lines);
	}
	model_symbolise(m);
	for (size_t i = 0; i < n; i++) {
		stack[i] = all[i].n ? keep_stack(m, &all[i]) : NULL;
		if (stack[i])
			name_frames(stack[i], all[i].made);
		free(all[i].frames);
		free(all[i].made);
	}
	free(all);
}

struct asked {
	const struct model *m;
	const struct unwind *u;
	size_t n;
	const struct reported *r;
};

static void walk_all(void *arg, int fd)
{
	const struct asked *asked = arg;

	symbols_child(asked->m, asked->u, asked->n, asked->r, fd);
}

void symbols_unwind(struct model *m, const struct unwind *u, size_t n, const struct stack **stack)
{
	struct reported r = { .n = 0 };
	struct asked asked = { m, u, n, &r };
	struct answer a = { .at = 0 };

	memset(stack, 0, n * sizeof(*stack));
	for (size_t i = 0; i < n; i++)
		want_modules(m, &u[i], &r);
	if (!n)
		return;
	apart(walk_all, &asked, MILLISECONDS, MOST_MEMORY, MOST_ANSWER, &a.all);
	take_all(m, &a, n, stack);
	text_free(&a.all);
}

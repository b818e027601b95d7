/* SPDX-License-Identifier: MIT */
/*
 * Texts and frames of the model, each made once. A frame is made with its module alone; names come
 * later and for all at once (model_symbolise), since a pass over the symbols of a large library
 * costs the same for one address as for a hundred.
 */
#include "analyzer/model_private.h"

#include <stdlib.h>

#include "analyzer/names.h"

/* --- texts --- */

static size_t spread(uint64_t v)
{
	v *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: Knuth, The Art of Computer Programming
				     3, 6.4 */
	return (size_t)(v >> 20);
}

static void texts_grow(struct private *p)
{
	struct cached_text *old = p->texts;
	size_t room = p->text_room;

	p->text_room = room ? room * 2 : 1024;
	p->texts = xalloc(p->text_room, sizeof(*p->texts));
	for (size_t i = 0; i < room; i++) {
		size_t at = spread(old[i].reference) & (p->text_room - 1);

		if (!old[i].reference)
			continue;
		while (p->texts[at].reference)
			at = (at + 1) & (p->text_room - 1);
		p->texts[at] = old[i];
	}
	free(old);
}

const char *model_text(struct model *m, uint64_t reference)
{
	struct private *p = m->private;
	const char *data;
	size_t size, at;

	if (!reference)
		return NULL;
	if (p->ntexts * 2 >= p->text_room)
		texts_grow(p);
	for (at = spread(reference) & (p->text_room - 1); p->texts[at].reference;
	     at = (at + 1) & (p->text_room - 1))
		if (p->texts[at].reference == reference)
			return p->texts[at].text;
	data = trace_string(p->trace, reference, KS_STRING_TEXT, &size);
	p->texts[at].reference = reference;
	p->texts[at].text = data ? arena_clean(&p->arena, data, size) : NULL;
	p->ntexts++;
	return p->texts[at].text;
}

/* --- frames --- */

static size_t frame_place(const struct private *p, uint64_t pc, const struct module *module,
			  bool return_address)
{
	size_t at = spread(pc) & (p->frame_room - 1);

	for (; p->frames[at]; at = (at + 1) & (p->frame_room - 1)) {
		const struct made_frame *f = p->frames[at];

		if (f->frame.pc == pc && f->module == module && f->return_address == return_address)
			break;
	}
	return at;
}

static void frames_grow(struct private *p)
{
	struct made_frame **old = p->frames;
	size_t room = p->frame_room;

	p->frame_room = room ? room * 2 : 1024;
	p->frames = xalloc(p->frame_room, sizeof(*p->frames));
	for (size_t i = 0; i < room; i++)
		if (old[i])
			p->frames[frame_place(p, old[i]->frame.pc, old[i]->module,
					      old[i]->return_address)] = old[i];
	free(old);
}

struct made_frame *frame_at(const struct model *m, uint64_t pc, bool return_address, int64_t time)
{
	struct private *p = m->private;
	const struct module *module = module_at_time(m, return_address && pc ? pc - 1 : pc, time);
	struct made_frame *f;
	size_t at;

	if (p->nframes * 2 >= p->frame_room)
		frames_grow(p);
	at = frame_place(p, pc, module, return_address);
	if (p->frames[at])
		return p->frames[at];
	f = arena_alloc(&p->arena, sizeof(*f));
	f->frame.pc = pc;
	f->frame.module = f->module = module;
	f->frame.offset = module ? pc - module->base : 0;
	f->frame.ours = module && module->flags & KS_MODULE_SELF;
	f->return_address = return_address;
	p->frames[at] = f;
	p->nframes++;
	return f;
}

void model_symbolise(struct model *m)
{
	struct private *p = m->private;
	struct wanted *wanted = xalloc(p->nframes, sizeof(*wanted));
	size_t n = 0;

	for (size_t i = 0; i < p->frame_room; i++) {
		struct made_frame *f = p->frames[i];

		if (!f || !f->needed || f->asked || !f->module)
			continue;
		f->asked = true;
		wanted[n++] = (struct wanted){ &f->frame, f->return_address };
	}
	names_frames(p->names, wanted, n);
	free(wanted);
}

const struct frame *model_frame(const struct model *m, uint64_t address, bool return_address)
{
	struct private *p = m->private;
	struct made_frame *f = frame_at(m, address, return_address, INT64_MAX);

	if (!f->asked && f->module)
		names_frames(p->names, &(struct wanted){ &f->frame, return_address }, 1);
	f->asked = true;
	return &f->frame;
}

const struct stack *model_stack(struct model *m, const uint64_t *pcs, size_t n, int64_t time,
				bool needed)
{
	struct private *p = m->private;
	struct stack *s = arena_alloc(&p->arena, sizeof(*s));

	s->frames = arena_alloc(&p->arena, n * sizeof(*s->frames));
	for (size_t i = 0; i < n; i++) {
		struct made_frame *f = pcs[i] ? frame_at(m, pcs[i], true, time) : NULL;

		if (!f || f->frame.ours)
			continue;
		f->needed |= needed;
		s->frames[s->n++] = f->frame;
	}
	return s;
}

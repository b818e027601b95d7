/* SPDX-License-Identifier: MIT */
/* Between the files that build the model (model.c, modules.c, loads.c, crash.c, ending.c). Rules and reports never see this. */
#ifndef MODEL_PRIVATE_H
#define MODEL_PRIVATE_H

#include "analyzer/events.h"
#include "analyzer/model.h"
#include "analyzer/text.h"
#include "analyzer/trace.h"

struct made_frame {
	struct frame frame;
	const struct module *module;
	bool return_address;
	bool needed;			/* somebody will look at its symbol */
	bool asked;			/* symbols.c has said what it knows */
};

struct cached_text {
	uint64_t reference;		/* 0: free */
	const char *text;
};

struct events_of {			/* all events of one number, by time */
	const struct event **event;
	size_t n;
};

struct private {
	struct trace *trace;
	bool plain;			/* look at no file but the trace */
	struct arena arena;
	struct names *names;
	struct module **by_start;	/* modules.c: its index by address */
	uint64_t *reach;
	struct events_of of[KS_EVENT_MAX + 1];
	struct made_frame **frames;	/* open addressing, a power of two */
	size_t nframes, frame_room;
	struct cached_text *texts;
	size_t ntexts, text_room;
};

static inline struct private *private_of(const struct model *m)
{
	return m->private;
}

/* model.c */
const char *model_text(struct model *m, uint64_t reference);	/* cleaned; NULL: none. Made once for each */
/* A stack of return addresses; needed: its symbols will be looked at. */
const struct stack *model_stack(struct model *m, const uint64_t *pcs, size_t n, int64_t time, bool needed);
struct made_frame *frame_at(const struct model *m, uint64_t pc, bool return_address, int64_t time);	/* module only */
void model_symbolise(struct model *m);	/* all frames that are needed and were not asked for yet */

void build_modules(struct model *m);		/* modules.c */
const struct module *module_at_time(const struct model *m, uint64_t address, int64_t time);
void build_threads(struct model *m);		/* threads.c */
void build_loads(struct model *m);		/* loads.c */
void build_running_loads(struct model *m);	/* after the native stack */
void build_checkpoints(struct model *m);	/* memory.c */
void build_witnesses(struct model *m);
void build_own_look(struct model *m);		/* witness.c; after facts and the crash */
void build_gpu(struct model *m);
void build_output(struct model *m);		/* output.c */
void build_crash(struct model *m);		/* crash.c; after modules, threads */
void build_maps(struct model *m);		/* maps.c; before build_modules */
void build_mapped_modules(struct model *m, size_t *room);	/* mapped.c: adds those that only the maps know */
void build_native_stack(struct model *m);	/* native.c */
const struct stack *native_parse(struct model *m, const struct block *b);	/* a KS_BLOCK_NATIVE; NULL */
void build_thread_stacks(struct model *m);	/* stacks.c: of the other threads */
void build_waits(struct model *m);		/* waits.c; after the names of their frames are known */
void build_ending(struct model *m);		/* ending.c; last */

#endif

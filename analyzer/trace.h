/* SPDX-License-Identifier: MIT */
/*
 * A trace file, opened and validated once.
 *
 * Every offset, size and count in the file is a stranger's: trace_open() checks them all, and
 * what comes after (decode, model, rules, report) needs no checks of its own. What is wrong is
 * listed as damage and left out; only a file that is no trace at all is an error. The file is
 * read into memory, so that it may be written to, cut off or removed while we look.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "analyzer/text.h"
#include "shim/format.h"

struct slot {				/* an event as it stands in the file */
	uint64_t offset;		/* in the file */
	uint64_t time;			/* clock ticks */
	uint32_t tid, load;
	uint16_t event;			/* any number: it may be newer than we are */
	uint16_t nfields;
	uint64_t field[KS_MAX_FIELDS];
};

struct trace_module	{ uint64_t offset; struct ks_module raw; };
struct trace_thread	{ uint64_t offset; struct ks_thread raw; };
struct trace_checkpoint	{ uint64_t offset; struct ks_checkpoint raw; };

struct block {
	uint64_t offset;		/* of its head */
	struct ks_block head;		/* head.size is what is really there */
	const char *data;		/* not aligned */
};

struct trace_damage {
	uint64_t offset;
	const char *text;
};

struct live;

struct trace {
	const char *path;
	const char *bytes;
	uint64_t size;
	struct ks_header header;	/* what an older recorder did not write is 0 */
	struct ks_region *regions;
	unsigned nregions;		/* within the file, none overlaps another */

	struct slot *slots;		/* as they stand in the file, not by time */
	struct trace_module *modules;
	struct trace_thread *threads;
	struct trace_checkpoint *checkpoints;
	struct block *blocks;
	size_t nslots, nmodules, nthreads, ncheckpoints, nblocks;
	size_t slot_room, module_room, thread_room, checkpoint_room, block_room;
	uint64_t torn;			/* slots that were being written, or were overwritten */

	struct ks_crash crash;
	uint64_t crash_offset;		/* 0: the file has no crash area */
	char *output;			/* the tail of fd 2, in order; NULL: none */
	size_t output_size;
	uint64_t output_offset, output_total;	/* total: bytes ever written */

	struct live *live;		/* its process was looked at just now (live.h); NULL: a recording alone */
	struct trace_damage *damage;
	size_t ndamage, damage_room;
	struct arena arena;
};

/* NULL and a reason (one line, valid for ever) where it is no trace. */
struct trace *trace_open(const char *path, const char **why);
/* The same from memory, for tests; bytes must outlive the trace. */
struct trace *trace_from_memory(const char *path, const char *bytes, uint64_t size, const char **why);
void trace_close(struct trace *t);

/*
 * The header alone, quickly, of a file in an open directory; false and a reason where it is no trace.
 * regular: the directory says that it is a regular file.
 */
bool trace_peek(int dir, const char *name, bool regular, struct ks_header *header, const char **why);

/* Data of a string of that kind (0: any); NULL where the reference leads nowhere. Not aligned. */
const char *trace_string(const struct trace *t, uint64_t reference, unsigned kind, size_t *size);

#endif

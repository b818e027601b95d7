/* SPDX-License-Identifier: MIT */
/*
 * Between unwind.c, which asks, and symbols.c, which answers from a child process through a pipe:
 * a row of struct found, each followed by its two texts. First the frames of all threads; then those
 * of the first few once more, with lines and inlined functions: only for these are files read whose
 * size and time nobody knows, so that what comes before is there whatever becomes of that.
 */
#ifndef SYMBOLS_PRIVATE_H
#define SYMBOLS_PRIVATE_H

#include "analyzer/symbols.h"

#define MOST_FRAMES	256
#define WITH_LINES	64		/* frames whose source is looked for */
#define THREADS_WITH_LINES	4
#define MOST_INLINED	16		/* at one address */
#define MOST_MODULES	512
#define MILLISECONDS	2000		/* that the child may take, and */
#define MOST_MEMORY	(1u << 30)

/* What the child says of one frame; the two texts follow. */
struct found {
	uint64_t pc;
	int32_t line;
	uint16_t file_size, name_size;
	uint8_t inlined, exact;		/* exact: pc is no return address */
	uint8_t last;			/* no frame: the walk is over; line 1: it came to the thread's begin */
	uint8_t pad;
};

struct reported {			/* modules that an address on the stack points into */
	const struct module *module[MOST_MODULES];
	size_t n;
};

/* In the child: walks one thread after the other, and writes what it finds to the pipe. */
void symbols_child(const struct model *m, const struct unwind *u, size_t n, const struct reported *r, int to);

#endif

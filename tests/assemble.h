/* SPDX-License-Identifier: MIT */
/*
 * Makes a trace from text, so that traces in git are readable. The syntax is that of --dump
 * (analyzer/decode.h), so that a report of a bug becomes a test by copy. For short cases:
 *
 *	a time left out is one millisecond behind the one before
 *	a tid left out is the pid (header pid=…, else 4711)
 *	a module without base= gets a place of its own: the n-th, counted from 0, at 0x7f0000000000 + n * 0x1000000
 *	a crash_area without state= is done; a checkpoint's numbers that are left out are not known
 */
#ifndef ASSEMBLE_H
#define ASSEMBLE_H

#include <stddef.h>

#define MODULE_BASE(n)	(0x7f0000000000ull + (n) * 0x1000000ull)

struct image {
	char *bytes;
	size_t size;
};

/* NULL, or what is wrong and in which line (a static text). Free image->bytes. */
const char *assemble(const char *text, struct image *image);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * How the loader looks for what a file is linked with (ld.so(8)), done with the files as they are now.
 * They are a stranger's: elf.h reads them with bounds, and only so much of each is taken.
 */
#ifndef ANALYZER_SEARCH_H
#define ANALYZER_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/text.h"

#define MOST_NEEDED	64

struct file_needs {			/* of one file: its DT_NEEDED, DT_RPATH, DT_RUNPATH; NULL: none */
	const char *name[MOST_NEEDED], *rpath, *runpath;
	size_t n;
	unsigned machine;		/* EM_* */
};

/* The folders that are searched last, as a list. */
extern const char search_system[];

bool search_needs(struct arena *arena, const char *path, struct file_needs *needs);
/*
 * The next file of that name in a list of folders, which goes on behind it; NULL: no more. $ORIGIN is the folder of
 * origin; *folder: which it was. A folder that is named from where the process stood is left out: where that was then
 * is not where we stand.
 */
const char *search_next(struct arena *arena, const char **list, const char *origin, const char *name, const char **folder);

#endif

/* SPDX-License-Identifier: MIT */
/* The traces of a directory, as far as their headers tell, and which of them is meant. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include "analyzer/text.h"
#include "shim/format.h"

struct entry {
	const char *path;
	struct ks_header head;
	bool alive;			/* its process runs */
	bool kernel;
	bool bad;			/* by its header: a signal, a bad status, a crash, or no end at all */
	bool child;			/* its parent is recorded here too, or it was forked from one */
	int64_t ended;			/* realtime, ns: its end, or its last sign of life */
};

struct folder {
	const char *path;
	struct entry *entry;		/* the newest end first */
	size_t n, room;
	struct arena arena;
};

const char *folder_default(struct arena *a);		/* KSHIM_DIR, or where the recorder puts them; NULL: no home */
bool folder_read(struct folder *f, const char *path);	/* false: no such directory */
void folder_free(struct folder *f);

/* The one that a report is about, and why, in *note; NULL: there is none but helpers, and workers that were ended as they should be. */
const struct entry *folder_choose(struct folder *f, const char **note);
/* The trace of a process: the one that runs, else the newest; NULL. */
const struct entry *folder_process(const struct folder *f, uint32_t pid);
/* A child of this process that ended badly before it did; after: continue behind it. NULL. */
const struct entry *folder_child(const struct folder *f, const struct ks_header *parent, const struct entry *after);

#endif

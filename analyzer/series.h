/* SPDX-License-Identifier: MIT */
/*
 * The deaths of one kernel, one soon after the other: a server starts it again after each (jupyter_client's restarter
 * gives up after five at its start). They are one story, with one cause or with several.
 */
#ifndef SERIES_H
#define SERIES_H

#include <cjson/cJSON.h>

#include "analyzer/folder.h"
#include "analyzer/model.h"
#include "analyzer/rule.h"
#include "analyzer/text.h"

#define SERIES_MOST	8	/* whose traces are opened */

struct life {
	const char *path, *cause, *title, *ending;
	uint32_t pid;
	int64_t started, ended;
	char fingerprint[24];
	bool same;		/* its verdict is that of the death that is reported */
};

struct series {
	struct life life[SERIES_MOST];	/* before it, the newest first */
	size_t n;
	bool all_same;
	struct arena arena;
};

/* The deaths just before this one, of the same kernel (its connection file); n is 0 where there are none. */
void series_find(struct series *s, const struct folder *f, const struct model *m, const struct verdict *v);
void series_free(struct series *s);
/* For people: one or two sentences; NULL: none. */
const char *series_words(const struct series *s, const struct model *m, struct arena *a);
/* For programs: the member "earlier". */
void series_json(cJSON *root, const struct series *s);

#endif

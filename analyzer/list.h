/* SPDX-License-Identifier: MIT */
/* --list: one line for each recording, the newest first. */
#ifndef LIST_H
#define LIST_H

#include <stdio.h>
#include "analyzer/folder.h"
#include "analyzer/report.h"

struct list_way {
	struct look look;
	bool lines;			/* JSON, an object a line (kshim-analyze(1)) */
	int64_t begun_ms;		/* list_clock() when the program began */
	bool all;			/* look into every trace, however long it takes */
};

int64_t list_clock(void);
void list(const struct folder *f, const struct list_way *way, FILE *out);

#endif

/* SPDX-License-Identifier: MIT */
/* Which file of a failed load it was that needed the missing one: the loader does not tell. */
#ifndef RULES_NEEDED_H
#define RULES_NEEDED_H

#include "analyzer/proof.h"

struct needer {
	const char *path;	/* the file whose DT_NEEDED names what is missing */
	const char *entry;	/* the folder of LD_LIBRARY_PATH that it was found by; NULL */
	bool direct;		/* it is the file that was asked for */
};

/* Looks through the files that wanted needs, as they are now; false: not found. */
bool find_needer(const struct model *m, struct arena *arena, const char *wanted, const char *missing, struct needer *found);

#endif

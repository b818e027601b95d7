/* SPDX-License-Identifier: MIT */
/* Shared by the rules about loading: analyzer/rules/load.c and loadfile.c. */
#ifndef RULES_LOAD_H
#define RULES_LOAD_H

#include "analyzer/proof.h"

/* The linked failed load, where its words mean this; fills the finding. NULL otherwise. */
const struct bad_load *load_fault(struct finding *f, enum loader_fault fault);
/* Cites the load and what links it to the end, and says both. */
void load_tell(const struct model *m, struct finding *f);
/* The processor that the file which was looked at is for, where it is not this one; NULL. */
const char *load_other_machine(const struct model *m, const struct finding *f);
/* What the program asked for: the argument of dlopen. */
const char *load_wanted(const struct finding *f);

#endif

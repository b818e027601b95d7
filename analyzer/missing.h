/* SPDX-License-Identifier: MIT */
/* Modules that Python did not find, and packages that lack files of their own. Called by rules. */
#ifndef ANALYZER_MISSING_H
#define ANALYZER_MISSING_H

#include "analyzer/proof.h"

/* The module that the end is about, as Python named it; NULL: it is not about a missing one. */
const char *missing_module(const struct model *m, struct arena *arena, const struct py_error *e);
/* Title, explanation and fix of a module that was not found. */
void missing_tell(const struct model *m, struct finding *f, const char *name);

/* What brings a well-known module, by missing.def: "scikit-learn" for "sklearn"; NULL: not there. */
const char *package_of_module(const char *module);

struct incomplete {
	const char *package, *file;	/* its name; the first file of its list that is not there */
	unsigned listed, missing;
};

/* A package that the exception names, or that raised it, lacks files of its own list, as it is now. */
bool package_incomplete(const struct model *m, struct arena *arena, const struct py_error *e, struct incomplete *found);
void incomplete_tell(const struct model *m, struct finding *f, const struct incomplete *found);

#endif

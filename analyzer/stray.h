/* SPDX-License-Identifier: MIT */
/* A library of LD_LIBRARY_PATH that stands before the one that a file was built with. */
#ifndef ANALYZER_STRAY_H
#define ANALYZER_STRAY_H

#include "analyzer/proof.h"

/* The library that file needs by name, that LD_LIBRARY_PATH leads to, and that does not define the symbol, while *own does; NULL. */
const char *stray_library(const struct model *m, struct arena *arena, const char *file, const char *symbol, const char **own);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the packages of a folder (site-packages) list as their files: NAME-VERSION.dist-info/RECORD (PEP 376, 627).
 * site ends with a slash; paths in RECORD begin behind it.
 */
#ifndef ANALYZER_RECORD_H
#define ANALYZER_RECORD_H

#include <stdbool.h>

#include "analyzer/text.h"

/* dist: "numpy-1.26.4.dist-info"; record is the callee's to change. true: that was it. */
typedef bool record_look(void *arg, const char *dist, char *record);
/*
 * Each one in turn, until look() says so; true: it did. Those of packages that are named as top begins (up to its first
 * '/' or '.') come first: mostly a package's folder has its name.
 */
bool records_each(struct arena *arena, const char *site, const char *top, record_look *look, void *arg);
/* The package that lists this file; NULL: none. A second question costs one look at the folder's time. */
const char *record_owner(struct arena *arena, const char *site, const char *file);

#endif

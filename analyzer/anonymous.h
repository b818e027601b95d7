/* SPDX-License-Identifier: MIT */
/* Texts for a public tracker: without names of users, machines, folders and values of variables. */
#ifndef ANONYMOUS_H
#define ANONYMOUS_H

#include "analyzer/model.h"
#include "analyzer/text.h"

/*
 * A copy of text in which every recorded value of a variable has become $NAME, a path only what is
 * known everywhere (the part from site-packages on, the system's folders, else the last part), and
 * the names of the user and of the machine are gone.
 */
const char *anonymous(const struct model *m, struct arena *arena, const char *text);

#endif

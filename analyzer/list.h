/* SPDX-License-Identifier: MIT */
/* --list: one line for each recording, the newest first. */
#ifndef LIST_H
#define LIST_H

#include <stdio.h>
#include "analyzer/folder.h"
#include "analyzer/report.h"

void list(const struct folder *f, struct look look, FILE *out);

#endif

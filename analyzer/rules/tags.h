/* SPDX-License-Identifier: MIT */
/* An extension module that is there, built for another interpreter than the one that looks for it. */
#ifndef RULES_TAGS_H
#define RULES_TAGS_H

#include "analyzer/rule.h"

struct made_for {
	const char *module;	/* as Python says it: "kiwisolver._cext" */
	const char *path;	/* the file that is there */
	const char *platform;	/* that it was built for, where it is another one: "Linux on aarch64"; NULL */
	const char *python;	/* the version, where it is another one: "3.11"; NULL */
};

/* The module that the exception could not find; false: no such file is there, or one that fits is. */
bool made_for_another(const struct model *m, struct finding *f, struct made_for *made);
/* What was installed for somebody else, and how to install it for this one. */
void explain_made_for(const struct model *m, struct finding *f, const struct made_for *made);

#endif

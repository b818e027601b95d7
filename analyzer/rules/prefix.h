/* SPDX-License-Identifier: MIT */
/* Which installation a loaded file comes from, and how this process was led there. */
#ifndef RULES_PREFIX_H
#define RULES_PREFIX_H

#include "analyzer/proof.h"

struct stray {				/* a package of another installation, of the same Python version */
	const struct module *module;	/* one of its files that was loaded */
	const char *site, *package;	/* its folder of packages, and its import name there */
	const char *version;		/* of the stray copy, NULL: not known */
	const char *own, *own_version;	/* the copy of this environment that it hides, NULL: none */
	const char *way;		/* what leads there, in words */
	const char *variable;		/* the variable among them, NULL */
};

/* The stray package that the exception speaks of; false: none. */
bool stray_package(const struct model *m, struct finding *f, struct stray *s);

#endif

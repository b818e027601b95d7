/* SPDX-License-Identifier: MIT */
/*
 * Addresses to the names of functions, from the symbol tables of the modules' files.
 *
 * The files of the modules are strangers' too, and may have been replaced since: one is believed
 * only where its build-id is the recorded one (or, without a build-id, its inode, size and time).
 * Nothing is read that no address asks for; all of it is bounded in time and size.
 */
#ifndef NAMES_H
#define NAMES_H

#include "analyzer/model.h"
#include "analyzer/text.h"

struct names;
struct names *names_new(struct arena *arena, unsigned arch);
void names_free(struct names *s);

struct wanted {
	struct frame *frame;		/* pc and module are set; symbol, raw, offset get filled in */
	bool return_address;		/* pc lies behind the call */
};
void names_frames(struct names *s, struct wanted *wanted, size_t n);

/* Is the file of the module as it was when it was loaded? Looked at once. */
bool names_file_same(struct names *s, const struct module *module);
/* As model_exports. */
int names_export(struct names *s, const struct module *module, const char *name);
/* A C++ name made readable, or the name itself; a type's name (St9bad_alloc) with type set. */
const char *names_demangle(struct names *s, const char *name, bool type);

#endif

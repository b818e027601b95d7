/* SPDX-License-Identifier: MIT */
/*
 * dlerror names the file that was not found and the one that was asked for; between them there may
 * be others. They are followed as the loader does; only so many are looked at.
 */
#include "analyzer/rules/needed.h"

#include <string.h>

#include "analyzer/search.h"

#define MOST_FILES	64

struct file {
	const char *path, *entry;
};

struct walk {
	const struct model *m;
	struct arena *arena;
	struct file files[MOST_FILES];
	size_t n;
};

static const char *in_list(struct arena *arena, const char *list, const char *origin, const char *name, const char **folder)
{
	return search_next(arena, &list, origin, name, folder);
}

/* By DT_RPATH, LD_LIBRARY_PATH (*entry: the folder of it), DT_RUNPATH, then among the system's. */
static const char *find_file(const struct walk *w, const struct file_needs *needs, const char *by, const char *name,
			     const char **entry)
{
	const char *folder, *path = needs->runpath ? NULL : in_list(w->arena, needs->rpath, by, name, &folder);

	*entry = NULL;
	if (!path && (path = in_list(w->arena, model_env(w->m, "LD_LIBRARY_PATH"), by, name, &folder)))
		*entry = folder;
	if (!path)
		path = in_list(w->arena, needs->runpath, by, name, &folder);
	return path ? path : in_list(w->arena, search_system, by, name, &folder);
}

static void add_file(struct walk *w, const char *path, const char *entry)
{
	for (size_t i = 0; path && i < w->n; i++) {
		if (strcmp(w->files[i].path, path) == 0)
			return;
	}
	if (path && w->n < MOST_FILES)
		w->files[w->n++] = (struct file){ path, entry };
}

bool find_needer(const struct model *m, struct arena *arena, const char *wanted, const char *missing, struct needer *found)
{
	struct walk w = { .m = m, .arena = arena };

	if (*wanted != '/')
		return false;
	add_file(&w, wanted, NULL);
	for (size_t i = 0; i < w.n; i++) {
		struct file_needs needs;

		if (!search_needs(arena, w.files[i].path, &needs))
			continue;
		for (size_t k = 0; k < needs.n; k++) {
			const char *entry, *path;

			if (strcmp(needs.name[k], missing) == 0) {
				*found = (struct needer){ w.files[i].path, w.files[i].entry, i == 0 };
				return true;
			}
			path = find_file(&w, &needs, w.files[i].path, needs.name[k], &entry);
			add_file(&w, path, entry);
		}
	}
	return false;
}

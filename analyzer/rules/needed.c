/* SPDX-License-Identifier: MIT */
/*
 * dlerror names the file that was not found and the one that was asked for; between them there may
 * be others. They are followed as the loader does (ld.so(8)): DT_NEEDED, found by DT_RPATH,
 * LD_LIBRARY_PATH, DT_RUNPATH with $ORIGIN, then the system's folders.
 *
 * The files are a stranger's: elf.h reads them with bounds, and only so many are looked at.
 */
#include "analyzer/rules/needed.h"

#include <string.h>
#include <sys/stat.h>

#include "analyzer/elf.h"
#include "analyzer/reach.h"

#define MOST_FILES	64
#define MOST_NEEDED	64
#define MOST_DYNAMIC	512

struct file {
	const char *path, *entry;
};

struct walk {
	const struct model *m;
	struct arena *arena;
	const char *missing;
	struct file files[MOST_FILES];
	size_t n;
};

struct needs {				/* of one file */
	const char *name[MOST_NEEDED], *rpath, *runpath;
	size_t n;
};

static const char *string_at(struct arena *arena, const struct elf *e, const Elf64_Shdr *strings, uint64_t offset)
{
	char text[1024];

	if (offset >= UINT32_MAX || !elf_string(e, strings, (uint32_t)offset, text, sizeof(text)))
		return NULL;
	return arena_text(arena, text, strlen(text));
}

static bool read_needs(struct arena *arena, const char *path, struct needs *needs)
{
	const Elf64_Shdr *dynamic;
	Elf64_Dyn d;
	struct elf e;

	memset(needs, 0, sizeof(*needs));
	if (!elf_open(&e, path))
		return false;
	dynamic = elf_section(&e, SHT_DYNAMIC);
	for (uint64_t i = 0; dynamic && dynamic->sh_link < e.nsections && i < MOST_DYNAMIC; i++) {
		const char *text;

		if (i >= dynamic->sh_size / sizeof(d) || !elf_read(&e, dynamic->sh_offset + i * sizeof(d), &d, sizeof(d)) ||
		    d.d_tag == DT_NULL)
			break;
		if (d.d_tag != DT_RPATH && d.d_tag != DT_RUNPATH && d.d_tag != DT_NEEDED)
			continue;
		text = string_at(arena, &e, &e.sections[dynamic->sh_link], d.d_un.d_val);
		if (d.d_tag == DT_RPATH)
			needs->rpath = text;
		else if (d.d_tag == DT_RUNPATH)
			needs->runpath = text;
		else if (text && needs->n < MOST_NEEDED)
			needs->name[needs->n++] = text;
	}
	elf_close(&e);
	return true;
}

/* In a list of folders, $ORIGIN being that of origin; *folder: which. */
static const char *in_list(struct arena *arena, const char *list, const char *origin, const char *name, const char **folder)
{
	const char *slash = strrchr(origin, '/');

	while (list && *list) {
		size_t n = strcspn(list, ":;"), skip = strncmp(list, "$ORIGIN", 7) == 0 ? 7 : strncmp(list, "${ORIGIN}", 9) == 0 ? 9 : 0;
		const char *path;

		*folder = arena_text(arena, list + (skip < n ? skip : n), n - (skip < n ? skip : n));
		if (skip && slash)
			*folder = arena_printf(arena, "%.*s%s", (int)(slash - origin), origin, *folder);
		path = arena_printf(arena, "%s/%s", *folder, name);
		if (n && reach_is_file(path))
			return path;
		list += n + (list[n] != '\0');
	}
	*folder = NULL;
	return NULL;
}

static const char *find_file(const struct walk *w, const struct needs *needs, const char *by, const char *name, const char **entry)
{
	static const char system[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
				     "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib";
	const char *folder, *path = needs->runpath ? NULL : in_list(w->arena, needs->rpath, by, name, &folder);

	*entry = NULL;
	if (!path && (path = in_list(w->arena, model_env(w->m, "LD_LIBRARY_PATH"), by, name, &folder)))
		*entry = folder;
	if (!path)
		path = in_list(w->arena, needs->runpath, by, name, &folder);
	return path ? path : in_list(w->arena, system, by, name, &folder);
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
	struct walk w = { .m = m, .arena = arena, .missing = missing };

	if (*wanted != '/')
		return false;
	add_file(&w, wanted, NULL);
	for (size_t i = 0; i < w.n; i++) {
		struct needs needs;

		if (!read_needs(arena, w.files[i].path, &needs))
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

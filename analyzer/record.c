/* SPDX-License-Identifier: MIT */
/* See record.h. Paths come from the trace: only regular files are opened, and only read (design.md 8). */
#include "analyzer/record.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/proof.h"
#include "analyzer/reach.h"

#define MAX_RECORD	(8u << 20)
#define MAX_DISTS	4000
#define ANSWERS		16		/* that are kept */

static bool is_dist(const char *name)
{
	const char *end = strstr(name, ".dist-info");

	return end && !end[10];
}

bool records_each(struct arena *arena, const char *site, const char *top, record_look *look, void *arg)
{
	const size_t n = strcspn(top, "/.");
	bool found = false;

	for (int alike = 1; alike >= 0 && !found; alike--) {
		DIR *dir = reach_dir(site);
		struct dirent *e;
		int seen = 0;

		while (dir && !found && seen < MAX_DISTS && (e = readdir(dir))) {
			char *record;

			reach_comes_on();
			if (!is_dist(e->d_name))
				continue;
			seen++;
			if ((strncasecmp(e->d_name, top, n) == 0) != alike)
				continue;
			record = read_regular(arena_printf(arena, "%s%s/RECORD", site, e->d_name), MAX_RECORD);
			found = record && look(arg, e->d_name, record);
			free(record);
		}
		if (dir)
			reach_dir_close(dir);
	}
	return found;
}

/* --- whose file is it? --- */

struct question {
	struct arena *arena;
	const char *file, *owner;
};

/* A line of RECORD is "path,hash,size"; a path with a comma in it is quoted and not looked for. */
static bool record_holds(const char *record, const char *file)
{
	size_t n = strlen(file);

	for (const char *p = record; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, file, n) == 0 && p[n] == ',')
			return true;
	}
	return false;
}

/* The part of the name before the version: "numpy-1.26.4.dist-info". */
static const char *dist_name(struct arena *arena, const char *entry)
{
	char *name = arena_text(arena, entry, strcspn(entry, "-"));

	for (char *p = name; *p; p++) {
		if (*p == '_')
			*p = '-';
	}
	return name;
}

static bool look_for(void *arg, const char *dist, char *record)
{
	struct question *q = arg;

	if (!record_holds(record, q->file))
		return false;
	q->owner = dist_name(q->arena, dist);
	return true;
}

const char *record_owner(struct arena *arena, const char *site, const char *file)
{
	static struct answer {
		char *site, *file, *owner;
		struct timespec changed;
	} answers[ANSWERS], *a;
	static unsigned next;
	struct question q = { .arena = arena, .file = file };
	struct stat st;

	if (reach_stat(site, &st) < 0)
		return NULL;
	for (a = answers; a < answers + ANSWERS; a++) {
		if (a->site && strcmp(a->site, site) == 0 && strcmp(a->file, file) == 0 &&
		    memcmp(&a->changed, &st.st_mtim, sizeof(a->changed)) == 0)
			return a->owner ? arena_text(arena, a->owner, strlen(a->owner)) : NULL;
	}
	records_each(arena, site, file, look_for, &q);
	a = &answers[next++ % ANSWERS];
	free(a->site), free(a->file), free(a->owner);
	*a = (struct answer){ strdup(site), strdup(file), q.owner ? strdup(q.owner) : NULL, st.st_mtim };
	if (!a->file) {
		free(a->site);
		a->site = NULL;
	}
	return q.owner;
}

/* SPDX-License-Identifier: MIT */
/*
 * Modules that the recorder had not seen when the process died: it looks at the loader's list
 * after a dlopen has returned, and this one never did (a constructor crashed, the loader itself).
 * The maps at the crash have them: each ELF file with executable pages that no module covers.
 */
#include "analyzer/model_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/elf.h"
#include "analyzer/live.h"
#include "analyzer/reach.h"

#define MOST_MAPPED	512

/* The program itself, of a process that was never recorded. */
static bool is_program(const struct model *m, const struct mapping *map)
{
	const struct live *live = model_live(m);

	return live && live->exe && map->perms[2] == 'x' && strcmp(map->path, live->exe) == 0;
}

static bool is_library(const struct mapping *map)
{
	const char *name = strrchr(map->path, '/'), *so;

	if (map->path[0] != '/' || map->perms[2] != 'x' || !map->inode || !name)
		return false;
	so = strstr(name, ".so");
	return so && (so[3] == '\0' || so[3] == '.');
}

/* Seen by nobody before the end: later than all others. */
static int64_t latest(const struct model *m)
{
	int64_t time = 0;

	for (size_t i = 0; i < m->nmodules; i++) {
		if (m->modules[i].load_time > time)
			time = m->modules[i].load_time;
	}
	return time;
}

static bool covered(const struct model *m, uint64_t address)
{
	for (size_t i = 0; i < m->nmodules; i++) {
		if (address >= m->modules[i].start && address < m->modules[i].end &&
		    m->modules[i].unload_time < 0)
			return true;
	}
	return false;
}

/* All mappings of one file around this one are one module; its file must still be that inode. */
/* By which its debug information is found, where there is some. */
static void read_build_id(struct module *mod)
{
	uint8_t id[20];
	struct elf e;
	size_t n;

	if (!elf_open(&e, mod->path))
		return;
	n = elf_build_id(&e, id, sizeof(id));
	for (size_t i = 0; i < n; i++)
		snprintf(mod->build_id + 2 * i, 3, "%02x", id[i]);
	elf_close(&e);
}

static void fill(struct model *m, struct module *mod, const struct mapping *map)
{
	const struct mapping *first = map, *last = map;
	const char *slash = strrchr(map->path, '/');
	struct stat st;

	while (first > m->maps && strcmp(first[-1].path, map->path) == 0)
		first--;
	while (last + 1 < m->maps + m->nmaps && strcmp(last[1].path, map->path) == 0)
		last++;
	*mod = (struct module){
		.path = map->path,
		.name = slash + 1,
		.base = first->start - first->offset,
		.start = first->start,
		.end = last->end,
		.text_start = map->start,
		.text_end = map->end,
		.inode = map->inode,
		.unload_time = -1,
		.load_time = latest(m),
	};
	if (is_program(m, map)) {
		struct elf e;

		mod->flags |= KS_MODULE_MAIN;
		if (elf_open(&e, map->path)) {
			mod->base = e.head.e_type == ET_EXEC ? 0 : mod->base;
			elf_close(&e);
		}
	}
	if (private_of(m)->plain || reach_stat(map->path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	mod->file_there = true;
	mod->file_same = (uint64_t)st.st_ino == map->inode;
	mod->dev = (uint64_t)st.st_dev;
	mod->file_size = (uint64_t)st.st_size;
	if (mod->file_same)
		read_build_id(mod);
	mod->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}

void build_mapped_modules(struct model *m, size_t *room)
{
	unsigned added = 0;

	for (size_t i = 0; i < m->nmaps && added < MOST_MAPPED; i++) {
		if (!(is_library(&m->maps[i]) || is_program(m, &m->maps[i])) || covered(m, m->maps[i].start))
			continue;
		m->modules = grow(m->modules, m->nmodules, room, sizeof(*m->modules));
		fill(m, &m->modules[m->nmodules++], &m->maps[i]);
		added++;
	}
}

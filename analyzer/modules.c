/* SPDX-License-Identifier: MIT */
/*
 * The modules of the process and who was where when. The same address may have belonged to
 * several, one after the other; and a module is first seen a little after it was mapped, so that
 * its own constructors' events come before its load_time.
 */
#include "analyzer/model_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/decode.h"
#include "analyzer/names.h"
#include "analyzer/reach.h"

static void look_at_file(struct module *mod)
{
	struct stat st;

	if (mod->path[0] != '/' || reach_stat(mod->path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	mod->file_there = true;
	mod->file_same = (uint64_t)st.st_ino == mod->inode &&
			 (uint64_t)st.st_size == mod->file_size &&
			 (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec ==
				 mod->mtime;
}

static void fill_module(struct model *m, struct module *to, const struct trace_module *from)
{
	const struct ks_module *raw = &from->raw;
	const struct trace *t = private_of(m)->trace;
	const char *slash;

	to->path = model_text(m, raw->path);
	if (!to->path)
		to->path = raw->flags & KS_MODULE_VDSO ? "[vdso]" : "";
	slash = strrchr(to->path, '/');
	to->name = slash ? slash + 1 : to->path;
	to->soname = model_text(m, raw->soname);
	for (unsigned i = 0; i < raw->build_id_size && i < 23; i++)
		snprintf(to->build_id + 2 * i, 3, "%02x", raw->build_id[i]);
	to->base = raw->base;
	to->start = raw->start;
	to->end = raw->end;
	to->text_start = raw->text_start;
	to->text_end = raw->text_end;
	to->dev = raw->dev;
	to->inode = raw->inode;
	to->file_size = raw->file_size;
	to->mtime = raw->mtime;
	to->need_size = raw->need_size;
	to->tls_size = raw->tls_size;
	to->mount_flags = raw->mount_flags;
	to->fs_magic = raw->fs_magic;
	to->flags = raw->flags;
	to->load_time = trace_time(t, raw->load_time);
	to->unload_time =
		raw->state == 3 && raw->unload_time ? trace_time(t, raw->unload_time) : -1;
	to->load = raw->load;
	to->tid = raw->tid;
	to->record = from->offset;
	if (!private_of(m)->plain)
		look_at_file(to);
}

static int by_load_time(const void *a, const void *b)
{
	const struct module *x = a, *y = b;

	if (x->load_time != y->load_time)
		return x->load_time < y->load_time ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

static int by_start(const void *a, const void *b)
{
	const struct module *x = *(struct module *const *)a, *y = *(struct module *const *)b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Modules by address; reach[i] is the highest end among the first i + 1, so that a search knows
 * when to stop. */
static void build_index(struct model *m)
{
	struct private *p = m->private;

	p->by_start = arena_alloc(&p->arena, m->nmodules * sizeof(*p->by_start));
	p->reach = arena_alloc(&p->arena, m->nmodules * sizeof(*p->reach));
	for (size_t i = 0; i < m->nmodules; i++)
		p->by_start[i] = &m->modules[i];
	if (m->nmodules)
		qsort(p->by_start, m->nmodules, sizeof(*p->by_start), by_start);
	for (size_t i = 0; i < m->nmodules; i++) {
		p->reach[i] = p->by_start[i]->end;
		if (i && p->reach[i - 1] > p->reach[i])
			p->reach[i] = p->reach[i - 1];
	}
}

void build_modules(struct model *m)
{
	const struct trace *t = private_of(m)->trace;

	size_t room = t->nmodules;

	m->modules = xalloc(t->nmodules, sizeof(*m->modules));
	m->nmodules = t->nmodules;
	for (size_t i = 0; i < t->nmodules; i++)
		fill_module(m, &m->modules[i], &t->modules[i]);
	build_mapped_modules(m, &room);
	if (m->nmodules)
		qsort(m->modules, m->nmodules, sizeof(*m->modules), by_load_time);
	build_index(m);
}

/* 3: it is there at this time; 2: it came later; 1: it was there before; the better of two is the
 * one that wins. */
static int presence(const struct module *mod, int64_t time)
{
	if (mod->unload_time >= 0 && mod->unload_time <= time)
		return 1;
	return mod->load_time <= time ? 3 : 2;
}

static bool better(const struct module *a, const struct module *b, int64_t time)
{
	int x = presence(a, time), y = b ? presence(b, time) : 0;

	if (x != y)
		return x > y;
	return x == 2 ? a->load_time < b->load_time : a->load_time > b->load_time;
}

const struct module *module_at_time(const struct model *m, uint64_t address, int64_t time)
{
	const struct private *p = m->private;
	const struct module *best = NULL;
	size_t low = 0, high = m->nmodules;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (p->by_start[mid]->start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	while (low-- > 0 && p->reach[low] > address)
		if (address < p->by_start[low]->end && better(p->by_start[low], best, time))
			best = p->by_start[low];
	return best;
}

const struct module *model_module_at(const struct model *m, uint64_t address)
{
	return module_at_time(m, address, INT64_MAX);
}

bool model_module_below(const struct model *m, const char *part)
{
	for (size_t i = 0; i < m->nmodules; i++) {
		if (m->modules[i].path && strstr(m->modules[i].path, part))
			return true;
	}
	return false;
}

const struct module *model_module_named(const struct model *m, const char *prefix,
					const struct module *after)
{
	size_t n = strlen(prefix);

	for (size_t i = after ? (size_t)(after - m->modules) + 1 : 0; i < m->nmodules; i++) {
		const struct module *mod = &m->modules[i];

		if (strncmp(mod->name, prefix, n) == 0 ||
		    (mod->soname && strncmp(mod->soname, prefix, n) == 0))
			return mod;
	}
	return NULL;
}

int model_exports(const struct model *m, const struct module *module, const char *symbol)
{
	return names_export(private_of(m)->names, module, symbol);
}

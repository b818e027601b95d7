/* SPDX-License-Identifier: MIT */
/*
 * The table of loaded modules in the trace: what is mapped, from which file, since which load.
 *
 * dl_iterate_phdr counts what came and went (adds, subs); only when these numbers have moved is the
 * list walked. It holds the loader's write lock meanwhile, under which objects are also unmapped
 * (glibc, elf/dl-close.c), so what the walk sees stays mapped.
 * New objects are appended to the list and none is moved, so one merge finds both kinds of change.
 * A walk after every dlclose keeps one that comes back to the same place from looking unchanged.
 * Who wants to hear of those that came (ks_module_came) may read them: it is told under the lock, too.
 *
 * fork() resets the loader's other locks but not that one (glibc, posix/fork.c): a child whose parent
 * had it taken in another thread waits for ever (seen, glibc 2.36). A child therefore takes over its
 * parent's table, and walks only once its own loader has extended the list, lock and all.
 *
 * Called from the hooks of dl calls, from the constructor, and before an orderly end, where nothing may wait for
 * another thread that holds the lock and waits itself: there only when the list has grown; in a signal
 * handler only where a forked child begins its trace there, which walks nothing, and at a crash, where
 * what the loader has appended since is read without its lock, every byte with a probe.
 */
#include "shim/module.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "shim/claim.h"
#include "shim/safe.h"

#define MOST	4096		/* modules at a time; further ones are not recorded */

/* What is in the loader's list, in its order. Entries are in use up to nknown. */
static struct known {
	uintptr_t base;
	const void *phdr;
	const char *name;
	struct ks_module *row;		/* NULL: there was no room */
	const struct ks_string *path, *soname;	/* in the mapping that row is part of */
	bool fresh;			/* ks_module_came has not heard of it yet */
} known[MOST];
static unsigned nknown;
static uint32_t known_generation;	/* of the recording that the rows belong to */
static uint64_t seen_adds, seen_subs;
static const struct link_map *tail;	/* last of the loader's list when it was walked */
static uint64_t syncing;		/* somebody is at work (shim/claim.h) */

void (*ks_module_came)(const struct ks_module *m, const char *path);

static void mark_unloaded(struct known *k)
{
	if (!k->row)
		return;
	k->row->unload_time = ks_clock();
	__atomic_store_n(&k->row->state, 3, __ATOMIC_RELEASE);
}

static void add(struct known *k, const struct dl_phdr_info *info, bool main, uint32_t load)
{
	struct ks_module m = { .state = 1, .load_time = ks_clock(), .base = info->dlpi_addr, .load = load, .tid = ks_tid() };
	uintptr_t self = (uintptr_t)ks_modules_sync;

	*k = (struct known){ .base = info->dlpi_addr, .phdr = info->dlpi_phdr, .name = info->dlpi_name, .fresh = true };
	ks_module_segments(&m, info);
	m.path = ks_module_path(info->dlpi_name, main);
	m.flags |= main ? KS_MODULE_MAIN : 0;
	m.flags |= self >= m.start && self < m.end ? KS_MODULE_SELF : 0;
	m.flags |= m.start && m.start == getauxval(AT_SYSINFO_EHDR) ? KS_MODULE_VDSO : 0;
	k->path = ks_string_at(m.path);
	if (k->path)
		ks_module_file(&m, k->path->data);
	ks_module_memory(&m, info);
	k->soname = ks_string_at(m.soname);
	k->row = ks_module_store(&m);
}

/* --- the walk --- */

struct walk {
	uint32_t load;
	unsigned i, n, out;		/* next old entry, how many there are, next place to write */
	unsigned added;
	uint64_t adds, subs;
	bool begun, changed;
};

/* Last object of the loader's list (link.h, struct r_debug); the caller holds its lock. */
static const struct link_map *find_tail(const struct dl_phdr_info *main)
{
	for (unsigned i = 0; i < main->dlpi_phnum; i++) {
		const ElfW(Dyn) *d = (const void *)(main->dlpi_addr + main->dlpi_phdr[i].p_vaddr);

		if (main->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		for (; d->d_tag != DT_NULL; d++) {
			const struct r_debug *r = (const void *)d->d_un.d_ptr;
			const struct link_map *l = d->d_tag == DT_DEBUG && r ? r->r_map : NULL;

			while (l && l->l_next)
				l = l->l_next;
			if (l)
				return l;
		}
	}
	return NULL;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	struct walk *w = data;
	bool main = !w->begun;

	(void)size;
	if (main) {
		w->begun = true;
		w->adds = info->dlpi_adds;
		w->subs = info->dlpi_subs;
		w->changed = nknown == 0 || w->adds != seen_adds || w->subs != seen_subs;
		if (!w->changed)
			return 1;
		tail = find_tail(info);
	}
	while (w->i < w->n) {
		struct known *k = &known[w->i++];

		if (k->base == info->dlpi_addr && k->phdr == info->dlpi_phdr && k->name == info->dlpi_name) {
			known[w->out++] = *k;
			return 0;
		}
		mark_unloaded(k);
	}
	if (w->out >= MOST) {
		ks.head->lost_modules++;
		return 1;
	}
	add(&known[w->out++], info, main, w->load);
	w->added++;
	return 0;
}

/* Under the lock again: what the table says is loaded stays so meanwhile, unless another thread has been quicker. */
static int tell(struct dl_phdr_info *info, size_t size, void *data)
{
	bool *told = data;

	(void)size;
	*told = info->dlpi_adds == seen_adds && info->dlpi_subs == seen_subs;
	for (unsigned i = 0; *told && i < nknown; i++) {
		struct known *k = &known[i];

		if (!k->fresh || !k->row || !k->path)
			continue;
		k->fresh = false;
		if (ks_module_came)
			ks_module_came(k->row, k->path->data);
	}
	return 1;
}

static unsigned walk(uint32_t load)
{
	unsigned added = 0;
	bool told = false;

	/* A few times at most: what nobody has heard of stays fresh until the next walk. */
	for (unsigned tries = 0; tries < 8 && !told; tries++) {
		struct walk w = { .load = load, .n = nknown };

		dl_iterate_phdr(visit, &w);
		if (!w.changed)
			break;
		for (; w.i < w.n; w.i++)
			mark_unloaded(&known[w.i]);
		nknown = w.out;
		seen_adds = w.adds;
		seen_subs = w.subs;
		added += w.added;
		told = !w.added;
		if (!told)
			dl_iterate_phdr(tell, &told);
	}
	return added;
}

/* --- forked children --- */

static void take_over(void)
{
	for (unsigned i = 0; i < nknown; i++) {
		struct known *k = &known[i];
		const struct ks_module *old = k->row;
		struct ks_module m;

		if (!old)
			continue;
		m = *old;
		m.path = k->path ? ks_text_n(k->path->data, k->path->size) : 0;
		m.soname = k->soname ? ks_text_n(k->soname->data, k->soname->size) : 0;
		m.load = 0;
		k->row = ks_module_store(&m);
		k->path = ks_string_at(m.path);
		k->soname = ks_string_at(m.soname);
	}
}

/* The one behind tail, read without the lock and with probes: the child may have unloaded it. */
static const struct link_map *behind(const struct link_map *l)
{
	const struct link_map *next = NULL;

	ks_read_memory((uintptr_t)&l->l_next, &next, sizeof(next));
	return next;
}

static void find_tail_in_child(void)
{
	const struct link_map *next;

	for (unsigned i = 0; tail && i < MOST && (next = behind(tail)); i++)
		tail = next;
}

/* appended: only where something was, which is seen without the lock. */
static unsigned sync(uint32_t load, bool appended)
{
	struct ks_mark mark;
	unsigned came = 0;

	if (!ks.on || !ks_claim(&syncing, &mark))
		return 0;
	if (known_generation != ks.generation) {
		take_over();
		find_tail_in_child();	/* the parent may have loaded more since its last walk */
		known_generation = ks.generation;
	}
	if (!ks.crashing && ((!ks.generation && !appended) || (tail && behind(tail))))
		came = walk(load);
	ks_claim_end(&syncing, &mark);
	return came;
}

unsigned ks_modules_sync(uint32_t load)
{
	return sync(load, false);
}

unsigned ks_modules_appended(uint32_t load)
{
	return sync(load, true);
}

/* --- at a crash --- */

static bool add_late(const struct link_map *map, uint32_t load)
{
	char name[1024];
	uint32_t notes[64];
	ElfW(Ehdr) elf;
	ElfW(Phdr) phdr[24];
	struct ks_module m = { .load_time = ks_clock(), .base = map->l_addr, .load = load, .tid = ks_tid() };
	struct dl_phdr_info info = { .dlpi_addr = map->l_addr, .dlpi_phdr = phdr };
	size_t n = ks_read_memory((uintptr_t)map->l_name, name, sizeof(name) - 1);

	name[n] = '\0';
	if (!n || ks_read_memory(map->l_addr, &elf, sizeof(elf)) != sizeof(elf) || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	info.dlpi_phnum = elf.e_phnum < 24 ? elf.e_phnum : 24;
	n = info.dlpi_phnum * sizeof(*phdr);
	if (ks_read_memory(map->l_addr + elf.e_phoff, phdr, n) != n)
		return false;
	ks_module_segments(&m, &info);
	m.headers = m.nheaders = 0;	/* a copy */
	m.path = ks_module_path(name, false);
	if (m.path)
		ks_module_file(&m, ks_string_at(m.path)->data);
	for (unsigned i = 0; i < info.dlpi_phnum && !m.build_id_size; i++) {
		n = phdr[i].p_memsz < sizeof(notes) ? phdr[i].p_memsz : sizeof(notes);
		if (phdr[i].p_type == PT_NOTE)
			ks_module_build_id(&m, notes, ks_read_memory(map->l_addr + phdr[i].p_vaddr, notes, n));
	}
	return ks_module_store(&m) != NULL;
}

unsigned ks_modules_late(uint32_t load)
{
	const struct link_map *l = tail;
	struct link_map map;
	unsigned came = 0;

	if (!ks.on || known_generation != ks.generation)
		return 0;
	for (unsigned i = 0; l && (l = behind(l)) && i < 64; i++)
		came += ks_read_memory((uintptr_t)l, &map, sizeof(map)) == sizeof(map) && add_late(&map, load);
	return came;
}

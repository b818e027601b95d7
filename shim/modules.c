/* SPDX-License-Identifier: MIT */
/*
 * The table of loaded modules in the trace: what is mapped, from which file, since which load.
 *
 * dl_iterate_phdr counts what came and went (adds, subs); only when these numbers have moved is the
 * list walked. It holds the loader's write lock meanwhile, under which objects are also unmapped
 * (glibc, elf/dl-close.c), so what the walk sees stays mapped.
 * New objects are appended to the list and none is moved, so one merge finds both kinds of change.
 * A walk after every dlclose keeps one that comes back to the same place from looking unchanged.
 *
 * fork() resets the loader's other locks but not that one (glibc, posix/fork.c): a child whose parent
 * had it taken in another thread waits for ever (seen, glibc 2.36). A child therefore takes over its
 * parent's table, and walks only once its own loader has extended the list, lock and all.
 *
 * Called from the hooks of dl calls, from the constructor and before an orderly end; in a signal
 * handler only where a forked child begins its trace there, which walks nothing.
 */
#include "shim/recorder.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/vfs.h>

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
static uint32_t syncing;		/* generation + 1 of who is at work */

void (*ks_module_came)(const struct ks_module *m, const char *path);

/* --- rows of the trace --- */

const struct ks_string *ks_string_at(ks_str offset)
{
	for (unsigned i = ks_regions(); offset && i-- > 0;) {
		const struct ks_region *r = ks_region(i);

		if (offset >= r->offset && offset - r->offset < r->size)
			return (void *)((char *)ks_region_at(i) + (offset - r->offset));
	}
	return NULL;
}

/* A row for a module of this path: one that was unloaded is used again, so that a program that
 * loads and unloads for ever does not fill the trace. */
static struct ks_module *claim(ks_str path)
{
	for (unsigned again = 0; again < 2; again++) {
		for (unsigned i = 0; i < ks_regions(); i++) {
			const struct ks_region *r = ks_region(i);
			struct ks_module *m = ks_region_at(i);

			for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count; k++)
				if (!m[k].state || (m[k].state == 3 && m[k].path == path))
					return &m[k];
		}
		if (!ks_grow(KS_REGION_MODULES, sizeof(struct ks_module), 512, 0))
			break;
	}
	ks.head->lost_modules++;
	return NULL;
}

static void mark_unloaded(struct known *k)
{
	if (!k->row)
		return;
	k->row->unload_time = ks_clock();
	__atomic_store_n(&k->row->state, 3, __ATOMIC_RELEASE);
}

/* --- one module --- */

static void read_build_id(struct ks_module *m, const uint32_t *notes, size_t size)
{
	size_t have = size / 4, i = 0;

	while (i + 3 < have) {		/* sizes of name and descriptor, type; both padded to words */
		size_t name = (notes[i] + 3ul) / 4, desc = (notes[i + 1] + 3ul) / 4, bytes = notes[i + 1];

		if (name > have || desc > have || i + 3 + name + desc > have)
			return;
		if (notes[i + 2] == NT_GNU_BUILD_ID && notes[i] == 4 && memcmp(&notes[i + 3], "GNU", 4) == 0) {
			m->build_id_size = (uint8_t)(bytes < sizeof(m->build_id) ? bytes : sizeof(m->build_id));
			memcpy(m->build_id, &notes[i + 3 + name], m->build_id_size);
			return;
		}
		i += 3 + name + desc;
	}
}

static void read_dynamic(struct ks_module *m, const ElfW(Dyn) *dyn, bool whole)
{
	uintptr_t strings = 0, soname = 0;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_STRTAB)
			strings = dyn->d_un.d_ptr;
		else if (dyn->d_tag == DT_SONAME)
			soname = dyn->d_un.d_val;
		else if (dyn->d_tag == DT_FLAGS && (dyn->d_un.d_val & DF_STATIC_TLS))
			m->flags |= KS_MODULE_STATIC_TLS;
	}
	if (strings < m->base)		/* glibc has relocated it in place, but not the vDSO's */
		strings += m->base;
	if (soname && whole && strings >= m->start && strings + soname < m->end)
		m->soname = ks_text((const char *)(strings + soname));
}

static void read_segments(struct ks_module *m, const struct dl_phdr_info *info)
{
	bool stack = false;

	m->start = UINT64_MAX;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + p->p_vaddr, end = at + p->p_memsz;

		if (p->p_type == PT_LOAD) {
			m->start = at < m->start ? at & ~4095ull : m->start;
			m->end = end > m->end ? (end + 4095) & ~4095ull : m->end;
			if ((p->p_flags & PF_X) && !m->text_end) {
				m->text_start = at;
				m->text_end = end;
			}
			if (p->p_offset + p->p_filesz > m->need_size)
				m->need_size = p->p_offset + p->p_filesz;
		} else if (p->p_type == PT_TLS) {
			m->tls_size = p->p_memsz;
		} else if (p->p_type == PT_GNU_STACK) {
			stack = true;
			m->flags |= p->p_flags & PF_X ? KS_MODULE_EXECSTACK : 0;
		}
	}
	if (!stack)		/* none: the loader assumes the worst (elf/dl-load.c, DEFAULT_STACK_PERMS) */
		m->flags |= KS_MODULE_EXECSTACK;
	if (m->start == UINT64_MAX)
		m->start = 0;
}

/* What lies in its memory. The loader has read the dynamic section itself; anything else is
 * touched only where the file is as long as its segments: the rest would raise SIGBUS. */
static void read_memory(struct ks_module *m, const struct dl_phdr_info *info)
{
	bool whole = (m->flags & KS_MODULE_VDSO) || (m->file_size && m->file_size >= m->need_size);

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_DYNAMIC)
			read_dynamic(m, (const void *)at, whole);
		else if (p->p_type == PT_NOTE && whole && !m->build_id_size && at >= m->start && at + p->p_memsz <= m->end)
			read_build_id(m, (const void *)at, p->p_memsz);
	}
}

/* The path as the loader names it, made absolute; the executable has none there. */
static ks_str path_of(const char *name, bool main)
{
	char path[1024];
	long n;

	if (main) {
		n = ks_sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path));
		return n > 0 ? ks_text_n(path, (size_t)n) : 0;
	}
	if (name[0] == '/' || !strchr(name, '/'))
		return ks_text(name);
	n = ks_sys(SYS_getcwd, path, sizeof(path) - 1);		/* counts the NUL */
	if (n <= 1 || (size_t)n + strlen(name) >= sizeof(path))
		return ks_text(name);
	path[n - 1] = '/';
	path[n] = '\0';
	ks_put(path + n, path + sizeof(path), name);
	return ks_text(path);
}

/* Flags and type of the file system: asked once for each device, it takes a walk of the path. */
static void look_at_mount(struct ks_module *m, const char *path)
{
	static struct { uint64_t dev, flags, magic; } last;
	struct statfs fs;

	if (last.dev != m->dev && ks_sys(SYS_statfs, path, &fs) == 0) {
		last.dev = m->dev;
		last.flags = (uint64_t)fs.f_flags;
		last.magic = (uint64_t)fs.f_type & 0xffffffffu;
	}
	if (last.dev == m->dev) {
		m->mount_flags = last.flags;
		m->fs_magic = last.magic;
	}
}

/* Its file, by path: what a proof needs and nobody can look up after the death. */
static void look_at_file(struct ks_module *m, const char *path)
{
	struct stat st;

	if ((m->flags & KS_MODULE_VDSO) || path[0] != '/' || ks_sys_stat(path, &st, 0) < 0) {
		m->flags |= KS_MODULE_NO_FILE;
		return;
	}
	m->dev = st.st_dev;
	m->inode = st.st_ino;
	m->file_size = (uint64_t)st.st_size;
	m->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	look_at_mount(m, path);
}

static void add(struct known *k, const struct dl_phdr_info *info, bool main, uint32_t load)
{
	struct ks_module m = { .state = 1, .load_time = ks_clock(), .base = info->dlpi_addr, .load = load, .tid = ks_tid() };
	uintptr_t self = (uintptr_t)ks_modules_sync;

	*k = (struct known){ .base = info->dlpi_addr, .phdr = info->dlpi_phdr, .name = info->dlpi_name, .fresh = true };
	read_segments(&m, info);
	m.path = path_of(info->dlpi_name, main);
	m.flags |= main ? KS_MODULE_MAIN : 0;
	m.flags |= self >= m.start && self < m.end ? KS_MODULE_SELF : 0;
	m.flags |= m.start && m.start == getauxval(AT_SYSINFO_EHDR) ? KS_MODULE_VDSO : 0;
	k->path = ks_string_at(m.path);
	if (k->path)
		look_at_file(&m, k->path->data);
	read_memory(&m, info);
	k->soname = ks_string_at(m.soname);
	k->row = claim(m.path);
	if (!k->row)
		return;
	__atomic_store_n(&k->row->state, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*k->row = m;
	__atomic_store_n(&k->row->state, 2, __ATOMIC_RELEASE);
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

static unsigned walk(uint32_t load)
{
	struct walk w = { .load = load, .n = nknown };

	dl_iterate_phdr(visit, &w);
	if (!w.changed)
		return 0;
	for (; w.i < w.n; w.i++)
		mark_unloaded(&known[w.i]);
	nknown = w.out;
	seen_adds = w.adds;
	seen_subs = w.subs;
	for (unsigned i = 0; i < nknown; i++) {
		struct known *k = &known[i];

		if (!k->fresh || !k->row || !k->path)
			continue;
		k->fresh = false;
		if (ks_module_came)
			ks_module_came(k->row, k->path->data);
	}
	return w.added;
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
		k->row = claim(m.path);
		k->path = ks_string_at(m.path);
		k->soname = ks_string_at(m.soname);
		if (k->row)
			*k->row = m;
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

unsigned ks_modules_sync(uint32_t load)
{
	uint32_t mark = ks.generation + 1, was = __atomic_load_n(&syncing, __ATOMIC_RELAXED);
	unsigned came = 0;

	if (!ks.on || was == mark ||
	    !__atomic_compare_exchange_n(&syncing, &was, mark, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	if (known_generation != ks.generation) {
		take_over();
		find_tail_in_child();	/* the parent may have loaded more since its last walk */
		known_generation = ks.generation;
	}
	if (!ks.crashing && (!ks.generation || (tail && behind(tail))))
		came = walk(load);
	__atomic_store_n(&syncing, 0, __ATOMIC_RELEASE);
	return came;
}

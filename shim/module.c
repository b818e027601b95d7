/* SPDX-License-Identifier: MIT */
/*
 * One loaded module, as a row of the table: its segments, build-id and name as they are mapped, its
 * file as it lies on the disk now. Called by modules.c, under the loader's lock or in the crash
 * path; only what says so may fault there.
 */
#include "shim/module.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/vfs.h>

#include "shim/safe.h"

static struct ks_module *claim(ks_str path)
{
	for (unsigned again = 0; again < 2; again++) {
		for (unsigned i = 0; i < ks_regions(); i++) {
			const struct ks_region *r = ks_region(i);
			struct ks_module *m = ks_region_at(i);

			for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count; k++)
				if (!ks_ready(i, (k + 1) * sizeof(*m)))
					break;
				else if (!m[k].state || (m[k].state == 3 && m[k].path == path))
					return &m[k];
		}
		if (!ks_grow(KS_REGION_MODULES, sizeof(struct ks_module), 512, 0))
			break;
	}
	ks.head->lost_modules++;
	return NULL;
}

void ks_module_build_id(struct ks_module *m, const uint32_t *notes, size_t size)
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

void ks_module_segments(struct ks_module *m, const struct dl_phdr_info *info)
{
	bool stack = false;

	m->start = UINT64_MAX;
	m->headers = (uintptr_t)info->dlpi_phdr;
	m->nheaders = info->dlpi_phnum;
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

/* Notes that a tool has cut out of a file may still have their header. */
static bool readable(const struct dl_phdr_info *info, uintptr_t at, size_t size)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t into = at - (info->dlpi_addr + p->p_vaddr);

		if (p->p_type == PT_LOAD && (p->p_flags & PF_R) && into < p->p_filesz && p->p_filesz - into >= size)
			return true;
	}
	return false;
}

void ks_module_memory(struct ks_module *m, const struct dl_phdr_info *info)
{
	bool whole = (m->flags & KS_MODULE_VDSO) || (m->file_size && m->file_size >= m->need_size);
	struct ks_elf elf;

	if (ks_module_elf(m, &elf)) {
		m->flags |= elf.flags & DF_STATIC_TLS ? KS_MODULE_STATIC_TLS : 0;
		m->soname = whole ? ks_text(ks_elf_soname(&elf)) : 0;
	}
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_NOTE && whole && !m->build_id_size && readable(info, at, p->p_filesz))
			ks_module_build_id(m, (const void *)at, p->p_filesz);
	}
}

ks_str ks_module_path(const char *name, bool main)
{
	char path[1024];
	long n;

	if (main) {
		n = ks_sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		name = (const char *)getauxval(AT_EXECFN);
		if (!name || !strstr(path, "/ld-linux-"))	/* the loader was run as a program, with ours as argument */
			return ks_text(n > 0 ? path : NULL);
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

void ks_module_file(struct ks_module *m, const char *path)
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

struct ks_module *ks_module_store(const struct ks_module *m)
{
	struct ks_module *row = claim(m->path);

	if (!row)
		return NULL;
	__atomic_store_n(&row->state, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*row = *m;
	__atomic_store_n(&row->state, 2, __ATOMIC_RELEASE);
	return row;
}

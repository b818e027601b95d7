/* SPDX-License-Identifier: MIT */
/* See library.h. */
#include "shim/library.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/vfs.h>

#include "shim/arch.h"
#include "shim/safe.h"

/* The first KiB nearly always has all program headers behind the ELF header. */
static void read_headers(int fd, struct ks_library *l)
{
	union {
		ElfW(Ehdr) elf;
		char bytes[1024];
	} head;
	ElfW(Phdr) p;
	long n = ks_sys_pread(fd, head.bytes, sizeof(head), 0);
	uint64_t at = 0, have = n > 0 ? (uint64_t)n : 0, table;
	unsigned count;
	bool stack = false;

	if (have >= sizeof(l->head))
		memcpy(&l->head, head.bytes, sizeof(l->head));
	/* e_machine stands at the same place in both classes. */
	if (have >= sizeof(head.elf) && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0)
		l->machine = head.elf.e_machine;
	if (have < sizeof(head.elf) || memcmp(head.elf.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.elf.e_ident[EI_CLASS] != ELFCLASS64 || head.elf.e_machine != KS_ARCH_ID ||
	    head.elf.e_phentsize != sizeof(p))
		return;
	table = at = head.elf.e_phoff;
	count = head.elf.e_phnum;
	for (unsigned i = 0; i < count; i++, at += sizeof(p)) {
		if (at > have || at + sizeof(p) > have) {
			n = ks_sys_pread(fd, head.bytes, sizeof(head), table + i * sizeof(p));
			have = n > 0 ? (uint64_t)n : 0;
			at = 0;
			if (have < sizeof(p))
				break;
		}
		memcpy(&p, head.bytes + at, sizeof(p));
		if (p.p_type == PT_LOAD && p.p_offset + p.p_filesz > l->need_size)
			l->need_size = p.p_offset + p.p_filesz;
		if (p.p_type == PT_GNU_STACK) {
			stack = true;
			l->exec_stack = (p.p_flags & PF_X) != 0;
		}
	}
	if (!stack)	/* glibc assumes the worst then: elf/dl-load.c, DEFAULT_STACK_PERMS */
		l->exec_stack = true;
}

bool ks_library_look(const char *path, struct ks_library *l)
{
	struct stat st;
	struct statfs fs;
	int fd;

	*l = (struct ks_library){ 0 };
	l->error = ks_sys_stat(path, &st, 0);
	if (l->error < 0)
		return l->error != -ENOENT && l->error != -ENOTDIR;
	l->mode = st.st_mode;
	l->size = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode))
		return true;
	fd = ks_sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		l->error = fd;
		return true;
	}
	if (ks_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		l->size = (uint64_t)st.st_size;
		read_headers(fd, l);
	}
	if (ks_sys(SYS_fstatfs, fd, &fs) == 0) {
		l->mount_flags = (uint64_t)fs.f_flags;
		l->fs_magic = (uint64_t)fs.f_type & 0xffffffffu;
	}
	ks_sys_close(fd);
	return true;
}

bool ks_library_cut_off(const char *path)
{
	struct ks_library l = { 0 };
	struct stat st;
	int fd = ks_sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return false;
	if (ks_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		l.size = (uint64_t)st.st_size;
		read_headers(fd, &l);
	}
	ks_sys_close(fd);
	return l.need_size > l.size;
}

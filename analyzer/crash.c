/* SPDX-License-Identifier: MIT */
/* The crash area and what was written beside it: where, on what instruction, in which mapping. */
#include "analyzer/model_private.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/instruction.h"
#include "analyzer/names.h"

static uint64_t number(const char *s, int base)
{
	return s && *s ? strtoull(s, NULL, base) : UNKNOWN;
}

/* f_type of statfs(2), which the recorder writes as a number. */
static const char *file_system(const char *type)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} known[] = {
		{ TMPFS_MAGIC, "tmpfs" }, { EXT4_SUPER_MAGIC, "ext4" },	 { XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },	 { NFS_SUPER_MAGIC, "nfs" }, { OVERLAYFS_SUPER_MAGIC, "overlay" },
		{ FUSE_SUPER_MAGIC, "fuse" },	 { RAMFS_MAGIC, "ramfs" },	 { HUGETLBFS_MAGIC, "hugetlbfs" },
		{ 0x00c36400, "ceph" },	 { 0xfe534d42, "smb" },	 { 0x2fc12fc1, "zfs" },
		{ 0x0bd00bd0, "lustre" },	 { 0x47504653, "gpfs" },
	};
	uint64_t magic = strtoull(type, NULL, 0) & 0xffffffff;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].magic == magic)
			return known[i].name;
	return type;
}

/* PATH\tTYPE\tFREE\tTOTAL\tFILESIZE, the last of them only where the file was there. */
static void read_statfs(struct model *m, const struct block *b)
{
	struct private *p = m->private;
	struct crash *c = &m->crash;
	char *copy = arena_text(&p->arena, b->data, b->head.size), *part[5] = { NULL };

	for (unsigned i = 0; i < 5 && copy; i++) {
		part[i] = copy;
		copy = strchr(copy, '\t');
		if (copy)
			*copy++ = '\0';
	}
	c->statfs_known = part[0] && *part[0];
	c->statfs_path = arena_clean(&p->arena, part[0], strlen(part[0]));
	c->statfs_type = part[1] ? file_system(arena_clean(&p->arena, part[1], strlen(part[1]))) : "";
	c->statfs_free = number(part[2], 10);
	c->statfs_total = number(part[3], 10);
	c->statfs_file_size = number(part[4], 10);
}

static void read_instruction(struct model *m)
{
	struct crash *c = &m->crash;
	uint64_t skip = c->raw->pc - c->raw->opcode_address;

	if (skip < c->raw->opcode_size)
		instruction_decode(&private_of(m)->arena, m->arch, c->raw->opcode + skip,
				   c->raw->opcode_size - skip, c->pc, &c->instruction, &c->isa);
}

static void read_exception(struct model *m)
{
	struct private *p = m->private;
	struct crash *c = &m->crash;
	const char *type = model_text(m, c->raw->exception_type);

	c->abort_message = model_text(m, c->raw->abort_message);
	c->exception_type = type ? names_demangle(p->names, type, true) : NULL;
	c->exception_text = model_text(m, c->raw->exception_text);
	if (c->raw->exception_module)
		c->exception_module = model_module_at(m, c->raw->exception_module);
}

void build_crash(struct model *m)
{
	struct private *p = m->private;
	const struct trace *t = p->trace;
	struct crash *c = &m->crash;

	c->raw = &t->crash;
	c->record = t->crash_offset;
	c->statfs_free = c->statfs_total = c->statfs_file_size = UNKNOWN;
	c->present = t->crash_offset && t->crash.state >= KS_CRASH_CONTEXT;
	c->repaired = t->crash.state == KS_CRASH_REPAIRED;
	if (!c->present)
		return;
	c->address = t->crash.address;
	c->pc = t->crash.pc;
	c->sp = t->crash.sp;
	c->tid = t->crash.tid;
	c->thread = model_thread(m, c->tid);
	c->module = model_module_at(m, c->pc);
	c->map_pc = model_map_at(m, c->pc);
	c->map_address = model_map_at(m, c->address);
	c->map_sp = model_map_at(m, c->sp);
	read_exception(m);
	read_instruction(m);
	for (size_t i = 0; i < t->nblocks; i++)
		if (t->blocks[i].head.kind == KS_BLOCK_STATFS)
			read_statfs(m, &t->blocks[i]);
}

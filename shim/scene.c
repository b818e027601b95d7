/* SPDX-License-Identifier: MIT */
/*
 * The surroundings of a fault, as blocks: stack bytes, mappings, file systems. The crash path
 * calls this (shim/crash.h has the rules); one thread at a time, so that buffers are static.
 */
#include "shim/crash.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "shim/recorder.h"
#include "shim/safe.h"

#define INSIDE	(16u << 10)		/* bytes of stack that fit into the crash area for certain */
#define OUTER	(64u << 10)		/* of the stack that a signal handler interrupted */
#define BASE	(16u << 10)		/* of the far end of a stack that is too long to keep */
#define MAPS	(8u << 20)

static char small[64 << 10];
static char *maps = small;
static size_t maps_size;

uintptr_t ks_arguments_at = UINTPTR_MAX;

struct mapping {
	uintptr_t start, end;
	bool readable;
	const char *path;		/* up to the end of the line */
	size_t path_size;
};

/* One line of /proc/PID/maps; returns the begin of the next one. */
static const char *parse_mapping(const char *p, struct mapping *m)
{
	const char *end = strchr(p, '\n');
	unsigned spaces = 0;

	memset(m, 0, sizeof(*m));
	if (!end)
		end = p + strlen(p);
	for (int k = 0; k < 2; k++) {
		uintptr_t value = 0;

		for (; *p && *p != '-' && *p != ' ' && p < end; p++)
			value = value << 4 | (uintptr_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
		p += p < end;
		if (k)
			m->end = value;
		else
			m->start = value;
	}
	m->readable = p < end && *p == 'r';
	for (; p < end && spaces < 4; p++)
		spaces += *p == ' ';
	while (p < end && *p == ' ')
		p++;
	m->path = p;
	m->path_size = (size_t)(end - p);
	return *end ? end + 1 : end;
}

static void read_maps(void)
{
	long at, n;

	maps = small;
	maps_size = 0;
	at = ks_sys(SYS_mmap, NULL, MAPS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at > 0 || at < -4095)
		maps = (char *)at;
	n = ks_read_file("/proc/thread-self/maps", maps, maps == small ? sizeof(small) : MAPS);
	if (n > 0)
		maps_size = (size_t)n;
}

/* The readable mapping that holds address, or else the first one above it that begins within reach. */
static bool find_mapping(uintptr_t address, uintptr_t reach, struct mapping *m)
{
	const char *p = maps;

	while (maps_size && *p) {
		p = parse_mapping(p, m);
		if (m->readable && address < m->end)
			return address >= m->start || m->start - address <= reach;
	}
	return false;
}

size_t ks_stack_bytes(uintptr_t from, size_t size)
{
	return from <= ks_arguments_at && ks_arguments_at - from < size ? ks_arguments_at - from : size;
}

static void keep_stack(uint32_t tid, uintptr_t from, uintptr_t end, size_t most)
{
	if (end > from && end - from > most)
		end = from + most;
	if (end > from)
		ks_block(KS_BLOCK_STACK, tid, from, (const void *)from, end - from, false);
}

/* The main thread's stack grows on demand: its low end is where its limit says. */
static void keep_bounds(struct ks_crash *c, const struct mapping *m)
{
	c->stack_low = m->start;
	c->stack_high = m->end;
	if (m->path_size == 7 && memcmp(m->path, "[stack]", 7) == 0) {
		uint64_t limit = ks_limit(RLIMIT_STACK);

		if (limit < m->end && m->end - limit < m->start)
			c->stack_low = m->end - limit;
	}
}

/*
 * First what fits into the crash area, before anything that could go wrong; then as much as KSHIM_STACK
 * allows from the stack pointer up, and, where that does not reach it, the far end, where
 * the thread began. A stack pointer below its stack is an overflow: then from the stack's low end.
 */
void ks_scene_stack(const struct ks_fault *f, uintptr_t outer)
{
	const size_t most = ks.config.stack;
	uintptr_t from = (f->sp - 128) & ~15ul;
	struct mapping m;
	size_t n;

	if (!most)
		return;
	n = ks_read_memory(from, small, ks_stack_bytes(from, most < INSIDE ? most : INSIDE));
	if (n)
		ks_block(KS_BLOCK_STACK, f->tid, from, small, n, true);
	read_maps();
	if (!find_mapping(from, 64u << 20, &m))
		return;
	keep_bounds(ks.crash, &m);
	m.end = m.start + ks_stack_bytes(m.start, m.end - m.start);
	if (from < m.start) {
		from = m.start;
		n = ks_read_memory(from, small, most < INSIDE ? most : INSIDE);
		if (n && maps != small)
			ks_block(KS_BLOCK_STACK, f->tid, from, small, n, true);
	}
	keep_stack(f->tid, from, m.end, most);
	if (m.end - from > most + BASE)
		keep_stack(f->tid, m.end - BASE, m.end, BASE);
	if (outer && (outer < from || outer - from > most) && find_mapping(outer, 64u << 20, &m)) {
		m.end = m.start + ks_stack_bytes(m.start, m.end - m.start);
		outer = outer < m.start ? m.start : (outer - 128) & ~15ul;
		keep_stack(f->tid, outer < m.start ? m.start : outer, m.end, OUTER);
	}
}

/* --- mappings, file systems --- */

void ks_scene_maps(const struct ks_fault *f)
{
	if (!maps_size)
		read_maps();
	if (maps_size)
		ks_block(KS_BLOCK_MAPS, f->tid, 0, maps, maps_size, false);
}

static char *put_field(char *p, char *end, uint64_t value)
{
	return ks_put_dec(ks_put(p, end, "\t"), end, value, 1);
}

/* The file behind the address that was touched, and how full its file system is. */
void ks_scene_bus(const struct ks_fault *f)
{
	static char path[1024], text[1200];
	char *p = text, *end = text + sizeof(text), *slash;
	struct statfs fs;
	struct mapping m;
	struct stat st;
	bool there;

	if (ks_sys(SYS_statfs, "/dev/shm", &fs) == 0) {
		ks.crash->shm_free = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
		ks.crash->shm_total = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	}
	if (!maps_size)
		read_maps();
	if (!find_mapping((uintptr_t)f->info.si_addr, 0, &m) || !m.path_size || m.path[0] != '/' ||
	    m.path_size >= sizeof(path))
		return;
	memcpy(path, m.path, m.path_size);
	path[m.path_size] = '\0';
	p = ks_put(p, end, path);
	there = ks_sys_stat(path, &st, 0) == 0;
	if (!there) {			/* deleted: its directory tells the file system */
		slash = strrchr(path, '/');
		slash[slash == path] = '\0';
	}
	memset(&fs, 0, sizeof(fs));
	ks_sys(SYS_statfs, path, &fs);
	p = ks_put_hex(ks_put(p, end, "\t0x"), end, (uint64_t)fs.f_type);
	p = put_field(p, end, (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize);
	p = put_field(p, end, (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize);
	if (there)
		p = put_field(p, end, (uint64_t)st.st_size);
	ks_block(KS_BLOCK_STATFS, f->tid, (uintptr_t)f->info.si_addr, text, (size_t)(p - text), true);
}

void ks_scene_rest(void)
{
	long n = ks_read_file("/proc/self/status", small, 8192);

	if (n > 0 && maps != small)
		ks_block(KS_BLOCK_STATUS, 0, 0, small, (size_t)n, true);
}

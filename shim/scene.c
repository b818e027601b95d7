/* SPDX-License-Identifier: MIT */
/*
 * The surroundings of a fault, as blocks: stack bytes, threads, mappings, file systems. The crash
 * path calls this (shim/crash.h has the rules); one thread at a time, so that buffers are static.
 */
#include "shim/crash.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "shim/recorder.h"
#include "shim/safe.h"

#define INSIDE	(16u << 10)		/* bytes of stack that fit into the crash area for certain */
#define OUTER	(64u << 10)		/* of the stack that a signal handler interrupted */
#define BASE	(16u << 10)		/* of the far end of a stack that is too long to keep */
#define THREADS	512
#define MAPS	(8u << 20)

static char small[64 << 10];
static char *maps = small;
static size_t maps_size;

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
	n = ks_read_file("/proc/self/maps", maps, maps == small ? sizeof(small) : MAPS);
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
	n = ks_read_memory(from, small, most < INSIDE ? most : INSIDE);
	if (n)
		ks_block(KS_BLOCK_STACK, f->tid, from, small, n, true);
	read_maps();
	if (!find_mapping(from, 64u << 20, &m))
		return;
	keep_bounds(ks.crash, &m);
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
		outer = outer < m.start ? m.start : (outer - 128) & ~15ul;
		keep_stack(f->tid, outer < m.start ? m.start : outer, m.end, OUTER);
	}
}

/* --- threads --- */

static long read_task(uint32_t tid, const char *file, char *buf, size_t size)
{
	char path[64], *end = path + sizeof(path);

	ks_put(ks_put(ks_put_dec(ks_put(path, end, "/proc/self/task/"), end, tid, 1), end, "/"), end, file);
	return ks_read_file(path, buf, size);
}

/* "NR 0xarg0 … 0xarg5 0xSP 0xPC", "-1 0xSP 0xPC" outside a system call, or "running" (proc(5)). */
static void parse_syscall(const char *p, struct ks_thread_info *t)
{
	bool inside = *p >= '0' && *p <= '9';

	t->syscall = ~0ull;
	if (!inside && *p != '-')
		return;
	if (inside)
		t->syscall = ks_number(p, &p);
	for (int i = inside ? 0 : 6; i < 8; i++) {
		uint64_t value;

		p = strchr(p, ' ');
		if (!p)
			return;
		value = ks_number(++p, &p);
		if (i == 0)
			t->arg0 = value;
		else if (i == 6)
			t->sp = value;
		else if (i == 7)
			t->pc = value;
	}
}

static void read_thread(uint32_t tid, struct ks_thread_info *t)
{
	char text[256];
	const char *p;

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	t->syscall = ~0ull;
	if (read_task(tid, "stat", text, sizeof(text)) > 0) {
		const char *from = strchr(text, '(');

		p = strrchr(text, ')');
		if (from && p && p > from) {
			size_t n = (size_t)(p - from - 1);

			memcpy(t->name, from + 1, n > 15 ? 15 : n);
			t->state = p[1] == ' ' ? p[2] : '?';
		}
	}
	if (read_task(tid, "syscall", text, sizeof(text)) > 0)
		parse_syscall(text, t);
}

struct entry {				/* struct linux_dirent64, getdents64(2) */
	uint64_t inode, offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* All tasks of the process; the one that failed comes first. At most THREADS, at most 20 ms. */
void ks_scene_threads(uint32_t first_tid)
{
	static struct ks_thread_info threads[THREADS];
	const size_t half = maps == small ? 0 : sizeof(small);
	uint64_t begin = ks_clock(), most = ks.head->clock_hz ? ks.head->clock_hz / 50 : 60u << 20;
	int fd = ks_sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
	unsigned n = 1;
	long got;

	read_thread(first_tid, &threads[0]);
	while (fd >= 0 && half && n < THREADS) {
		got = ks_sys(SYS_getdents64, fd, small, half);
		if (got <= 0)
			break;
		for (long at = 0; at < got && n < THREADS && ks_clock() - begin < most;) {
			const struct entry *e = (const struct entry *)(small + at);
			uint32_t tid = (uint32_t)ks_number(e->name, NULL);

			if (!e->size)
				break;
			if (tid && tid != first_tid)
				read_thread(tid, &threads[n++]);
			at += e->size;
		}
	}
	if (fd >= 0)
		ks_sys_close(fd);
	ks_block(KS_BLOCK_THREADS, first_tid, 0, threads, n * sizeof(*threads), true);
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

/* SPDX-License-Identifier: MIT */
/*
 * The trace file: made, mapped, grown.
 *
 * Its space is there before it is used (zeros are written first), so that a full disk shows as
 * an error here and never as a SIGBUS at a store. The descriptor is closed as soon as the file is
 * mapped. It begins with about 1 MiB and grows in pieces up to KSHIM_SIZE. Only raw system
 * calls and no lock: growing is claimed by a flag, and who does not get it goes without.
 *
 * Callers: the constructor, a forked child at its first rare event (also from a signal handler),
 * slow paths of any thread.
 */
#include "shim/recorder.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "shim/release.h"
#include "shim/safe.h"

struct ks ks;

static char zeros[4096];
static void *mapped[KS_MAX_REGIONS];	/* begin of each region */

unsigned ks_regions(void)
{
	return ks.head ? __atomic_load_n(&ks.head->region_count, __ATOMIC_ACQUIRE) : 0;
}

struct ks_region *ks_region(unsigned i)
{
	return (struct ks_region *)((char *)ks.head + KS_REGION_TABLE) + i;
}

void *ks_region_at(unsigned i)
{
	return mapped[i];
}

uint64_t ks_offset_of(const void *at)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		uintptr_t d = (uintptr_t)at - (uintptr_t)mapped[i];

		if (d < r->size)
			return r->offset + d;
	}
	return 0;
}

static uint64_t clock_ns(int which)
{
	struct timespec t = { 0, 0 };

	ks_sys(SYS_clock_gettime, which, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void ks_clock_mark(void)
{
	if (!ks.head)
		return;
	ks.head->last_clock = ks_clock();
	ks.head->last_realtime = clock_ns(CLOCK_REALTIME);
	ks.head->last_monotonic = clock_ns(CLOCK_MONOTONIC);
}

/* kshim-20261125T082211.123456Z-4711.trace; civil date from days: H. Hinnant, chrono-compatible
 * low-level date algorithms (public domain), https://howardhinnant.github.io/date_algorithms.html */
static char *put_name(char *p, char *end, uint64_t realtime, int pid)
{
	uint64_t seconds = realtime / 1000000000u;
	uint64_t z = seconds / 86400 + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;

	p = ks_put(p, end, "kshim-");
	p = ks_put_dec(p, end, yoe + era * 400 + (month <= 2), 4);
	p = ks_put_dec(p, end, month, 2);
	p = ks_put_dec(p, end, doy - (153 * mp + 2) / 5 + 1, 2);
	p = ks_put(p, end, "T");
	p = ks_put_dec(p, end, seconds / 3600 % 24, 2);
	p = ks_put_dec(p, end, seconds / 60 % 60, 2);
	p = ks_put_dec(p, end, seconds % 60, 2);
	p = ks_put(p, end, ".");
	p = ks_put_dec(p, end, realtime / 1000 % 1000000, 6);
	p = ks_put(p, end, "Z-");
	p = ks_put_dec(p, end, (uint64_t)pid, 1);
	return ks_put(p, end, ".trace");
}

/* A link that another user may turn elsewhere is not followed. */
static bool trusted(const struct stat *st)
{
	return !S_ISLNK(st->st_mode) || st->st_uid == 0 || st->st_uid == (uid_t)ks_sys(SYS_geteuid);
}

/* Makes the directory and what is missing above it, for the owner alone. */
static int make_directory(const char *dir)
{
	char path[sizeof(ks.config.dir)];
	struct stat st;
	size_t i;
	int rc;

	if (dir[0] != '/')
		return -EINVAL;
	for (i = 0; i < sizeof(path) - 1 && dir[i]; i++) {
		path[i] = dir[i];
		path[i + 1] = '\0';
		if (!i || (dir[i + 1] && dir[i + 1] != '/') || path[i] == '/')
			continue;
		rc = ks_sys_stat(path, &st, AT_SYMLINK_NOFOLLOW);
		if (rc == -ENOENT && i < ks.config.made_below)
			return rc;
		if (rc == -ENOENT)
			ks_sys(SYS_mkdirat, AT_FDCWD, path, 0700);
		else if (rc == 0 && !trusted(&st))
			return -EPERM;
	}
	rc = ks_sys_stat(dir, &st, 0);
	if (rc < 0)
		return rc;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != 0 && st.st_uid != (uid_t)ks_sys(SYS_geteuid))
		return -EPERM;
	if ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))
		return -EPERM;
	return 0;
}

/* May the file reach this size, and the process map so much more? */
static bool allowed(uint64_t file_size, uint64_t more)
{
	uint64_t space = ks_limit(RLIMIT_AS);

	if (file_size > ks.config.size || file_size > ks_limit(RLIMIT_FSIZE))
		return false;
	if (space != UINT64_MAX) {
		char statm[128];
		uint64_t used = 0;

		if (ks_read_file("/proc/thread-self/statm", statm, sizeof(statm)) > 0)
			used = ks_number(statm, NULL) * 4096;
		if (used >= space || more > (space - used) / 64)
			return false;
	}
	return true;
}

/* Whole pages of them, but where the kernel has written less than it was asked to. */
static int write_zeros(int fd, uint64_t offset, uint64_t size)
{
	static const struct iovec pages[64] = { [0 ... 63] = { zeros, sizeof(zeros) } };

	while (size) {
		const uint64_t left = sizeof(zeros) - offset % sizeof(zeros);
		long done;

		if (left < sizeof(zeros) || size < sizeof(zeros))
			done = ks_sys(SYS_pwrite64, fd, zeros, left < size ? left : size, offset);
		else
			done = ks_sys(SYS_pwritev, fd, pages, size / sizeof(zeros) < 64 ? size / sizeof(zeros) : 64, offset, 0);
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int)done : -ENOSPC;
		offset += (uint64_t)done;
		size -= (uint64_t)done;
	}
	return 0;
}

/* What is mapped of traces, of the parent's, too: known without a look at them. */
static struct piece {
	uintptr_t at;
	size_t size;
} pieces[KS_MAX_REGIONS];
static unsigned npieces;

static void *map_file(int fd, uint64_t offset, uint64_t size)
{
	long at = ks_sys(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (at < 0 && at > -4096)
		return NULL;
	if (npieces < KS_MAX_REGIONS)
		pieces[npieces++] = (struct piece){ (uintptr_t)at, size };
	return (void *)at;
}

/* --- the first part of a trace --- */

struct plan {
	uint32_t kind, slot, stride, count;
	uint64_t aux0;
};

#define RING(slots)	(uint32_t)(sizeof(struct ks_ring_head) + (slots) * (uint32_t)KS_RING_SLOT)
#define LANE(n, bytes)	(uint32_t)(sizeof(struct ks_ring_head) + (n) * (uint32_t)(bytes))

/* What a trace has from the begin; strides of a single entry stand for the whole region. */
static const struct plan plans[] = {
	{ KS_REGION_RING, KS_RING_SLOT, RING(2048), 1, 0 },
	{ KS_REGION_RARE, KS_RARE_SLOT, LANE(2048, KS_RARE_SLOT), 1, 1024 },
	{ KS_REGION_STRINGS, 0, 1, 192 << 10, 0 },
	{ KS_REGION_MODULES, 0, sizeof(struct ks_module), 256, 0 },
	{ KS_REGION_THREADS, 0, sizeof(struct ks_thread), 256, 0 },
	{ KS_REGION_CHECKPOINTS, sizeof(struct ks_checkpoint), LANE(512, sizeof(struct ks_checkpoint)), 1, 128 },
	{ KS_REGION_OUTPUT, 1, LANE(64 << 10, 1), 1, 0 },
	{ KS_REGION_CRASH, 0, 1, 96 << 10, 0 },
	{ KS_REGION_RING, KS_RING_SLOT, RING(256), 4, 0 },
};
#define NPLANS	(sizeof(plans) / sizeof(plans[0]))

static uint64_t plan_offset(unsigned i)		/* each region begins on its own 64 bytes */
{
	uint64_t at = KS_HEADER_SIZE;

	for (unsigned k = 0; k < i; k++)
		at += ((uint64_t)plans[k].stride * plans[k].count + 63) & ~63ull;
	return at;
}

static void lay_out(char *base)
{
	for (unsigned i = 0; i < NPLANS; i++) {
		struct ks_region *r = ks_region(i);

		r->kind = plans[i].kind;
		r->slot = plans[i].slot;
		r->offset = plan_offset(i);
		r->size = (uint64_t)plans[i].stride * plans[i].count;
		r->stride = plans[i].stride;
		r->count = plans[i].count;
		r->aux[0] = plans[i].aux0;
		mapped[i] = base + r->offset;
		if (r->kind == KS_REGION_RARE) {
			ks.rare = mapped[i];
		} else if (r->kind == KS_REGION_CHECKPOINTS) {
			ks.checkpoints = mapped[i];
		} else if (r->kind == KS_REGION_OUTPUT) {
			ks.output = mapped[i];
			ks.output_size = r->size - sizeof(struct ks_ring_head);
		} else if (r->kind == KS_REGION_CRASH) {
			ks.crash = mapped[i];
			ks.crash_room = r->size - sizeof(struct ks_crash);
		}
	}
	__atomic_store_n(&ks.head->region_count, NPLANS, __ATOMIC_RELEASE);
}

static void fill_header(struct ks_header *h, uint64_t realtime)
{
	memcpy(h->magic, KS_MAGIC, sizeof(h->magic));
	h->header_size = KS_HEADER_SIZE;
	h->version = KS_VERSION;
	h->endian = KS_ENDIAN;
	h->word_size = sizeof(void *);
	h->arch = KS_ARCH_HERE;
	h->region_offset = KS_REGION_TABLE;
	h->region_stride = sizeof(struct ks_region);
	memcpy(h->build, KSHIM_RELEASE, sizeof(KSHIM_RELEASE));
	h->pid = (uint32_t)ks.pid;
	h->ppid = (uint32_t)ks_sys(SYS_getppid);
	h->start_clock = ks_clock();
	h->start_realtime = realtime;
	h->start_monotonic = clock_ns(CLOCK_MONOTONIC);
	h->last_clock = h->start_clock;
	h->last_realtime = realtime;
	h->last_monotonic = h->start_monotonic;
}

/* The header comes first: whenever the process is killed from here on, this is a trace. */
static int open_file(uint64_t size, uint64_t realtime)
{
	static union {
		struct ks_header header;
		char page[KS_HEADER_SIZE];
	} first;
	int fd, rc;
	struct stat st;

	memset(&first, 0, sizeof(first));
	fill_header(&first.header, realtime);

	fd = ks_sys_open(ks.path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	rc = (int)ks_sys(SYS_pwrite64, fd, &first, sizeof(first), 0);
	rc = rc == sizeof(first) ? write_zeros(fd, sizeof(first), size - sizeof(first)) : rc < 0 ? rc : -ENOSPC;
	if (rc == 0 && ks_sys_fstat(fd, &st) == 0) {
		ks.dev = st.st_dev;
		ks.inode = st.st_ino;
		return fd;
	}
	ks_sys_close(fd);
	ks_sys(SYS_unlinkat, AT_FDCWD, ks.path, 0);
	return rc ? rc : -EIO;
}

void ks_open(void)
{
	uint64_t size = (plan_offset(NPLANS) + 4095) & ~4095ull;
	uint64_t realtime = clock_ns(CLOCK_REALTIME);
	char *p, *end = ks.path + sizeof(ks.path);
	int fd;
	void *base;

	ks.pid = ks_sys_getpid();
	ks.head = NULL;
	ks.path[0] = '\0';
	if (!allowed(size, size) || make_directory(ks.config.dir) < 0)
		return;
	p = ks_put(ks.path, end, ks.config.dir);
	p = ks_put(p, end, "/");
	p = put_name(p, end, realtime, ks.pid);
	fd = open_file(size, realtime);
	if (fd < 0)
		goto none;
	base = map_file(fd, 0, size);
	ks_sys_close(fd);
	if (!base) {
		ks_sys(SYS_unlinkat, AT_FDCWD, ks.path, 0);
		goto none;
	}
	ks_text_begin();
	ks.head = base;
	lay_out(base);
	/* Linux 4.14 and later; before that ks_mine() keeps the rare events out. */
	ks_sys(SYS_madvise, &ks, sizeof(ks.wiped), MADV_WIPEONFORK);
	ks_forked_from = ks.head;
	ks.on = true;
	return;
none:
	ks.path[0] = '\0';
}

/* --- the end of a trace that somebody has cut off, or that its server has lost --- */

static bool replace(const struct piece *p)
{
	return ks_sys(SYS_mmap, p->at, p->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) > 0;
}

bool ks_trace_lost(uintptr_t address)
{
	unsigned i = 0;

	while (i < npieces && address - pieces[i].at >= pieces[i].size)
		i++;
	if (i == npieces)
		return false;
	ks.on = ks.chosen = false;
	for (i = 0; i < npieces; i++) {
		if (!replace(&pieces[i]))
			return false;
	}
	if (ks.head)			/* who is in the middle of an event finds his way */
		lay_out((char *)ks.head);
	return true;
}

/* --- growth --- */

static void *grow(uint32_t kind, uint32_t slot, uint32_t stride, uint32_t count, uint64_t aux0)
{
	uint64_t size = (uint64_t)stride * count, room = (size + 4095) & ~4095ull, offset;
	unsigned n = ks_regions();
	struct ks_region *r = ks_region(n);
	struct stat st;
	void *at = NULL;
	int fd;

	if (n >= KS_MAX_REGIONS)
		return NULL;
	fd = ks_sys_open(ks.path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	if (ks_sys_fstat(fd, &st) < 0 || st.st_dev != ks.dev || st.st_ino != ks.inode)
		goto out;
	offset = ((uint64_t)st.st_size + 4095) & ~4095ull;
	if (!allowed(offset + room, room) || write_zeros(fd, offset, room) < 0)
		goto out;
	at = map_file(fd, offset, room);
	if (!at)
		goto out;
	*r = (struct ks_region){ kind, slot, offset, size, stride, count, { aux0, 0, 0, 0 } };
	mapped[n] = at;
	__atomic_store_n(&ks.head->region_count, n + 1, __ATOMIC_RELEASE);
out:
	ks_sys_close(fd);
	return at;
}

void *ks_grow(enum ks_region_kind kind, uint32_t stride, uint32_t count, uint64_t aux0)
{
	void *at = NULL;

	if (!ks.on || ks.crashing || !ks_mine())
		return NULL;
	if (__atomic_exchange_n(&ks.growing, 1, __ATOMIC_ACQUIRE))
		return NULL;
	at = grow(kind, kind == KS_REGION_RING ? KS_RING_SLOT : 0, stride, count, aux0);
	__atomic_store_n(&ks.growing, 0, __ATOMIC_RELEASE);
	return at;
}

/* --- blocks --- */

/*
 * A block of memory ends earlier where its next page cannot be read (glibc 2.42 and later make guard
 * pages inside a mapping): its head must say so, or all that follows in the file is lost.
 */
static void shorten(int fd, uint64_t written, struct ks_block *b)
{
	struct stat st;
	int again = ks_sys_open(ks.path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	ks_sys(SYS_write, fd, zeros, -written & 7);
	b->size = written - sizeof(*b);
	if (again >= 0 && ks_sys_fstat(again, &st) == 0)
		ks_sys(SYS_pwrite64, again, b, sizeof(*b), (uint64_t)st.st_size - ((written + 7) & ~7ul));
	if (again >= 0)
		ks_sys_close(again);
}

static int append(struct ks_block *b, const void *data)
{
	struct iovec iov[3] = {
		{ b, sizeof(*b) }, { (void *)data, b->size }, { zeros, (size_t)(-b->size & 7) },
	};
	struct stat st;
	int fd = ks_sys_open(ks.path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0);
	long n = -EIO;

	if (fd < 0)
		return fd;
	if (ks_sys_fstat(fd, &st) == 0 && st.st_dev == ks.dev && st.st_ino == ks.inode &&
	    (uint64_t)st.st_size + b->size + sizeof(*b) + 8 <= ks_limit(RLIMIT_FSIZE))
		n = ks_sys(SYS_writev, fd, iov, 3);
	if (n >= (long)sizeof(*b) && n < (long)(sizeof(*b) + b->size))
		shorten(fd, (uint64_t)n, b);
	ks_sys_close(fd);
	return n < 0 ? (int)n : 0;
}

int ks_block(enum ks_block_kind kind, uint32_t tid, uint64_t address, const void *data, size_t size, bool inside)
{
	struct ks_block b = { KS_BLOCK_MAGIC, kind, tid, address, size, ks_clock(), 0 };
	size_t whole = sizeof(b) + ((size + 7) & ~7ul);

	if (!ks.head)
		return -ENODEV;
	if (inside && whole <= ks.crash_room) {
		uint64_t at = __atomic_load_n(&ks.crash->block_size, __ATOMIC_RELAXED);

		if (at + whole <= ks.crash_room) {
			char *to = (char *)(ks.crash + 1) + at;

			memcpy(to + sizeof(b), data, size);
			memcpy(to, &b, sizeof(b));
			__atomic_store_n(&ks.crash->block_size, at + whole, __ATOMIC_RELEASE);
			return 0;
		}
	}
	return append(&b, data);
}

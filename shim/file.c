/* SPDX-License-Identifier: MIT */
/*
 * The trace file: made, mapped, grown.
 *
 * Its space is there before it is used (zeros are written first), so that a full disk shows as
 * an error here and never as a SIGBUS at a store. The descriptor is closed as soon as the file is
 * mapped. It begins with 1 MiB and grows in pieces up to KSHIM_SIZE. Of the first MiB only what a
 * short process needs has its space at once: zeros for all of it take 0.2 ms, and some more to
 * remove. Who writes further asks ks_ready(); the rest comes then, or at the first full checkpoint.
 * Only raw system calls and no lock: growing is claimed by a flag, and who does not get it goes
 * without.
 *
 * Callers: the constructor, a forked child at its first rare event (also from a signal handler),
 * slow paths of any thread.
 */
#include "shim/recorder.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "shim/claim.h"
#include "shim/release.h"
#include "shim/safe.h"
#include "shim/space.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000	/* Linux 4.17; before it is only a wish */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23	/* Linux 5.14 */
#endif

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
	uint32_t first;		/* bytes of it that have their space at once, in whole pages */
};

#define RING(slots)	(uint32_t)(sizeof(struct ks_ring_head) + (slots) * (uint32_t)KS_RING_SLOT)
#define LANE(n, bytes)	(uint32_t)(sizeof(struct ks_ring_head) + (n) * (uint32_t)(bytes))

/* What a trace has from the begin; strides of a single entry stand for the whole region. */
static const struct plan plans[] = {
	[KS_FIRST_RING]		= { KS_REGION_RING, KS_RING_SLOT, RING(2048), 1, 0, 8192 },
	[KS_FIRST_RARE]		= { KS_REGION_RARE, KS_RARE_SLOT, LANE(2048, KS_RARE_SLOT), 1, 1024, 16384 },
	[KS_FIRST_STRINGS]	= { KS_REGION_STRINGS, 0, 1, 192 << 10, 0, 16384 },
	[KS_FIRST_MODULES]	= { KS_REGION_MODULES, 0, sizeof(struct ks_module), 256, 0, 16384 },
	[KS_FIRST_THREADS]	= { KS_REGION_THREADS, 0, sizeof(struct ks_thread), 256, 0, 4096 },
	[KS_FIRST_CHECKPOINTS]	= { KS_REGION_CHECKPOINTS, sizeof(struct ks_checkpoint),
				    LANE(512, sizeof(struct ks_checkpoint)), 1, 128, 4096 },
	[KS_FIRST_OUTPUT]	= { KS_REGION_OUTPUT, 1, LANE(64 << 10, 1), 1, 0, 4096 },
	[KS_FIRST_CRASH]	= { KS_REGION_CRASH, 0, 1, 96 << 10, 0, 4096 },
	[KS_FIRST_RINGS]	= { KS_REGION_RING, KS_RING_SLOT, RING(256), 4, 0, 0 },
};
#define NPLANS	(sizeof(plans) / sizeof(plans[0]))

static uint64_t plan_size(unsigned i)
{
	return (uint64_t)plans[i].stride * plans[i].count;
}

static uint64_t plan_offset(unsigned i)		/* each region begins on a page of its own, where pages are small */
{
	uint64_t at = KS_HEADER_SIZE;

	for (unsigned k = 0; k < i; k++)
		at += (plan_size(k) + 4095) & ~4095ull;
	return at;
}

/* End of the part of region i that has its space at once: the page that it ends in is whole. */
static uint64_t first_end(unsigned i)
{
	const uint64_t page = getauxval(AT_PAGESZ) ?: 4096, end = plan_offset(i) + plan_size(i);
	uint64_t at = (plan_offset(i) + plans[i].first + page - 1) & -page;

	if (!plans[i].first)
		return plan_offset(i);
	return at < end ? at : end;
}

static void lay_out(char *base)
{
	for (unsigned i = 0; i < NPLANS; i++) {
		struct ks_region *r = ks_region(i);

		r->kind = plans[i].kind;
		r->slot = plans[i].slot;
		r->offset = plan_offset(i);
		r->size = plan_size(i);
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
			ks.crash_room = first_end(i) - r->offset - sizeof(struct ks_crash);
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
	rc = rc == sizeof(first) ? ks_space_write(fd, size - 4096, 4096) : rc < 0 ? rc : -ENOSPC;
	for (unsigned i = 0; i < NPLANS && rc == 0; i++)
		rc = ks_space_write(fd, plan_offset(i), first_end(i) - plan_offset(i));
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
	uint64_t size = plan_offset(NPLANS);
	uint64_t realtime = clock_ns(CLOCK_REALTIME);
	char *p, *end = ks.path + sizeof(ks.path);
	int fd;
	void *base;

	ks.pid = ks_sys_getpid();
	ks.head = NULL;
	ks.path[0] = '\0';
	if (!ks_space_allowed(size, size) || make_directory(ks.config.dir) < 0)
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

/* --- the rest of it: by the plans, for the table in the trace may be overwritten --- */

static void rest_is_there(void)
{
	ks.crash_room = plan_size(KS_FIRST_CRASH) - sizeof(struct ks_crash);
	__atomic_store_n(&ks.whole, true, __ATOMIC_RELEASE);
}

/* The file under its name, as long as that is still ours. */
static int open_again(struct stat *st)
{
	int fd = ks_sys_open(ks.path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	if (ks_sys_fstat(fd, st) == 0 && st->st_dev == ks.dev && st->st_ino == ks.inode)
		return fd;
	ks_sys_close(fd);
	return -ESTALE;
}

/* By writing, which is the quickest; by the mapping, where the process cannot open its file any more (it has
 * changed its user, or its root). */
static bool make_space(void)
{
	struct stat st;
	int fd = ks_limit(RLIMIT_FSIZE) < plan_offset(NPLANS) ? -EFBIG : open_again(&st), rc = 0;

	for (unsigned i = 0; i < NPLANS && rc == 0; i++) {
		const uint64_t from = first_end(i), page = getauxval(AT_PAGESZ) ?: 4096;
		const uint64_t size = plan_offset(i) + plan_size(i) - from;
		const uintptr_t at = (uintptr_t)ks.head + from;

		if (fd >= 0)
			rc = ks_space_write(fd, from, size);
		else if (size)
			rc = (int)ks_sys(SYS_madvise, at & -page, (at & (page - 1)) + size, MADV_POPULATE_WRITE);
	}
	if (fd >= 0)
		ks_sys_close(fd);
	return rc == 0;
}

bool ks_make_whole(void)
{
	static uint32_t failed;		/* generation + 1 */
	struct ks_mark mark;

	if (ks.whole || !ks.on || failed == ks.generation + 1 || !ks_mine())
		return ks.whole;
	if (!ks_claim(&ks.growing, &mark))
		return false;
	if (ks.whole || make_space())
		rest_is_there();
	else
		failed = ks.generation + 1;
	ks_claim_end(&ks.growing, &mark);
	return ks.whole;
}

uint64_t ks_ready_size(unsigned region)
{
	return region >= NPLANS ? ks_region(region)->size : ks.whole ? plan_size(region) : first_end(region) - plan_offset(region);
}

/* Asked for early, so that others find room while one makes more. */
bool ks_ready_slowly(unsigned region, uint64_t size)
{
	const uint64_t first = region < NPLANS ? first_end(region) - plan_offset(region) : UINT64_MAX;

	return size <= first / 2 || ks_make_whole() || size <= first;
}

/* --- the end of a trace that somebody has cut off, or that its server has lost --- */

static bool replace(uintptr_t at, size_t size, int how)
{
	return ks_sys(SYS_mmap, at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0) > 0;
}

bool ks_trace_lost(uintptr_t address, bool unmapped)
{
	const uintptr_t page = getauxval(AT_PAGESZ) ?: 4096;
	unsigned i = 0;

	while (i < npieces && address - pieces[i].at >= pieces[i].size)
		i++;
	if (i == npieces)
		return false;
	ks.on = ks.chosen = false;
	if (unmapped)			/* the program may have put something else on its other pages */
		return replace(address & -page, page, MAP_FIXED_NOREPLACE);
	for (i = 0; i < npieces; i++) {
		if (!replace(pieces[i].at, pieces[i].size, MAP_FIXED))
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
	int fd = n < KS_MAX_REGIONS ? open_again(&st) : -ENOSPC;

	if (fd < 0)
		return NULL;
	offset = ((uint64_t)st.st_size + 4095) & ~4095ull;
	if (!ks_space_allowed(offset + room, room) || ks_space_write(fd, offset, room) < 0)
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
	struct ks_mark mark;
	void *at = NULL;

	if (!ks.on || ks.crashing || !ks_mine())
		return NULL;
	if (!ks_claim(&ks.growing, &mark))
		return NULL;
	at = grow(kind, kind == KS_REGION_RING ? KS_RING_SLOT : 0, stride, count, aux0);
	ks_claim_end(&ks.growing, &mark);
	return at;
}

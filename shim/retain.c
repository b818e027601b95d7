/* SPDX-License-Identifier: MIT */
/*
 * Keeps the directory of the traces small: as many files, bytes and days as the configuration allows.
 *
 * Looked after by one of sixteen processes that start, as the clock decides (nothing has to be kept
 * for that), and for some milliseconds at most: what is left is for the next one.
 * First go the recordings of good ends, then deaths that were read (kshim-analyze marks them), then
 * deaths that nobody has read; within each the oldest. A process that runs keeps its own, and one
 * that may run where we cannot see it (another container, another machine) for a day.
 *
 * Context: the constructor. Raw system calls; memory from mmap, given back.
 */
#include "shim/recorder.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>

#include "shim/safe.h"

#define ONE_OF		16		/* processes that start looks */
#define MOST		4096		/* traces that one look knows of */
#define LOOK_NS		10000000ull	/* for finding out what is there */
#define REMOVE_NS	5000000ull	/* and for removing */
#define NAME		64
#define DAY		86400ull

enum class { GOOD, READ, UNREAD, RUNNING };

struct item {
	char name[NAME];
	uint64_t born;			/* seconds since 1970, of its last change */
	uint64_t bytes;
	enum class class;
};

struct sweep {
	int dir;
	uint64_t now, deadline;		/* seconds since 1970; ns of the monotonic clock */
	uint64_t bytes;
	bool all_known;			/* what became of each */
	size_t n;
	struct item item[MOST];
};

static uint64_t clock_of(int which)
{
	struct timespec t = { 0, 0 };

	ks_sys(SYS_clock_gettime, which, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool out_of_time(const struct sweep *s)
{
	return clock_of(CLOCK_MONOTONIC) > s->deadline;
}

static bool is_trace(const char *name)
{
	size_t n = strlen(name);

	return n > 12 && n < NAME && memcmp(name, "kshim-", 6) == 0 && memcmp(name + n - 6, ".trace", 6) == 0;
}

static void add(struct sweep *s, const char *name)
{
	struct item *item = &s->item[s->n];
	struct stat st;

	if (ks_sys(SYS_newfstatat, s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return;
	memcpy(item->name, name, strlen(name) + 1);
	item->born = (uint64_t)st.st_mtim.tv_sec;
	item->bytes = (uint64_t)st.st_blocks * 512;
	item->class = RUNNING;
	s->bytes += item->bytes;
	s->n++;
}

static void find(struct sweep *s)
{
	char entries[8192];
	long got;

	while (s->n < MOST && !out_of_time(s)) {
		got = ks_sys(SYS_getdents64, s->dir, entries, sizeof(entries));
		if (got <= 0)
			return;
		for (long at = 0; at < got && s->n < MOST;) {
			const struct ks_entry *e = (const struct ks_entry *)(entries + at);

			if (!e->size)
				return;
			if (is_trace(e->name))
				add(s, e->name);
			at += e->size;
		}
	}
}

/* --- which may go --- */

/* Another container's process cannot be asked for: it may run. */
static bool runs(const struct ks_header *h)
{
	if (memcmp(h->boot_id, ks.head->boot_id, sizeof(h->boot_id)) != 0)
		return false;
	if (h->pid_namespace && ks.head->pid_namespace && h->pid_namespace != ks.head->pid_namespace)
		return true;
	return ks_sys(SYS_kill, h->pid, 0) != -ESRCH;
}

static void classify(struct sweep *s, struct item *item)
{
	int fd = (int)ks_sys(SYS_openat, s->dir, item->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	struct ks_header h;

	memset(&h, 0, sizeof(h));
	if (fd < 0)
		return;
	if (ks_sys_pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.magic, KS_MAGIC, sizeof(h.magic)) != 0)
		item->class = RUNNING;		/* not ours: left alone */
	else if (h.end_kind == KS_END_EXEC || (h.end_kind == KS_END_EXIT && !h.end_code))
		item->class = GOOD;
	else if (h.end_kind == KS_END_NONE && (runs(&h) || s->now - item->born < DAY))
		item->class = RUNNING;
	else if (h.end_kind == KS_END_SEALED)
		item->class = runs(&h) ? RUNNING : GOOD;
	else
		item->class = h.read_time ? READ : UNREAD;
	ks_sys_close(fd);
}

static bool goes_before(const struct item *a, const struct item *b)
{
	return a->class != b->class ? a->class < b->class : a->born < b->born;
}

static bool is_older(const struct item *a, const struct item *b)
{
	return a->born < b->born;
}

/* Shell's sort: nothing of libc, no recursion. */
static void sort(struct sweep *s, bool (*before)(const struct item *, const struct item *))
{
	struct item moving;

	for (size_t gap = s->n / 2; gap; gap /= 2) {
		for (size_t i = gap; i < s->n; i++) {
			size_t at = i;

			memcpy(&moving, &s->item[i], sizeof(moving));
			for (; at >= gap && before(&moving, &s->item[at - gap]); at -= gap)
				memcpy(&s->item[at], &s->item[at - gap], sizeof(moving));
			memcpy(&s->item[at], &moving, sizeof(moving));
		}
	}
}

static bool too_old(const struct sweep *s, const struct item *item)
{
	return ks.config.max_age && s->now > item->born && s->now - item->born > ks.config.max_age;
}

static bool above(uint64_t n, uint64_t most)
{
	return most && n > most;
}

/* Above the limits; once that is so, room is made for some more, so that not every start sweeps. */
static bool too_many(uint64_t files, uint64_t bytes, bool room)
{
	uint64_t most_files = ks.config.max_files, most_bytes = ks.config.max_bytes;

	return above(files, most_files - (room ? most_files / 16 : 0)) || above(bytes, most_bytes - (room ? most_bytes / 16 : 0));
}

/* An unread death stays where a good end may be among those that there was no time to look at; but not without limit. */
static bool may_go(const struct sweep *s, const struct item *item)
{
	return item->class != UNREAD || s->all_known ||
	       above(s->n, 2 * ks.config.max_files) || above(s->bytes, 2 * ks.config.max_bytes);
}

static void remove_some(struct sweep *s)
{
	uint64_t files = s->n;
	const bool many = too_many(files, s->bytes, false);

	for (size_t i = 0; i < s->n && s->item[i].class != RUNNING && !out_of_time(s); i++) {
		const struct item *item = &s->item[i];

		if (!too_old(s, item) && !(many && too_many(files, s->bytes, true) && may_go(s, item)))
			continue;
		if (ks_sys(SYS_unlinkat, s->dir, item->name, 0) == 0) {
			files--;
			s->bytes -= item->bytes;
		}
	}
}

static void sweep(struct sweep *s)
{
	bool any = false;
	size_t known = 0;

	find(s);
	for (size_t i = 0; i < s->n; i++)
		any |= too_old(s, &s->item[i]);
	if (!any && !too_many(s->n, s->bytes, false))
		return;
	/* Where time runs out, what is not known yet is younger than all that is. */
	sort(s, is_older);
	while (known < s->n && !out_of_time(s))
		classify(s, &s->item[known++]);
	s->all_known = known == s->n && s->n < MOST && !out_of_time(s);
	sort(s, goes_before);
	s->deadline = clock_of(CLOCK_MONOTONIC) + REMOVE_NS;
	remove_some(s);
}

void ks_retain(void)
{
	struct sweep *s;
	long at;

	if (!ks.on || ks.head->start_realtime / 1000 % ONE_OF ||
	    (!ks.config.max_files && !ks.config.max_bytes && !ks.config.max_age))
		return;
	at = ks_sys(SYS_mmap, NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0 && at > -4096)
		return;
	s = (struct sweep *)at;
	s->now = clock_of(CLOCK_REALTIME) / 1000000000u;
	s->deadline = clock_of(CLOCK_MONOTONIC) + LOOK_NS;
	s->dir = ks_sys_open(ks.config.dir, O_RDONLY | O_DIRECTORY, 0);
	if (s->dir >= 0) {
		sweep(s);
		ks_sys_close(s->dir);
	}
	ks_sys(SYS_munmap, s, sizeof(*s));
}

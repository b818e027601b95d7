/* SPDX-License-Identifier: MIT */
/* See other.h. */
#include "shim/other.h"

#include <dirent.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "shim/claim.h"
#include "shim/safe.h"
#include "shim/surroundings.h"

#define OPENED_AT_MOST 200 /* traces that a new kernel looks into for its predecessor */

bool ks_other_read(const struct ks_other *o, uint64_t offset, void *to, size_t size)
{
	return ks_sys_pread(o->fd, to, size, offset) == (long)size;
}

void ks_other_close(struct ks_other *o)
{
	if (o->fd >= 0)
		ks_sys_close(o->fd);
	o->fd = -1;
}

static bool ours(int fd, struct stat *st)
{
	return ks_sys_fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	       st->st_uid == (uid_t)ks_sys(SYS_geteuid);
}

static bool open_in(int dir, struct ks_other *o)
{
	struct stat st;

	o->fd = (int)ks_sys(SYS_openat, dir, o->name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (o->fd < 0)
		return false;
	if (ours(o->fd, &st) && ks_other_read(o, 0, &o->head, sizeof(o->head)) &&
	    memcmp(o->head.magic, KS_MAGIC, sizeof(o->head.magic)) == 0 &&
	    o->head.version == KS_VERSION) {
		o->size = (uint64_t)st.st_size;
		return true;
	}
	ks_other_close(o);
	return false;
}

static int open_directory(void)
{
	return ks_sys_open(ks.config.dir, O_RDONLY | O_DIRECTORY, 0);
}

/* Calls each for every trace's name until it returns true. */
KS_APART static bool for_each(int dir, bool (*each)(const char *name, void *data), void *data)
{
	char buffer[1024] __attribute__((aligned(8)));
	long n;

	while ((n = ks_sys(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n;) {
			const struct ks_entry *e = (const void *)(buffer + at);

			at += e->size;
			if (strncmp(e->name, "kshim-", 6) == 0 &&
			    strlen(e->name) < sizeof(((struct ks_other *)0)->name) &&
			    each(e->name, data))
				return true;
		}
	}
	return false;
}

struct search {
	char suffix[24]; /* "-4711.trace" */
	char best[64];	 /* names sort by time */
};

static bool newer(const char *name, void *data)
{
	struct search *s = data;
	const size_t n = strlen(name), m = strlen(s->suffix);

	if (n > m && strcmp(name + n - m, s->suffix) == 0 && strcmp(name, s->best) > 0)
		ks_put(s->best, s->best + sizeof(s->best), name);
	return false;
}

KS_APART bool ks_other_find(struct ks_other *o, int pid, int parent)
{
	struct search s = {.best = ""};
	char *end = s.suffix + sizeof(s.suffix);
	int dir = open_directory();
	bool found = false;

	o->fd = -1;
	if (dir < 0)
		return false;
	ks_put(ks_put_dec(ks_put(s.suffix, end, "-"), end, (uint64_t)pid, 1), end, ".trace");
	for_each(dir, newer, &s);
	if (s.best[0]) {
		memcpy(o->name, s.best, sizeof(o->name));
		found = open_in(dir, o);
	}
	ks_sys_close(dir);
	/* A number that was used before: not a child of ours, or of one that had our number. */
	if (found && ((int)o->head.pid != pid || (parent && (int)o->head.ppid != parent) ||
		      (ks.head && parent && o->head.start_realtime < ks.head->start_realtime))) {
		ks_other_close(o);
		found = false;
	}
	return found;
}

void ks_other_text(const struct ks_other *o, uint64_t at, char *to, size_t size)
{
	uint32_t length;

	to[0] = '\0';
	if (!at || !ks_other_read(o, at, &length, sizeof(length)))
		return;
	if (length > size - 1)
		length = (uint32_t)size - 1;
	if (!ks_other_read(o, at + offsetof(struct ks_string, data), to, length))
		length = 0;
	to[length] = '\0';
}

bool ks_other_region(const struct ks_other *o, unsigned i, struct ks_region *r)
{
	const struct ks_header *h = &o->head;

	return i < h->region_count && i < KS_MAX_REGIONS && h->region_stride == sizeof(*r) &&
	       ks_other_read(o, h->region_offset + (uint64_t)i * sizeof(*r), r, sizeof(*r));
}

bool ks_other_region_of(const struct ks_other *o, enum ks_region_kind kind, struct ks_region *r)
{
	for (unsigned i = 0; ks_other_region(o, i, r); i++)
		if (r->kind == (uint32_t)kind)
			return true;
	return false;
}

KS_APART void ks_other_module(const struct ks_other *o, uint64_t address, char *to, size_t size)
{
	struct ks_region r;
	struct ks_module m[4];
	char path[1024], *name;

	to[0] = '\0';
	for (unsigned i = 0; ks_other_region(o, i, &r); i++) {
		for (uint32_t k = 0; r.kind == KS_REGION_MODULES && k + 4 <= r.count; k += 4) {
			if (!ks_other_read(o, r.offset + (uint64_t)k * sizeof(*m), m, sizeof(m)) ||
			    !m[0].state)
				break;
			for (unsigned j = 0; j < 4; j++) {
				if (m[j].state != 2 || address < m[j].start || address >= m[j].end)
					continue;
				ks_other_text(o, m[j].path, path, sizeof(path));
				name = strrchr(path, '/');
				ks_put(to, to + size, name ? name + 1 : path);
				return;
			}
		}
	}
}

KS_APART bool ks_other_event(const struct ks_other *o, enum ks_event event, struct ks_slot *slot,
		    uint64_t *fields, unsigned n)
{
	char buffer[16 * KS_RARE_SLOT] __attribute__((aligned(8)));
	struct ks_region r;
	uint64_t best = 0;

	if (!ks_other_region_of(o, KS_REGION_RARE, &r) || r.slot != KS_RARE_SLOT)
		return false;
	for (uint64_t at = sizeof(struct ks_ring_head); at + sizeof(buffer) <= r.size;
	     at += sizeof(buffer)) {
		if (!ks_other_read(o, r.offset + at, buffer, sizeof(buffer)))
			break;
		for (unsigned k = 0; k < 16; k++) {
			const struct ks_slot *s = (const void *)(buffer + k * KS_RARE_SLOT);

			if (!s->seq || s->event != event || s->time < best)
				continue;
			best = s->time;
			*slot = *s;
			memset(fields, 0, n * sizeof(*fields));
			memcpy(fields, s->field,
			       (s->nfields < n ? s->nfields : n) * sizeof(*fields));
		}
	}
	return best != 0;
}

KS_APART void ks_other_info(const struct ks_other *o, const char *key, char *to, size_t size)
{
	char slot[KS_RARE_SLOT] __attribute__((aligned(8))), name[32];
	const struct ks_slot *s = (const void *)slot;
	struct ks_region r;

	to[0] = '\0';
	if (!ks_other_region_of(o, KS_REGION_RARE, &r) || r.slot != KS_RARE_SLOT)
		return;
	for (uint64_t i = 0; i < 64; i++) {
		if (!ks_other_read(o, r.offset + sizeof(struct ks_ring_head) + i * sizeof(slot),
				   slot, sizeof(slot)) ||
		    !s->seq)
			return;
		if (s->event != KS_info)
			continue;
		ks_other_text(o, s->field[0], name, sizeof(name));
		if (strcmp(name, key) == 0) {
			ks_other_text(o, s->field[1], to, size);
			return;
		}
	}
}

/* --- a witness's record --- */

static bool has_witness(const struct ks_other *o)
{
	struct ks_block b;

	return o->size > sizeof(b) + sizeof(struct ks_witness) &&
	       ks_other_read(o, o->size - sizeof(b) - sizeof(struct ks_witness), &b, sizeof(b)) &&
	       b.magic == KS_BLOCK_MAGIC && b.kind == KS_BLOCK_WITNESS;
}

uint64_t ks_realtime(void)
{
	struct timespec t = {0, 0};

	ks_sys(SYS_clock_gettime, CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct room {
	struct ks_cgroup cgroup;
	char packed[2 * KS_CGROUP_DIR + 8];
};

/* Counters of the cgroup that the dead process named; where that is gone, ours are no substitute.
 */
static void read_cgroup(const struct ks_other *o, struct ks_witness *w, struct room *room)
{
	ks_other_text(o, o->head.cgroup, room->packed, sizeof(room->packed));
	if (ks_cgroup_unpack(&room->cgroup, room->packed)) {
		w->cg_oom_kill = ks_cgroup_oom_kill(&room->cgroup);
		w->cg_usage = ks_cgroup_usage(&room->cgroup);
		w->cg_limit = room->cgroup.limit;
	}
	w->sys_oom_kill = ks_system_oom_kill();
	if (w->kind == 1)
		ks_counters_before(room->packed, w);
}

KS_APART static void read_cgroup_here(const struct ks_other *o, struct ks_witness *w)
{
	struct room room;

	read_cgroup(o, w, &room);
}

/* Whoever comes while another one is at it needs more stack. */
static void read_counters(const struct ks_other *o, struct ks_witness *w)
{
	static struct room room;
	static uint64_t taken;
	struct ks_mark mark;
	uint64_t swap;

	w->cg_usage = w->cg_limit = w->cg_oom_kill = UINT64_MAX;
	if (ks_claim(&taken, &mark)) {
		read_cgroup(o, w, &room);
		ks_claim_end(&taken, &mark);
	} else {
		read_cgroup_here(o, w);
	}
	ks_system_memory(&w->mem_available, &swap);
}

KS_APART bool ks_other_witness(const struct ks_other *o, struct ks_witness *w)
{
	struct ks_block b = {KS_BLOCK_MAGIC,
			     KS_BLOCK_WITNESS,
			     (uint32_t)ks_sys_gettid(),
			     0,
			     sizeof(*w),
			     ks_clock(),
			     0};
	struct iovec iov[2] = {{&b, sizeof(b)}, {w, sizeof(*w)}};
	struct stat st, was;
	char comm[32];
	int dir, fd;
	bool written = false;

	if (has_witness(o))
		return false;
	read_counters(o, w);
	if (!w->realtime)
		w->realtime = ks_realtime();
	if (ks_read_file("/proc/self/comm", comm, sizeof(comm)) > 0) {
		*strchrnul(comm, '\n') = '\0';
		memcpy(w->name, comm, sizeof(w->name));
	}
	dir = open_directory();
	if (dir < 0)
		return false;
	fd = (int)ks_sys(SYS_openat, dir, o->name,
			 O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	ks_sys_close(dir);
	if (fd < 0)
		return false;
	if (ours(fd, &st) && ks_sys_fstat(o->fd, &was) == 0 && st.st_ino == was.st_ino &&
	    st.st_dev == was.st_dev &&
	    (uint64_t)st.st_size + sizeof(b) + sizeof(*w) <= ks_limit(RLIMIT_FSIZE))
		written = ks_sys(SYS_writev, fd, iov, 2) == (long)(sizeof(b) + sizeof(*w));
	ks_sys_close(fd);
	return written;
}

KS_APART void ks_other_remove(const char *name)
{
	struct ks_other o;
	int dir = open_directory();

	if (dir < 0)
		return;
	ks_put(o.name, o.name + sizeof(o.name), name);
	if (name[0] && open_in(dir, &o)) {
		ks_sys(SYS_unlinkat, dir, o.name, 0);
		ks_other_close(&o);
	}
	ks_sys_close(dir);
}

/* --- the kernel before this one --- */

struct before {
	int dir;
	unsigned opened;
	const char *connection;
	struct ks_other found; /* the newest that fits */
};

static bool gone(const struct ks_header *h)
{
	char path[32], text[512];
	char *end = path + sizeof(path);
	const char *p;

	ks_put(ks_put_dec(ks_put(path, end, "/proc/"), end, h->pid, 1), end, "/stat");
	if (ks_read_file(path, text, sizeof(text)) <= 0)
		return true;
	p = strrchr(text, ')');
	if (p && (p[2] == 'Z' || p[2] == 'X'))
		return true;
	for (unsigned i = 2; p && i < 22; i++)
		p = strchr(p + 1, ' ');
	return p && ks_number(p + 1, NULL) != h->start_ticks; /* the number was used again */
}

static bool is_before(const char *name, void *data)
{
	struct before *b = data;
	struct ks_other o;
	char connection[512];

	if (b->found.fd >= 0 && strcmp(name, b->found.name) < 0)
		return false;
	ks_put(o.name, o.name + sizeof(o.name), name);
	if (!open_in(b->dir, &o))
		return false;
	b->opened++;
	if (o.head.connection && o.head.end_kind == KS_END_NONE && (int)o.head.pid != ks.pid &&
	    memcmp(o.head.boot_id, ks.head->boot_id, sizeof(o.head.boot_id)) == 0) {
		ks_other_text(&o, o.head.connection, connection, sizeof(connection));
		if (strcmp(connection, b->connection) == 0 && gone(&o.head)) {
			ks_other_close(&b->found);
			b->found = o;
			return b->opened >= OPENED_AT_MOST;
		}
	}
	ks_other_close(&o);
	return b->opened >= OPENED_AT_MOST;
}

void ks_other_predecessor(const char *connection)
{
	struct before b = {.connection = connection, .found.fd = -1};
	struct ks_witness w = {.pid = (uint32_t)ks.pid, .kind = 2, .status = -1};

	b.dir = open_directory();
	if (b.dir < 0)
		return;
	for_each(b.dir, is_before, &b);
	ks_sys_close(b.dir);
	if (b.found.fd >= 0)
		ks_other_witness(&b.found, &w);
	ks_other_close(&b.found);
}

/* SPDX-License-Identifier: MIT */
/*
 * A trace made up from /proc, for a process that lives and has none: its program, its arguments,
 * its begin, and, of a forked child, what its parent's trace says of the fork. See live.h.
 */
#include "analyzer/live_private.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/elf.h"
#include "analyzer/events.h"

#define MOST_SLOTS 64

struct making {
	struct text bytes;
	uint32_t pid;
	uint64_t clock;
	struct slot slot[MOST_SLOTS];
	unsigned n;
	bool guessed;
};

static uint64_t keep(struct making *k, const char *s, size_t n)
{
	const struct ks_string head = {(uint32_t)n, KS_STRING_TEXT};
	static const char zeros[8];
	uint64_t at;

	at = k->bytes.n;
	text_add_n(&k->bytes, (const char *)&head, sizeof(head));
	text_add_n(&k->bytes, s, n);
	text_add_n(&k->bytes, zeros, -k->bytes.n & 7);
	return at;
}

static void put_info(struct making *k, const char *key, const char *value)
{
	struct slot *s = &k->slot[k->n++];

	*s = (struct slot){.time = k->clock, .tid = k->pid, .event = KS_info, .nfields = 2};
	s->field[FIELD_INDEX(info, key)] = keep(k, key, strlen(key));
	s->field[FIELD_INDEX(info, value)] = keep(k, value, strlen(value));
}

/* Arguments as the recorder writes them: joined, quoted where a shell would need it (shim/args.c).
 */
static void put_argv(struct making *k)
{
	char all[4096];
	size_t n = proc_read(k->pid, "cmdline", all, sizeof(all));
	struct text line = {0};

	for (size_t i = 0; i < n; i += strlen(all + i) + 1) {
		bool plain = all[i] && strcspn(all + i, " '\\\"\n\t") == strlen(all + i);

		text_add(&line, i ? " " : "");
		if (plain) {
			text_add(&line, all + i);
			continue;
		}
		text_char(&line, '\'');
		for (const char *p = all + i; *p; p++)
			text_add(&line, *p == '\'' ? "'\\''" : (const char[]){*p, '\0'});
		text_char(&line, '\'');
	}
	put_info(k, "argv", text_get(&line));
	text_free(&line);
}

/* What the child has from its parent: handlers of signals, as they were at the fork. */
static void put_handlers(struct making *k, const struct trace *t, uint64_t forked)
{
	for (size_t i = 0; i < t->nslots && k->n < MOST_SLOTS - 1; i++) {
		const struct slot *from = &t->slots[i];

		if (from->event != KS_handler_set || from->time > forked)
			continue;
		k->slot[k->n] = *from;
		k->slot[k->n].tid = k->pid;
		k->slot[k->n++].time = k->clock;
	}
}

/* What the parent's trace says of the fork that made this process, as the child's own first event.
 */
static void put_fork(struct making *k, struct ks_header *h, const char *path)
{
	const char *why;
	struct trace *t = path ? trace_open(path, &why) : NULL;

	for (size_t i = 0; t && i < t->nslots; i++) {
		const struct slot *from = &t->slots[i];
		struct slot *s = &k->slot[k->n];

		if (from->event != KS_fork || from->field[FIELD_INDEX(fork, result)] != k->pid)
			continue;
		*s = (struct slot){
			.time = k->clock, .tid = k->pid, .event = KS_child_of, .nfields = 4};
		s->field[FIELD_INDEX(child_of, parent)] = t->header.pid;
		s->field[FIELD_INDEX(child_of, threads)] = from->field[FIELD_INDEX(fork, threads)];
		h->parent_pid = t->header.pid;
		h->parent_start = t->header.start_realtime;
		k->n++;
		put_handlers(k, t, from->time);
		break;
	}
	trace_close(t);
}

unsigned live_forked(uint32_t pid, const struct live_stat *s)
{
	char own[1024], other[1024], path[32];
	struct live_stat parent;
	struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	if (!s->code || !s->stack || !live_stat_read(s->ppid, &parent) || parent.code != s->code ||
	    parent.stack != s->stack || !proc_link(pid, "exe", own, sizeof(own)) ||
	    !proc_link(s->ppid, "exe", other, sizeof(other)) || strcmp(own, other) != 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/task", s->ppid);
	dir = opendir(path);
	while (dir && (d = readdir(dir)))
		n += d->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* The same from /proc alone: addresses that are chosen anew at each exec are the parent's. */
static void guess_fork(struct making *k, struct ks_header *h, const struct live_stat *s)
{
	unsigned threads = live_forked(k->pid, s);
	struct slot *to = &k->slot[k->n];

	if (!threads || h->parent_pid)
		return;
	*to = (struct slot){.time = k->clock, .tid = k->pid, .event = KS_child_of, .nfields = 4};
	to->field[FIELD_INDEX(child_of, parent)] = s->ppid;
	to->field[FIELD_INDEX(child_of, threads)] = threads;
	h->parent_pid = s->ppid;
	k->guessed = true;
	k->n++;
}

/* When a process began, ns since 1970: its start is counted from the boot. */
static uint64_t start_time(uint64_t ticks)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return (uint64_t)(now.tv_sec - up.tv_sec) * 1000000000u +
	       (uint64_t)(now.tv_nsec - up.tv_nsec) +
	       ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static unsigned arch_of(uint32_t pid)
{
	char path[32];
	struct elf e;
	unsigned arch = KS_ARCH_X86_64;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	if (elf_open(&e, path)) {
		arch = e.head.e_machine;
		elf_close(&e);
	}
	return arch;
}

struct trace *live_make(uint32_t pid, const struct live_stat *s, const char *parent,
			const char **why)
{
	struct making k = {.pid = pid};
	struct ks_header h = {
		.magic = KS_MAGIC,
		.header_size = KS_HEADER_SIZE,
		.version = KS_VERSION,
		.endian = KS_ENDIAN,
		.word_size = 8,
		.arch = (uint16_t)arch_of(pid),
		.region_offset = KS_REGION_TABLE,
		.region_stride = sizeof(struct ks_region),
		.region_count = 1,
		.pid = pid,
		.ppid = s->ppid,
		.clock_hz = 1000000000u,
		.start_ticks = s->start,
		.start_realtime = start_time(s->start),
	};
	struct ks_region r = {
		.kind = KS_REGION_STRINGS, .offset = KS_HEADER_SIZE, .stride = 1, .count = 1};
	static const char page[KS_HEADER_SIZE];
	char exe[4096], name[64];
	struct trace *t;

	h.last_realtime = h.start_realtime;
	text_add_n(&k.bytes, page, sizeof(page));
	if (proc_link(pid, "exe", exe, sizeof(exe)))
		put_info(&k, "exe", exe);
	put_argv(&k);
	put_fork(&k, &h, parent);
	guess_fork(&k, &h, s);
	r.size = k.bytes.n - r.offset;
	memcpy(k.bytes.s, &h, sizeof(h));
	memcpy(k.bytes.s + KS_REGION_TABLE, &r, sizeof(r));
	snprintf(name, sizeof(name), "/proc/%u", pid);
	t = trace_from_memory(name, k.bytes.s, k.bytes.n, why);
	if (!t) {
		text_free(&k.bytes);
		return NULL;
	}
	arena_own(&t->arena, k.bytes.s);
	t->live = arena_alloc(&t->arena, sizeof(*t->live));
	t->live->fork_guessed = k.guessed;
	for (unsigned i = 0; i < k.n; i++) {
		t->slots = grow(t->slots, t->nslots, &t->slot_room, sizeof(*t->slots));
		t->slots[t->nslots++] = k.slot[i];
	}
	return t;
}

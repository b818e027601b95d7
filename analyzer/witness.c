/* SPDX-License-Identifier: MIT */
/*
 * The analyzer as a witness: a process that vanished without a word, on this very boot of this
 * machine. Its cgroup's counters are read as they are now, and the kernel's log is asked for
 * a line about its pid. Traces of another boot, or of a container that we cannot look into from
 * here, are left alone: the same paths and pids mean something else there.
 *
 * The paths come from the trace, which anybody may have written: only regular files of a cgroup
 * file system are read.
 */
#include "analyzer/model_private.h"
#include "analyzer/live.h"
#include "analyzer/process.h"
#include "analyzer/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define INITIAL_PID_NAMESPACE "4026531836" /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

static bool read_text(const char *path, char *to, size_t size)
{
	int fd = reach_open(path);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool this_boot(const struct ks_header *h)
{
	static const uint8_t unknown[16];
	char text[64], *p = text;

	if (memcmp(h->boot_id, unknown, sizeof(unknown)) == 0 ||
	    !read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text)))
		return false;
	for (int i = 0; i < 16; i++, p += 2) {
		unsigned byte;

		p += *p == '-';
		if (sscanf(p, "%2x", &byte) != 1 || byte != h->boot_id[i])
			return false;
	}
	return true;
}

static bool same_namespace(const struct model *m, const char *key, const char *path)
{
	const char *then = model_info(m, key);
	struct stat st;

	return then && reach_stat(path, &st) == 0 && strtoull(then, NULL, 10) == st.st_ino;
}

/* --- counters --- */

/* No link to somewhere else. */
static bool is_plain(const char *path)
{
	struct stat st;
	bool plain = reach_begin(path);

	if (plain) {
		plain = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
		reach_end();
	}
	return plain;
}

static bool read_file_system(const char *path, struct statfs *fs)
{
	bool done = reach_begin(path);

	if (done) {
		done = statfs(path, fs) == 0;
		reach_end();
	}
	return done;
}

static uint64_t counter(const char *dir, const char *file, const char *word)
{
	char path[1024], text[4096], *end;
	const char *p = text;
	struct statfs fs;
	unsigned long long n;

	if (!dir || snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return UNKNOWN;
	if (!is_plain(path) || !read_file_system(path, &fs) ||
	    (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC) || !read_text(path, text, sizeof(text)))
		return UNKNOWN;
	while (word && strncmp(p, word, strlen(word)) != 0) {
		p = strchr(p, '\n');
		if (!p)
			return UNKNOWN;
		p++;
	}
	p += word ? strlen(word) : 0;
	n = strtoull(p, &end, 10);
	return end == p || n >= 0x7fffffff00000000u ? UNKNOWN : n;
}

static uint64_t line_of(const char *path, const char *word, uint64_t unit)
{
	char text[16384];
	const char *p;

	if (!read_text(path, text, sizeof(text)))
		return UNKNOWN;
	p = strstr(text, word);
	return p ? strtoull(p + strlen(word), NULL, 10) * unit : UNKNOWN;
}

static void look(struct model *m)
{
	const char *version = model_info(m, "cgroup_version"),
		   *dir = model_info(m, "cgroup_memory"),
		   *limited = model_info(m, "cgroup_limited");
	const bool v2 = version && *version == '2';
	struct witness *w;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	m->witnesses = realloc(m->witnesses, (m->nwitnesses + 1) * sizeof(*m->witnesses));
	if (!m->witnesses)
		abort();
	w = &m->witnesses[m->nwitnesses++];
	*w = (struct witness){
		.raw =
			{
				.pid = (uint32_t)getpid(),
				.kind = 3,
				.status = -1,
				.realtime =
					(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
				.cg_oom_kill =
					counter(dir, v2 ? "memory.events" : "memory.oom_control",
						"oom_kill "),
				.cg_usage = counter(limited ? limited : dir,
						    v2 ? "memory.current" : "memory.usage_in_bytes",
						    NULL),
				.cg_limit =
					counter(limited ? limited : dir,
						v2 ? "memory.max" : "memory.limit_in_bytes", NULL),
				.sys_oom_kill = line_of("/proc/vmstat", "\noom_kill ", 1),
				.mem_available = line_of("/proc/meminfo", "MemAvailable:", 1024),
				.name = "kshim-analyze",
			},
		.name = "kshim-analyze",
	};
}

/* --- the kernel's log --- */

/* Lines about OOM kills; read once, since --list asks for many traces. */
static struct log {
	bool read;
	uint64_t first; /* microseconds since boot of the oldest record there is */
	size_t n;
	struct kill {
		uint64_t at;
		char text[400];
	} kill[64]; /* the newest */
} kernel_log;

/* A record of /dev/kmsg: "priority,sequence,microseconds,flags;text"
 * (Documentation/ABI/testing/dev-kmsg). */
static const struct log *read_log(void)
{
	struct log *l = &kernel_log;
	char record[8192], *text;
	unsigned long long at;
	ssize_t n;
	int fd;

	if (l->read)
		return l;
	l->read = true;
	l->first = UNKNOWN;
	fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return l;
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		record[n > 0 ? n : 0] = '\0';
		text = strchr(record, ';');
		if (!text || sscanf(record, "%*u,%*u,%llu", &at) != 1)
			continue;
		if (l->first == UNKNOWN)
			l->first = at;
		if (!strstr(text, "Killed process "))
			continue;
		text[strcspn(text, "\n")] = '\0';
		l->kill[l->n % 64].at = at;
		snprintf(l->kill[l->n % 64].text, sizeof(l->kill[0].text), "%s", text + 1);
		l->n++;
	}
	close(fd);
	return l;
}

static void ask_log(struct model *m)
{
	const uint64_t begin =
		m->header->start_monotonic / 1000; /* the log's clock: since boot, without sleep */
	const struct log *l = read_log();
	char needle[64];

	snprintf(needle, sizeof(needle), "Killed process %u (", m->pid);
	m->oom_log_whole = l->first <= begin && l->n <= 64;
	for (size_t i = 0; i < l->n && i < 64; i++)
		if (l->kill[i].at + 1000000 >= begin && strstr(l->kill[i].text, needle))
			m->oom_line = arena_clean(&private_of(m)->arena, l->kill[i].text,
						  strlen(l->kill[i].text));
}

/* The memory of a process that lives, as it is now. */
static void look_alive(struct model *m, const struct live *live)
{
	const char *version = model_info(m, "cgroup_version"), *dir = model_info(m, "cgroup_limited");
	const bool v2 = version && *version == '2';

	if (!dir)
		dir = model_info(m, "cgroup_memory");
	m->checkpoints = realloc(m->checkpoints, (m->ncheckpoints + 1) * sizeof(*m->checkpoints));
	if (!m->checkpoints)
		abort();
	m->checkpoints[m->ncheckpoints++] = (struct checkpoint){
		.time = live->now - m->started,
		.reason = KS_CHECK_WITNESS,
		.threads = (unsigned)live->ntasks,
		.tid = m->pid,
		.rss = live->rss ? live->rss : UNKNOWN,
		.vsize = live->vsize ? live->vsize : UNKNOWN,
		.heap_alloc = UNKNOWN,
		.heap_free = UNKNOWN,
		.cg_pids = UNKNOWN,
		.swap_free = UNKNOWN,
		.cg_oom_kill = UNKNOWN,
		.sys_oom_kill = UNKNOWN,
		.cg_usage = counter(dir, v2 ? "memory.current" : "memory.usage_in_bytes", NULL),
		.cg_limit = counter(dir, v2 ? "memory.max" : "memory.limit_in_bytes", NULL),
		.mem_available = line_of("/proc/meminfo", "MemAvailable:", 1024),
	};
}

void build_own_look(struct model *m)
{
	const char *space = model_info(m, "pid_namespace");

	if (model_live(m)) {
		look_alive(m, model_live(m));
		return;
	}
	if (m->header->end_kind != KS_END_NONE || m->crash.present || process_alive(m->header) ||
	    !this_boot(m->header))
		return;
	if (same_namespace(m, "mnt_namespace", "/proc/self/ns/mnt") ||
	    same_namespace(m, "pid_namespace", "/proc/self/ns/pid"))
		look(m);
	/* The log has pids as the machine itself sees them. */
	if (space && strcmp(space, INITIAL_PID_NAMESPACE) == 0)
		ask_log(m);
}

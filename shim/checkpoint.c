/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: how much memory this process, its cgroup and the machine use, on the way.
 *
 * There is no timer and no thread: events and slow paths of the heap call here. Each checkpoint
 * measures what it cost and the next one is not taken before a thousand times that (0.1 % of
 * the time), so it slows down by itself where files are slow. What counts is the CPU time, since a
 * cgroup with little of it may be stopped for 100 ms in the middle; of all time it takes 5 % at most.
 * Most are light (our own pages and the cgroup's), also the one at the start; twice a second, at
 * the first growth and whenever the reason is not growth, all counters are read. The first growth, the
 * ends and failures of a process do not wait.
 *
 * Context: any thread, signal handlers, the crash path. Who comes while another thread is at work
 * goes without.
 */
#include "shim/surroundings.h"

#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>

#include "shim/claim.h"
#include "shim/safe.h"

#define SHARE 1000 /* a checkpoint may take one part in so many of the time */
#define WALL_SHARE 20 /* with what others did in it */
#define UNKNOWN UINT64_MAX

static struct {
	uint64_t busy;		  /* somebody is at work (shim/claim.h) */
	uint32_t full;		  /* generation + 1 that has taken a full one */
	uint64_t next, next_full; /* clock: not before */
	char text[4096];
} state;

static uint64_t page_size(void)
{
	uint64_t n = getauxval(AT_PAGESZ);

	return n ? n : 4096;
}

KS_APART void ks_system_memory(uint64_t *available, uint64_t *swap_free)
{
	char text[640];		/* both are in the first lines */
	uint64_t kib;

	*available = *swap_free = UNKNOWN;
	if (ks_read_file("/proc/meminfo", text, sizeof(text)) <= 0)
		return;
	kib = ks_line_number(text, "MemAvailable:");
	*available = kib == UNKNOWN ? UNKNOWN : kib << 10;
	kib = ks_line_number(text, "SwapFree:");
	*swap_free = kib == UNKNOWN ? UNKNOWN : kib << 10;
}

/* In pieces, for the file has 6 KiB: those who ask may have little stack. */
KS_APART uint64_t ks_system_oom_kill(void)
{
	char text[512];
	size_t kept = 0;
	uint64_t found = UNKNOWN;
	const int fd = ks_sys_open("/proc/vmstat", O_RDONLY, 0);
	long n;

	while (fd >= 0 && found == UNKNOWN && (n = ks_sys_read(fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
		char *line;

		text[kept + (size_t)n] = '\0';
		line = strrchr(text, '\n');
		if (!line)
			break;
		*line = '\0';
		found = ks_line_number(text, "oom_kill ");
		kept = strlen(line + 1);
		memmove(text, line + 1, kept);
	}
	if (fd >= 0)
		ks_sys_close(fd);
	return found;
}

/* Totals over all threads that have counters. */
static void add_heap(struct ks_checkpoint *c)
{
	unsigned n = ks_regions();

	c->heap_alloc = c->heap_free = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_thread *t = ks_region_at(i);

		for (uint32_t k = 0; r->kind == KS_REGION_THREADS && k < r->count && t[k].state;
		     k++) {
			c->heap_alloc += t[k].alloc_bytes;
			c->heap_free += t[k].free_bytes;
		}
	}
}

/*
 * The cgroups are looked for at the first full checkpoint of a trace, which costs 100 µs that a
 * short-lived process need not pay, and again when the process was moved. Only with state.busy.
 */
static void follow_cgroup(void)
{
	static uint32_t was, done; /* hash of the membership; generation + 1 */
	const bool first = done != ks.generation + 1;
	uint32_t now = 2166136261u; /* FNV-1a */

	if (ks.crashing && !first)
		return;
	if (ks_read_file("/proc/self/cgroup", state.text, sizeof(state.text)) <= 0)
		return;
	for (const char *p = state.text; *p; p++)
		now = (now ^ (uint8_t)*p) * 16777619u;
	if (now == was && !first)
		return;
	was = now;
	done = ks.generation + 1;
	ks_cgroup_record(state.text);
	if (first)
		ks_facts_soon();
}

/* RLIMIT_CPU ends with SIGKILL, of which nothing else tells. */
static uint32_t cpu_ms(void)
{
	struct timespec t = {0, 0};

	ks_sys(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static void measure(struct ks_checkpoint *c, bool full)
{
	char text[128];
	const char *p = text;

	c->rss = c->vsize = c->cg_usage = c->cg_oom_kill = UNKNOWN;
	c->sys_oom_kill = c->mem_available = c->swap_free = c->cg_pids = UNKNOWN;
	c->cg_limit = ks_cgroup.limit;
	c->cpu_ms = full ? cpu_ms() : 0;
	if (ks_read_file("/proc/thread-self/statm", text, sizeof(text)) > 0) {
		c->vsize = ks_number(p, &p) * page_size();
		c->rss = ks_number(p + 1, NULL) * page_size();
	}
	if (ks_cgroup.memory[0]) {
		c->cg_usage = ks_cgroup_usage(&ks_cgroup);
		c->cg_oom_kill = ks_cgroup_oom_kill(&ks_cgroup);
	}
	add_heap(c);
	if (!full)
		return;
	if (ks_cgroup.limited[0])
		ks_cgroup.limit = c->cg_limit = ks_cgroup_number(
			ks_cgroup.limited, ks_cgroup.v2 ? "/memory.max" : "/memory.limit_in_bytes");
	ks_system_memory(&c->mem_available, &c->swap_free);
	c->sys_oom_kill = ks_system_oom_kill();
	if (ks_cgroup.pids[0])
		c->cg_pids = ks_cgroup_number(ks_cgroup.pids, "/pids.current");
}

static void publish(const struct ks_checkpoint *c)
{
	uint64_t n, count, keep;
	struct ks_checkpoint *to;
	unsigned i = 0;

	while (ks_region(i)->kind != KS_REGION_CHECKPOINTS)
		i++; /* every trace has one (shim/file.c) */
	count = (ks_region(i)->size - sizeof(*ks.checkpoints)) / sizeof(*c);
	keep = ks_region(i)->aux[0];
	n = __atomic_fetch_add(&ks.checkpoints->next, 1, __ATOMIC_RELAXED);
	if (!ks_ready(KS_FIRST_CHECKPOINTS, sizeof(*ks.checkpoints) + (n + 1) * sizeof(*c)))
		return;
	to = (struct ks_checkpoint *)(ks.checkpoints + 1) +
	     (n < keep ? n : keep + (n - keep) % (count - keep));
	__atomic_store_n(&to->seq, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)to + sizeof(to->seq), (const char *)c + sizeof(c->seq),
	       sizeof(*c) - sizeof(c->seq));
	__atomic_store_n(&to->seq, (uint32_t)(n + 1), __ATOMIC_RELEASE);
}

/* May one be taken now, and may it be a full one? The clock of a machine that was moved jumps. */
static bool due(enum ks_checkpoint_reason reason, uint64_t now, bool *full)
{
	const bool grows = reason == KS_CHECK_HEAP && state.full != ks.generation + 1,
		   patient = (reason == KS_CHECK_HEAP && !grows) || reason == KS_CHECK_EVENT;

	*full = reason != KS_CHECK_START &&
		(!patient || now >= state.next_full || state.next_full - now > 1ull << 36);
	return !patient || now >= state.next || state.next - now > 1ull << 36;
}

static uint64_t cpu_ns(void)
{
	struct timespec t = {0, 0};

	ks_sys(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Ticks of the clock until the next one, after one of so many ticks and so much CPU time. */
static uint64_t wait_for(uint64_t ticks, uint64_t ns)
{
	const struct ks_header *h = ks.head;
	const uint64_t lived = (h->last_monotonic - h->start_monotonic) >> 10;
	uint64_t own = lived ? (ns * ((h->last_clock - h->start_clock) / lived)) >> 10 : ticks;

	if (own > ticks)
		own = ticks;
	return own * SHARE > ticks * WALL_SHARE ? own * SHARE : ticks * WALL_SHARE;
}

KS_APART void ks_checkpoint(enum ks_checkpoint_reason reason)
{
	uint64_t begin = ks_clock(), once, cpu, cost;
	struct ks_checkpoint c;
	struct ks_mark mark;
	bool full;

	if (!ks.on || !due(reason, begin, &full) || !ks_mine() || !ks_claim(&state.busy, &mark))
		return;
	if (full)
		follow_cgroup();
	once = ks_clock(); /* what is done once does not count */
	cpu = cpu_ns();
	memset(&c, 0, sizeof(c));
	c.reason = (uint16_t)reason;
	c.time = begin;
	c.tid = ks_tid();
	c.threads = ks.head->threads > UINT16_MAX ? UINT16_MAX : (uint16_t)ks.head->threads;
	measure(&c, full);
	publish(&c);
	ks_clock_mark();
	cost = wait_for(ks_clock() - once, cpu_ns() - cpu);
	state.next = begin + cost;
	if (full) {
		state.full = ks.generation + 1;
		state.next_full = begin + cost * 8;
	} else if (reason == KS_CHECK_START) {	/* some 50 ms: a short process has nothing of what it costs */
		state.next_full = begin + cost * 3;
	}
	ks_claim_end(&state.busy, &mark);
}

/* Fields of /proc/self/stat behind the command's closing parenthesis; the first is number 3. */
static uint64_t stat_field(const char *text, unsigned number)
{
	const char *p = strrchr(text, ')');

	for (unsigned i = 2; p && i < number; i++) {
		p = strchr(p + 1, ' ');
	}
	return p ? ks_number(p + 1, NULL) : UNKNOWN;
}

KS_APART void ks_memory_now(struct ks_memory *m)
{
	char text[512];
	uint64_t swap;
	struct ks_mark mark;

	m->rss = m->vsize = m->threads = UNKNOWN;
	if (ks_read_file("/proc/self/stat", text, sizeof(text)) > 0) {
		m->threads = stat_field(text, 20);
		m->vsize = stat_field(text, 23);
		m->rss = stat_field(text, 24);
		if (m->rss != UNKNOWN)
			m->rss *= page_size();
	}
	ks_system_memory(&m->mem_available, &swap);
	m->as_limit = ks_limit(RLIMIT_AS);
	m->nproc_limit = ks_limit(RLIMIT_NPROC);
	if (!ks_cgroup.memory[0] && !ks_cgroup.pids[0] && ks.on && ks_claim(&state.busy, &mark)) {
		follow_cgroup();
		ks_claim_end(&state.busy, &mark);
	}
	m->pids_current = ks_cgroup_number(ks_cgroup.pids, "/pids.current");
	m->pids_max = ks_cgroup.pids_max;
}

/* SPDX-License-Identifier: MIT */
/*
 * A child has ended badly: what its parent can say about it.
 *
 * The counters that tell an OOM kill from any other SIGKILL are read at once, before the cgroup is
 * gone, and go into the child's own trace; ours gets the end and the name of that trace. A
 * Jupyter server, nbclient or papermill says one line on its stderr when it was a kernel that it
 * had not asked to stop (KSHIM_SAY). Called by the wait family: any thread, also a SIGCHLD handler.
 */
#include "hooks/process.h"

#include "shim/other.h"
#include "shim/safe.h"
#include "shim/surroundings.h"

/* --- is this a program that runs kernels for people? --- */

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool imported(const char *module)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);

		if (r->kind != KS_REGION_RING)
			continue;
		for (uint64_t at = 0; at + KS_RING_SLOT <= ks_ready_size(i); at += KS_RING_SLOT) {
			const struct ks_slot *s =
				(const void *)((const char *)ks_region_at(i) + at);

			if (s->event == KS_py_import && s->seq && s->nfields &&
			    strcmp(ks_text_at(s->field[0]), module) == 0)
				return true;
		}
	}
	return false;
}

KS_APART static bool runs_kernels(void)
{
	static const char *const names[] = {"jupyter",	 "notebook",  "jlpm", "nbclient",
					    "nbconvert", "papermill", "voila"};
	char line[1024];
	long n = ks_read_file("/proc/self/cmdline", line, sizeof(line));
	const char *arg = line;

	for (unsigned k = 0; k < 4 && arg < line + n; k++, arg += strlen(arg) + 1) {
		const char *name = strrchr(arg, '/') ? strrchr(arg, '/') + 1 : arg;

		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (starts(name, names[i]))
				return true;
	}
	return imported("nbclient") || imported("papermill");
}

/* --- the line --- */

static char *put_signal(char *p, char *end, int signal)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL",   [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
		[SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",   [SIGKILL] = "SIGKILL",
		[SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
		[SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
		[SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS",
	};

	if (signal < (int)(sizeof(names) / sizeof(names[0])) && names[signal])
		return ks_put(p, end, names[signal]);
	return ks_put_dec(ks_put(p, end, "signal "), end, (uint64_t)signal, 1);
}

/* What the child itself recorded about a signal: where. */
KS_APART static char *put_place(char *p, char *end, const struct ks_other *o, int signal)
{
	struct ks_region r;
	struct ks_crash c;
	struct ks_slot slot;
	uint64_t caller = 0;
	char name[128];

	if (!ks_other_region_of(o, KS_REGION_CRASH, &r) ||
	    !ks_other_read(o, r.offset, &c, sizeof(c)) || c.state < KS_CRASH_CONTEXT ||
	    c.signal != signal)
		return p;
	if (signal == SIGABRT)
		ks_other_event(o, KS_abort_call, &slot, &caller, 1);
	else if (c.code > 0) /* by the kernel, for what the thread did there */
		caller = c.pc;
	ks_other_module(o, caller, name, sizeof(name));
	return name[0] ? ks_put(ks_put(p, end, signal == SIGABRT ? " by " : " in "), end, name) : p;
}

KS_APART static char *put_exit(char *p, char *end, const struct ks_other *o, int status)
{
	uint64_t call[3]; /* function, status, caller */
	struct ks_slot slot;
	char function[32] = "exit", name[128] = "";

	if (ks_other_event(o, KS_exit_call, &slot, call, 3)) {
		ks_other_text(o, call[0], function, sizeof(function));
		ks_other_module(o, call[2], name, sizeof(name));
	}
	p = ks_put(ks_put_dec(ks_put(ks_put(p, end, function), end, "("), end, (uint64_t)status, 1),
		   end, ")");
	/* Python calls it for the program: its name explains nothing. */
	return name[0] && !starts(name, "libpython") && !starts(name, "python")
		       ? ks_put(ks_put(p, end, " by "), end, name)
		       : p;
}

/* The last counters that the dead process saw itself; ~0: none. */
KS_APART static uint64_t oom_kills_before(const struct ks_other *o)
{
	struct ks_checkpoint c[8];
	struct ks_region r;
	uint64_t newest = 0, kills = UINT64_MAX;

	if (!ks_other_region_of(o, KS_REGION_CHECKPOINTS, &r))
		return kills;
	for (uint64_t at = sizeof(struct ks_ring_head); at + sizeof(c) <= r.size; at += sizeof(c)) {
		if (!ks_other_read(o, r.offset + at, c, sizeof(c)))
			break;
		for (unsigned k = 0; k < 8; k++) {
			if (c[k].seq && c[k].time >= newest && c[k].cg_oom_kill != UINT64_MAX) {
				newest = c[k].time;
				kills = c[k].cg_oom_kill;
			}
		}
	}
	return kills;
}

/* As analyzer/rules/oom.c: a counter that rose long after its last look may have risen for another. */
static char *put_kill(char *p, char *end, const struct ks_other *o, const struct ks_witness *w)
{
	const uint64_t fresh = 60 * 1000000000ull;
	uint64_t before = oom_kills_before(o);

	if (before == UINT64_MAX || w->cg_oom_kill == UINT64_MAX || w->cg_oom_kill <= before ||
	    w->cg_oom_kill < w->cg_before || (w->doubtful & KS_DOUBTFUL_CGROUP) ||
	    w->realtime - o->head.last_realtime > fresh)
		return p;
	p = ks_put(p, end, " by the OOM killer");
	if (w->cg_limit != UINT64_MAX)
		p = ks_put(ks_put_dec(ks_put(p, end, " (memory limit "), end, w->cg_limit >> 20, 1),
			   end, " MiB)");
	return p;
}

KS_APART static void say(const struct ks_other *o, const struct ks_witness *w)
{
	char line[1024], *end = line + sizeof(line) - 1, *p;
	struct ks_slot slot;
	uint64_t cell;

	p = ks_put_dec(ks_put(line, end, "kshim: kernel "), end, o->head.pid, 1);
	p = ks_put(p, end, " died: ");
	if (WIFEXITED(w->status)) {
		p = put_exit(p, end, o, WEXITSTATUS(w->status));
	} else {
		p = put_signal(p, end, WTERMSIG(w->status));
		p = WTERMSIG(w->status) == SIGKILL ? put_kill(p, end, o, w)
						   : put_place(p, end, o, WTERMSIG(w->status));
	}
	if (ks_other_event(o, KS_py_cell, &slot, &cell, 1))
		p = ks_put_dec(ks_put(p, end, ", cell "), end, cell, 1);
	p = ks_put(ks_put(ks_put(p, end, "; kshim-analyze "), end, ks.config.dir), end, "/");
	p = ks_put(p, end, o->name);
	*p++ = '\n';
	ks_sys_write(2, line, (size_t)(p - line));
}

/* --- the record --- */

/* Which signal of ours ended it, or made it exit, lately: a restart, a shutdown. 0: nobody asked. A
 * pool sends SIGTERM to a worker that has just been killed by somebody else. */
static uint32_t asked_to_stop(const struct ks_witness *w)
{
	const uint64_t patience = 120 * 1000000000ull;

	if (w->realtime - w->signal_time > patience)
		return 0;
	for (int i = 0; i < 4; i++) {
		const int sent = (int)w->signal_sent[i];

		if (WIFSIGNALED(w->status) ? sent == WTERMSIG(w->status)
					   : sent == SIGTERM || sent == SIGHUP || sent == SIGQUIT)
			return (uint32_t)sent;
	}
	return 0;
}

/*
 * Traces of workers that this process stopped itself, as pools and loaders do. They are evidence as
 * long as nobody knows how the whole ends: a worker that hung is stopped too. A program that was
 * started and then ended is another matter: its trace stays.
 */
#define STOPPED 64

static struct {
	uint32_t generation, n;
	char name[STOPPED][sizeof(((struct ks_other *)0)->name)];
} stopped;

KS_APART static bool is_worker(const struct ks_other *o)
{
	char argv[512];

	if ((int)o->head.parent_pid == ks.pid)
		return true;
	/* multiprocessing/spawn.py, joblib's loky/backend/popen_loky_posix.py */
	ks_other_info(o, "argv", argv, sizeof(argv));
	return strstr(argv, "multiprocessing") || strstr(argv, "loky");
}

/* A fork server's worker is stopped by the process that the fork server works for. */
KS_APART static bool stopped_by_our_parent(const struct ks_other *o)
{
	struct ks_region r;
	struct ks_crash c;

	return ks_other_region_of(o, KS_REGION_CRASH, &r) &&
	       ks_other_read(o, r.offset, &c, sizeof(c)) && c.state >= KS_CRASH_CONTEXT &&
	       c.signal == SIGTERM && c.sender_pid && (int)c.sender_pid == (int)ks_sys(SYS_getppid);
}

KS_APART static void remember(const struct ks_other *o)
{
	char *slot;

	if (o->head.connection || !is_worker(o))
		return;
	if (stopped.generation != ks.generation)
		stopped.n = 0;
	stopped.generation = ks.generation;
	slot = stopped.name[__atomic_fetch_add(&stopped.n, 1, __ATOMIC_RELAXED) % STOPPED];
	if (stopped.n > STOPPED)
		ks_other_remove(slot);
	memcpy(slot, o->name, sizeof(o->name));
}

void ks_witness_clean(void)
{
	if (stopped.generation == ks.generation)
		for (uint32_t i = 0; i < stopped.n && i < STOPPED; i++)
			ks_other_remove(stopped.name[i]);
}

/* An end that its trace tells otherwise was another process's: pids are used again. */
static bool agrees(const struct ks_header *h, int status)
{
	if (h->end_kind == KS_END_EXIT)
		return WIFEXITED(status) && WEXITSTATUS(status) == h->end_code;
	if (h->end_kind == KS_END_SIGNAL)
		return WIFSIGNALED(status);
	return true;
}

/* Looking for a trace costs a directory scan: a program whose children exit badly all day does
 * it for a twentieth of its time at the most; several at once may take some of that in advance
 * (ticks of the clock: a fraction of a second). Signals are always looked after. */
#define IN_ADVANCE (1ull << 30)

static bool find(struct ks_other *o, int pid, int status)
{
	static uint64_t next;
	uint64_t begin = ks_clock(), from = next;
	bool found;

	if (begin >= from || from - begin > 1ull << 36)
		from = begin;
	if (!WIFSIGNALED(status) && from - begin > IN_ADVANCE)
		return false;
	found = ks_other_find(o, pid, ks.pid);
	next = from + (ks_clock() - begin) * 20;
	return found;
}

KS_APART static void note_kernel(const struct ks_other *o, int pid, int status)
{
	char connection[512];

	ks_other_text(o, o->head.connection, connection, sizeof(connection));
	KS_EMIT(kernel_end, .pid = pid, .status = status, .connection = ks_text(connection));
}

uint32_t ks_children_failed;

KS_APART void ks_witness_child(int pid, int status)
{
	static uint64_t children;
	struct ks_witness w = {.pid = (uint32_t)ks.pid, .kind = 1, .status = status};
	struct ks_other o = {.fd = -1};
	const bool found = find(&o, pid, status) && agrees(&o.head, status);

	if (WIFEXITED(status))
		__atomic_fetch_add(&ks_children_failed, 1, __ATOMIC_RELAXED);
	if (found) {
		ks_signals_sent_to(pid, w.signal_sent, &w.signal_time);
		w.realtime = ks_realtime();
		w.requested = asked_to_stop(&w);
		if (ks_other_witness(&o, &w) && o.head.connection &&
		    (int)o.head.kernel_parent == ks.pid && ks.config.say && !w.requested &&
		    runs_kernels())
			say(&o, &w);
		if (WIFSIGNALED(status) && ks.config.keep == KS_KEEP_DEATH &&
		    (w.requested || stopped_by_our_parent(&o)))
			remember(&o);
	}
	if (found || ks_child_worth_noting(&children)) {
		KS_EMIT(child_end, .pid = pid, .status = status,
			.trace = found ? ks_text(o.name) : 0);
		if (WIFSIGNALED(status))
			ks_checkpoint(KS_CHECK_WITNESS);
	}
	if (found && o.head.connection)
		note_kernel(&o, pid, status);
	ks_other_close(&o);
}

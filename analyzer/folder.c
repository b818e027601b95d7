/* SPDX-License-Identifier: MIT */
/*
 * Which trace of a directory is meant (design.md 6): the newest bad end of a main process; a
 * child's where no main process ended badly; else the newest main process. A main process is a
 * kernel, or one whose parent is not recorded. Only headers are read here, a few times the whole
 * trace, since there may be thousands.
 *
 * With KSHIM=all there are traces of programs that start Python, too (timeout, bash): Python is the
 * main one there, and what they say of its end (a status of 139) is not what anybody asks about.
 * Helpers of multiprocessing are nobody's main process, whatever ended them.
 */
#include "analyzer/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/decode.h"
#include "analyzer/error.h"
#include "analyzer/model.h"
#include "analyzer/process.h"
#include "analyzer/proof.h"
#include "analyzer/reach.h"
#include "analyzer/rule.h"
#include "analyzer/trace.h"

#define LOOKED_AT	32	/* traces that are opened to find out whether they ended badly */

const char *folder_default(struct arena *a)
{
	const char *given = getenv("KSHIM_DIR"), *state = getenv("XDG_STATE_HOME"),
		   *home = getenv("HOME");

	if (given && given[0] == '~' && (!given[1] || given[1] == '/') && home && *home == '/')
		return arena_printf(a, "%s%s", home, given + 1);	/* as the recorder takes it */
	if (given && *given)
		return arena_text(a, given, strlen(given));
	if (state && *state == '/')
		return arena_printf(a, "%s/kshim", state);
	if (home && *home == '/')
		return arena_printf(a, "%s/.local/state/kshim", home);
	return NULL;
}

static void judge(struct entry *e)
{
	const struct ks_header *h = &e->head;

	e->kernel = h->connection != 0;
	e->alive = (h->end_kind == KS_END_NONE || h->end_kind == KS_END_SEALED) && process_alive(h);
	e->bad = h->end_kind == KS_END_SIGNAL || (h->end_kind == KS_END_EXIT && h->end_code) ||
		 (h->end_kind == KS_END_NONE && !e->alive) ||
		 (h->end_kind == KS_END_EXEC && e->kernel);
	e->ended = header_realtime(h->last_realtime > h->start_realtime ? h->last_realtime :
									  h->start_realtime);
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->ended != y->ended)
		return x->ended > y->ended ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int by_pid(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a,
			   *y = *(const struct entry *const *)b;

	return x->head.pid < y->head.pid ? -1 : x->head.pid > y->head.pid;
}

/* Did this process live when a child of it began? */
static bool lived_at(const struct entry *e, uint64_t realtime)
{
	return e->head.start_realtime <= realtime &&
	       (e->alive || e->ended + 2000000000 >= (int64_t)realtime);
}

static bool is_other(const struct entry *e)
{
	return e->head.role == KS_ROLE_OTHER;
}

/* Marks those whose parent is recorded here too. */
static void mark_children(struct folder *f)
{
	struct entry **sorted = xalloc(f->n, sizeof(*sorted));

	for (size_t i = 0; i < f->n; i++)
		sorted[i] = &f->entry[i];
	qsort(sorted, f->n, sizeof(*sorted), by_pid);
	for (size_t i = 0; i < f->n; i++) {
		struct entry *e = &f->entry[i];
		size_t low = 0, high = f->n;

		while (low < high) {
			size_t mid = (low + high) / 2;

			if (sorted[mid]->head.pid < e->head.ppid)
				low = mid + 1;
			else
				high = mid;
		}
		e->child = e->head.parent_pid != 0;
		for (; low < f->n && sorted[low]->head.pid == e->head.ppid; low++)
			e->child |= sorted[low] != e && lived_at(sorted[low], e->head.start_realtime) &&
				    (is_other(e) || !is_other(sorted[low]));
		e->child &= !e->kernel;
	}
	free(sorted);
}

static bool is_trace_name(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, ".trace") == 0;
}

bool folder_read(struct folder *f, const char *path)
{
	DIR *dir = reach_dir(path);
	struct dirent *d;

	*f = (struct folder){ .path = NULL };
	f->path = arena_text(&f->arena, path, strlen(path));
	if (!dir)
		return false;
	while ((d = readdir(dir))) {
		struct entry *e;
		const char *why;

		if (!is_trace_name(d->d_name))
			continue;
		f->entry = grow(f->entry, f->n, &f->room, sizeof(*f->entry));
		e = &f->entry[f->n];
		*e = (struct entry){ .path = arena_printf(&f->arena, "%s/%s", path, d->d_name) };
		reach_comes_on();
		if (!trace_peek(dirfd(dir), d->d_name, d->d_type == DT_REG, &e->head, &why))
			continue;
		judge(e);
		f->n++;
	}
	reach_dir_close(dir);
	if (f->n)
		qsort(f->entry, f->n, sizeof(*f->entry), newest_first);
	mark_children(f);
	return true;
}

void folder_free(struct folder *f)
{
	free(f->entry);
	arena_free(&f->arena);
	*f = (struct folder){ .path = NULL };
}

/* --- choosing --- */

static const struct entry *parent_of(const struct folder *f, const struct entry *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->entry[i].head.pid == e->head.ppid && &f->entry[i] != e &&
		    lived_at(&f->entry[i], e->head.start_realtime))
			return &f->entry[i];
	return NULL;
}

/* By a signal that the program died of, or handled and ended itself then; 0: none. */
static uint32_t stopped_by(const struct model *m)
{
	bool at_once;
	const struct event *e;

	if (m->ending.kind == END_SIGNAL && m->ending.sender_pid && m->ending.sender_pid != m->pid)
		return m->ending.sender_pid;
	e = end_handed_on(m, &at_once);
	return e ? (uint32_t)FIELD(e, signal_from, pid) : 0;
}

/* Its parent; the process that it was forked from; or, for a worker of a fork server, whom that works for. */
static bool stopped_by_parent(const struct folder *f, const struct entry *e, const struct model *m)
{
	const struct entry *server = parent_of(f, e);
	uint32_t by = stopped_by(m);

	return by && (by == e->head.ppid || by == e->head.parent_pid ||
		      (server && server->head.role == KS_ROLE_HELPER && by == server->head.ppid));
}

/* What only the whole trace tells: a status 0 that nobody asked for, an end that was asked for, a
 * child that its parent ended. */
static bool ended_badly(const struct folder *f, const struct entry *e)
{
	const char *why;
	struct trace *t = trace_open(e->path, &why);
	struct model *m;
	bool bad;

	if (!t)
		return false;
	m = model_build_plain(t);
	bad = m->ending.kind != END_CLEAN && m->ending.kind != END_RUNNING &&
	      m->ending.kind != END_EXEC;
	if (e->child && stopped_by_parent(f, e, m))
		bad = false;
	if (bad && (!e->child || (e->head.parent_pid && m->ending.kind == END_EXIT))) {
		struct verdict v;

		rules_run(m, &v);
		/* os._exit with a status is how a forked child tells its parent something. */
		bad = strcmp(v.best.rule->id, "none") != 0 && !(e->child && strcmp(v.best.rule->id, "exit.by-program") == 0);
		verdict_free(&v);
	}
	model_free(m);
	trace_close(t);
	return bad;
}

/*
 * One of several that a parent (not recorded) had started died by itself, and the parent ended the others: what is asked
 * about is the first.
 */
static const struct entry *sibling_of(const struct folder *f, const struct entry *e)
{
	const char *why;
	struct trace *t = trace_open(e->path, &why);
	struct model *m = t ? model_build_plain(t) : NULL;
	const struct entry *found = NULL;
	bool stopped = m && !e->kernel && stopped_by(m) == e->head.ppid && e->head.ppid;

	for (size_t i = 0; stopped && i < f->n && !found; i++) {
		const struct entry *k = &f->entry[i];

		if (k != e && k->head.ppid == e->head.ppid && k->head.end_kind == KS_END_SIGNAL && !k->kernel &&
		    k->head.end_code != SIGTERM && k->head.end_code != SIGINT && k->head.end_code != SIGHUP &&
		    k->ended >= header_realtime(e->head.start_realtime) && k->ended <= e->ended)
			found = k;
	}
	model_free(m);
	trace_close(t);
	return found ? found : e;
}

/* A server that ends after its kernel died is not what anybody asks about. */
static const struct entry *kernel_of(const struct folder *f, const struct entry *e)
{
	for (size_t i = 0; i < f->n && !e->kernel; i++) {
		const struct entry *k = &f->entry[i];

		if (k->kernel && k->bad && k->head.ppid == e->head.pid &&
		    lived_at(e, k->head.start_realtime))
			return k;
	}
	return e;
}

/* The Python that another program was started for, if that ended badly: e or through others of its
 * kind. */
static const struct entry *python_of(const struct folder *f, const struct entry *e)
{
	for (size_t i = 0; i < f->n && is_other(e); i++) {
		const struct entry *k = &f->entry[i], *p = k;

		if (is_other(k) || !k->bad || k->head.role == KS_ROLE_HELPER)
			continue;
		for (unsigned depth = 0; depth < 8 && p && (p == k || is_other(p)); depth++) {
			p = parent_of(f, p);
			if (p == e)
				return k;
		}
	}
	return e;
}

static const struct entry *newest_bad(const struct folder *f, bool child)
{
	unsigned looked = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct entry *e = &f->entry[i];
		bool doubtful = e->head.end_kind == KS_END_EXIT && !e->head.end_code;

		if (e->child != child || e->alive || (!e->bad && !doubtful) ||
		    e->head.role == KS_ROLE_HELPER)
			continue;
		if (looked++ >= LOOKED_AT ? e->bad && !child : ended_badly(f, e))
			return kernel_of(f, python_of(f, sibling_of(f, e)));
	}
	return NULL;
}

static const struct entry *newest_main(const struct folder *f)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const struct entry *e = &f->entry[i];

		if (!e->child && e->head.role != KS_ROLE_HELPER && (!best || (e->kernel && !best->kernel)))
			best = e;
	}
	return best;
}

const struct entry *folder_choose(struct folder *f, const char **note)
{
	const struct entry *e = newest_bad(f, false);

	*note = NULL;
	if (e)
		return e;
	e = newest_bad(f, true);
	if (e) {
		*note = arena_printf(&f->arena,
				     "a child process died; its parent, process %u, did not",
				     e->head.parent_pid ? e->head.parent_pid : e->head.ppid);
		return e;
	}
	e = newest_main(f);
	if (e)
		*note = "the newest recording; none of them ended badly";
	return e;
}

const struct entry *folder_process(const struct folder *f, uint32_t pid)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const struct entry *e = &f->entry[i];

		if (e->head.pid == pid && (!best || (e->alive && !best->alive)))
			best = e;
	}
	return best;
}

const struct entry *folder_child(const struct folder *f, const struct ks_header *parent,
				 const struct entry *after)
{
	for (size_t i = after ? (size_t)(after - f->entry) + 1 : 0; i < f->n; i++) {
		const struct entry *e = &f->entry[i];
		const struct ks_header *h = &e->head;
		bool forked =
			h->parent_pid == parent->pid && h->parent_start == parent->start_realtime;
		bool started = !h->parent_pid && h->ppid == parent->pid &&
			       h->start_realtime >= parent->start_realtime;

		if ((forked || started) && e->bad && !e->kernel && h->pid != parent->pid)
			return e;
	}
	return NULL;
}

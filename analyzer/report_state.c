/* SPDX-License-Identifier: MIT */
/* Parts of a report about the state that a process was in: what it does now, its last words, its
 * memory. */
#include "analyzer/report_parts.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/events.h"
#include "analyzer/proof.h"
#include "analyzer/words.h"

#define LAST_WORDS	12	/* lines of fd 2 */

void report_put_lines(struct report *r, struct section *s, enum item_kind kind, const char *lines)
{
	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");

		if (n)
			report_put(s, kind, NULL, arena_text(&r->arena, lines, n));
		lines += n + (lines[n] == '\n');
	}
}

const char *report_time(struct report *r, int64_t time)
{
	return time_words(&r->arena, time);
}

/* The last import that began is news only while it goes on. */
void report_last_import(struct report *r, struct section *s)
{
	const struct thread *th = report_thread(r->m);
	const struct event *e = model_last(r->m, KS_py_import, th ? th->tid : 0, NULL);
	bool importing = (r->m->ending.kind == END_KILLED || (r->m->ending.kind == END_RUNNING && !model_live(r->m))) &&
			 e && r->m->ending.time - e->time < 1000000000;

	for (size_t i = 0; th && i < th->npython; i++)
		importing |= report_import_frame(&th->python[i]);
	if (importing && e && FIELD_TEXT(e, py_import, name))
		report_put(s, ITEM_FACT, report_time(r, e->time),
			   arena_printf(&r->arena, "the last import that began: %s",
					FIELD_TEXT(e, py_import, name)));
}

static void put_status(struct report *r, struct section *s, const char *status, const char *key,
		       const char *label)
{
	const char *at = strstr(status, key), *value;

	if (!at)
		return;
	at += strlen(key);
	value = arena_clean(&r->arena, at, strcspn(at, "\n"));
	value += strspn(value, " ");
	report_put(s, ITEM_FACT, label,
		   strstr(value, " kB") ? size_words(&r->arena, strtoull(value, NULL, 10) << 10) :
					  value);
}

/* A process that runs: what /proc says of it at this moment (proc(5)). */
void report_now(struct report *r)
{
	char path[64], status[4096];
	struct section *s;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", r->m->pid);
	f = r->m->ending.kind == END_RUNNING ? fopen(path, "re") : NULL;
	if (!f)
		return;
	n = fread(status, 1, sizeof(status) - 1, f);
	fclose(f);
	status[n] = '\0';
	s = report_begin(r, "Now");
	put_status(r, s, status, "State:\t", "state");
	put_status(r, s, status, "VmRSS:\t", "memory");
	put_status(r, s, status, "VmHWM:\t", "at the most");
	put_status(r, s, status, "Threads:\t", "threads");
	if (r->m->nevents)
		report_put(s, ITEM_FACT, "last event",
			   report_time(r, r->m->events[r->m->nevents - 1].time));
	report_last_import(r, s);
	report_end(r);
}

/* --- the last words on stderr --- */

/* The begin of the last traceback, NULL. */
static const char *last_traceback(const char *tail)
{
	static const char begin[] = "Traceback (most recent call last):";
	const char *last = NULL;

	for (const char *p = tail; (p = strstr(p, begin)); p++)
		if (p == tail || p[-1] == '\n')
			last = p;
	return last;
}

/* A line of a traceback that names a frame of somebody else's. */
static bool library_line(struct report *r, const char *line)
{
	const char *at = strstr(line, "File \""), *end = at ? strchr(at + 6, '"') : NULL;
	struct py_frame f = { .function = "" };

	f.file = end ? arena_text(&r->arena, at + 6, (size_t)(end - at - 6)) : "";
	return report_library_frame(&f) || known_package(&r->arena, f.file, true);
}

static bool is_frame(const char *line)
{
	return strncmp(line, "  File \"", 8) == 0;
}

static const char *next_line(const char *p)
{
	p += strcspn(p, "\n");
	return *p ? p + 1 : p;
}

static void put_line(struct report *r, struct section *s, const char *p)
{
	const char *line = arena_text(&r->arena, p, strcspn(p, "\n")), *end = is_frame(line) ? strchr(line + 8, '"') : NULL;

	if (end) {
		const char *path = arena_text(&r->arena, line + 8, (size_t)(end - line - 8));

		line = arena_printf(&r->arena, "  File \"%s%s", report_short_path(r, report_bare_path(path)), end);
	}
	report_put(s, ITEM_OUTPUT, NULL, line);
}

/* What ipykernel, its debugger and TensorFlow write at every start: it says nothing of an end. */
static bool is_routine(const char *line)
{
	static const char *const words[] = {
		"[IPKernelApp] WARNING | Kernel is running over TCP", "Debugger warning: It seems that frozen modules",
		"to python to disable frozen modules", "Note: Debugging will proceed",
		": I tensorflow/", ": I external/local_", "To enable the following instructions:",
		"WARNING: All log messages before absl::InitializeLog()", "Unable to register cu", ", in other operations, rebuild TensorFlow",
	};

	/* A note of absl's: "I0000 00:00:…"; a line of the stack that it prints. */
	if ((*line == 'I' && strspn(line + 1, "0123456789") == 4 && line[5] == ' ') || strncmp(line, "    @     0x", 12) == 0)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

/* The frames of packages between one's own are counted; the innermost stays, it says where it was raised. */
static void put_traceback(struct report *r, struct section *s, const char *p)
{
	unsigned hidden = 0, words = 0;

	put_line(r, s, p);
	p = next_line(p);
	while (*p == ' ') {
		const char *next = next_line(p);

		while (*next == ' ' && !is_frame(next))
			next = next_line(next);
		if (is_frame(p) && *next == ' ' && library_line(r, p)) {
			hidden++;
			p = next;
			continue;
		}
		if (hidden)
			report_put(s, ITEM_OUTPUT, NULL, arena_printf(&r->arena, "  … %u line%s of packages", hidden, hidden == 1 ? "" : "s"));
		hidden = 0;
		for (; p < next; p = next_line(p)) {
			const size_t n = strcspn(p, "\n");

			if (strspn(p, " ~^") != n)	/* carets point at nothing once the line is wrapped */
				put_line(r, s, p);
		}
	}
	for (; *p && words < LAST_WORDS; p = next_line(p), words++)
		put_line(r, s, p);
	if (*p)
		report_put(s, ITEM_OUTPUT, NULL, "…");
}

/* Lines that are told above are not told again. */
static void put_tail(struct report *r, struct section *s, const char *tail)
{
	const char *p = tail + strlen(tail);
	unsigned lines = 0, fresh = 0;

	/* So many lines back as are worth a look. */
	while (p > tail && lines <= LAST_WORDS) {
		const char *end = p[-1] == '\n' ? p - 1 : p, *begin = end;

		while (begin > tail && begin[-1] != '\n')
			begin--;
		lines += end > begin && !is_routine(arena_text(&r->arena, begin, (size_t)(end - begin)));
		if (lines <= LAST_WORDS)
			p = begin;
	}
	for (; *p; p = next_line(p)) {
		const char *line = arena_text(&r->arena, p, strcspn(p, "\n"));

		if (!*line || is_routine(line))
			continue;
		fresh += !report_said(r, line);
		report_put(s, ITEM_OUTPUT, NULL, line);
	}
	if (!fresh)
		s->n = 0;
}

const char *report_traceback(const struct report *r)
{
	return r->bad && r->v->context->error.uncaught && r->where == r->m ? last_traceback(r->m->stderr_tail) : NULL;
}

void report_last_words(struct report *r)
{
	const char *tail = r->m->stderr_tail, *traceback = report_traceback(r);
	struct section *s;

	if (!*tail || !r->bad)
		return;
	if (traceback) {
		s = report_begin(r, "The error, as Python printed it");
		put_traceback(r, s, traceback);
		return;
	}
	s = report_begin(r, "Its last words on stderr");
	s->expert = !r->v->best.rule->general;
	put_tail(r, s, tail);
	report_end(r);
}

void report_memory_section(struct report *r)
{
	struct memory_summary mem = report_memory(r->m);
	struct text t = { 0 };

	if (mem.rss != UNKNOWN)
		text_printf(&t, "%s resident", size_words(&r->arena, mem.rss));
	if (mem.rss_peak != UNKNOWN && mem.rss_peak != mem.rss)
		text_printf(&t, " (%s at the most)", size_words(&r->arena, mem.rss_peak));
	if (mem.cgroup_limit != UNKNOWN)
		text_printf(&t, "%sits container may use %s", t.n ? "; " : "",
			    size_words(&r->arena, mem.cgroup_limit));
	if (mem.cgroup_limit != UNKNOWN && mem.cgroup_usage != UNKNOWN)
		text_printf(&t, " and used %s", size_words(&r->arena, mem.cgroup_usage));
	if (mem.as_limit != UNKNOWN)
		text_printf(&t, "%saddress space limited to %s%s%s%s", t.n ? "; " : "", size_words(&r->arena, mem.as_limit),
			    mem.vsize == UNKNOWN ? "" : ", ", mem.vsize == UNKNOWN ? "" : size_words(&r->arena, mem.vsize),
			    mem.vsize == UNKNOWN ? "" : " used");
	if (mem.available != UNKNOWN)
		text_printf(&t, "%s%s free on the machine", t.n ? "; " : "",
			    size_words(&r->arena, mem.available));
	if (t.n)
		report_put(report_begin(r, "Memory, when last looked at"), ITEM_TEXT, NULL,
			   arena_printf(&r->arena, "%s.", text_get(&t)));
	text_free(&t);
}

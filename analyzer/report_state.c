/* SPDX-License-Identifier: MIT */
/* Parts of a report about the state that a process was in: what it does now, its last words, its
 * memory. */
#include "analyzer/report_parts.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/events.h"
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
	if (!s->n)
		r->n--;
}

void report_last_words(struct report *r)
{
	const char *tail = r->m->stderr_tail, *p = tail + strlen(tail);
	unsigned lines = 0;
	struct section *s;

	if (!*tail || !r->bad)
		return;
	while (p > tail && p[-1] == '\n')
		p--;
	for (; p > tail; p--)
		if (p[-1] == '\n' && ++lines == LAST_WORDS)
			break;
	s = report_begin(r, "Its last words on stderr");
	report_put_lines(r, s, ITEM_OUTPUT, p);
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
		text_printf(&t, "%saddress space limited to %s, %s used", t.n ? "; " : "",
			    size_words(&r->arena, mem.as_limit),
			    mem.vsize == UNKNOWN ? "?" : size_words(&r->arena, mem.vsize));
	if (mem.available != UNKNOWN)
		text_printf(&t, "%s%s free on the machine", t.n ? "; " : "",
			    size_words(&r->arena, mem.available));
	if (t.n)
		report_put(report_begin(r, "Memory, when last looked at"), ITEM_TEXT, NULL,
			   arena_printf(&r->arena, "%s.", text_get(&t)));
	text_free(&t);
}

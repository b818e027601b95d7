/* SPDX-License-Identifier: MIT */
/*
 * Which Python exception ended the program: from the audit event where there is one (3.8 and
 * later), else from the last traceback on stderr, if the process ended with status 1 right
 * behind it. The tracebacks' own words are kept too: chained exceptions hide what came first
 * ("No module named cntk._cntk_py" over the loader's text).
 */
#include "analyzer/proof.h"

#include <stdlib.h>
#include <string.h>

#define HEAD	"Traceback (most recent call last):"

/* The last place of needle before end, NULL. */
static const char *find_last(const char *text, const char *end, const char *needle)
{
	const char *found = NULL;

	for (const char *p = text; (p = strstr(p, needle)) && p < end; p++)
		found = p;
	return found;
}

static bool chained(const char *text, const char *head)
{
	static const char *const words[] = {
		"During handling of the above exception, another exception occurred:",
		"The above exception was the direct cause of the following exception:",
	};

	while (head > text && (head[-1] == '\n' || head[-1] == ' '))
		head--;
	for (int i = 0; i < 2; i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(head - text) >= n && strncmp(head - n, words[i], n) == 0)
			return true;
	}
	return false;
}

static void parse_frame(struct py_error *e, struct arena *arena, const char *line)
{
	const char *file = strstr(line, "File \"");
	const char *quote = file ? strchr(file + 6, '"') : NULL;
	const char *in;

	if (!quote)
		return;
	e->file = arena_text(arena, file + 6, quote - file - 6);
	e->line = strncmp(quote, "\", line ", 8) == 0 ? atoi(quote + 8) : 0;
	in = strstr(quote, ", in ");
	e->function = in && in < quote + strcspn(quote, "\n") ? arena_line(arena, in + 5) : NULL;
}

/* "numpy.core._exceptions._ArrayMemoryError: Unable to…": type and text. */
static void parse_error(struct py_error *e, struct arena *arena, const char *line)
{
	size_t n = strcspn(line, ":\n");
	const char *text = line[n] == ':' ? line + n + 1 : "";
	const char *dot;

	e->type = arena_text(arena, line, n);
	dot = strrchr(e->type, '.');
	if (dot)
		e->type = dot + 1;
	while (*text == ' ')
		text++;
	e->text = text;
}

static bool begins_error(const char *line)
{
	size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

	return n > 2 && (line[n] == ':' || line[n] == '\n' || !line[n]);
}

/* Reads the last traceback of the tail; false: there is none. */
static bool parse_tail(struct py_error *e, struct arena *arena, const char *tail)
{
	const char *end = tail + strlen(tail);
	const char *head = find_last(tail, end, HEAD);
	const char *line, *first;

	if (!head)
		return false;
	first = head;
	while (chained(tail, first)) {
		const char *earlier = find_last(tail, first, HEAD);

		if (!earlier)
			break;
		first = earlier;
	}
	e->chain = first;
	for (line = strchr(head, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		if (strncmp(line + 1, "  File \"", 8) == 0) {
			parse_frame(e, arena, line + 1);
		} else if (line[1] != ' ' && begins_error(line + 1)) {
			parse_error(e, arena, line + 1);
			return true;
		}
	}
	return false;
}

/* From the event: the type's full name may stand before the dot. */
static void from_event(struct py_error *e, const struct event *event)
{
	const char *type = FIELD_TEXT(event, py_exception, type);
	const char *text = FIELD_TEXT(event, py_exception, text);
	const char *dot = type ? strrchr(type, '.') : NULL;

	e->event = event;
	if (type)
		e->type = dot ? dot + 1 : type;
	/* What was printed is longer (an OSError's whole text) where it is the same exception. */
	if (text && *text && !strstr(e->text, text))
		e->text = text;
	e->name = FIELD_TEXT(event, py_exception, name);
	e->path = FIELD_TEXT(event, py_exception, path);
	if (FIELD_TEXT(event, py_exception, file)) {
		e->file = FIELD_TEXT(event, py_exception, file);
		e->line = (int)FIELD(event, py_exception, line);
		e->function = FIELD_TEXT(event, py_exception, function);
	}
}

/* The events of what it was raised from come right before it; as a traceback would show them. */
static const char *chain_of(const struct model *m, struct arena *arena, const struct event *event,
			    const char *printed)
{
	const struct event *part[8];
	struct text t = { 0 };
	const char *chain;
	unsigned n = 0;

	for (const struct event *e = event;
	     e && n < 8 && (e == event || !FIELD(e, py_exception, uncaught));
	     e = model_last(m, KS_py_exception, event->tid, e))
		part[n++] = e;
	while (n-- > 0) {
		const char *file = FIELD_TEXT(part[n], py_exception, file),
			   *function = FIELD_TEXT(part[n], py_exception, function);
		const char *type = FIELD_TEXT(part[n], py_exception, type),
			   *text = FIELD_TEXT(part[n], py_exception, text);

		if (file)
			text_printf(&t, "  File \"%s\", line %d, in %s\n", file,
				    (int)FIELD(part[n], py_exception, line),
				    function ? function : "?");
		text_printf(&t, "%s: %s\n", type ? type : "", text ? text : "");
	}
	text_add(&t, printed);
	chain = arena_text(arena, text_get(&t), t.n);
	text_free(&t);
	return chain;
}

static const struct event *uncaught_event(const struct model *m)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_py_exception, 0, e));) {
		if (FIELD(e, py_exception, uncaught) == 1)
			return e;
	}
	return NULL;
}

/*
 * May a Python exception be what the user saw last? A death by a signal is no exception's doing,
 * and neither is os._exit; a notebook goes on after one, and is asked about it.
 */
static bool could_be_the_end(const struct model *m, const struct event *event)
{
	const struct event *cell = model_last(m, KS_py_cell, 0, NULL);
	const struct event *call = model_last(m, KS_exit_call, 0, NULL);
	const char *function = call ? FIELD_TEXT(call, exit_call, function) : NULL;

	switch (m->ending.kind) {
	case END_EXIT:
		return !function || function[0] != '_' ||
		       m->parent_pid; /* multiprocessing ends its children so */
	case END_SIGNAL:
		return m->ending.signal == 2;
	case END_CLEAN:
	case END_RUNNING:
		return !cell || cell->time <= event->time;	/* later cells: the user went on */
	default:
		return false;
	}
}

struct py_error traceback_find(const struct model *m, struct arena *arena)
{
	struct py_error e = { .type = "", .text = "", .chain = "" };
	bool printed = parse_tail(&e, arena, m->stderr_tail ? m->stderr_tail : "");
	const struct event *event = uncaught_event(m), *ready = model_last(m, KS_py_ready, 0, NULL);

	if (event) {
		from_event(&e, event);
		e.chain = chain_of(m, arena, event, e.chain);
		e.uncaught = could_be_the_end(m, event);
		return e;
	}
	/* Without events (3.6, 3.7): the traceback, where it is the last word and status 1 fits. */
	if (printed && m->ending.status == 1 &&
	    (m->ending.kind == END_EXIT || m->ending.kind == END_CLEAN))
		e.uncaught = !ready || FIELD(ready, py_ready, hexversion) < 0x03080000;
	return e;
}

bool error_says(const struct context *c, const char *words)
{
	return c->error.uncaught && (strstr(c->error.text, words) || strstr(c->error.chain, words));
}

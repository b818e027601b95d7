/* SPDX-License-Identifier: MIT */
/*
 * Where it happened: Python lines, then native functions, as somebody reads them who wants to find
 * the place: paths without their installation, names without their arguments, recursion told once.
 * The JSON report has everything as it is.
 */
#include "analyzer/report_parts.h"
#include "analyzer/proof.h"

#include <string.h>

#define MOST_FRAMES	16
#define MOST_PYTHON	12
#define MOST_OWN	40
#define LONG_PLACE	56	/* columns: the line number and the function follow it */
#define SENT_FRAMES	6	/* where a signal was sent, the native place tells little */
#define LONGEST_CYCLE	6

bool report_import_frame(const struct py_frame *f)
{
	return strncmp(f->file, "<frozen importlib", 17) == 0 ||
	       strstr(f->file, "/importlib/_bootstrap") != NULL;
}

/* A row of frames as lines, with those that repeat told once. */
struct line_text {
	const char *text, *key;		/* lines with equal keys are the same place */
	bool own;			/* the user's own code: never left out */
};

struct lines {
	struct line_text *line;
	size_t n, room;
};

static void add_line(struct report *r, struct lines *l, const char *text, const char *key, bool own)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct line_text *more = arena_alloc(&r->arena, room * sizeof(*more));

		if (l->n)
			memcpy(more, l->line, l->n * sizeof(*more));
		l->line = more;
		l->room = room;
	}
	l->line[l->n++] = (struct line_text){ text, key, own };
}

/* How often the period lines from i on are repeated behind themselves. */
static size_t repeats(const struct lines *l, size_t i, size_t period)
{
	size_t n = 0;

	while (i + period * (n + 2) <= l->n) {
		for (size_t k = 0; k < period; k++)
			if (strcmp(l->line[i + k].key, l->line[i + period * (n + 1) + k].key) != 0)
				return n;
		n++;
	}
	return n;
}

/* How often is a number only where all frames are in the recording; native and Python frames differ in how many are kept. */
static const char *repeated(struct report *r, size_t period, size_t n, bool cut)
{
	if (period == 1)
		return cut ? "… and again, many times" : arena_printf(&r->arena, "… and again, %zu times more", n);
	return cut ? arena_printf(&r->arena, "… these %zu again, many times", period) :
		     arena_printf(&r->arena, "… these %zu again, %zu times more", period, n);
}

/* Lines beyond most are left out, but for the user's own; cut: the recording has no more of them. */
static void put_lines(struct report *r, struct section *s, const struct lines *l, size_t most,
		      bool cut)
{
	size_t shown = 0, i = 0, hidden = 0;

	while (i < l->n) {
		size_t period, n = 0;

		if (shown >= (l->line[i].own ? MOST_OWN : most)) {
			hidden++;
			i++;
			continue;
		}
		if (hidden)
			report_put(s, ITEM_CODE, NULL, arena_printf(&r->arena, "… %zu more lines of packages", hidden));
		hidden = 0;
		for (period = 1; period <= LONGEST_CYCLE && n < 2; period++)
			n = repeats(l, i, period);
		period--;
		if (n < 2) {
			report_put(s, ITEM_CODE, NULL, l->line[i++].text);
			shown++;
			continue;
		}
		for (size_t k = 0; k < period; k++)
			report_put(s, ITEM_CODE, NULL, l->line[i + k].text);
		report_put(s, ITEM_CODE, NULL, repeated(r, period, n, cut));
		shown += period + 1;
		i += period * (n + 1);
	}
	if (hidden || cut)
		report_put(s, ITEM_CODE, NULL, "… and more");
}

/* --- Python --- */

/* Without the folder that packages or the standard library are installed in. */
const char *report_bare_path(const char *path)
{
	const size_t site = site_packages(path);
	const char *at = NULL;

	if (site)
		return path + site;
	for (const char *p = path; (p = strstr(p, "/lib/python")); p++)
		at = p;
	at = at ? strchr(at + strlen("/lib/python"), '/') : NULL;
	return at ? at + 1 : path;
}

/* The source of a cell: a file of ipykernel's, or the name that IPython gives it. */
static bool cell_frame(const struct model *m, const struct py_frame *f)
{
	const char *folder = strstr(f->file, "/ipykernel_");

	return strncmp(f->file, "<ipython-input-", 15) == 0 ||
	       (folder && folder[11] >= '0' && folder[11] <= '9') ||
	       (m->cell_file && strcmp(f->file, m->cell_file) == 0);
}

const char *report_python_line(struct report *r, const struct model *m, const struct py_frame *f)
{
	bool own = m->cell && m->cell_file && strcmp(f->file, m->cell_file) == 0;
	const char *place =
		own ? arena_printf(&r->arena, "cell %llu", (unsigned long long)m->cell) :
		      report_bare_path(f->file);

	if (place == f->file && strlen(place) > LONG_PLACE)
		place = report_short_path(r, place);

	if (!f->line)
		return arena_printf(&r->arena, "%s  %s", place, f->function);
	return arena_printf(&r->arena, own ? "%s, line %d  %s" : "%s:%d  %s", place, f->line,
			    f->function);
}

/* Installed by somebody else: the standard library, a package, what has no file. */
bool report_library_frame(const struct py_frame *f)
{
	return *f->file == '<' ? strncmp(f->file, "<ipython-input-", 15) != 0 :
				 report_bare_path(f->file) != f->file;
}

static bool own_frame(const struct model *m, const struct py_frame *f)
{
	struct arena a = { 0 };
	const bool own = cell_frame(m, f) || (!report_library_frame(f) && !known_package(&a, f->file, true));

	arena_free(&a);
	return own;
}

static bool told_line(const struct report *r, const struct py_frame *f)
{
	struct arena a = { 0 };
	const bool told = report_said(r, arena_printf(&a, "%s:%d", f->file, f->line)) ||
			  report_said(r, arena_printf(&a, "%s, line %d", f->file, f->line)) || (r->own && r->own == f);

	arena_free(&a);
	return told;
}

/* NULL as well where "Why" has named the line. */
const char *report_own_line(struct report *r)
{
	const struct thread *th = report_thread(r->where);

	for (size_t i = 0; th && i < th->npython; i++) {
		const struct py_frame *f = &th->python[i];

		if (!f->line || !own_frame(r->where, f))
			continue;
		if (told_line(r, f))
			return NULL;
		r->own = f;
		return report_python_line(r, r->where, f);
	}
	return NULL;
}

/* What lies below the outermost frame of a cell is the kernel's own machinery. */
static size_t own_frames(const struct model *m, const struct thread *th)
{
	for (size_t i = th->npython; i-- > 0;)
		if (cell_frame(m, &th->python[i]))
			return i + 1;
	return th->npython;
}

static void python_frames(struct report *r, struct section *s, const struct thread *th)
{
	const struct model *m = r->where;
	size_t n = own_frames(m, th);
	struct lines l = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *line = report_python_line(r, m, &th->python[i]);

		if (i + 1 == n || !report_import_frame(&th->python[i]))
			add_line(r, &l, line, line, own_frame(m, &th->python[i]));
	}
	put_lines(r, s, &l, MOST_PYTHON, th->python_cut && n == th->npython);
	if (n < th->npython)
		report_put(s, ITEM_CODE, NULL, "… the kernel's own code");
}

static void where_python(struct report *r)
{
	const struct thread *th = report_thread(r->where);
	struct section *s;

	if (!th || !th->npython)
		return;
	/* One frame, and it is told. */
	if (r->where == r->m && th->npython == 1 && th->tid == r->m->pid && told_line(r, &th->python[0]))
		return;
	s = report_begin(r, "Where, in Python (innermost first)");
	if (r->where != r->m)
		report_put(s, ITEM_TEXT, NULL,
			   arena_printf(&r->arena, "In the child process %u:", r->where->pid));
	if (th->tid != r->where->pid)
		report_put(s, ITEM_TEXT, NULL,
			   *th->name ? arena_printf(&r->arena,
						    "In thread %u (%s), not the main one:", th->tid,
						    th->name) :
				       arena_printf(&r->arena,
						    "In thread %u, not the main one:", th->tid));
	python_frames(r, s, th);
}

/* --- native --- */

/* The frames of the interpreter say nothing that the Python frames do not say better; nor does what
 * starts every thread. */
bool report_interpreter_frame(const struct frame *f)
{
	static const char *const starts[] = { "__libc_start", "_start", "start_thread", "clone",
					      "__clone" };

	for (unsigned i = 0; f->symbol && i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(f->symbol, starts[i], strlen(starts[i])) == 0)
			return true;
	return module_is_python(f->module);	/* another program's own functions are what is asked about */
}

/* Without the arguments of templates and functions: "tensorflow::EagerExecute". t is empty. */
static void put_function(struct text *t, const char *symbol)
{
	static const char anonymous[] = "(anonymous namespace)";
	int depth = 0;

	if (!strstr(symbol, "::") || strstr(symbol, "operator")) {
		size_t n = strcspn(symbol, "(");

		text_add_n(t, symbol,
			   n && !strchr(symbol, '<') && !strstr(symbol, "operator") ?
				   n :
				   strlen(symbol));
		return;
	}
	for (const char *p = symbol; *p; p++) {
		if (strncmp(p, anonymous, sizeof(anonymous) - 1) == 0) {
			if (!depth)
				text_add(t, "{anonymous}");
			p += sizeof(anonymous) - 2;
		} else if (*p == '<') {
			depth++;
		} else if (*p == '>') {
			depth -= depth > 0;
		} else if (*p == '(' && !depth) {
			break;
		} else if (*p == ' ' && !depth) {
			t->n = 0;	/* what stood before is the type that a template returns */
		} else if (!depth) {
			text_char(t, *p);
		}
	}
}

/* The library is told where it changes; before is the frame in the line above, NULL: none. */
const char *report_native_line(struct report *r, const struct frame *f, const struct frame *before)
{
	struct text t = { 0 };
	const char *text;

	if (f->symbol)
		put_function(&t, f->symbol);
	if (!f->symbol && f->module)
		text_printf(&t, "%s+0x%llx", report_short_name(r, f->module->name),
			    (unsigned long long)f->offset);
	if (!f->module)
		text_printf(&t, f->symbol ? " at 0x%llx" : "0x%llx, where no library is",
			    (unsigned long long)f->pc);
	if (f->symbol && f->module && !(before && before->module == f->module))
		text_printf(&t, "  %s", report_short_name(r, f->module->name));
	if (f->file && f->line)
		text_printf(&t, "  %s:%d", base_name(f->file), f->line);
	text = arena_text(&r->arena, text_get(&t), t.n);
	text_free(&t);
	return text;
}

/* An end that Python code asked for: the native stack adds nothing. */
static bool interpreter_alone(const struct stack *stack)
{
	for (size_t i = 0; i < stack->n; i++)
		if (!report_interpreter_frame(&stack->frames[i]))
			return false;
	return true;
}

static void where_native(struct report *r)
{
	const struct model *m = r->where;
	const struct stack *stack = report_stack(m);
	bool crash = stack && stack == m->crash.stack,
	     sent = crash && m->crash.raw->code <= 0 && m->ending.kind == END_SIGNAL;
	static const char interpreter[] = "… the Python interpreter";
	size_t skipped = 0;
	bool python = false;
	struct lines l = { 0 };
	struct section *s;

	if (!stack || !stack->n || interpreter_alone(stack))
		return;
	s = report_begin(r, "Where, in native code (innermost first)");
	s->expert = true;
	if (crash && m->crash.instruction && m->crash.raw->code > 0)
		report_put(s, ITEM_TEXT, NULL,
			   arena_printf(&r->arena, "At the instruction: %s", m->crash.instruction));
	for (size_t i = 0; i < stack->n; i++) {
		const struct frame *f = &stack->frames[i];

		if (i > 2 && report_interpreter_frame(f)) {
			python |= module_is_python(f->module);
			skipped++;
			continue;
		}
		if (skipped)
			add_line(r, &l, interpreter, interpreter, false);
		add_line(r, &l, report_native_line(r, f, i && !skipped ? &stack->frames[i - 1] : NULL),
			 report_native_line(r, f, f), false);
		skipped = 0;
	}
	if (skipped && python)	/* else what starts every thread */
		add_line(r, &l, interpreter, interpreter, false);
	put_lines(r, s, &l, sent ? SENT_FRAMES : MOST_FRAMES, stack->cut);
}

/* Where the other threads are, in a line each; the main one in more, as it is what one knows. */
static void other_threads(struct report *r)
{
	const struct model *m = r->where;
	const struct thread *own = report_thread(m), *main_thread = model_thread(m, m->pid);
	struct section *s = report_begin(r, "Other threads");

	s->aside = s->expert = true;
	for (size_t i = 0; i < m->nthreads && s->n < 64; i++) {
		const struct thread *th = &m->threads[i];
		bool named;

		if (th == own || !th->npython)
			continue;
		named = *th->name && !(main_thread && strcmp(th->name, main_thread->name) == 0);
		if (th == main_thread) {
			report_put(s, ITEM_TEXT, NULL, "The main thread:");
			python_frames(r, s, th);
		} else {
			report_put(
				s, ITEM_CODE, NULL,
				arena_printf(&r->arena, "%s%s%s", report_python_line(r, m, &th->python[0]),
					     named ? "  in thread " : "", named ? th->name : ""));
		}
	}
	report_end(r);
}

void report_where(struct report *r)
{
	if (model_live(r->where)) {
		report_live(r);
		return;
	}
	where_python(r);
	where_native(r);
	other_threads(r);
}

/* SPDX-License-Identifier: MIT */
/*
 * kshim-analyze: options, which trace is meant, the order of things, exit status.
 * 0 a report was printed, 2 wrong usage, 3 no such trace or not readable as one.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/dump.h"
#include "analyzer/error.h"
#include "analyzer/explain.h"
#include "analyzer/folder.h"
#include "analyzer/kin.h"
#include "analyzer/list.h"
#include "analyzer/live.h"
#include "analyzer/mark.h"
#include "analyzer/reach.h"
#include "analyzer/report.h"
#include "analyzer/why_not.h"
#include "shim/release.h"

static const char help[] =
	"usage: kshim-analyze [OPTION]... [FILE | DIR | PID]\n"
	"       kshim-analyze --list [DIR]\n"
	"\n"
	"Says why a recorded process died: a trace file, the newest death in a directory\n"
	"(default: KSHIM_DIR, else ~/.local/state/kshim), or what a live process does now.\n"
	"\n"
	"      --list            one line for each recording, the newest first\n"
	"      --all             with --list: look into every recording, however long it takes\n"
	"      --json            the report for programs; with --list: an object a line\n"
	"      --html            the report as one self-contained page\n"
	"      --dump            every record of the trace as text\n"
	"      --issue           a bug report for the guilty library's makers: short, anonymised\n"
	"      --why-not=CAUSE   what this cause would have needed to be the verdict\n"
	"      --explain=CAUSE   what a cause means, how it is proven, what is mistaken for it\n"
	"      --list-causes     all causes that there are\n"
	"      --list-events     the events that a trace may hold\n"
	"      --color=WHEN      auto (the default), always or never\n"
	"      --help, --version\n"
	"\n"
	"Exit status: 0 a report was printed, 2 wrong usage, 3 no such trace.\n";

enum form { FORM_TEXT, FORM_JSON, FORM_HTML, FORM_DUMP, FORM_LIST, FORM_ISSUE, FORM_WHY_NOT };

struct request {
	enum form form;
	struct look look;
	int64_t begun_ms;
	bool lines, all;		/* of a list: as JSON lines; looks into every trace */
	const struct rule *asked;	/* of --why-not */
	const char *what;		/* the argument; NULL: none */
};

/* Columns of the report: the terminal's, else COLUMNS, within what is good to read. */
static unsigned choose_width(bool terminal)
{
	const char *given = getenv("COLUMNS");
	long width = given ? strtol(given, NULL, 10) : 0;
	struct winsize w;

	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		width = w.ws_col;
	return width < 40 ? 80 : width > 110 ? 110 : (unsigned)width;
}

static struct look choose_look(const char *when)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO);
	struct look look = { .width = choose_width(terminal) };

	if (strcmp(when, "always") == 0)
		look.colour = true;
	else if (strcmp(when, "auto") == 0)
		look.colour = terminal && !(none && *none) && !(term && strcmp(term, "dumb") == 0);
	else if (strcmp(when, "never") != 0)
		die(EXIT_USAGE, "--color is auto, always or never, not '%s'", when);
	return look;
}

/* The rule of a cause that somebody typed; what was meant is told where there is none of that name. */
static const struct rule *cause_named(const char *word)
{
	const struct rule *rule = rule_named(word);
	struct text near = { 0 };

	if (rule)
		return rule;
	causes_near(word, &near);
	die(EXIT_USAGE, "no cause is called '%s'%s%s%s; --list-causes names them all", word,
	    near.n ? "; did you mean " : "", text_get(&near), near.n ? "?" : "");
}

/* Options that need no trace. */
static bool tell(int option, const char *argument)
{
	switch (option) {
	case 'h':
		fputs(help, stdout);
		return true;
	case 'v':
		printf("kshim-analyze %s\n", KSHIM_RELEASE);
		return true;
	case 'e':
		dump_event_table(stdout);
		return true;
	case 'l':
		list_causes(stdout);
		return true;
	case 'x':
		explain(cause_named(argument), stdout);
		return true;
	}
	return false;
}

static struct request parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, FORM_LIST },
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, FORM_JSON },
		{ "html", no_argument, NULL, FORM_HTML },
		{ "dump", no_argument, NULL, FORM_DUMP },
		{ "issue", no_argument, NULL, FORM_ISSUE },
		{ "why-not", required_argument, NULL, FORM_WHY_NOT },
		{ "list-events", no_argument, NULL, 'e' },
		{ "color", required_argument, NULL, 'c' },
		{ "colour", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ "list-causes", no_argument, NULL, 'l' },
		{ "explain", required_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	struct request r = { .form = FORM_TEXT, .begun_ms = list_clock() };
	const char *when = "auto";
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (tell(c, optarg))
			exit(EXIT_REPORT);
		if (c == '?') {
			fputs("Try 'kshim-analyze --help'.\n", stderr);
			exit(EXIT_USAGE);
		}
		if (c == 'c')
			when = optarg;
		else if (c == 'a')
			r.all = true;
		else if ((c == FORM_JSON && r.form == FORM_LIST) || (c == FORM_LIST && r.form == FORM_JSON)) {
			r.form = FORM_LIST;
			r.lines = true;
		} else if (r.form != FORM_TEXT && r.form != (enum form)c)
			die(EXIT_USAGE, "--list, --json, --html, --dump, --issue and --why-not exclude each other (but --list --json)");
		else
			r.form = (enum form)c;
		if (c == FORM_WHY_NOT)
			r.asked = cause_named(optarg);
	}
	if (optind + 1 < argc)
		die(EXIT_USAGE, "one FILE, DIR or PID at a time");
	r.what = argv[optind];
	r.look = choose_look(when);
	return r;
}

/* --- one report --- */

static void print(const struct request *r, const struct subject *s)
{
	struct report report;

	if (r->form == FORM_JSON) {
		report_json(s, stdout);
		return;
	}
	if (r->form == FORM_ISSUE) {
		report_issue(s, stdout);
		return;
	}
	if (r->form == FORM_WHY_NOT) {
		why_not(s->where, s->v, r->asked, stdout);
		return;
	}
	report_build(&report, s);
	if (r->form == FORM_HTML)
		report_html(&report, stdout);
	else
		report_text(&report, r->look, stdout);
	report_free(&report);
}

static void report_trace(const struct request *r, const struct folder *f, struct trace *t, const char *note)
{
	struct case_file c, child;
	struct subject s;
	struct series series;
	bool has_child;

	if (r->form == FORM_DUMP) {
		dump(t, stdout);
		trace_close(t);
		return;
	}
	case_of(&c, t);
	has_child = case_find_child(f, &c, &child);
	s = (struct subject){ .m = c.model, .where = c.model, .v = &c.verdict, .note = note };
	series_find(&series, f, c.model, &c.verdict);
	s.series = &series;
	if (has_child) {
		s.where = child.model;
		s.v = &child.verdict;
		s.note = c.model->ending.kind == END_EXIT ? "it gave up because a child process of it died; the cause is the child's"
			 : strcmp(child.verdict.best.rule->id, "fork.deadlock") == 0
				 ? "it was waiting for a child process that hangs; the cause is the child's"
				 : "it was waiting for the result of a child process that had died; the cause is the child's";
	}
	print(r, &s);
	mark_read(c.model);
	if (has_child) {
		mark_read(child.model);
		case_close(&child);
	}
	series_free(&series);
	case_close(&c);
}

static void report_on(const struct request *r, const struct folder *f, const char *path, const char *note)
{
	const char *why;
	struct trace *t = trace_open(path, &why);

	if (!t)
		die(EXIT_NO_TRACE, "%s: %s", path, why);
	report_trace(r, f, t, note);
}

/* --- which trace --- */

static bool is_number(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return n > 0 && n < 10;
}

static void no_directory(const char *path)
{
	error("there is no directory %s", path);
	fputs("Record a process with LD_PRELOAD=/path/to/libkshim.so, or a Jupyter kernel with\n"
	      "kshim-kernelspec; a trace is kept where the process dies (kshim(7)).\n", stderr);
	exit(EXIT_NO_TRACE);
}

/* A directory without a recording is good news where something was recorded at all. */
static void nothing_died(const struct request *r, const char *path, bool helpers)
{
	static const char explanation[] =
		"A recorded process that ends in order, or at the request of its server (a "
		"restart, a shutdown), "
		"takes its recording with it; KSHIM_KEEP=always keeps it.";
	const char *title = helpers ? "Nothing died: only recordings of helpers and of workers that were stopped were left behind" :
				      "Nothing died: no recording was left behind";

	if (r->form == FORM_JSON)
		report_json_nothing(path, title, explanation, stdout);
	else if (r->form == FORM_TEXT)
		printf("%s in %s.\n%s\n", title, path, explanation);
}

/* The recorder keeps nothing where others may put files and links in its way (shim/file.c, make_directory). */
static void refuse_open_directory(const char *path)
{
	struct stat st;

	if (reach_stat(path, &st) < 0 || !(st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_mode & S_ISVTX))
		return;
	error("nothing is recorded in %s: others than its owner may write to it", path);
	fprintf(stderr, "Take that from them, and what is recorded from then on is kept there:\n  chmod go-w %s\n", path);
	exit(EXIT_NO_TRACE);
}

static void directory(const struct request *r, const char *path)
{
	struct folder f;
	bool there = folder_read(&f, path);
	const struct entry *e;
	const char *note;

	if (!there)
		no_directory(path);
	if (!f.n) {
		refuse_open_directory(path);
		nothing_died(r, path, false);
	} else if (r->form == FORM_LIST) {
		list(&f, &(struct list_way){ r->look, r->lines, r->begun_ms, r->all }, stdout);
	} else {
		e = folder_choose(&f, &note);
		if (e)
			report_on(r, &f, e->path, note);
		else
			nothing_died(r, path, true);
	}
	folder_free(&f);
}

/* A process that lives: its own trace is told by its mappings, wherever it lies. */
static bool living(const struct request *r, const struct folder *f, uint32_t pid)
{
	const struct entry *e = folder_process(f, pid);
	struct arena a = { 0 };
	const char *path, *why;
	struct trace *t;

	if (!live_there(pid) || (e && !e->alive && e->head.end_kind != KS_END_EXEC))
		return false;
	path = live_trace_path(pid, &a);
	t = live_open(pid, path ? path : e ? e->path : NULL, &why);
	arena_free(&a);
	if (!t)
		return false;
	report_trace(r, f, t, t->live->refused ? "it is running; it could not be looked into" : "it is running: what it does now");
	return true;
}

static void process(const struct request *r, const char *path)
{
	struct folder f = { .path = NULL };
	uint32_t pid = (uint32_t)atoi(r->what);
	const struct entry *e;

	if (path)
		folder_read(&f, path);
	if (!living(r, &f, pid)) {
		e = folder_process(&f, pid);
		if (!e)
			die(EXIT_NO_TRACE, "there is no process %u, and %s has no recording of one",
			    pid, path ? path : "no directory");
		report_on(r, &f, e->path, NULL);
	}
	folder_free(&f);
}

static void file(const struct request *r)
{
	const char *slash = strrchr(r->what, '/');
	struct arena a = { 0 };
	struct folder f;

	/* Its directory, for the traces of its children. */
	folder_read(&f, slash ? arena_text(&a, r->what,
					   (size_t)(slash - r->what) + (slash == r->what)) :
				".");
	report_on(r, &f, r->what, NULL);
	folder_free(&f);
	arena_free(&a);
}

int main(int argc, char **argv)
{
	struct request r = parse(argc, argv);
	struct arena a = { 0 };
	const char *standard = folder_default(&a);
	struct stat st;

	reach_watch();
	setvbuf(stdout, NULL, _IOFBF, 1 << 20);		/* a report that is begun anew has printed nothing yet */
	if (r.what && reach_stat(r.what, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			directory(&r, r.what);
		else if (r.form == FORM_LIST)
			die(EXIT_USAGE, "--list takes a directory");
		else
			file(&r);
	} else if (r.what && !is_number(r.what)) {
		die(EXIT_NO_TRACE, "%s: no such file, directory or process", r.what);
	} else if (r.what) {
		process(&r, standard);
	} else if (!standard) {
		die(EXIT_NO_TRACE, "neither KSHIM_DIR nor HOME is set: name a FILE or a DIR");
	} else {
		directory(&r, standard);
	}
	arena_free(&a);
	if (fflush(stdout) != 0 || ferror(stdout))
		die(EXIT_NO_TRACE, "cannot write the report");
	return EXIT_REPORT;
}

/* SPDX-License-Identifier: MIT */
/*
 * A check that failed, an exception that nobody caught: the program's own words say what was
 * wrong, and the abort came from the code that said so.
 */
#include "analyzer/howto.h"
#include "analyzer/missing.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

/* --- crash.check-failed --- */

/* TensorFlow, absl and glog begin fatal lines with F and the date; others have fixed words. */
static const char *fatal_line(const struct model *m, struct arena *arena)
{
	static const char *const words[] = {"Check failed:",
					    "CHECK failed",
					    "Fatal Python error:",
					    "Assertion `",
					    "LLVM ERROR:",
					    "fatal error:",
					    "FATAL:",
					    "pure virtual method called",
					    NULL};

	for (int i = 0; words[i]; i++) {
		const char *line = model_stderr_line(m, words[i], true);

		if (line && !strstr(line, "Fatal Python error: Aborted") &&
		    !strstr(line, "Fatal Python error: Segmentation"))
			return arena_line(arena, line);
	}
	return NULL;
}

static bool in_fatal_code(const struct stack *stack)
{
	return frame_calling(stack, "LogMessageFatal") || frame_calling(stack, "LogMessage") ||
	       frame_calling(stack, "CheckFail") || frame_calling(stack, "fatal_error") ||
	       frame_calling(stack, "Py_FatalError") || frame_calling(stack, "report_fatal_error") ||
	       frame_calling(stack, "__cxa_pure_virtual");
}

static enum confidence match_check(const struct model *m, struct finding *f)
{
	const struct event *e = model_last(m, KS_assert_failed, f->context->tid, NULL);
	const char *abort_message = m->crash.abort_message;

	/* A failed start of the interpreter ends with exit(1), its other fatal errors with abort.
	 */
	if (m->ending.kind == END_EXIT && model_stderr_line(m, "Fatal Python error: init", true)) {
		f->frame = f->context->blame;
		f->module = f->frame ? f->frame->module : model_module_named(m, "libpython", NULL);
		f->text = fatal_line(m, f->arena);
		return f->text ? LIKELY : NO_MATCH;
	}
	if (m->ending.kind != END_ABORT && m->ending.kind != END_SIGNAL)
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : NULL;
	if (e && m->ending.kind == END_ABORT && m->ending.time - e->time < 5000000000) {
		const struct frame *caller = model_frame(m, FIELD(e, assert_failed, caller), true);

		f->event = e;
		f->module = caller && caller->module ? caller->module : f->module;
		f->text = arena_printf(f->arena, "%s:%llu: %s: Assertion `%s' failed",
				       base_name(FIELD_TEXT(e, assert_failed, file)),
				       (unsigned long long)FIELD(e, assert_failed, line),
				       FIELD_TEXT(e, assert_failed, function)
					       ? FIELD_TEXT(e, assert_failed, function)
					       : "?",
				       FIELD_TEXT(e, assert_failed, expression)
					       ? FIELD_TEXT(e, assert_failed, expression)
					       : "?");
		return PROVEN;
	}
	if (abort_message && strstr(abort_message, "Assertion `")) {
		f->text = arena_line(f->arena, abort_message);
		return PROVEN;
	}
	f->text = fatal_line(m, f->arena);
	if (!f->text || m->ending.kind != END_ABORT)
		return NO_MATCH;
	return in_fatal_code(f->context->stack) ? PROVEN : LIKELY;
}

/* The innermost file that is no part of Python's own start, of the traceback on stderr; NULL. */
static const char *file_at_start(const struct model *m, struct arena *arena)
{
	const char *file = NULL;

	for (const char *p = m->stderr_tail; p && (p = strstr(p, "  File \"/"));) {
		p += strlen("  File \"");
		file = arena_text(arena, p, strcspn(p, "\"\n"));
	}
	return file;
}

/* sitecustomize.py, usercustomize.py or a .pth file's code raised something that Python's start does not survive. */
static bool explain_start_file(const struct model *m, struct finding *f)
{
	const char *file = file_at_start(m, f->arena), *error = stderr_last_line(m, f->arena), *entry;

	if (!file || !error || !strstr(f->text, "init_import_site"))
		return false;
	entry = path_entry(f->arena, model_env(m, "PYTHONPATH"), file);
	finding_title(f, "Python could not start: %s ended it with %.80s", base_name(file), error);
	finding_say(f, "Python imports sitecustomize and usercustomize, and runs lines of .pth files, before any program. %s is such a file, or was "
		       "imported by one; it ended with %.160s, and then nothing can start.", file, error);
	if (entry) {
		finding_say(f, "It was found because PYTHONPATH names its folder (%s).", entry);
		howto_unset(m, f, arena_printf(f->arena, "Take %s out of PYTHONPATH", entry), "PYTHONPATH");
	} else {
		finding_fix(f, "Mend that file, or put it aside:");
		finding_run(f, "mv %s %s", arena_shell(f->arena, file), arena_shell(f->arena, arena_printf(f->arena, "%s.off", file)));
	}
	return true;
}

static void explain_check(const struct model *m, struct finding *f)
{
	finding_title(f, "A check inside %s failed", software_of(f->arena, f->module));
	if (f->event)
		finding_cite(f, f->event->record, f->event->time, "assertion failed: %s", f->text);
	else
		finding_cite(f, 0, m->ending.time, "its last words: %.300s", f->text);
	if (m->ending.kind == END_EXIT && explain_start_file(m, f))
		return;
	if (m->ending.kind == END_EXIT) {
		finding_title(f, "Python could not start: %.120s", f->text);
		finding_say(f, "The interpreter gave up before any program ran: %.300s", f->text);
		finding_fix(f, "See whether it starts without the variables and files that change it (PYTHONHOME, PYTHONPATH, .pth files, "
			       "sitecustomize); then take out the one that does it:");
		finding_run(f, "python -I -c pass; python -S -c pass; env | grep PYTHON");
		return;
	}
	finding_cite(f, m->crash.record, m->ending.time, "abort by %s",
		     frame_text(f->arena, f->frame));
	finding_say(f,
		    "%s checks its own assumptions and ends the process when one does not hold. "
		    "It said: %.400s",
		    software_file(f->arena, f->module), f->text);
	finding_fix(f, "Check the shapes, types and sizes of what that line of Python hands to %s: a wrong argument is the usual reason.",
		    software_of(f->arena, f->module));
	howto_report(m, f, f->module);
}

const struct rule rule_crash_check_failed = {
	.id = "crash.check-failed",
	.title = "A check inside a library failed",
	.match = match_check,
	.explain = explain_check,
	.general = true,
	.page = "A library tests its own assumptions (CHECK, assert, Py_FatalError) and "
		"aborts.\nProof: the failed assertion, or the fatal line and an "
		"abort from the code that wrote it. E-severity lines are no deaths.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/41532 "
		   "https://github.com/tensorflow/tensorflow/issues/58889",
};

/* --- crash.uncaught-exception --- */

/*
 * A library with a C++ runtime of its own, linked into it, throws where nobody can look: what that
 * runtime says is left (libstdc++-v3/libsupc++/vterminate.cc).
 */
static bool said_by_terminate(const struct model *m, struct finding *f)
{
	static const char words[] = "terminate called after throwing an instance of '", what[] = "what():";
	const char *line = model_stderr_line(m, words, true), *type = line ? strstr(line, words) + strlen(words) : NULL, *text;

	if (!type || !f->context->blame)
		return false;
	f->name = arena_text(f->arena, type, strcspn(type, "'\n"));
	text = model_stderr_line(m, what, true);
	text = text ? strstr(text, what) + strlen(what) : "";
	f->text = arena_line(f->arena, text + strspn(text, " "));
	f->frame = f->context->blame;
	f->module = f->frame->module;
	f->number[0] = 1;
	return true;
}

static enum confidence match_exception(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;

	f->number[0] = 0;
	if (m->ending.kind == END_ABORT && m->crash.exception_type) {
		f->name = m->crash.exception_type;
		f->text = m->crash.exception_text ? m->crash.exception_text : "";
		f->frame = f->context->blame;
		f->module = f->frame ? f->frame->module : NULL;
		f->number[0] = 1;
		return PROVEN;
	}
	if (m->ending.kind == END_ABORT && !m->crash.abort_message && said_by_terminate(m, f))
		return LIKELY;
	if (end_is_death(m) || m->ending.kind == END_EXEC)
		return NO_MATCH;
	if (!e->uncaught && missing_module(m, f->arena, e)) {
		f->name = "ModuleNotFoundError";
		f->text = model_stderr_line(m, ": No module named ", true);
		f->symbol = f->name;
		return PROVEN;
	}
	if (!e->uncaught)
		return NO_MATCH;
	f->name = e->type;
	f->text = e->text;
	f->symbol = e->type;
	return e->event ? PROVEN : LIKELY;
}

/* A child of it that was ended by a signal: what a broken pool of workers means. */
static void tell_children(const struct model *m, struct finding *f)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_child_end, 0, e));) {
		int status = (int)FIELD_SIGNED(e, child_end, status);

		if (!(status & 0x7f) || (status & 0x7f) == SIGTERM)
			continue;
		finding_cite(f, e->record, e->time, "its child %lld was ended by %s",
			     (long long)FIELD_SIGNED(e, child_end, pid),
			     signal_word(status & 0x7f));
		finding_say(f, "Before that its child process %lld had been ended by %s.",
			    (long long)FIELD_SIGNED(e, child_end, pid), signal_word(status & 0x7f));
		return;
	}
}

/* A module that is not there, or a package that is not whole, says what to do. */
static void tell_missing(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	const char *name = missing_module(m, f->arena, e);
	struct incomplete found;

	if (package_incomplete(m, f->arena, e, &found)) {
		finding_title(f, "The package %s is not whole: files of it are missing", found.package);
		incomplete_tell(m, f, &found);
	} else if (name && (!strchr(name, '.') || !e->uncaught)) {
		missing_tell(m, f, name);
	}
}

/* Its words name a variable that is set in this process: what the variable says was refused. */
static void tell_variable(const struct model *m, struct finding *f)
{
	for (const struct event *e = NULL; (e = model_next(m, KS_env, 0, e));) {
		const char *name = FIELD_TEXT(e, env, name), *value = FIELD_TEXT(e, env, value), *at;
		size_t n = name ? strlen(name) : 0;

		at = n >= 6 && strchr(name, '_') && value && *value ? strstr(f->text, name) : NULL;
		if (!at || isalnum((unsigned char)at[n]) || at[n] == '_' || !strstr(f->text, value) ||
		    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")])
			continue;
		finding_cite(f, e->record, e->time, "%s=%s", name, value);
		finding_say(f, "Its words name %s, which is set to \"%s\" in this process.", name, value);
		howto_unset(m, f, arena_printf(f->arena, "Correct %s, or take it away", name), name);
		return;
	}
}

/* "cannot import name 'X' from 'y' (/long/path.py)": up to the path. */
static size_t without_path(const char *text)
{
	const char *path = strstr(text, " (/");

	return path ? (size_t)(path - text) : strlen(text);
}

static void explain_exception(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;

	if (f->number[0]) {
		finding_title(f, "An uncaught C++ exception in %s: %s", software_of(f->arena, f->module),
			      f->name);
		finding_cite(f, m->crash.record, m->ending.time, "%s %s in %s: %s", f->confidence == PROVEN ? "uncaught" : "said on stderr:",
			     f->name, frame_text(f->arena, f->frame), f->text);
		finding_say(f,
			    "%s threw a C++ exception of type %s (\"%.200s\") and nobody caught "
			    "it; the C++ runtime then aborts the process.",
			    frame_words(f->arena, f->frame), f->name, f->text);
		finding_fix(f, "Its text says what %s did not like: check what that line of Python hands to it.", software_of(f->arena, f->module));
		howto_report(m, f, f->module);
		return;
	}
	finding_title(f, "A Python error ended it: %s%s%s", f->name, *f->text ? ": " : "",
			      arena_cut(f->arena, arena_text(f->arena, f->text, without_path(f->text)), 100));
	if (e->event)
		finding_cite(f, e->event->record, e->event->time, "%s reached the top: %s",
			     f->name, arena_cut(f->arena, f->text, 200));
	else
		finding_cite(f, 0, m->ending.time, "the traceback on stderr ends with %s: %s",
			     f->name, arena_cut(f->arena, f->text, 200));
	if (strlen(arena_line(f->arena, f->text)) > 100)
		finding_say_traced(f, "%s: %s", f->name, arena_cut(f->arena, f->text, 300));
	if (e->file)
		finding_say_traced(f, "It was raised at %s, line %d%s%s.", e->file, e->line,
				   e->function ? ", in " : "", e->function ? e->function : "");
	tell_children(m, f);
	tell_missing(m, f);
	tell_variable(m, f);
	finding_say(f, "Python printed %s and ended in order; nothing crashed below Python.", e->uncaught ? "the traceback" : "that");
}

const struct rule rule_crash_uncaught_exception = {
	.id = "crash.uncaught-exception",
	.title = "An exception reached the top",
	.match = match_exception,
	.explain = explain_exception,
	.advice = "Read the traceback: its last lines name the error, and the line of your own code above them led to it.",
	.general = true,
	.page = "A Python exception ended the script (status 1, no native death), or a C++ "
		"exception that nobody caught aborted the process.\n"
		"Proof: Python's own hook for such exceptions, or the exception's type read from "
		"the C++ runtime.",
	.sources = "https://docs.python.org/3/library/sys.html#sys.excepthook",
};

/* SPDX-License-Identifier: MIT */
/*
 * Ends that are no death: in order, as it was asked to, by becoming another program; and the
 * verdict that stands when nothing is known.
 */
#include "analyzer/howto.h"
#include "analyzer/missing.h"

#include <signal.h>
#include <string.h>

/* --- exit.exec --- */

static enum confidence match_exec(const struct model *m, struct finding *f)
{
	if (m->ending.kind != END_EXEC)
		return NO_MATCH;
	f->event = m->ending.event ? m->ending.event : model_last(m, KS_exec_call, 0, NULL);
	return PROVEN;
}

static void explain_exec(const struct model *m, struct finding *f)
{
	const char *path = f->event ? FIELD_TEXT(f->event, exec_call, path) : NULL;

	(void)m;
	finding_title(f, "The process became another program%s%s", path ? ": " : "",
		      path ? path : "");
	if (f->event)
		finding_cite(f, f->event->record, f->event->time, "exec of %s: %s",
			     path ? path : "?",
			     FIELD_TEXT(f->event, exec_call, argv)
				     ? FIELD_TEXT(f->event, exec_call, argv)
				     : "");
	finding_say(f, "It called exec: the process goes on with the same pid as another program. "
		       "It did not die.");
}

const struct rule rule_exit_exec = {
	.id = "exit.exec",
	.title = "The process became another program",
	.match = match_exec,
	.explain = explain_exec,
	.page = "os.exec*, or a wrapper that starts the real program.\nProof: the call of exec, "
		"which did not come back.",
	.sources = "https://man7.org/linux/man-pages/man2/execve.2.html",
};

/* --- none --- */

static const struct witness *asked(const struct model *m)
{
	for (size_t i = m->nwitnesses; i-- > 0;) {
		if (m->witnesses[i].raw.kind == 1 && m->witnesses[i].raw.requested)
			return &m->witnesses[i];
	}
	return NULL;
}

/* The command line of who sent the signal is that of the kernel's server. */
static bool is_server(const struct model *m, const struct event *from)
{
	const char *argv = from ? FIELD_TEXT(from, signal_from, argv) : NULL;

	return m->is_kernel && argv && FIELD(from, signal_from, pid) == m->ppid &&
	       (strstr(argv, "jupyter") || strstr(argv, "ipykernel") || strstr(argv, "notebook") ||
		strstr(argv, "nbclient"));
}

/* An exit with a status, through Python's own finalisation: sys.exit(4). */
static bool ordinary(const struct model *m)
{
	const struct event *e = model_last(m, KS_exit_call, 0, NULL);
	const char *function = e ? FIELD_TEXT(e, exit_call, function) : NULL;

	if (m->ending.kind != END_EXIT)
		return false;
	return model_last(m, KS_py_finalize, 0, NULL) ||
	       (function && strcmp(function, "exit") == 0) || !e;
}

static enum confidence match_none(const struct model *m, struct finding *f)
{
	const struct event *from;
	bool at_once;

	f->number[0] = m->ending.kind;
	if (m->ending.kind == END_CLEAN && m->ending.status == 0)
		return PROVEN;
	if (m->ending.kind == END_RUNNING)	/* seen at work once is no proof that it does not hang */
		return model_live(m) ? LIKELY : PROVEN;
	if (m->is_kernel && (m->ending.kind == END_KILLED || m->ending.kind == END_SIGNAL) &&
	    (asked(m) || is_server(m, model_last(m, KS_signal_from, 0, NULL)))) {
		f->text = "asked";
		return PROVEN;
	}
	if (end_is_interrupt(m, f->context, &from)) {
		f->text = from ? "asked" : "interrupted";
		return !from || is_server(m, from) ? PROVEN : NO_MATCH;
	}
	if (end_handed_on(m, &at_once))
		return NO_MATCH;
	if (model_stderr_line(m, "Fatal Python error: init", true) &&
	    !model_stderr_line(m, "KeyboardInterrupt", true))
		return NO_MATCH;
	if (m->ending.kind == END_CLEAN || ordinary(m))
		return f->context->error.uncaught || f->context->bad_load.load ||
			       missing_module(m, f->arena, &f->context->error) ? NO_MATCH : PROVEN;
	return NO_MATCH;
}

/* In its event loop, and no code of a cell beneath. */
static bool idle_kernel(const struct model *m, const struct thread *t)
{
	bool loop = false;

	if (!m->is_kernel || !t || t->wait.kind != WAIT_OUTSIDE)
		return false;
	for (size_t i = 0; i < t->npython; i++) {
		const char *file = t->python[i].file;

		if (strstr(file, "/ipykernel_") || strncmp(file, "<ipython-input", 14) == 0)
			return false;
		loop |= strstr(file, "/asyncio/base_events.py") || strstr(file, "/zmq/eventloop/ioloop.py") || strstr(file, "/tornado/ioloop.py");
	}
	return loop;
}

/* A process that was looked at, and nothing is wrong that one could prove. */
static void explain_running(const struct model *m, struct finding *f)
{
	const struct thread *t = model_thread(m, m->pid), *busy = NULL;
	unsigned n = 0, running = 0;

	for (size_t i = 0; i < m->nthreads; i++) {
		n += m->threads[i].alive;
		if (!m->threads[i].alive || m->threads[i].wait.kind != WAIT_NONE)
			continue;
		running++;
		busy = &m->threads[i];
	}
	if (idle_kernel(m, t))
		finding_title(f, "The kernel is idle: it waits for the next cell");
	else if (t && t->wait.kind == WAIT_NONE)
		finding_title(f, "It is at work: its main thread runs on a CPU");
	else if (t && t->wait.text)
		finding_title(f, "Its main thread waits for %s", t->wait.text);
	else
		finding_title(f, "It is running");
	if (busy && (busy != t || running > 1))
		finding_say(f, "%u of its %u threads run%s on a CPU.", running, n, running == 1 ? "s" : "");
	finding_say(f, "Nothing in what can be seen proves that it hangs. What each thread does is "
		       "told below; the same command again, later, shows what moves.");
	for (size_t i = 0; i < m->nthreads && f->nevidence < 4; i++)
		if (m->threads[i].alive && m->threads[i].wait.text)
			finding_cite(f, 0, m->ending.time, "thread %u waits for %s", m->threads[i].tid, m->threads[i].wait.text);
}

static void explain_none(const struct model *m, struct finding *f)
{
	const struct witness *w = asked(m);

	if (f->text && strcmp(f->text, "asked") == 0) {
		finding_title(f, "It ended at the request of its server; nothing is wrong");
		if (w)
			finding_cite(f, w->record, m->ending.time,
				     "%s (pid %u) asked for it with %s",
				     w->name ? w->name : "the parent", w->raw.pid,
				     signal_word(w->raw.requested));
		finding_say(f, "The server that had started this kernel ended it itself: a "
			       "restart, a shutdown or an idle limit.");
	} else if (f->text) {
		finding_title(f, "It was interrupted from the keyboard (KeyboardInterrupt)");
		finding_say(f, "SIGINT came, Python raised KeyboardInterrupt, and nobody caught "
			       "it: it ended as it was asked to.");
	} else if (m->ending.kind == END_RUNNING && model_live(m)) {
		explain_running(m, f);
	} else if (m->sealed) {
		finding_title(f, "Its recording ended when it put on a seccomp filter; how it ended itself was not seen");
		finding_say(f, "The filter may end the process for a system call that the recorder makes and the program does not: so "
			       "the recorder stopped, and the process went on. Where its parent is recorded as well, that sees its end.");
	} else if (m->ending.kind == END_RUNNING) {
		finding_title(f, "It is still running, or nothing says that it ended");
		finding_say(f, "No end was recorded, and the process is there.");
	} else if (m->ending.status == 0) {
		finding_title(f, m->is_kernel ? "The kernel ended in order, at request"
					      : "It ended in order");
		finding_say(f, m->is_kernel
				       ? "The kernel went through its own shutdown and ended with "
					 "status 0, as a restart or shutdown request makes it do."
				       : "The process ended with status 0. What went wrong on the "
					 "way was handled.");
	} else {
		finding_title(f, "It ended itself with status %d", m->ending.status);
		finding_say(f,
			    "The interpreter went down in order with status %d (sys.exit or the "
			    "end of the program), without an exception "
			    "that reached the top.",
			    m->ending.status);
	}
	if (m->ending.event)
		finding_cite(f, m->ending.event->record, m->ending.event->time,
			     "end in order, status %d", m->ending.status);
}

const struct rule rule_none = {
	.id = "none",
	.title = "Nothing died",
	.match = match_none,
	.explain = explain_none,
	.page = "The process ended in order, as it was asked to, or still runs. Failed look-ups, "
		"handled signals and caught exceptions on the way "
		"are no death.",
	.sources = "https://github.com/jpype-project/jpype/pull/886",
};

/* --- unknown --- */

static enum confidence match_unknown(const struct model *m, struct finding *f)
{
	(void)m;
	(void)f;
	return LIKELY;
}

static void explain_unknown(const struct model *m, struct finding *f)
{
	if (m->ending.kind == END_EXIT)
		finding_title(f, "It ended with status %d; why is not known", m->ending.status);
	else if (m->ending.signal)
		finding_title(f, "It ended with %s; why is not known",
			      signal_word(m->ending.signal));
	finding_say(f,
		    "Nothing in the recording proves a cause, and kshim does not guess. What it holds is shown below.");
	if (m->ending.event)
		finding_cite(f, m->ending.event->record, m->ending.event->time,
			     "the end, as recorded");
	finding_fix(f, "If it happens again, note the last cell or line that ran, and try that alone: what is still needed to make it happen?");
	finding_fix(f, "All that was recorded can be read so (it is meant for whoever knows C):");
	finding_run(f, "kshim-analyze --dump \"%s\"", m->file ? base_name(m->file) : "");
}

const struct rule rule_unknown = {
	.id = "unknown",
	.title = "The cause is not known",
	.match = match_unknown,
	.explain = explain_unknown,
	.general = true,
	.page = "No rule found a proof. kshim says what it saw and does not guess.",
	.sources = "",
};

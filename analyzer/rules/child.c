/* SPDX-License-Identifier: MIT */
/*
 * Another program that this one had started died: a compiler, nvidia-smi, a shell. While Python lives
 * that is no death; where it ends with the very status that a shell makes of that signal, it passed
 * on what its child had come to.
 */
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

static bool is_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
	       signal == SIGABRT || signal == SIGSYS || signal == SIGTRAP || signal == SIGKILL;
}

/* Did this process end that child itself? */
static bool was_asked(const struct model *m, uint64_t pid)
{
	for (const struct event *e = NULL; (e = model_next(m, KS_signal_sent, 0, e));)
		if (FIELD(e, signal_sent, target) == pid || FIELD(e, signal_sent, target) == -pid)
			return true;
	return false;
}

static enum confidence match_child(const struct model *m, struct finding *f)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_child_end, 0, e));) {
		const int signal = (int)FIELD(e, child_end, status) & 0x7f;
		const bool passed_on = m->ending.kind == END_EXIT && !f->context->error.uncaught &&
				       (m->ending.status == 128 + signal || m->ending.status == 256 - signal);

		if (!is_crash(signal) || was_asked(m, FIELD(e, child_end, pid)))
			continue;
		f->event = e;
		f->number[0] = FIELD(e, child_end, pid);
		f->number[1] = (uint64_t)signal;
		if (passed_on)
			return PROVEN;
		f->why_not = m->ending.kind == END_CLEAN || m->ending.kind == END_RUNNING
				     ? "that was another process; this one lived on"
				     : "that was another process, and nothing links its end to this one's";
		return SEEN;
	}
	return NO_MATCH;
}

static void explain_child(const struct model *m, struct finding *f)
{
	const unsigned pid = (unsigned)f->number[0];
	const char *signal = signal_word((int)f->number[1]);

	finding_title(f, "Its child process %u was ended by %s", pid, signal);
	finding_cite(f, f->event->record, f->event->time, "process %u, a child, was ended by %s", pid, signal);
	if (f->confidence != PROVEN)
		return;
	finding_say(f,
		    "Process %u, which this one had started, was ended by %s. This process then ended with status %d, "
		    "which is how shells and Python's subprocess tell of that signal; it did not crash itself.",
		    pid, signal, m->ending.status);
	finding_fix(f, "Start that program by itself to see why it dies; or record it too (KSHIM=all).");
}

const struct rule rule_crash_in_child = {
	.id = "crash.in-child",
	.title = "A process that it had started died of a signal",
	.match = match_child,
	.explain = explain_child,
	.page = "A program that Python had started (subprocess, os.system) was ended by a signal.\nProof: the wait for it "
		"told so, and this process ended with the status that is made of that signal.\n"
		"Mistaken for it: a crash of Python itself. While Python lives it is only also seen.",
	.sources = "https://docs.python.org/3/library/subprocess.html#subprocess.Popen.returncode",
};

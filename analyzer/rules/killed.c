/* SPDX-License-Identifier: MIT */
/*
 * Ended by a signal from outside, or by one that the kernel sends for a reason of its own.
 * siginfo tells the sender; SIGKILL tells nothing, then only a witness (the recorded parent) can.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "analyzer/words.h"

/* --- killed.by-process --- */

static const struct witness *killer(const struct model *m)
{
	for (size_t i = m->nwitnesses; i-- > 0;) {
		const struct ks_witness *w = &m->witnesses[i].raw;

		if (w->kind != 1)
			continue;
		for (int k = 0; k < 4; k++) {
			if (w->signal_sent[k] == SIGKILL || w->requested == SIGKILL)
				return &m->witnesses[i];
		}
	}
	return NULL;
}

static bool one_of(const char *name, const char *const *list)
{
	for (; name && *list; list++) {
		if (strcmp(name, *list) == 0)
			return true;
	}
	return false;
}

static bool memory_daemon(const char *name)
{
	static const char *const names[] = {"earlyoom", "nohang",	  "systemd-oomd",
					    "oomd",	"low-memory-mon", "psi-monitor",
					    NULL};

	return one_of(name, names);
}

static enum confidence match_process(const struct model *m, struct finding *f)
{
	const struct event *from;
	const struct witness *w;
	bool at_once;

	if (end_was_sent(m)) {
		f->event = model_last(m, KS_signal_from, 0, NULL);
		return m->crash.present && m->crash.raw->code > 0 ? NO_MATCH : PROVEN;
	}
	if (end_is_interrupt(m, f->context, &from) && from) {
		f->event = from;
		return PROVEN;
	}
	f->event = end_handed_on(m, &at_once);
	if (f->event)
		return at_once ? PROVEN : LIKELY;
	w = m->ending.kind == END_KILLED ? killer(m) : NULL;
	if (!w)
		return NO_MATCH;
	f->number[0] = w->raw.pid;
	f->name = w->name;
	f->number[1] = w->record;
	return PROVEN;
}

static void tell_memory(const struct model *m, struct finding *f)
{
	const struct checkpoint *c = m->ncheckpoints ? &m->checkpoints[m->ncheckpoints - 1] : NULL;

	finding_say(f, "That program ends others when the machine's memory runs low.");
	if (c && c->mem_available != UNKNOWN) {
		finding_cite(f, c->record, c->time,
			     "%s of memory available on the machine, this process held %s",
			     size_text(f->arena, c->mem_available), size_text(f->arena, c->rss));
		finding_say(
			f, "At the last look %s of memory was available, and this process held %s.",
			size_text(f->arena, c->mem_available), size_text(f->arena, c->rss));
	}
	howto_less_memory(m, f, "Let it");
	finding_fix(f, "Or use a machine with more memory.");
}

struct sender {
	const char *signal, *name, *parent, *argv;
	uint32_t pid, uid, ppid;
};

/* From siginfo at the end; for a signal that the program handled, from the event of its arrival. */
static struct sender sender_of(const struct model *m, const struct finding *f)
{
	const struct ending *e = &m->ending;
	struct sender s = { signal_word(e->signal), e->sender, e->sender_parent, NULL,
			    e->sender_pid, e->sender_uid, e->sender_ppid };

	if (f->event && !end_was_sent(m)) {
		s.signal = signal_word((int)FIELD_SIGNED(f->event, signal_from, signal));
		s.name = FIELD_TEXT(f->event, signal_from, comm);
		s.parent = FIELD_TEXT(f->event, signal_from, parent_comm);
		s.pid = (uint32_t)FIELD(f->event, signal_from, pid);
		s.uid = (uint32_t)FIELD(f->event, signal_from, uid);
		s.ppid = (uint32_t)FIELD(f->event, signal_from, ppid);
	}
	s.name = s.name && *s.name ? s.name : NULL;
	s.argv = f->event ? FIELD_TEXT(f->event, signal_from, argv) : NULL;
	return s;
}

static void tell_kill(const struct model *m, struct finding *f)
{
	const char *name = f->name ? f->name : "?";
	unsigned pid = (unsigned)f->number[0];

	finding_title(f, "SIGKILL from process %u (%s), its parent", pid, name);
	finding_cite(f, f->number[1], m->ending.time,
		     "process %u (%s) had sent SIGKILL and then saw it end", pid, name);
	finding_say(f, "Its parent, process %u (%s), sent SIGKILL; the parent's own recording says so.",
		    pid, name);
}

/* It did not die of the signal itself: a handler of its own ended it. */
static void tell_handled(const struct model *m, struct finding *f)
{
	const struct py_error *e = &f->context->error;
	bool at_once;

	if (end_was_sent(m) || !f->event || end_handed_on(m, &at_once) != f->event)
		return;
	if (m->ending.kind != END_EXIT)
		finding_say(f, "The program has a handler for it (faulthandler, or one of its own), which then sent the same signal "
			       "to its own process, as handlers do when they have done their work.");
	else if (e->uncaught)
		finding_say(f, "The program has a handler for it, and ended %.1f s later: %s: %.120s", (m->ending.time - f->event->time) / 1e9,
			    e->type, arena_line(f->arena, e->text));
	else
		finding_say(f, "The program has a handler for it, and ended itself %.1f s later, with status %d.",
			    (m->ending.time - f->event->time) / 1e9, m->ending.status);
}

/* Who ends processes for a living, and what is to be done about it. */
static void fix_sender(struct finding *f, const char *name, uint32_t pid)
{
	static const struct { const char *name, *fix; } known[] = {
		{ "timeout", "It was started by \"timeout\", and its time was over: give it more time there, or take the timeout away." },
		{ "slurmstepd", "Slurm ended the job: its time was over, or somebody cancelled it (\"sacct\" tells). Ask for more time in the job's "
				"script: #SBATCH --time=…" },
		{ "systemd", "Its service or session was stopped or started anew: \"systemctl status\" and \"journalctl\" tell of whom." },
		{ "supervisord", "supervisord stopped or restarted its program: its log tells why." },
		{ "containerd-shim", "Its container was stopped; ask whoever runs it, and see its logs." },
		{ "tini", "Its container was stopped; ask whoever runs it, and see its logs." },
	};

	for (size_t i = 0; name && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) == 0) {
			finding_fix(f, "%s", known[i].fix);
			return;
		}
	}
	finding_fix(f, "The program itself did nothing wrong here. Find out why %s ends it (a time limit, an idle limit, a stop of its "
		       "service), and ask whoever runs it for more time if that is it.",
		    name ? arena_printf(f->arena, "%s (process %u)", name, pid) : arena_printf(f->arena, "process %u", pid));
}

static void explain_process(const struct model *m, struct finding *f)
{
	const struct sender s = sender_of(m, f);
	const char *name = s.name ? arena_printf(f->arena, " (%s)", s.name) : "";
	bool parent = s.pid == m->ppid;

	if (!s.pid) {
		tell_kill(m, f);
		fix_sender(f, f->name, (uint32_t)f->number[0]);
		return;
	}
	finding_title(f, "Process %u%s%s ended it, with %s", s.pid, name, parent ? ", its parent," : "", s.signal);
	finding_cite(f, f->event ? f->event->record : m->crash.record, m->ending.time,
		     "%s, sent by pid %u, uid %u, command %s%s%s", s.signal, s.pid, s.uid,
		     s.name ? s.name : "not known", s.argv ? ": " : "", s.argv ? s.argv : "");
	finding_say(f, "The signal did not come from the kernel or from the program itself: process "
		       "%u%s sent it%s.", s.pid, name,
		    parent ? "; it is the parent that had started this one" : "");
	if (s.argv && *s.argv)
		finding_say(f, "Its command line was: %.200s", s.argv);
	tell_handled(m, f);
	if (s.ppid == m->pid)
		finding_say(f, "That process had been started by this program itself (os.system, "
			       "subprocess).");
	else if (s.parent && *s.parent && !parent)
		finding_say(f, "It was started by %s (pid %u).", s.parent, s.ppid);
	if (memory_daemon(s.name))
		tell_memory(m, f);
	else
		fix_sender(f, s.name, s.pid);
}

const struct rule rule_killed_by_process = {
	.id = "killed.by-process",
	.title = "Another process ended it with a signal",
	.match = match_process,
	.explain = explain_process,
	.page = "Somebody sent SIGTERM, SIGINT, SIGQUIT…; or SIGKILL, seen by the recorded parent "
		"that sent it.\nProof: siginfo holds the sender's "
		"pid; its command was read at once. earlyoom sends SIGTERM before SIGKILL.\n"
		"Mistaken for it: \"the user stopped it\", \"out of memory\". The sender's name "
		"decides.",
	.sources = "https://github.com/rfjakob/earlyoom/issues/321 "
		   "https://github.com/jupyter-server/enterprise_gateway/issues/819",
};

/* --- killed.by-timer, killed.broken-pipe, killed.terminal-closed, killed.seccomp --- */

static enum confidence match_timer(const struct model *m, struct finding *f)
{
	if (!end_is_signal(m, SIGALRM) && !end_is_signal(m, SIGVTALRM) &&
	    !end_is_signal(m, SIGPROF))
		return NO_MATCH;
	if (end_was_sent(m))
		return NO_MATCH;
	for (const struct event *e = NULL; (e = model_last(m, KS_timer_set, 0, e));) {
		if (FIELD(e, timer_set, microseconds)) {
			f->event = e;
			break;
		}
	}
	return f->event ? PROVEN : LIKELY;
}

static void explain_timer(const struct model *m, struct finding *f)
{
	const struct frame *caller;

	finding_title(f, "A timer of its own ended it (%s)", signal_word(m->ending.signal));
	finding_say(f,
		    "%s came from a timer, and nothing in the program handled it: its default is "
		    "to end the process.",
		    signal_word(m->ending.signal));
	if (f->event) {
		caller = model_frame(m, FIELD(f->event, timer_set, caller), true);
		finding_cite(f, f->event->record, f->event->time,
			     "%s set a timer of %.3f s, called by %s",
			     FIELD_TEXT(f->event, timer_set, function)
				     ? FIELD_TEXT(f->event, timer_set, function)
				     : "alarm",
			     FIELD(f->event, timer_set, microseconds) / 1e6,
			     frame_text(f->arena, caller));
		finding_say(f, "The timer was set by %s, to fire after %.3f s.",
			    frame_words(f->arena, caller),
			    FIELD(f->event, timer_set, microseconds) / 1e6);
	}
	finding_fix(f, "Install a handler before the timer is set (signal.signal(signal.SIGALRM, …)), or switch the timer off when the work is "
		       "done in time:");
	finding_run(f, "signal.alarm(0)");
}

const struct rule rule_killed_by_timer = {
	.id = "killed.by-timer",
	.title = "A timer of its own ended it",
	.match = match_timer,
	.explain = explain_timer,
	.page = "alarm() or setitimer() fired without a handler.\nProof: SIGALRM, SIGVTALRM or "
		"SIGPROF that no process sent; the call that set the timer.",
	.sources = "https://man7.org/linux/man-pages/man2/setitimer.2.html",
};

static enum confidence match_pipe(const struct model *m, struct finding *f)
{
	(void)f;
	if (!end_is_signal(m, SIGPIPE) || end_was_sent(m) || own_signal(m))
		return NO_MATCH;
	return PROVEN;
}

static void explain_pipe(const struct model *m, struct finding *f)
{
	finding_cite(f, m->crash.record, m->ending.time, "SIGPIPE at %s",
		     frame_text(f->arena, f->context->blame));
	finding_say(f, "It wrote to a pipe or socket that nobody reads any more. Python ignores "
		       "SIGPIPE at its start; somebody set it back to its "
		       "default (signal.signal(SIGPIPE, SIG_DFL)), and that ends the process.");
	finding_fix(f, "Take out signal.signal(signal.SIGPIPE, signal.SIG_DFL), or find out why "
		       "the reader ended first.");
}

const struct rule rule_killed_broken_pipe = {
	.id = "killed.broken-pipe",
	.title = "It wrote to a pipe that nobody reads (SIGPIPE)",
	.match = match_pipe,
	.explain = explain_pipe,
	.page = "SIGPIPE with its default action.\nProof: the signal came from the process's own "
		"write; nobody sent it.",
	.sources = "https://docs.python.org/3/library/signal.html#note-on-sigpipe",
};

static enum confidence match_terminal(const struct model *m, struct finding *f)
{
	static const char *const shells[] = {
		"bash", "sh",	 "dash",	 "zsh",	 "fish",   "ksh",    "tcsh",	"csh",
		"sshd", "login", "tmux: server", "tmux", "screen", "SCREEN", "systemd", NULL};

	if (!end_is_signal(m, SIGHUP))
		return NO_MATCH;
	f->name = m->ending.sender;
	if (!end_was_sent(m) && !own_signal(m))
		return m->ending.code > 0 ? PROVEN : LIKELY;	/* SI_KERNEL */
	return one_of(m->ending.sender, shells) ? LIKELY : NO_MATCH;
}

static void explain_terminal(const struct model *m, struct finding *f)
{
	finding_cite(f, m->ending.event ? m->ending.event->record : m->crash.record, m->ending.time,
		     "SIGHUP, sent by %s",
		     f->name ? f->name : "the kernel: its terminal was closed");
	finding_say(f, "SIGHUP tells programs that their terminal is gone: the window was closed, "
		       "the connection broke, the user logged out.");
	finding_fix(f, "Start it so that it outlives the terminal: within tmux or screen, or so:");
	finding_run(f, "nohup %s &", start_command(m, f->arena) ? start_command(m, f->arena) : "jupyter notebook");
}

const struct rule rule_killed_terminal_closed = {
	.id = "killed.terminal-closed",
	.title = "Its terminal was closed (SIGHUP)",
	.match = match_terminal,
	.explain = explain_terminal,
	.page = "SIGHUP: the terminal or the connection is gone.\nProof: the signal came from the "
		"kernel; likely where a shell passed it on.",
	.sources = "https://man7.org/linux/man-pages/man7/signal.7.html",
};

static enum confidence match_seccomp(const struct model *m, struct finding *f)
{
	if (!end_is_signal(m, SIGSYS) || end_was_sent(m))
		return NO_MATCH;
	f->event = model_last(m, KS_seccomp_on, 0, NULL);
	if (!m->crash.present || m->crash.raw->code != 1)	/* SYS_SECCOMP */
		return LIKELY;
	f->number[0] =
		m->arch == KS_ARCH_X86_64 && m->crash.raw->nregs ? m->crash.raw->regs[0] : UNKNOWN;
	return PROVEN;
}

static void explain_seccomp(const struct model *m, struct finding *f)
{
	const char *number =
		f->number[0] != UNKNOWN && f->confidence == PROVEN
			? arena_printf(f->arena, " number %llu", (unsigned long long)f->number[0])
			: "";

	finding_title(f, "A seccomp filter forbids a system call that it made (SIGSYS)");
	finding_cite(f, m->crash.record, m->ending.time, "SIGSYS, si_code %d, at %s",
		     m->crash.present ? m->crash.raw->code : 0,
		     frame_text(f->arena, f->context->blame));
	finding_say(f,
		    "The process made the system call%s, and a filter (seccomp) answers that call "
		    "with SIGSYS.",
		    number);
	if (f->event)
		finding_cite(f, f->event->record, f->event->time, "a filter was switched on by %s",
			     frame_text(f->arena,
					model_frame(m, FIELD(f->event, seccomp_on, caller), true)));
	finding_fix(f, "%s",
		    f->event ? "The filter was set in this process: allow the call there."
			     : "The filter came from outside: allow the call in the sandbox or "
			       "container (docker run --security-opt seccomp=PROFILE.json …).");
}

const struct rule rule_killed_seccomp = {
	.id = "killed.seccomp",
	.title = "A seccomp filter ended it (SIGSYS)",
	.match = match_seccomp,
	.explain = explain_seccomp,
	.page = "A sandbox forbids a system call.\nProof: SIGSYS with si_code SYS_SECCOMP.",
	.sources = "https://man7.org/linux/man-pages/man2/seccomp.2.html",
};

/* --- killed.unknown --- */

static enum confidence match_unknown(const struct model *m, struct finding *f)
{
	(void)f;
	if (m->ending.kind == END_KILLED)
		return m->hidden ? LIKELY : PROVEN;
	/* Python or a library does not come back from these, and no fault was recorded. */
	return m->ending.kind == END_SIGNAL && !m->crash.present && !m->ending.sender_pid
		       ? LIKELY
		       : NO_MATCH;
}

/* Did the kernel kill anybody for want of memory between the last look inside and a witness's? */
static bool somebody_was(const struct model *m)
{
	uint64_t before = UNKNOWN;

	for (size_t i = 0; i < m->ncheckpoints; i++)
		if (m->checkpoints[i].sys_oom_kill != UNKNOWN)
			before = m->checkpoints[i].sys_oom_kill;
	for (size_t i = 0; before != UNKNOWN && i < m->nwitnesses; i++)
		if (m->witnesses[i].raw.sys_oom_kill != UNKNOWN && m->witnesses[i].raw.sys_oom_kill > before)
			return true;
	return false;
}

static void explain_unknown(const struct model *m, struct finding *f)
{
	const struct checkpoint *c = m->ncheckpoints ? &m->checkpoints[m->ncheckpoints - 1] : NULL;

	const bool bare = m->ending.kind == END_KILLED && m->header->bare;
	const uint64_t cpu = model_hard_limit(m, RLIMIT_CPU);

	if (m->hidden)
		finding_title(f, "Of another container: it runs there, or was killed; from here that cannot be seen");
	else if (bare)
		finding_title(f, "Ended from outside by a signal; which, and by whom, is not known");
	else if (m->ending.kind == END_KILLED)
		finding_title(f, "Killed from outside with SIGKILL; by whom is not known");
	else
		finding_title(f, "Ended by %s; who sent it is not known",
			      signal_word(m->ending.signal));
	if (m->ending.kind == END_SIGNAL) {
		cite_parent(m, f);
		finding_say(f, "The process that waited for it was told that it died of %s; inside it, nothing was seen of the signal.",
			    signal_word(m->ending.signal));
	} else if (bare) {
		finding_say(f, "The recording stops without an end while the process may have waited in vfork for a child to become "
			       "another program: there SIGTERM and other signals without a handler end it as SIGKILL does, without a word.");
	} else {
		finding_say(f, "The recording stops without an end: no fault, no exit, no abort. Only "
			       "SIGKILL (or a loss of the machine) does that, and "
			       "SIGKILL leaves nothing inside the process that says who sent it.");
	}
	if (c && c->rss != UNKNOWN)
		finding_cite(
			f, c->record, c->time,
			"last sign of life: %s resident, %s of memory available on the machine",
			size_text(f->arena, c->rss),
			c->mem_available == UNKNOWN ? "an unknown amount"
						    : size_text(f->arena, c->mem_available));
	if (model_last(m, KS_seccomp_on, 0, NULL))
		finding_say(f, "A seccomp filter was switched on in this process; one that kills "
			       "leaves no other trace either.");
	if (m->ending.kind == END_KILLED && cpu != UNKNOWN)
		finding_say(f, "Its CPU time was limited to %llu s (ulimit -t): Linux sends SIGKILL when the hard limit is used up, too. How much "
			       "it had used is not known.", (unsigned long long)cpu);
	finding_say(f, "It is not proven to have been a lack of memory%s.",
		    !m->nwitnesses	? ""
		    : somebody_was(m)	? ": the machine's counter of such kills rose while it ran, but "
					  "that counts those of other processes and containers too"
					: ": no counter of such kills rose, as far as they were looked at");
	finding_fix(f, "Ask whoever runs this machine, batch system or hub whether they end processes for time or memory; and see what Linux "
		       "and systemd wrote at that time:");
	finding_run(f, "journalctl --since \"%s\" | grep -i -e kill -e oom -e memory", clock_words(f->arena, m->started + m->ending.time));
	if (m->is_kernel) {
		finding_fix(f, "To know it the next time, record the Jupyter server too; it sees how its kernels end:");
		finding_run(f, "LD_PRELOAD=libkshim.so jupyter notebook");
	}
}

const struct rule rule_killed_unknown = {
	.id = "killed.unknown",
	.title = "Killed from outside; by whom is not known",
	.match = match_unknown,
	.explain = explain_unknown,
	.general = true,
	.page = "SIGKILL from outside without a witness: an administrator, a batch system, a "
		"container runtime, systemd-oomd, a kernel manager.\n"
		"-9 alone proves nothing, and is no proof of a lack of memory.",
	.sources = "https://github.com/microsoft/vscode-jupyter/issues/4941 "
		   "https://github.com/systemd/systemd/issues/35270",
};

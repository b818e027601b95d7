/* SPDX-License-Identifier: MIT */
/* Resource limits with signals or errors of their own: CPU time, file size, mappings, open files. */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* --- limit.cpu-time --- */

#define TWICE_A_SECOND	1500	/* ms of CPU time that may pass until the next full look, and some */

/* The last look at its CPU time; NULL: none. */
static const struct checkpoint *last_look(const struct model *m)
{
	for (size_t i = m->ncheckpoints; i-- > 0;)
		if (m->checkpoints[i].cpu_ms)
			return &m->checkpoints[i];
	return NULL;
}

/*
 * Where soft and hard limit are one (ulimit -t sets both), or SIGXCPU is ignored, Linux sends SIGKILL
 * at once (kernel/time/posix-cpu-timers.c, check_process_timers), which leaves no end.
 */
static bool nearly_used(const struct model *m, struct finding *f)
{
	const struct checkpoint *c = last_look(m);
	uint64_t hard = model_hard_limit(m, RLIMIT_CPU);

	if (m->ending.kind != END_KILLED || hard == UNKNOWN || !hard || !c || c->cpu_ms + TWICE_A_SECOND < hard * 1000)
		return false;
	f->number[0] = hard;
	f->number[1] = c->cpu_ms;
	return true;
}

static void explain_killed(const struct model *m, struct finding *f)
{
	const struct checkpoint *c = last_look(m);

	finding_title(f, "Killed, most likely because its CPU time (limit: %llu s) was used up", (unsigned long long)f->number[0]);
	finding_cite(f, c->record, c->time, "%.1f s of CPU time were used, of %llu s that RLIMIT_CPU allows", f->number[1] / 1e3,
		     (unsigned long long)f->number[0]);
	finding_say(f, "The process may use %llu seconds of CPU time (RLIMIT_CPU, ulimit -t), and had used %.1f when it was last looked at. "
		       "Linux ends it with SIGKILL at the hard limit; where that is the soft limit too, as ulimit -t sets them, no SIGXCPU "
		       "comes before. Nothing says that anybody else killed it.",
		    (unsigned long long)f->number[0], f->number[1] / 1e3);
}

static enum confidence match_cpu(const struct model *m, struct finding *f)
{
	if (nearly_used(m, f))
		return LIKELY;
	f->number[0] = model_limit(m, RLIMIT_CPU);
	if (!end_is_signal(m, SIGXCPU) || end_was_sent(m))
		return NO_MATCH;
	return f->number[0] != UNKNOWN && f->number[0] ? PROVEN : LIKELY;
}

static void explain_cpu(const struct model *m, struct finding *f)
{
	bool known = f->number[0] != UNKNOWN, killed = m->ending.kind == END_KILLED;

	if (killed)
		explain_killed(m, f);
	else if (known)
		finding_title(f, "The limit on CPU time (%llu s) is used up", (unsigned long long)f->number[0]);
	if (!killed)
		finding_cite(f, m->ending.event ? m->ending.event->record : m->crash.record, m->ending.time,
			     "SIGXCPU, sent by the kernel itself");
	if (known && !killed)
		finding_say(f,
			    "The process may use %llu seconds of CPU time (RLIMIT_CPU, ulimit -t); "
			    "when they were used, the kernel sent "
			    "SIGXCPU. No other process had a part in it.",
			    (unsigned long long)f->number[0]);
	else if (!killed)
		finding_say(f, "The kernel sends SIGXCPU when the CPU time of RLIMIT_CPU (ulimit -t) is used up.");
	howto_ulimit(m, f, RLIMIT_CPU, "t", "cpu", "unlimited");
	finding_fix(f, "On a login node of a cluster such a limit (RLIMIT_CPU) is meant: run the work as a job of the batch system.");
}

const struct rule rule_limit_cpu_time = {
	.id = "limit.cpu-time",
	.title = "The limit on CPU time is used up",
	.match = match_cpu,
	.explain = explain_cpu,
	.page = "RLIMIT_CPU (login nodes, batch systems) ended the process.\nProof: SIGXCPU from "
		"the kernel, and the limit as recorded. Likely: SIGKILL that nobody is known to have sent, with the hard limit nearly used up "
		"at the last look.\n"
		"Mistaken for it: a kill by another process.",
	.sources = "https://man7.org/linux/man-pages/man2/getrlimit.2.html",
};

/* --- limit.file-size --- */

/*
 * numpy's tofile says how many elements went out and nothing of why ("1000000 requested and 511984
 * written", numpy/_core/src/multiarray/convert.c). For one size of element that is just
 * what fits below the limit, a header of numpy.save before it.
 */
static bool filled_up(const struct context *c, uint64_t limit)
{
	const char *at = c->error.uncaught ? strstr(c->error.text, " requested and ") : NULL;
	unsigned long long written = at ? strtoull(at + strlen(" requested and "), NULL, 10) : 0;

	if (!at || !strstr(at, " written") || limit == UNKNOWN || !written)
		return false;
	for (unsigned size = 1; size <= 32; size *= 2) {
		if (written * size <= limit && limit - written * size < 4096 + size)
			return true;
	}
	return false;
}

static enum confidence match_size(const struct model *m, struct finding *f)
{
	f->number[0] = model_limit(m, RLIMIT_FSIZE);
	if (end_is_signal(m, SIGXFSZ) && !end_was_sent(m))
		return f->number[0] != UNKNOWN ? PROVEN : LIKELY;
	/* Python ignores SIGXFSZ and raises EFBIG. */
	if (f->context->error.uncaught && f->number[0] != UNKNOWN &&
	    (error_says(f->context, "[Errno 27]") || error_says(f->context, "File too large")))
		return PROVEN;
	return filled_up(f->context, f->number[0]) ? PROVEN : NO_MATCH;
}

static void explain_size(const struct model *m, struct finding *f)
{
	if (f->number[0] != UNKNOWN)
		finding_title(f, "The limit on the size of a file (%s) is reached", size_text(f->arena, f->number[0]));
	finding_cite(f, m->ending.event ? m->ending.event->record : 0, m->ending.time, "%s; RLIMIT_FSIZE is %s",
		     m->ending.signal ? signal_word(m->ending.signal) :
		     filled_up(f->context, f->number[0]) ? arena_printf(f->arena, "%.120s", arena_line(f->arena, f->context->error.text)) :
							   "EFBIG, \"File too large\"",
		     f->number[0] == UNKNOWN ? "not known" : size_text(f->arena, f->number[0]));
	finding_say(f, "A file was to grow beyond RLIMIT_FSIZE (ulimit -f). The disk may have plenty of space.");
	howto_ulimit(m, f, RLIMIT_FSIZE, "f", "fsize", "unlimited");
	finding_fix(f, "Or write several smaller files.");
}

const struct rule rule_limit_file_size = {
	.id = "limit.file-size",
	.title = "The limit on the size of a file is reached",
	.match = match_size,
	.explain = explain_size,
	.page = "RLIMIT_FSIZE: a write beyond it sends SIGXFSZ (native programs die of it) or "
		"fails with EFBIG (Python ignores the signal).\n"
		"Proof: the signal, or the exception that ended the program, and the finite limit.",
	.sources = "https://man7.org/linux/man-pages/man2/getrlimit.2.html",
};

/* --- limit.open-files --- */

static enum confidence match_files(const struct model *m, struct finding *f)
{
	f->number[0] = model_limit(m, RLIMIT_NOFILE);
	if (!f->context->error.uncaught)
		return NO_MATCH;
	if (f->context->bad_load.load && f->context->bad_load.words.fault == LOADER_FILES)
		return PROVEN;
	return error_says(f->context, "[Errno 24]") || error_says(f->context, "Too many open files") ? PROVEN : NO_MATCH;
}

static void explain_files(const struct model *m, struct finding *f)
{
	finding_title(f, "Too many files are open (limit %llu)", (unsigned long long)f->number[0]);
	finding_cite(f, f->context->error.event ? f->context->error.event->record : 0,
		     m->ending.time, "%s: %.160s", f->context->error.type,
		     arena_line(f->arena, f->context->error.text));
	finding_say(f, "The process may have %llu files open at a time (RLIMIT_NOFILE, ulimit -n), and all were in use.",
		    (unsigned long long)f->number[0]);
	finding_fix(f, "Close what is no longer used (\"with open(…) as file:\" does it by itself); a loop that opens files, sockets or "
		       "figures and keeps them is the usual reason.");
	howto_ulimit(m, f, RLIMIT_NOFILE, "n", "nofile", "65536");
}

const struct rule rule_limit_open_files = {
	.id = "limit.open-files",
	.title = "Too many files are open",
	.match = match_files,
	.explain = explain_files,
	.page = "RLIMIT_NOFILE is reached.\nProof: the exception that ended the program has errno 24; the limit as recorded.",
	.sources = "https://man7.org/linux/man-pages/man2/getrlimit.2.html",
};

/* --- limit.map-count --- */

static enum confidence match_maps(const struct model *m, struct finding *f)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_map_failed, 0, e));) {
		enum confidence c;

		if (FIELD(e, map_failed, maps) < 65000 || FIELD_SIGNED(e, map_failed, error) != -ENOMEM)
			continue;
		f->event = e;
		f->number[0] = FIELD(e, map_failed, maps);
		c = failure_link(m, f->context, e, FIELD(e, map_failed, caller));
		if (c == NO_MATCH && e->tid == f->context->tid && f->context->error.uncaught &&
		    (strstr(f->context->error.type, "MemoryError") || error_says(f->context, "Cannot allocate memory") ||
		     error_says(f->context, "can't start new thread")))
			c = PROVEN;
		if (c == NO_MATCH && e->tid == f->context->tid && m->ending.kind == END_ABORT && m->crash.exception_type &&
		    strstr(m->crash.exception_type, "bad_alloc"))
			c = PROVEN;
		if (c != NO_MATCH)
			return c;
	}
	return NO_MATCH;
}

static void explain_maps(const struct model *m, struct finding *f)
{
	finding_title(f, "The limit on the number of mappings is reached (%llu)", (unsigned long long)f->number[0]);
	finding_cite(f, f->event->record, f->event->time, "%s of %llu bytes failed with ENOMEM; the process had %llu mappings",
		     FIELD_TEXT(f->event, map_failed, function) ? FIELD_TEXT(f->event, map_failed, function) : "mmap",
		     (unsigned long long)FIELD(f->event, map_failed, size), (unsigned long long)f->number[0]);
	finding_say(f,
		    "A process may have vm.max_map_count mappings (65530 by default); this one had "
		    "%llu. A new one is refused with \"cannot "
		    "allocate memory\", whatever memory there is.",
		    (unsigned long long)f->number[0]);
	finding_fix(f, "Use fewer at a time: fewer memory-mapped files, shared arrays and threads%s.",
		    works_in_batches(m) ? " (with PyTorch: torch.multiprocessing.set_sharing_strategy('file_system'))" : "");
	finding_fix(f, "Or have the limit raised; that takes the administrator of the machine, so ask them for this (lasting: the same as a "
		       "line in /etc/sysctl.d/):");
	finding_run(f, "sudo sysctl vm.max_map_count=262144");
}

const struct rule rule_limit_map_count = {
	.id = "limit.map-count",
	.title = "The limit on the number of mappings is reached",
	.match = match_maps,
	.explain = explain_maps,
	.page = "vm.max_map_count: many small mappings (memory-mapped files, shared tensors, "
		"threads) use it up.\nProof: a mapping failed with "
		"ENOMEM, the number of mappings at that time, and its link to the end.\nMistaken "
		"for it: a lack of memory.",
	.sources = "https://www.kernel.org/doc/Documentation/sysctl/vm.txt",
};

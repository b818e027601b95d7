/* SPDX-License-Identifier: MIT */
/*
 * A thread, or a process, could not be made, and the program did not survive it. pthread_create's own answer
 * says which kind: EPERM is a filter (seccomp), EAGAIN one of several limits; the numbers that
 * were read at once say which. OpenBLAS prints RLIMIT_NPROC whatever happened.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* fork or posix_spawn; NULL: pthread_create. */
static const char *made_with(const struct event *e)
{
	const char *function = FIELD_TEXT(e, thread_failed, function);

	return function && *function ? function : NULL;
}

/* What Python raises where a process could not be made. */
static bool says_no_process(const struct model *m, const struct context *c, const struct event *e)
{
	return c->error.uncaught && c->error.event && c->error.event->time >= e->time &&
	       m->ending.time - e->time < 30000000000 &&
	       (strcmp(c->error.type, "BlockingIOError") == 0 || error_says(c, "Resource temporarily unavailable"));
}

/* The failed creation that is linked to the end, and how sure that is. */
static enum confidence linked(const struct model *m, struct finding *f)
{
	enum confidence best = NO_MATCH;

	for (const struct event *e = NULL; (e = model_last(m, KS_thread_failed, 0, e));) {
		enum confidence now = failure_link(m, f->context, e, FIELD(e, thread_failed, caller));

		if (now == NO_MATCH && e->tid == f->context->tid) {
			const char *type = m->crash.exception_type;

			if (made_with(e))
				now = says_no_process(m, f->context, e) ? PROVEN : NO_MATCH;
			else if (error_says(f->context, "can't start new thread") || error_says(f->context, "pthread_create"))
				now = PROVEN;
			else if (m->ending.kind == END_ABORT && type && strstr(type, "std::system_error"))
				now = PROVEN;
			else if (f->context->error.uncaught && error_says(f->context, "numpy") &&
				 m->ending.time - e->time < 5000000000)
				now = PROVEN;	/* numpy's import ends with "datetime" or worse when OpenBLAS has no threads */
		}
		if (now > best) {
			best = now;
			f->event = e;
			f->module = failure_module(m, e, FIELD(e, thread_failed, caller));
		}
	}
	return best;
}

static void tell_end(const struct model *m, struct finding *f)
{
	const struct event *e = f->event;

	finding_cite(f, e->record, e->time, "%s, called by %s, failed with %s; the process had %llu thread%s",
		     made_with(e) ? made_with(e) : "pthread_create", module_name(f->module), FIELD_SIGNED(e, thread_failed, error) == EPERM ? "EPERM" :
		     FIELD_SIGNED(e, thread_failed, error) == ENOMEM ? "ENOMEM" : "EAGAIN",
		     (unsigned long long)FIELD(e, thread_failed, threads), FIELD(e, thread_failed, threads) == 1 ? "" : "s");
	if (m->ending.signal == SIGINT)
		finding_say(f, "%s then sent SIGINT to its own process, which Python takes for Ctrl-C; nobody typed it.",
			    software_file(f->arena, f->module));
	else if (f->context->error.uncaught)
		finding_say(f, "What Python then reports (\"%.120s\") is a consequence.",
			    arena_line(f->arena, f->context->error.text));
	else
		finding_say(f, "The same code then ended the process (%s).",
			    m->ending.signal ? signal_word(m->ending.signal) : "exit");
}

static bool is_openblas(const struct module *module)
{
	return module && (strstr(module->name, "openblas") || module_like(module, "libmkl") || module_like(module, "libgomp") ||
			  module_like(module, "libiomp"));
}

/* --- thread.clone-blocked --- */

static enum confidence match_blocked(const struct model *m, struct finding *f)
{
	enum confidence c = linked(m, f);

	if (c == NO_MATCH || FIELD_SIGNED(f->event, thread_failed, error) != EPERM)
		return NO_MATCH;
	f->text = model_info(m, "seccomp");
	return c;
}

static void explain_blocked(const struct model *m, struct finding *f)
{
	bool filter = f->text && *f->text && strcmp(f->text, "0") != 0;

	finding_title(f, "The system does not let this process make threads (clone3 answers EPERM)");
	finding_say(f,
		    "pthread_create got EPERM, \"operation not permitted\": not a limit but a "
		    "filter. From glibc 2.34 on threads are made "
		    "with the system call clone3, and the seccomp profile of an older container "
		    "runtime answers it with EPERM instead "
		    "of ENOSYS%s.",
		    filter ? "; a seccomp filter is on in this process" : "");
	tell_end(m, f);
	if (filter)
		finding_cite(f, 0, 0, "Seccomp mode of the process at its start: %s", f->text);
	finding_fix(f, "Ask whoever runs the machine for a newer container runtime (Docker 20.10.10 or later, with its libseccomp).");
	finding_fix(f, "Or, until then, have the container started without that filter (seccomp; it protects the machine, too):");
	finding_run(f, "docker run --security-opt seccomp=unconfined …");
}

const struct rule rule_thread_clone_blocked = {
	.id = "thread.clone-blocked",
	.title = "The system does not let this process make threads",
	.match = match_blocked,
	.explain = explain_blocked,
	.page = "A container's old seccomp profile answers clone3, which newer C libraries use for "
		"threads, with EPERM.\n"
		"Proof: pthread_create returned 1 (EPERM), not 11, and its caller ended the "
		"process or numpy's import failed right after.\n"
		"Mistaken for it: RLIMIT_NPROC, which OpenBLAS prints in any case; the "
		"\"datetime\" in numpy's last message; Ctrl-C.",
	.sources = "https://github.com/langgenius/dify/issues/886 "
		   "https://github.com/coqui-ai/TTS/issues/3439 "
		   "https://github.com/abetlen/llama-cpp-python/issues/450",
};

/* --- thread.limit --- */

enum which { WHICH_UNKNOWN, WHICH_PIDS, WHICH_NPROC };

static enum which limit_hit(const struct event *e)
{
	uint64_t pids = FIELD(e, thread_failed, pids_max), nproc = FIELD(e, thread_failed, nproc_limit);
	uint64_t used = FIELD(e, thread_failed, user_threads), threads = FIELD(e, thread_failed, threads);

	if (pids != UNKNOWN && pids && FIELD(e, thread_failed, pids_current) != UNKNOWN &&
	    FIELD(e, thread_failed, pids_current) + 1 >= pids)
		return WHICH_PIDS;
	if (nproc != UNKNOWN && nproc && ((used != UNKNOWN && used && used + 1 >= nproc) || threads >= nproc))
		return WHICH_NPROC;
	return WHICH_UNKNOWN;
}

static enum confidence match_limit(const struct model *m, struct finding *f)
{
	enum confidence c = linked(m, f);
	const struct event *e = f->event;

	if (c == NO_MATCH) {
		e = model_last(m, KS_thread_failed, 0, NULL);
		if (!e)
			return NO_MATCH;
		f->event = e;
		finding_title(f, "a %s could not be made", made_with(e) ? "process" : "thread");
		f->why_not = "nothing links it to the end: another thread, another caller, or the program went on";
		return SEEN;
	}
	if (FIELD_SIGNED(e, thread_failed, error) == EPERM || (made_with(e) && FIELD_SIGNED(e, thread_failed, error) != EAGAIN))
		return NO_MATCH;
	f->number[0] = limit_hit(e);
	if (f->number[0] == WHICH_UNKNOWN && FIELD(e, thread_failed, as_limit) != UNKNOWN && FIELD(e, thread_failed, as_limit) &&
	    FIELD(e, thread_failed, vsize) + FIELD(e, thread_failed, stack_size) > FIELD(e, thread_failed, as_limit))
		return NO_MATCH;	/* mem.address-space-limit */
	return c;
}

static void tell_limit(const struct model *m, struct finding *f)
{
	const struct event *e = f->event;
	const char *function = made_with(e) ? made_with(e) : "pthread_create", *what = made_with(e) ? "processes" : "threads";

	switch ((enum which)f->number[0]) {
	case WHICH_PIDS:
		finding_title(f, "No more %s: the container may have %llu processes and threads, and they are used up", what,
			      (unsigned long long)FIELD(e, thread_failed, pids_max));
		finding_say(f, "The container (cgroup) that it ran in may have %llu processes and threads in all (its pids limit); one more was "
			       "wanted, and the system refused it (%s: EAGAIN).",
			    (unsigned long long)FIELD(e, thread_failed, pids_max), function);
		howto_pids_limit(m, f, FIELD(e, thread_failed, pids_max));
		return;
	case WHICH_NPROC:
		finding_title(f, "No more %s: this user may have %llu processes and threads (ulimit -u), and they are used up", what,
			      (unsigned long long)FIELD(e, thread_failed, nproc_limit));
		finding_say(f, "The limit (RLIMIT_NPROC, nproc) counts the threads of all programs of the user together; one more was wanted, "
			       "and the system refused it (%s: EAGAIN).", function);
		howto_ulimit(m, f, RLIMIT_NPROC, "u", "nproc", "4096");
		return;
	case WHICH_UNKNOWN:
		finding_title(f, "A %s could not be made", made_with(e) ? "process" : "thread");
		finding_say(f,
			    "%s got EAGAIN with %llu threads in this process; none of "
			    "the limits that could be read "
			    "(ulimit -u, pids.max, ulimit -v) is reached in these records.",
			    function, (unsigned long long)FIELD(e, thread_failed, threads));
		finding_fix(f, "Look at the limits of the user, the container and the machine, and ask whoever set the one that is reached:");
		finding_run(f, "ulimit -u; cat /sys/fs/cgroup/pids.max /proc/sys/kernel/threads-max");
	}
}

#define ENOUGH	64	/* threads: TensorFlow makes some thirty whatever it is told */

static uint64_t allowed(const struct event *e)
{
	const uint64_t pids = FIELD(e, thread_failed, pids_max), nproc = FIELD(e, thread_failed, nproc_limit);

	return limit_hit(e) == WHICH_PIDS ? pids : limit_hit(e) == WHICH_NPROC ? nproc : UNKNOWN;
}

static void explain_limit(const struct model *m, struct finding *f)
{
	if (f->confidence == SEEN)
		return;
	tell_limit(m, f);
	tell_end(m, f);
	if (made_with(f->event))
		return;
	/* With one thread it makes none besides the one that is there. */
	if (is_openblas(f->module))
		howto_set(m, f, AT_IMPORT, arena_printf(f->arena, "Or let %s make fewer threads", software_of(f->arena, f->module)),
			  "OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1");
	else if ((module_like(f->module, "libtensorflow") || module_like(f->module, "_pywrap_tensorflow")) && allowed(f->event) >= ENOUGH)
		howto_set(m, f, AT_IMPORT, "Or let TensorFlow make fewer threads", "TF_NUM_INTEROP_THREADS=2 TF_NUM_INTRAOP_THREADS=2");
}

const struct rule rule_thread_limit = {
	.id = "thread.limit",
	.title = "No more threads can be made",
	.match = match_limit,
	.explain = explain_limit,
	.page = "A limit on threads (RLIMIT_NPROC of the user, pids.max of the container) is "
		"reached; OpenBLAS crashes or raises SIGINT, "
		"TensorFlow fails a check, Python says \"can't start new thread\", or BlockingIOError where it wanted a process.\n"
		"Proof: pthread_create returned EAGAIN, and its caller is among the callers of the "
		"end, or sent the signal; the numbers of "
		"the limit at that time.\nMistaken for it: the limit that OpenBLAS prints need not "
		"be the one that was hit.",
	.sources = "https://github.com/OpenMathLib/OpenBLAS/issues/3436 "
		   "https://github.com/numpy/numpy/issues/21376 "
		   "https://github.com/tensorflow/tensorflow/issues/41532",
};

/* SPDX-License-Identifier: MIT */
/*
 * A thread could not be made, and the program did not survive it. pthread_create's own answer
 * says which kind: EPERM is a filter (seccomp), EAGAIN one of several limits; the numbers that
 * were read at once say which. OpenBLAS prints RLIMIT_NPROC whatever happened.
 */
#include "analyzer/proof.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* The failed creation that is linked to the end, and how sure that is. */
static enum confidence linked(const struct model *m, struct finding *f)
{
	enum confidence best = NO_MATCH;

	for (const struct event *e = NULL; (e = model_last(m, KS_thread_failed, 0, e));) {
		enum confidence now = failure_link(m, f->context, e, FIELD(e, thread_failed, caller));

		if (now == NO_MATCH && e->tid == f->context->tid) {
			const char *type = m->crash.exception_type;

			if (error_says(f->context, "can't start new thread") || error_says(f->context, "pthread_create"))
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

	finding_cite(f, e->record, e->time, "pthread_create, called by %s, failed with %s; the process had %llu threads",
		     module_name(f->module), FIELD_SIGNED(e, thread_failed, error) == EPERM ? "EPERM" :
		     FIELD_SIGNED(e, thread_failed, error) == ENOMEM ? "ENOMEM" : "EAGAIN",
		     (unsigned long long)FIELD(e, thread_failed, threads));
	if (m->ending.signal == SIGINT)
		finding_say(f, "%s then sent SIGINT to its own process, which Python takes for Ctrl-C; nobody typed it.",
			    module_name(f->module));
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
	tell_end(m, f);
	finding_say(f,
		    "pthread_create got EPERM, \"operation not permitted\": not a limit but a "
		    "filter. From glibc 2.34 on threads are made "
		    "with the system call clone3, and the seccomp profile of an older container "
		    "runtime answers it with EPERM instead "
		    "of ENOSYS%s.",
		    filter ? "; a seccomp filter is on in this process" : "");
	if (filter)
		finding_cite(f, 0, 0, "Seccomp mode of the process at its start: %s", f->text);
	finding_fix(f, "Use a newer container runtime (Docker 20.10.10 or later, with its libseccomp), or start the container with "
		    "docker run --security-opt seccomp=unconfined …");
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
		finding_title(f, "a thread could not be made");
		f->why_not = "nothing links it to the end: another thread, another caller, or the program went on";
		return SEEN;
	}
	if (FIELD_SIGNED(e, thread_failed, error) == EPERM)
		return NO_MATCH;
	f->number[0] = limit_hit(e);
	if (f->number[0] == WHICH_UNKNOWN && FIELD(e, thread_failed, as_limit) != UNKNOWN && FIELD(e, thread_failed, as_limit) &&
	    FIELD(e, thread_failed, vsize) + FIELD(e, thread_failed, stack_size) > FIELD(e, thread_failed, as_limit))
		return NO_MATCH;	/* mem.address-space-limit */
	return c;
}

static void tell_limit(struct finding *f)
{
	const struct event *e = f->event;

	switch ((enum which)f->number[0]) {
	case WHICH_PIDS:
		finding_title(f, "No more threads: the pids limit of the container (cgroup) is reached");
		finding_say(f,
			    "The cgroup allows %llu processes and threads (pids.max) and had %llu: "
			    "pthread_create got EAGAIN.",
			    (unsigned long long)FIELD(e, thread_failed, pids_max),
			    (unsigned long long)FIELD(e, thread_failed, pids_current));
		finding_fix(f, "Raise the limit of the container: docker run --pids-limit 4096 … "
			       "(Kubernetes: podPidsLimit; systemd: TasksMax=)");
		return;
	case WHICH_NPROC:
		finding_title(f, "No more threads: the limit on processes of this user (ulimit -u, RLIMIT_NPROC) is reached");
		finding_say(f,
			    "RLIMIT_NPROC is %llu and counts all threads of the user%s: "
			    "pthread_create got EAGAIN.",
			    (unsigned long long)FIELD(e, thread_failed, nproc_limit),
			    FIELD(e, thread_failed, user_threads) != UNKNOWN &&
					    FIELD(e, thread_failed, user_threads)
				    ? arena_printf(f->arena, ", who had %llu",
						   (unsigned long long)FIELD(e, thread_failed,
									     user_threads))
				    : "");
		finding_fix(f, "Raise it before Python starts: ulimit -u 4096 (or nproc in /etc/security/limits.conf)");
		return;
	case WHICH_UNKNOWN:
		finding_title(f, "A thread could not be made");
		finding_say(f,
			    "pthread_create got EAGAIN with %llu threads in this process; none of "
			    "the limits that could be read "
			    "(ulimit -u, pids.max, ulimit -v) is reached in these records.",
			    (unsigned long long)FIELD(e, thread_failed, threads));
		finding_fix(f, "Look at ulimit -u, at pids.max of the cgroup and at /proc/sys/kernel/threads-max.");
	}
}

static void explain_limit(const struct model *m, struct finding *f)
{
	if (f->confidence == SEEN)
		return;
	tell_limit(f);
	tell_end(m, f);
	if (is_openblas(f->module))
		finding_fix(f, "Or let it make fewer threads: OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1");
	else if (module_like(f->module, "libtensorflow") || module_like(f->module, "_pywrap_tensorflow"))
		finding_fix(f, "Or let TensorFlow make fewer threads: TF_NUM_INTEROP_THREADS=2 TF_NUM_INTRAOP_THREADS=2");
}

const struct rule rule_thread_limit = {
	.id = "thread.limit",
	.title = "No more threads can be made",
	.match = match_limit,
	.explain = explain_limit,
	.page = "A limit on threads (RLIMIT_NPROC of the user, pids.max of the container) is "
		"reached; OpenBLAS crashes or raises SIGINT, "
		"TensorFlow fails a check, Python says \"can't start new thread\".\n"
		"Proof: pthread_create returned EAGAIN, and its caller is among the callers of the "
		"end, or sent the signal; the numbers of "
		"the limit at that time.\nMistaken for it: the limit that OpenBLAS prints need not "
		"be the one that was hit.",
	.sources = "https://github.com/OpenMathLib/OpenBLAS/issues/3436 "
		   "https://github.com/numpy/numpy/issues/21376 "
		   "https://github.com/tensorflow/tensorflow/issues/41532",
};

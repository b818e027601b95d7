/* SPDX-License-Identifier: MIT */
/*
 * The process ended itself: a library called exit(), the program called os._exit() or os.abort(),
 * its parent went away, it became another program. The proof is the caller of the call: the module
 * that its return address lies in. CPython's own ordinary finalisation is none of these.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The exit that ended it: function, status, calling frame. */
static const struct event *exit_call(const struct model *m, struct finding *f)
{
	const struct event *e = f->context->end;
	const struct frame *caller;

	if (!e || e->number != KS_exit_call || (m->ending.kind != END_EXIT && m->ending.kind != END_CLEAN))
		return NULL;
	f->event = e;
	f->name = FIELD_TEXT(e, exit_call, function) ? FIELD_TEXT(e, exit_call, function) : "exit";
	f->number[0] = FIELD(e, exit_call, status) & 0xff;
	caller = FIELD(e, exit_call, caller) ? model_frame(m, FIELD(e, exit_call, caller), true) : NULL;
	if (!caller || module_is_runtime(caller->module)) {
		const struct frame *outside = frame_outside(e->stack);

		caller = outside ? outside : caller;
	}
	f->frame = caller;
	f->module = caller ? caller->module : NULL;
	return e;
}

static bool is_ffi(const struct module *module)
{
	return module_like(module, "libffi") || module_like(module, "_ctypes") || module_like(module, "_cffi_backend");
}

/* --- exit.by-library --- */

static enum confidence match_library(const struct model *m, struct finding *f)
{
	const struct event *sent;
	bool at_once;

	if (exit_call(m, f)) {
		if (!f->module || module_is_python(f->module) || module_is_runtime(f->module) || is_ffi(f->module) ||
		    (f->module->flags & KS_MODULE_MAIN))
			return NO_MATCH;
		/* Python had gone down in order before: an ordinary end, whoever calls exit last. */
		return m->ending.kind == END_CLEAN && model_last(m, KS_py_finalize, 0, NULL) ? NO_MATCH : PROVEN;
	}
	/* A library that sends its own process a signal. */
	sent = m->ending.kind == END_SIGNAL && !(m->crash.present && m->crash.raw->code > 0) && !end_handed_on(m, &at_once) ?
		       own_signal(m) : NULL;
	f->module = sent ? failure_module(m, sent, FIELD(sent, signal_sent, caller)) : NULL;
	if (!f->module || module_is_python(f->module) || is_ffi(f->module) || (f->module->flags & KS_MODULE_MAIN))
		return NO_MATCH;
	f->event = sent;
	f->name = FIELD_TEXT(sent, signal_sent, function) ? FIELD_TEXT(sent, signal_sent, function) : "raise";
	f->frame = model_frame(m, FIELD(sent, signal_sent, caller), true);
	return PROVEN;
}

/* The library's last words name a variable, or its value: that is what it refused. */
static void fix_variable(const struct model *m, struct finding *f, const char *words)
{
	for (const struct event *e = NULL; (e = model_next(m, KS_env, 0, e));) {
		const char *name = FIELD_TEXT(e, env, name), *value = FIELD_TEXT(e, env, value);
		bool named = name && strlen(name) >= 4 && strstr(words, name);
		bool valued = value && strlen(value) >= 3 && strchr(value, '/') == NULL && strstr(words, value);

		if (!name || (!named && !valued) ||
		    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")])
			continue;	/* what is told to be unset is a name and nothing else */
		finding_cite(f, e->record, e->time, "%s=%s", name, value ? value : "");
		finding_say(f, "Its last words name %s, which is set to \"%s\" in this process.", name, value ? value : "");
		howto_unset(m, f, arena_printf(f->arena, "Correct %s (it was \"%s\"), or take it away", name, value ? value : ""), name);
		return;
	}
}

static void fix_known(const struct model *m, struct finding *f)
{
	static const struct { const char *library, *fix; } known[] = {
#define EXIT(library, fix, source) { library, fix },
#include "analyzer/rules/exits.def"
#undef EXIT
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (module_like(f->module, known[i].library)) {
			howto_words(m, f, known[i].fix);
			return;
		}
	}
}

static void explain_library(const struct model *m, struct finding *f)
{
	const char *words = stderr_last_line(m, f->arena);
	uint64_t load = f->event->number == KS_exit_call ? FIELD(f->event, exit_call, load) : 0;
	const struct load *l = load ? model_load(m, load) : NULL;
	bool call = f->event->number == KS_exit_call;

	if (call)
		finding_title(f, "%s ended the process: it called %s(%llu)", software_of(f->arena, f->module),
			      f->name, (unsigned long long)f->number[0]);
	else
		finding_title(f, "%s ended the process: it sent it %s", software_of(f->arena, f->module), signal_word(m->ending.signal));
	finding_cite(f, f->event->record, f->event->time, "%s was called by %s (%s)", f->name,
		     frame_text(f->arena, f->frame), f->module->path);
	if (call)
		finding_say(f,
			    "%s called %s with status %llu, from its file %s. That ends the process at "
			    "once: no Python exception, no traceback.",
			    software_of(f->arena, f->module), f->name, (unsigned long long)f->number[0], f->module->path);
	else
		finding_say(f, "%s called %s, from its file %s: nobody else sent that signal.", software_of(f->arena, f->module), f->name,
			    f->module->path);
	if (l) {
		finding_cite(f, l->began ? l->began->record : 0, l->begin,
			     "while %s was being loaded", l->path ? l->path : "a library");
		finding_say(f,
			    "It happened while %s was being loaded: in the library's own start "
			    "code (a constructor).",
			    l->path ? l->path : "it");
	}
	if (words) {
		finding_cite(f, 0, f->event->time, "last line on stderr: %.300s", words);
		finding_say(f, "The last that was written to stderr: %.300s", words);
		fix_variable(m, f, words);
	}
	if (!f->fix->n)
		fix_known(m, f);
	if (!f->fix->n && f->module->path)
		finding_fix(f, words ? "See what %s wants: its last words are above." : "See what %s wants, in its documentation.",
			    software_of(f->arena, f->module));
	if (f->module->path && !(f->module->flags & KS_MODULE_MAIN) && package_of(f->arena, f->module->path))
		howto_report(m, f, f->module);
}

const struct rule rule_exit_by_library = {
	.id = "exit.by-library",
	.title = "A native library ended the process",
	.match = match_library,
	.explain = explain_library,
	.page = "A native library called exit(), _exit() or raised a signal against its own "
		"process: MKL, gflags, ncurses, X11, XLA.\n"
		"Proof: the return address of the call lies in that library.\n"
		"Mistaken for it: a crash, a kill, sys.exit(). Nothing is printed by Python, and "
		"no signal is seen from outside.",
	.sources = "https://github.com/ContinuumIO/anaconda-issues/issues/720 "
		   "https://github.com/facebookincubator/velox/issues/12358",
};

/* --- exit.by-program --- */

static enum confidence match_abort(const struct model *m, struct finding *f)
{
	const struct event *e = f->context->end;
	const struct frame *caller;
	const char *fatal;

	if (m->ending.kind != END_ABORT || !e || e->number != KS_abort_call)
		return NO_MATCH;
	caller = model_frame(m, FIELD(e, abort_call, caller), true);
	if (module_is_runtime(caller->module))
		caller = frame_outside(e->stack);
	if (!caller || !caller->module || (!module_is_python(caller->module) && !is_ffi(caller->module)))
		return NO_MATCH;
	/* Python's own fatal errors come from the same file; they say so. "Aborted" is what faulthandler says of any abort. */
	fatal = is_ffi(caller->module) ? NULL : model_stderr_line(m, "Fatal Python error", true);
	if (fatal && !strstr(fatal, ": Aborted") && !frame_calling(e->stack, "os_abort"))
		return NO_MATCH;
	if (m->crash.abort_message || m->crash.exception_type)
		return NO_MATCH;
	f->event = e;
	f->frame = caller;
	f->name = is_ffi(caller->module) ? "abort" : "os.abort";
	return PROVEN;
}

/* A handler had got the same signal before, and this process had not sent it: whoever did is the one who ended it. */
static bool came_before(const struct model *m, const struct event *sent)
{
	uint64_t signal = FIELD(sent, signal_sent, signal);

	for (const struct event *e = NULL; (e = model_last(m, KS_signal_seen, 0, e));) {
		const struct event *own = NULL;

		if (FIELD(e, signal_seen, signal) != signal || e->time > sent->time || FIELD_SIGNED(e, signal_seen, code) > 0)
			continue;
		while ((own = model_last(m, KS_signal_sent, 0, own)) &&
		       (FIELD(own, signal_sent, signal) != signal || own->time > e->time))
			;
		return !own;
	}
	return false;
}

static enum confidence match_own_signal(const struct model *m, struct finding *f)
{
	const struct event *e = NULL;
	const struct module *module;

	if (m->ending.kind == END_KILLED)
		for (; (e = model_last(m, KS_signal_sent, 0, e));) {
			if (FIELD_SIGNED(e, signal_sent, target) == m->pid && FIELD_SIGNED(e, signal_sent, signal) == SIGKILL)
				break;
		}
	else if (m->ending.kind == END_SIGNAL && m->ending.signal != SIGINT && m->ending.code <= 0)
		e = own_signal(m);	/* a fault that a handler (faulthandler) has raised again is a fault */
	if (!e || came_before(m, e))
		return NO_MATCH;
	module = failure_module(m, e, FIELD(e, signal_sent, caller));
	if (module && !module_is_python(module) && !is_ffi(module) && !(module->flags & KS_MODULE_MAIN))
		return NO_MATCH;
	f->event = e;
	f->name = FIELD_TEXT(e, signal_sent, function) ? FIELD_TEXT(e, signal_sent, function) : "kill";
	return PROVEN;
}

static enum confidence match_program(const struct model *m, struct finding *f)
{
	bool kernel_gone = m->is_kernel, at_once = false;

	if (end_handed_on(m, &at_once) && at_once)
		return NO_MATCH;	/* killed.by-process: the signal came from elsewhere */
	if (exit_call(m, f)) {
		bool quick = f->name[0] == '_' || strcmp(f->name, "quick_exit") == 0;

		if (is_ffi(f->module) && (f->number[0] || kernel_gone))
			return PROVEN;
		if (!quick || !module_is_python(f->module))
			return NO_MATCH;
		return f->number[0] || kernel_gone ? PROVEN : NO_MATCH;
	}
	if (match_abort(m, f) == PROVEN)
		return PROVEN;
	return match_own_signal(m, f);
}

/* The call stands in an installed package: exits.def may know what that means. */
static bool fix_package(const struct model *m, struct finding *f, const struct py_frame *py)
{
	const char *file = py ? py->file : NULL, *package = file && site_packages(file) ? package_of(f->arena, file) : NULL;
	const struct module *native = f->module;
	struct module code = { .name = file ? base_name(file) : "" };

	if (!package)
		return false;
	f->module = &code;
	fix_known(m, f);
	f->module = native;
	finding_say(f, "That is code of %s, which ends the process on purpose.", package);
	if (!f->fix->n)
		finding_fix(f, "See what %s says on stderr, and in its documentation, of ending a process.", package);
	return true;
}

/* faulthandler.dump_traceback_later(…, exit=True): a thread of its own, without Python, prints "Timeout (" and all stacks. */
static bool by_faulthandler(const struct model *m, const struct finding *f)
{
	const struct thread *t = model_thread(m, f->event->tid);

	return f->event->number == KS_exit_call && f->name[0] == '_' && f->number[0] == 1 && f->event->tid != m->pid &&
	       (!t || !t->npython) && (frame_calling(f->event->stack, "faulthandler_thread") || model_stderr_line(m, "Timeout (", true));
}

static void explain_faulthandler(struct finding *f)
{
	finding_title(f, "faulthandler ended the process: its time was over (dump_traceback_later with exit=True)");
	finding_cite(f, f->event->record, f->event->time, "%s(%llu) was called by faulthandler's own thread (%s)", f->name,
		     (unsigned long long)f->number[0], frame_text(f->arena, f->frame));
	finding_say(f, "The program had asked faulthandler to print all stacks and to end the process when something takes too long "
		       "(faulthandler.dump_traceback_later; test runners do that for a time limit).");
	finding_fix(f, "The stacks that it printed on stderr show where the time went. Mend that, or give it more time: the timeout of "
		       "faulthandler.dump_traceback_later, or cancel_dump_traceback_later() when the work is done.");
}

/* Python's site module was reading a .pth file, or importing sitecustomize: that is in no program. */
static void tell_site(const struct model *m, struct finding *f, const struct thread *t)
{
	const char *argv = model_info(m, "argv"), *end = argv ? strstr(argv, "/bin/python") : NULL;
	const char *prefix = end ? arena_text(f->arena, argv, (size_t)(end - argv)) : NULL;

	prefix = prefix && !strchr(prefix, ' ') ? prefix : NULL;
	for (size_t i = 0; t && i < t->npython; i++) {
		const char *file = t->python[i].file, *function = t->python[i].function;

		if (!file || !function || (!strstr(file, "site.py") && !strstr(file, "<frozen site>")))
			continue;
		if (strcmp(function, "addpackage") == 0) {
			finding_say(f, "It stands in a .pth file of this environment: Python runs their lines that begin with "
				       "\"import\" at every start.");
			finding_fix(f, "Find that file, and take the line out:");
			if (prefix)
				finding_run(f, "grep -n '^import' %s/lib/python3*/site-packages/*.pth", arena_shell(f->arena, prefix));
		} else if (strcmp(function, "execsitecustomize") == 0 || strcmp(function, "execusercustomize") == 0) {
			finding_say(f, "Python imported that file by itself at its start (%s).",
				    strcmp(function, "execsitecustomize") == 0 ? "sitecustomize" : "usercustomize");
		} else {
			continue;
		}
		return;
	}
}

static void explain_program(const struct model *m, struct finding *f)
{
	const struct thread *t = model_thread(m, f->event->tid);
	const struct py_frame *py = t && t->npython ? &t->python[0] : NULL;

	if (by_faulthandler(m, f)) {
		explain_faulthandler(f);
		return;
	}
	if (f->event->number == KS_exit_call) {
		const char *call = is_ffi(f->module) ? f->name : f->name[0] == '_' ? "os._exit" : f->name;

		finding_title(f, "The program ended itself: it called %s(%llu)", call, (unsigned long long)f->number[0]);
		finding_cite(f, f->event->record, f->event->time, "%s(%llu) was called by %s",
			     f->name, (unsigned long long)f->number[0],
			     frame_text(f->arena, f->frame));
		finding_say(f,
			    "Python code called %s(%llu)%s. This ends the process at once: no "
			    "exception, no clean-up, no message.",
			    call, (unsigned long long)f->number[0],
			    is_ffi(f->module) ? " through ctypes or cffi" : "");
		if (fix_package(m, f, py))
			;	/* somebody else's code, which means to end it */
		else
			finding_fix(f, py && py->file ? "Raise an exception there instead, or use sys.exit(%llu), which lets Python clean up." :
				       "Find the call of os._exit in the program or in what it imports; raise an exception there instead, or use "
				       "sys.exit(%llu).", (unsigned long long)f->number[0]);
	} else if (f->event->number == KS_abort_call) {
		finding_title(f, "The program ended itself: it called %s()", f->name);
		finding_cite(f, f->event->record, f->event->time, "abort was called by %s", frame_text(f->arena, f->frame));
		finding_say(f, "The program itself called %s(); no check failed and no library aborted.", f->name);
		finding_fix(f, py && py->file ? "Raise an exception there instead." :
						"Find the call of os.abort in the program, and raise an exception instead.");
	} else {
		int signal = (int)FIELD_SIGNED(f->event, signal_sent, signal);

		finding_title(f, "The program sent itself %s", signal_word(signal));
		finding_cite(f, f->event->record, f->event->time, "%s(%lld, %d) was called by this process", f->name,
			     (long long)FIELD_SIGNED(f->event, signal_sent, target), signal);
		finding_say(f,
			    "Python code called os.kill (or signal.raise_signal) with its own pid "
			    "%u and %s.",
			    m->pid, signal_word(signal));
		finding_fix(f, py && py->file ? "Take that call out, or let it be reached only where the program is to end." :
						"Find the call of os.kill or signal.raise_signal in the program, and take it out.");
	}
	if (py && py->file)
		finding_say(f, "It was called in %s, line %d (%s).", py->file, py->line, py->function ? py->function : "?");
	tell_site(m, f, t);
	if (m->cell && !(py && py->file))
		finding_say(f, "The last cell begun was number %llu.", (unsigned long long)m->cell);
}

const struct rule rule_exit_by_program = {
	.id = "exit.by-program",
	.title = "The program ended itself",
	.match = match_program,
	.explain = explain_program,
	.page = "Python code called os._exit(), os.abort() or os.kill(os.getpid(), …): the process ends without a word.\n"
		"Proof: the call's return address lies in Python itself (or in libffi, through ctypes).\n"
		"Mistaken for it: a crash. sys.exit() and the end of a script are an ordinary end.",
	.sources = "https://github.com/sagemathinc/cocalc/issues/2388 https://github.com/jupyterlab/jupyterlab/issues/13780",
};

/* --- exit.parent-gone --- */

static enum confidence match_parent(const struct model *m, struct finding *f)
{
	const struct thread *t;
	bool poller;

	if (!exit_call(m, f) || f->name[0] != '_' || !module_is_python(f->module) || !m->is_kernel)
		return NO_MATCH;
	t = model_thread(m, f->event->tid);
	poller = t && t->npython && t->python[0].file && strstr(t->python[0].file, "parentpoller");
	f->text = model_stderr_line(m, "Parent appears to have exited", true);
	if (poller || (f->text && f->event->tid != m->pid))
		return PROVEN;
	return NO_MATCH;
}

static void explain_parent(const struct model *m, struct finding *f)
{
	finding_title(f, "The kernel ended because its parent was gone");
	finding_cite(f, f->event->record, f->event->time, "_exit was called by the thread that watches the parent");
	finding_say(f,
		    "ipykernel watches the process that started it (pid %u). When that has gone, "
		    "it ends itself with os._exit(1).",
		    m->ppid);
	finding_fix(f, "Nothing is wrong with the notebook: find out why the Jupyter server ended (was its terminal or connection closed?), and "
		       "start it so that it outlives the session:");
	finding_run(f, "nohup jupyter notebook &");
}

const struct rule rule_exit_parent_gone = {
	.id = "exit.parent-gone",
	.title = "The kernel ended because its parent was gone",
	.match = match_parent,
	.explain = explain_parent,
	.page = "ipykernel's ParentPoller ends the kernel when the process that started it has "
		"gone.\nProof: _exit called on the poller's thread, "
		"and its own message or Python frame.",
	.sources = "https://github.com/ipython/ipykernel/blob/main/ipykernel/parentpoller.py",
};

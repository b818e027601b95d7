/* SPDX-License-Identifier: MIT */
/*
 * The questions of proof.h that are about modules, frames and the end of the process.
 * Everything here only reads the model; texts live in the arena of the verdict.
 */
#include "analyzer/proof.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

/* Where faulthandler began to tell of the signal (Modules/faulthandler.c): that was written after the end had come. */
static size_t before_faulthandler(const char *tail)
{
	static const char words[] = "Fatal Python error: ";
	static const char *const signals[] = { "Aborted\n", "Segmentation fault\n", "Bus error\n", "Floating point exception\n",
					       "Illegal instruction\n", NULL };

	for (const char *p = tail; (p = strstr(p, words)); p++) {
		for (int i = 0; signals[i]; i++) {
			if (strncmp(p + strlen(words), signals[i], strlen(signals[i])) == 0)
				return (size_t)(p - tail);
		}
	}
	return strlen(tail);
}

const char *stderr_last_line(const struct model *m, struct arena *arena)
{
	const char *tail = m->stderr_tail ? m->stderr_tail : "";
	size_t end = before_faulthandler(tail), begin;

	while (end && (tail[end - 1] == '\n' || tail[end - 1] == ' '))
		end--;
	for (begin = end; begin && tail[begin - 1] != '\n';)
		begin--;
	return end > begin ? arena_text(arena, tail + begin, end - begin) : NULL;
}

bool module_like(const struct module *module, const char *prefix)
{
	size_t n = strlen(prefix);

	if (!module)
		return false;
	return strncmp(module->name ? module->name : "", prefix, n) == 0 ||
	       (module->soname && strncmp(module->soname, prefix, n) == 0);
}

static bool name_is_one_of(const struct module *module, const char *const *prefixes)
{
	const char *name = base_name(module->name ? module->name : module->path);

	for (; *prefixes; prefixes++) {
		if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
			return true;
	}
	return false;
}

bool module_is_libc(const struct module *module)
{
	static const char *const names[] = {
		"libc.so.",  "libc-2.",	 "libpthread.so.", "libpthread-2.", "ld-linux",
		"ld-2.",     "libm.so.", "libm-2.",	   "libdl.so.",	    "libdl-2.",
		"librt.so.", "librt-2.", "linux-vdso",	   "libkshim.so",   NULL,
	};

	return module && ((module->flags & (KS_MODULE_VDSO | KS_MODULE_SELF)) ||
			  name_is_one_of(module, names));
}

bool module_is_runtime(const struct module *module)
{
	static const char *const names[] = {"libstdc++.so", "libgcc_s", "libc++.so", "libc++abi",
					    NULL};

	return module && (module_is_libc(module) || name_is_one_of(module, names));
}

bool module_is_python(const struct module *module)
{
	if (!module)
		return false;
	return module_like(module, "libpython") ||
	       ((module->flags & KS_MODULE_MAIN) &&
		strncmp(base_name(module->name), "python", 6) == 0);
}

void cite_parent(const struct model *m, struct finding *f)
{
	for (size_t i = 0; i < m->nwitnesses; i++)
		if (m->witnesses[i].raw.kind == 1)
			finding_cite(f, m->witnesses[i].record, m->ending.time, "process %u (%s), which waited for it, was told that it died of %s",
				     m->witnesses[i].raw.pid, m->witnesses[i].name ? m->witnesses[i].name : "?", signal_word(m->ending.signal));
}

bool module_calls_for_others(const struct module *module)
{
	return module_like(module, "_ctypes") || module_like(module, "libffi") || module_like(module, "_cffi_backend");
}

bool module_is_extension(const char *path)
{
	const char *name = base_name(path);

	return strstr(name, ".cpython-") || strstr(name, ".abi3.so") ||
	       (path && strchr(path, '/') && strstr(path, "python3") && strstr(name, ".so") &&
		strncmp(name, "lib", 3) != 0);
}

bool frame_names(const struct frame *frame, const char *symbol)
{
	return frame && ((frame->symbol && strstr(frame->symbol, symbol)) ||
			 (frame->raw && strstr(frame->raw, symbol)));
}

const struct frame *frame_in(const struct stack *stack, const char *prefix)
{
	for (size_t i = 0; stack && i < stack->n; i++) {
		if (module_like(stack->frames[i].module, prefix))
			return &stack->frames[i];
	}
	return NULL;
}

const struct frame *frame_calling(const struct stack *stack, const char *symbol)
{
	for (size_t i = 0; stack && i < stack->n; i++) {
		if (frame_names(&stack->frames[i], symbol))
			return &stack->frames[i];
	}
	return NULL;
}

const struct frame *frame_outside(const struct stack *stack)
{
	for (size_t i = 0; stack && i < stack->n; i++) {
		const struct frame *f = &stack->frames[i];

		if (f->module && !f->ours && !module_is_runtime(f->module))
			return f;
	}
	return NULL;
}

const char *module_name(const struct module *module)
{
	return module ? base_name(module->path && *module->path ? module->path : module->name) :
			"memory that belongs to no file";
}

const char *frame_text(struct arena *arena, const struct frame *frame)
{
	if (!frame)
		return "an unknown place";
	if (frame->symbol && frame->file)
		return arena_printf(arena, "%s (%s:%d) in %s", frame->symbol,
				    base_name(frame->file), frame->line,
				    module_name(frame->module));
	if (frame->symbol)
		return arena_printf(arena, "%s in %s", frame->symbol, module_name(frame->module));
	return arena_printf(arena, "%s+0x%lx", module_name(frame->module),
			    (unsigned long)frame->offset);
}

bool end_is_death(const struct model *m)
{
	return m->ending.kind == END_SIGNAL || m->ending.kind == END_ABORT ||
	       m->ending.kind == END_KILLED;
}

bool end_is_signal(const struct model *m, int signal)
{
	return (m->ending.kind == END_SIGNAL || m->ending.kind == END_ABORT) &&
	       m->ending.signal == signal;
}

bool end_was_sent(const struct model *m)
{
	return m->ending.kind == END_SIGNAL && m->ending.sender_pid &&
	       m->ending.sender_pid != m->pid;
}

bool module_on_stack(const struct stack *stack, const struct module *module)
{
	for (size_t i = 0; module && stack && i < stack->n; i++) {
		if (stack->frames[i].module == module)
			return true;
	}
	return false;
}

bool end_is_interrupt(const struct model *m, const struct context *c, const struct event **from)
{
	bool raised = strcmp(c->error.type, "KeyboardInterrupt") == 0 ||
		      model_stderr_line(m, "KeyboardInterrupt", true);

	*from = NULL;
	if (!raised || (m->ending.kind == END_EXIT && m->ending.status != 1 && m->ending.status != 130))
		return false;
	if (m->ending.kind != END_EXIT && (!end_is_signal(m, SIGINT) || end_was_sent(m)))
		return false;
	for (const struct event *e = NULL; (e = model_last(m, KS_signal_from, 0, e)) && !*from;) {
		if (FIELD_SIGNED(e, signal_from, signal) == SIGINT && FIELD(e, signal_from, pid) &&
		    FIELD(e, signal_from, pid) != m->pid)
			*from = e;
	}
	return m->ending.kind == END_SIGNAL || c->error.uncaught || *from;
}

const struct module *failure_module(const struct model *m, const struct event *e, uint64_t caller)
{
	const struct frame *f = frame_outside(e->stack);

	if (!f && caller)
		f = model_frame(m, caller, true);
	return f && !module_is_runtime(f->module) ? f->module : NULL;
}

const struct event *own_signal(const struct model *m)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_signal_sent, 0, e));) {
		int64_t target = FIELD_SIGNED(e, signal_sent, target);
		bool self = target == m->pid || target == e->tid || target == 0;

		if (self && FIELD_SIGNED(e, signal_sent, signal) == m->ending.signal &&
		    FIELD_SIGNED(e, signal_sent, result) == 0)
			return e;
	}
	return NULL;
}

static bool asks_to_end(int signal)
{
	return signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT || signal == SIGUSR1 || signal == SIGUSR2;
}

const struct event *end_handed_on(const struct model *m, bool *at_once)
{
	const int64_t second = 1000000000, patience = 30 * second;	/* what batch systems give before SIGKILL */
	const struct event *error = model_last(m, KS_py_exception, 0, NULL), *sent = own_signal(m);

	for (const struct event *e = NULL; (e = model_last(m, KS_signal_from, 0, e));) {
		int signal = (int)FIELD_SIGNED(e, signal_from, signal);

		if (FIELD(e, signal_from, fatal) || !FIELD(e, signal_from, pid) || FIELD(e, signal_from, pid) == m->pid)
			continue;
		if (m->ending.kind == END_SIGNAL || m->ending.kind == END_ABORT) {
			*at_once = true;
			if (signal == m->ending.signal && sent && sent->time >= e->time && sent->time - e->time < 2 * patience)
				return e;
			continue;
		}
		if (m->ending.kind != END_EXIT || !m->ending.status || !asks_to_end(signal) || m->ending.time - e->time > patience)
			continue;
		*at_once = m->ending.status == 128 + signal || m->ending.time - e->time < 2 * second ||
			   (error && error->time >= e->time && error->time - e->time < second);
		return e;
	}
	return NULL;
}

/* The signal that ended the process was sent by the very object that could not have what it wanted.
 */
static bool sent_by(const struct model *m, const struct module *module, const struct event *after)
{
	for (const struct event *e = NULL;
	     (e = model_last(m, KS_signal_sent, 0, e)) && e->time >= after->time;) {
		const struct frame *f = model_frame(m, FIELD(e, signal_sent, caller), true);

		if (f && f->module == module &&
		    FIELD_SIGNED(e, signal_sent, signal) == m->ending.signal)
			return true;
	}
	return false;
}

enum confidence failure_link(const struct model *m, const struct context *c, const struct event *e,
			     uint64_t caller)
{
	const struct module *module = failure_module(m, e, caller);
	int64_t gap = m->ending.time - e->time;

	if (!module || module_is_python(module))
		return NO_MATCH;
	if (m->ending.kind == END_SIGNAL && sent_by(m, module, e))
		return PROVEN;
	if (e->tid != c->tid || c->error.uncaught)
		return NO_MATCH;
	if (m->ending.kind != END_SIGNAL && m->ending.kind != END_ABORT &&
	    m->ending.kind != END_EXIT)
		return NO_MATCH;
	if (!module_on_stack(c->stack, module) && !(c->blame && c->blame->module == module))
		return NO_MATCH;
	return gap < 1000000000 ? PROVEN : LIKELY;
}

const char *size_text(struct arena *arena, uint64_t bytes)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = bytes;
	int i = 0;

	while (value >= 1024 && i < 6) {
		value /= 1024;
		i++;
	}
	if (i == 0)
		return arena_printf(arena, "%llu bytes", (unsigned long long)bytes);
	return arena_printf(arena,
			    value < 10 && value != (double)(int)value ? "%.1f %s" : "%.0f %s",
			    value, unit[i]);
}

const char *signal_word(int signal)
{
	const char *name = signal > 0 && signal < NSIG ? sigabbrev_np(signal) : NULL;
	static char text[NSIG][12];

	if (!name)
		return "an unknown signal";
	snprintf(text[signal], sizeof(text[signal]), "SIG%s", name);
	return text[signal];
}

bool path_under(const char *path, const char *directory)
{
	size_t n = directory ? strlen(directory) : 0;

	while (n > 1 && directory[n - 1] == '/')
		n--;
	return path && n && strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

bool same_directory(const char *a, const char *b)
{
	size_t n = a ? (size_t)(base_name(a) - a) : 0;

	return a && b && n == (size_t)(base_name(b) - b) && strncmp(a, b, n) == 0;
}

const char *path_entry(struct arena *arena, const char *list, const char *path)
{
	while (list && *list) {
		size_t n = strcspn(list, ":");
		const char *entry = arena_text(arena, list, n);

		if (n && path_under(path, entry))
			return entry;
		list += n + (list[n] == ':');
	}
	return NULL;
}

bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && (p = strstr(p, word)); p += n) {
		bool begins = p == list || strchr(" ,\t\n", p[-1]);

		if (begins && (!p[n] || strchr(" ,\t\n", p[n])))
			return true;
	}
	return false;
}

char *arena_line(struct arena *arena, const char *text)
{
	text += strspn(text, "\n ");
	return arena_text(arena, text, strcspn(text, "\n"));
}

const char *arena_cut(struct arena *arena, const char *text, size_t most)
{
	char *line = arena_line(arena, text);
	size_t n = most;

	if (strlen(line) <= most)
		return line;
	while (n > most / 2 && line[n] != ' ')
		n--;
	while (n && (line[n] & 0xc0) == 0x80)
		n--;
	return arena_printf(arena, "%.*s …", (int)n, line);
}

const struct event *python_ready(const struct model *m)
{
	return model_last(m, KS_py_ready, 0, NULL);
}

const char *python_version(const struct model *m, struct arena *arena)
{
	const struct event *e = python_ready(m);
	uint64_t hex = e ? FIELD(e, py_ready, hexversion) : 0;

	if (hex)
		return arena_printf(arena, "%u.%u", (unsigned)(hex >> 24 & 0xff),
				    (unsigned)(hex >> 16 & 0xff));
	for (size_t i = 0; i < m->nmodules; i++) {	/* libpython3.8.so.1.0, python3.8 */
		const char *name = m->modules[i].name;
		const char *at =
			name && module_is_python(&m->modules[i]) ? strstr(name, "python3.") : NULL;

		if (at)
			return arena_text(arena, at + 6, 2 + strspn(at + 8, "0123456789"));
	}
	return NULL;
}

/* The call of exit or abort that the end came from: the last one of its kind. */
static const struct event *end_call(const struct model *m)
{
	uint32_t number = m->ending.kind == END_ABORT ? KS_abort_call : KS_exit_call;

	if (m->ending.kind != END_ABORT && m->ending.kind != END_EXIT &&
	    m->ending.kind != END_CLEAN)
		return NULL;
	if (m->ending.event && m->ending.event->number == number)
		return m->ending.event;
	return model_last(m, number, 0, NULL);
}

void context_build(struct context *c, const struct model *m, struct arena *arena)
{
	memset(c, 0, sizeof(*c));
	c->arena = arena;
	c->end = end_call(m);
	if (m->crash.present && !m->crash.repaired && end_is_death(m))
		c->tid = m->crash.tid;
	else if (c->end)
		c->tid = c->end->tid;
	else if (m->ending.event)
		c->tid = m->ending.event->tid;
	if (!c->tid)
		c->tid = m->pid;
	if (m->crash.present && !m->crash.repaired && end_is_death(m))
		c->stack = m->crash.stack;
	if (c->end && c->end->stack && (!c->stack || c->stack->n < 2))
		c->stack = c->end->stack;
	c->blame = frame_outside(c->stack);
	if (!c->blame && c->end) {
		uint64_t caller = c->end->number == KS_exit_call
					  ? FIELD(c->end, exit_call, caller)
					  : FIELD(c->end, abort_call, caller);
		const struct frame *f = caller ? model_frame(m, caller, true) : NULL;

		if (f && f->module && !module_is_runtime(f->module))
			c->blame = f;
	}
	c->error = traceback_find(m, arena);
	c->bad_load = loader_decisive(m, c);
}

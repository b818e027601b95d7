/* SPDX-License-Identifier: MIT */
/*
 * Exceptions that reached the top: type, text, where raised, what was imported.
 *
 * A script's reaches sys.excepthook, which is an audit event. A notebook's never does: IPython
 * catches it, stores it in sys.last_value and then formats the traceback, for which it opens and
 * compiles source files; those events, and every later import, are when we look. 3.6 and 3.7 have no
 * events: there we look at the next load of a library, and when a signal's handler is set.
 *
 * An exception is read by following its structures; no attribute look-up, no str(): these could run
 * code of the program. All with the interpreter's lock, so that the objects live; each one's
 * type is looked at before its members are, for a program may put None nearly everywhere. Where there is no
 * such lock (free-threaded builds) nothing is read.
 */
#include "hooks/python.h"

#include "shim/safe.h"

#define MOST_CHAIN	6	/* exceptions behind the one that reached the top */
#define MOST_TRACEBACK	10000

static uintptr_t seen;			/* the last one, held by sys.last_value: no other has its address */

static uintptr_t type_of(uintptr_t object)
{
	return ks_py_word(object, ks_python.at.object_type);
}

static bool is_a(uintptr_t object, const uintptr_t *type)
{
	return type && *type && ks_py_api.is_subtype(type_of(object), *type);
}

/* The first argument that is a text: OSError has the number before it. */
static uintptr_t text_of(uintptr_t value)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t args = ks_py_word(value, at->exc_args);

	if (!args || type_of(args) != ks_py_api.tuple_type)
		return 0;
	for (size_t i = 0; i < 2 && i < ks_py_word(args, at->tuple_size); i++) {
		uintptr_t item = ks_py_word(args + 8 * i, at->tuple_items);

		if (item && type_of(item) == ks_python.text_type)
			return item;
	}
	return 0;
}

/* An exception's traceback, and the next of its entries, are a traceback, None or nothing. */
static uintptr_t traceback(uintptr_t object)
{
	return object && type_of(object) == ks_py_api.traceback_type ? object : 0;
}

/* The code object of an entry of a traceback; 0: none. */
static uintptr_t code_of(uintptr_t entry)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t frame = ks_py_word(entry, at->tb_frame), code;

	if (!frame || type_of(frame) != ks_py_api.frame_type)
		return 0;
	if (at->object_frame != KS_PY_NONE)
		frame = ks_py_word(frame, at->object_frame);
	if (!frame)
		return 0;
	code = ks_py_word(frame, at->frame_code) & ~(uintptr_t)3;
	return code && type_of(code) == ks_python.code_type ? code : 0;
}

static bool is_frozen(uintptr_t code)
{
	struct ks_py_text file;

	return ks_py_text(ks_py_word(code, ks_python.at.code_file), &file) && file.ascii &&
	       strncmp((const char *)file.data, "<frozen ", 8) == 0;
}

/* The line of an entry of a traceback, which a newer CPython reckons only when it is asked for; 0: unknown. */
static uint64_t line_of(uintptr_t entry, uintptr_t code)
{
	int32_t line, last;

	memcpy(&line, (const char *)entry + ks_python.at.tb_line, sizeof(line));
	memcpy(&last, (const char *)entry + ks_python.at.tb_last, sizeof(last));
	if (line <= 0 && ks_py_api.line)
		line = ks_py_api.line(code, last);
	return line > 0 ? (uint64_t)line : 0;
}

/* The innermost entry of the traceback that is not the import machinery's own; its code object. */
static uintptr_t raised_in(uintptr_t value, uint64_t *line)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t entry = traceback(ks_py_word(value, at->exc_traceback)), found = 0, in = 0;

	for (unsigned i = 0; entry && i < MOST_TRACEBACK; i++) {
		uintptr_t code = code_of(entry);

		if (code && !is_frozen(code)) {
			found = code;
			in = entry;
		}
		entry = traceback(ks_py_word(entry, at->tb_next));
	}
	*line = found ? line_of(in, found) : 0;
	return found;
}

static void put(uintptr_t value, unsigned uncaught)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t name = 0, path = 0, file = 0, function = 0, code;
	uint64_t line;

	if (is_a(value, ks_py_api.import_error)) {
		name = ks_py_word(value, at->import_name);
		path = ks_py_word(value, at->import_path);
	} else if (is_a(value, ks_py_api.os_error)) {
		path = ks_py_word(value, at->os_filename);
	}
	code = raised_in(value, &line);
	if (code) {
		file = ks_py_word(code, at->code_file);
		function = ks_py_word(code, at->code_name);
	}
	KS_EMIT(py_exception, .type = ks_text((const char *)ks_py_word(type_of(value), at->type_name)),
		.text = ks.config.text == KS_TEXT_OFF ? 0 : ks_py_str(text_of(value)), .name = ks_py_str(name),
		.path = ks_py_str(path), .uncaught = uncaught, .file = ks_py_str(file), .line = line,
		.function = ks_py_str(function));
}

/* What the exception was raised from, or while handling what; 0: nothing that a traceback would show. */
static uintptr_t behind(uintptr_t value)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t cause = ks_py_word(value, at->exc_cause);

	if (cause)
		return cause;
	if (*(const char *)(value + at->exc_suppress))
		return 0;
	return ks_py_word(value, at->exc_context);
}

void ks_py_exception(uintptr_t value)
{
	uintptr_t chain[MOST_CHAIN + 1];
	unsigned n = 0;

	if (!ks_python.known || !value || ks_python.free_threaded)
		return;
	seen = value;
	while (value && n <= MOST_CHAIN && is_a(value, ks_py_api.base_exception)) {
		chain[n++] = value;
		value = behind(value);
	}
	while (n-- > 0)
		put(chain[n], n == 0);
}

void ks_py_look(void)
{
	const uintptr_t state = ks_py_api.current();
	uintptr_t value;

	/* Interpreters of one process each have their own; only the first one's is told of. */
	if (ks_python.free_threaded || !state || ks_py_word(state, ks_python.at.thread_interp) != ks_py_api.interp)
		return;
	value = ks_py_api.sys_object("last_value");
	if (KS_LIKELY(!value || value == seen))
		return;
	seen = value;
	if (is_a(value, ks_py_api.base_exception))
		ks_py_exception(value);
}

/* SPDX-License-Identifier: MIT */
/*
 * The audit hook (PEP 578): imports, cells of a notebook, libraries opened by ctypes, uncaught
 * exceptions, the interpreter's start and end in order.
 *
 * Called for every audited operation of the process, with the interpreter's lock and no exception
 * set; it runs no Python code, creates no object and returns 0 always, for anything else would make
 * the operation fail. The first letters of the name send most events home at once.
 */
#include "hooks/python.h"

#include "shim/safe.h"

#define MOST_TEXT	4096
#define MOST_PATHS	64	/* of sys.path; then only powers of two are written */

/* Item i of the event's arguments, a tuple; 0: there is none. Borrowed. */
static uintptr_t argument(uintptr_t args, size_t i)
{
	const struct ks_py_layout *at = &ks_python.at;

	if (!args || ks_py_word(args, at->object_type) != ks_py_api.tuple_type || i >= ks_py_word(args, at->tuple_size))
		return 0;
	return ks_py_word(args + 8 * i, at->tuple_items);
}

ks_str ks_py_str(uintptr_t object)
{
	char buffer[MOST_TEXT];
	struct ks_py_text text;

	if (!ks_py_text(object, &text))
		return 0;
	if (text.ascii)
		return ks_text_n((const char *)text.data, text.length);
	return ks_text_n(buffer, ks_py_utf8(&text, buffer, sizeof(buffer)));
}

/* --- the interpreter --- */

void ks_py_ready(void)
{
	static ks_str written;
	ks_str prefix, base;

	if (!ks.on || !ks_python.known)
		return;
	prefix = ks_py_str(ks_py_api.sys_object("prefix"));
	if (prefix == written && written)
		return;
	written = prefix;
	base = ks_py_str(ks_py_api.sys_object("base_prefix"));
	KS_EMIT(py_ready, .version = ks_text(ks_py_api.version()), .prefix = prefix, .base_prefix = base == prefix ? 0 : base,
		.executable = ks_py_str(ks_py_api.sys_object("executable")), .hexversion = ks_py_api.hexversion,
		.runtime = ks_python.runtime);
}

/* --- imports --- */

/* sys.path joined by ':', when it is another list, or has another length, than at the last import. */
static void note_path(uintptr_t list)
{
	static uintptr_t last_list;
	static size_t last_length, written;
	const struct ks_py_layout *at = &ks_python.at;
	char joined[MOST_TEXT];
	size_t n = 0, length;
	uintptr_t items;

	if (!list || ks_python.free_threaded || ks_py_word(list, at->object_type) != ks_py_api.list_type)
		return;
	length = ks_py_word(list, at->list_size);
	if (KS_LIKELY(list == last_list && length == last_length))
		return;
	last_list = list;
	last_length = length;
	if (++written > MOST_PATHS && (written & (written - 1)))
		return;
	items = ks_py_word(list, at->list_items);
	for (size_t i = 0; i < length && n + 2 < sizeof(joined); i++) {
		struct ks_py_text text;

		if (i)
			joined[n++] = ':';
		if (ks_py_text(*(uintptr_t *)(items + 8 * i), &text))
			n += ks_py_utf8(&text, joined + n, sizeof(joined) - n);
	}
	KS_EMIT(py_path, .path = ks_text_n(joined, n));
}

static void on_import(uintptr_t args)
{
	note_path(argument(args, 2));
	KS_EMIT(py_import, .name = ks_py_str(argument(args, 0)));
	ks_checkpoint(KS_CHECK_EVENT);	/* imports map what no allocation shows; it says itself how often */
}

/* --- cells --- */

/*
 * File names that stand for a cell: "<ipython-input-3-0123456789ab>" of IPython,
 * "/tmp/ipykernel_1234/567890.py" of ipykernel (ipykernel/compiler.py get_file_name), or what
 * IPYKERNEL_CELL_NAME says.
 */
static bool is_cell(const struct ks_py_text *name)
{
	const char *p = (const char *)name->data, *dir;

	if (!name->ascii || name->length < 8)
		return false;
	if (ks_py_api.cell_name && strcmp(ks_py_api.cell_name, p) == 0)
		return true;
	if (p[0] == '<')
		return strncmp(p, "<ipython-input-", 15) == 0;
	dir = strstr(p, "/ipykernel_");
	if (!dir || strcmp(p + name->length - 3, ".py") != 0)
		return false;
	for (p = dir + 11; *p >= '0' && *p <= '9'; p++)
		;
	return *p == '/' && !strchr(p + 1, '/');
}

static uint64_t hash(const char *data, size_t size)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (uint8_t)data[i]) * 0x100000001b3u;
	return h;
}

/*
 * A cell is compiled, then it begins to run: only then it is written. A traceback parses the cells that
 * it shows once more, under their names, and runs none.
 */
static struct {
	bool waiting;
	char file[256];
	ks_str text;
	uint64_t lines, hash;
} cell;

static void keep_cell(const struct ks_py_text *file, const char *source, size_t size)
{
	uint64_t lines = size && source[size - 1] != '\n';

	if (file->length >= sizeof(cell.file))
		return;
	for (size_t i = 0; i < size; i++)
		lines += source[i] == '\n';
	memcpy(cell.file, (const char *)file->data, file->length + 1);
	cell.lines = lines;
	cell.hash = hash(source, size);
	cell.text = ks.config.text == KS_TEXT_CELL ? ks_text_n(source, size) : 0;
	cell.waiting = true;
}

static void on_exec(uintptr_t args)
{
	static uint64_t count;
	uintptr_t code = argument(args, 0);
	struct ks_py_text file;

	if (!code || ks_py_word(code, ks_python.at.object_type) != ks_python.code_type ||
	    !ks_py_text(ks_py_word(code, ks_python.at.code_file), &file) || !file.ascii ||
	    strcmp((const char *)file.data, cell.file) != 0)
		return;
	cell.waiting = false;
	KS_EMIT(py_cell, .count = ++count, .file = ks_text(cell.file), .lines = cell.lines, .hash = cell.hash, .text = cell.text);
}

/* compile(source, file name): the source is bytes where a text was compiled, else a syntax tree or None. */
static void on_compile(uintptr_t args)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t source = argument(args, 0), name = argument(args, 1);
	struct ks_py_text file, text;

	if (!source || !name || !ks_py_text(name, &file) || !is_cell(&file))
		return;
	if (ks_py_word(source, at->object_type) == ks_python.bytes_type) {
		keep_cell(&file, (const char *)source + at->bytes_data, ks_py_word(source, at->bytes_size));
	} else if (ks_py_text(source, &text)) {
		char buffer[MOST_TEXT];

		if (text.ascii)
			keep_cell(&file, (const char *)text.data, text.length);
		else
			keep_cell(&file, buffer, ks_py_utf8(&text, buffer, sizeof(buffer)));
	}
}

/* --- the others --- */

static void on_excepthook(uintptr_t args)
{
	ks_py_exception(argument(args, 2));
}

/* Which program was started: its name and no arguments, for these may hold secrets. */
static void on_program(const char *event, uintptr_t program)
{
	KS_EMIT(py_event, .event = ks_text(event), .text = ks_py_str(program));
}

static void on_c(const char *event, uintptr_t args)
{
	if (strcmp(event, "compile") == 0) {
		on_compile(args);
		ks_py_look();
	} else if (strcmp(event, "ctypes.dlopen") == 0) {
		KS_EMIT(py_dlopen, .name = ks_py_str(argument(args, 0)));
	} else if (strncmp(event, "cpython.run_", 12) == 0) {
		ks_py_ready();
	} else if (strcmp(event, "cpython._PySys_ClearAuditHooks") == 0) {
		KS_EMIT(py_finalize);
		ks_python_ended();
	}
}

int ks_py_audit(const char *event, uintptr_t args, void *data)
{
	int error = errno;

	(void)data;
	if (KS_UNLIKELY(!ks.on)) {
		/* A forked child whose recording has not begun: only what is worth one. */
		if (event[0] == 's' && strcmp(event, "sys.excepthook") == 0)
			on_excepthook(args);
		return 0;
	}
	switch (event[0]) {
	case 'i':
		if (strcmp(event, "import") == 0) {
			on_import(args);
			ks_py_look();
		}
		break;
	case 'c':
		on_c(event, args);
		break;
	case 'e':
		if (KS_UNLIKELY(cell.waiting) && strcmp(event, "exec") == 0)
			on_exec(args);
		break;
	case 'o':
		if (strcmp(event, "open") == 0)
			ks_py_look();
		break;
	case 's':
		if (strcmp(event, "sys.excepthook") == 0)
			on_excepthook(args);
		else if (strcmp(event, "subprocess.Popen") == 0)
			on_program(event, argument(args, 0));
		break;
	}
	errno = error;
	return 0;
}

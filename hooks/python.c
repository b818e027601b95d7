/* SPDX-License-Identifier: MIT */
/*
 * Is this a Python process, which one, and when may the audit hook go in.
 *
 * The interpreter's symbols are read from its own symbol table: no dl call, so that no text of
 * dlerror is lost and an interpreter that was loaded RTLD_LOCAL is found too. The hook is added
 * once the interpreter has chosen its allocators, never before (an entry allocated earlier is
 * freed with another allocator at exit: every "python -X dev" would abort); what shows that is a
 * thread state of the caller. 3.6 and 3.7 have no audit hooks; they are told of in other ways.
 */
#include "hooks/python.h"

#include <link.h>
#include <sys/auxv.h>

#include "shim/elf.h"
#include "shim/safe.h"

struct ks_py_api ks_py_api;

static enum { NO_PYTHON, WAITING, READY } stage;
static const ElfW(Phdr) *loaded;	/* program headers of the object that the interpreter is in */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- the interpreter's symbols --- */

static int has_python(struct dl_phdr_info *info, size_t size, void *data)
{
	struct ks_elf *elf = data;

	(void)size;
	if (!ks_elf_open(elf, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum) || !ks_elf_symbol(elf, KS_TEXT_AT_START("Py_GetVersion")))
		return 0;
	loaded = info->dlpi_phdr;
	return 1;
}

static int is_loaded(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	return info->dlpi_phdr == loaded;
}

/* A host may finalize its interpreter and unload it: then there is none, until another comes. */
static bool still_there(void)
{
	if (dl_iterate_phdr(is_loaded, NULL))
		return true;
	stage = NO_PYTHON;
	ks_python = (struct ks_python){ 0 };
	ks_py_api = (struct ks_py_api){ 0 };
	return false;
}

static void find_symbols(const struct ks_elf *elf)
{
#define PY_API(result, name, symbol, parameters)                                                   \
	ks_py_api.name = (result(*) parameters)ks_elf_symbol(elf, symbol);
	KS_PY_API
#undef PY_API
	if (!ks_py_api.current)
		ks_py_api.current = ks_py_api.current_13;
	if (!ks_py_api.finalizing)
		ks_py_api.finalizing = ks_py_api.finalizing_13;
	ks_py_api.finalizing_6 = (uintptr_t *)ks_elf_symbol(elf, "_Py_Finalizing");
	ks_py_api.tuple_type = ks_elf_symbol(elf, "PyTuple_Type");
	ks_py_api.list_type = ks_elf_symbol(elf, "PyList_Type");
	ks_py_api.traceback_type = ks_elf_symbol(elf, "PyTraceBack_Type");
	ks_py_api.frame_type = ks_elf_symbol(elf, "PyFrame_Type");
	ks_py_api.base_exception = (uintptr_t *)ks_elf_symbol(elf, "PyExc_BaseException");
	ks_py_api.import_error = (uintptr_t *)ks_elf_symbol(elf, "PyExc_ImportError");
	ks_py_api.os_error = (uintptr_t *)ks_elf_symbol(elf, "PyExc_OSError");
	ks_python.runtime = ks_elf_symbol(elf, "_PyRuntime");
	ks_python.code_type = ks_elf_symbol(elf, "PyCode_Type");
	ks_python.bytes_type = ks_elf_symbol(elf, "PyBytes_Type");
	ks_python.text_type = ks_elf_symbol(elf, "PyUnicode_Type");
}

/* "3.11.7 (main, …": Py_GetVersion puts it together from constants, before Py_Initialize too. */
static void read_version(void)
{
	const char *p = ks_py_api.version();
	unsigned long part[3] = { 0 };

	for (int i = 0; i < 3; i++) {
		part[i] = ks_number(p, &p);
		if (*p != '.')
			break;
		p++;
	}
	ks_python.major = (uint8_t)part[0];
	ks_python.minor = (uint8_t)part[1];
	ks_py_api.hexversion = part[0] << 24 | part[1] << 16 | part[2] << 8 | 0xf0;
}

void ks_python_start(void)
{
	struct ks_elf elf;

	if (stage != NO_PYTHON || !dl_iterate_phdr(has_python, &elf))
		return;
	find_symbols(&elf);
	if (!ks_py_api.current || !ks_py_api.own || !ks_py_api.sys_object || !ks_py_api.error || !ks_py_api.clear ||
	    !ks_py_api.is_subtype || !ks_py_api.tuple_type || !ks_py_api.list_type || !ks_py_api.traceback_type ||
	    !ks_py_api.frame_type || !ks_py_api.base_exception || !ks_python.code_type || !ks_python.bytes_type ||
	    !ks_python.text_type)
		return;			/* PyPy, or no interpreter that we know */
	read_version();
	ks_py_api.cell_name = getenv("IPYKERNEL_CELL_NAME");
	ks_python.tid_offset = ks_python_tid_offset();
	if (!ks_python_choose())
		ks_note("this Python's layout is not known: no frames, no audit hook", 0);
	else
		ks_python_reserve();
	stage = WAITING;
}

/* --- is there one at all? --- */

static bool is_name(const char *path)
{
	const char *name = last_part(path);

	return strncmp(name, KS_TEXT_AT_START("python"), 6) == 0 || strncmp(name, KS_TEXT_AT_START("pypy"), 4) == 0;
}

/* A library of that name, or the executable, which is the first, with the interpreter in it. */
static int has_interpreter(struct dl_phdr_info *info, size_t size, void *seen)
{
	const char *name = last_part(info->dlpi_name ?: KS_TEXT_AT_START(""));
	struct ks_elf elf;

	if ((*(unsigned *)seen)++ == 0 && has_python(info, size, &elf))
		return 1;
	return strncmp(name, KS_TEXT_AT_START("libpython"), 9) == 0 || strncmp(name, KS_TEXT_AT_START("libpypy"), 7) == 0;
}

/*
 * Most programs are none, and are told so without a system call: to ask for the name of the file takes
 * 25 µs. One that was called python is asked: it may be a shell that runs a version manager's script.
 */
bool ks_is_python(void)
{
	const char *called = (const char *)getauxval(AT_EXECFN);
	unsigned seen = 0;
	char path[1024];
	long n;

	if (dl_iterate_phdr(has_interpreter, &seen))
		return true;
	if (called && !is_name(called))
		return false;
	n = ks_sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return is_name(path);
}

/* --- when the hook goes in --- */

/*
 * The thread state of the caller, where it runs Python now; 0: it does not. To 3.11 "current"
 * belongs to whoever has the lock; from 3.12 it is the thread's own.
 */
static uintptr_t attached(void)
{
	uintptr_t state = ks_py_api.current();

	if (state && ks_python.minor < 12 && ks_py_api.own() != state)
		return 0;
	return state;
}

static void begin(uintptr_t state)
{
	if (ks_python_prove(state))
		ks_py_api.interp = ks_py_word(state, ks_python.at.thread_interp);
	else
		ks_note("this Python's structures are not where they should be: no frames, no audit hook", 0);
	if (ks_python.known && ks_python.minor >= 8 && ks_py_api.add_hook &&
	    ks_py_api.add_hook(ks_py_audit, NULL) != 0) {
		ks_py_api.clear();	/* another hook refuses ours */
		ks_note("another audit hook refuses the recorder's", 0);
	}
	ks_py_ready();
}

static bool finalizing(void)
{
	if (ks_py_api.finalizing_6)
		return *ks_py_api.finalizing_6 != 0;
	return ks_py_api.finalizing && ks_py_api.finalizing();
}

/*
 * In 3.6 and 3.7: the last look is at the first sigaction of the finalization, which gives SIGINT back
 * before any module is torn down (Python/pylifecycle.c, Py_FinalizeEx: PyOS_FiniInterrupts).
 */
static void look_without_hook(void)
{
	static bool last;

	if (!ks_python.known || last)
		return;
	last = finalizing();
	ks_py_ready();
	ks_py_look();
}

static void try_now(void)
{
	int error = errno;
	uintptr_t state = still_there() ? attached() : 0;

	if (state && ks_mine() && !ks_py_api.error()) {
		if (stage == READY) {
			look_without_hook();
		} else if (!finalizing()) {
			stage = READY;
			begin(state);
		}
	}
	errno = error;
}

/*
 * From the hooks of sigaction and of dlopen. What 3.6 and 3.7 cannot tell by audit events is looked at here:
 * ipykernel sets SIGINT's handler before and after each cell. Not within a signal handler: it may
 * have interrupted the interpreter anywhere.
 */
void ks_python_try(void)
{
	if (KS_LIKELY(stage != WAITING) && (stage != READY || ks_python.minor >= 8))
		return;
	if (ks.on && !ks_in_handler())
		try_now();
}

/* The interpreter has thrown its hooks away; it may be initialised once more. */
void ks_python_ended(void)
{
	stage = WAITING;
}

/* SPDX-License-Identifier: MIT */
/*
 * The uncaught C++ exception, read from the runtime's own state at SIGABRT.
 *
 * std::terminate has put the exception on the thread's list of caught ones before it calls abort.
 * The list is the first word of what __cxa_get_globals_fast returns (Itanium C++ ABI: Exception
 * Handling, 2.2.2); we find the variable without calling it (shim/arch/<cpu>_crash.h), in each
 * C++ runtime of the process. Layout of the header before the exception object: libstdc++-v3,
 * libsupc++/unwind-cxx.h, __cxa_refcounted_exception; the same since GCC 4.4 on both CPUs.
 * A program that calls abort in a catch block leaves the same traces: the reader of the trace looks
 * whether std::terminate is on the stack.
 */
#include "shim/crash.h"

#include <ctype.h>

#include "shim/arch.h"
#if defined(__x86_64__)
#include "shim/arch/x86_64_crash.h"
#else
#include "shim/arch/aarch64_crash.h"
#endif
#include "shim/module.h"

#define RUNTIMES 8

static uintptr_t runtimes[RUNTIMES];	/* __cxa_get_globals_fast of each */

/* Offsets from a struct __cxa_exception, which ends where the object begins. */
enum {
	HEADER_TYPE	= 0,		/* std::type_info *; of a dependent one: the primary object */
	HEADER_CLASS	= 80,		/* _Unwind_Exception.exception_class */
	HEADER_SIZE	= 112,
};

#define CLASS_GNU	0x474e5543432b2b00ull	/* "GNUCC++\0" */
#define CLASS_DEPENDENT	0x474e5543432b2b01ull	/* made by std::rethrow_exception */

void ks_exception_module(const char *path, const struct ks_module *m)
{
	const char *name = strrchr(path, '/');
	struct ks_elf elf;
	uintptr_t function;

	name = name ? name + 1 : path;
	if (strncmp(name, "libstdc++", 9) != 0 || !ks_module_elf(m, &elf))
		return;
	function = ks_elf_symbol(&elf, "__cxa_get_globals_fast");
	if (!function)
		return;
	for (int i = 0; i < RUNTIMES; i++) {
		uintptr_t empty = 0;

		if (runtimes[i] == function ||
		    __atomic_compare_exchange_n(&runtimes[i], &empty, function, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	}
}

/* Reads a text that may not be there; 0 unless it looks like one. */
static size_t read_text(uintptr_t address, char *to, size_t size)
{
	size_t n = address ? ks_read_memory(address, to, size - 1) : 0;

	to[n] = '\0';
	n = strlen(to);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)to[i];

		if (c < 32 && c != '\n' && c != '\t' && c != '\r' && c != 27)
			return 0;
	}
	return n;
}

/*
 * what() without calling it. Most classes keep a pointer to their text as the first word behind
 * the table of virtual functions: std::runtime_error, std::logic_error and what derives from them
 * (a copy-on-write string), and those that begin with a std::string (c10::Error). An exception
 * that is a char pointer is the text itself.
 */
static ks_str read_what(const char *type, uintptr_t object)
{
	char text[1024];
	size_t n;

	if (strcmp(type, "PKc") == 0 || strcmp(type, "Pc") == 0)
		n = read_text(ks_word_at(object), text, sizeof(text));
	else if (strcmp(type, "St9bad_alloc") == 0 || strlen(type) < 3)
		n = 0;			/* nothing but a table of virtual functions; a number */
	else
		n = read_text(ks_word_at(object + 8), text, sizeof(text));
	return n >= 2 ? ks_text_n(text, n) : 0;
}

static bool read_exception(uintptr_t header)
{
	uint64_t class = ks_word_at(header + HEADER_CLASS);
	uintptr_t object = header + HEADER_SIZE, type;
	char name[512];
	size_t n;

	if (class == CLASS_DEPENDENT) {
		object = ks_word_at(header + HEADER_TYPE);
		header = object - HEADER_SIZE;
	} else if (class != CLASS_GNU) {
		return false;
	}
	type = ks_word_at(header + HEADER_TYPE);
	n = read_text(ks_word_at(type + 8), name, sizeof(name));
	if (!n)
		return false;
	ks.crash->exception_module = type;
	if (ks.config.text != KS_TEXT_OFF)
		ks.crash->exception_text = read_what(name[0] == '*' ? name + 1 : name, object);
	ks.crash->exception_type = ks_text(name[0] == '*' ? name + 1 : name);
	return true;
}

void ks_exception_read(void)
{
	for (int i = 0; i < RUNTIMES && runtimes[i]; i++) {
		uintptr_t globals = ks_tls_returned(runtimes[i]);
		uintptr_t caught = globals ? ks_word_at(globals) : 0;

		if (caught && read_exception(caught))
			return;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * CPython's own structures, read from outside: which Python code each thread is in.
 *
 * Everything rests on one table of offsets (python.def). ks_python_frames() runs in the handler of
 * a fatal signal: it calls nothing of Python's, allocates nothing, and reads memory only where
 * the kernel does it for us, so that a damaged structure ends the walk and nothing else. The
 * functions that follow pointers without that care say so; they are for the audit hook.
 */
#ifndef KS_PYTHON_H
#define KS_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KS_PY_NONE	0xffff		/* this version has no such field */

struct ks_py_layout {
#define PY_FIELD(name, ...) uint16_t name;
#include "shim/python.def"
#undef PY_FIELD
};

/* The interpreter of this process. Filled by hooks/python.c; major 0: there is none. */
struct ks_python {
	uint8_t major, minor;
	bool free_threaded;
	bool known;			/* the layout is known: frames can be read */
	bool proven;			/* and has been held against a living thread state */
	uint32_t tid_offset;		/* of the tid in glibc's struct pthread, 0: not found */
	uintptr_t runtime;		/* &_PyRuntime, 0 in 3.6 */
	uintptr_t main_interp;		/* PyInterpreterState of the first one, 0: not seen yet */
	uintptr_t code_type, bytes_type, text_type;	/* &PyCode_Type, &PyBytes_Type, &PyUnicode_Type */
	struct ks_py_layout at;
};

/* A text object's characters in place. */
struct ks_py_text {
	uintptr_t data;
	size_t length;			/* in characters */
	uint8_t kind;			/* bytes of one: 1 (Latin-1), 2, 4 */
	bool ascii;
};

#pragma GCC visibility push(hidden)

extern struct ks_python ks_python;

/* Chooses the layout for ks_python.major, .minor and .runtime; false: not known to us. */
bool ks_python_choose(void);
/* Holds it against the thread state of the caller, which has the interpreter's lock. */
bool ks_python_prove(uintptr_t thread_state);
/* Offset of the tid in struct pthread, found in the caller's own; 0: not found. */
uint32_t ks_python_tid_offset(void);

/* Makes sure that the next has memory, whatever the process may map by then. */
void ks_python_reserve(void);
/* In the handler of a fatal signal: a KS_BLOCK_PYTHON for each thread with a thread state, that of
 * fault_tid first and inside the crash area. */
void ks_python_frames(uint32_t fault_tid);

/* An exact str; false: it is none. Follows the pointer: the object must be alive. */
bool ks_py_text(uintptr_t object, struct ks_py_text *text);
/* As UTF-8 into out (cut at room); bytes written. */
size_t ks_py_utf8(const struct ks_py_text *text, char *out, size_t room);

/* A word of a living object. */
static inline uintptr_t ks_py_word(uintptr_t object, uint16_t offset)
{
	return *(const uintptr_t *)(object + offset);
}

#pragma GCC visibility pop

#endif

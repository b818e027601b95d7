/* SPDX-License-Identifier: MIT */
/*
 * What the two files of the Python family share: the interpreter's functions, found once in its own
 * symbol table, and declared here as CPython's stable headers have them (no header of its own is
 * needed to build). All of them want the interpreter's lock, unless said otherwise.
 */
#ifndef KS_HOOKS_PYTHON_H
#define KS_HOOKS_PYTHON_H

#include "hooks/hooks.h"
#include "shim/python.h"

typedef int (*ks_py_hook)(const char *event, uintptr_t args, void *data);

/*
 *	PY_API(result, name in struct ks_py_api, symbol, (parameters))
 */
#define KS_PY_API                                                                                  \
	PY_API(const char *, version, "Py_GetVersion", (void))		/* no lock */		   \
	PY_API(int, add_hook, "PySys_AddAuditHook", (ks_py_hook, void *))	/* from 3.8 */	   \
	PY_API(uintptr_t, current, "_PyThreadState_UncheckedGet", (void))	/* no lock */	   \
	PY_API(uintptr_t, current_13, "PyThreadState_GetUnchecked", (void))	/* no lock; 3.13 */ \
	PY_API(uintptr_t, own, "PyGILState_GetThisThreadState", (void))		/* no lock */	   \
	PY_API(int, finalizing, "_Py_IsFinalizing", (void))			/* no lock; 3.7 */ \
	PY_API(int, finalizing_13, "Py_IsFinalizing", (void))			/* no lock; 3.13 */ \
	PY_API(uintptr_t, sys_object, "PySys_GetObject", (const char *))	/* borrowed */	   \
	PY_API(uintptr_t, error, "PyErr_Occurred", (void))			/* borrowed */	   \
	PY_API(void, clear, "PyErr_Clear", (void))						   \
	PY_API(int, is_subtype, "PyType_IsSubtype", (uintptr_t, uintptr_t))	   \
	PY_API(int, line, "PyCode_Addr2Line", (uintptr_t, int))

struct ks_py_api {
#define PY_API(result, name, symbol, parameters) result (*name) parameters;
	KS_PY_API
#undef PY_API
	uintptr_t *finalizing_6;		/* &_Py_Finalizing, 3.6 alone */
	uintptr_t tuple_type, list_type, traceback_type, frame_type;	/* &PyTuple_Type … */
	uintptr_t *base_exception, *import_error, *os_error;	/* &PyExc_BaseException, … */
	uintptr_t interp;			/* PyInterpreterState in which the hook was added */
	const char *cell_name;			/* IPYKERNEL_CELL_NAME, NULL */
	unsigned long hexversion;		/* PY_VERSION_HEX, from Py_GetVersion's text (release level final) */
};

#pragma GCC visibility push(hidden)
extern struct ks_py_api ks_py_api;

/* python_audit.c: the audit hook itself. It is called with the lock, returns 0 always. */
int ks_py_audit(const char *event, uintptr_t args, void *data);
/* Writes py_ready where sys.prefix is another than when it was last written. With the lock. */
void ks_py_ready(void);
/* python_exception.c: writes what reached the top since the last look (sys.last_value). With the lock. */
void ks_py_look(void);
/* Writes an exception with what it was raised from. With the lock. */
void ks_py_exception(uintptr_t value);
/* The text of a str as UTF-8, 0 where it is none. Inside KS_EMIT only. */
ks_str ks_py_str(uintptr_t object);
#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Prints one column of shim/python.def for the CPython whose headers it is compiled against:
 * FIELD OFFSET WORD, WORD being the field's place in _Py_DebugOffsets where that has one.
 * tests/python/check-offsets compiles it for each interpreter that is found, and compares.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#include <frameobject.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if PY_VERSION_HEX >= 0x030B0000
#include "internal/pycore_code.h"
#include "internal/pycore_frame.h"
#endif
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe_structs.h"
#endif
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#elif PY_VERSION_HEX >= 0x03080000
#include "internal/pycore_pystate.h"
#elif PY_VERSION_HEX >= 0x03070000
#include "internal/pystate.h"
#endif

#define NONE (-1L)

#if PY_VERSION_HEX >= 0x030B0000
typedef _PyInterpreterFrame walked_frame;
#define THREADS offsetof(PyInterpreterState, threads.head)
#define CODE_NAME offsetof(PyCodeObject, co_qualname)
#define CODE_TABLE offsetof(PyCodeObject, co_linetable)
#define CODE_BYTES offsetof(PyCodeObject, co_code_adaptive)
#define NATIVE offsetof(PyThreadState, native_thread_id)
#define BACK offsetof(walked_frame, previous)
#define OWNER offsetof(walked_frame, owner)
#define OBJECT_FRAME offsetof(struct _frame, f_frame)
#if PY_VERSION_HEX >= 0x030D0000
#define FRAME offsetof(PyThreadState, current_frame)
#define CFRAME NONE
#define INSTR offsetof(walked_frame, instr_ptr)
#define CODE offsetof(walked_frame, f_executable)
#else
#define FRAME offsetof(PyThreadState, cframe)
#define CFRAME offsetof(_PyCFrame, current_frame)
#define INSTR offsetof(walked_frame, prev_instr)
#define CODE offsetof(walked_frame, f_code)
#endif
#else
typedef PyFrameObject walked_frame;
#define THREADS offsetof(PyInterpreterState, tstate_head)
#define CODE_NAME offsetof(PyCodeObject, co_name)
#if PY_VERSION_HEX >= 0x030A0000
#define CODE_TABLE offsetof(PyCodeObject, co_linetable)
#else
#define CODE_TABLE offsetof(PyCodeObject, co_lnotab)
#endif
#define CODE_BYTES NONE
#define NATIVE NONE
#define FRAME offsetof(PyThreadState, frame)
#define CFRAME NONE
#define BACK offsetof(walked_frame, f_back)
#define CODE offsetof(walked_frame, f_code)
#define INSTR offsetof(walked_frame, f_lasti)
#define OWNER NONE
#define OBJECT_FRAME NONE
#endif

#if PY_VERSION_HEX >= 0x03070000
#define HEADS offsetof(_PyRuntimeState, interpreters.head)
#else
#define HEADS NONE
#endif

#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
#define FRAME_TLBC offsetof(walked_frame, tlbc_index)
#define CODE_TLBC offsetof(PyCodeObject, co_tlbc)
#else
#define FRAME_TLBC NONE
#define CODE_TLBC NONE
#endif

#if PY_VERSION_HEX >= 0x030D0000
#define WORD(member) ((long)(offsetof(struct _Py_DebugOffsets, member) / 8))
#else
#define WORD(member) NONE
#endif
#if PY_VERSION_HEX >= 0x030E0000
#define WORD14(member) WORD(member)
#else
#define WORD14(member) NONE
#endif

/* Lowest bit of state.kind: bit-fields have no offsetof. */
static long kind_shift(void)
{
	PyASCIIObject text;
	unsigned word;
	long shift = 0;

	memset(&text, 0, sizeof(text));
	text.state.kind = 7;
	memcpy(&word, &text.state, sizeof(word));
	while (!(word >> shift & 1))
		shift++;
	return shift;
}

static void print(const char *name, long value, long word)
{
	char offset[24] = "NONE", place[24] = "NONE";

	if (value != NONE)
		snprintf(offset, sizeof(offset), "%ld", value);
	if (word != NONE)
		snprintf(place, sizeof(place), "%ld", word);
	printf("%s %s %s\n", name, offset, place);
}

int main(void)
{
	print("heads", HEADS, WORD(runtime_state.interpreters_head));
	print("interp_next", offsetof(PyInterpreterState, next), WORD(interpreter_state.next));
	print("interp_threads", THREADS, WORD(interpreter_state.threads_head));
	print("thread_next", offsetof(PyThreadState, next), WORD(thread_state.next));
	print("thread_interp", offsetof(PyThreadState, interp), WORD(thread_state.interp));
	print("thread_frame", FRAME, WORD(thread_state.current_frame));
	print("thread_id", offsetof(PyThreadState, thread_id), WORD(thread_state.thread_id));
	print("thread_native", NATIVE, WORD(thread_state.native_thread_id));
	print("cframe_frame", CFRAME, NONE);
	print("frame_back", BACK, WORD(interpreter_frame.previous));
	print("frame_code", CODE, WORD(interpreter_frame.executable));
	print("frame_instr", INSTR, WORD(interpreter_frame.instr_ptr));
	print("frame_owner", OWNER, WORD(interpreter_frame.owner));
	print("frame_tlbc", FRAME_TLBC, WORD14(interpreter_frame.tlbc_index));
	print("code_first", offsetof(PyCodeObject, co_firstlineno), WORD(code_object.firstlineno));
	print("code_file", offsetof(PyCodeObject, co_filename), WORD(code_object.filename));
	print("code_name", CODE_NAME, WORD(code_object.qualname));
	print("code_table", CODE_TABLE, WORD(code_object.linetable));
	print("code_bytes", CODE_BYTES, WORD(code_object.co_code_adaptive));
	print("code_tlbc", CODE_TLBC, WORD14(code_object.co_tlbc));
	print("object_type", offsetof(PyObject, ob_type), WORD(pyobject.ob_type));
	print("type_name", offsetof(PyTypeObject, tp_name), WORD(type_object.tp_name));
	print("bytes_size", offsetof(PyBytesObject, ob_base.ob_size), WORD(bytes_object.ob_size));
	print("bytes_data", offsetof(PyBytesObject, ob_sval), WORD(bytes_object.ob_sval));
	print("tuple_size", offsetof(PyTupleObject, ob_base.ob_size), WORD(tuple_object.ob_size));
	print("tuple_items", offsetof(PyTupleObject, ob_item), WORD(tuple_object.ob_item));
	print("list_size", offsetof(PyListObject, ob_base.ob_size), WORD(list_object.ob_size));
	print("list_items", offsetof(PyListObject, ob_item), WORD(list_object.ob_item));
	print("text_length", offsetof(PyASCIIObject, length), WORD(unicode_object.length));
	print("text_state", offsetof(PyASCIIObject, state), WORD(unicode_object.state));
	print("text_shift", kind_shift(), NONE);
	print("text_ascii", sizeof(PyASCIIObject), WORD(unicode_object.asciiobject_size));
	print("text_compact", sizeof(PyCompactUnicodeObject), NONE);
	print("text_any", offsetof(PyUnicodeObject, data.any), NONE);
	print("exc_args", offsetof(PyBaseExceptionObject, args), NONE);
	print("exc_traceback", offsetof(PyBaseExceptionObject, traceback), NONE);
	print("exc_context", offsetof(PyBaseExceptionObject, context), NONE);
	print("exc_cause", offsetof(PyBaseExceptionObject, cause), NONE);
	print("exc_suppress", offsetof(PyBaseExceptionObject, suppress_context), NONE);
	print("import_name", offsetof(PyImportErrorObject, name), NONE);
	print("import_path", offsetof(PyImportErrorObject, path), NONE);
	print("os_filename", offsetof(PyOSErrorObject, filename), NONE);
	print("tb_next", offsetof(PyTracebackObject, tb_next), NONE);
	print("tb_frame", offsetof(PyTracebackObject, tb_frame), NONE);
	print("tb_last", offsetof(PyTracebackObject, tb_lasti), NONE);
	print("tb_line", offsetof(PyTracebackObject, tb_lineno), NONE);
	print("object_frame", OBJECT_FRAME, NONE);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The heap was damaged. Whoever calls free() when the allocator notices is mostly the victim:
 * these rules say what was detected and where, and name no culprit.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* glibc malloc/malloc.c: what malloc_printerr is called with. */
static const char *const complaints[] = {
	"double free",
	"free():",
	"munmap_chunk():",
	"corrupted size vs. prev_size",
	"corrupted double-linked list",
	"malloc():",
	"realloc():",
	"calloc():",
	"malloc_consolidate():",
	"mremap_chunk():",
	"invalid fastbin entry",
	"break adjusted to free malloc space",
	"unaligned fastbin chunk",
	"unaligned tcache chunk",
	"tcache_thread_shutdown():",
	"corrupted unsorted chunks",
	"invalid pointer",
	"chunk is not",
	"sysmalloc",
	NULL,
};

static const char *complaint(const struct model *m)
{
	const char *text = m->crash.abort_message;

	for (int i = 0; text && complaints[i]; i++) {
		if (strstr(text, complaints[i]))
			return text;
	}
	return NULL;
}

static bool in_allocator(const struct frame *f)
{
	static const char *const names[] = {
		"_int_malloc", "_int_free", "_int_realloc",  "malloc_consolidate", "unlink_chunk",
		"sysmalloc",   "systrim",   "_int_memalign", "tcache_get",	   "tcache_put",
		NULL};

	for (int i = 0; f && names[i]; i++) {
		if (frame_names(f, names[i]))
			return true;
	}
	return false;
}

static bool in_malloc_family(const struct frame *f)
{
	static const char *const names[] = { "malloc", "free", "realloc", "calloc", "cfree", "__libc_malloc", "__libc_free", NULL };

	for (int i = 0; f && f->raw && names[i]; i++) {
		if (strcmp(f->raw, names[i]) == 0)
			return true;
	}
	return false;
}

static const struct frame *top(const struct model *m)
{
	return m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL;
}

/* 0 and -1 are what C code returns in errors, 0xdd what Python's debug allocator fills with. */
static bool one_byte(uint64_t value)
{
	const unsigned byte = value & 0xff;

	return byte && byte != 0xff && byte != 0xdd && value == 0x0101010101010101ull * byte;
}

/*
 * The interpreter, at work on objects of its own, followed a pointer that is text or the same byte eight
 * times: data were written over an object. (Bytes that allocators fill with are mem.use-after-free.)
 */
static bool pointer_overwritten(const struct model *m, struct finding *f)
{
	uint64_t value;

	if (m->ending.kind != END_SIGNAL || m->ending.signal != SIGSEGV || m->crash.raw->code <= 0 ||
	    !module_is_python(m->crash.module) || !crash_pointer(m, &value) ||
	    (!one_byte(value) && !pointer_as_text(f->arena, value)))
		return false;
	f->number[0] = value;
	return true;
}

static enum confidence match_corruption(const struct model *m, struct finding *f)
{
	const char *python;

	if (!m->crash.present || m->crash.repaired)
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : NULL;
	if (m->ending.kind == END_ABORT && complaint(m)) {
		f->text = complaint(m);
		return PROVEN;
	}
	python = model_stderr_line(m, "Debug memory block at address", true);
	if (m->ending.kind == END_ABORT && python && frame_calling(f->context->stack, "Debug")) {
		f->text = "Python's debug allocator: bad bytes around a block";
		return PROVEN;
	}
	if (pointer_overwritten(m, f))
		return LIKELY;
	if (m->ending.kind != END_SIGNAL || m->crash.raw->code <= 0 || !module_is_libc(m->crash.module))
		return NO_MATCH;
	if (in_allocator(top(m)))
		return PROVEN;
	return in_malloc_family(top(m)) ? LIKELY : NO_MATCH;
}

static void fix_corruption(const struct model *m, struct finding *f)
{
	const char *valgrind = command_under(m, f->arena, "PYTHONMALLOC=malloc valgrind ");
	const char *check = command_under(m, f->arena, "MALLOC_CHECK_=3 MALLOC_PERTURB_=165 LD_PRELOAD=libc_malloc_debug.so.0 ");

	finding_fix(f, "Look at the lines that ran before, not only at the last one: arrays that are written beyond their ends (ctypes, "
		       "as_strided, frombuffer, buffers shared with C), objects that are freed twice, an extension of your own.");
	if (m->is_kernel) {
		finding_fix(f, "To find the place: save the notebook as a script and run that under valgrind, which names the first wrong access "
			       "(slow, some 30 times):");
		finding_run(f, "jupyter nbconvert --to script --output /tmp/cells %s; PYTHONMALLOC=malloc valgrind python /tmp/cells.py",
			    m->notebook ? arena_shell(f->arena, m->notebook) : "NOTEBOOK.ipynb");
	} else {
		finding_fix(f, "To find the place, run it under valgrind, which names the first wrong access (slow, some 30 times):");
		finding_run(f, "%s", valgrind ? valgrind : "PYTHONMALLOC=malloc valgrind python …");
	}
	if (check) {
		finding_fix(f, "Or let the C library look more often, which is quick:");
		finding_run(f, "%s", check);
	}
}

/* The function of the C library that ctypes or cffi was told to call: there is no other library between. */
static const char *called_through_ffi(const struct stack *s)
{
	for (size_t i = 1; s && i < s->n; i++) {
		if (module_calls_for_others(s->frames[i].module) && !module_calls_for_others(s->frames[i - 1].module))
			return s->frames[i - 1].raw;
	}
	return NULL;
}

static void tell_own_call(const struct model *m, struct finding *f)
{
	const struct thread *t = m->crash.thread;
	const struct py_frame *py = t && t->npython ? &t->python[0] : NULL;

	const char *name = called_through_ffi(f->context->stack);

	finding_say(f, "The program called %s%s by itself, through ctypes or cffi%s. What was to be freed had been freed before, lies within "
		       "a block, or never came from malloc(); or an earlier write had damaged the heap.",
		    name ? name : "a function of the C library", name ? "()" : "",
		    py && py->file ? arena_printf(f->arena, ", at %s:%d (%s)", py->file, py->line, py->function ? py->function : "?") : "");
	finding_fix(f, "Free only what a C function of the same library gave out, once, and with the function that its documentation names; "
		       "leave the memory of Python objects, numpy arrays and ctypes or cffi buffers to their owners.");
	fix_corruption(m, f);
}

static void explain_overwritten(const struct model *m, struct finding *f)
{
	const char *text = pointer_as_text(f->arena, f->number[0]);
	const char *value = arena_printf(f->arena, "0x%llx%s%s%s", (unsigned long long)f->number[0], text ? ", which is the text \"" : "",
					 text ? text : "", text ? "\"" : "");

	finding_title(f, "Data were written over an object of Python's: a pointer in it is %s", value);
	finding_cite(f, m->crash.record, m->ending.time, "SIGSEGV in %s: %s", frame_text(f->arena, top(m)),
		     m->crash.instruction ? m->crash.instruction : "");
	finding_say(f, "Python (%s) looked into one of its objects and found %s where an address should be. No object has such a pointer: "
		       "something wrote beyond its own memory before, and that is not the line where it was noticed.",
		    frame_text(f->arena, top(m)), value);
	fix_corruption(m, f);
}

static void explain_corruption(const struct model *m, struct finding *f)
{
	const char *where = f->frame ? frame_words(f->arena, f->frame) : "native code";
	const struct frame *t = top(m);

	if (f->number[0]) {
		explain_overwritten(m, f);
		return;
	}
	if (f->text) {
		finding_title(f, "The program's memory (heap) is damaged: \"%s\", noticed in a call by %s",
			      arena_line(f->arena, f->text), software_of(f->arena, f->module));
		finding_cite(f, m->crash.record, m->ending.time,
			     "the C library's abort message: %s; the call came from %s", arena_line(f->arena, f->text),
			     f->frame ? frame_text(f->arena, f->frame) : "native code");
		finding_say(f, "The C library's allocator, which hands out memory, found its own records overwritten and ended the process.");
	} else {
		finding_title(f, "The program's memory (heap) is damaged: the allocator itself crashed in a call by %s",
			      software_of(f->arena, f->module));
		finding_cite(f, m->crash.record, m->ending.time, "%s at 0x%llx in %s", signal_word(m->ending.signal),
			     (unsigned long long)m->crash.address, frame_text(f->arena, t));
		finding_say(f,
			    "The fault lies inside %s, which hands out memory: it followed a record of the "
			    "heap that had been overwritten, or was "
			    "given a pointer that it never gave out.",
			    frame_words(f->arena, t));
	}
	if (module_calls_for_others(f->module)) {
		tell_own_call(m, f);
		return;
	}
	finding_say(f, "That was noticed in a call of free() or malloc() by %s. The damage was done before, by this or by other code: the "
		       "place where it is noticed is mostly innocent.", where);
	fix_corruption(m, f);
}

const struct rule rule_mem_heap_corruption = {
	.id = "mem.heap-corruption",
	.title = "The heap is damaged",
	.match = match_corruption,
	.explain = explain_corruption,
	.page = "Something wrote beyond a block, freed one twice, or freed what was never "
		"allocated; the allocator noticed later.\n"
		"Proof: the C library's own abort message, read from its memory (also when nobody "
		"could see it printed), or a fault inside the "
		"allocator.\nMistaken for it: the module that calls free() at that moment is "
		"mostly the victim; no culprit is named.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/15848 "
		   "https://github.com/tensorflow/tensorflow/issues/6968 "
		   "https://github.com/tensorpack/tensorpack/issues/584",
};

/* --- mem.stack-smashed --- */

static enum confidence match_smashed(const struct model *m, struct finding *f)
{
	const char *text = m->crash.abort_message;

	if (m->ending.kind != END_ABORT || !text)
		return NO_MATCH;
	if (!strstr(text, "stack smashing detected") && !strstr(text, "buffer overflow detected"))
		return NO_MATCH;
	f->text = arena_line(f->arena, text);
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : NULL;
	return PROVEN;
}

static void explain_smashed(const struct model *m, struct finding *f)
{
	finding_title(f, "%s wrote beyond the end of a buffer", software_of(f->arena, f->module));
	finding_cite(f, m->crash.record, m->ending.time, "the C library's abort message: %s; in %s", f->text, frame_text(f->arena, f->frame));
	finding_say(f,
		    "A check that the compiler built into %s found that a buffer had been overrun "
		    "(\"%s\") and aborted the process.",
		    frame_words(f->arena, f->frame), f->text);
	finding_fix(f, "Check the lengths of the texts and arrays that are handed to %s.", software_of(f->arena, f->module));
	howto_report(m, f, f->module);
}

const struct rule rule_mem_buffer_overrun = {
	.id = "mem.buffer-overrun",
	.title = "A buffer was overrun",
	.match = match_smashed,
	.explain = explain_smashed,
	.page = "The compiler's stack protector or glibc's fortified functions found a buffer "
		"overrun.\nProof: the C library's abort message; "
		"unlike a damaged heap this is noticed in the very function that did it.",
	.sources = "https://gcc.gnu.org/onlinedocs/gcc/Instrumentation-Options.html",
};

/* --- mem.use-after-free --- */

/* The byte that freed memory is filled with: Python's debug allocator 0xDD (Objects/obmalloc.c), glibc's MALLOC_PERTURB_. */
static int dead_byte(const struct model *m)
{
	const char *perturb = model_env(m, "MALLOC_PERTURB_"), *debug = model_env(m, "PYTHONMALLOC");

	if (perturb && atoi(perturb) & 0xff)
		return atoi(perturb) & 0xff;
	return !debug || strstr(debug, "debug") ? 0xdd : -1;
}

static bool dead(uint64_t value, int byte)
{
	uint64_t all = 0x0101010101010101ull * (unsigned)byte;

	return byte > 0 && value >> 16 == all >> 16;
}

/* A big block that had been given back, and nothing new is there. */
static const struct event *freed_block(const struct model *m, uint64_t address)
{
	for (const struct event *e = NULL; (e = model_last(m, KS_free_big, 0, e));) {
		uint64_t start = FIELD(e, free_big, address), size = FIELD(e, free_big, size);
		const struct event *later = e;

		if (!size || address < start || address - start >= size)
			continue;
		for (later = NULL; (later = model_last(m, KS_alloc_big, 0, later)) && later->time > e->time;) {
			if (address - FIELD(later, alloc_big, address) < FIELD(later, alloc_big, size))
				return NULL;
		}
		return e;
	}
	return NULL;
}

static enum confidence match_freed(const struct model *m, struct finding *f)
{
	int byte = dead_byte(m);

	if (!m->crash.present || m->crash.repaired || !end_is_signal(m, SIGSEGV) || m->crash.raw->code <= 0)
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : m->crash.module;
	f->event = freed_block(m, m->crash.address);
	if (f->event)
		return m->crash.map_address ? LIKELY : PROVEN;
	f->number[0] = (uint64_t)byte;
	if (dead(m->crash.address, byte) || dead(m->crash.pc, byte))
		return PROVEN;
	/* A non-canonical address faults without telling it: look at the registers. */
	for (unsigned i = 0; m->crash.address == 0 && i < m->crash.raw->nregs && i < KS_MAX_REGS; i++) {
		if (dead(m->crash.raw->regs[i], byte))
			return PROVEN;
	}
	return NO_MATCH;
}

static void explain_freed(const struct model *m, struct finding *f)
{
	const char *where = frame_words(f->arena, f->frame ? f->frame : top(m));

	if (f->event) {
		uint64_t start = FIELD(f->event, free_big, address), size = FIELD(f->event, free_big, size);

		finding_title(f, "%s used a block of %s that had been freed", software_of(f->arena, f->module), size_text(f->arena, size));
		finding_cite(f, f->event->record, f->event->time,
			     "a block of %llu bytes at 0x%llx was given back",
			     (unsigned long long)size, (unsigned long long)start);
		finding_cite(f, m->crash.record, m->ending.time,
			     "SIGSEGV at 0x%llx, byte %llu of it, in %s",
			     (unsigned long long)m->crash.address,
			     (unsigned long long)(m->crash.address - start), frame_text(f->arena, f->frame ? f->frame : top(m)));
		finding_say(f,
			    "%s touched 0x%llx, which had belonged to a block of %s that was given "
			    "back %.3f s before: a pointer outlived its "
			    "memory.",
			    where, (unsigned long long)m->crash.address, size_text(f->arena, size),
			    SECONDS(m->ending.time - f->event->time));
		finding_fix(f, "Keep a reference to the object that owns the memory (the numpy "
			       "array, the ctypes buffer) as long as its address is used.");
		return;
	}
	finding_title(f, "%s used an object that had been freed", software_of(f->arena, f->module));
	finding_cite(f, m->crash.record, m->ending.time,
		     "SIGSEGV at 0x%llx, in %s: the pattern 0x%02llx that the allocator writes into freed "
		     "memory",
		     (unsigned long long)m->crash.address, frame_text(f->arena, f->frame ? f->frame : top(m)),
		     (unsigned long long)f->number[0]);
	finding_say(f,
		    "A pointer that was followed in %s is made of the byte 0x%02llx, which the "
		    "debug allocator writes into memory when it is freed. "
		    "The object was used after that.",
		    where, (unsigned long long)f->number[0]);
	finding_fix(f, "Look for a missing Py_INCREF, or a buffer that outlived its owner, in the native code on the stack.");
}

const struct rule rule_mem_use_after_free = {
	.id = "mem.use-after-free",
	.title = "Freed memory was used",
	.match = match_freed,
	.explain = explain_freed,
	.page = "Native code followed a pointer into memory that had been freed.\nProof: the "
		"address lies in a big block that was given back and not "
		"given out again; or the pattern of a debug allocator (PYTHONMALLOC=debug, python "
		"-X dev, MALLOC_PERTURB_) in the faulting "
		"address or a register.\nOtherwise it cannot be told from other wild pointers, and "
		"kshim does not claim it.",
	.sources = "https://docs.python.org/3/c-api/memory.html",
};

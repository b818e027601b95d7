/* SPDX-License-Identifier: MIT */
/*
 * Where it crashed, when no cause is proven: which library, function and line, what kind of access.
 * These are general: any cause with a proof comes before them. The module at the program counter
 * is where it happened, not who is guilty; in a C library function its caller is named.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

static bool is_fault(const struct model *m)
{
	return m->crash.present && !m->crash.repaired && m->ending.kind == END_SIGNAL &&
	       m->crash.raw->code > 0 &&
	       (m->ending.signal == SIGSEGV || m->ending.signal == SIGBUS ||
		m->ending.signal == SIGILL || m->ending.signal == SIGFPE ||
		m->ending.signal == SIGTRAP);
}

static bool at_null(const struct model *m)
{
	uint64_t pointer;

	if (crash_pointer(m, &pointer) && pointer >= 65536)
		return false;
	return m->ending.signal == SIGSEGV && m->crash.address < 65536 && m->crash.raw->code == SEGV_MAPERR;
}

static void tell_frames(const struct model *m, struct finding *f)
{
	const struct thread *t = m->crash.thread;
	const struct py_frame *py = t && t->npython ? &t->python[0] : NULL;

	if (py && py->file)
		finding_say_line(f, py);
	if (t && m->crash.tid != m->pid)
		finding_say(f, "It happened on the thread \"%s\" and not on the main one.", t->name);
	if (t && !t->npython && m->cell)
		finding_say(f, "The last cell begun was number %llu.", (unsigned long long)m->cell);
}

static void cite_fault(const struct model *m, struct finding *f)
{
	const struct frame *pc = m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL;

	finding_cite(f, m->crash.record, m->ending.time, "%s (code %d) at address 0x%llx, pc 0x%llx%s%s", signal_word(m->ending.signal),
		     m->crash.raw->code, (unsigned long long)m->crash.address, (unsigned long long)m->crash.pc,
		     pc && pc->module ? ", " : "", pc && pc->module ? frame_text(f->arena, pc) : "");
	if (f->frame && f->frame != pc)
		finding_cite(f, m->crash.record, m->ending.time, "called by %s", frame_text(f->arena, f->frame));
	if (m->crash.instruction)
		finding_cite(f, m->crash.record, m->ending.time, "instruction: %s", m->crash.instruction);
}

/* Advice for libraries whose crashes have a usual reason. */
static const struct { const char *module, *fix; } advice[] = {
#define ADVICE(module, fix) { module, fix },
#include "analyzer/rules/advice.def"
#undef ADVICE
};

static void fix_crash(const struct model *m, struct finding *f, const struct module *module)
{
	const char *package = module && module->path ? package_of(f->arena, module->path) : NULL;
	const char *command = package ? package_command(m, f->arena, arena_printf(f->arena, "--upgrade %s", package), module->path, false) : NULL;

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		if (module_like(module, advice[i].module) || frame_in(m->crash.stack, advice[i].module)) {
			howto_words(m, f, advice[i].fix);
			break;
		}
	}
	if (!f->fix->n)
		finding_fix(f, "Look at what that line of Python hands over: types, sizes and values of the arguments. Run it alone with small, "
			       "simple ones; if that works, one of yours is the reason.");
	if (command) {
		finding_fix(f, "See whether a newer %s does it, too:", package_label(package));
		finding_run(f, "%s", command);
	}
	/* What the program called through ctypes or cffi is its own doing. */
	if (!module_calls_for_others(module))
		howto_report(m, f, module);
}

/* --- crash.null-call, crash.wild-call --- */

static enum confidence match_null(const struct model *m, struct finding *f)
{
	if (!is_fault(m) || m->crash.pc >= 4096)
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : NULL;
	return PROVEN;
}

static void explain_null(const struct model *m, struct finding *f)
{
	finding_title(f, "%s called a function that is not there (a null pointer)", software_of(f->arena, f->module));
	cite_fault(m, f);
	finding_say(f, "%s called a function whose address was null (0): a callback or function that was never set.",
		    frame_words(f->arena, f->frame));
	tell_frames(m, f);
	finding_fix(f,
		    "Set the callback or function pointer before %s is used; with ctypes, check "
		    "the address that a function was made from.",
		    software_of(f->arena, f->module));
}

const struct rule rule_crash_null_call = {
	.id = "crash.null-call",
	.title = "A null function pointer was called",
	.match = match_null,
	.explain = explain_null,
	.general = true,
	.page = "The program counter is 0: a call through a null pointer. The caller is the innermost frame that could be unwound.",
	.sources = "https://github.com/apache/arrow/issues/4472",
};

static enum confidence match_wild(const struct model *m, struct finding *f)
{
	bool executable = m->crash.map_pc && m->crash.map_pc->perms[2] == 'x';

	if (!is_fault(m) || m->crash.pc < 4096 || executable || (m->crash.module && !m->crash.map_pc))
		return NO_MATCH;
	/*
	 * Without the maps nothing can be said about the address. What fails is the fetch of the instruction, which the
	 * kernel tells no address of where it is no possible one (SI_KERNEL).
	 */
	if (!m->nmaps || (m->ending.signal == SIGSEGV && m->crash.address != m->crash.pc && m->crash.raw->code != SI_KERNEL))
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : NULL;
	f->mapping = m->crash.map_pc;
	return PROVEN;
}

static void explain_wild(const struct model *m, struct finding *f)
{
	const char *what = !f->mapping ? "where no memory is" : f->mapping->path && *f->mapping->path ?
			   arena_printf(f->arena, "inside the data of %s", f->mapping->path) : "inside data";

	finding_title(f, "%s jumped to an address that holds no code", software_of(f->arena, f->module));
	cite_fault(m, f);
	finding_say(f,
		    "%s called a function at 0x%llx, which lies %s: the address was wrong (overwritten, freed, or taken from "
		    "another library's data).",
		    frame_words(f->arena, f->frame), (unsigned long long)m->crash.pc, what);
	tell_frames(m, f);
	fix_crash(m, f, f->module);
}

const struct rule rule_crash_wild_call = {
	.id = "crash.wild-call",
	.title = "A call went to an address that holds no code",
	.match = match_wild,
	.explain = explain_wild,
	.general = true,
	.page = "The program counter lies in no executable mapping: a call through a wrong "
		"pointer, often interposed C++ runtime symbols.",
	.sources = "https://github.com/pytorch/pytorch/issues/118088",
};

/* --- crash.write-readonly --- */

static enum confidence match_readonly(const struct model *m, struct finding *f)
{
	const struct mapping *map = m->crash.map_address;
	bool write = m->arch != KS_ARCH_X86_64 || (m->crash.raw && (m->crash.raw->fault_error & 2));

	if (!is_fault(m) || m->ending.signal != SIGSEGV || m->crash.raw->code != SEGV_ACCERR || !map || !write)
		return NO_MATCH;
	if (map->perms[0] != 'r' || map->perms[1] == 'w' || m->crash.pc == m->crash.address)
		return NO_MATCH;
	f->mapping = map;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : m->crash.module;
	return PROVEN;
}

static void explain_readonly(const struct model *m, struct finding *f)
{
	bool file = f->mapping->path && *f->mapping->path;

	finding_title(f, "%s wrote into memory that may only be read", software_of(f->arena, f->module));
	cite_fault(m, f);
	finding_say(f, "%s wrote into memory that may only be read%s%s.", frame_words(f->arena, f->frame), file ? ", of " : "",
		    file ? f->mapping->path : "");
	tell_frames(m, f);
	finding_fix(f,
		    "Hand writable memory to %s: numpy.memmap(…, mode=\"r+\" or \"c\"), a copy of "
		    "the array, a ctypes buffer instead of bytes.",
		    software_of(f->arena, f->module));
}

const struct rule rule_crash_write_readonly = {
	.id = "crash.write-readonly",
	.title = "Read-only memory was written",
	.match = match_readonly,
	.explain = explain_readonly,
	.general = true,
	.page = "SIGSEGV with SEGV_ACCERR of a write to a mapping without write permission: a read-only memmap, a constant, code.",
	.sources = "https://man7.org/linux/man-pages/man2/sigaction.2.html",
};

/* --- crash.in-jit-code --- */

static enum confidence match_jit(const struct model *m, struct finding *f)
{
	const struct mapping *map = m->crash.map_pc;
	bool anonymous = map && (!map->path || map->path[0] != '/' || strncmp(map->path, "/memfd:", 7) == 0 ||
				 strncmp(map->path, "/dev/zero", 9) == 0);

	if (!is_fault(m) || m->crash.module || !map || map->perms[2] != 'x' || !anonymous)
		return NO_MATCH;
	if (map->path && (strcmp(map->path, "[vdso]") == 0 || strcmp(map->path, "[vsyscall]") == 0))
		return NO_MATCH;
	f->mapping = map;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : NULL;
	return PROVEN;
}

static void explain_jit(const struct model *m, struct finding *f)
{
	finding_title(f, "Machine code that was made at run time crashed (%s)", signal_word(m->ending.signal));
	cite_fault(m, f);
	finding_say(f,
		    "It crashed in code that belongs to no file: a compiler inside the process had made it at run time "
		    "(numba, XLA, TorchInductor, a JVM)%s%s.",
		    f->module ? "; it was called from " : "",
		    f->module ? frame_words(f->arena, f->frame) : "");
	tell_frames(m, f);
	if (frame_in(m->crash.stack, "_dispatcher") || model_module_below(m, "/numba/"))
		howto_set(m, f, AT_IMPORT, "Let numba check each index: an index out of range, the usual reason, is then a Python error with its line",
			  "NUMBA_BOUNDSCHECK=1");
	else
		finding_fix(f, "Switch the compiler off to see whether it is to blame (numba: NUMBA_DISABLE_JIT=1; PyTorch: without "
			       "torch.compile; JAX: jax.config.update(\"jax_disable_jit\", True)), and look at shapes and indices.");
}

const struct rule rule_crash_in_jit_code = {
	.id = "crash.in-jit-code",
	.title = "Code made at run time crashed",
	.match = match_jit,
	.explain = explain_jit,
	.general = true,
	.page = "The program counter lies in anonymous executable memory: code from a just-in-time "
		"compiler. Indices out of range in numba code are "
		"the usual reason.",
	.sources = "https://numba.readthedocs.io/en/stable/reference/envvars.html",
};

/* --- crash.in-library --- */

static enum confidence match_library(const struct model *m, struct finding *f)
{
	bool aborted = m->ending.kind == END_ABORT && f->context->blame;

	if (!is_fault(m) && !aborted)
		return NO_MATCH;
	f->frame = f->context->blame;
	f->module = f->frame ? f->frame->module : m->crash.module;
	if (!f->module && !m->crash.module)
		return NO_MATCH;
	return aborted ? LIKELY : PROVEN;
}

/* Beyond all addresses: the kernel tells none (SI_KERNEL, 0); or the sum of pointer and distance went over the end. */
static bool no_address(const struct model *m)
{
	uint64_t pointer;

	if (m->ending.signal != SIGSEGV || m->crash.address >= 65536)
		return false;
	return m->crash.raw->code == SI_KERNEL || (crash_pointer(m, &pointer) && pointer >= 65536);
}

static const char *access_text(const struct model *m, struct finding *f)
{
	bool write = m->arch == KS_ARCH_X86_64 && (m->crash.raw->fault_error & 2);
	uint64_t pointer;

	if (m->ending.signal != SIGSEGV && m->ending.signal != SIGBUS)
		return arena_printf(f->arena, "ran into an instruction that ended in %s", signal_word(m->ending.signal));
	if (at_null(m))
		return arena_printf(f->arena, "%s address 0x%llx: it followed a pointer that was null (0)", write ? "wrote to" : "read from",
				    (unsigned long long)m->crash.address);
	if (no_address(m) && crash_pointer(m, &pointer)) {
		const char *text = pointer_as_text(f->arena, pointer);

		return arena_printf(f->arena, "followed a pointer that can be none, 0x%llx%s%s%s", (unsigned long long)pointer,
				    text ? ": the text \"" : "", text ? text : "", text ? "\"" : "");
	}
	if (no_address(m))
		return "followed a pointer that can be none";
	if (m->crash.map_address && *m->crash.map_address->perms == '-')
		return arena_printf(f->arena, "touched 0x%llx, memory that is set aside and may not be used",
				    (unsigned long long)m->crash.address);
	return arena_printf(f->arena, "%s address 0x%llx, where %s", write ? "wrote to" : "read from",
			    (unsigned long long)m->crash.address, m->crash.map_address ? "it may not" : "no memory is");
}

/* What it said before it gave up is often the reason, and stands for itself: no proof. */
static void tell_last_line(const struct model *m, struct finding *f)
{
	const char *line = stderr_last_line(m, f->arena);

	if (line)
		finding_say(f, "The last line on stderr before that was: %.300s", line);
}

static void explain_library(const struct model *m, struct finding *f)
{
	const struct frame *pc = m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL;
	const struct load *load = NULL;

	if (m->ending.kind == END_ABORT) {
		finding_title(f, "%s gave up and ended the process (abort)", software_of(f->arena, f->module));
		finding_cite(f, f->context->end ? f->context->end->record : m->crash.record,
			     m->ending.time, "abort was called by %s",
			     frame_text(f->arena, f->frame));
		finding_say(f, "%s called abort().", frame_words(f->arena, f->frame));
		tell_last_line(m, f);
	} else {
		finding_title(f, "It crashed inside %s (%s)", software_of(f->arena, f->module), signal_word(m->ending.signal));
		cite_fault(m, f);
		finding_say(f, "%s %s.", frame_words(f->arena, pc ? pc : f->frame), access_text(m, f));
		if (f->frame && pc && pc->module != f->module)
			finding_say(f, "It was called by %s.", frame_words(f->arena, f->frame));
	}
	for (size_t i = m->nloads; i-- > 0 && !load;) {
		if (m->loads[i].outcome == LOAD_RUNNING && m->loads[i].tid == f->context->tid)
			load = &m->loads[i];
	}
	if (load) {
		finding_cite(f, load->began ? load->began->record : 0, load->begin,
			     "loading %s had not returned", load->path ? load->path : "?");
		finding_say(f, "It happened while %s was being loaded.", load->path ? load->path : "a library");
	}
	tell_frames(m, f);
	fix_crash(m, f, f->module);
}

const struct rule rule_crash_in_library = {
	.id = "crash.in-library",
	.title = "A native library crashed",
	.match = match_library,
	.explain = explain_library,
	.general = true,
	.page = "No cause is proven; the report says in which library, function and line it "
		"happened, for whom, on which thread and at which Python "
		"line. The place is a fact, the guilt is not.",
	.sources = "https://github.com/microsoft/vscode-jupyter/issues/11808",
};

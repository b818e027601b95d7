/* SPDX-License-Identifier: MIT */
/*
 * SIGILL: an instruction that this processor does not have, or one that means "give up here".
 *
 * Three parts make the proof of a missing one: the kernel's signal, the bytes at the program
 * counter decoded to the feature they need, and a processor (or system) that does not offer it.
 * SIGILL alone is not "no AVX": most are traps, and many processors are newer than the guess.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

static const uint8_t *opcode_at_pc(const struct model *m, size_t *left)
{
	const struct ks_crash *c = m->crash.raw;
	uint64_t skip = c->pc - c->opcode_address;

	*left = 0;
	if (!c->opcode_size || c->opcode_size > sizeof(c->opcode) || skip >= c->opcode_size)
		return NULL;
	*left = c->opcode_size - skip;
	return c->opcode + skip;
}

static bool is_illegal(const struct model *m)
{
	return m->crash.present && !m->crash.repaired && end_is_signal(m, SIGILL) && m->crash.raw->code > 0;
}

/* Features whose name in /proc/cpuinfo is not the vendors' name in small letters. */
static const char *const flag_names[][2] = {
	{ "SSE4", "sse4_1" }, { "SSE3", "pni" }, { "LZCNT", "abm" }, { "FMA3", "fma" }, { "SHA", "sha_ni" }, { "AMX", "amx_tile" },
	{ "AVX-512", "avx512f" }, { "AVX512-IFMA", "avx512ifma" }, { "AVX512-VBMI", "avx512vbmi" },
	{ "3DNow!", "3dnow" }, { "PREFETCHWT1", "3dnowprefetch" },
};

/* "AVX-512F" is avx512f there, "AVX512-VNNI" avx512_vnni, "SSE4.2" sse4_2. */
static const char *flag_of(struct arena *arena, const char *isa)
{
	char *flag, *to;

	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (strcmp(flag_names[i][0], isa) == 0)
			return flag_names[i][1];
	}
	flag = to = arena_printf(arena, "%s", isa);
	for (const char *p = flag; *p; p++) {
		if (*p == '-' && p == flag + 3 && strncmp(p, "-512", 4) == 0)
			continue;
		*to++ = *p == '-' || *p == '.' ? '_' : (char)tolower((unsigned char)*p);
	}
	*to = '\0';
	return flag;
}

/* Without the decoder library: VEX and EVEX prefixes tell the two big families. */
static const char *family(const struct model *m)
{
	size_t left;
	const uint8_t *op = opcode_at_pc(m, &left);

	if (m->crash.isa)
		return m->crash.isa;
	if (m->arch != KS_ARCH_X86_64 || !op || left < 4)
		return NULL;
	return op[0] == 0xc5 || op[0] == 0xc4 ? "AVX" : op[0] == 0x62 ? "AVX512F" : NULL;
}

/* A trap on purpose: ud2 and kin, aarch64's udf. */
static const char *trap(const struct model *m)
{
	size_t left;
	const uint8_t *op = opcode_at_pc(m, &left);

	if (!op || left < 2)
		return NULL;
	if (m->arch == KS_ARCH_X86_64 && op[0] == 0x0f && (op[1] == 0x0b || op[1] == 0xb9 || op[1] == 0xff))
		return "ud2";
	if (m->arch == KS_ARCH_AARCH64 && left >= 4 && op[2] == 0 && op[3] == 0)
		return "udf";
	return NULL;
}

/* --- cpu.missing-instruction --- */

static bool openblas_on_arm(const struct model *m)
{
	return m->arch == KS_ARCH_AARCH64 && module_like(m->crash.module, "libopenblas") && !model_env(m, "OPENBLAS_CORETYPE");
}

static enum confidence match_missing(const struct model *m, struct finding *f)
{
	const char *flags = model_info(m, "cpu_flags");
	const char *isa;

	/* jaxlib looks first and raises an exception. */
	if (error_says(f->context, "was built using AVX instructions")) {
		f->name = "AVX";
		f->symbol = "avx";
		f->text = f->context->error.text;
		return flags && !has_word(flags, "avx") ? PROVEN : LIKELY;
	}
	if (!is_illegal(m) || trap(m))
		return NO_MATCH;
	f->module = m->crash.module;
	if (openblas_on_arm(m)) {
		f->name = "an instruction of a newer ARM core";
		return PROVEN;
	}
	isa = family(m);
	if (!isa || strcmp(isa, "BASE") == 0)
		return NO_MATCH;
	f->name = isa;
	f->symbol = flag_of(f->arena, isa);
	if (!flags || !*flags)
		return NO_MATCH;	/* nobody knows what this processor offers */
	if (has_word("xsavec xsaveopt xsaves serialize cldemote 3dnow 3dnowprefetch", f->symbol))
		return NO_MATCH;	/* the recorder does not ask for these: their absence says nothing */
	/* The processor has it: something else is wrong, and nobody may say that it lacks it. */
	return has_word(flags, f->symbol) ? NO_MATCH : PROVEN;
}

static void tell_arm(const struct model *m, struct finding *f)
{
	finding_title(f, "OpenBLAS used an instruction that this ARM processor does not have");
	finding_say(f, "OpenBLAS takes the processor for a newer one (seen with the OpenBLAS of numpy 1.19.5 on ARM64) and chose "
		    "code that it cannot run. What imports numpy is not at fault.");
	howto_set(m, f, AT_IMPORT, "Tell OpenBLAS to use code for all ARM processors", "OPENBLAS_CORETYPE=ARMV8");
	finding_fix(f, "Or install another numpy:");
	finding_run(f, "%s", package_command(m, f->arena, "'numpy!=1.19.5'", NULL, false));
}

/* Who stands between this process and the processor, by the signature of CPUID leaf 0x40000000; NULL: nobody. */
static const char *machine(const struct model *m)
{
	static const char *const names[][2] = {
		{ "KVMKVMKVM", "a virtual machine of KVM" }, { "Microsoft Hv", "a virtual machine of Hyper-V (WSL, Azure)" },
		{ "VMwareVMware", "a virtual machine of VMware" }, { "VBoxVBoxVBox", "a virtual machine of VirtualBox" },
		{ "XenVMMXenVMM", "a virtual machine of Xen" }, { "TCGTCGTCGTCG", "an emulator, QEMU" },
		{ "bhyve", "a virtual machine of bhyve" }, { "lrpepyh", "a virtual machine of Parallels" }, { "prl hyperv", "a virtual machine of Parallels" },
	};
	const char *signature = model_info(m, "hypervisor");

	if (model_info(m, "emulator") && *model_info(m, "emulator"))
		return "an emulator, QEMU";
	for (size_t i = 0; signature && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strstr(signature, names[i][0]))
			return names[i][1];
	}
	return has_word(model_info(m, "cpu_flags"), "hypervisor") ? "a virtual machine or an emulator" : NULL;
}

/* OpenBLAS has code for many processors and looks which one it is; the variable keeps it from looking. */
static bool told_core(const struct model *m, const struct finding *f)
{
	return model_env(m, "OPENBLAS_CORETYPE") && f->module && strstr(module_name(f->module), "openblas");
}

static void tell_core(const struct model *m, struct finding *f)
{
	const char *core = model_env(m, "OPENBLAS_CORETYPE"), *cpu = model_info(m, "cpu");

	finding_title(f, "OPENBLAS_CORETYPE makes OpenBLAS use %s, which this processor does not have", f->name);
	finding_say(f, "OpenBLAS (%s) has code for many processors and chooses by what it finds. OPENBLAS_CORETYPE is \"%s\" in this process: "
		       "it took the code for that one without looking. The instruction at the fault (%s) needs %s, and this processor%s%s does "
		       "not offer it.", module_name(f->module), core, m->crash.instruction ? m->crash.instruction : "see the bytes",
		    f->name, cpu ? ", " : "", cpu ? cpu : "");
	finding_cite(f, 0, 0, "the features that processor and system offer (CPUID, XCR0) do not hold %s", f->symbol);
	howto_unset(m, f, "Let OpenBLAS look for itself", "OPENBLAS_CORETYPE");
}

static void explain_missing(const struct model *m, struct finding *f)
{
	const char *cpu = model_info(m, "cpu"), *between = machine(m);
	const char *hyper = between ? arena_printf(f->arena, " This is %s: the processor model that it shows to its guest decides.", between) : "";

	if (f->text) {
		finding_title(f, "The processor has no AVX, which jaxlib needs");
		finding_cite(f, f->context->error.event ? f->context->error.event->record : 0, m->ending.time, "%s: %.200s",
			     f->context->error.type, arena_line(f->arena, f->text));
		finding_say(f,
			    "jaxlib was built for processors with AVX, looked at this one%s%s, and "
			    "refused to go on.%s",
			    cpu ? ", " : "", cpu ? cpu : "", hyper);
		finding_fix(f, "Use another machine, let the virtual machine show AVX (qemu: -cpu "
			       "host), or build jaxlib from source for this "
			       "processor.");
		return;
	}
	finding_cite(
		f, m->crash.record, m->ending.time, "SIGILL at %s%s%s",
		frame_text(f->arena,
			   m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL),
		m->crash.instruction ? ": " : "", m->crash.instruction ? m->crash.instruction : "");
	if (!f->symbol) {
		tell_arm(m, f);
		return;
	}
	if (f->confidence == PROVEN && told_core(m, f)) {
		tell_core(m, f);
		return;
	}
	finding_title(f, "The processor has no %s, which %s uses", f->name, software_of(f->arena, f->module));
	finding_say(f,
		    "%s was built for processors with %s: the instruction at the fault (%s) "
		    "belongs to it. This processor%s%s does "
		    "not offer it.%s",
		    software_file(f->arena, f->module), f->name,
		    m->crash.instruction ? m->crash.instruction : "see the bytes", cpu ? ", " : "",
		    cpu ? cpu : "", hyper);
	if (f->confidence == PROVEN)
		finding_cite(f, 0, 0, "the features that processor and system offer (CPUID, XCR0) do not hold %s", f->symbol);
	if (module_like(f->module, "_pywrap_tensorflow") || module_like(f->module, "libtensorflow"))
		finding_fix(f, "Run it on another machine, whose processor has %s. (All releases of TensorFlow from PyPI since 1.6 need AVX; for this one "
			       "there are builds of conda-forge, or release 1.5 for old versions of Python.)", f->name);
	else
		finding_fix(f, "Run it on another machine, whose processor has %s; or use a build of %s that needs none (that of conda-forge, or one "
			       "that is built on this machine%s%s%s).", f->name, software_of(f->arena, f->module),
			    f->module && package_of(f->arena, f->module->path) ? ": python -m pip install --force-reinstall --no-binary :all: " : "",
			    f->module && package_of(f->arena, f->module->path) ?
				    package_words(f->arena, package_of(f->arena, f->module->path)) : "", "");
	if (*hyper)
		finding_fix(f, "In a virtual machine: let it show the host's CPU (qemu: -cpu host; libvirt: host-passthrough).");
}

const struct rule rule_cpu_missing_instruction = {
	.id = "cpu.missing-instruction",
	.title = "The processor lacks an instruction that a library uses",
	.match = match_missing,
	.explain = explain_missing,
	.page = "A library was compiled for newer processors (AVX, AVX2, FMA, AVX-512…), or chose "
		"such code by mistake.\n"
		"Proof, in three parts: SIGILL raised by the kernel at the program counter; the "
		"bytes there decode to an instruction of "
		"that feature; the processor, or the system (XCR0), does not offer it.\n"
		"Mistaken for it: SIGILL by itself (ud2 is a deliberate trap); TensorFlow's note "
		"that the CPU supports AVX2 says that it "
		"has it; the package that imported the library.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/17411 "
		   "https://github.com/tensorflow/tensorflow/issues/45744 "
		   "https://github.com/numpy/numpy/issues/18131 "
		   "https://github.com/ish-app/ish/issues/377",
};

/* --- cpu.trap-instruction --- */

static enum confidence match_trap(const struct model *m, struct finding *f)
{
	bool sigtrap = m->crash.present && end_is_signal(m, SIGTRAP) && m->crash.raw->code > 0;

	if (!sigtrap && (!is_illegal(m) || !trap(m)))
		return NO_MATCH;
	f->name = sigtrap ? "a breakpoint" : trap(m);
	f->module = m->crash.module;
	return f->module ? PROVEN : LIKELY;
}

static void explain_trap(const struct model *m, struct finding *f)
{
	const struct frame *top = m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL;

	finding_title(f, "%s gave up on purpose: it ran into %s", software_of(f->arena, f->module), f->name);
	finding_cite(f, m->crash.record, m->ending.time, "%s at %s", signal_word(m->ending.signal), frame_text(f->arena, top));
	finding_say(f,
		    "The instruction at the fault is %s. A compiler puts it where the program must "
		    "never come, or a library where it "
		    "stops itself after a failed check; the processor is not to blame.",
		    f->name);
	finding_say(f, "It happened in %s.", frame_words(f->arena, top));
	finding_fix(f, "Look at what that line of Python hands to %s: a wrong argument is the usual reason for such a stop.",
		    software_of(f->arena, f->module));
	howto_report(m, f, f->module);
}

const struct rule rule_cpu_trap_instruction = {
	.id = "cpu.trap-instruction",
	.title = "A library ran into its own trap instruction",
	.match = match_trap,
	.explain = explain_trap,
	.page = "ud2 (x86), udf or brk (aarch64) are no missing feature: compilers emit them for "
		"unreachable code and failed checks.\n"
		"Proof: SIGILL or SIGTRAP raised by the kernel, and the bytes at the program "
		"counter are that instruction.\n"
		"Mistaken for it: \"the CPU has no AVX\".",
	.sources = "https://github.com/tensorflow/tensorflow/issues/45744",
};

/* SPDX-License-Identifier: MIT */
/*
 * aarch64 side of shim/arch.h. The stub keeps x0 to x7 and x8 (address of a large result):
 * Procedure Call Standard for the Arm 64-bit Architecture, 6.1.1. It jumps through x16, from
 * which a target that begins with "bti c" may be reached.
 */
#ifndef KS_ARCH_AARCH64_H
#define KS_ARCH_AARCH64_H

#define KS_ARCH_ID KS_ARCH_AARCH64

#define KS_TAIL_JUMP(name)                                                                         \
	KS_BEFORE(name);                                                                           \
	__asm__(".pushsection .text\n"                                                             \
		"	.p2align 4\n"                                                              \
		"	.globl " #name "\n"                                                        \
		"	.type " #name ", %function\n" #name ":\n"                                  \
		"	.cfi_startproc\n"                                                          \
		"	hint #34\n" /* bti c */                                                    \
		"	stp x29, x30, [sp, #-96]!\n"                                               \
		"	.cfi_def_cfa_offset 96\n"                                                  \
		"	.cfi_offset x29, -96\n"                                                    \
		"	.cfi_offset x30, -88\n"                                                    \
		"	mov x29, sp\n"                                                             \
		"	stp x0, x1, [sp, #16]\n"                                                   \
		"	stp x2, x3, [sp, #32]\n"                                                   \
		"	stp x4, x5, [sp, #48]\n"                                                   \
		"	stp x6, x7, [sp, #64]\n"                                                   \
		"	str x8, [sp, #80]\n"                                                       \
		"	mov x4, x30\n"                                                             \
		"	add x5, sp, #96\n"                                                         \
		"	bl ks_before_" #name "\n"                                                  \
		"	mov x16, x0\n"                                                             \
		"	ldp x0, x1, [sp, #16]\n"                                                   \
		"	ldp x2, x3, [sp, #32]\n"                                                   \
		"	ldp x4, x5, [sp, #48]\n"                                                   \
		"	ldp x6, x7, [sp, #64]\n"                                                   \
		"	ldr x8, [sp, #80]\n"                                                       \
		"	ldp x29, x30, [sp], #96\n"                                                 \
		"	.cfi_def_cfa_offset 0\n"                                                   \
		"	.cfi_restore x29\n"                                                        \
		"	.cfi_restore x30\n"                                                        \
		"	br x16\n"                                                                  \
		"	.cfi_endproc\n"                                                            \
		"	.size " #name ", . - " #name "\n"                                          \
		"	.popsection\n")

#define KS_TAIL_JUMP_2(name) KS_TAIL_JUMP(name)

static inline uintptr_t ks_thread_pointer(void)
{
	uintptr_t tp;

	__asm__("mrs %0, tpidr_el0" : "=r"(tp));
	return tp;
}

/* Bytes below a caller's stack pointer in which a call's return address lies while it lasts:
 * the callee stores it at the bottom of its own frame. */
#define KS_RETURN_SLOTS 256

/* value: the word before address, or 0 where reading it faults: the section ks_peeks has pairs of
 * where that is and where to go on (hooks/heap.c). */
#define KS_PEEK_BEFORE(value, address)								\
	__asm__("mov %0, #0\n1:	ldur %0, [%1, #-8]\n2:\n"					\
		".pushsection ks_peeks, \"a\"\n.balign 4\n.long 1b - ., 2b - .\n.popsection"	\
		: "=&r"(value) : "r"(address) : "memory")

static inline void ks_uc_set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.pc = pc;
}

static inline uintptr_t ks_uc_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.pc;
}

static inline uintptr_t ks_uc_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.sp;
}

static inline uintptr_t ks_uc_fp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.regs[29];
}

/* Fills regs (KS_MAX_REGS) in DWARF order, x0 to x30 and sp, the program counter last; returns how many. */
static inline unsigned ks_uc_regs(const ucontext_t *uc, uint64_t *regs)
{
	for (unsigned i = 0; i < 31; i++)
		regs[i] = uc->uc_mcontext.regs[i];
	regs[31] = uc->uc_mcontext.sp;
	regs[32] = uc->uc_mcontext.pc;
	return 33;
}

/* The kernel tells the syndrome in a record behind the registers: Linux,
 * arch/arm64/include/uapi/asm/sigcontext.h, struct esr_context. */
static inline void ks_uc_fault(const ucontext_t *uc, uint64_t *trap, uint64_t *error)
{
	const uint8_t *p = (const uint8_t *)uc->uc_mcontext.__reserved;
	const uint8_t *end = p + sizeof(uc->uc_mcontext.__reserved);
	struct { uint32_t magic, size; uint64_t esr; } record;

	*trap = 0;
	*error = 0;
	while (p + sizeof(record) <= end) {
		memcpy(&record, p, sizeof(record));
		if (record.magic == 0x45535201) {
			*error = record.esr;
			return;
		}
		if (!record.magic || record.size < 8 || record.size > (size_t)(end - p))
			return;
		p += record.size;
	}
}

/* The versions in which libc has had its old functions, and aligned_alloc, from the beginning. */
#define KS_LIBC_BASE		"GLIBC_2.17"
#define KS_LIBC_ALIGNED_ALLOC	"GLIBC_2.17"

/* Memory tagging is on: the word before a block of malloc has another tag than the block. */
static inline bool ks_pointers_are_tagged(void)
{
	long now = ks_sys(SYS_prctl, 56 /* PR_GET_TAGGED_ADDR_CTRL */, 0, 0, 0, 0);

	return now > 0 && (now & 3 << 1);	/* PR_MTE_TCF_MASK */
}

#define KS_AUDIT_ARCH AUDIT_ARCH_AARCH64

#endif

/* SPDX-License-Identifier: MIT */
/*
 * x86_64 side of shim/arch.h. The stub keeps the six argument registers, rax (number of vector
 * registers of a variadic call) and r10 (static chain): System V ABI, AMD64 supplement, 3.2.3.
 * It has a frame while it calls, so that unwinders by CFI and by frame pointer both get through,
 * and aligns the stack itself: real callers written by hand do not always.
 */
#ifndef KS_ARCH_X86_64_H
#define KS_ARCH_X86_64_H

#define KS_ARCH_ID KS_ARCH_X86_64

#define KS_KEEP_2 "	movq %rdi, -8(%rbp)\n	movq %rsi, -16(%rbp)\n"
#define KS_GIVE_2 "	movq -8(%rbp), %rdi\n	movq -16(%rbp), %rsi\n"
#define KS_KEEP_ALL                                                                                \
	KS_KEEP_2 "	movq %rdx, -24(%rbp)\n	movq %rcx, -32(%rbp)\n	movq %r8, -40(%rbp)\n"                \
		  "	movq %r9, -48(%rbp)\n	movq %rax, -56(%rbp)\n	movq %r10, -64(%rbp)\n"
#define KS_GIVE_ALL                                                                                \
	KS_GIVE_2 "	movq -24(%rbp), %rdx\n	movq -32(%rbp), %rcx\n	movq -40(%rbp), %r8\n"                \
		  "	movq -48(%rbp), %r9\n	movq -56(%rbp), %rax\n	movq -64(%rbp), %r10\n"

#define KS_STUB(name, keep, give_back)                                                             \
	KS_BEFORE(name);                                                                           \
	__asm__(".pushsection .text\n"                                                             \
		"	.p2align 4\n"                                                              \
		"	.globl " #name "\n"                                                        \
		"	.type " #name ", @function\n" #name ":\n"                                  \
		"	.cfi_startproc\n"                                                          \
		"	endbr64\n"                                                                 \
		"	pushq %rbp\n"                                                              \
		"	.cfi_def_cfa_offset 16\n"                                                  \
		"	.cfi_offset %rbp, -16\n"                                                   \
		"	movq %rsp, %rbp\n"                                                         \
		"	.cfi_def_cfa_register %rbp\n"                                              \
		"	subq $64, %rsp\n"                                                          \
		"	andq $-16, %rsp\n" keep                                                    \
		"	movq 8(%rbp), %r8\n"                                                       \
		"	leaq 16(%rbp), %r9\n"                                                      \
		"	call ks_before_" #name "\n"                                                \
		"	movq %rax, %r11\n" give_back                                               \
		"	leave\n"                                                                   \
		"	.cfi_def_cfa %rsp, 8\n"                                                    \
		"	.cfi_restore %rbp\n"                                                       \
		"	jmpq *%r11\n"                                                              \
		"	.cfi_endproc\n"                                                            \
		"	.size " #name ", . - " #name "\n"                                          \
		"	.popsection\n")

#define KS_TAIL_JUMP(name)   KS_STUB(name, KS_KEEP_ALL, KS_GIVE_ALL)
#define KS_TAIL_JUMP_2(name) KS_STUB(name, KS_KEEP_2, KS_GIVE_2)

static inline uintptr_t ks_thread_pointer(void)
{
	uintptr_t tp;

	__asm__("movq %%fs:0, %0" : "=r"(tp));	/* the ABI's TCB begins with its own address */
	return tp;
}

/* Bytes below a caller's stack pointer in which a call's return address lies while it lasts. */
#define KS_RETURN_SLOTS 8

/* value: the word before address, or 0 where reading it faults: the section ks_peeks has pairs of
 * where that is and where to go on (hooks/heap.c). */
#define KS_PEEK_BEFORE(value, address)								\
	__asm__("xor %k0, %k0\n1:	movq -8(%1), %0\n2:\n"					\
		".pushsection ks_peeks, \"a\"\n.balign 4\n.long 1b - ., 2b - .\n.popsection"	\
		: "=&r"(value) : "r"(address) : "memory")

static inline void ks_uc_set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static inline uintptr_t ks_uc_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

static inline uintptr_t ks_uc_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
}

static inline uintptr_t ks_uc_fp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RBP];
}

/* Fills regs (KS_MAX_REGS) in DWARF order, the program counter last; returns how many. */
static inline unsigned ks_uc_regs(const ucontext_t *uc, uint64_t *regs)
{
	static const uint8_t order[] = {
		REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
		REG_R9,	 REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
	};

	for (unsigned i = 0; i < sizeof(order); i++)
		regs[i] = (uint64_t)uc->uc_mcontext.gregs[order[i]];
	return sizeof(order);
}

static inline void ks_uc_fault(const ucontext_t *uc, uint64_t *trap, uint64_t *error)
{
	*trap = (uint64_t)uc->uc_mcontext.gregs[REG_TRAPNO];
	*error = (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
}

/* The versions in which libc has had its old functions, and aligned_alloc, from the beginning. */
#define KS_LIBC_BASE		"GLIBC_2.2.5"
#define KS_LIBC_ALIGNED_ALLOC	"GLIBC_2.16"

static inline bool ks_pointers_are_tagged(void)
{
	return false;
}

#define KS_AUDIT_ARCH AUDIT_ARCH_X86_64

#endif

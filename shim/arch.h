/* SPDX-License-Identifier: MIT */
/*
 * What differs between CPUs, in one place: shim/arch/x86_64.h and shim/arch/aarch64.h give
 *
 *	KS_ARCH_ID		enum ks_arch
 *	KS_TAIL_JUMP(name)	defines the exported function name as an assembly stub that calls
 *				void *ks_before_NAME(a0, a1, a2, a3, return address, stack pointer)
 *				and then jumps to what that returned, all argument registers (but
 *				not the vector ones) and the stack as they were: the function that
 *				is reached sees the original caller. No frame of ours is left.
 *	KS_TAIL_JUMP_2(name)	the same for a function of at most two arguments, cheaper
 *	ks_thread_pointer	what initial-exec variables are addressed from
 *	KS_RETURN_SLOTS		how far below a caller's stack pointer a return address may lie
 *	ks_uc_pc, _sp, _fp	program counter, stack and frame pointer of a signal's context
 *	KS_PEEK_BEFORE		reads a word that may not be there; ks_uc_set_pc
 *	ks_uc_regs		all registers in DWARF order, as struct ks_crash has them
 *	ks_uc_fault		trap number and error code of the fault (0 where the CPU has none)
 *	KS_LIBC_BASE		version of libc's oldest symbols; KS_LIBC_ALIGNED_ALLOC of that one
 *	KS_AUDIT_ARCH		its name in seccomp filters
 *	ks_pointers_are_tagged	whether a block of malloc may carry a tag in its address
 *
 * The stack pointer handed to ks_before_NAME is the caller's at the call (DWARF's CFA), which in
 * a C function is KS_SP(). Everything here is async-signal-safe.
 */
#ifndef KS_ARCH_H
#define KS_ARCH_H

#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "shim/format.h"
#include "shim/safe.h"

/* Stack pointer of the caller of this function, before the call. */
#define KS_SP() ((uintptr_t)__builtin_dwarf_cfa())

#define KS_BEFORE(name)                                                                            \
	__attribute__((used, visibility("hidden"))) void *ks_before_##name(                        \
		uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t)

#if defined(__x86_64__)
#include "shim/arch/x86_64.h"
#elif defined(__aarch64__)
#include "shim/arch/aarch64.h"
#else
#error "kshim knows x86_64 and aarch64; another CPU needs its shim/arch/<cpu>.h"
#endif

#endif

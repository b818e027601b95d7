/* SPDX-License-Identifier: MIT */
/*
 * What only the crash path needs to know of aarch64: how to go on on another stack, and where a
 * function of the form "return &thread_local" has its variable, found without calling it: such a
 * call may allocate, and the heap may be what is broken.
 *
 * TLS descriptors: adrp x0; ldr; add x0, x0, :tlsdesc_lo12:; blr; the descriptor holds a function
 * and its argument (Addenda to, and Errata in, the ABI for the Arm 64-bit Architecture): the offset
 * from the thread pointer, or, for a library without static TLS, glibc's struct
 * tlsdesc_dynamic_arg, which begins with module and offset (sysdeps/aarch64/dl-tlsdesc.h). The
 * vector of a thread's blocks is the first word at the thread pointer (sysdeps/aarch64/nptl/tls.h).
 */
#ifndef KS_ARCH_CRASH_H
#define KS_ARCH_CRASH_H

#include <signal.h>

#include "shim/arch.h"
#include "shim/safe.h"

static inline void ks_on_stack(void (*function)(void *), void *argument, char *top)
{
	register void *x0 __asm__("x0") = argument;

	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, %2\n\t"
			 "blr %1\n\t"
			 "mov sp, x19"
			 : "+r"(x0)
			 : "r"(function), "r"((uintptr_t)top & ~63ul)
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x18", "x19", "x30", "memory", "cc", "v0", "v1", "v2",
			   "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
			   "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
			   "v28", "v29", "v30", "v31");
}

/* The same for a signal handler, on a stack that ends at sp, a multiple of 16. The caller must have
 * a frame pointer, from which unwinders go on. */
static inline void ks_handler_on_stack(void (*handler)(int, siginfo_t *, void *), int sig, siginfo_t *info,
				       void *context, uintptr_t sp)
{
	register long x0 __asm__("x0") = sig;
	register void *x1 __asm__("x1") = info;
	register void *x2 __asm__("x2") = context;

	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, %4\n\t"
			 "blr %3\n\t"
			 "mov sp, x19"
			 : "+r"(x0), "+r"(x1), "+r"(x2)
			 : "r"(handler), "r"(sp)
			 : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
			   "x16", "x17", "x18", "x19", "x30", "memory", "cc", "v0", "v1", "v2", "v3", "v4", "v5",
			   "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
			   "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

static inline uint64_t ks_word_at(uintptr_t address)
{
	uint64_t word = 0;

	return ks_read_memory(address, &word, sizeof(word)) == sizeof(word) ? word : 0;
}

/* Block of a module in the calling thread; 0: it has none yet. */
static inline uintptr_t ks_tls_block(uint64_t module)
{
	uintptr_t vector = ks_word_at(ks_thread_pointer());
	uint64_t block;

	if (!module || module > ks_word_at(vector - 16))
		return 0;
	block = ks_word_at(vector + module * 16);
	return block == ~0ull ? 0 : block;
}

/* The variable whose address the function returns, in the calling thread; 0: not found. */
static inline uintptr_t ks_tls_returned(uintptr_t function)
{
	uint32_t code[16];
	size_t n = ks_read_memory(function, code, sizeof(code)) / sizeof(*code);
	uintptr_t page = 0, block;
	uint64_t argument;

	for (size_t i = 0; i < n; i++) {
		if ((code[i] & 0x9f00001f) == 0x90000000) {		/* adrp x0, page */
			int64_t imm = (int64_t)((uint64_t)(code[i] >> 5 & 0x7ffff) << 45) >> 43;

			imm |= code[i] >> 29 & 3;
			page = ((function + i * 4) & ~4095ul) + (uintptr_t)(imm * 4096);
		} else if (page && (code[i] & 0xff8003ff) == 0x91000000) {	/* add x0, x0, #imm */
			uintptr_t d = page + ((uintptr_t)(code[i] >> 10 & 0xfff) << (code[i] & 1u << 22 ? 12 : 0));

			argument = ks_word_at(d + 8);
			if (argument < 1u << 24)
				return ks_thread_pointer() + argument;
			block = ks_tls_block(ks_word_at(argument));
			return block ? block + ks_word_at(argument + 8) : 0;
		}
	}
	return 0;
}

#endif

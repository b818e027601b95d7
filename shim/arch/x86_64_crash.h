/* SPDX-License-Identifier: MIT */
/*
 * What only the crash path needs to know of x86_64: how to go on on another stack, and where a
 * function of the form "return &thread_local" has its variable, found without calling it: such a
 * call may allocate, and the heap may be what is broken.
 *
 * TLS as gcc and clang emit it (ELF Handling For Thread-Local Storage, U. Drepper, 4.4.1 and
 * 4.4.2): lea x@tlsgd/x@tlsld(%rip), %rdi; call __tls_get_addr; then, for a local variable,
 * an addition of its offset. glibc keeps the vector of a thread's blocks at %fs:8
 * (sysdeps/x86_64/nptl/tls.h, tcbhead_t.dtv), 16 bytes for each module (sysdeps/generic/dl-dtv.h).
 */
#ifndef KS_ARCH_CRASH_H
#define KS_ARCH_CRASH_H

#include <signal.h>

#include "shim/safe.h"

/* The Makefile builds this without vector registers: then the compiler does not know their names. */
#ifdef __SSE2__
#define KS_VECTORS                                                                                 \
	, "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#else
#define KS_VECTORS
#endif

static inline void ks_on_stack(void (*function)(void *), void *argument, char *top)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %2, %%rsp\n\t"
			 "callq *%1\n\t"
			 "movq %%rbx, %%rsp"
			 : "+D"(argument)
			 : "r"(function), "r"(((uintptr_t)top & ~63ul))
			 : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc" KS_VECTORS);
}

/* The same for a signal handler, on a stack that ends at sp, a multiple of 16. The caller must have
 * a frame pointer, from which unwinders go on. */
static inline void ks_handler_on_stack(void (*handler)(int, siginfo_t *, void *), int sig, siginfo_t *info,
				       void *context, uintptr_t sp)
{
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %4, %%rsp\n\t"
			 "callq *%3\n\t"
			 "movq %%rbx, %%rsp"
			 : "+D"(sig), "+S"(info), "+d"(context)
			 : "r"(handler), "r"(sp)
			 : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc" KS_VECTORS);
}

static inline uint64_t ks_word_at(uintptr_t address)
{
	uint64_t word = 0;

	return ks_read_memory(address, &word, sizeof(word)) == sizeof(word) ? word : 0;
}

/* Block of a module in the calling thread; 0: it has none yet. */
static inline uintptr_t ks_tls_block(uint64_t module)
{
	uintptr_t vector;
	uint64_t block;

	__asm__("movq %%fs:8, %0" : "=r"(vector));
	if (!module || module > ks_word_at(vector - 16))
		return 0;
	block = ks_word_at(vector + module * 16);
	return block == ~0ull ? 0 : block;
}

/* The variable whose address the function returns, in the calling thread; 0: not found. */
static inline uintptr_t ks_tls_returned(uintptr_t function)
{
	uint8_t code[64];
	size_t n = ks_read_memory(function, code, sizeof(code));
	uintptr_t block;
	int64_t offset = 0;
	int32_t rel;

	for (size_t i = 0; i + 12 < n; i++) {
		if (code[i] != 0x48 || code[i + 1] != 0x8d || code[i + 2] != 0x3d)
			continue;
		memcpy(&rel, code + i + 3, 4);
		block = ks_tls_block(ks_word_at(function + i + 7 + (uintptr_t)(intptr_t)rel));
		offset = (int64_t)ks_word_at(function + i + 15 + (uintptr_t)(intptr_t)rel);
		for (size_t k = i + 12; k + 7 < n && code[k] != 0xc3; k++) {
			if (code[k] != 0x48)
				continue;
			if (code[k + 1] == 0x05 || (code[k + 1] == 0x8d && code[k + 2] == 0x80)) {
				memcpy(&rel, code + k + (code[k + 1] == 0x05 ? 2 : 3), 4);
				offset += rel;
				break;
			}
			if ((code[k + 1] == 0x83 && code[k + 2] == 0xc0) ||
			    (code[k + 1] == 0x8d && code[k + 2] == 0x40)) {
				offset += (int8_t)code[k + 3];
				break;
			}
		}
		return block ? block + (uintptr_t)offset : 0;
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What an x86_64 processor says about itself: raw cpuid leaves, and the flags that a library may
 * need, under the names that Linux uses in /proc/cpuinfo (arch/x86/include/asm/cpufeatures.h).
 * Leaves and bits: Intel SDM volume 2A, CPUID. Each cpuid costs microseconds in a virtual
 * machine, so it is asked as rarely as can be. Async-signal-safe.
 */
#ifndef KS_ARCH_CPU_H
#define KS_ARCH_CPU_H

#include <stdint.h>

#include "shim/safe.h"

struct ks_cpu {
	char raw[512];			/* "leaf.subleaf:eax,ebx,ecx,edx …", hex */
	char flags[768];		/* what the processor has and the system lets programs use */
	char model[64];
	char hypervisor[16];		/* its signature, "" : none */
	uint64_t xcr0;			/* register state that the system has switched on; 0: not known */
};

struct ks_cpu_bit {
	uint8_t word, bit;		/* word: place in the array of registers below */
	char name[22];
};

enum { KS_W1_C, KS_W1_D, KS_W7_B, KS_W7_C, KS_W7_D, KS_W71_A, KS_WX_C, KS_WORDS };

static inline void ks_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static inline char *ks_cpu_leaf(char *p, char *end, uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	ks_cpuid(leaf, sub, r);
	p = ks_put_hex(p, end, leaf);
	p = ks_put(p, end, ".");
	p = ks_put_hex(p, end, sub);
	for (int i = 0; i < 4; i++)
		p = ks_put_hex(ks_put(p, end, i ? "," : ":"), end, r[i]);
	return ks_put(p, end, " ");
}

/* Flags that mean nothing where the system has not switched their registers on. */
static inline bool ks_cpu_usable(uint8_t word, const char *name, uint64_t xcr0)
{
	if (strncmp(name, "avx512", 6) == 0)
		return (xcr0 & 0xe6) == 0xe6;
	if (strncmp(name, "amx", 3) == 0)
		return (xcr0 & 0x60000) == 0x60000;
	if (strncmp(name, "avx", 3) == 0 || strcmp(name, "fma") == 0 || strcmp(name, "f16c") == 0 ||
	    strcmp(name, "vaes") == 0 || strcmp(name, "vpclmulqdq") == 0 || (word == KS_WX_C && strcmp(name, "xop") == 0) ||
	    strcmp(name, "fma4") == 0)
		return (xcr0 & 6) == 6;
	return true;
}

static inline void ks_cpu_flags(struct ks_cpu *cpu, const uint32_t words[KS_WORDS])
{
	static const struct ks_cpu_bit bits[] = {
		{ KS_W1_D, 8, "cx8" }, { KS_W1_D, 15, "cmov" }, { KS_W1_D, 23, "mmx" }, { KS_W1_D, 25, "sse" },
		{ KS_W1_D, 26, "sse2" }, { KS_W1_C, 0, "pni" }, { KS_W1_C, 1, "pclmulqdq" }, { KS_W1_C, 9, "ssse3" },
		{ KS_W1_C, 12, "fma" }, { KS_W1_C, 13, "cx16" }, { KS_W1_C, 19, "sse4_1" }, { KS_W1_C, 20, "sse4_2" },
		{ KS_W1_C, 22, "movbe" }, { KS_W1_C, 23, "popcnt" }, { KS_W1_C, 25, "aes" }, { KS_W1_C, 26, "xsave" },
		{ KS_W1_C, 27, "osxsave" }, { KS_W1_C, 28, "avx" }, { KS_W1_C, 29, "f16c" }, { KS_W1_C, 30, "rdrand" },
		{ KS_W1_C, 31, "hypervisor" }, { KS_W7_B, 0, "fsgsbase" }, { KS_W7_B, 3, "bmi1" },
		{ KS_W7_B, 4, "hle" }, { KS_W7_B, 5, "avx2" }, { KS_W7_B, 8, "bmi2" }, { KS_W7_B, 9, "erms" },
		{ KS_W7_B, 11, "rtm" }, { KS_W7_B, 16, "avx512f" }, { KS_W7_B, 17, "avx512dq" },
		{ KS_W7_B, 18, "rdseed" }, { KS_W7_B, 19, "adx" }, { KS_W7_B, 21, "avx512ifma" },
		{ KS_W7_B, 23, "clflushopt" }, { KS_W7_B, 24, "clwb" }, { KS_W7_B, 26, "avx512pf" },
		{ KS_W7_B, 27, "avx512er" }, { KS_W7_B, 28, "avx512cd" }, { KS_W7_B, 29, "sha_ni" },
		{ KS_W7_B, 30, "avx512bw" }, { KS_W7_B, 31, "avx512vl" }, { KS_W7_C, 1, "avx512vbmi" },
		{ KS_W7_C, 5, "waitpkg" }, { KS_W7_C, 6, "avx512_vbmi2" }, { KS_W7_C, 8, "gfni" },
		{ KS_W7_C, 9, "vaes" }, { KS_W7_C, 10, "vpclmulqdq" }, { KS_W7_C, 11, "avx512_vnni" },
		{ KS_W7_C, 12, "avx512_bitalg" }, { KS_W7_C, 14, "avx512_vpopcntdq" }, { KS_W7_C, 27, "movdiri" },
		{ KS_W7_D, 2, "avx512_4vnniw" }, { KS_W7_D, 3, "avx512_4fmaps" }, { KS_W7_D, 8, "avx512_vp2intersect" },
		{ KS_W7_D, 22, "amx_bf16" }, { KS_W7_D, 23, "avx512_fp16" }, { KS_W7_D, 24, "amx_tile" },
		{ KS_W7_D, 25, "amx_int8" }, { KS_W71_A, 4, "avx_vnni" }, { KS_W71_A, 5, "avx512_bf16" },
		{ KS_W71_A, 21, "amx_fp16" }, { KS_W71_A, 23, "avx_ifma" }, { KS_WX_C, 0, "lahf_lm" },
		{ KS_WX_C, 5, "abm" }, { KS_WX_C, 6, "sse4a" }, { KS_WX_C, 11, "xop" }, { KS_WX_C, 16, "fma4" },
		{ KS_WX_C, 21, "tbm" },
	};
	char *p = cpu->flags, *end = cpu->flags + sizeof(cpu->flags);

	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if ((words[bits[i].word] >> bits[i].bit & 1) && ks_cpu_usable(bits[i].word, bits[i].name, cpu->xcr0))
			p = ks_put(p == cpu->flags ? p : ks_put(p, end, " "), end, bits[i].name);
}

static inline void ks_cpu_read(struct ks_cpu *cpu)
{
	uint32_t words[KS_WORDS] = { 0 }, r[4], most, xmost;
	char *p = cpu->raw, *end = cpu->raw + sizeof(cpu->raw);

	p = ks_cpu_leaf(p, end, 0, 0, r);
	most = r[0];
	p = ks_cpu_leaf(p, end, 1, 0, r);
	words[KS_W1_C] = r[2];
	words[KS_W1_D] = r[3];
	if (r[2] >> 27 & 1) {
		uint32_t lo, hi;

		__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		cpu->xcr0 = (uint64_t)hi << 32 | lo;
	}
	if (most >= 7) {
		p = ks_cpu_leaf(p, end, 7, 0, r);
		words[KS_W7_B] = r[1];
		words[KS_W7_C] = r[2];
		words[KS_W7_D] = r[3];
		if (r[0] >= 1) {
			p = ks_cpu_leaf(p, end, 7, 1, r);
			words[KS_W71_A] = r[0];
		}
	}
	if (most >= 13)
		p = ks_cpu_leaf(p, end, 13, 0, r);
	ks_cpuid(0x80000000, 0, r);
	xmost = r[0];
	if (xmost >= 0x80000001) {
		p = ks_cpu_leaf(p, end, 0x80000001, 0, r);
		words[KS_WX_C] = r[2];
	}
	for (uint32_t i = 0; xmost >= 0x80000004 && i < 3; i++) {
		ks_cpuid(0x80000002 + i, 0, r);
		memcpy(cpu->model + i * sizeof(r), r, sizeof(r));
	}
	if (words[KS_W1_C] >> 31) {
		ks_cpuid(0x40000000, 0, r);
		memcpy(cpu->hypervisor, r + 1, 12);
	}
	ks_cpu_flags(cpu, words);
}

#endif

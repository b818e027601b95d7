/* SPDX-License-Identifier: MIT */
/*
 * What an aarch64 processor can do, as the kernel tells it in the auxiliary vector, under the
 * names of /proc/cpuinfo (arch/arm64/kernel/cpuinfo.c; bits: asm/hwcap.h). Async-signal-safe.
 */
#ifndef KS_ARCH_CPU_H
#define KS_ARCH_CPU_H

#include <stdint.h>
#include <sys/auxv.h>

#include "shim/safe.h"

struct ks_cpu {
	char raw[512];			/* "hwcap:X hwcap2:X", hex */
	char flags[768];
	char model[64];			/* MIDR_EL1: implementer, variant, part, revision */
	char hypervisor[16];		/* not told on this architecture */
	uint64_t xcr0;			/* 0 */
};

static inline char *ks_cpu_names(char *p, char *begin, char *end, uint64_t bits, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (bits >> i & 1)
			p = ks_put(p == begin ? p : ks_put(p, end, " "), end, names[i]);
	return p;
}

static inline void ks_cpu_read(struct ks_cpu *cpu)
{
	static const char *const names[] = {
		"fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp",
		"cpuid", "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512",
		"sve", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "sb", "paca", "pacg",
	};
	static const char *const names2[] = {
		"dcpodp", "sve2", "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2", "frint",
		"svei8mm", "svef32mm", "svef64mm", "svebf16", "i8mm", "bf16", "dgh", "rng", "bti", "mte",
	};
	uint64_t hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2), midr;
	char *p = cpu->raw, *end = cpu->raw + sizeof(cpu->raw);

	p = ks_put_hex(ks_put(p, end, "hwcap:"), end, hwcap);
	ks_put_hex(ks_put(p, end, " hwcap2:"), end, hwcap2);
	p = ks_cpu_names(cpu->flags, cpu->flags, cpu->flags + sizeof(cpu->flags), hwcap, names,
			 sizeof(names) / sizeof(names[0]));
	ks_cpu_names(p, cpu->flags, cpu->flags + sizeof(cpu->flags), hwcap2, names2,
		     sizeof(names2) / sizeof(names2[0]));
	/* With "cpuid" the kernel answers reads of the identification registers:
	 * Documentation/arch/arm64/cpu-feature-registers.rst. */
	if (hwcap >> 11 & 1) {
		__asm__("mrs %0, midr_el1" : "=r"(midr));
		ks_put_hex(ks_put(cpu->model, cpu->model + sizeof(cpu->model), "MIDR "), cpu->model + sizeof(cpu->model), midr);
	}
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A raw system call on x86_64: result or -errno, libc's errno untouched.
 * Calling convention: syscall(2), "Architecture calling conventions".
 */
#ifndef KS_ARCH_SYSCALL_H
#define KS_ARCH_SYSCALL_H

static inline long ks_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#endif

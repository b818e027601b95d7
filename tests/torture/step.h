/* SPDX-License-Identifier: MIT */
/*
 * Single-stepping through the recorder's own code (x86_64), by the trap flag and from within: which
 * instructions does a call pass? And then a death at one of them, by a breakpoint on it.
 *
 * The SIGTRAP handler sees each instruction inside libkshim.so; what that calls outside runs at full
 * speed up to its return, where a breakpoint stands meanwhile (dl_iterate_phdr and exit excepted: they call back).
 * Everything here uses system calls of its own, for the recorder stands in front of libc's. One thread, one process: a
 * forked child that meets a breakpoint takes it out and goes on.
 */
#ifndef STEP_H
#define STEP_H

#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define MOST_OFFSETS 65536

static inline long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

enum { INJECT_NOTHING, INJECT_FAULT, INJECT_TERM, INJECT_ABORT, INJECT_JUMP };

struct found {				/* by a run that only looks, in memory that its parent shares */
	uint64_t steps;
	uint32_t count;
	uint32_t offset[MOST_OFFSETS];	/* of each instruction, from the library's base, once, in the order of time */
	uint8_t seen[4 << 20];		/* one for each byte of text */
};

static struct {
	uintptr_t text, end, base;	/* of libkshim.so; text: its executable part */
	uintptr_t through[2];		/* functions that call back: stepped through */
	int tid;			/* who is stepped */
	int inject;			/* what, at the breakpoint */
	volatile int *injected;		/* shared with the parent: it has happened */
	int entered, left;
	jmp_buf back;			/* where to, for INJECT_JUMP */
	uintptr_t until;		/* not 0: on the way through such a function, which returns there */
	uintptr_t breakpoint;		/* 0: none */
	uint8_t saved;
	struct found *found;
} step;

__asm__(".text\n"
	"step_restorer:\n"
	"	movl $15, %eax\n"	/* rt_sigreturn */
	"	syscall\n");
extern char step_restorer[];

static int inside(uintptr_t pc)
{
	return pc - step.text < step.end - step.text;
}

static void set_breakpoint(uintptr_t at)
{
	const uintptr_t page = at & ~4095ul;

	raw(SYS_mprotect, (long)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0, 0);
	step.breakpoint = at;
	step.saved = *(uint8_t *)at;
	*(volatile uint8_t *)at = 0xcc;
}

static void clear_breakpoint(void)
{
	*(volatile uint8_t *)step.breakpoint = step.saved;
	step.breakpoint = 0;
}

static void inject(ucontext_t *uc)
{
	step.left = 1;
	*step.injected = 1;
	if (step.inject == INJECT_JUMP)
		longjmp(step.back, 1);	/* SA_NODEFER: no mask to be given back */
	if (step.inject == INJECT_FAULT)
		uc->uc_mcontext.gregs[REG_RIP] = 0x10;
	else
		raw(SYS_tgkill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), step.tid, step.inject == INJECT_TERM ? SIGTERM : SIGABRT,
		    0, 0, 0);
}

static void note(uintptr_t pc)
{
	struct found *f = step.found;

	f->steps++;
	if (pc - step.text < sizeof(f->seen) && !f->seen[pc - step.text] && f->count < MOST_OFFSETS) {
		f->seen[pc - step.text] = 1;
		f->offset[f->count++] = (uint32_t)(pc - step.base);
	}
}

/* An instruction outside our text is about to run: the program's own, or the first of a function that we call. */
static void outside(ucontext_t *uc, uintptr_t pc)
{
	const uintptr_t back = *(uintptr_t *)uc->uc_mcontext.gregs[REG_RSP];

	if (!step.entered || step.until)
		return;
	if (inside(back) && (pc == step.through[0] || pc == step.through[1])) {
		step.until = back;
		return;
	}
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x100l;
	if (inside(back))
		set_breakpoint(back);
	else
		step.left = 1;		/* back in the program, or jumped to the real function */
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];

	(void)sig, (void)info;
	if (step.breakpoint && pc == step.breakpoint + 1) {
		clear_breakpoint();
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)--pc;
		if (step.inject) {
			if (raw(SYS_gettid, 0, 0, 0, 0, 0, 0) == step.tid)
				inject(uc);
			return;
		}
		uc->uc_mcontext.gregs[REG_EFL] |= 0x100;
	}
	if (step.left || raw(SYS_gettid, 0, 0, 0, 0, 0, 0) != step.tid) {
		uc->uc_mcontext.gregs[REG_EFL] &= ~0x100l;
		return;
	}
	if (!inside(pc)) {
		outside(uc, pc);
		return;
	}
	step.entered = 1;
	if (pc == step.until)
		step.until = 0;
	note(pc);
}

#define STEP_ON()	if (!step.inject) __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc")
#define STEP_OFF()	if (!step.inject) __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc")

/* To step (what: INJECT_NOTHING), or to die at an offset from the library's base. */
static void step_begin(uintptr_t target, int what)
{
	struct kernel_action a = { on_trap, SA_SIGINFO | SA_NODEFER | 0x04000000, step_restorer, 0 };

	step.tid = (int)raw(SYS_gettid, 0, 0, 0, 0, 0, 0);
	step.inject = what;
	step.entered = step.left = 0;
	step.until = 0;
	raw(SYS_rt_sigaction, SIGTRAP, (long)&a, 0, 8, 0, 0);
	if (what)
		set_breakpoint(step.base + target);
}

static int find_recorder(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size, (void)data;
	if (!strstr(info->dlpi_name, "libkshim"))
		return 0;
	step.base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X)) {
			step.text = info->dlpi_addr + p->p_vaddr;
			step.end = step.text + p->p_memsz;
		}
	}
	return 1;
}

#endif

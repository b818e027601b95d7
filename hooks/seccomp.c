/* SPDX-License-Identifier: MIT */
/*
 * A process that puts on a seccomp filter: after that, a system call of ours that the program
 * does not make itself may be one that kills it. So the filter is tried beforehand, by running it
 * for each call that the recorder makes. One that spares them all changes nothing, and what it
 * kills is recorded (SIGSYS). Any other ends the recording here; its file goes, since nobody
 * could tell how the process ended. Numbers and arguments of our calls: shim/calls.def.
 *
 * Filters come by prctl (hooks/signal.c) and, from libseccomp, by syscall(SYS_seccomp): the stub
 * below leaves no frame, since anything may be called by it. The filter language:
 * Documentation/networking/filter.rst and userspace-api/seccomp_filter.rst of Linux.
 */
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#include "hooks/signal.h"
#include "shim/arch.h"
#include "shim/safe.h"

#define OWN_PID (UINT64_MAX - 1)
#define ANY_FD 100

static const struct call {
	int number;
	enum { MAY, MUST } how;
	uint64_t arguments[6];
} calls[] = {
#define CALL(name, how, ...) { SYS_##name, how, { __VA_ARGS__ } },
#include "shim/calls.def"
#undef CALL
};

struct state {
	uint32_t a, x, memory[BPF_MEMWORDS];
	struct seccomp_data data;
};

static uint32_t alu(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_MUL: return a * b;
	case BPF_DIV: return b ? a / b : 0;
	case BPF_OR: return a | b;
	case BPF_AND: return a & b;
	case BPF_XOR: return a ^ b;
	case BPF_LSH: return b < 32 ? a << b : 0;
	case BPF_RSH: return b < 32 ? a >> b : 0;
	default: return -a;		/* BPF_NEG */
	}
}

static bool compare(uint16_t op, uint32_t a, uint32_t b)
{
	if (op == BPF_JSET)
		return (a & b) != 0;
	return op == BPF_JEQ ? a == b : op == BPF_JGT ? a > b : a >= b;
}

static uint32_t load(const struct state *s, const struct sock_filter *i)
{
	uint32_t word = 0;

	switch (BPF_MODE(i->code)) {
	case BPF_IMM: return i->k;
	case BPF_LEN: return sizeof(s->data);
	case BPF_MEM: return s->memory[i->k % BPF_MEMWORDS];
	case BPF_ABS:
		if (i->k <= sizeof(s->data) - sizeof(word))
			memcpy(&word, (const char *)&s->data + i->k, sizeof(word));
		return word;
	default: return 0;
	}
}

/* What the filter answers; what the kernel would refuse to install is answered as harmless. */
static uint32_t run(const struct sock_filter *program, unsigned length, struct state *s)
{
	for (uint64_t at = 0; at < length; at++) {	/* 64 bits: a wild jump leaves, and never wraps */
		const struct sock_filter *i = &program[at];
		uint32_t operand = BPF_SRC(i->code) == BPF_X ? s->x : i->k;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD: s->a = load(s, i); break;
		case BPF_LDX: s->x = load(s, i); break;
		case BPF_ST: s->memory[i->k % BPF_MEMWORDS] = s->a; break;
		case BPF_STX: s->memory[i->k % BPF_MEMWORDS] = s->x; break;
		case BPF_ALU: s->a = alu(BPF_OP(i->code), s->a, operand); break;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				s->x = s->a;
			else
				s->a = s->x;
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				at += i->k;
			else
				at += compare(BPF_OP(i->code), s->a, operand) ? i->jt : i->jf;
			break;
		default: return BPF_RVAL(i->code) == BPF_A ? s->a : i->k;	/* BPF_RET */
		}
	}
	return SECCOMP_RET_ALLOW;
}

/* All of it can be read. */
static bool is_readable(const void *from, size_t size)
{
	uintptr_t at = (uintptr_t)from, end = at + size;
	char byte;

	for (; at < end; at = (at | 4095) + 1) {
		if (ks_read_memory(at, &byte, 1) != 1)
			return false;
	}
	return ks_read_memory(end - 1, &byte, 1) == 1;
}

/* An error is harmless where the call may fail. A tracer, or a listener for notifications, may do anything. */
static bool spares(const struct sock_fprog *program, const struct call *call)
{
	struct state s = { .data = { .nr = call->number, .arch = KS_AUDIT_ARCH } };
	uint32_t action;

	s.data.instruction_pointer = (uintptr_t)&ks_read_memory;
	for (unsigned i = 0; i < 6; i++)
		s.data.args[i] = call->arguments[i] == OWN_PID ? (uint64_t)ks_sys_getpid() : call->arguments[i];
	action = run(program->filter, program->len, &s) & SECCOMP_RET_ACTION_FULL;
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG || (action == SECCOMP_RET_ERRNO && call->how == MAY);
}

static bool spares_us(const void *filter)
{
	struct sock_fprog program;

	if (ks_read_memory((uintptr_t)filter, &program, sizeof(program)) != sizeof(program) ||
	    !program.len || program.len > BPF_MAXINSNS ||
	    !is_readable(program.filter, program.len * sizeof(*program.filter)))
		return true;		/* the kernel will refuse it */
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (!spares(&program, &calls[i]))
			return false;
	}
	return true;
}

bool ks_before_seccomp(unsigned long mode, const void *filter, uintptr_t caller)
{
	if (mode != SECCOMP_MODE_STRICT && mode != SECCOMP_MODE_FILTER)
		return true;		/* refused */
	KS_EMIT(seccomp_on, .mode = mode, .caller = caller);
	if (mode == SECCOMP_MODE_FILTER && spares_us(filter))
		return true;
	ks_signals_release();
	if (!ks_mine())
		return false;		/* a vfork child */
	ks_altstack_armed(false);
	ks_end(KS_END_SEALED, 0);
	if (ks.on && ks.config.keep == KS_KEEP_DEATH)
		ks_discard();
	ks.on = ks.chosen = false;
	ks.sealed = true;
	return false;
}

KS_TAIL_JUMP(syscall);
void *ks_before_syscall(uintptr_t number, uintptr_t operation, uintptr_t flags, uintptr_t filter,
			uintptr_t caller, uintptr_t sp)
{
	int error = errno;

	(void)flags, (void)sp;
	if (KS_LIKELY(number != SYS_seccomp) || !ks.chosen)
		return (void *)REAL(syscall);
	if (operation == SECCOMP_SET_MODE_STRICT)
		ks_before_seccomp(SECCOMP_MODE_STRICT, NULL, caller);
	else if (operation == SECCOMP_SET_MODE_FILTER)
		ks_before_seccomp(SECCOMP_MODE_FILTER, (const void *)filter, caller);
	errno = error;
	return (void *)REAL(syscall);
}

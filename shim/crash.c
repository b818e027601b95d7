/* SPDX-License-Identifier: MIT */
/*
 * Order of the crash record: what cannot be had later comes first, what may fail comes last, and
 * the state in the crash area is raised behind each step. See crash.h for the rules.
 */
#include "shim/crash.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#include "shim/arch.h"
#include "shim/recorder.h"
#include "shim/safe.h"

/* shim/python.c: the Python frames of all threads, as blocks. */
extern void ks_python_frames(uint32_t tid) __attribute__((weak));

static uint32_t owner;			/* tid of the thread that records */
static uint32_t never;			/* what is waited for by the clock */
static const void *const *abort_message_at;

void ks_crash_abort_message_at(const void *const *address)
{
	abort_message_at = address;
}

void ks_fault_read(struct ks_fault *f, const siginfo_t *info, const ucontext_t *uc, uintptr_t handler)
{
	f->info = *info;
	f->handler = handler;
	f->pc = ks_uc_pc(uc);
	f->sp = ks_uc_sp(uc);
	f->fp = ks_uc_fp(uc);
	f->nregs = ks_uc_regs(uc, f->regs);
	ks_uc_fault(uc, &f->trap, &f->error);
	f->tid = ks_tid();
	f->time = ks_clock();
}

enum ks_claim ks_crash_claim(void)
{
	uint32_t tid = (uint32_t)ks_sys_gettid(), nobody = 0;

	if (__atomic_compare_exchange_n(&owner, &nobody, tid, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return KS_CLAIM_FIRST;
	return nobody == tid ? KS_CLAIM_NESTED : KS_CLAIM_OTHER;
}

void ks_crash_pause(long nanoseconds)
{
	const struct timespec step = { 0, nanoseconds };

	ks_sys(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, &step);
}

void ks_crash_wait(void)
{
	for (int i = 0; i < 20 && __atomic_load_n(&owner, __ATOMIC_ACQUIRE); i++)
		ks_crash_pause(100 * 1000 * 1000);
}

void ks_crash_give_up(void)
{
	ks.crashing = false;
	__atomic_store_n(&owner, 0, __ATOMIC_RELEASE);
}

static void raise_state(enum ks_crash_state state)
{
	__atomic_store_n(&ks.crash->state, (uint32_t)state, __ATOMIC_RELEASE);
}

/* Signals that the CPU causes carry an address, those that were sent a sender. */
static void fill_cause(struct ks_crash *c, const siginfo_t *info)
{
	c->signal = info->si_signo;
	c->code = info->si_code;
	c->error = info->si_errno;
	if (info->si_code <= 0) {
		c->sender_pid = (uint32_t)info->si_pid;
		c->sender_uid = info->si_uid;
	} else {
		c->address = (uintptr_t)info->si_addr;
	}
}

static void fill_opcode(struct ks_crash *c)
{
	uintptr_t from = c->pc - 16;
	size_t n = ks_read_memory(from, c->opcode, sizeof(c->opcode));

	if (n <= 16) {			/* the page before pc may not be there */
		from = c->pc;
		n = ks_read_memory(from, c->opcode, sizeof(c->opcode));
	}
	c->opcode_address = from;
	c->opcode_size = (uint32_t)n;
}

static void fill_context(struct ks_crash *c, const struct ks_fault *f)
{
	raise_state(KS_CRASH_CLAIMED);
	fill_cause(c, &f->info);
	c->tid = f->tid;
	c->time = f->time;
	c->pc = f->pc;
	c->sp = f->sp;
	c->fp = f->fp;
	c->trap = f->trap;
	c->fault_error = f->error;
	c->nregs = f->nregs;
	memcpy(c->regs, f->regs, f->nregs * sizeof(*f->regs));
	c->handler = f->handler;
	c->disposition = f->handler ? 2 : 0;
	ks_sys(SYS_prctl, PR_GET_NAME, c->name);
	fill_opcode(c);
	raise_state(KS_CRASH_CONTEXT);
}

static void fill_sender(struct ks_crash *c, const struct ks_sender *s)
{
	memcpy(c->sender_name, s->name, sizeof(c->sender_name));
	memcpy(c->sender_parent, s->parent, sizeof(c->sender_parent));
	c->sender_ppid = s->ppid;
}

/* struct abort_msg_s of glibc (include/stdlib.h): unsigned size of the whole mapping, then the text. */
static void fill_abort_message(struct ks_crash *c)
{
	char text[1024], *expression;
	const void *message;
	size_t n;

	if (!abort_message_at)
		return;
	n = ks_read_memory((uintptr_t)abort_message_at, &message, sizeof(message));
	if (n < sizeof(message) || !message)
		return;
	n = ks_read_memory((uintptr_t)message + sizeof(unsigned), text, sizeof(text) - 1);
	text[n] = '\0';
	expression = ks.config.text == KS_TEXT_OFF ? strstr(text, "Assertion `") : NULL;
	if (expression)			/* all else that libc says is its own words */
		expression[9] = '\0';
	n = strlen(text);
	while (n && text[n - 1] == '\n')
		n--;
	c->abort_message = ks_text_n(text, n);
}

void ks_crash_record(const struct ks_fault *f, int last_signal, uintptr_t outer, const struct ks_sender *sender)
{
	struct ks_crash *c = ks.crash;

	fill_context(c, f);
	if (sender)
		fill_sender(c, sender);
	KS_EMIT(crash, .signal = f->info.si_signo, .code = f->info.si_code, .address = c->address, .pc = f->pc, .sp = f->sp);
	if (last_signal)
		ks_end(KS_END_SIGNAL, last_signal);
	if (last_signal == SIGABRT) {
		fill_abort_message(c);
		ks_exception_read();
	}
	ks_scene_stack(f, outer);
	raise_state(KS_CRASH_DETAILS);
	if (ks_python_frames)
		ks_python_frames(f->tid);
	ks_scene_threads(f);
	if (f->info.si_signo == SIGBUS)
		ks_scene_bus(f);
	ks_scene_maps(f);
	ks_scene_rest();
	ks_scene_changed();
	ks_checkpoint(KS_CHECK_CRASH);
	ks_facts_late();
	raise_state(KS_CRASH_DONE);
}

void ks_crash_nested(const struct ks_fault *first, const siginfo_t *info, const ucontext_t *uc)
{
	if (ks.crash->state < KS_CRASH_CONTEXT)
		fill_context(ks.crash, first);
	if (!__atomic_fetch_add(&ks.crash->nested, 1, __ATOMIC_RELAXED))
		KS_EMIT(crash, .signal = info->si_signo, .code = info->si_code, .address = (uintptr_t)info->si_addr,
			.pc = ks_uc_pc(uc), .sp = ks_uc_sp(uc), .nested = 1);
}

/* SPDX-License-Identifier: MIT */
/* SIGFPE of an integer division: by zero, or with a quotient that does not fit. */
#include "analyzer/proof.h"

#include <signal.h>

/* x86 names registers in another order than DWARF. */
static const int dwarf_of[16] = { 0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15 };

/* The divisor of div or idiv where it stands in a register. */
static bool divisor(const struct ks_crash *c, uint64_t *value)
{
	uint64_t skip = c->pc - c->opcode_address;
	unsigned rex = 0, reg;
	const uint8_t *op;

	if (c->opcode_size > sizeof(c->opcode) || skip >= c->opcode_size || c->opcode_size - skip < 4)
		return false;
	op = c->opcode + skip;
	if (*op == 0x66)
		op++;
	if ((*op & 0xf0) == 0x40)
		rex = *op++;
	if (op + 1 >= c->opcode + sizeof(c->opcode) || (op[0] != 0xf7 && op[0] != 0xf6))
		return false;
	if ((op[1] >> 3 & 7) < 6 || op[1] >> 6 != 3 || op[0] == 0xf6)
		return false;
	reg = dwarf_of[(op[1] & 7) | (rex & 1) << 3];
	if (reg >= c->nregs || reg >= KS_MAX_REGS)
		return false;
	*value = rex & 8 ? c->regs[reg] : (uint32_t)c->regs[reg];
	return true;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	uint64_t value;

	if (!m->crash.present || m->crash.repaired || !end_is_signal(m, SIGFPE) ||
	    m->crash.raw->code != FPE_INTDIV)
		return NO_MATCH;
	f->module = m->crash.module;
	f->number[0] = 2;	/* not known */
	if (m->arch == KS_ARCH_X86_64 && divisor(m->crash.raw, &value))
		f->number[0] = value != 0;
	return PROVEN;
}

static void explain(const struct model *m, struct finding *f)
{
	const struct frame *top =
		m->crash.stack && m->crash.stack->n ? &m->crash.stack->frames[0] : NULL;
	static const char *const how[] = {
		"an integer was divided by zero",
		"an integer division overflowed (the smallest integer divided by -1)",
		"an integer division by zero, or one whose quotient does not fit",
	};
	static const char *const title[] = {"Integer division by zero", "Integer division overflow",
					    "A failed integer division"};

	finding_title(f, "%s in %s", title[f->number[0]], software_of(f->arena, f->module));
	finding_cite(f, m->crash.record, m->ending.time, "SIGFPE (FPE_INTDIV) at %s%s%s",
		     frame_text(f->arena, top), m->crash.instruction ? ": " : "",
		     m->crash.instruction ? m->crash.instruction : "");
	finding_say(f,
		    "In %s %s. The processor answers with SIGFPE, \"Floating point exception\", "
		    "although no floating-point number is "
		    "involved; native code cannot turn it into a Python exception.",
		    frame_words(f->arena, top), how[f->number[0]]);
	finding_fix(f, "Check the divisor and the range of the integers before the operation, or "
		       "use floating point for it.");
}

const struct rule rule_arith_integer_division = {
	.id = "arith.integer-division",
	.title = "An integer division failed in native code",
	.match = match,
	.explain = explain,
	.page = "A native library divided an integer by zero, or the smallest integer by "
		"-1.\nProof: SIGFPE with si_code FPE_INTDIV; the "
		"divisor is read from the registers where the instruction has it there.\nMistaken "
		"for it: floating point has no part in it.",
	.sources = "https://github.com/pytorch/pytorch/issues/8079 "
		   "https://github.com/wzzheng/StreamVGGT/issues/10",
};

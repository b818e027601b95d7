/* SPDX-License-Identifier: MIT */
/*
 * Call frame information, as far as it says where a function's caller stands: canonical frame
 * address, frame pointer, return address. DWARF 5 section 6.4. Any thread, any time.
 *
 * Why not libunwind: built as a static library with a cache by thread, version 1.6.2 put 26 kB of
 * TLS on every thread's stack (a thread with 32 KiB of stack died in it), 256 KiB of table on
 * each that was looked at, opened a pipe for good, took a pthread key and changed the signal
 * mask: all of it visible to the program that we watch. What we need of it is this file.
 */
#include "shim/cfi.h"

#include "shim/arch_unwind.h"
#include "shim/eh_frame.h"

/* --- instructions --- */

/* AT_FP: where the frame pointer points. LOST: somewhere that we do not follow. */
enum where { SAME, SAVED, AT_FP, LOST, UNDEFINED };

struct place {
	enum where where;
	int64_t offset;			/* SAVED: from the CFA */
};

struct state {
	enum ks_cfa cfa;
	int64_t offset;			/* of the CFA from that register */
	struct place fp, ra;
};

struct machine {
	const struct ks_eh_entry *e;
	uintptr_t at, pc;
	struct state now, initial, kept[8];
	unsigned depth;
};

static struct place *place_of(struct machine *m, uint64_t reg)
{
	return reg == KS_DWARF_FP ? &m->now.fp : reg == KS_DWARF_RA ? &m->now.ra : NULL;
}

static void set(struct machine *m, uint64_t reg, enum where where, int64_t offset)
{
	struct place *p = place_of(m, reg);

	if (p)
		*p = (struct place){ where, offset };
}

static void restore(struct machine *m, uint64_t reg)
{
	struct place *p = place_of(m, reg);

	if (p)
		*p = reg == KS_DWARF_FP ? m->initial.fp : m->initial.ra;
}

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	m->now.cfa = reg == KS_DWARF_SP ? KS_CFA_SP : reg == KS_DWARF_FP ? KS_CFA_FP : KS_CFA_NONE;
	m->now.offset = offset;
}

/* The one expression that compilers write in functions: DW_OP_breg(fp) offset, DW_OP_deref. */
static void set_cfa_expression(struct machine *m, struct ks_eh_reader *r)
{
	uint64_t size = ks_eh_uleb(r);
	struct ks_eh_reader x = *r;

	m->now.cfa = KS_CFA_NONE;
	if (size > (size_t)(r->end - r->p)) {
		r->bad = true;
		return;
	}
	x.end = x.p + size;
	if (ks_eh_get(&x, 1) == 0x70 + KS_DWARF_FP) {
		m->now.offset = ks_eh_sleb(&x);
		if (ks_eh_get(&x, 1) == 0x06 && !x.bad && x.p == x.end)
			m->now.cfa = KS_CFA_AT_FP;
	}
	r->p = x.end;
}

/* Such a function has its caller's frame pointer at its own: DW_OP_breg(fp) 0. */
static void set_expression(struct machine *m, struct ks_eh_reader *r, uint64_t reg)
{
	uint64_t size = ks_eh_uleb(r);

	if (size > (size_t)(r->end - r->p)) {
		r->bad = true;
		return;
	}
	set(m, reg, size == 2 && r->p[0] == 0x70 + KS_DWARF_FP && r->p[1] == 0 ? AT_FP : LOST, 0);
	r->p += size;
}

/* Numbers of any size: what does not fit is refused later (fits). */
static int64_t scaled(const struct machine *m, uint64_t factor)
{
	return (int64_t)(factor * (uint64_t)m->e->data_align);
}

/* The instructions whose operands stand behind them. False: not known. */
static bool step_extended(struct machine *m, struct ks_eh_reader *r, uint8_t op)
{
	const struct ks_eh_entry *e = m->e;
	uint64_t reg;

	switch (op) {
	case 0x00: break; /* nop */
	case 0x01: m->at = ks_eh_encoded(r, e->encoding); break; /* set_loc */
	case 0x02: m->at += ks_eh_get(r, 1) * e->code_align; break; /* advance_loc1 */
	case 0x03: m->at += ks_eh_get(r, 2) * e->code_align; break;
	case 0x04: m->at += ks_eh_get(r, 4) * e->code_align; break;
	case 0x05: /* offset_extended */
		reg = ks_eh_uleb(r);
		set(m, reg, SAVED, scaled(m, ks_eh_uleb(r)));
		break;
	case 0x06: restore(m, ks_eh_uleb(r)); break;
	case 0x07: set(m, ks_eh_uleb(r), UNDEFINED, 0); break;
	case 0x08: set(m, ks_eh_uleb(r), SAME, 0); break;
	case 0x09: reg = ks_eh_uleb(r); ks_eh_uleb(r); set(m, reg, LOST, 0); break; /* register */
	case 0x0a: /* remember_state */
		if (m->depth == sizeof(m->kept) / sizeof(*m->kept))
			return false;
		m->kept[m->depth++] = m->now;
		break;
	case 0x0b: /* restore_state */
		if (!m->depth)
			return false;
		m->now = m->kept[--m->depth];
		break;
	case 0x0c: reg = ks_eh_uleb(r); set_cfa(m, reg, (int64_t)ks_eh_uleb(r)); break;
	case 0x0d: set_cfa(m, ks_eh_uleb(r), m->now.offset); break;
	case 0x0e: m->now.offset = (int64_t)ks_eh_uleb(r); break;
	case 0x0f: set_cfa_expression(m, r); break;
	case 0x10: set_expression(m, r, ks_eh_uleb(r)); break;
	case 0x16: reg = ks_eh_uleb(r); set_expression(m, r, reg); set(m, reg, LOST, 0); break;
	case 0x11: reg = ks_eh_uleb(r); set(m, reg, SAVED, scaled(m, (uint64_t)ks_eh_sleb(r))); break;
	case 0x12: reg = ks_eh_uleb(r); set_cfa(m, reg, scaled(m, (uint64_t)ks_eh_sleb(r))); break;
	case 0x13: m->now.offset = scaled(m, (uint64_t)ks_eh_sleb(r)); break;
	case 0x14: reg = ks_eh_uleb(r); ks_eh_uleb(r); set(m, reg, LOST, 0); break; /* val_offset */
	case 0x15: reg = ks_eh_uleb(r); ks_eh_sleb(r); set(m, reg, LOST, 0); break;
	case 0x2d: break; /* aarch64: the return address is signed now, or no more */
	case 0x2e: ks_eh_uleb(r); break; /* GNU_args_size */
	case 0x2f: /* GNU_negative_offset_extended */
		reg = ks_eh_uleb(r);
		set(m, reg, SAVED, scaled(m, -ks_eh_uleb(r)));
		break;
	default: return false;
	}
	return true;
}

static bool run(struct machine *m, struct ks_eh_reader r)
{
	while (r.p < r.end && !r.bad && m->at <= m->pc) {
		uint8_t op = (uint8_t)ks_eh_get(&r, 1), low = op & 0x3f;

		switch (op >> 6) {
		case 1: m->at += low * m->e->code_align; break;
		case 2: set(m, low, SAVED, scaled(m, ks_eh_uleb(&r))); break;
		case 3: restore(m, low); break;
		default:
			if (!step_extended(m, &r, op))
				return false;
		}
	}
	return !r.bad;
}

static bool fits(int64_t offset)
{
	return offset >= -(1 << 20) && offset <= 1 << 24;
}

bool ks_cfi_find(uintptr_t pc, struct ks_rule *rule)
{
	struct ks_eh_entry e = { 0 };
	struct machine m = { .e = &e, .pc = pc };
	struct ks_eh_object o;
	const uint8_t *p;

	*rule = (struct ks_rule){ KS_CFA_NONE };
	p = ks_eh_object_at(pc, &o) ? ks_eh_find(&o, pc) : NULL;
	if (!p || !ks_eh_read(&o, p, pc, &e))
		return false;
	m.at = e.start;
	if (!run(&m, e.common))
		return false;
	m.initial = m.now;
	m.at = e.start;
	if (!run(&m, e.own) || !fits(m.now.offset))
		return false;
	if (e.is_signal || m.now.ra.where == UNDEFINED) {
		rule->cfa = KS_CFA_END;
		return true;
	}
	if (m.now.cfa == KS_CFA_NONE || m.now.ra.where == LOST || m.now.fp.where == LOST ||
	    m.now.ra.where == AT_FP || (m.now.fp.where == AT_FP) != (m.now.cfa == KS_CFA_AT_FP) ||
	    !fits(m.now.ra.offset) || !fits(m.now.fp.offset) ||
	    (KS_RA_ON_STACK && m.now.ra.where != SAVED))
		return false;
	rule->cfa = m.now.cfa;
	rule->offset = (int32_t)m.now.offset;
	rule->fp_at = m.now.fp.where == SAVED ? (int32_t)m.now.fp.offset : 0;
	rule->ra_at = m.now.ra.where == SAVED ? (int32_t)m.now.ra.offset : 0;
	return true;
}

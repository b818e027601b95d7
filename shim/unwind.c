/* SPDX-License-Identifier: MIT */
/*
 * The callers of a hook, in the process itself: for samples of the heap, big blocks, exits,
 * failures.
 *
 * Rules (shim/cfi.h) are kept in a table of one word each, indexed by program counter: read and
 * written whole, so that threads and signal handlers need no lock, and a lost race costs a second
 * look-up. A walk over 32 known frames takes 0.3 us. Code without a rule is
 * crossed by frame pointer, if that leads to code again; else the stack ends there.
 *
 * Stack words are read only from pages that were found readable before, by this thread, and a fault there is stepped over
 * (hooks/deliver.c): a wrong rule ends the walk. Coroutines may stand on any memory, so no bounds are assumed.
 */
#include "shim/unwind.h"

#include "shim/arch.h"
#include "shim/arch_unwind.h"
#include "shim/cfi.h"
#include "shim/recorder.h"
#include "shim/safe.h"

#define PLACES		8192		/* of the table; 64 KiB of bss, touched as needed */
#define PLACE_BITS	13
#define TAG_BITS	34
#define EPOCH_BITS	10
#define EPOCHS		(1u << EPOCH_BITS)
#define LONGEST_FRAME	(16 << 20)

/* --- a rule in a word: 34 bits of address, 3 of kind, 13 of offset, 7 and 7 of places --- */

static uint64_t known[PLACES];
static uint64_t epoch;		/* mixed into the tags: when it grows, all is forgotten */

static uint64_t pack(const struct ks_rule *r)
{
	int32_t offset = r->offset / 8, fp = r->fp_at / -8, ra = r->ra_at / -8;

	if (r->cfa == KS_CFA_NONE || r->offset % 8 || r->fp_at % 8 || r->ra_at % 8 ||
	    offset < -4096 || offset > 4095 || fp < 0 || fp > 127 || ra < 0 || ra > 127)
		return 0;
	return (uint64_t)(r->cfa + 1) << 27 | ((uint64_t)offset & 0x1fff) << 14 |
	       (uint64_t)fp << 7 | (uint64_t)ra;
}

static void unpack(uint64_t word, struct ks_rule *r)
{
	r->cfa = (enum ks_cfa)((word >> 27 & 7) - 1);
	r->offset = ((int32_t)(word << 5) >> 19) * 8;
	r->fp_at = (int32_t)(word >> 7 & 127) * -8;
	r->ra_at = (int32_t)(word & 127) * -8;
}

static void find_rule(uintptr_t pc, struct ks_rule *rule)
{
	uint64_t key = pc >> KS_CODE_SHIFT, tag = key >> PLACE_BITS, word;
	uint64_t *place = &known[(key ^ tag ^ tag >> 11) & (PLACES - 1)];

	tag ^= __atomic_load_n(&epoch, __ATOMIC_RELAXED) % EPOCHS << (TAG_BITS - EPOCH_BITS);

	word = __atomic_load_n(place, __ATOMIC_RELAXED);
	if (KS_LIKELY(word && word >> 30 == tag)) {
		unpack(word, rule);
		return;
	}
	ks_cfi_find(pc, rule);
	word = pack(rule);
	if (word && !(tag >> TAG_BITS))
		__atomic_store_n(place, word | tag << 30, __ATOMIC_RELAXED);
}

void ks_unwind_forget(void)
{
	if (__atomic_add_fetch(&epoch, 1, __ATOMIC_RELAXED) % EPOCHS)
		return;
	for (unsigned i = 0; i < PLACES; i++)
		__atomic_store_n(&known[i], 0, __ATOMIC_RELAXED);
}

/* --- the stack --- */

KS_TLS struct {
	uintptr_t low, high;	/* whole pages that this thread could read */
} readable;

/* A word of the stack; false where there is none. What could be read before may be gone (a coroutine's stack): then it is 0. */
static bool read_word(uintptr_t address, uintptr_t *value)
{
	uintptr_t page = address & ~4095ul;

	if (address & 7)
		return false;
	if (KS_LIKELY(address - readable.low < readable.high - readable.low)) {
		KS_PEEK_BEFORE(*value, address + sizeof(*value));
		return true;
	}
	if (ks_read_memory(address, value, sizeof(*value)) != sizeof(*value))
		return false;
	if (page == readable.high)
		readable.high = page + 4096;
	else if (page + 4096 == readable.low)
		readable.low = page;
	else
		readable.low = page, readable.high = page + 4096;
	return true;
}

struct frame {
	uintptr_t pc, sp, fp;
	uintptr_t link;		/* aarch64: the link register, while it holds the return address */
};

/* Over code that nobody describes: what a compiler found worth a frame pointer has one. */
static bool step_by_pointer(struct frame *f)
{
	uintptr_t fp, pc;

	if (f->fp < f->sp || f->fp - f->sp > LONGEST_FRAME ||
	    !read_word(f->fp, &fp) || !read_word(f->fp + 8, &pc))
		return false;
	pc = ks_code_address(pc);
	if (!pc || !ks_is_code(pc - 1))
		return false;
	*f = (struct frame){ pc, f->fp + 16, fp, 0 };
	return true;
}

static bool step(struct frame *f, const struct ks_rule *r)
{
	uintptr_t cfa, pc = f->link, fp = f->fp;

	if (r->cfa == KS_CFA_SP)
		cfa = f->sp + (intptr_t)r->offset;
	else if (r->cfa == KS_CFA_FP)
		cfa = f->fp + (intptr_t)r->offset;
	else if (!read_word(f->fp + (intptr_t)r->offset, &cfa) || !read_word(f->fp, &fp))
		return false;
	if (cfa < f->sp + !f->link || cfa - f->sp > LONGEST_FRAME)
		return false;
	if ((r->ra_at && !read_word(cfa + (intptr_t)r->ra_at, &pc)) ||
	    (r->fp_at && !read_word(cfa + (intptr_t)r->fp_at, &fp)))
		return false;
	*f = (struct frame){ ks_code_address(pc), cfa, fp, 0 };
	return f->pc != 0;
}

__attribute__((noinline)) unsigned ks_unwind(uintptr_t *pcs, unsigned most)
{
	struct frame f = { .link = (uintptr_t)__builtin_return_address(0) };
	struct ks_rule r;
	unsigned n = 0;

	KS_HERE(f.pc, f.sp, f.fp);
	for (bool first = true; n < most; first = false) {
		pcs[n++] = f.pc;
		find_rule(f.pc - !first, &r);
		if (r.cfa == KS_CFA_END)
			break;
		if (!(r.cfa == KS_CFA_NONE ? step_by_pointer(&f) : step(&f, &r)))
			break;
	}
	return n;
}

/* --- what the hooks ask for --- */

/* Where this library begins and ends: the linker's own symbols. */
extern const char __ehdr_start[] KS_HIDDEN, _end[] KS_HIDDEN;

static bool is_ours(uintptr_t pc)
{
	return pc - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start);
}

static ks_str callers(ks_str (*keep)(const uintptr_t *, unsigned))
{
	uintptr_t pcs[KS_CALLERS + 12];
	unsigned n, skip = 0;

	if (!ks.on)
		return 0;
	n = ks_unwind(pcs, sizeof(pcs) / sizeof(*pcs));
	while (skip < n && is_ours(pcs[skip]))
		skip++;
	n -= skip;
	return keep(pcs + skip, n < KS_CALLERS ? n : KS_CALLERS);
}

ks_str ks_callers(void)
{
	return callers(ks_stack);
}

ks_str ks_callers_often(void)
{
	return callers(ks_stack_often);
}

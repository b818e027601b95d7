/* SPDX-License-Identifier: MIT */
/*
 * Rings and lanes: claim a slot, fill it, publish it.
 *
 * A slot is claimed by one atomic addition, so that a signal handler, which interrupts a writer of
 * the same thread, simply takes the next one; its seq is stored last. Frequent events go to the
 * thread's own ring, rare ones to one lane of which the first part is never reused. Rings of ended
 * threads are taken over by new ones; where no ring is to be had, the main thread's is shared.
 */
#include "shim/recorder.h"

#include "shim/safe.h"

__thread struct ks_self ks_self __attribute__((tls_model("initial-exec")));

uint32_t ks_tid(void)
{
	struct ks_self *self = &ks_self;

	if (KS_UNLIKELY(!self->tid || self->generation != ks.generation)) {
		self->tid = (uint32_t)ks_sys_gettid();
		self->ring = 0;
		self->thread = NULL;
		self->generation = ks.generation;
	}
	return self->tid;
}

/* Ring number k of a region, as struct ks_self has it. */
static uintptr_t pack(unsigned region, uint32_t k)
{
	const struct ks_region *r = ks_region(region);
	const uint32_t slots = (r->stride - (uint32_t)sizeof(struct ks_ring_head)) / KS_RING_SLOT;

	return ((uintptr_t)ks_region_at(region) + (size_t)k * r->stride) | (unsigned)__builtin_ctz(slots);
}

static inline struct ks_ring_head *unpack(uintptr_t ring)
{
	return (struct ks_ring_head *)(ring & ~63ul);
}

/* The first of a trace, the main thread's. 0: there is no trace. */
static uintptr_t shared_ring(void)
{
	return ks_regions() && ks_region(0)->kind == KS_REGION_RING ? pack(0, 0) : 0;
}

static bool take(struct ks_ring_head *ring, uint32_t tid)
{
	uint32_t nobody = 0;

	if (__atomic_load_n(&ring->tid, __ATOMIC_RELAXED) ||
	    !__atomic_compare_exchange_n(&ring->tid, &nobody, tid, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	ring->generation++;
	return true;
}

static uintptr_t find_free(uint32_t tid)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		if (ks_region(i)->kind != KS_REGION_RING)
			continue;
		for (uint32_t k = 0; k < ks_region(i)->count; k++) {
			if (!ks_ready(i, sizeof(struct ks_ring_head) + (uint64_t)k * ks_region(i)->stride))
				break;
			if (take(unpack(pack(i, k)), tid))
				return pack(i, k);
		}
	}
	return 0;
}

static uintptr_t get_ring(struct ks_self *self)
{
	uint32_t tid = ks_tid();
	uintptr_t ring = find_free(tid);
	const uint32_t stride = sizeof(struct ks_ring_head) + 256 * KS_RING_SLOT;

	if (!ring && ks_grow(KS_REGION_RING, stride, 32, 0))
		ring = find_free(tid);
	if (!ring) {
		__atomic_fetch_add(&ks.head->lost_rings, 1, __ATOMIC_RELAXED);
		ring = shared_ring();
	}
	return self->ring = ring;
}

static void fill(struct ks_slot *slot, uint64_t n, enum ks_event event, const uint64_t *fields, unsigned count)
{
	__atomic_store_n(&slot->seq, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	slot->event = (uint16_t)event;
	slot->nfields = (uint16_t)count;
	slot->time = ks_clock();
	slot->tid = ks_self.tid;
	slot->load = ks_self.load;
	for (unsigned i = 0; i < count; i++)
		slot->field[i] = fields[i];
	__atomic_store_n(&slot->seq, (uint32_t)(n + 1), __ATOMIC_RELEASE);
}

static void emit_rare(enum ks_event event, const uint64_t *fields, unsigned count)
{
	const uint64_t total = 2048, keep = 1024;
	uint64_t n;

	if (!ks_mine())
		return;
	ks_tid();
	n = __atomic_fetch_add(&ks.rare->next, 1, __ATOMIC_RELAXED);
	if (!ks_ready(KS_FIRST_RARE, sizeof(*ks.rare) + (n + 1) * KS_RARE_SLOT)) {
		__atomic_fetch_add(&ks.head->lost_events, 1, __ATOMIC_RELAXED);
		return;
	}
	fill((void *)((char *)(ks.rare + 1) + (n < keep ? n : keep + (n - keep) % (total - keep)) * KS_RARE_SLOT), n,
	     event, fields, count);
}

void ks_emit(enum ks_event event, enum ks_lane lane, const uint64_t *fields, unsigned count)
{
	struct ks_self *self = &ks_self;
	struct ks_ring_head *head;
	uintptr_t ring;
	uint64_t n;

	if (KS_UNLIKELY(!ks.on) && (lane != KS_LANE_RARE || !ks_wake()))
		return;
	if (lane != KS_LANE_RING) {
		emit_rare(event, fields, count);
		return;
	}
	ring = self->ring;
	if (KS_UNLIKELY(!ring || self->generation != ks.generation)) {
		ks_tid();
		ring = get_ring(self);
		if (!ring)
			return;
	}
	head = unpack(ring);
	n = __atomic_fetch_add(&head->next, 1, __ATOMIC_RELAXED);
	if (KS_UNLIKELY(!ks_ready(KS_FIRST_RING, sizeof(*head) + (n + 1) * KS_RING_SLOT))) {
		__atomic_fetch_add(&ks.head->lost_events, 1, __ATOMIC_RELAXED);
		return;
	}
	fill((void *)((char *)(head + 1) + (n & ((1ul << (ring & 63)) - 1)) * KS_RING_SLOT), n, event, fields, count);
}

/* --- counters by thread --- */

/* They are taken in their order: the first that may be free, by halving. */
static uint32_t first_in(const struct ks_thread *t, uint32_t count)
{
	uint32_t low = 0;

	while (count - low > 8) {
		uint32_t middle = low + (count - low) / 2;

		if (t[middle].state)
			low = middle;
		else
			count = middle;
	}
	return low;
}

static struct ks_thread *take_counters(struct ks_self *self)
{
	unsigned n = ks_regions(), seen = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		struct ks_thread *t = ks_region_at(i);
		uint32_t count;

		if (r->kind != KS_REGION_THREADS || seen++ < __atomic_load_n(&ks.threads_taken, __ATOMIC_RELAXED))
			continue;
		count = (uint32_t)(ks_ready_size(i) / sizeof(*t));
		if (!ks.whole && t[count / 2].state && ks_make_whole())
			count = r->count;
		for (uint32_t k = first_in(t, count); k < count; k++) {
			uint32_t unused = 0;

			if (t[k].state || !__atomic_compare_exchange_n(&t[k].state, &unused, 1, false,
								       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				continue;
			t[k].tid = self->tid;
			t[k].start_time = ks_clock();
			return &t[k];
		}
		if (count == r->count)
			__atomic_store_n(&ks.threads_taken, seen, __ATOMIC_RELAXED);
	}
	return NULL;
}

struct ks_thread *ks_thread_counters(void)
{
	struct ks_self *self = &ks_self;
	struct ks_thread *t;

	if (KS_LIKELY(self->thread && self->generation == ks.generation))
		return self->thread;
	if (!ks.on)
		return NULL;
	ks_tid();
	t = take_counters(self);
	if (!t && !(__atomic_fetch_add(&ks.threads_refused, 1, __ATOMIC_RELAXED) % 64) &&
	    ks_grow(KS_REGION_THREADS, sizeof(struct ks_thread), 1024, 0)) {
		__atomic_store_n(&ks.threads_refused, 0, __ATOMIC_RELAXED);
		t = take_counters(self);
	}
	if (t) {
		self->thread = t;
		__atomic_fetch_add(&ks.head->threads, 1, __ATOMIC_RELAXED);
	}
	return t;
}

void ks_ring_forget(void)
{
	ks_self = (struct ks_self){ .load = ks_self.load };
}

void ks_thread_ended(void)
{
	struct ks_self *self = &ks_self;
	const uintptr_t shared = shared_ring();

	if (self->generation == ks.generation && ks.on) {
		if (self->thread) {
			self->thread->end_time = ks_clock();
			__atomic_fetch_sub(&ks.head->threads, 1, __ATOMIC_RELAXED);
			__atomic_store_n(&self->thread->state, 2, __ATOMIC_RELEASE);
		}
		if (self->ring && self->ring != shared)
			__atomic_store_n(&unpack(self->ring)->tid, 0, __ATOMIC_RELEASE);
	}
	self->ring = shared;	/* for what its destructors do: they take no new ones */
}

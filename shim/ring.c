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

static struct ks_ring_head *shared_ring;	/* the main thread's */

uint32_t ks_tid(void)
{
	struct ks_self *self = &ks_self;

	if (KS_UNLIKELY(!self->tid || self->generation != ks.generation)) {
		self->tid = (uint32_t)ks_sys_gettid();
		self->ring = NULL;
		self->thread = NULL;
		self->generation = ks.generation;
	}
	return self->tid;
}

void ks_ring_forget(void)
{
	shared_ring = NULL;
	ks_self = (struct ks_self){ .load = ks_self.load };
}

static bool take(struct ks_ring_head *ring, uint32_t tid)
{
	uint32_t nobody = 0;

	if (!__atomic_compare_exchange_n(&ring->tid, &nobody, tid, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	ring->generation++;
	return true;
}

static struct ks_ring_head *find_free(uint32_t tid, uint32_t *slots)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);

		if (r->kind != KS_REGION_RING)
			continue;
		*slots = (r->stride - (uint32_t)sizeof(struct ks_ring_head)) / KS_RING_SLOT;
		for (uint32_t k = 0; k < r->count; k++) {
			struct ks_ring_head *ring = (void *)((char *)ks_region_at(i) + (size_t)k * r->stride);

			if (!__atomic_load_n(&ring->tid, __ATOMIC_RELAXED) && take(ring, tid)) {
				if (!shared_ring)
					shared_ring = ring;
				return ring;
			}
		}
	}
	return NULL;
}

static struct ks_ring_head *get_ring(struct ks_self *self)
{
	uint32_t tid = ks_tid(), slots = 0;
	struct ks_ring_head *ring = find_free(tid, &slots);
	const uint32_t stride = sizeof(struct ks_ring_head) + 256 * KS_RING_SLOT;

	if (!ring && ks_grow(KS_REGION_RING, stride, 32, 0))
		ring = find_free(tid, &slots);
	if (!ring) {
		__atomic_fetch_add(&ks.head->lost_rings, 1, __ATOMIC_RELAXED);
		ring = shared_ring;
		slots = 2048;
	}
	self->slots = slots;
	self->ring = ring;
	return ring;
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
	fill((void *)((char *)(ks.rare + 1) + (n < keep ? n : keep + (n - keep) % (total - keep)) * KS_RARE_SLOT), n,
	     event, fields, count);
}

void ks_emit(enum ks_event event, enum ks_lane lane, const uint64_t *fields, unsigned count)
{
	struct ks_self *self = &ks_self;
	struct ks_ring_head *ring;
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
	n = __atomic_fetch_add(&ring->next, 1, __ATOMIC_RELAXED);
	fill((void *)((char *)(ring + 1) + (n & (self->slots - 1)) * KS_RING_SLOT), n, event, fields, count);
}

/* --- counters by thread --- */

struct ks_thread *ks_thread_counters(void)
{
	struct ks_self *self = &ks_self;
	unsigned n;

	if (KS_LIKELY(self->thread && self->generation == ks.generation))
		return self->thread;
	if (!ks.on)
		return NULL;
	ks_tid();
	for (int again = 0; again < 2; again++) {
		n = ks_regions();
		for (unsigned i = 0; i < n; i++) {
			const struct ks_region *r = ks_region(i);
			struct ks_thread *t = ks_region_at(i);

			if (r->kind != KS_REGION_THREADS)
				continue;
			for (uint32_t k = 0; k < r->count; k++) {
				uint32_t unused = 0;

				if (t[k].state || !__atomic_compare_exchange_n(&t[k].state, &unused, 1, false,
									       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
					continue;
				t[k].tid = self->tid;
				t[k].start_time = ks_clock();
				self->thread = &t[k];
				__atomic_fetch_add(&ks.head->threads, 1, __ATOMIC_RELAXED);
				return &t[k];
			}
		}
		if (!ks_grow(KS_REGION_THREADS, sizeof(struct ks_thread), 1024, 0))
			break;
	}
	return NULL;
}

void ks_thread_ended(void)
{
	struct ks_self *self = &ks_self;

	if (self->generation == ks.generation && ks.on) {
		if (self->thread) {
			self->thread->end_time = ks_clock();
			__atomic_fetch_sub(&ks.head->threads, 1, __ATOMIC_RELAXED);
			__atomic_store_n(&self->thread->state, 2, __ATOMIC_RELEASE);
		}
		if (self->ring && self->ring != shared_ring)
			__atomic_store_n(&self->ring->tid, 0, __ATOMIC_RELEASE);
	}
	self->ring = shared_ring;	/* for what its destructors do: they take no new ones */
	self->slots = 2048;
}

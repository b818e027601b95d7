/* SPDX-License-Identifier: MIT */
/*
 * The parts of a trace: slots of rings and lanes, tables, output, crash area, blocks.
 * The regions lie within the file when this is called (trace.c); everything in them is checked
 * here.
 */
#include "analyzer/trace_parts.h"

#include <stdlib.h>
#include <string.h>

/* More than any process makes; what bounds our memory. */
#define MOST_SLOTS	(1u << 19)
#define MOST_ENTRIES	(1u << 17)
#define MOST_BLOCKS	(1u << 14)

/* Is the slot that states seq in its right place, index, of a ring with count slots, keep of them
 * kept? */
static bool in_place(uint32_t seq, uint64_t index, uint64_t next, uint64_t count, uint64_t keep)
{
	uint64_t n;

	if (!seq)
		return false;
	n = (next & ~(uint64_t)UINT32_MAX) + (uint32_t)(seq - 1);
	if (n >= next && n > UINT32_MAX)
		n -= (uint64_t)UINT32_MAX + 1;
	if (n < keep)
		return n == index;
	return count > keep && keep + (n - keep) % (count - keep) == index;
}

struct ring {
	const char *slots;
	uint64_t offset;		/* of the first slot, in the file */
	uint64_t next, count, keep;
	size_t slot;			/* bytes */
};

static bool ring_at(const struct trace *t, const struct ks_region *r, uint64_t at, uint64_t bytes,
		    size_t least, struct ring *ring)
{
	struct ks_ring_head head;

	if (bytes < sizeof(head) || r->slot < least)
		return false;
	memcpy(&head, t->bytes + at, sizeof(head));
	ring->offset = at + sizeof(head);
	ring->slots = t->bytes + ring->offset;
	ring->next = head.next;
	ring->slot = r->slot;
	ring->count = (bytes - sizeof(head)) / r->slot;
	ring->keep = r->kind == KS_REGION_RING || r->aux[0] > ring->count ? 0 : r->aux[0];
	return true;
}

static void read_ring(struct trace *t, const struct ring *ring)
{
	uint64_t used = ring->next < ring->count ? ring->next : ring->count;

	for (uint64_t i = 0; i < used; i++) {
		const char *at = ring->slots + i * ring->slot;
		size_t room = (ring->slot - KS_SLOT_HEAD) / 8;
		struct ks_slot head;
		struct slot *s;

		memcpy(&head, at, sizeof(head));
		if (!head.event || !in_place(head.seq, i, ring->next, ring->count, ring->keep)) {
			t->torn++;
			continue;
		}
		if (t->nslots >= MOST_SLOTS) {
			trace_damaged(t, ring->offset, "more than %u events: the rest is left out",
				      MOST_SLOTS);
			return;
		}
		t->slots = grow(t->slots, t->nslots, &t->slot_room, sizeof(*t->slots));
		s = &t->slots[t->nslots++];
		s->offset = ring->offset + i * ring->slot;
		s->time = head.time;
		s->tid = head.tid;
		s->load = head.load;
		s->event = head.event;
		s->nfields = head.nfields < room ? head.nfields : (uint16_t)room;
		if (s->nfields > KS_MAX_FIELDS)
			s->nfields = KS_MAX_FIELDS;
		memset(s->field, 0, sizeof(s->field));
		memcpy(s->field, at + KS_SLOT_HEAD, s->nfields * sizeof(s->field[0]));
	}
}

void trace_read_slots(struct trace *t)
{
	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];
		bool lane = r->kind == KS_REGION_RARE;
		uint64_t stride = lane ? r->size : r->stride, count = lane ? 1 : r->count;
		struct ring ring;

		if (!lane && r->kind != KS_REGION_RING)
			continue;
		for (uint64_t k = 0; k < count && stride && k < (r->size + stride - 1) / stride;
		     k++) {
			uint64_t bytes =
				r->size - k * stride < stride ? r->size - k * stride : stride;

			if (!ring_at(t, r, r->offset + k * stride, bytes, KS_SLOT_HEAD, &ring)) {
				trace_damaged(t, r->offset + k * stride,
					      "a ring of events cannot be read");
				break;
			}
			read_ring(t, &ring);
		}
	}
}

/* --- tables --- */

static uint64_t entries(struct trace *t, const struct ks_region *r, size_t least, uint64_t have)
{
	uint64_t n;

	if (r->stride < least) {
		trace_damaged(t, r->offset, "a table (kind %u) has an impossible stride", r->kind);
		return 0;
	}
	n = r->size / r->stride;
	if (n > r->count)
		n = r->count;
	return n > MOST_ENTRIES - have ? MOST_ENTRIES - have : n;
}

static void read_modules(struct trace *t, const struct ks_region *r)
{
	uint64_t n = entries(t, r, 64, t->nmodules);

	for (uint64_t i = 0; i < n; i++) {
		struct trace_module m = { .offset = r->offset + i * r->stride };

		memcpy(&m.raw, t->bytes + m.offset,
		       r->stride < sizeof(m.raw) ? r->stride : sizeof(m.raw));
		if (m.raw.state != 2 && m.raw.state != 3)
			continue;
		if (m.raw.build_id_size > sizeof(m.raw.build_id))
			m.raw.build_id_size = sizeof(m.raw.build_id);
		t->modules = grow(t->modules, t->nmodules, &t->module_room, sizeof(m));
		t->modules[t->nmodules++] = m;
	}
}

static void read_threads(struct trace *t, const struct ks_region *r)
{
	uint64_t n = entries(t, r, 64, t->nthreads);

	for (uint64_t i = 0; i < n; i++) {
		struct trace_thread th = { .offset = r->offset + i * r->stride };

		memcpy(&th.raw, t->bytes + th.offset,
		       r->stride < sizeof(th.raw) ? r->stride : sizeof(th.raw));
		if (th.raw.state != 1 && th.raw.state != 2)
			continue;
		t->threads = grow(t->threads, t->nthreads, &t->thread_room, sizeof(th));
		t->threads[t->nthreads++] = th;
	}
}

static void read_checkpoints(struct trace *t, const struct ks_region *r)
{
	struct ring ring;

	if (!ring_at(t, r, r->offset, r->size, 32, &ring)) {
		trace_damaged(t, r->offset, "the checkpoints cannot be read");
		return;
	}
	for (uint64_t i = 0; i < ring.count && i < ring.next && t->ncheckpoints < MOST_ENTRIES;
	     i++) {
		struct trace_checkpoint c = { .offset = ring.offset + i * ring.slot };

		memcpy(&c.raw, t->bytes + c.offset,
		       ring.slot < sizeof(c.raw) ? ring.slot : sizeof(c.raw));
		if (!in_place(c.raw.seq, i, ring.next, ring.count, ring.keep)) {
			t->torn++;
			continue;
		}
		t->checkpoints =
			grow(t->checkpoints, t->ncheckpoints, &t->checkpoint_room, sizeof(c));
		t->checkpoints[t->ncheckpoints++] = c;
	}
}

void trace_read_tables(struct trace *t)
{
	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];

		if (r->kind == KS_REGION_MODULES)
			read_modules(t, r);
		else if (r->kind == KS_REGION_THREADS)
			read_threads(t, r);
		else if (r->kind == KS_REGION_CHECKPOINTS)
			read_checkpoints(t, r);
	}
}

/* --- output, crash area, blocks --- */

void trace_read_output(struct trace *t)
{
	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];
		struct ks_ring_head head;
		uint64_t room, start;
		const char *bytes;

		if (r->kind != KS_REGION_OUTPUT || r->size <= sizeof(head) || t->output)
			continue;
		memcpy(&head, t->bytes + r->offset, sizeof(head));
		room = r->size - sizeof(head);
		bytes = t->bytes + r->offset + sizeof(head);
		if (!head.next)
			continue;
		t->output_offset = r->offset;
		t->output_total = head.next;
		t->output_size = head.next < room ? head.next : room;
		t->output = xalloc(1, t->output_size + 1);
		start = head.next < room ? 0 : head.next % room;
		if (start) {
			memcpy(t->output, bytes + start, room - start);
			memcpy(t->output + room - start, bytes, start);
		} else {
			memcpy(t->output, bytes, t->output_size);
		}
	}
}

void trace_read_crash(struct trace *t)
{
	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];

		if (r->kind != KS_REGION_CRASH || t->crash_offset)
			continue;
		t->crash_offset = r->offset;
		memcpy(&t->crash, t->bytes + r->offset,
		       r->size < sizeof(t->crash) ? r->size : sizeof(t->crash));
		if (t->crash.nregs > KS_MAX_REGS) {
			trace_damaged(t, r->offset, "the crash area names %llu registers",
				      (unsigned long long)t->crash.nregs);
			t->crash.nregs = KS_MAX_REGS;
		}
		if (t->crash.opcode_size > sizeof(t->crash.opcode))
			t->crash.opcode_size = sizeof(t->crash.opcode);
	}
}

/* Blocks between begin and end. They are found by their magic: a part written of one must not hide
 * the next. */
static void read_blocks(struct trace *t, uint64_t begin, uint64_t end)
{
	static const uint64_t magic = KS_BLOCK_MAGIC;

	while (end - begin >= sizeof(struct ks_block) && t->nblocks < MOST_BLOCKS) {
		const char *at = memmem(t->bytes + begin, end - begin, &magic, sizeof(magic));
		struct block b;
		uint64_t room;

		if (!at || end - (b.offset = (uint64_t)(at - t->bytes)) < sizeof(b.head))
			return;
		memcpy(&b.head, at, sizeof(b.head));
		b.data = at + sizeof(b.head);
		room = end - b.offset - sizeof(b.head);
		if (b.head.size > room) {
			trace_damaged(t, b.offset,
				      "block (kind %u) is cut off: %llu of %llu bytes are there",
				      b.head.kind, (unsigned long long)room,
				      (unsigned long long)b.head.size);
			b.head.size = room;
		}
		t->blocks = grow(t->blocks, t->nblocks, &t->block_room, sizeof(b));
		t->blocks[t->nblocks++] = b;
		begin = b.offset + sizeof(b.head) + b.head.size;
	}
}

static int by_offset(const void *a, const void *b)
{
	const struct ks_region *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void trace_read_blocks(struct trace *t)
{
	uint64_t at = KS_HEADER_SIZE;

	if (t->nregions)
		qsort(t->regions, t->nregions, sizeof(*t->regions), by_offset);
	for (unsigned i = 0; i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];

		if (r->offset > at)
			read_blocks(t, at, r->offset);
		if (r->kind == KS_REGION_CRASH && r->size > sizeof(struct ks_crash))
			read_blocks(t, r->offset + sizeof(struct ks_crash), r->offset + r->size);
		at = r->offset + r->size;
	}
	if (t->size > at)
		read_blocks(t, at, t->size);
}

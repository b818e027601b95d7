/* SPDX-License-Identifier: MIT */
/*
 * Where the unwind information of an address stands, and how it is written: the sorted table of
 * .eh_frame_hdr, then a description (FDE) and what it shares with others (CIE). Linux Standard Base
 * Core 5.0, chapters 10.5 to 10.6.
 *
 * Objects are found by _dl_find_object, which neither locks nor fails in the middle of a dlopen;
 * with an older glibc by dl_iterate_phdr (its lock is recursive, and held for moments only). What
 * is read here are sections of loaded objects, and nobody but us may ever have looked at them:
 * tools that rewrite objects leave wrong ones. So no number in them leads out of the object. Any
 * thread, any time.
 */
#include "shim/eh_frame.h"

#include <link.h>
#include <string.h>

#include "shim/arch_unwind.h"
#include "shim/cfi.h"
#include "shim/recorder.h"

int (*ks_find_object)(void *address, void *result) KS_AT_START;

/* --- the object --- */

struct found_object {			/* struct dl_find_object, glibc dlfcn/dlfcn.h */
	unsigned long long flags;
	void *map_start, *map_end;
	struct link_map *link_map;
	void *eh_frame;
	void *more[16];
};

struct search {
	uintptr_t pc;
	struct ks_eh_object *object;
};

static int look_at(struct dl_phdr_info *info, size_t size, void *data)
{
	struct search *s = data;
	struct ks_eh_object o = { (const uint8_t *)UINTPTR_MAX, NULL, NULL };
	bool seen = false;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const uint8_t *start = (const uint8_t *)(info->dlpi_addr + p->p_vaddr);

		if (p->p_type == PT_GNU_EH_FRAME)
			o.header = start;
		if (p->p_type != PT_LOAD)
			continue;
		seen |= s->pc - (uintptr_t)start < p->p_memsz;
		o.start = start < o.start ? start : o.start;
		o.end = start + p->p_memsz > o.end ? start + p->p_memsz : o.end;
	}
	if (seen)
		*s->object = o;
	return seen;
}

bool ks_eh_object_at(uintptr_t pc, struct ks_eh_object *o)
{
	struct search s = { pc, o };
	struct found_object f;

	if (!ks_find_object)
		return dl_iterate_phdr(look_at, &s) != 0;
	if (ks_find_object((void *)pc, &f) != 0)
		return false;
	*o = (struct ks_eh_object){ f.map_start, f.map_end, f.eh_frame };
	return true;
}

bool ks_is_code(uintptr_t pc)
{
	struct ks_eh_object o;

	return ks_eh_object_at(pc, &o);
}

/* --- numbers --- */

uint64_t ks_eh_get(struct ks_eh_reader *r, unsigned bytes)
{
	uint64_t v = 0;

	if ((size_t)(r->end - r->p) < bytes) {
		r->bad = true;
		r->p = r->end;
		return 0;
	}
	memcpy(&v, r->p, bytes);	/* little-endian */
	r->p += bytes;
	return v;
}

uint64_t ks_eh_uleb(struct ks_eh_reader *r)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = ks_eh_get(r, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !r->bad);
	return v;
}

int64_t ks_eh_sleb(struct ks_eh_reader *r)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = ks_eh_get(r, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !r->bad);
	if (byte & 0x40 && shift < 64)
		v |= ~0ull << shift;
	return (int64_t)v;
}

/* A pointer in one of the encodings DW_EH_PE_*, but not indirect or relative to data. */
uint64_t ks_eh_encoded(struct ks_eh_reader *r, uint8_t encoding)
{
	uintptr_t here = (uintptr_t)r->p;
	uint64_t v;

	switch (encoding & 0x0f) {
	case 0x00: case 0x04: case 0x0c: v = ks_eh_get(r, 8); break;
	case 0x01: v = ks_eh_uleb(r); break;
	case 0x02: v = ks_eh_get(r, 2); break;
	case 0x03: v = ks_eh_get(r, 4); break;
	case 0x09: v = (uint64_t)ks_eh_sleb(r); break;
	case 0x0a: v = (uint64_t)(int16_t)ks_eh_get(r, 2); break;
	case 0x0b: v = (uint64_t)(int32_t)ks_eh_get(r, 4); break;
	default: r->bad = true; return 0;
	}
	if ((encoding & 0x70) == 0x10)
		v += here;		/* pcrel */
	else if ((encoding & 0x70) != 0)
		r->bad = true;
	return v;
}

/* --- the table and the entry --- */

/* Bytes of the object from p on; 0: p lies outside. */
static size_t room_at(const struct ks_eh_object *o, const uint8_t *p)
{
	return p >= o->start && p < o->end ? (size_t)(o->end - p) : 0;
}

/* The description (FDE) that may cover pc, by the sorted table of .eh_frame_hdr; NULL: none. */
const uint8_t *ks_eh_find(const struct ks_eh_object *o, uintptr_t pc)
{
	const struct { int32_t start, entry; } *table = (const void *)(o->header + 12);
	const uint8_t *header = o->header;
	int64_t at = (int64_t)(pc - (uintptr_t)header);
	size_t room = header ? room_at(o, header) : 0;
	uint32_t low = 0, high;

	/* What all linkers write: pcrel sdata4, udata4, datarel sdata4. */
	if (room < 12 || header[0] != 1 || header[1] != 0x1b || header[2] != 0x03 || header[3] != 0x3b || (uintptr_t)header & 3)
		return NULL;
	memcpy(&high, header + 8, sizeof(high));
	if (high > (room - 12) / sizeof(*table))
		return NULL;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (table[middle].start <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? (const uint8_t *)((uintptr_t)header + (uintptr_t)(intptr_t)table[low - 1].entry) : NULL;
}

static struct ks_eh_reader record_at(const struct ks_eh_object *o, const uint8_t *p)
{
	size_t room = room_at(o, p);
	uint32_t length;

	if (room < sizeof(length))
		return (struct ks_eh_reader){ o->start, o->start, true };
	memcpy(&length, p, sizeof(length));
	if (length > room - sizeof(length))	/* also 0xffffffff, the 64-bit form: not used in .eh_frame */
		return (struct ks_eh_reader){ p, p, true };
	return (struct ks_eh_reader){ p + 4, p + 4 + length, length < 4 };
}

static bool read_common(const struct ks_eh_object *o, const uint8_t *p, struct ks_eh_entry *e)
{
	struct ks_eh_reader r = record_at(o, p);
	const char *augmentation;
	uint64_t version, ra;
	size_t n;

	if (r.bad || ks_eh_get(&r, 4) != 0)
		return false;
	version = ks_eh_get(&r, 1);
	augmentation = (const char *)r.p;
	n = strnlen(augmentation, (size_t)(r.end - r.p));
	if (n == (size_t)(r.end - r.p))
		return false;
	r.p += n + 1;
	e->code_align = ks_eh_uleb(&r);
	e->data_align = ks_eh_sleb(&r);
	ra = version == 1 ? ks_eh_get(&r, 1) : ks_eh_uleb(&r);
	if ((version != 1 && version != 3) || ra != KS_DWARF_RA || r.bad)
		return false;
	e->encoding = 0;
	e->is_augmented = augmentation[0] == 'z';
	if (!e->is_augmented && n)
		return false;
	if (e->is_augmented) {
		uint64_t size = ks_eh_uleb(&r);
		struct ks_eh_reader a = { r.p, r.end, size > (size_t)(r.end - r.p) };

		if (a.bad)
			return false;
		r.p = a.end = a.p + size;
		for (const char *c = augmentation + 1; *c && !a.bad; c++) {
			if (*c == 'R')
				e->encoding = (uint8_t)ks_eh_get(&a, 1);
			else if (*c == 'L')
				ks_eh_get(&a, 1);
			else if (*c == 'P')
				ks_eh_encoded(&a, (uint8_t)ks_eh_get(&a, 1) & 0x0f);
			else if (*c == 'S')
				e->is_signal = true;
			else if (*c != 'B' && *c != 'G')	/* aarch64: a key, tagged frames */
				return false;
		}
		if (a.bad)
			return false;
	}
	e->common = r;
	return !r.bad && r.p <= r.end;
}

bool ks_eh_read(const struct ks_eh_object *o, const uint8_t *p, uintptr_t pc, struct ks_eh_entry *e)
{
	struct ks_eh_reader r = record_at(o, p);
	uintptr_t here = (uintptr_t)r.p;
	uint64_t back = ks_eh_get(&r, 4), range;

	if (r.bad || !back || !read_common(o, (const uint8_t *)(here - back), e))
		return false;
	e->start = ks_eh_encoded(&r, e->encoding);
	range = ks_eh_encoded(&r, e->encoding & 0x0f);
	if (e->is_augmented) {
		uint64_t size = ks_eh_uleb(&r);

		if (size > (size_t)(r.end - r.p))
			return false;
		r.p += size;
	}
	e->own = r;
	return !r.bad && pc - e->start < range;
}

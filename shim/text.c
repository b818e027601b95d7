/* SPDX-License-Identifier: MIT */
/*
 * The string region: a text is stored once and referred to by its offset in the file.
 *
 * Space is taken by one atomic addition; the size word of a record is stored last. A small table
 * in our own memory finds texts again; a race there costs a second copy and nothing else.
 */
#include "shim/recorder.h"

#include "shim/safe.h"

#define LONGEST	4096
#define KNOWN	8192		/* entries of the table, a power of two */
#define FEW	512		/* and of the first part, which is used alone at first: one page */
#define OFTEN_SHARE	8	/* stacks of frequent events get one part in so many of the whole trace */

static struct ks_string *known[FEW + KNOWN] __attribute__((aligned(4096)));

/* A forked child empties the table of its parent now: most never come here, and all of its pages would be copied. */
void ks_text_begin(void)
{
	if (ks.generation)
		memset(known, 0, sizeof(known));
}

/* FNV-1a, by words first: a stack of 32 frames has 256 bytes. */
static uint32_t hash(const char *data, size_t size)
{
	uint64_t h = 14695981039346656037u, word;

	for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		h = (h ^ word) * 1099511628211u;
		h ^= h >> 32;
	}
	for (size_t i = 0; i < size; i++)
		h = (h ^ (uint8_t)data[i]) * 1099511628211u;
	return (uint32_t)(h ^ h >> 32);
}

static struct ks_string *claim(size_t bytes)
{
	for (unsigned i = ks_regions(); i-- > 0;) {
		struct ks_region *r = ks_region(i);
		uint64_t at;

		if (r->kind != KS_REGION_STRINGS || r->aux[0] + bytes > r->size || !ks_ready(i, r->aux[0] + bytes))
			continue;
		at = __atomic_fetch_add(&r->aux[0], bytes, __ATOMIC_RELAXED);
		if (at + bytes <= r->size && ks_ready(i, at + bytes))
			return (void *)((char *)ks_region_at(i) + at);
	}
	return NULL;
}

static struct ks_string *make(enum ks_string_kind kind, const void *data, size_t size)
{
	size_t bytes = (sizeof(struct ks_string) + size + 1 + 7) & ~7ul;
	struct ks_string *s = claim(bytes);

	if (!s && !ks.texts_full) {
		if (ks_grow(KS_REGION_STRINGS, 1, 512 << 10, 0))
			s = claim(bytes);
		else
			ks.texts_full = 1;
	}
	if (!s) {
		__atomic_fetch_add(&ks.head->lost_strings, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	memcpy(s->data, data, size);
	s->kind = kind;
	__atomic_store_n(&s->size, (uint32_t)size, __ATOMIC_RELEASE);
	return s;
}

static bool may_make(size_t size, bool often)
{
	if (!often)
		return true;
	if (ks.texts_often > ks.config.size / OFTEN_SHARE)
		return false;
	__atomic_fetch_add(&ks.texts_often, size, __ATOMIC_RELAXED);
	return true;
}

/* often: of a frequent event; only looked up when its kind has had its share. */
static ks_str keep(enum ks_string_kind kind, const void *data, size_t size, bool often)
{
	uint32_t h = hash(data, size) + kind;
	struct ks_string *s = NULL;

	for (unsigned i = 0; i < 8; i++) {
		struct ks_string **place = i < 4 ? &known[(h + i) & (FEW - 1)] : &known[FEW + ((h + i) & (KNOWN - 1))];

		s = __atomic_load_n(place, __ATOMIC_ACQUIRE);
		if (!s) {
			s = may_make(size, often) ? make(kind, data, size) : NULL;
			if (s)
				__atomic_store_n(place, s, __ATOMIC_RELEASE);
			return s ? ks_offset_of(s) : 0;
		}
		if (s->size == size && s->kind == kind && memcmp(s->data, data, size) == 0)
			return ks_offset_of(s);
	}
	s = may_make(size, often) ? make(kind, data, size) : NULL;
	if (s)
		__atomic_store_n(&known[FEW + (h & (KNOWN - 1))], s, __ATOMIC_RELEASE);
	return s ? ks_offset_of(s) : 0;
}

ks_str ks_text_n(const char *text, size_t size)
{
	if (!text || !ks.on)
		return 0;
	return keep(KS_STRING_TEXT, text, size > LONGEST ? LONGEST : size, false);
}

ks_str ks_text(const char *text)
{
	return text ? ks_text_n(text, strnlen(text, LONGEST)) : 0;
}

ks_str ks_stack(const uintptr_t *pcs, unsigned n)
{
	if (!n || !ks.on)
		return 0;
	return keep(KS_STRING_STACK, pcs, n * sizeof(*pcs), false);
}

ks_str ks_stack_often(const uintptr_t *pcs, unsigned n)
{
	if (!n || !ks.on)
		return 0;
	return keep(KS_STRING_STACK, pcs, n * sizeof(*pcs), true);
}

const struct ks_string *ks_string_at(ks_str offset)
{
	for (unsigned i = ks_regions(); offset && i-- > 0;) {
		const struct ks_region *r = ks_region(i);

		if (offset >= r->offset && offset - r->offset < r->size)
			return (void *)((char *)ks_region_at(i) + (offset - r->offset));
	}
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * A mutator that knows what a trace is made of (shim/format.h): most of what it changes passes
 * the reader's first checks and lies where it matters behind them: fields of events, references
 * to strings, sizes and counts of regions, the crash area, blocks. The rest is libFuzzer's own.
 *
 * What it reads are hostile bytes, too: every part is looked for within the bytes that are there.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "analyzer/decode.h"

struct work {
	uint8_t *bytes;
	size_t size, most;
	uint64_t random;
	struct ks_region region[KS_MAX_REGIONS];
	uint64_t region_at[KS_MAX_REGIONS];	/* of its description */
	unsigned n;
};

static uint32_t draw(struct work *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return below ? (uint32_t)(w->random >> 20) % below : 0;
}

static uint64_t get(const struct work *w, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	if (at <= w->size && w->size - at >= bytes)
		memcpy(&v, w->bytes + at, bytes);
	return v;
}

static void put(struct work *w, uint64_t at, unsigned bytes, uint64_t v)
{
	if (at <= w->size && w->size - at >= bytes)
		memcpy(w->bytes + at, &v, bytes);
}

static void read_layout(struct work *w)
{
	uint64_t at = get(w, offsetof(struct ks_header, region_offset), 4);
	uint32_t stride = (uint32_t)get(w, offsetof(struct ks_header, region_stride), 4);
	uint32_t count = (uint32_t)get(w, offsetof(struct ks_header, region_count), 4);

	w->n = 0;
	for (; count && w->n < KS_MAX_REGIONS && stride; count--, at += stride) {
		struct ks_region r;

		if (at > w->size || w->size - at < sizeof(r))
			break;
		memcpy(&r, w->bytes + at, sizeof(r));
		if (r.offset > w->size || r.size > w->size - r.offset)
			continue;
		w->region_at[w->n] = at;
		w->region[w->n++] = r;
	}
}

/* One of the regions of a kind; NULL: there is none. */
static const struct ks_region *region_of(struct work *w, unsigned kind)
{
	unsigned from = draw(w, w->n);

	for (unsigned i = 0; i < w->n; i++) {
		const struct ks_region *r = &w->region[(from + i) % w->n];

		if (r->kind == kind && r->size)
			return r;
	}
	return NULL;
}

/* --- values --- */

/* A reference to a string that is there: the begin of one of the packed records. */
static uint64_t some_string(struct work *w)
{
	const struct ks_region *r = region_of(w, KS_REGION_STRINGS);
	uint64_t at = 0, found = 0;
	unsigned seen = 0;

	for (; r && r->size - at >= sizeof(struct ks_string);) {
		uint32_t size = (uint32_t)get(w, r->offset + at, 4);

		if (draw(w, ++seen) == 0)
			found = r->offset + at;
		if (size > r->size - at - sizeof(struct ks_string))
			break;
		at += (sizeof(struct ks_string) + size + 7) & ~7ull;
		if (at > r->size || seen > 2000)
			break;
	}
	return found;
}

static uint64_t some_module_address(struct work *w)
{
	const struct ks_region *r = region_of(w, KS_REGION_MODULES);
	uint64_t at;

	if (!r || !r->stride || r->size < r->stride)
		return 0;
	at = r->offset + draw(w, (uint32_t)(r->size / r->stride)) * (uint64_t)r->stride;
	return get(w, at + offsetof(struct ks_module, start), 8) + draw(w, 0x10000);
}

static uint64_t value(struct work *w)
{
	static const uint64_t extreme[] = {
		0, 1, 2, 7, 8, 63, 64, 127, 255, 256, 4095, 4096, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 1ull << 40, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~0ull - 1, ~0ull - 7, ~0ull - 4095,
		1000000000, 0x7f0000000000, 0xffffffffff600000,
	};

	switch (draw(w, 9)) {
	case 0: return some_string(w);
	case 1: return some_module_address(w);
	case 2: return get(w, offsetof(struct ks_header, pid), 4);
	case 3: return w->n ? w->region[draw(w, w->n)].offset + draw(w, 64) * 8 : 0;
	case 4: return w->size - draw(w, 64);
	case 5: return draw(w, 200);
	case 6: return -(uint64_t)draw(w, 200);
	case 7: return (uint64_t)draw(w, 0) << 32 | draw(w, 0);
	default: return extreme[draw(w, sizeof(extreme) / sizeof(*extreme))];
	}
}

/* Replaces a number, or changes the one that is there a little. */
static void change(struct work *w, uint64_t at, unsigned bytes)
{
	uint64_t v = get(w, at, bytes);

	switch (draw(w, 4)) {
	case 0: v += draw(w, 17); v -= 8; break;
	case 1: v ^= 1ull << draw(w, bytes * 8); break;
	default: v = value(w);
	}
	put(w, at, bytes, v);
}

/* --- texts --- */

static const char *const words[] = {
	"\x1b]0;x\a", "\x1b[2J", ("\xc2\x9b" "31m"), "\xe2\x80\xae", "</script><script>", "<img src=x onerror=y>", "&", "\"", "'; rm -rf ~; '",
	"$(x)", "`x`", "\n", "\r", "\r\n", "\t", "\\", "\xff", "\xc0\x80", "\xed\xa0\x80", "%s%n", "/", "..", "/../", "/proc/self/mem", "/dev/zero",
	"lib", ".so", ".so.1", "libcuda.so.1", "libcudnn.so.8", "libgomp.so.1", "libiomp5.so", "libmkl_core.so.2", "libprotobuf.so.32",
	"libhdf5.so.200", "libstdc++.so.6", "GLIBCXX_3.4.99", "undefined symbol: ", "cannot open shared object file: No such file or directory",
	": version `", "' not found (required by ", "failed to map segment from shared object", "cannot enable executable stack",
	"cannot allocate memory in static TLS block", "file too short", "invalid ELF header", "Traceback (most recent call last):\n",
	"  File \"/a/b.py\", line 3, in f\n", "ImportError: ", "ModuleNotFoundError: No module named '", "MemoryError", "RuntimeError: CUDA error: ",
	"terminate called after throwing an instance of '", "what():  ", "Assertion `", "' failed.", "double free or corruption (out)",
	"OMP: Error #15: Initializing libiomp5.so, but found libomp.so already initialized.", "The TensorFlow library was compiled to use AVX",
	"import numpy", "tensorflow", "torch", "keras", "3.11.2 (main)", "/opt/venv/lib/python3.11/site-packages/", "site-packages", "dist-packages",
	"argv", "exe", "_ZSt9terminatev", "_ZNSt6vectorIiSaIiEE", "_Z", "7f0000000000-7f0000001000 r-xp 00000000 08:01 12 /lib/x.so\n",
	"#0  0x00007f0000001000 f+0x10 (/lib/x.so)\n", "Check failed: ", "F tensorflow/core/", "0::/user.slice\n", "max", "oom_kill 1\n",
};

static void text_into(struct work *w, uint64_t at, uint64_t size)
{
	const char *s = words[draw(w, sizeof(words) / sizeof(*words))];
	size_t n = strlen(s), from;

	if (!size || at > w->size || size > w->size - at)
		return;
	if (draw(w, 3) == 0) {
		LLVMFuzzerMutate(w->bytes + at, size, size);
		return;
	}
	from = draw(w, (uint32_t)size);
	if (n > size - from)
		n = size - from;
	memcpy(w->bytes + at + from, s, n);
}

/* --- parts of a trace --- */

static void change_header(struct work *w)
{
	/* Not the magic, endian and the place of the regions: nothing would be left to look at. */
	unsigned at = draw(w, 12) ? 56 + draw(w, (sizeof(struct ks_header) - 56) / 4) * 4 : 8 + draw(w, 12) * 4;

	change(w, at, draw(w, 2) ? 4 : 8);
	put(w, offsetof(struct ks_header, endian), 4, KS_ENDIAN);
}

static void change_region(struct work *w)
{
	static const struct { uint8_t at, bytes; } field[] = { { 0, 4 }, { 4, 4 }, { 8, 8 }, { 16, 8 }, { 24, 4 }, { 28, 4 }, { 32, 8 } };
	unsigned i = draw(w, sizeof(field) / sizeof(*field));

	if (!w->n)
		return;
	if (field[i].at == 0)
		put(w, w->region_at[draw(w, w->n)], 4, draw(w, 12));
	else
		change(w, w->region_at[draw(w, w->n)] + field[i].at, field[i].bytes);
}

static void change_slot(struct work *w)
{
	const struct ks_region *r = region_of(w, draw(w, 3) ? KS_REGION_RARE : KS_REGION_RING);
	uint64_t at, other, n;
	unsigned fields;
	uint32_t seq;

	if (!r || r->slot < KS_SLOT_HEAD || r->size < sizeof(struct ks_ring_head) + r->slot)
		return;
	n = (r->size - sizeof(struct ks_ring_head)) / r->slot;
	at = r->offset + sizeof(struct ks_ring_head) + draw(w, (uint32_t)n) * (uint64_t)r->slot;
	other = r->offset + sizeof(struct ks_ring_head) + draw(w, (uint32_t)n) * (uint64_t)r->slot;
	fields = (r->slot - KS_SLOT_HEAD) / 8;
	switch (draw(w, 10)) {
	case 0: put(w, at + 4, 2, events[draw(w, nevent_kinds)].number); break;
	case 1: put(w, at + 6, 2, draw(w, 17)); break;
	case 2: change(w, at + 8, 8); break;
	case 3: put(w, at + 16, 4, draw(w, 2) ? get(w, other + 16, 4) : value(w)); break;
	case 4: change(w, at + 20, 4); break;
	case 5:			/* an event in the place of another; its number in the row stays */
		seq = (uint32_t)get(w, at, 4);
		if (at < w->size && other < w->size && w->size - at >= r->slot && w->size - other >= r->slot)
			memmove(w->bytes + at, w->bytes + other, r->slot);
		put(w, at, 4, seq);
		break;
	case 6: put(w, at + KS_SLOT_HEAD + draw(w, fields) * 8, 8, some_string(w)); break;
	default: change(w, at + KS_SLOT_HEAD + draw(w, fields) * 8, 8);
	}
}

static void change_string(struct work *w)
{
	uint64_t at = some_string(w);

	if (!at)
		return;
	if (draw(w, 10) == 0)
		change(w, at, 4);
	else if (draw(w, 10) == 0)
		put(w, at + 4, 4, draw(w, 5));
	else
		text_into(w, at + sizeof(struct ks_string), get(w, at, 4));
}

static void change_entry(struct work *w, unsigned kind)
{
	const struct ks_region *r = region_of(w, kind);
	uint64_t at;

	if (!r)
		return;
	if (kind == KS_REGION_CHECKPOINTS || kind == KS_REGION_OUTPUT || !r->stride || r->size < r->stride)
		at = r->offset;
	else
		at = r->offset + draw(w, (uint32_t)(r->size / r->stride)) * (uint64_t)r->stride;
	if (kind == KS_REGION_OUTPUT && draw(w, 4))
		text_into(w, at + sizeof(struct ks_ring_head), r->size - sizeof(struct ks_ring_head));
	else if (kind == KS_REGION_MODULES && draw(w, 3) == 0)
		put(w, at + offsetof(struct ks_module, path) + 8 * draw(w, 2), 8, some_string(w));
	else
		change(w, at + draw(w, (uint32_t)((r->offset + r->size - at) / 4)) * 4ull, draw(w, 2) ? 4 : 8);
}

static void change_crash(struct work *w)
{
	const struct ks_region *r = region_of(w, KS_REGION_CRASH);

	if (!r)
		return;
	switch (draw(w, 6)) {
	case 0: put(w, r->offset, 4, draw(w, 7)); break;
	case 1: put(w, r->offset + offsetof(struct ks_crash, signal), 4, draw(w, 66)); break;
	case 2: put(w, r->offset + offsetof(struct ks_crash, pc), 8, some_module_address(w)); break;
	case 3: put(w, r->offset + offsetof(struct ks_crash, abort_message) + 8 * draw(w, 3), 8, some_string(w)); break;
	default: change(w, r->offset + draw(w, sizeof(struct ks_crash) / 4) * 4ull, draw(w, 2) ? 4 : 8);
	}
}

static uint64_t some_block(struct work *w)
{
	static const uint64_t magic = KS_BLOCK_MAGIC;
	uint64_t found = 0;
	unsigned seen = 0;

	for (size_t at = KS_HEADER_SIZE; at < w->size && seen < 64;) {
		const uint8_t *p = memmem(w->bytes + at, w->size - at, &magic, sizeof(magic));

		if (!p || w->size - (size_t)(p - w->bytes) < sizeof(struct ks_block))
			break;
		at = (size_t)(p - w->bytes);
		if (draw(w, ++seen) == 0)
			found = at;
		at += sizeof(struct ks_block);
	}
	return found;
}

static void change_block(struct work *w)
{
	uint64_t at = some_block(w), size;

	if (!at)
		return;
	size = get(w, at + offsetof(struct ks_block, size), 8);
	if (size > w->size - at - sizeof(struct ks_block))
		size = w->size - at - sizeof(struct ks_block);
	switch (draw(w, 8)) {
	case 0: put(w, at + 8, 4, draw(w, 13)); break;
	case 1: change(w, at + 12, 4); break;
	case 2: change(w, at + 16 + 8 * draw(w, 3), 8); break;
	case 3: change(w, at + sizeof(struct ks_block) + draw(w, (uint32_t)(size / 4 + 1)) * 4ull, draw(w, 2) ? 4 : 8); break;
	default: text_into(w, at + sizeof(struct ks_block), size);
	}
}

static void add_block(struct work *w)
{
	struct ks_block b = { KS_BLOCK_MAGIC, 1 + draw(w, 12), (uint32_t)get(w, offsetof(struct ks_header, pid), 4),
			      value(w), draw(w, 300), draw(w, 0), 0 };

	if (w->most - w->size < sizeof(b) + b.size)
		return;
	memcpy(w->bytes + w->size, &b, sizeof(b));
	memset(w->bytes + w->size + sizeof(b), 0, b.size);
	w->size += sizeof(b) + b.size;
	for (unsigned i = draw(w, 6); i && b.size; i--)
		text_into(w, w->size - b.size, b.size);
}

static void cut(struct work *w)
{
	if (w->size > 200)
		w->size -= draw(w, draw(w, 2) ? 64 : (uint32_t)(w->size - 128));
}

size_t mutate_trace(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	struct work w = { bytes, size, most, seed * 0x9e3779b97f4a7c15ull + 1, .n = 0 };

	if (size < KS_HEADER_SIZE || memcmp(bytes, KS_MAGIC, 8) != 0 || draw(&w, 64) == 0)
		return LLVMFuzzerMutate(bytes, size, most);
	for (unsigned rounds = 1 + draw(&w, draw(&w, 4) ? 3 : 12); rounds; rounds--) {
		read_layout(&w);
		switch (draw(&w, 24)) {
		case 0: change_header(&w); break;
		case 1: change_region(&w); break;
		case 2: change_entry(&w, KS_REGION_THREADS); break;
		case 3: change_entry(&w, KS_REGION_CHECKPOINTS); break;
		case 4: change_entry(&w, KS_REGION_OUTPUT); break;
		case 5: change_entry(&w, KS_REGION_STATE); break;
		case 6: case 7: change_entry(&w, KS_REGION_MODULES); break;
		case 8: case 9: change_crash(&w); break;
		case 10: case 11: case 12: change_block(&w); break;
		case 13: add_block(&w); break;
		case 14: if (draw(&w, 8) == 0) cut(&w); break;
		case 15: case 16: case 17: change_string(&w); break;
		default: change_slot(&w);
		}
	}
	return w.size;
}

/* Parts of b in the places of a's parts of the same kind: strings, events, blocks. */
size_t cross_traces(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *to, size_t most,
		    unsigned seed)
{
	struct work w = { to, na < most ? na : most, most, seed * 0x9e3779b97f4a7c15ull + 1, .n = 0 };
	struct work from = { (uint8_t *)b, nb, nb, seed * 0x2545f4914f6cdd1dull + 1, .n = 0 };

	memcpy(to, a, w.size);
	read_layout(&w);
	read_layout(&from);
	for (unsigned i = 0; i < w.n; i++) {
		const struct ks_region *r = region_of(&from, w.region[i].kind);
		uint64_t n;

		if (!r || draw(&w, 3))
			continue;
		n = r->size < w.region[i].size ? r->size : w.region[i].size;
		memcpy(to + w.region[i].offset, b + r->offset, n);
	}
	for (unsigned i = draw(&w, 3); i; i--) {
		uint64_t at = some_block(&from), size = at ? sizeof(struct ks_block) + get(&from, at + offsetof(struct ks_block, size), 8) : 0;

		if (at && size >= sizeof(struct ks_block) && size <= nb - at && size <= most - w.size) {
			memcpy(to + w.size, b + at, size);
			w.size += size;
		}
	}
	return w.size;
}

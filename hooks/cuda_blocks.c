/* SPDX-License-Identifier: MIT */
/*
 * The live blocks of GPU memory, by address: what cuda_memory.c needs to know of one when it is
 * given back. Open addressing without locks: an entry is claimed by storing its address.
 *
 * The first table lies in the trace, where the analyzer finds it. A program with more blocks than
 * fit there gets tables of our own memory, each twice as large as the one before; they are not part
 * of the trace, but the totals stay right. A thread that frees a block while another one is still
 * being told that it got it does not exist: the driver gives an address out again only afterwards.
 */
#include "hooks/cuda.h"

#include <sys/resource.h>

#include "shim/safe.h"

#define LIVE	32768		/* entries in the trace, a power of two: 1 MiB, made at the first allocation */
#define PROBES	64
#define GONE	1		/* address of an entry that was given back */
#define MORE	7		/* tables beside it: 2^16, 2^17 … entries */

static struct ks_gpu_live *live;
static uint32_t live_of, live_used;	/* generation; entries in use */
static bool live_failed;

/* Size, kind, device + 1 and context of a block in one word. */
struct packed {
	uint64_t address;
	uint64_t size : 48, kind : 4, device : 5, context : 7;
};
static struct packed *more[MORE];
static uint32_t more_used[MORE];

static uint32_t places(unsigned i)
{
	return 65536u << i;
}

static struct ks_gpu_live *table(void)
{
	struct ks_gpu_live *t = __atomic_load_n(&live, __ATOMIC_ACQUIRE);

	if (KS_LIKELY(t && live_of == ks.generation))
		return t;
	if (!ks.on || (live_failed && live_of == ks.generation))
		return NULL;
	if (live_of != ks.generation) {		/* a forked child: nothing of its parent's is its own */
		memset(more, 0, sizeof(more));
		memset(more_used, 0, sizeof(more_used));
		live_used = 0;
	}
	t = ks_grow(KS_REGION_STATE, sizeof(struct ks_gpu_live), LIVE, KS_STATE_GPU_LIVE);
	live_of = ks.generation;
	live_failed = !t;
	__atomic_store_n(&live, t, __ATOMIC_RELEASE);
	return t;
}

static uint32_t place(uint64_t address)
{
	return (uint32_t)(address * 0x9e3779b97f4a7c15ull >> 32);
}

/* The further table i, made if need be; NULL: no memory, or it would be more than our share under a limit. */
static struct packed *further(unsigned i)
{
	struct packed *t = __atomic_load_n(&more[i], __ATOMIC_ACQUIRE), *none = NULL;
	size_t size = places(i) * sizeof(*t);
	struct ks_memory now;
	long at;

	if (t || ks.sealed)
		return t;
	ks_memory_now(&now);
	if (now.as_limit != UINT64_MAX && (now.vsize >= now.as_limit || size > (now.as_limit - now.vsize) / 64))
		return NULL;
	at = ks_sys(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at < 0 && at > -4096)
		return NULL;
	t = (struct packed *)at;
	if (__atomic_compare_exchange_n(&more[i], &none, t, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return t;
	ks_sys(SYS_munmap, t, size);
	return none;
}

/* Claims an entry among those that begin at table, stride apart, for an address. */
static void *claim(void *table, size_t stride, uint32_t n, uint64_t address)
{
	uint32_t at = place(address) & (n - 1);

	for (unsigned i = 0; i < PROBES; i++, at = (at + 1) & (n - 1)) {
		uint64_t *entry = (uint64_t *)((char *)table + at * stride);
		uint64_t was = __atomic_load_n(entry, __ATOMIC_RELAXED);

		if (was <= GONE &&
		    __atomic_compare_exchange_n(entry, &was, address, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return entry;
	}
	return NULL;
}

static void *seek(void *table, size_t stride, uint32_t n, uint64_t address)
{
	uint32_t at = place(address) & (n - 1);

	for (unsigned i = 0; i < PROBES; i++, at = (at + 1) & (n - 1)) {
		uint64_t *entry = (uint64_t *)((char *)table + at * stride);
		uint64_t was = __atomic_load_n(entry, __ATOMIC_ACQUIRE);

		if (was == address)
			return entry;
		if (!was)
			return NULL;
	}
	return NULL;
}

/* A table that is seven eighths full is not tried: its probes would all be in vain. */
static bool has_room(uint32_t used, uint32_t n)
{
	return used < n - n / 8;
}

bool ks_cuda_block_put(const struct ks_cuda_block *b)
{
	struct ks_gpu_live *t = table(), *e = NULL;

	if (b->address <= GONE)
		return false;
	if (t && has_room(live_used, LIVE))
		e = claim(t, sizeof(*t), LIVE, b->address);
	if (e) {
		e->size = b->size;
		e->time = ks_clock();
		e->tid = ks_tid();
		e->kind = (uint8_t)b->kind;
		e->device = (int8_t)b->device;
		e->context = (uint16_t)b->context;
		__atomic_add_fetch(&live_used, 1, __ATOMIC_RELAXED);
		return true;
	}
	for (unsigned i = 0; i < MORE && b->size >> 48 == 0; i++) {
		struct packed *f = has_room(more_used[i], places(i)) ? further(i) : NULL;

		f = f ? claim(f, sizeof(*f), places(i), b->address) : NULL;
		if (!f)
			continue;
		f->size = b->size;
		f->kind = b->kind & 15;
		f->device = b->device < 0 || b->device > 30 ? 0 : (unsigned)b->device + 1;
		f->context = b->context & 127;
		__atomic_add_fetch(&more_used[i], 1, __ATOMIC_RELAXED);
		return true;
	}
	return false;
}

static void unpack(const struct packed *f, struct ks_cuda_block *b)
{
	*b = (struct ks_cuda_block){ .address = f->address, .size = f->size, .kind = f->kind, .device = (int)f->device - 1,
				     .context = f->context };
}

static void read_live(const struct ks_gpu_live *e, struct ks_cuda_block *b)
{
	*b = (struct ks_cuda_block){ .address = e->address, .size = e->size, .kind = e->kind, .device = e->device,
				     .context = e->context };
}

static void drop(void *entry, uint32_t *used)
{
	__atomic_store_n((uint64_t *)entry, GONE, __ATOMIC_RELEASE);
	__atomic_sub_fetch(used, 1, __ATOMIC_RELAXED);
}

bool ks_cuda_block_take(uint64_t address, struct ks_cuda_block *b)
{
	struct ks_gpu_live *t = table(), *e;

	if (address <= GONE)
		return false;
	e = t ? seek(t, sizeof(*t), LIVE, address) : NULL;
	if (e) {
		read_live(e, b);
		drop(e, &live_used);
		return true;
	}
	for (unsigned i = 0; i < MORE; i++) {
		struct packed *f = __atomic_load_n(&more[i], __ATOMIC_ACQUIRE);

		f = f ? seek(f, sizeof(*f), places(i), address) : NULL;
		if (!f)
			continue;
		unpack(f, b);
		drop(f, &more_used[i]);
		return true;
	}
	return false;
}

bool ks_cuda_block_of(unsigned context, unsigned long *at, struct ks_cuda_block *b)
{
	struct ks_gpu_live *t = table();
	unsigned long below = LIVE;

	for (; t && *at < LIVE; ++*at) {
		if (t[*at].address <= GONE || t[*at].context != context)
			continue;
		read_live(&t[*at], b);
		drop(&t[(*at)++], &live_used);
		return true;
	}
	if (*at < LIVE)
		*at = LIVE;
	for (unsigned i = 0; i < MORE; below += places(i++)) {
		struct packed *f = __atomic_load_n(&more[i], __ATOMIC_ACQUIRE);

		for (; f && *at < below + places(i); ++*at) {
			if (*at < below || f[*at - below].address <= GONE || f[*at - below].context != context)
				continue;
			unpack(&f[*at - below], b);
			drop(&f[(*at)++ - below], &more_used[i]);
			return true;
		}
	}
	return false;
}

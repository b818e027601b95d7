/* SPDX-License-Identifier: MIT */
/*
 * The slow path of the malloc family: counters into the trace, samples, big blocks, failures.
 *
 * Reached once for 256 KiB of small blocks, once for each bigger one, and by each failure. Never
 * nested: a signal handler that allocates while its thread is here is only forwarded; one that jumps out of here for
 * good leaves the place free. A forked child that records nothing yet comes here just as seldom and leaves at once.
 */
#include "hooks/heap.h"
#include "shim/claim.h"

#define CHECK_GROWN	(8 << 20)	/* a thread's growth that is worth a look at the memory */
#define CHECK_BLOCK	(32 << 20)	/* and one block that is */
#define SAMPLE_AFTER	(4 << 20)	/* of a thread: a short start walks no stack */
#define FAILURES_KEPT	64		/* then only powers of two: a storm of them stays cheap */

static const char *const names[] = {
	[KS_HEAP_MALLOC] = "malloc", [KS_HEAP_CALLOC] = "calloc", [KS_HEAP_REALLOC] = "realloc",
	[KS_HEAP_REALLOCARRAY] = "reallocarray", [KS_HEAP_POSIX_MEMALIGN] = "posix_memalign",
	[KS_HEAP_ALIGNED_ALLOC] = "aligned_alloc", [KS_HEAP_MEMALIGN] = "memalign",
	[KS_HEAP_VALLOC] = "valloc", [KS_HEAP_PVALLOC] = "pvalloc",
};

/* --- when the next sample is due --- */

static uint64_t next_random(struct ks_heap_self *h)
{
	uint64_t x = h->random;

	if (!x)
		x = ks_clock() ^ (uint64_t)(uintptr_t)h << 16;
	x ^= x << 13;		/* xorshift64: G. Marsaglia, J. of Statistical Software 8 (2003) */
	x ^= x >> 7;
	x ^= x << 17;
	return h->random = x;
}

/* -ln(u) for a uniform u in (0, 1], within 0.001: exponent plus a polynomial for the mantissa. */
static double minus_log(uint64_t random)
{
	union { double d; uint64_t u; } v = { .d = (double)((random >> 11) + 1) };
	double m, log2;
	int exponent = (int)(v.u >> 52) - 1023;

	v.u = (v.u & 0xfffffffffffffull) | 0x3ff0000000000000ull;
	m = v.d;		/* 1 <= m < 2; log2(m), interpolated at Chebyshev nodes */
	log2 = exponent - 2.136232065 + (3.011162151 + (-1.026804907 + 0.152700285 * m) * m) * m;
	return log2 >= 53 ? 0 : (53 - log2) * 0.6931471805599453;
}

static int64_t draw(struct ks_heap_self *h)
{
	double bytes = minus_log(next_random(h)) * (double)ks.config.sample;

	return bytes < 1 ? 1 : bytes > 1e15 ? (int64_t)1e15 : (int64_t)bytes;
}

/* Bytes that a sampled block of this size stands for: mean * x / (1 - exp(-x)), x = size / mean. */
static uint64_t weight_of(uint64_t size)
{
	uint64_t mean = ks.config.sample;

	return size >= 4 * mean ? size : mean + size / 2 + size * size / (12 * mean);
}

/* --- purses --- */

/* Fills a purse again; the bytes that were taken from it since the last time. */
static uint64_t refill(int64_t *purse, int64_t *filled, int64_t bytes)
{
	uint64_t used = (uint64_t)(*filled - *purse);

	*purse = bytes;
	*filled = bytes;
	return used;
}

/*
 * Counters of one kind. Requests are not counted one by one: the block that empties the purse is
 * one drawn by size, so that used / chunk estimates how many there were.
 */
static void add(uint64_t *bytes, uint64_t *count, uint64_t used, uint64_t chunk)
{
	*bytes += used;
	*count += chunk && chunk < used ? used / chunk : 1;
}

/* Into the trace; true when a sample is due. */
static bool settle_alloc(struct ks_heap_self *h, uint64_t chunk)
{
	struct ks_thread *t = ks.on ? ks_thread_counters() : NULL;
	uint64_t used = refill(&h->alloc, &h->alloc_filled, KS_PURSE_FULL);
	bool due;

	if (t)
		add(&t->alloc_bytes, &t->alloc_count, used, chunk);
	h->grown += (int64_t)used;
	if (!ks.on || !ks.config.sample)
		return false;
	if (!h->random)
		h->to_sample = SAMPLE_AFTER + draw(h);
	h->to_sample -= (int64_t)used;
	due = h->to_sample <= 0;
	if (due)
		h->to_sample = draw(h);
	if (h->to_sample < KS_PURSE_FULL)
		h->alloc = h->alloc_filled = h->to_sample;
	return due;
}

static void settle_free(struct ks_heap_self *h, uint64_t chunk)
{
	struct ks_thread *t = ks.on ? ks_thread_counters() : NULL;
	uint64_t used = refill(&h->free, &h->free_filled, KS_PURSE_FULL);

	if (t)
		add(&t->free_bytes, &t->free_count, used, chunk);
	h->grown -= (int64_t)used;
	if (h->grown < -CHECK_GROWN)
		h->grown = -CHECK_GROWN;	/* it gives back what others took */
}

void ks_heap_settle(void)
{
	struct ks_heap_self *h = &ks_heap_self;

	struct ks_mark mark;

	if (!ks.on || !ks_claim_own(&h->inside, &mark))
		return;
	settle_free(h, 0);
	settle_alloc(h, 0);
	ks_claim_end(&h->inside, &mark);
}

/* --- what is recorded --- */

/* True where a small request can fail: that is rare, and looking at each result dear. */
static bool in_doubt(void)
{
	char text[16];

	if (ks_limit(RLIMIT_AS) != UINT64_MAX || ks_limit(RLIMIT_DATA) != UINT64_MAX)
		return true;
	return ks_read_file("/proc/sys/vm/overcommit_memory", text, sizeof(text)) > 0 && text[0] == '2';
}

static void look_once(void)
{
	static bool looked;

	if (looked)
		return;
	looked = true;
	ks_heap_count_frees();
	if (in_doubt())
		ks_heap_doubt();
}

static void big(void *p, size_t size, enum ks_heap_function f)
{
	struct ks_thread *t = ks_thread_counters();

	if (t)
		t->big_count++;
	KS_EMIT(alloc_big, .size = size, .address = (uintptr_t)p, .stack = ks_callers_often(),
		.function = f);
}

void ks_heap_took(void *p, size_t size, uint64_t chunk, enum ks_heap_function f)
{
	struct ks_heap_self *h = &ks_heap_self;
	struct ks_mark mark;
	int error = errno;
	bool due;

	if (!ks_claim_own(&h->inside, &mark))
		return;
	due = settle_alloc(h, chunk);
	if (ks.on) {
		look_once();
		if (size >= KS_HEAP_BIG)
			big(p, size, f);
		else if (due)
			KS_EMIT(alloc_sample, .size = size, .address = (uintptr_t)p,
				.stack = ks_callers_often(), .weight = weight_of(size));
		if (h->grown >= CHECK_GROWN || size >= CHECK_BLOCK) {
			h->grown = 0;
			ks_checkpoint(KS_CHECK_HEAP);
		}
	}
	ks_claim_end(&h->inside, &mark);
	errno = error;
}

void ks_heap_gave(void *p, uint64_t chunk)
{
	struct ks_heap_self *h = &ks_heap_self;
	struct ks_mark mark;
	int error = errno;

	if (!ks_claim_own(&h->inside, &mark))
		return;
	settle_free(h, chunk);
	if (ks.on && chunk >= KS_HEAP_BIG)
		KS_EMIT(free_big, .address = (uintptr_t)p, .size = chunk - 2 * sizeof(uint64_t));
	ks_claim_end(&h->inside, &mark);
	errno = error;
}

/* How often requests of this process have failed, this time included. */
static uint64_t count_failure(void)
{
	static uint64_t failures;
	static uint32_t generation;

	if (generation != ks.generation) {
		generation = ks.generation;
		failures = 0;
	}
	return __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
}

void ks_heap_failed(size_t size, enum ks_heap_function f, uintptr_t caller)
{
	struct ks_heap_self *h = &ks_heap_self;
	struct ks_memory m;
	struct ks_thread *t;
	struct ks_mark mark;
	int error = errno;
	uint64_t n;

	if (!ks.chosen || !size || !ks_claim_own(&h->inside, &mark))
		return;
	n = count_failure();
	ks_heap_doubt();
	t = ks.on ? ks_thread_counters() : NULL;
	if (t)
		t->fail_count++;
	if ((n <= FAILURES_KEPT || !(n & (n - 1))) && (ks.on || ks_wake())) {
		ks_memory_now(&m);
		KS_EMIT(alloc_failed, .function = ks_text(names[f]), .size = size,
			.error = f == KS_HEAP_POSIX_MEMALIGN ? -ENOMEM : -error, .caller = caller,
			.vsize = m.vsize, .rss = m.rss, .as_limit = m.as_limit,
			.mem_available = m.mem_available, .stack = ks_callers());
		if (n <= 4)
			ks_checkpoint(KS_CHECK_FAILURE);
	}
	ks_claim_end(&h->inside, &mark);
	errno = error;
}

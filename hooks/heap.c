/* SPDX-License-Identifier: MIT */
/*
 * The malloc family: forwarded to the allocator that would have served without us, and counted.
 *
 * A request takes its bytes from a purse of its thread and jumps on; when the purse is empty
 * (after 256 KiB, or where the next sample is due) the slow path in hooks/heap_slow.c fills it
 * again. A big block empties it at once, so that nothing else has to look for big ones. A free
 * pays into another purse what glibc keeps in the word before the block. Behind another allocator
 * (jemalloc, tcmalloc, mimalloc) requests are counted and frees are not: their blocks have no
 * such word.
 *
 * Looking at the result of each malloc would cost more than all the rest (4 of 35 cycles,
 * measured): it is done in the slow path, and for small requests once they are doubted
 * (ks_heap_doubt).
 *
 * Invariants: what one allocator gave never reaches another; errno is what the allocator made it;
 * nothing here allocates, locks or needs more than plain initial-exec TLS. Context: everywhere,
 * before any constructor and after the last destructor of a thread, signal handlers included.
 */
#include "hooks/heap.h"
#include "hooks/version.h"

__thread struct ks_heap_self ks_heap_self __attribute__((tls_model("initial-exec")));

static void *early_malloc(size_t size);
static void *early_calloc(size_t n, size_t size);
static void *early_realloc(void *p, size_t size);
static void early_free(void *p);

/* The allocator behind us: complete or not at all, so that a call needs no look at NULL. */
static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} next __attribute__((aligned(64))) = { early_malloc, early_calloc, early_realloc, early_free };

/*
 * Pointers up to here have no size word that we may read: NULL and other nonsense in glibc's
 * heap; all of them where another allocator serves, and until there is a recording.
 */
static uintptr_t no_word = UINTPTR_MAX;
static bool has_words;		/* the allocator behind us is glibc's */

/*
 * A pointer that is no block, given to free or realloc, faults when its size word is read. It has to
 * fault in the allocator, as without us: the word counts as 0, and the call goes on to there.
 */
bool ks_heap_step_over(void *context)
{
	extern const int32_t __start_ks_peeks[] KS_HIDDEN, __stop_ks_peeks[] KS_HIDDEN;
	const uintptr_t pc = ks_uc_pc(context);

	for (const int32_t *p = __start_ks_peeks; p < __stop_ks_peeks; p += 2) {
		if (pc != (uintptr_t)p + (uintptr_t)(intptr_t)p[0])
			continue;
		ks_uc_set_pc(context, (uintptr_t)(p + 1) + (uintptr_t)(intptr_t)p[1]);
		return true;
	}
	return false;
}

/*
 * --- before the real functions are known, and during dl calls of our own: what the dynamic linker asks
 * for on the way. From the program's heap, it would move what the program takes afterwards. ---
 */

#define ARENA_SIZE	16384
#define ARENA_WORD	(1ull << 40)	/* the size word of such a block: as of a very big one */

struct early_block {
	size_t size;
	uint64_t word;
};

static char arena[ARENA_SIZE] __attribute__((aligned(16)));
static size_t arena_used;

static inline bool in_arena(const void *p)
{
	return (uintptr_t)p - (uintptr_t)arena < ARENA_SIZE;
}

/* Zeroed, since nothing of the arena is ever used twice. */
static void *arena_take(size_t size)
{
	size_t bytes = (size + sizeof(struct early_block) + 15) & ~15ul, at;
	struct early_block *b;

	if (size > ARENA_SIZE)
		return NULL;
	at = __atomic_fetch_add(&arena_used, bytes, __ATOMIC_RELAXED);
	if (at + bytes > ARENA_SIZE)
		return NULL;
	b = (struct early_block *)(arena + at);
	*b = (struct early_block){ size, ARENA_WORD };
	return b + 1;
}

static void *own_malloc(size_t size)
{
	return ks_heap_self.own ? arena_take(size) : real.malloc(size);
}

static void *own_calloc(size_t n, size_t size)
{
	return ks_heap_self.own ? arena_take(n * size) : real.calloc(n, size);
}

/* At begin and end of dl calls of our own, in the constructor and where the real functions are looked up. */
void ks_heap_own(bool begin)
{
	ks_heap_self.own += begin ? 1 : -1;
	if (next.malloc == (begin ? real.malloc : own_malloc)) {
		__atomic_store_n(&next.malloc, begin ? own_malloc : real.malloc, __ATOMIC_RELAXED);
		__atomic_store_n(&next.calloc, begin ? own_calloc : real.calloc, __ATOMIC_RELAXED);
	}
}

static bool libc_serves(void)
{
	const void *libc;

	if (ks_next_is_libc())
		return true;
	libc = ks_object_of((void *)gnu_get_libc_version);
	return libc && real.malloc && ks_object_of((void *)real.malloc) == libc && ks_object_of((void *)real.free) == libc;
}

/* The size word is there only where libc itself serves, and untagged (no MTE on aarch64). */
static bool words_are_readable(void)
{
	return !ks_pointers_are_tagged() && libc_serves();
}

/*
 * Between us and libc may be libc_malloc_debug.so, which has these names in their versions only:
 * a plain dlsym passes them by, a program's references do not. (With a version asked for, dlvsym
 * passes by the unversioned names of tcmalloc: so not where another allocator was found.)
 */
static void prefer_versions(void)
{
#define PREFER(name, version) do {								\
		void *f_ = dlvsym(RTLD_NEXT, #name, version);					\
												\
		if (f_)										\
			real.name = (__typeof__(real.name))f_;					\
	} while (0)
	PREFER(malloc, KS_LIBC_BASE);
	PREFER(calloc, KS_LIBC_BASE);
	PREFER(realloc, KS_LIBC_BASE);
	PREFER(free, KS_LIBC_BASE);
	PREFER(memalign, KS_LIBC_BASE);
	PREFER(posix_memalign, KS_LIBC_BASE);
	PREFER(valloc, KS_LIBC_BASE);
	PREFER(pvalloc, KS_LIBC_BASE);
	PREFER(malloc_usable_size, KS_LIBC_BASE);
	PREFER(aligned_alloc, KS_LIBC_ALIGNED_ALLOC);
#undef PREFER
	if (real.dlerror)
		real.dlerror();		/* no text of ours is left behind */
}

void ks_heap_count_frees(void)
{
	if (has_words)
		__atomic_store_n(&no_word, 65535, __ATOMIC_RELAXED);
}

/* Finds the allocator behind us; false while this thread is on its way to do so. */
static bool bind_next(void)
{
	KS_TLS bool binding;

	if (binding || ks_heap_self.own)
		return false;
	binding = true;
	if (REAL(malloc) && REAL(calloc) && REAL(realloc))
		(void)REAL(free);
	if (!ks_next_is_libc() && libc_serves())
		prefer_versions();
	has_words = words_are_readable();	/* takes the loader's lock: not to be asked later */
	if (real.malloc && real.calloc && real.realloc && real.free) {
		next.calloc = real.calloc;
		next.realloc = real.realloc;
		next.free = real.free;
		__atomic_store_n(&next.malloc, real.malloc, __ATOMIC_RELEASE);
	}
	binding = false;
	return next.malloc != early_malloc;
}

static void *early_malloc(size_t size)
{
	return bind_next() ? next.malloc(size) : arena_take(size);
}

static void *early_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (bind_next())
		return next.calloc(n, size);
	return __builtin_mul_overflow(n, size, &bytes) ? NULL : arena_take(bytes);
}

static void early_free(void *p)
{
	if (p && !in_arena(p) && bind_next())
		next.free(p);
}

static void *early_realloc(void *p, size_t size)
{
	return bind_next() ? next.realloc(p, size) : p ? NULL : arena_take(size);
}

static void *arena_realloc(void *p, size_t size)
{
	size_t old = ((struct early_block *)p)[-1].size;
	void *q = next.malloc(size);

	return q ? memcpy(q, p, old < size ? old : size) : NULL;
}

/* --- counting --- */

/* What glibc makes of a request (malloc/malloc.c: request2size); a free takes off the same. */
static inline uint64_t chunk_for(size_t size)
{
	return ((size < 9 ? 9 : size) + 23) & ~15ull;
}

/* What it made of this one; all the chunks that it cannot split come out right in the slow path. */
static inline uint64_t chunk_of(const void *p)
{
	uint64_t word;

	KS_PEEK_BEFORE(word, p);
	return word & ~7ull;
}

/* SIZE_MAX where it does not fit. */
static inline size_t product(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? SIZE_MAX : bytes;
}

/* True for all that the slow path has to see; (size_t)-1 wraps round in chunk_for. */
static inline bool is_large(size_t size)
{
	return size >= KS_PURSE_FULL;
}

/* Takes bytes from a purse; true when it is empty. */
static inline bool spend(int64_t *purse, uint64_t bytes)
{
	return (*purse = (int64_t)((uint64_t)*purse - bytes)) < 0;
}

/* The slow path behind a request: counters, samples, big blocks, failures. A large one is not
 * paid yet. */
static void *took(void *p, size_t size, enum ks_heap_function f, uintptr_t caller)
{
	uint64_t chunk;

	if (!p) {
		ks_heap_failed(size, f, caller);
		return p;
	}
	chunk = (uintptr_t)p > no_word ? chunk_of(p) : chunk_for(size);
	if (is_large(size))
		spend(&ks_heap_self.alloc, chunk);
	ks_heap_took(p, size, chunk, f);
	return p;
}

/* The fast path for those that are called seldom enough to look at each result. */
static inline void *count(void *p, size_t size, enum ks_heap_function f, uintptr_t caller)
{
	if (KS_UNLIKELY(is_large(size) || spend(&ks_heap_self.alloc, chunk_for(size)) || !p))
		return took(p, size, f, caller);
	return p;
}

/* --- where a small request can fail at all: see ks_heap_doubt --- */

static void *doubted_malloc(size_t size)
{
	void *p = real.malloc(size);

	if (KS_UNLIKELY(!p))
		ks_heap_failed(size, KS_HEAP_MALLOC, KS_CALLER());
	return p;
}

static void *doubted_calloc(size_t n, size_t size)
{
	void *p = real.calloc(n, size);

	if (KS_UNLIKELY(!p))
		ks_heap_failed(product(n, size), KS_HEAP_CALLOC, KS_CALLER());
	return p;
}

void ks_heap_doubt(void)
{
	if (next.malloc != early_malloc) {
		__atomic_store_n(&next.malloc, doubted_malloc, __ATOMIC_RELAXED);
		__atomic_store_n(&next.calloc, doubted_calloc, __ATOMIC_RELAXED);
	}
}

/*
 * --- the hot ones: they jump on, to their slow paths too, which keeps the caller. Each begins a cache
 * line: anywhere else a pair can cost two of its 36 cycles more. ---
 */

#define HOT __attribute__((aligned(64)))

static __attribute__((noinline)) void *malloc_slow(size_t size)
{
	void *p = (ks_heap_self.own || next.malloc == early_malloc ? next.malloc : real.malloc)(size);

	return took(p, size, KS_HEAP_MALLOC, KS_CALLER());
}

HOT KS_EXPORT void *malloc(size_t size)
{
	if (KS_UNLIKELY(is_large(size) || spend(&ks_heap_self.alloc, chunk_for(size))))
		return malloc_slow(size);
	return next.malloc(size);
}

static __attribute__((noinline)) void *calloc_slow(size_t n, size_t size)
{
	void *p = (ks_heap_self.own || next.calloc == early_calloc ? next.calloc : real.calloc)(n, size);

	return took(p, product(n, size), KS_HEAP_CALLOC, KS_CALLER());
}

KS_EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;

	if (KS_UNLIKELY(__builtin_mul_overflow(n, size, &bytes) || is_large(bytes) ||
			spend(&ks_heap_self.alloc, chunk_for(bytes))))
		return calloc_slow(n, size);
	return next.calloc(n, size);
}

static __attribute__((noinline)) void free_slow(void *p, uint64_t bytes)
{
	if (in_arena(p)) {
		ks_heap_self.free += (int64_t)bytes;
		return;
	}
	ks_heap_gave(p, bytes);
	next.free(p);
}

static __attribute__((noinline)) void free_blind(void *p)
{
	if (!in_arena(p))
		next.free(p);
}

HOT KS_EXPORT void free(void *p)
{
	uint64_t bytes;

	if (KS_UNLIKELY((uintptr_t)p <= no_word)) {
		free_blind(p);
		return;
	}
	bytes = chunk_of(p);
	if (KS_UNLIKELY(spend(&ks_heap_self.free, bytes))) {
		free_slow(p, bytes);
		return;
	}
	next.free(p);
}

KS_EXPORT void *realloc(void *p, size_t size)
{
	uint64_t old = (uintptr_t)p > no_word ? chunk_of(p) : 0;
	void *q;

	if (KS_UNLIKELY(in_arena(p)))
		return arena_realloc(p, size);
	q = next.realloc(p, size);
	if (old && (q || !size) && KS_UNLIKELY(spend(&ks_heap_self.free, old)))
		ks_heap_gave(p, old);
	return q || size || !p ? count(q, size, KS_HEAP_REALLOC, KS_CALLER()) : q;
}

/* --- the others --- */

/* glibc's own calls realloc through its symbol, so that the request has been counted already. */
KS_EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	void *q = REAL(reallocarray)(p, n, size);
	size_t bytes;

	if (!q && __builtin_mul_overflow(n, size, &bytes))
		ks_heap_failed(SIZE_MAX, KS_HEAP_REALLOCARRAY, KS_CALLER());
	return q;
}

KS_EXPORT int posix_memalign(void **place, size_t alignment, size_t size)
{
	int result = REAL(posix_memalign)(place, alignment, size);

	if (!result)
		count(*place, size, KS_HEAP_POSIX_MEMALIGN, KS_CALLER());
	else if (result == ENOMEM)
		ks_heap_failed(size, KS_HEAP_POSIX_MEMALIGN, KS_CALLER());
	return result;
}

/* EINVAL says that the alignment was none: nothing about memory. */
static void *took_aligned(void *p, size_t size, enum ks_heap_function f, uintptr_t caller)
{
	return p || errno != EINVAL ? count(p, size, f, caller) : p;
}

KS_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	void *p = REAL(aligned_alloc)(alignment, size);

	return took_aligned(p, size, KS_HEAP_ALIGNED_ALLOC, KS_CALLER());
}

KS_EXPORT void *memalign(size_t alignment, size_t size)
{
	return took_aligned(REAL(memalign)(alignment, size), size, KS_HEAP_MEMALIGN, KS_CALLER());
}

KS_EXPORT void *valloc(size_t size)
{
	return count(REAL(valloc)(size), size, KS_HEAP_VALLOC, KS_CALLER());
}

KS_EXPORT void *pvalloc(size_t size)
{
	return count(REAL(pvalloc)(size), size, KS_HEAP_PVALLOC, KS_CALLER());
}

/*
 * Asked by preloads in front of us that count by it, and reallocate by it (Scalene's and others made with
 * Heap-Layers): of each block that malloc gave, so also of one of the arena.
 */
KS_EXPORT size_t malloc_usable_size(void *p)
{
	return KS_UNLIKELY(in_arena(p)) ? ((struct early_block *)p)[-1].size : REAL(malloc_usable_size)(p);
}

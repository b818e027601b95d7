/* SPDX-License-Identifier: MIT */
/*
 * dlopen, dlmopen, dlsym, dlclose, dlerror: which loads are in progress on which thread, what
 * they brought, why they failed.
 *
 * The first three find their caller by the return address (RUNPATH, $ORIGIN, RTLD_NEXT), so they
 * are stubs that jump to the real ones; how a load ended is learnt afterwards. A load has returned
 * when a later event of its thread has a stack pointer at or above its own, or when its return
 * address has gone from the stack. Its outcome is the text that dlerror hands out or would hand
 * out (load_text.c), and the modules that came. Every dl call of a thread frees that text, so it is
 * looked at before the next one, and no hook makes a dl call of its own. (Where load_text.c
 * cannot read it, the real dlerror is asked right before a dl call that would free the text
 * anyway, or before the end; then the text is kept and handed out, once, if the program asks.)
 *
 * A load that is repeated, as polling programs do, is recorded the first eight times and then at
 * powers of two; its modules show at the next event. A vfork child, or a child of a fork that we
 * did not see, records nothing.
 */
#include "hooks/load.h"

#include <string.h>

#include "shim/arch.h"
#include "shim/claim.h"
#include "shim/crash.h"
#include "shim/library.h"
#include "shim/safe.h"
#include "shim/unwind.h"

#define DEEPEST	8		/* nested loads of one thread that are followed */

struct load {
	uint32_t id;
	uint32_t modules;	/* how many it has brought so far */
	bool refused;		/* its file was reported already */
	uintptr_t caller, sp;
};

enum last { NOTHING, SYMBOL, LOAD };

KS_TLS struct {
	unsigned depth;
	enum last last;		/* the latest dl call whose text has not been seen */
	uint64_t busy;		/* in the middle of this (shim/claim.h) */
	struct load stack[DEEPEST];
	uintptr_t handle, caller;	/* of the latest dlsym */
	char *kept;		/* text that we had to fetch, to be handed out */
	void *answer;		/* of a dlsym that was made for the caller */
} self;

static uint32_t last_id;
static bool python_came;

/* cuda_route.c; the recorder works without it. */
extern void *ks_cuda_symbol(void *handle, const char *name, uintptr_t caller) __attribute__((weak, visibility("hidden")));
extern void *ks_cuda_global(void *handle, const char *name) __attribute__((weak, visibility("hidden")));
extern void ks_cuda_link(const struct ks_module *module) __attribute__((weak, visibility("hidden")));

static void came(const struct ks_module *m, const char *path)
{
	const char *name = strrchr(path, '/');

	if (name && strncmp(name, "/libpython", 10) == 0)
		python_came = true;
	if (ks_cuda_link)
		ks_cuda_link(m);
	ks_exception_module(path, m);
}

void ks_loads_start(void)
{
	ks_load_text_start();
	ks_module_came = came;
}

/* --- the end of loads --- */

static bool has_returned(const struct load *l, uintptr_t sp)
{
	uintptr_t slots[KS_RETURN_SLOTS / sizeof(uintptr_t)];
	size_t n;

	if (sp >= l->sp)
		return true;
	n = ks_read_memory(l->sp - sizeof(slots), slots, sizeof(slots)) / sizeof(*slots);
	for (size_t i = 0; i < n; i++)
		if (slots[i] == l->caller)
			return false;
	return true;
}

static void finish(struct load *l, const char *error, bool certain)
{
	uint64_t ok = error ? 0 : certain || l->modules ? 1 : 2;

	KS_EMIT(load_end, .id = l->id, .ok = ok, .error = ks_text(error), .modules = l->modules, .returned = ks_clock());
	if (error && !l->refused)
		ks_load_look_at_named(l->id, error);
}

/* Ends the loads that have returned by now. error: the text that is pending (or was just handed
 * out), which proves that the latest call has returned; certain: without one it succeeded. */
static void settle(uintptr_t sp, const char *error, bool certain)
{
	while (self.depth) {
		struct load l = self.stack[self.depth - 1];
		bool failed = error && self.last == LOAD;

		if (!failed && !has_returned(&l, sp))
			break;
		self.depth--;
		l.modules += failed ? ks_modules_appended(l.id) : ks_modules_sync(l.id);
		ks_self.load = self.depth ? self.stack[self.depth - 1].id : 0;
		/* A load around another one was past everything that can fail. */
		finish(&l, failed ? error : NULL, certain || self.last != LOAD);
		self.last = NOTHING;
	}
}

static void symbol_missing(const char *error)
{
	static const char words[] = "undefined symbol: ";
	const char *name = strstr(error, words), *end;

	self.last = NOTHING;
	if (!name)
		return;
	name += sizeof(words) - 1;
	end = strstr(name, ", version ");
	KS_EMIT(symbol_missing, .name = ks_text_n(name, end ? (size_t)(end - name) : strlen(name)),
		.handle = self.handle, .caller = self.caller, .error = ks_text(error));
}

/* The text of the latest dl call has been seen, NULL: it has none. */
static void ended(const char *error, uintptr_t sp)
{
	if (error && self.last == SYMBOL && (!self.depth || strstr(error, "undefined symbol: "))) {
		settle(sp, NULL, true);
		symbol_missing(error);
		return;
	}
	if (error && self.last == SYMBOL)	/* the loader itself looked something up, for the heap */
		self.last = LOAD;
	settle(sp, error, true);
}

/* A dl call is about to be made, which frees the text. */
static void before_call(uintptr_t sp)
{
	char text[KS_LOAD_TEXT];
	struct ks_mark mark;
	int error = errno;

	if (!ks_claim_own(&self.busy, &mark))
		return;
	if (ks_load_text_known) {
		size_t n = self.last == LOAD ? ks_load_text(text, sizeof(text), false) : 0;

		settle(sp, n ? text : NULL, true);
	} else {
		settle(sp, self.last == LOAD ? real.dlerror() : NULL, self.last == LOAD);
	}
	self.kept = NULL;
	ks_claim_end(&self.busy, &mark);
	errno = error;
}

void ks_loads_settle(uintptr_t sp)
{
	if (KS_LIKELY(!self.depth) || !ks.on || !ks_load_text_known || ks.crashing || !ks_mine())
		return;
	before_call(sp);
}

void ks_load_last_words(void)
{
	char text[KS_LOAD_TEXT] = "";
	struct ks_mark mark;
	int error = errno;

	if (!ks.on || ks.crashing || self.last == NOTHING || !ks_mine() || !ks_claim_own(&self.busy, &mark))
		return;
	if (ks_load_text_known)
		ks_load_text(text, sizeof(text), true);
	else
		ks_put(text, text + sizeof(text), (self.kept = real.dlerror()) ? self.kept : "");
	ended(text[0] ? text : NULL, KS_SP());
	ks_claim_end(&self.busy, &mark);
	errno = error;
}

void ks_loads_at_crash(uintptr_t sp)
{
	char text[KS_LOAD_TEXT] = "";
	struct ks_mark mark;

	if (!ks.on || !ks_load_text_known || !ks_claim(&self.busy, &mark))
		return;
	if (self.depth)
		self.stack[self.depth - 1].modules += ks_modules_late(self.stack[self.depth - 1].id);
	if (self.last != NOTHING)
		ks_load_text(text, sizeof(text), true);
	ended(text[0] ? text : NULL, sp);
	ks_claim_end(&self.busy, &mark);
}

uint32_t ks_load_now(uintptr_t sp)
{
	for (unsigned i = self.depth; i-- > 0;)
		if (!has_returned(&self.stack[i], sp))
			return self.stack[i].id;
	return 0;
}

/* --- dlopen, dlmopen --- */

/* Is the dlopen of the innermost load among our callers? Its stack pointer alone cannot tell when it
 * has returned and the stack has since grown deeper elsewhere. The same place may have called
 * several times, this time too. Where the stack is too deep to see: believe it. */
static bool is_around(uintptr_t caller)
{
	uintptr_t pcs[256], wanted = self.stack[self.depth - 1].caller;
	unsigned n = ks_unwind(pcs, 256), need = caller == wanted, seen = 0;

	for (unsigned i = 0; i < self.depth; i++)
		need += self.stack[i].caller == wanted;
	for (unsigned i = 0; i < n; i++)
		seen += pcs[i] == wanted;
	return seen >= need || n == 256;
}

static void push(const char *path, int flags, int64_t space, uintptr_t caller, uintptr_t sp)
{
	struct load *l = &self.stack[self.depth], *outer = self.depth ? l - 1 : NULL;

	*l = (struct load){ .id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED), .caller = caller, .sp = sp };
	KS_EMIT(load_begin, .id = l->id, .path = ks_text(path), .flags = (unsigned)flags, .caller = caller,
		.outer = outer ? outer->id : 0, .space = space);
	if (path && strchr(path, '/') && !(flags & RTLD_NOLOAD) && ks_library_cut_off(path))
		l->refused = ks_load_look(l->id, path);
	ks_self.load = l->id;
	self.last = LOAD;
	self.depth++;
}

static void begin(const char *path, int flags, int64_t space, uintptr_t caller, uintptr_t sp)
{
	bool silent;

	self.kept = NULL;
	if (!ks.on && !(ks.chosen && ks_wake()))
		return;
	silent = ks_load_repeated(path);
	if ((silent && !self.depth) || !ks_mine()) {
		self.last = NOTHING;
		return;
	}
	before_call(sp);
	while (self.depth && !is_around(caller))
		settle(self.stack[self.depth - 1].sp, NULL, true);
	self.last = NOTHING;
	if (self.depth)
		self.stack[self.depth - 1].modules += ks_modules_sync(self.stack[self.depth - 1].id);
	if (python_came) {
		python_came = false;
		ks_python_start();
	}
	ks_python_try();
	if (!silent && self.depth < DEEPEST)
		push(path, flags, space, caller, sp);
}

KS_TAIL_JUMP_2(dlopen);
void *ks_before_dlopen(uintptr_t path, uintptr_t flags, uintptr_t c, uintptr_t d, uintptr_t caller, uintptr_t sp)
{
	void *(*jump)(const char *, int) = REAL(dlopen);

	(void)c;
	(void)d;
	begin((const char *)path, (int)flags, 0, caller, sp);
	return (void *)jump;
}

KS_TAIL_JUMP(dlmopen);
void *ks_before_dlmopen(uintptr_t space, uintptr_t path, uintptr_t flags, uintptr_t d, uintptr_t caller, uintptr_t sp)
{
	void *(*jump)(Lmid_t, const char *, int) = REAL(dlmopen);

	(void)d;
	begin((const char *)path, (int)flags, (int64_t)space, caller, sp);
	return (void *)jump;
}

/* --- dlsym --- */

static void *answer(void *handle, const char *name)
{
	(void)handle;
	(void)name;
	return self.answer;
}

static __attribute__((noinline)) void *dlsym_slowly(void *handle, const char *name, uintptr_t caller, uintptr_t sp)
{
	if (self.depth && (sp >= self.stack[self.depth - 1].sp || (self.last == LOAD && ks_load_text_words())) &&
	    ks_mine())
		before_call(sp);
	self.kept = NULL;
	self.last = SYMBOL;
	self.handle = (uintptr_t)handle;
	self.caller = caller;
	if (name && name[0] == 'c' && name[1] == 'u' && ks_cuda_symbol) {
		bool global = handle == RTLD_DEFAULT || handle == RTLD_NEXT;

		self.answer = global ? ks_cuda_global(handle, name) : ks_cuda_symbol(handle, name, caller);
		return global && !self.answer ? (void *)real.dlsym : (void *)answer;
	}
	return (void *)real.dlsym;
}

KS_TAIL_JUMP_2(ks_other_dlsym);
extern void *ks_other_dlsym(void *handle, const char *name) KS_HIDDEN;
void *ks_before_ks_other_dlsym(uintptr_t handle, uintptr_t name, uintptr_t c, uintptr_t d, uintptr_t caller, uintptr_t sp)
{
	const char *s = (const char *)name;

	(void)c;
	(void)d;
	if (KS_UNLIKELY(!ks.on)) {
		/* A forked child without a trace may use the driver that its parent found. */
		if (!ks.chosen || !ks_cuda_symbol || !s || s[0] != 'c' || s[1] != 'u' || (void *)handle == RTLD_DEFAULT ||
		    (void *)handle == RTLD_NEXT)
			return (void *)REAL(dlsym);
		self.answer = ks_cuda_symbol((void *)handle, s, caller);
		return (void *)answer;
	}
	return dlsym_slowly((void *)handle, s, caller, sp);
}

#if defined(__OPTIMIZE__) && !defined(KS_ALIGNS_STACK)
/* The usual one in C, for a stub costs it 2 ns of 45: it has no frame and jumps on, as the compiler makes of its last call
 * (scripts/check-exports looks). Its name is not libc's here: name may be NULL. */
KS_EXPORT void *ks_dlsym(void *handle, const char *name) __asm__("dlsym");
void *ks_dlsym(void *handle, const char *name)
{
	if (KS_UNLIKELY(!ks.on || self.depth || !name || name[0] == 'c'))
		return ks_other_dlsym(handle, name);
	self.kept = NULL;
	self.last = SYMBOL;
	self.handle = (uintptr_t)handle;
	self.caller = KS_CALLER();
	return real.dlsym(handle, name);
}
#else	/* such a function has a frame and calls */
KS_TAIL_JUMP_2(dlsym);
void *ks_before_dlsym(uintptr_t handle, uintptr_t name, uintptr_t c, uintptr_t d, uintptr_t caller, uintptr_t sp)
{
	return ks_before_ks_other_dlsym(handle, name, c, d, caller, sp);
}
#endif

/* --- dlerror, dlclose --- */

static void asked(const char *text, uintptr_t sp)
{
	struct ks_mark mark;
	int error = errno;

	if (!ks_mine() || !ks_claim_own(&self.busy, &mark))
		return;
	ended(text, sp);
	if (text)
		self.last = NOTHING;
	ks_claim_end(&self.busy, &mark);
	errno = error;
}

KS_EXPORT char *dlerror(void)
{
	char *text = self.kept, plain[KS_LOAD_TEXT];
	const char *words;
	bool failed = false;

	if (KS_UNLIKELY(text)) {
		self.kept = NULL;
		return text;
	}
	words = ks.on && self.last != NOTHING ? ks_load_text_words() : NULL;
	if (words) {
		if (self.last == SYMBOL && !self.depth && ks_load_words_repeated(words))
			self.last = NOTHING;
		else
			failed = ks_load_text(plain, sizeof(plain), false);
	}
	text = REAL(dlerror)();
	if (ks.on && self.last != NOTHING && (text || self.depth))
		asked(text && failed ? plain : text, KS_SP());
	return text;
}

KS_EXPORT int dlclose(void *handle)
{
	bool record = ks.on && ks_mine();
	int result;

	self.kept = NULL;
	if (record && self.depth)
		before_call(KS_SP());
	result = REAL(dlclose)(handle);
	ks_unwind_forget();
	if (record) {
		self.last = NOTHING;
		ks_modules_sync(0);
		KS_EMIT(unload, .handle = (uintptr_t)handle, .result = result, .caller = KS_CALLER());
	}
	return result;
}

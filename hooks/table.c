/* SPDX-License-Identifier: MIT */
/*
 * The real functions: found all at once by the constructor, or at the first call of a hook that another
 * library's constructor makes before it; each at its first call in a process that is not recorded, where
 * that takes no dl call (next.c). No hook asks the dynamic linker later: every dl call of a thread frees the text
 * that dlerror last gave it.
 *
 * The real dlsym is found with dlvsym, under the versions that it has had: GLIBC_2.34, and the
 * base versions of x86_64 and aarch64. Nobody asks for a cu* function by dlvsym; it is not hooked.
 */
#include "hooks/hooks.h"
#include "hooks/version.h"

#include <string.h>

#include "shim/cfi.h"
#include "shim/eh_frame.h"

struct ks_real real KS_AT_START;

static void *(*find_dlsym(void))(void *, const char *)
{
	static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17" };

	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		void *f = dlvsym(RTLD_NEXT, "dlsym", versions[i]);

		if (f)
			return (void *(*)(void *, const char *))f;
	}
	return NULL;
}

#define LOOKED_UP_LIBC 1
#define LOOKED_UP_OPT 1
#define LOOKED_UP_TAIL 1
#define LOOKED_UP_OWN 0

/* dladdr looks for the function's name as well, which takes 15 µs of each start; dl_iterate_phdr is a
 * sanitizer's here, and not ready yet. */
const void *ks_object_of(const void *address)
{
	struct ks_eh_object o;
	Dl_info info;

	if (ks_find_object)
		return ks_eh_object_at((uintptr_t)address, &o) ? o.start : NULL;
	return dladdr(address, &info) ? info.dli_fbase : NULL;
}

char ks_hook_names[] KS_AT_START =
#define HOOK(how, returns, name, parameters) #name "\0"
#include "hooks/hooks.def"
#undef HOOK
	;
static const bool looked_up[] = {
#define HOOK(how, returns, name, parameters) LOOKED_UP_##how,
#include "hooks/hooks.def"
#undef HOOK
};
_Static_assert(sizeof(real) == KS_HOOKS * sizeof(void *), "a row of the table is a pointer");

static void *find(enum ks_hook hook)
{
	const char *name = ks_hook_names;
	void *found;

	for (unsigned i = 0; i < hook; i++)
		name += strlen(name) + 1;
	found = ks_next_is_libc() ? ks_next_in_libc(name, NULL) : NULL;
	return found || !real.dlsym ? found : real.dlsym(RTLD_NEXT, name);
}

void *ks_resolve_one(enum ks_hook hook)
{
	void **to = (void **)&real + hook;

	if (!ks_next_is_libc())
		ks_resolve();
	else if (!*to)
		__atomic_store_n(to, find(hook), __ATOMIC_RELAXED);
	return *to;
}

void ks_resolve(void)
{
	static bool done KS_AT_START;
	int error = errno;

	if (done)
		return;
	ks_heap_own(true);
	real.dlsym = ks_next_is_libc() ? (__typeof__(real.dlsym))find(KS_HOOK_dlsym) : find_dlsym();
	for (unsigned i = 0; i < KS_HOOKS; i++) {
		void **to = (void **)&real + i;

		if (looked_up[i] && !*to)
			*to = find(i);
	}
	done = true;
	ks_old_versions();
	if (!ks_next_is_libc() && real.dlerror)
		real.dlerror();		/* an optional one that is missing leaves no text behind */
	ks_heap_own(false);
	errno = error;
}

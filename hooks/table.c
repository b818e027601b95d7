/* SPDX-License-Identifier: MIT */
/*
 * The real functions, found all at once: in the constructor, or at the first call of a hook that
 * another library's constructor makes before it. No hook asks the dynamic linker later: every
 * dl call of a thread frees the text that dlerror last gave it.
 *
 * The real dlsym is found with dlvsym, under the versions that it has had: GLIBC_2.34, and the
 * base versions of x86_64 and aarch64. Nobody asks for a cu* function by dlvsym; it is not hooked.
 */
#include "hooks/hooks.h"
#include "hooks/version.h"

#include "shim/cfi.h"
#include "shim/eh_frame.h"

struct ks_real real;

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

void ks_resolve(void)
{
	static bool done;
	int error = errno;

	if (done)
		return;
	ks_heap_own(true);
	real.dlsym = find_dlsym();
	if (real.dlsym) {
#define HOOK(how, returns, name, parameters)                                                       \
	if (LOOKED_UP_##how && !real.name)                                                         \
		real.name = (__typeof__(real.name))real.dlsym(RTLD_NEXT, #name);
#include "hooks/hooks.def"
#undef HOOK
	}
	if (real.dlsym)
		ks_find_object = (int (*)(void *, void *))real.dlsym(RTLD_NEXT, "_dl_find_object");
	ks_versions_find();
	if (real.dlerror)
		real.dlerror();		/* an optional one that is missing leaves no text behind */
	ks_heap_own(false);
	done = true;
	errno = error;
}

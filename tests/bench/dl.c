/* SPDX-License-Identifier: MIT */
/*
 * Calls of the dynamic linker: dl WHAT, prints nanoseconds of one.
 *
 * open: dlopen and dlclose of a real library that nothing else here needs. found, missing: dlsym.
 * absent: dlopen of a file that is not there; the text of its dlerror is asked for, as programs do.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAPS 30

static const char *const libraries[] = {
	"libsqlite3.so.0", "libcrypto.so.3", "libexpat.so.1", "liblzma.so.5", "libz.so.1", "libm.so.6",
};

static const char *library;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void open_close(void)
{
	dlclose(dlopen(library, RTLD_NOW));
}

static void found(void)
{
	void *volatile p = dlsym(RTLD_DEFAULT, "getpid");

	(void)p;
}

static void missing(void)
{
	void *volatile p = dlsym(RTLD_DEFAULT, "no_such_function_anywhere");

	(void)p;
	dlerror();
}

static void absent(void)
{
	void *volatile p = dlopen("libno-such-library.so.9", RTLD_NOW);

	(void)p;
	dlerror();
}

int main(int argc, char **argv)
{
	const struct {
		const char *name;
		void (*run)(void);
		unsigned count;
	} all[] = { { "open", open_close, 40 }, { "found", found, 20000 }, { "missing", missing, 4000 }, { "absent", absent, 200 } };
	double best = 1e18;

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries) && !library; i++) {
		void *handle = dlopen(libraries[i], RTLD_NOW);

		if (handle) {
			library = libraries[i];
			dlclose(handle);
		}
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (argc < 2 || strcmp(argv[1], all[i].name) != 0)
			continue;
		for (int lap = 0; lap < LAPS; lap++) {
			uint64_t t = now();

			for (unsigned k = 0; k < all[i].count; k++)
				all[i].run();
			t = now() - t;
			if ((double)t / all[i].count < best)
				best = (double)t / all[i].count;
		}
	}
	printf("%.2f\n", best);
	return 0;
}

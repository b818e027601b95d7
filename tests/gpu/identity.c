/* SPDX-License-Identifier: MIT */
/*
 * Every function of the driver by every route: is what dlsym gives, by exported name, what
 * cuGetProcAddress gives by base name, version and flags? Recorded it must be as in a plain run, or
 * programs that compare (or mix) them see two functions where there is one. Prints counts, and each
 * name where the answers differ. usage: identity [LIBRARY]
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

static const struct {
	const char *base;
	int version, stream;
	const char *symbol;
} rows[] = {
#define N(base, version, stream, symbol) { #base, version, stream, #symbol },
#define SAME(...) N(__VA_ARGS__)
#include "../fakecuda/names.def"
#undef N
};

typedef int by_name(const char *, void **, int, uint64_t, int *);
typedef int by_name_1(const char *, void **, int, uint64_t);

static by_name *ask;

static void all(void *lib, int driver)
{
	unsigned same = 0, differ = 0, none = 0, missing = 0;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		void *exported = dlsym(lib, rows[i].symbol), *got = NULL;
		int status = -1, rc;

		if (rows[i].version > driver || !exported) {
			missing++;
			continue;
		}
		rc = ask(rows[i].base, &got, rows[i].version, rows[i].stream ? 2 : 0, i % 2 ? &status : NULL);
		if (rc || !got) {
			none++;
			printf("%s %d: none (%d)\n", rows[i].base, rows[i].version, rc);
		} else if (got == exported) {
			same++;
		} else {
			differ++;
			printf("%s %d %d is not %s\n", rows[i].base, rows[i].version, rows[i].stream, rows[i].symbol);
		}
	}
	printf("same %u, differ %u, none %u, not there %u\n", same, differ, none, missing);
}

int main(int argc, char **argv)
{
	void *lib = dlopen(argc > 1 ? argv[1] : "libcuda.so.1", RTLD_NOW | RTLD_GLOBAL), *p = NULL, *q = NULL;
	int (*version)(int *) = lib ? (int (*)(int *))dlsym(lib, "cuDriverGetVersion") : NULL;
	by_name_1 *old = lib ? (by_name_1 *)dlsym(lib, "cuGetProcAddress") : NULL;
	int driver = 0;

	if (!lib || !version || version(&driver)) {
		printf("no driver\n");
		return 77;
	}
	ask = (by_name *)dlsym(lib, "cuGetProcAddress_v2");
	if (!ask || !old) {
		printf("no cuGetProcAddress\n");
		return 77;
	}
	all(lib, driver);
	/* Of itself, in both forms. */
	printf("itself %d", ask("cuGetProcAddress", &p, 12000, 0, NULL));
	printf(" %d", p == (void *)ask);
	printf(" %d", ask("cuGetProcAddress", &q, 11030, 0, NULL));
	printf(" %d\n", q == (void *)old);
	printf("by the old one %d", old("cuMemAlloc", &p, 11030, 0));
	printf(" %d\n", p == dlsym(lib, "cuMemAlloc_v2"));
	/* What is no name, or one of nobody; a version from the future; flags that mean nothing. */
	p = (void *)1;
	printf("empty %d", ask("", &p, 0, 0, NULL) != 0);
	printf(" unknown %d", ask("cuNoSuchThing", &p, 12000, 0, NULL) != 0);
	printf(" future %d", ask("cuMemAlloc", &p, 99000, 0, NULL) != 0);
	printf(" flags %d\n", ask("cuMemAlloc", &p, 12000, 1, NULL) == 0 && p == dlsym(lib, "cuMemAlloc_v2"));
	/* The global scope, and by version: nobody has given the driver's names one. RTLD_NEXT goes through untouched. */
	printf("default %d", dlsym(RTLD_DEFAULT, "cuMemAlloc_v2") == dlsym(lib, "cuMemAlloc_v2"));
	printf(" missing %d", dlsym(RTLD_DEFAULT, "cuNoSuchThing") == NULL);
	printf(" says %d", dlerror() != NULL);
	p = dlvsym(lib, "cuMemAlloc_v2", "GLIBC_2.2.5");
	printf(" versioned %d\n", p == NULL || p == dlsym(lib, "cuMemAlloc_v2"));
	return 0;
}

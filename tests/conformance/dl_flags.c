/*
 * Flags of dlopen, namespaces of dlmopen, and what dlinfo tells of handles that came from there.
 * build: -rdynamic
 */
#include "dl.h"

int flags_which = 1;

int flags_name(void)
{
	return 1;
}

static void ask(const char *what, void *h)
{
	int (*f)(void) = h ? (int (*)(void))dlsym(h, "flags_ask") : NULL;

	report(what, f ? f() : -1);
}

static void tell(void *h)
{
	struct link_map *map = NULL;
	Lmid_t space = -7;
	char origin[4096];
	Dl_serinfo size, *paths;
	int n = dlinfo(h, RTLD_DI_LINKMAP, &map);

	printf("dlinfo: %d %s", n, base_name(map->l_name));
	printf(" %d", dlinfo(h, RTLD_DI_LMID, &space));
	printf(" %d", space == LM_ID_BASE);
	n = dlinfo(h, RTLD_DI_ORIGIN, origin);
	printf(" %d %d", n, origin[0] == '/');
	n = dlinfo(h, RTLD_DI_SERINFOSIZE, &size);
	paths = malloc(size.dls_size);
	dlinfo(h, RTLD_DI_SERINFOSIZE, paths);
	printf(" %d", n);
	n = dlinfo(h, RTLD_DI_SERINFO, paths);
	printf(" %d %d\n", n, paths->dls_cnt == size.dls_cnt && size.dls_cnt > 0);
	free(paths);
}

int main(void)
{
	const int bad[] = { 0, 0x40000000, RTLD_GLOBAL };
	void *a, *b;

	ask("not loaded", dlopen("libdlflags.so", RTLD_NOLOAD | RTLD_NOW));
	a = dlopen("libdlflags.so", RTLD_LAZY);
	ask("lazy", a);
	tell(a);
	b = dlopen("libdlflags.so", RTLD_NOLOAD | RTLD_NOW | RTLD_GLOBAL);
	printf("same handle: %d, global now: %d\n", a == b, dlsym(RTLD_DEFAULT, "flags_ask") != NULL);
	report("closed", dlclose(a) || dlclose(b));
	report("loaded", dlopen("libdlflags.so", RTLD_NOLOAD | RTLD_NOW) != NULL);
	copy_library("libdlflags.so", "./deep.so");
	a = dlopen("./deep.so", RTLD_NOW | RTLD_DEEPBIND);
	ask("deep", a);
	dlclose(a);
	a = dlmopen(LM_ID_NEWLM, "libdlflags.so", RTLD_NOW);
	ask("another namespace", a);
	if (a)
		tell(a);
	b = dlmopen(LM_ID_BASE, "libdlflags.so", RTLD_NOW);
	printf("base namespace: %d\n", b != NULL && b != a);
	report("unknown namespace", dlmopen(12, "libdlflags.so", RTLD_NOW) != NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		report("odd flags", dlopen("libdlflags.so", bad[i]) != NULL);
	report("kept", dlopen("libdlflags.so", RTLD_NOW | RTLD_NODELETE) == b);
	report("closed", dlclose(b) || dlclose(b));
	report("still there", dlopen("libdlflags.so", RTLD_NOLOAD | RTLD_NOW) == b);
	return 0;
}

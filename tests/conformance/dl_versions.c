/*
 * dlvsym, old and new versions of one symbol; functions that are chosen while relocating; and the
 * hooked functions under the versions that they have in libc.
 */
#include "dl.h"

static void ask(void *h, const char *name, const char *version)
{
	int (*f)(void) = (int (*)(void))(version ? dlvsym(h, name, version) : dlsym(h, name));
	char what[100];

	snprintf(what, sizeof(what), "%s@%s", name, version ? version : "");
	report(what, f ? f() : -1);
}

int main(void)
{
	static const char *const names[] = { "dlopen", "dlsym", "malloc", "sigaction", "fork", "posix_spawn", "pthread_create", "exit" };
	static const char *const versions[] = { "GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.15" };
	int (*pointer)(void);
	char *(*copy)(size_t);
	void *h;

	copy_library("libdlversion.so", "./v.so");
	h = dlopen("./v.so", RTLD_NOW);
	ask(h, "version_value", NULL);
	ask(h, "version_value", "V_1");
	ask(h, "version_value", "V_2");
	ask(h, "version_value", "V_3");
	ask(h, "version_only_old", "V_1");
	ask(h, "version_only_old", "V_2");
	ask(h, "version_only_old", NULL);
	ask(h, "version_value_1", NULL);
	report("closed", dlclose(h));
	copy_library("libdlifunc.so", "./i.so");
	for (int now = 0; now < 2; now++) {
		h = dlopen("./i.so", now ? RTLD_NOW : RTLD_LAZY);
		ask(h, "ifunc_value", NULL);
		pointer = ((int (*(*)(void))(void))dlsym(h, "ifunc_pointer"))();
		printf("its own pointer: %d\n", pointer == (int (*)(void))dlsym(h, "ifunc_value"));
		copy = (char *(*)(size_t))dlsym(h, "ifunc_copy");
		printf("copy: %d\n", copy(100)[99]);
		report("closed", dlclose(h));
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (unsigned v = 0; v < sizeof(versions) / sizeof(*versions); v++) {
			h = dlvsym(RTLD_NEXT, names[i], versions[v]);
			printf("%s@%s: %s", names[i], versions[v], h ? "there" : "none");
			printf(" %s\n", strstr(say(dlerror()), "undefined symbol") ? "told" : "not told");
		}
	return 0;
}

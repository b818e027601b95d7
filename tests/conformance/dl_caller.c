/*
 * The caller of dlopen and dlsym decides what is found: its RUNPATH, its $ORIGIN, what comes
 * after it (RTLD_NEXT). The program itself does not find what its library finds.
 */
#include "dl.h"

int who(void)
{
	return 0;
}

static void tell(void *address)
{
	Dl_info info = { 0 };
	int n = dladdr(address, &info);

	printf("dladdr: %d %s %d\n", n != 0, base_name(info.dli_fname), info.dli_saddr == address);
}

int main(void)
{
	void *(*open_there)(const char *);
	int (*call)(void);
	void *caller, *h;

	mkdir("sub", 0755);
	mkdir("deep", 0755);
	copy_library("libdlcaller.so", "./libdlcaller.so");
	copy_library("libdlfar.so", "sub/libdlfaraway.so");
	copy_library("libdlfar.so", "deep/libdlorigin.so");
	printf("by the program: %s\n", dlopen("libdlfaraway.so", RTLD_NOW) ? "found" : say(dlerror()));
	caller = dlopen("./libdlcaller.so", RTLD_NOW);
	if (!caller) {
		puts(dlerror());
		return 1;
	}
	open_there = (void *(*)(const char *))dlsym(caller, "caller_open");
	h = open_there("libdlfaraway.so");
	printf("by the library's RUNPATH: %s\n", h ? "found" : say(dlerror()));
	call = (int (*)(void))dlsym(h, "far_value");
	printf("value %d\n", call ? call() : -1);
	h = open_there("$ORIGIN/deep/libdlorigin.so");
	printf("by $ORIGIN in the name: %s\n", h ? "found" : say(dlerror()));
	printf("${ORIGIN}: %d\n", open_there("${ORIGIN}/deep/libdlorigin.so") == h);
	call = (int (*)(void))dlsym(caller, "caller_next");
	printf("RTLD_NEXT of the library: %d\n", call());
	call = (int (*)(void))dlsym(caller, "caller_default");
	printf("RTLD_DEFAULT of the library: %d\n", call());
	printf("RTLD_NEXT of the program: %d\n", dlsym(RTLD_NEXT, "who") != NULL);
	printf("by handle: %d\n", ((int (*)(void))dlsym(caller, "who"))());
	h = dlopen(NULL, RTLD_NOW);
	printf("the program itself: %d %d\n", h != NULL, dlsym(h, "main") == (void *)main || !dlsym(h, "main"));
	printf("malloc is one: %d\n", dlsym(RTLD_DEFAULT, "malloc") == dlsym(h, "malloc"));
	tell((void *)open_there);
	tell(dlsym(RTLD_DEFAULT, "printf"));
	return 0;
}

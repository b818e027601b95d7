/*
 * A C++ exception that leaves a constructor passes dlopen's frames, and no other, on its way to
 * the program; dl calls work afterwards.
 * needs: g++
 */
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include <dlfcn.h>

struct Guard {
	const char *name;
	~Guard() { std::printf("unwound: %s\n", name); }
};

/* dlfcn.h says that dlopen does not throw, and the compiler would believe it. */
static void *(*volatile open_library)(const char *, int) = dlopen;

static void *load(const char *name)
{
	Guard guard{name};
	return open_library(name, RTLD_NOW);
}

int main()
{
	setenv("DL_THROW", "1", 1);
	try {
		load("libdlthrow.so");
		std::puts("not thrown");
	} catch (const std::exception &e) {
		std::printf("caught: %s\n", e.what());
	}
	unsetenv("DL_THROW");
	std::printf("missing: %d\n", load("libmissing_too.so") != nullptr);
	const char *text = dlerror();
	std::printf("error: %s\n", text ? text : "(none)");
	void *m = load("libm.so.6");
	std::printf("found: %d %d\n", m != nullptr, dlsym(m, "cos") != nullptr);
	return 0;
}

/*
 * Handlers and destructors of a library that is closed again before the end, and of threads that outlive it.
 */
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

static void say(const char *text) { if (write(1, text, __builtin_strlen(text)) < 0) _exit(97); }

struct Global {
	char *p = static_cast<char *>(std::malloc(200000));
	~Global() { say(" lib:global"); std::free(p); }
} global;

struct Local {
	char *p = static_cast<char *>(std::malloc(300000));
	~Local() { say(" lib:thread_local"); std::free(p); }
	void touch() { p[0] = 1; }
};
static thread_local Local local;

extern "C" void lib_touch(void) { local.touch(); }
extern "C" void lib_register(void) { std::atexit([] { say(" lib:atexit"); }); at_quick_exit([] { say(" lib:quick"); }); }

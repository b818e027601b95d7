// SPDX-License-Identifier: MIT
// What runs when a thread or the process ends: C++ thread_local and static objects, thread-specific
// keys (again and again), cleanup handlers, libraries that are closed in between; with allocations,
// signals and errors of the dynamic linker in each of them, after our own thread data may be thought gone.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <pthread.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

static void say(const char *text) { if (write(1, text, std::strlen(text)) < 0) _exit(97); }
static void nothing(int) {}

static void busy()
{
	std::vector<std::string> v(50, std::string(300, 'x'));
	errno = 4711;
	std::free(std::malloc(600000));
	if (errno != 4711)
		say(" errno!");
	if (!dlsym(RTLD_DEFAULT, "no_such_thing") && !dlerror())
		say(" dlerror!");
	std::raise(SIGUSR1);
}

struct Object {
	const char *name;
	std::string text = std::string(1000, 'y');
	explicit Object(const char *n) : name(n) {}
	~Object() { say(" "); say(name); busy(); }
};

static thread_local Object first{"thread_local 1"};
static thread_local Object second{"thread_local 2"};
static Object global{"static"};

static pthread_key_t key;
static thread_local int rounds;

static void specific(void *p)
{
	say(" key");
	busy();
	std::free(p);
	if (++rounds < 3)
		pthread_setspecific(key, std::malloc(100000));
}

static void cleanup(void *) { say(" cleanup"); busy(); }

static void *ends(void *how)
{
	pthread_cleanup_push(cleanup, nullptr);
	second.text += "z";
	first.text += "z";
	pthread_setspecific(key, std::malloc(64));
	if (how == reinterpret_cast<void *>(1))
		pthread_exit(nullptr);
	if (how == reinterpret_cast<void *>(2)) {
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
	pthread_cleanup_pop(0);
	return nullptr;
}

static void *library(void *)
{
	void *h = dlopen("libatexit.so", RTLD_NOW);

	if (!h) {
		say(dlerror());
		return nullptr;
	}
	reinterpret_cast<void (*)()>(dlsym(h, "lib_touch"))();
	dlclose(h);		/* stays until this thread has ended */
	say(" closed");
	return nullptr;
}

static void process(int how)
{
	Object automatic{"automatic"};
	pthread_t t;
	void *h = dlopen("libatexit.so", RTLD_NOW);

	std::atexit([] { say(" atexit"); busy(); });
	at_quick_exit([] { say(" quick"); busy(); });
	reinterpret_cast<void (*)()>(dlsym(h, "lib_register"))();
	first.text += "z";
	switch (how) {
	case 0: std::exit(3);
	case 1: std::quick_exit(4);
	case 2: std::_Exit(5);
	case 3: dlclose(h); say(" closed"); std::exit(6);
	case 4: pthread_create(&t, nullptr, [](void *) -> void * { std::exit(7); }, nullptr); pthread_join(t, nullptr); break;
	case 5: pthread_create(&t, nullptr, [](void *) -> void * { usleep(20000); say(" last"); return nullptr; }, nullptr); pthread_exit(nullptr);
	case 6: std::atexit([] { _exit(8); }); std::exit(9);
	case 7: std::atexit([] { std::raise(SIGKILL); }); std::exit(9);
	case 8: std::atexit([] { if (fork() == 0) std::exit(3); wait(nullptr); say(" waited"); }); std::exit(10);
	case 9: throw 1;
	}
}

int main()
{
	pthread_t thread;

	std::signal(SIGUSR1, nothing);
	pthread_key_create(&key, specific);
	for (long how = 0; how < 3; how++) {
		pthread_create(&thread, nullptr, ends, reinterpret_cast<void *>(how));
		pthread_join(thread, nullptr);
		say(" joined\n");
	}
	pthread_create(&thread, nullptr, library, nullptr);
	pthread_join(thread, nullptr);
	say(dlopen("libatexit.so", RTLD_NOW | RTLD_NOLOAD) ? " still loaded\n" : " gone\n");
	for (int how = 0; how < 10; how++) {
		int status;

		if (fork() == 0) {
			if (!std::freopen("/dev/null", "w", stderr))
				_exit(96);
			process(how);
		}
		wait(&status);
		std::printf(" -> %d: %x\n", how, status);
		std::fflush(stdout);
	}
	return 0;
}

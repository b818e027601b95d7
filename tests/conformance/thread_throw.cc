// SPDX-License-Identifier: MIT
// C++ exceptions, forced unwinding and std::thread across a thread's begin; uncaught ones in children.
#include <cstdio>
#include <cstdlib>
#include <csignal>
#include <exception>
#include <pthread.h>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

struct Guard {
	const char *name;
	~Guard() { std::printf("%s left\n", name); }
};

static void *exits(void *p)
{
	Guard g{"exits"};
	try {
		pthread_exit(p);
	} catch (...) {
		std::printf("forced unwinding seen\n");
		throw;
	}
}

static void *catches(void *)
{
	try {
		Guard g{"catches"};
		throw std::runtime_error("inside");
	} catch (const std::exception &e) {
		std::printf("caught %s\n", e.what());
	}
	return nullptr;
}

static void *escapes(void *)
{
	throw std::logic_error("nobody catches this");
}

static void *pauses(void *)
{
	Guard g{"pauses"};
	for (;;)
		pause();
}

static void child(const char *name, void (*f)())
{
	int status = 0;

	std::fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		if (!std::freopen("/dev/null", "w", stderr))
			_exit(9);
		f();
		std::fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	std::printf("%s: %#x\n", name, status & 0x7f);
}

static void in_thread(void *(*f)(void *))
{
	pthread_t t;
	pthread_create(&t, nullptr, f, nullptr);
	pthread_join(t, nullptr);
}

int main()
{
	in_thread(exits);
	in_thread(catches);
	pthread_t t;
	pthread_create(&t, nullptr, pauses, nullptr);
	usleep(10000);
	pthread_cancel(t);
	pthread_join(t, nullptr);
	std::thread([] { std::printf("lambda\n"); }).join();
	child("escapes a thread", [] { in_thread(escapes); });
	child("escapes std::thread", [] { std::thread([] { throw 42; }).join(); });
	child("escapes main", [] { throw std::runtime_error("x"); });
	child("terminate handler", [] {
		std::set_terminate([] { std::printf("in terminate\n"); std::fflush(stdout); std::_Exit(3); });
		in_thread(escapes);
	});
	child("noexcept", [] { []() noexcept { throw 1; }(); });
	child("rethrown", [] {
		std::exception_ptr p = std::make_exception_ptr(std::runtime_error("kept"));
		std::rethrow_exception(p);
	});
}

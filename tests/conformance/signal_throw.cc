/* SPDX-License-Identifier: MIT */
/* build: -fnon-call-exceptions -fasynchronous-unwind-tables */
/* Handlers of faults throw C++ exceptions, on the stack of the fault and on an alternate one: they are caught as ever. */
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <pthread.h>
static volatile int zero;

static void handler(int sig, siginfo_t *, void *)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, sig);
	pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
	throw std::runtime_error("from the handler");
}

struct Guard {
	const char *name;
	~Guard() { printf("left %s\n", name); }
};

__attribute__((noinline)) static int divide(int a) { return a / zero; }
__attribute__((noinline)) static int read(long at) { return *(volatile int *)at; }

static void *run(void *name)
{
	for (int i = 0; i < 6; i++) {
		try {
			Guard guard{(const char *)name};

			printf("%d\n", i < 3 ? divide(i) : read(8));
		} catch (std::exception &e) {
			printf("%s: caught %s\n", (const char *)name, e.what());
		}
	}
	return nullptr;
}

static void in_both(const char *main, const char *thread)
{
	pthread_t t;

	run((void *)main);
	pthread_create(&t, nullptr, run, (void *)thread);
	pthread_join(t, nullptr);
}

int main()
{
	static char memory[65536];
	struct sigaction act = {};
	stack_t stack = {};

	act.sa_sigaction = handler;
	act.sa_flags = SA_SIGINFO;
	sigaction(SIGFPE, &act, nullptr);
	sigaction(SIGSEGV, &act, nullptr);
	in_both("main", "a thread");
	act.sa_flags |= SA_ONSTACK;
	sigaction(SIGFPE, &act, nullptr);
	sigaction(SIGSEGV, &act, nullptr);
	in_both("main, SA_ONSTACK", "a thread, SA_ONSTACK");
	stack.ss_sp = memory;
	stack.ss_size = sizeof(memory);
	sigaltstack(&stack, nullptr);
	in_both("main with an alternate stack", "a thread without");
}

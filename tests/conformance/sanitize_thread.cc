// SPDX-License-Identifier: MIT
// build: -fsanitize=thread
// native: yes
// A program that is built with ThreadSanitizer: no race where there is none, one where there is one.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

static std::mutex lock;
static int shared, racy;
static std::atomic<int> handled;

static void handler(int) { handled++; }

static void good()
{
	for (int i = 0; i < 1000; i++) {
		std::lock_guard<std::mutex> hold(lock);
		void *p = std::malloc(64);
		std::memset(p, shared++, 64);
		std::free(p);
	}
}

static void bad()
{
	for (int i = 0; i < 1000; i++)
		racy++;
}

static void both(void (*f)(), const char *what)
{
	std::fflush(stdout);
	if (pid_t pid = fork()) {
		int status;
		waitpid(pid, &status, 0);
		std::printf("%s: status %x\n", what, status);
		return;
	}
	if (!std::freopen("/dev/null", "w", stderr))
		std::abort();
	std::vector<std::thread> threads;
	for (int i = 0; i < 3; i++)
		threads.emplace_back(f);
	for (auto &t : threads)
		t.join();
	std::exit(0);
}

int main()
{
	std::signal(SIGUSR1, handler);
	std::raise(SIGUSR1);
	std::printf("handled %d\n", handled.load());
	both(good, "no race");
	both(bad, "a race");
	return 0;
}

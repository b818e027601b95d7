/* SPDX-License-Identifier: MIT */
/* See apart.h. */
#include "analyzer/apart.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/reach.h"

#define MOST_MOMENTS 200

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_limits(int64_t ms, size_t memory)
{
	const struct rlimit none = { 0, 0 };
#if !defined(__SANITIZE_ADDRESS__)	/* its shadow alone needs more */
	const struct rlimit most = { memory, memory };

	setrlimit(RLIMIT_DATA, &most);
#endif
	(void)memory;
	setrlimit(RLIMIT_CORE, &none);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	alarm((unsigned)(ms / 1000 + 1));
}

static bool receive(int from, int64_t ms, size_t bytes, struct text *answer)
{
	const int64_t deadline = now_ms() + ms;
	const size_t most = answer->n + bytes;
	char piece[65536];

	while (answer->n < most) {
		struct pollfd p = { .fd = from, .events = POLLIN };
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		n = read(from, piece, sizeof(piece));
		if (n <= 0)
			return true;
		text_add_n(answer, piece, (size_t)n);
	}
	return true;
}

/* One that waits in the kernel where not even SIGKILL ends it is left behind. */
static void bury(pid_t pid)
{
	for (int i = 0; i < MOST_MOMENTS && waitpid(pid, NULL, WNOHANG) == 0; i++)
		nanosleep(&(struct timespec){0, 20000l << (i < 9 ? i : 9)}, NULL);	/* 20 µs at first, then 10 ms */
}

bool apart(apart_work *work, void *arg, int64_t ms, size_t memory, size_t bytes, struct text *answer)
{
	bool ended = false;
	pid_t pid;
	int fd[2];

	if (pipe(fd) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		set_limits(ms, memory);
		reach_alone();
		work(arg, fd[1]);
		_exit(0);
	}
	close(fd[1]);
	if (pid > 0) {
		ended = receive(fd[0], ms, bytes, answer);
		kill(pid, SIGKILL);
		bury(pid);
	}
	close(fd[0]);
	return ended;
}

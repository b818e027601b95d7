/* SPDX-License-Identifier: MIT */
/* See demangle.h. */
#include "analyzer/demangle.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_NAME	2048	/* mangled */
#define FEW_PARTS	24	/* the output cannot grow beyond some MiB */
#define MILLISECONDS	500	/* for one name of many parts */
#define MOST_FAILURES	3	/* after these, no further one is tried */
#define MOST_MEMORY	(256u << 20)

/* In libstdc++ (C++ ABI, 3.4): returns memory of malloc. */
extern char *__cxa_demangle(const char *mangled, char *buffer, size_t *size, int *status);

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool here(const char *name, char *to, size_t room)
{
	int status = 1;
	char *plain = __cxa_demangle(name, NULL, NULL, &status);
	bool good = status == 0 && plain;

	if (good) {
		size_t n = strnlen(plain, room - 1);

		memcpy(to, plain, n);
		to[n] = '\0';
	}
	free(plain);
	return good;
}

static void in_child(const char *name, char *to, size_t room, int fd)
{
	const struct rlimit none = { 0, 0 };
#if !defined(__SANITIZE_ADDRESS__)	/* its shadow alone needs more */
	const struct rlimit memory = { MOST_MEMORY, MOST_MEMORY };

	setrlimit(RLIMIT_DATA, &memory);
#endif
	setrlimit(RLIMIT_CORE, &none);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	alarm(MILLISECONDS / 1000 + 1);
	if (here(name, to, room) && write(fd, to, strlen(to)) < 0)
		_exit(1);
	_exit(0);
}

/* What the child wrote until its end or the deadline; at most as much as a pipe holds, so it never waits for us. */
static bool receive(int fd, char *to, size_t room)
{
	int64_t deadline = now_ms() + MILLISECONDS;
	size_t n = 0;

	while (n < room - 1) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		got = read(fd, to + n, room - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	to[n] = '\0';
	return n != 0;
}

static bool apart(const char *name, char *to, size_t room)
{
	static unsigned failures;
	bool good = false;
	pid_t pid;
	int fd[2];

	if (failures >= MOST_FAILURES || pipe(fd) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		in_child(name, to, room, fd[1]);
	close(fd[1]);
	if (pid > 0) {
		good = receive(fd[0], to, room);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(fd[0]);
	failures += !good;
	return good;
}

bool demangle(const char *name, char *to, size_t room)
{
	unsigned parts = 0;
	size_t n = 0;

	for (; name[n] && n < LONGEST_NAME; n++)
		parts += name[n] == 'S' || name[n] == 'T';
	if (n == LONGEST_NAME)
		return false;
	return parts <= FEW_PARTS ? here(name, to, room) : apart(name, to, room);
}

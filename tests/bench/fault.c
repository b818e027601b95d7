/* SPDX-License-Identifier: MIT */
/*
 * From fault to end: fault COMMAND…, prints the milliseconds between the time that COMMAND
 * printed as its last line (CLOCK_MONOTONIC, nanoseconds) and the moment when its death was known
 * to us. Without a command: a small program that faults at once.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int die(void)
{
	volatile int *nowhere = NULL;

	printf("%llu\n", (unsigned long long)now());
	fflush(stdout);
	*nowhere = 1;
	return 0;
}

int main(int argc, char **argv)
{
	static char text[1 << 16];
	const char *preload = getenv("BENCH_PRELOAD");
	size_t n = 0;
	ssize_t got;
	uint64_t start;
	int fds[2], status;
	pid_t pid;
	char *line;

	if (argc == 2 && strcmp(argv[1], "--die") == 0)
		return die();
	if (pipe(fds))
		return 1;
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		if (argc > 1)
			execvp(argv[1], argv + 1);
		else
			execl("/proc/self/exe", "fault", "--die", NULL);
		_exit(127);
	}
	close(fds[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	start = now();
	while (n < sizeof(text) - 1 && (got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	line = strrchr(text, '\n');
	if (!WIFSIGNALED(status)) {
		fprintf(stderr, "fault: the command did not die of a signal (status %d)\n", status);
		return 1;
	}
	printf("%.3f\n", (double)(start - strtoull(line ? line + 1 : text, NULL, 10)) / 1e6);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* No descriptor to be had (RLIMIT_NOFILE), and standard descriptors closed before the program starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int look(const char *what)
{
	char line[128];
	int a = open("/dev/null", O_RDONLY), e1 = errno, b = open("/dev/null", O_RDONLY), e2 = errno, n;

	n = snprintf(line, sizeof(line), "%s: %d %d, %d %d\n", what, a, a < 0 ? e1 : 0, b, b < 0 ? e2 : 0);
	free(malloc(5 << 20));
	return write(1, line, (size_t)n) == n ? 0 : write(2, line, (size_t)n) == n ? 0 : 7;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		struct rlimit three = { 3, 3 };

		if (argv[1][0] == 't' && setrlimit(RLIMIT_NOFILE, &three))
			return 8;
		return look(argv[1]);
	}
	for (int how = 0; how < 5; how++) {
		const char *names[] = { "three", "four", "no stdin", "no stderr", "two left out" };
		struct rlimit four = { 4, 4 };
		int status;
		pid_t child;

		child = fork();
		if (child == 0) {
			if (how == 1 && setrlimit(RLIMIT_NOFILE, &four))
				_exit(8);
			if (how == 2 || how == 4)
				close(0);
			if (how == 3 || how == 4)
				close(2);
			execl("/proc/self/exe", argv[0], names[how], (char *)NULL);
			_exit(9);
		}
		waitpid(child, &status, 0);
		printf("status %x\n", status);
		fflush(stdout);
	}
	return 0;
}

/* build: -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-inline */
/* cause: none */
/* stack: outermost_of_three */
/* stopped: 0 */
/* release: line */
/* output: slept, 29 */
/* SPDX-License-Identifier: MIT */
/*
 * Functions whose frames are as large as an argument says: where each one's caller is, only its frame pointer tells.
 * Nothing else than pc and sp is known of a thread that sleeps.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

static int wait_for_line(int n)
{
	char room[n];
	struct pollfd p = { .fd = 0, .events = POLLIN };

	memset(room, n, (size_t)n);
	while (poll(&p, 1, -1) < 1)
		;
	return room[n - 1];
}

static int (*volatile waits)(int n) = wait_for_line;

static int middle_of_three(int n)
{
	char room[n + 1];

	memset(room, n, (size_t)n + 1);
	return waits(n - 1) + room[n];
}

int outermost_of_three(int n)
{
	char room[n + 1];

	memset(room, 0, (size_t)n + 1);
	return middle_of_three(n - 1) + room[n];
}

int main(int argc, char **argv)
{
	(void)argv;
	puts("ready");
	fflush(stdout);
	printf("slept, %d\n", outermost_of_three(argc + 15));
	return 0;
}

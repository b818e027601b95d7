/* SPDX-License-Identifier: MIT */
/* build: -fsanitize=undefined */
/* native: yes */
/* A program that is built with UndefinedBehaviorSanitizer: the same lines, and it goes on. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	volatile int big = INT_MAX, shift = 40 + argc;
	int *null = argc > 5 ? (int *)argv : NULL;

	dup2(1, 2);
	big++;
	printf("%d\n", big != 0);
	fflush(stdout);
	printf("%d\n", (1 << shift) == 3);
	printf("%d\n", null ? *null : 7);
	free(malloc(10));
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Endless recursion in the main thread. */
#include <stdio.h>

static int dig(volatile int n)
{
	volatile char room[2000];

	room[n % 2000] = (char)n;
	return dig(n + 1) + room[7];
}

int main(void)
{
	printf("%d\n", dig(0));
	return 0;
}

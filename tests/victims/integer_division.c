/* SPDX-License-Identifier: MIT */
/* needs: x86_64 */
/* Integer division by zero, the number of rows being 0. */
#include <stdio.h>

static int mean(volatile int sum, volatile int rows)
{
	return sum / rows;
}

int main(int argc, char **argv)
{
	(void)argv;
	printf("%d\n", mean(17, argc - 1));
	return 0;
}

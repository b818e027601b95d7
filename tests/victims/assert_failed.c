/* SPDX-License-Identifier: MIT */
/* An assertion of the program's own. */
#include <assert.h>

static void check(int columns)
{
	assert(columns == 3 && "the table has three columns");
}

int main(int argc, char **argv)
{
	(void)argv;
	check(argc + 3);
	return 0;
}

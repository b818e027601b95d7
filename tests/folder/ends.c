/* SPDX-License-Identifier: MIT */
/* Ends as it is told: abort, well, or, after "ready", when stdin ends (wait). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "well";

	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "wait") == 0) {
		puts("ready");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	return 0;
}

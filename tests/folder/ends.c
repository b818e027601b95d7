/* SPDX-License-Identifier: MIT */
/* Ends as it is told: abort, well, or, after "ready", when stdin ends (wait); well, when its traces cannot be reached any
 * more (moved: as after a chroot, or as another user). */
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
	if (strcmp(how, "moved") == 0) {
		const char *from = getenv("KSHIM_DIR");
		char to[4096];

		snprintf(to, sizeof(to), "%s.moved", from);
		return rename(from, to) != 0;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Options, the order of things, exit status. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/dump.h"
#include "analyzer/error.h"
#include "analyzer/trace.h"
#include "shim/release.h"

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dump", no_argument, NULL, 'd' },
		{ "list-events", no_argument, NULL, 'e' },
		{ NULL, 0, NULL, 0 },
	};
	int c, dumping = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'e') {
			dump_event_table(stdout);
			return EXIT_REPORT;
		}
		if (c != 'd')
			return EXIT_USAGE;
		dumping = 1;
	}
	for (; dumping && optind < argc; optind++) {
		const char *why;
		struct trace *t = trace_open(argv[optind], &why);

		if (!t)
			die(EXIT_NO_TRACE, "%s: %s", argv[optind], why);
		dump(t, stdout);
		trace_close(t);
	}
	return EXIT_REPORT;
}

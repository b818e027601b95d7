/* SPDX-License-Identifier: MIT */
/* One line on stderr for each of the four situations of error.h. */
#include "analyzer/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/text.h"

/* One line, whatever names it holds. It may have to say that there is no memory: from none that is allocated. */
static void say(const char *kind, const char *format, va_list args)
{
	char line[4096];

	vsnprintf(line, sizeof(line), format, args);
	fprintf(stderr, "kshim-analyze: %s", kind);
	for (const char *p = line; *p;) {
		size_t good = utf8_printable(p, strlen(p));

		if (good)
			fwrite(p, 1, good, stderr);
		else
			fputc('?', stderr);
		p += good ? good : 1;
	}
	fputc('\n', stderr);
}

void die(enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
	exit(status);
}

void error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
}

void warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("warning: ", format, args);
	va_end(args);
}

void bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "kshim-analyze: bug at %s:%d: %s\n", file, line, what);
	abort();
}

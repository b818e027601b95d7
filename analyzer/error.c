/* SPDX-License-Identifier: MIT */
/* One line on stderr for each of the four situations of error.h. */
#include "analyzer/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void say(const char *kind, const char *format, va_list args)
{
	fprintf(stderr, "kshim-analyze: %s", kind);
	vfprintf(stderr, format, args);
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

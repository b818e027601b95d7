/* SPDX-License-Identifier: MIT */
/*
 * Four words for four situations: BUG() is our fault, die() the user's situation, error() and
 * warning() go on. All go to stderr as one line. A damaged trace is none of them: it is data.
 */
#ifndef ERROR_H
#define ERROR_H

enum exit_status {
	EXIT_REPORT	= 0,	/* a report was printed, "unknown" and "did not die" included */
	EXIT_USAGE	= 2,
	EXIT_NO_TRACE	= 3,	/* no such trace, or not readable as one */
};

void die(enum exit_status status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bug(const char *file, int line, const char *what) __attribute__((noreturn));
#define BUG(what) bug(__FILE__, __LINE__, what)

#endif

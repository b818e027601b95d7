/* SPDX-License-Identifier: MIT */
/* See demangle.h. */
#include "analyzer/demangle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/apart.h"

#define LONGEST_NAME	2048	/* mangled */
#define FEW_PARTS	24	/* the output cannot grow beyond some MiB */
#define MILLISECONDS	500	/* for one name of many parts */
#define MOST_FAILURES	3	/* after these, no further one is tried */
#define MOST_MEMORY	(256u << 20)

/* In libstdc++ (C++ ABI, 3.4): returns memory of malloc. */
extern char *__cxa_demangle(const char *mangled, char *buffer, size_t *size, int *status);

static bool here(const char *name, char *to, size_t room)
{
	int status = 1;
	char *plain = __cxa_demangle(name, NULL, NULL, &status);
	bool good = status == 0 && plain;

	if (good) {
		size_t n = strnlen(plain, room - 1);

		memcpy(to, plain, n);
		to[n] = '\0';
	}
	free(plain);
	return good;
}

struct name {
	const char *mangled;
	size_t room;
};

static void write_plain(void *arg, int fd)
{
	const struct name *name = arg;
	char *to = malloc(name->room);

	if (to && here(name->mangled, to, name->room) && write(fd, to, strlen(to)) < 0)
		_exit(1);
}

static bool elsewhere(const char *mangled, char *to, size_t room)
{
	static unsigned failures;
	struct name name = { mangled, room };
	struct text plain = { 0 };
	bool good = failures < MOST_FAILURES && apart(write_plain, &name, MILLISECONDS, MOST_MEMORY, room, &plain) && plain.n;

	if (good) {
		size_t n = plain.n < room - 1 ? plain.n : room - 1;

		memcpy(to, text_get(&plain), n);
		to[n] = '\0';
	}
	text_free(&plain);
	failures += !good;
	return good;
}

bool demangle(const char *name, char *to, size_t room)
{
	unsigned parts = 0;
	size_t n = 0;

	for (; name[n] && n < LONGEST_NAME; n++)
		parts += name[n] == 'S' || name[n] == 'T';
	if (n == LONGEST_NAME)
		return false;
	return parts <= FEW_PARTS ? here(name, to, room) : elsewhere(name, to, room);
}

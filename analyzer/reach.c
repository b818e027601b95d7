/* SPDX-License-Identifier: MIT */
/* See reach.h: the side that touches files. */
#include "analyzer/reach.h"
#include "analyzer/reach_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct reach alone;		/* nobody watches */
struct reach *reach_shared = &alone;

static bool lies_in(const char *path, const char *place)
{
	size_t n = strlen(place);

	return strncmp(path, place, n) == 0 && (path[n] == '/' || !path[n] || (n && place[n - 1] == '/'));
}

bool reach_begin(const char *path)
{
	struct reach *r = reach_shared;

	for (unsigned i = 0; i < r->nsilent; i++) {
		if (r->all || lies_in(path, r->silent[i])) {
			errno = EHOSTDOWN;
			return false;
		}
	}
	snprintf(r->path, sizeof(r->path), "%s", path);
	__atomic_fetch_add(&r->turn, 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&r->depth, 1, __ATOMIC_RELEASE);
	return true;
}

void reach_end(void)
{
	__atomic_fetch_sub(&reach_shared->depth, 1, __ATOMIC_RELEASE);
}

void reach_comes_on(void)
{
	__atomic_fetch_add(&reach_shared->turn, 1, __ATOMIC_RELEASE);
}

void reach_alone(void)
{
	if (reach_shared != &alone)
		alone = *reach_shared;
	reach_shared = &alone;
}

int reach_stat(const char *path, struct stat *st)
{
	int result;

	if (!reach_begin(path))
		return -1;
	result = stat(path, st);
	reach_end();
	return result;
}

bool reach_is_file(const char *path)
{
	struct stat st;

	return reach_stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int reach_open(const char *path)
{
	int fd;

	if (!reach_begin(path))
		return -1;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	reach_end();
	return fd;
}

DIR *reach_dir(const char *path)
{
	DIR *dir;

	if (!reach_begin(path))
		return NULL;
	dir = opendir(path);
	if (!dir)
		reach_end();
	return dir;
}

void reach_dir_close(DIR *dir)
{
	closedir(dir);
	reach_end();
}

const char *reach_silent(unsigned i)
{
	return i < reach_shared->nsilent ? reach_shared->silent[i] : NULL;
}

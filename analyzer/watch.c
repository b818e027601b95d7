/* SPDX-License-Identifier: MIT */
/*
 * See reach.h: the side that waits. A child that has touched a file, has not come back from it for
 * SILENT_MS and sleeps in the kernel all that time is ended, and another one begins anew, without the
 * place where that file lies. One that computes, or only gets no CPU, is left in peace.
 */
#include "analyzer/reach_private.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/error.h"

#define SILENT_MS 3000
#define LOOK_MS 200
#define MOST_LINKS 40
#define MOST_MOUNTS (1u << 20)		/* bytes of mountinfo */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- where a path leaves this machine --- */

static bool is_remote(const char *type)
{
	static const char *const types[] = {"nfs", "fuse", "cifs", "smb", "9p", "ceph", "lustre", "afs", "autofs", "gpfs",
					    "beegfs", "glusterfs", "virtiofs", "orangefs", "ocfs2", "gfs2", "coda", NULL};

	for (int i = 0; types[i]; i++)
		if (strncmp(type, types[i], strlen(types[i])) == 0)
			return true;
	return false;
}

/* A mount point as mountinfo writes it ("\040" for a space) against a path. */
static bool is_mount(const char *word, size_t n, const char *path)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++, at++) {
		unsigned char c = (unsigned char)word[i];

		if (c == '\\' && n - i > 3) {
			c = (unsigned char)((word[i + 1] - '0') << 6 | (word[i + 2] - '0') << 3 | (word[i + 3] - '0'));
			i += 3;
		}
		if ((unsigned char)path[at] != c)
			return false;
	}
	return !path[at];
}

/* Is another machine's file system mounted there? "ID PARENT DEV ROOT POINT OPTIONS … - TYPE …" (proc(5)) */
static bool remote_at(const char *mountinfo, const char *path)
{
	for (const char *line = mountinfo; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *point = line, *type = strstr(line, " - ");

		for (int i = 0; i < 4; i++)
			point += strcspn(point, " \n"), point += *point == ' ';
		if (type && type < line + strcspn(line, "\n") && is_mount(point, strcspn(point, " \n"), path) && is_remote(type + 3))
			return true;
	}
	return false;
}

/* Walks a path as the kernel does, and stops before it would touch what another machine serves. */
void reach_culprit(const char *path, const char *mountinfo, char *to, size_t room)
{
	char rest[2 * REACH_PATH], real[REACH_PATH] = "", link[REACH_PATH];
	size_t own = strlen(path);		/* what of rest is still the path's own end */
	unsigned links = 0;

	snprintf(rest, sizeof(rest), "%s", path);
	snprintf(to, room, "%.*s", (int)(strrchr(path, '/') && strrchr(path, '/') > path ? strrchr(path, '/') - path : 1), path);
	for (char *p = rest; *(p += strspn(p, "/"));) {
		size_t n = strcspn(p, "/"), had = strlen(real), left = strlen(p + n);
		ssize_t got;

		if (had + n + 2 >= sizeof(real))
			return;
		if (n <= 2 && strncmp(p, "..", n) == 0) {
			if (n == 2 && had)
				*strrchr(real, '/') = '\0';
			p += n;
			continue;
		}
		snprintf(real + had, sizeof(real) - had, "/%.*s", (int)n, p);
		if (remote_at(mountinfo, real)) {
			snprintf(to, room, "%.*s", (int)(strlen(path) - (left < own ? left : own)), path);
			return;
		}
		got = readlink(real, link, sizeof(link) - 1);
		if (got > 0 && links++ < MOST_LINKS && (size_t)got + left + 1 < sizeof(rest)) {
			own = left < own ? left : own;
			real[link[0] == '/' ? 0 : had] = '\0';
			memmove(rest + got, p + n, left + 1);
			memcpy(rest, link, (size_t)got);
			p = rest;
			continue;
		}
		p += n;
	}
}

/* --- watching --- */

static void read_text(const char *path, char *to, size_t room)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(to, 1, room - 1, f) : 0;

	to[n] = '\0';
	if (f)
		fclose(f);
}

/* Waits in the kernel: a call that does not come back. */
static bool sleeps(pid_t pid)
{
	char path[32], stat[512], *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_text(path, stat, sizeof(stat));
	state = strrchr(stat, ')');
	return state && state[1] && (state[2] == 'D' || state[2] == 'S');
}

static void wait_a_moment(int ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &t);
}

static bool ended(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

/* true: it ended. false: it waits at a file for too long. */
static bool watch(const struct reach *r, pid_t pid, int *status)
{
	int64_t since = now_ms();
	unsigned turn = 0;

	while (!ended(pid, status)) {
		unsigned now = __atomic_load_n(&r->turn, __ATOMIC_ACQUIRE);

		if (now != turn || !__atomic_load_n(&r->depth, __ATOMIC_ACQUIRE) || !sleeps(pid)) {
			turn = now;
			since = now_ms();
		} else if (now_ms() - since > SILENT_MS) {
			return false;
		}
		wait_a_moment(LOOK_MS);
	}
	return true;
}

/* SIGKILL ends such a wait, on the file systems that are in use; one that it does not is left behind. */
static bool end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	for (int i = 0; i < 10; i++) {
		if (ended(pid, &status))
			return true;
		wait_a_moment(LOOK_MS);
	}
	return false;
}

static void leave_out(struct reach *r)
{
	char *mounts = calloc(1, MOST_MOUNTS), place[REACH_PATH];

	if (!mounts || r->nsilent == REACH_MOST_SILENT)
		_exit(EXIT_NO_TRACE);
	read_text("/proc/self/mountinfo", mounts, MOST_MOUNTS);
	reach_culprit(r->path, mounts, place, sizeof(place));
	free(mounts);
	warning("%s does not answer: what lies there is not looked at", place);
	snprintf(r->silent[r->nsilent], sizeof(r->silent[0]), "%s", place);
	r->nsilent++;
	r->all = r->nsilent == REACH_MOST_SILENT;
	r->depth = 0;
}

static void end_as(int status)
{
	const struct rlimit none = {0, 0};

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none);
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

void reach_watch(void)
{
	struct reach *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigset_t child, before;
	int status;

	if (r == MAP_FAILED)
		return;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	reach_shared = r;
	for (;;) {
		const pid_t parent = getpid(), pid = fork();

		if (pid <= 0) {
			sigprocmask(SIG_SETMASK, &before, NULL);
			if (pid == 0)
				prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (pid == 0 && getppid() != parent)
				_exit(EXIT_NO_TRACE);
			return;
		}
		if (watch(r, pid, &status))
			end_as(status);
		end(pid);
		leave_out(r);
	}
}

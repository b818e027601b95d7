/* SPDX-License-Identifier: MIT */
/* A pid may belong to somebody else by now: its start, the boot and the namespace decide (proc(5),
 * pid_namespaces(7)). */
#include "analyzer/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/error.h"
#include "analyzer/text.h"

#define INITIAL_PID_NAMESPACE 4026531836u /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

/* The boot id of this machine now; asked once, since --list asks for thousands of traces. */
static const uint8_t *boot_id(void)
{
	static enum { NOT_ASKED, KNOWN, UNREADABLE } state;
	static uint8_t now[16];
	unsigned n = 0, byte;
	char text[64] = "";
	FILE *f;

	if (state != NOT_ASKED)
		return state == KNOWN ? now : NULL;
	state = UNREADABLE;
	f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!f)
		return NULL;
	if (!fgets(text, sizeof(text), f))
		*text = '\0';
	fclose(f);
	for (const char *p = text; *p && n < sizeof(now); p += *p == '-' ? 1 : 2) {
		if (*p == '-')
			continue;
		if (sscanf(p, "%2x", &byte) != 1)
			break;
		now[n++] = (uint8_t)byte;
	}
	state = n == sizeof(now) ? KNOWN : UNREADABLE;
	return state == KNOWN ? now : NULL;
}

static bool same_boot(const struct ks_header *h)
{
	static const uint8_t unknown[16];
	const uint8_t *now;

	if (memcmp(h->boot_id, unknown, sizeof(unknown)) == 0)
		return true;
	now = boot_id();
	return !now || memcmp(h->boot_id, now, sizeof(h->boot_id)) == 0;
}

/* --- processes of other pid namespaces, as far as they are seen from here --- */

struct foreign {
	uint64_t space, start;		/* of its namespace's inode; field 22 of /proc/PID/stat */
	unsigned pid;			/* there */
};

static struct {
	bool read;
	uint64_t own;			/* our namespace; 0: not known */
	struct foreign *seen;
	size_t n, room;
} spaces;

static uint64_t space_of(const char *process)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/pid", process);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* State and start of /proc/PROCESS. */
static bool read_stat(const char *process, char *state, unsigned long long *start)
{
	char path[64], text[1024];
	const char *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", process);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	return p && sscanf(p + 1,
			   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			   "%*d %llu",
			   state, start) == 2;
}

/* Its number in the innermost namespace: the last one of NSpid. */
static unsigned inner_pid(const char *process)
{
	char path[64], line[512];
	unsigned pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/status", process);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *last = strrchr(line, '\t');

		if (strncmp(line, "NSpid:", 6) == 0 && last) {
			pid = (unsigned)strtoul(last + 1, NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return pid;
}

static void read_foreign(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	spaces.read = true;
	spaces.own = space_of("self");
	while (dir && (d = readdir(dir))) {
		struct foreign f = {.pid = 0};
		unsigned long long start;
		char state;

		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		f.space = space_of(d->d_name);
		if (!f.space || f.space == spaces.own || !read_stat(d->d_name, &state, &start) || state == 'Z' ||
		    state == 'X')
			continue;
		f.pid = inner_pid(d->d_name);
		f.start = start;
		spaces.seen = grow(spaces.seen, spaces.n, &spaces.room, sizeof(f));
		spaces.seen[spaces.n++] = f;
	}
	if (dir)
		closedir(dir);
}

static bool foreign_alive(const struct ks_header *h)
{
	if (!spaces.read)
		read_foreign();
	for (size_t i = 0; i < spaces.n; i++)
		if (spaces.seen[i].space == h->pid_namespace && spaces.seen[i].pid == h->pid &&
		    (!h->start_ticks || spaces.seen[i].start == h->start_ticks))
			return true;
	return false;
}

static bool is_foreign(const struct ks_header *h)
{
	static uint64_t own;

	if (!own)
		own = space_of("self");
	return h->pid_namespace && own && h->pid_namespace != own;
}

bool process_hidden(const struct ks_header *h)
{
	return is_foreign(h) && same_boot(h) && space_of("self") != INITIAL_PID_NAMESPACE && !foreign_alive(h);
}

bool process_alive(const struct ks_header *h)
{
	unsigned long long start = 0;
	char process[16], state;

	if (!h->pid || !same_boot(h))
		return false;
	if (is_foreign(h))
		return foreign_alive(h);
	snprintf(process, sizeof(process), "%u", h->pid);
	return read_stat(process, &state, &start) && state != 'Z' && state != 'X' &&
	       (!h->start_ticks || start == h->start_ticks);
}

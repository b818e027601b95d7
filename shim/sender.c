/* SPDX-License-Identifier: MIT */
/* See sender.h. */
#include "shim/sender.h"

#include "shim/safe.h"
#include "shim/surroundings.h"

static long read_of(uint32_t pid, const char *file, char *buf, size_t size)
{
	char path[64], *end = path + sizeof(path);

	ks_put(ks_put(ks_put_dec(ks_put(path, end, "/proc/"), end, pid, 1), end, "/"), end, file);
	return ks_read_file(path, buf, size);
}

/* "pid (comm) state ppid …"; comm may hold anything, also parentheses: the last one counts. */
static uint32_t read_stat(uint32_t pid, char name[16])
{
	char stat[320], *from, *to;
	size_t size;

	name[0] = '\0';
	if (read_of(pid, "stat", stat, sizeof(stat)) <= 0)
		return 0;
	from = strchr(stat, '(');
	to = strrchr(stat, ')');
	if (!from || !to || to < from || strlen(to) < 5)
		return 0;
	size = (size_t)(to - from - 1);
	if (size > 15)
		size = 15;
	memcpy(name, from + 1, size);
	name[size] = '\0';
	return (uint32_t)ks_number(to + 4, NULL);
}

void ks_sender_read(uint32_t pid, struct ks_sender *s)
{
	unsigned state = 0;
	char *p = s->argv;
	long n;

	memset(s, 0, sizeof(*s));
	s->pid = pid;
	if (!pid)
		return;
	s->ppid = read_stat(pid, s->name);
	if (s->ppid)
		read_stat(s->ppid, s->parent);
	n = read_of(pid, "cmdline", s->raw, sizeof(s->raw));
	for (const char *arg = s->raw; arg < s->raw + n; arg += strlen(arg) + 1)
		p = ks_put_arg(p, s->argv + sizeof(s->argv), arg, &state);
}

/* SPDX-License-Identifier: MIT */
/*
 * The memory and pids cgroups of this process, versions 1 and 2, and their counters.
 *
 * /proc/self/cgroup names them. The path is right below the usual mount points, or it is the
 * mount point itself (a container without a cgroup namespace sees its own cgroup as the root of the
 * mount, and its path as the host has it: cgroup_namespaces(7)). Only where neither is there,
 * the list of mounts is read. The limit that counts is the tightest on the way up; the counter
 * oom_kill counts in the victim's own cgroup (mm/memcontrol.c, memcg_memory_event: upwards only
 * in version 2). Directories are found at the start and kept as texts: a checkpoint opens files.
 */
#include "shim/surroundings.h"

#include "shim/safe.h"

struct ks_cgroup ks_cgroup = {.limit = UINT64_MAX, .pids_max = UINT64_MAX};

static char buffer[16384]; /* the constructor, or a child that wakes: one at a time */

static uint64_t number_in(const char *text)
{
	const char *after;
	uint64_t n = ks_number(text, &after);

	/* "max"; and PAGE_COUNTER_MAX pages, which version 1 prints for no limit. */
	if (after == text || n >= 0x7fffffff00000000u)
		return UINT64_MAX;
	return n;
}

static bool join(char *to, size_t size, const char *a, const char *b)
{
	char *end = to + size, *p = ks_put(ks_put(to, end, a), end, b);

	return p < end - 1;
}

KS_APART uint64_t ks_cgroup_number(const char *dir, const char *file)
{
	char path[KS_CGROUP_DIR + 32], text[32];

	if (!dir[0] || !join(path, sizeof(path), dir, file) ||
	    ks_read_file(path, text, sizeof(text)) <= 0)
		return UINT64_MAX;
	return number_in(text);
}

uint64_t ks_line_number(const char *text, const char *word)
{
	size_t n = strlen(word);

	while (text) {
		if (strncmp(text, word, n) == 0) {
			for (text += n; *text == ' ' || *text == '\t';)
				text++;
			return ks_number(text, NULL);
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return UINT64_MAX;
}

uint64_t ks_cgroup_usage(const struct ks_cgroup *c)
{
	return ks_cgroup_number(c->limited[0] ? c->limited : c->memory,
				c->v2 ? "/memory.current" : "/memory.usage_in_bytes");
}

KS_APART uint64_t ks_cgroup_oom_kill(const struct ks_cgroup *c)
{
	char path[KS_CGROUP_DIR + 32], text[256];

	if (!c->memory[0] ||
	    !join(path, sizeof(path), c->memory,
		  c->v2 ? "/memory.events" : "/memory.oom_control") ||
	    ks_read_file(path, text, sizeof(text)) <= 0)
		return UINT64_MAX;
	return ks_line_number(text, "oom_kill ");
}

/* --- finding them: one at a time, see checkpoint.c, so that buffers are static --- */

/* The path behind a line "N:controller,…:path" of text; version 2 has no controller. */
static bool path_of(const char *text, const char *controller, char *to, size_t size)
{
	size_t n = strlen(controller);

	for (; text && *text; text = strchr(text, '\n'), text = text ? text + 1 : NULL) {
		const char *list = strchr(text, ':'), *p, *path, *end = strchrnul(text, '\n');

		if (!list || list > end)
			continue;
		path = memchr(list + 1, ':', (size_t)(end - list - 1));
		if (!path || (size_t)(end - path) > size)
			continue;
		for (p = list + 1; p <= path; p++) {
			size_t m = (size_t)(strpbrk(p, ",:") - p);

			if (m == n && strncmp(p, controller, n) == 0) {
				memcpy(to, path + 1, (size_t)(end - path - 1));
				to[end - path - 1] = '\0';
				return true;
			}
			p += m;
		}
	}
	return false;
}

KS_APART static bool exists(const char *dir, const char *file)
{
	char path[KS_CGROUP_DIR + 32];
	struct stat st;

	return join(path, sizeof(path), dir, file) && ks_sys_stat(path, &st, 0) == 0;
}

/* One field of a line of mountinfo, unescaped as far as '\040' goes; returns what follows it. */
static const char *field(const char *p, char *to, size_t size)
{
	size_t n = 0;

	while (*p == ' ')
		p++;
	for (; *p && *p != ' ' && *p != '\n'; p++) {
		char c = *p;

		if (strncmp(p, "\\040", 4) == 0) {
			c = ' ';
			p += 3;
		}
		if (to && n < size - 1)
			to[n++] = c;
	}
	if (to)
		to[n] = '\0';
	return p;
}

/* From the list of mounts: where the hierarchy of controller ("" : version 2) shows path. */
static bool mounted(const char *path, const char *controller, const char *file, char *to,
		    size_t size)
{
	static char root[KS_CGROUP_DIR], at[KS_CGROUP_DIR], type[16], options[256];

	if (ks_read_file("/proc/self/mountinfo", buffer, sizeof(buffer)) <= 0)
		return false;
	for (const char *line = buffer; line && *line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *p = field(field(field(line, NULL, 0), NULL, 0), NULL, 0),
			   *end = strchrnul(line, '\n');
		const char *dash;
		size_t n;

		p = field(field(p, root, sizeof(root)), at, sizeof(at));
		dash = memmem(p, (size_t)(end - p), " - ", 3);
		if (!dash)
			continue;
		field(field(field(dash + 3, type, sizeof(type)), NULL, 0), options,
		      sizeof(options));
		if (controller[0] ? strcmp(type, "cgroup") || !strstr(options, controller)
				  : strcmp(type, "cgroup2"))
			continue;
		n = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(path, root, n) == 0 && (!path[n] || path[n] == '/') &&
		    join(to, size, at, path + n) && exists(to, file))
			return true;
		if (join(to, size, at, "") && exists(to, file))
			return true;
	}
	return false;
}

/* Takes the last part off a path; false: there is no other one. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	return slash != NULL;
}

/* Up from dir to the first cgroup that has file: in version 2 a controller may end above the leaf.
 */
static bool climb(const char *dir, const char *mount, const char *file, char *to, size_t size)
{
	if (!join(to, size, dir, ""))
		return false;
	while (!exists(to, file)) {
		if (strlen(to) <= strlen(mount) || !go_up(to))
			return false;
	}
	return true;
}

/* The directory of this process's cgroup that has file; text is /proc/self/cgroup. */
static bool find(const char *text, const char *controller, const char *mount, const char *file,
		 char *to, size_t size)
{
	static char path[KS_CGROUP_DIR], whole[KS_CGROUP_DIR];
	bool found;

	to[0] = '\0';
	if (!path_of(text, controller, path, sizeof(path)))
		return false;
	if (strcmp(path, "/") == 0)
		path[0] = '\0';
	if (join(whole, sizeof(whole), mount, path) && exists(whole, "/cgroup.procs"))
		found = climb(whole, mount, file, to, size);
	else if (exists(mount, "/cgroup.procs"))
		found = climb(mount, mount, file, to, size);
	else
		found = mounted(path, controller, file, to, size);
	if (!found)
		to[0] = '\0';
	return found;
}

/* The tightest number of file from dir upwards; where is left empty where there is none. */
static uint64_t tightest(const char *dir, const char *file, char *where)
{
	static char d[KS_CGROUP_DIR];
	uint64_t best = UINT64_MAX;

	where[0] = '\0';
	for (bool more = join(d, sizeof(d), dir, ""); more && d[0]; more = go_up(d)) {
		char path[KS_CGROUP_DIR + 32], text[32];
		uint64_t n;

		if (!join(path, sizeof(path), d, file) ||
		    ks_read_file(path, text, sizeof(text)) < 0)
			break; /* above the mount, or the root of version 2 */
		n = number_in(text);
		if (n < best) {
			best = n;
			join(where, KS_CGROUP_DIR, d, "");
		}
	}
	return best;
}

void ks_cgroup_find(const char *text)
{
	struct ks_cgroup *c = &ks_cgroup;
	const size_t size = sizeof(c->memory);

	c->memory[0] = c->limited[0] = c->pids[0] = '\0';
	c->limit = c->pids_max = UINT64_MAX;
	c->v2 = false;
	if (!find(text, "memory", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", c->memory,
		  size))
		c->v2 = find(text, "", "/sys/fs/cgroup", "/memory.events", c->memory, size);
	if (c->memory[0])
		c->limit = tightest(c->memory, c->v2 ? "/memory.max" : "/memory.limit_in_bytes",
				    c->limited);
	if (find(text, "pids", "/sys/fs/cgroup/pids", "/cgroup.procs", c->pids, size) ||
	    find(text, "", "/sys/fs/cgroup", "/pids.max", c->pids, size)) {
		char where[KS_CGROUP_DIR];

		c->pids_max = tightest(c->pids, "/pids.max", where);
		if (where[0])
			join(c->pids, size, where, "");
	}
}

/* --- for the header --- */

void ks_cgroup_pack(const struct ks_cgroup *c, char *to, size_t size)
{
	char *end = to + size, *p = ks_put(to, end, c->v2 ? "2\n" : "1\n");

	p = ks_put(ks_put(p, end, c->memory), end, "\n");
	ks_put(ks_put(p, end, c->limited), end, "\n");
}

static const char *take_line(const char *from, char *to, size_t size)
{
	const char *end = strchr(from, '\n');

	if (!end || (size_t)(end - from) >= size)
		return NULL;
	memcpy(to, from, (size_t)(end - from));
	to[end - from] = '\0';
	return end + 1;
}

bool ks_cgroup_unpack(struct ks_cgroup *c, const char *from)
{
	if ((from[0] != '1' && from[0] != '2') || from[1] != '\n')
		return false;
	c->v2 = from[0] == '2';
	c->pids[0] = '\0';
	c->pids_max = UINT64_MAX;
	from = take_line(from + 2, c->memory, sizeof(c->memory));
	if (!from || !take_line(from, c->limited, sizeof(c->limited)))
		return false;
	c->limit = ks_cgroup_number(c->limited, c->v2 ? "/memory.max" : "/memory.limit_in_bytes");
	return true;
}

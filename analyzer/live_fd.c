/* SPDX-License-Identifier: MIT */
/* What a descriptor of a living process is, in words: a file, a terminal, a connection and to whom.
 */
#include "analyzer/live_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static void put_address(struct text *out, const char *hex)
{
	unsigned word[4], port;
	char text[INET6_ADDRSTRLEN] = "";

	if (sscanf(hex, "%8X:%4X", &word[0], &port) == 2) {
		inet_ntop(AF_INET, &word[0], text, sizeof(text));
		text_printf(out, "%s:%u", text, port);
	} else if (sscanf(hex, "%8X%8X%8X%8X:%4X", &word[0], &word[1], &word[2], &word[3], &port) ==
		   5) {
		inet_ntop(AF_INET6, word, text, sizeof(text));
		text_printf(out, "[%s]:%u", text, port);
	}
}

/* A line of /proc/net/tcp whose inode is that of the socket (proc(5)). */
static bool tcp_socket(uint32_t pid, const char *file, unsigned long inode, struct text *out)
{
	size_t size;
	char *all = proc_read_all(pid, file, 16u << 20, &size), *next, local[64], remote[64];
	bool found = false;

	for (char *line = all; line && !found; line = next) {
		unsigned state;
		unsigned long at;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %*d %*d %lu", local, remote,
			   &state, &at) != 4 ||
		    at != inode)
			continue;
		found = true;
		text_add(out, state == 10 ? "a listening socket " : "a connection to ");
		put_address(out, state == 10 ? local : remote);
	}
	free(all);
	return found;
}

static bool unix_socket(uint32_t pid, unsigned long inode, struct text *out)
{
	size_t size;
	char *all = proc_read_all(pid, "net/unix", 16u << 20, &size), *next;
	bool found = false;

	for (char *line = all; line && !found; line = next) {
		unsigned long at;
		int path = 0;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu %n", &at, &path) != 1 || at != inode)
			continue;
		found = true;
		text_add(out, "a local socket");
		if (path && line[path]) {
			text_char(out, ' ');
			text_clean(out, line + path, strlen(line + path));
		}
	}
	free(all);
	return found;
}

void live_fd(struct text *out, uint32_t pid, int fd)
{
	char name[32], to[1024];

	snprintf(name, sizeof(name), "fd/%d", fd);
	text_printf(out, "fd %d", fd);
	if (!proc_link(pid, name, to, sizeof(to)))
		return;
	text_add(out, " (");
	if (starts(to, "socket:[")) {
		unsigned long inode = strtoul(to + 8, NULL, 10);

		if (!tcp_socket(pid, "net/tcp", inode, out) &&
		    !tcp_socket(pid, "net/tcp6", inode, out) && !unix_socket(pid, inode, out))
			text_add(out, "a socket");
	} else if (starts(to, "pipe:[")) {
		text_add(out, "a pipe");
	} else if (starts(to, "anon_inode:")) {
		text_clean(out, to + 11, strlen(to + 11));
	} else {
		text_clean(out, to, strlen(to));
	}
	text_char(out, ')');
}

bool live_fd_terminal(uint32_t pid, int fd)
{
	char name[32], to[1024];

	snprintf(name, sizeof(name), "fd/%d", fd);
	return proc_link(pid, name, to, sizeof(to)) &&
	       (starts(to, "/dev/pts/") || starts(to, "/dev/tty"));
}

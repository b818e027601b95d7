/* SPDX-License-Identifier: MIT */
/* /proc/PID and the memory of another process, read without disturbing it. See live.h. */
#include "analyzer/live_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096u

size_t proc_read(uint32_t pid, const char *name, char *to, size_t size)
{
	char path[128];
	size_t n = 0;
	int fd;

	*to = '\0';
	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (n < size - 1) {
		ssize_t got = read(fd, to + n, size - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	to[n] = '\0';
	return n;
}

char *proc_read_all(uint32_t pid, const char *name, size_t most, size_t *size)
{
	for (size_t room = 65536; room <= most; room *= 2) {
		char *all = xalloc(room, 1);

		*size = proc_read(pid, name, all, room);
		if (*size && *size < room - 1)
			return all;
		free(all);
		if (!*size)
			return NULL;
	}
	return NULL;
}

bool proc_link(uint32_t pid, const char *name, char *to, size_t size)
{
	char path[128];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	n = readlink(path, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
	return n > 0;
}

size_t live_memory(uint32_t pid, uint64_t address, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t step = size - done;
		struct iovec local = {(char *)to + done, step};
		struct iovec remote = {(void *)(uintptr_t)(address + done), step};
		ssize_t n = process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0);

		if (n <= 0) { /* all or nothing on some kernels: up to the page's end */
			step = PAGE - ((address + done) & (PAGE - 1));
			if (step >= size - done)
				break;
			local.iov_len = remote.iov_len = step;
			n = process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0);
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

uint64_t live_word(uint32_t pid, uint64_t address)
{
	uint64_t word = 0;

	return live_memory(pid, address, &word, sizeof(word)) == sizeof(word) ? word : 0;
}

bool live_stat_read(uint32_t pid, struct live_stat *s)
{
	char text[1024];
	const char *p;
	unsigned long long start, code, stack;
	unsigned ppid;

	if (!proc_read(pid, "stat", text, sizeof(text)))
		return false;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1,
			 " %c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			 "%*d %llu %*u %*d %*u %llu %*u %llu",
			 &s->state, &ppid, &start, &code, &stack) != 5)
		return false;
	s->ppid = ppid;
	s->code = code > 4096 ? code : 0;
	s->stack = stack;
	s->start = start;
	return true;
}

bool live_there(uint32_t pid)
{
	struct live_stat s;

	return live_stat_read(pid, &s) && s.state != 'Z' && s.state != 'X';
}

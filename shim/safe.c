/* SPDX-License-Identifier: MIT */
/* See safe.h. */
#include "shim/safe.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/uio.h>

uint64_t ks_limit(int resource)
{
	uint64_t limit[2];	/* struct rlimit64 as the kernel has it: soft, hard */

	if (ks_sys(SYS_prlimit64, 0, resource, NULL, limit) < 0)
		return UINT64_MAX;
	return limit[0];
}

long ks_read_file(const char *path, char *buf, size_t size)
{
	int fd = ks_sys_open(path, O_RDONLY, 0);
	size_t done = 0;

	buf[0] = '\0';
	if (fd < 0)
		return fd;
	while (done < size - 1) {
		long n = ks_sys_read(fd, buf + done, size - 1 - done);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	buf[done] = '\0';
	ks_sys_close(fd);
	return (long)done;
}

/* process_vm_readv on ourselves; where a sandbox forbids it, one page at a time through a pipe. The main thread may be
 * gone, and its number with it: so by the calling thread's. */
static size_t read_by_pipe(uintptr_t address, char *to, size_t size)
{
	int fds[2];
	size_t done = 0;

	if (ks_sys(SYS_pipe2, fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return 0;
	while (done < size) {
		size_t step = 4096 - ((address + done) & 4095);
		long n;

		if (step > size - done)
			step = size - done;
		n = ks_sys_write(fds[1], (const void *)(address + done), step);
		if (n <= 0)
			break;
		n = ks_sys_read(fds[0], to + done, (size_t)n);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	ks_sys_close(fds[0]);
	ks_sys_close(fds[1]);
	return done;
}

size_t ks_read_memory(uintptr_t address, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t step = size - done;
		struct iovec local = { (char *)to + done, step };
		struct iovec remote = { (void *)(address + done), step };
		long n = ks_sys(SYS_process_vm_readv, ks_sys_gettid(), &local, 1, &remote, 1, 0);

		if (n == -ENOSYS || n == -EPERM || n == -EACCES)
			return done + read_by_pipe(address + done, (char *)to + done, size - done);
		if (n <= 0) {
			/* All or nothing within one iovec on some kernels: try up to the page's end. */
			step = 4096 - ((address + done) & 4095);
			if (step >= size - done)
				break;
			local.iov_len = remote.iov_len = step;
			n = ks_sys(SYS_process_vm_readv, ks_sys_gettid(), &local, 1, &remote, 1, 0);
			if (n <= 0)
				break;
		}
		done += (size_t)n;
	}
	return done;
}

char *ks_put(char *p, char *end, const char *text)
{
	while (*text && p < end - 1)
		*p++ = *text++;
	*p = '\0';
	return p;
}

char *ks_put_dec(char *p, char *end, uint64_t value, unsigned digits)
{
	char text[24];
	char *q = text + sizeof(text) - 1;

	*q = '\0';
	do {
		*--q = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while ((unsigned)(text + sizeof(text) - 1 - q) < digits && q > text)
		*--q = '0';
	return ks_put(p, end, q);
}

char *ks_put_hex(char *p, char *end, uint64_t value)
{
	char text[20];
	char *q = text + sizeof(text) - 1;

	*q = '\0';
	do {
		*--q = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	return ks_put(p, end, q);
}

uint64_t ks_number(const char *p, const char **after)
{
	uint64_t value = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		for (p += 2;; p++) {
			if (*p >= '0' && *p <= '9')
				value = value << 4 | (uint64_t)(*p - '0');
			else if ((*p | 32) >= 'a' && (*p | 32) <= 'f')
				value = value << 4 | (uint64_t)((*p | 32) - 'a' + 10);
			else
				break;
		}
	} else {
		for (; *p >= '0' && *p <= '9'; p++)
			value = value * 10 + (uint64_t)(*p - '0');
	}
	if (after)
		*after = p;
	return value;
}

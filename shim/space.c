/* SPDX-License-Identifier: MIT */
/* See space.h. */
#include "shim/space.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "shim/recorder.h"
#include "shim/safe.h"

static char zeros[4096];

bool ks_space_allowed(uint64_t file_size, uint64_t more)
{
	uint64_t space = ks_limit(RLIMIT_AS);

	if (file_size > ks.config.size || file_size > ks_limit(RLIMIT_FSIZE))
		return false;
	if (space != UINT64_MAX) {
		char statm[128];
		uint64_t used = 0;

		if (ks_read_file("/proc/thread-self/statm", statm, sizeof(statm)) > 0)
			used = ks_number(statm, NULL) * 4096;
		if (used >= space || more > (space - used) / 64)
			return false;
	}
	return true;
}

#define AT_ONCE 64

/* Whole pages of them, but where the kernel has written less than it was asked to. */
int ks_space_write(int fd, uint64_t offset, uint64_t size)
{
	struct iovec pages[AT_ONCE];
	const unsigned n = size / sizeof(zeros) < AT_ONCE ? (unsigned)(size / sizeof(zeros)) : AT_ONCE;

	for (unsigned i = 0; i < n; i++)
		pages[i] = (struct iovec){ zeros, sizeof(zeros) };

	while (size) {
		const uint64_t left = sizeof(zeros) - offset % sizeof(zeros);
		long done;

		if (left < sizeof(zeros) || size < sizeof(zeros))
			done = ks_sys(SYS_pwrite64, fd, zeros, left < size ? left : size, offset);
		else
			done = ks_sys(SYS_pwritev, fd, pages, size / sizeof(zeros) < n ? size / sizeof(zeros) : n, offset, 0);
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return done ? (int)done : -ENOSPC;
		offset += (uint64_t)done;
		size -= (uint64_t)done;
	}
	return 0;
}

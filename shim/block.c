/* SPDX-License-Identifier: MIT */
/*
 * Blocks: pieces of memory and texts that a dying process leaves, behind everything else in the file
 * (opened afresh) or inside the crash area. Raw system calls only; the crash path and witnesses.
 */
#include "shim/recorder.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "shim/safe.h"

static char padding[8];

/*
 * A block of memory ends earlier where its next page cannot be read (glibc 2.42 and later make guard
 * pages inside a mapping): its head must say so, or all that follows in the file is lost.
 */
static void shorten(int fd, uint64_t written, struct ks_block *b)
{
	struct stat st;
	int again = ks_sys_open(ks.path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	ks_sys(SYS_write, fd, padding, -written & 7);
	b->size = written - sizeof(*b);
	if (again >= 0 && ks_sys_fstat(again, &st) == 0)
		ks_sys(SYS_pwrite64, again, b, sizeof(*b), (uint64_t)st.st_size - ((written + 7) & ~7ul));
	if (again >= 0)
		ks_sys_close(again);
}

static int append(struct ks_block *b, const void *data)
{
	struct iovec iov[3] = {
		{ b, sizeof(*b) }, { (void *)data, b->size }, { padding, (size_t)(-b->size & 7) },
	};
	struct stat st;
	int fd = ks_sys_open(ks.path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0);
	long n = -EIO;

	if (fd < 0)
		return fd;
	if (ks_sys_fstat(fd, &st) == 0 && st.st_dev == ks.dev && st.st_ino == ks.inode &&
	    (uint64_t)st.st_size + b->size + sizeof(*b) + 8 <= ks_limit(RLIMIT_FSIZE))
		n = ks_sys(SYS_writev, fd, iov, 3);
	if (n >= (long)sizeof(*b) && n < (long)(sizeof(*b) + b->size))
		shorten(fd, (uint64_t)n, b);
	ks_sys_close(fd);
	return n < 0 ? (int)n : 0;
}

int ks_block(enum ks_block_kind kind, uint32_t tid, uint64_t address, const void *data, size_t size, bool inside)
{
	struct ks_block b = { KS_BLOCK_MAGIC, kind, tid, address, size, ks_clock(), 0 };
	size_t whole = sizeof(b) + ((size + 7) & ~7ul);

	if (!ks.head)
		return -ENODEV;
	if (inside && whole <= ks.crash_room) {
		uint64_t at = __atomic_load_n(&ks.crash->block_size, __ATOMIC_RELAXED);

		if (at + whole <= ks.crash_room) {
			char *to = (char *)(ks.crash + 1) + at;

			memcpy(to + sizeof(b), data, size);
			memcpy(to, &b, sizeof(b));
			__atomic_store_n(&ks.crash->block_size, at + whole, __ATOMIC_RELEASE);
			return 0;
		}
	}
	return append(&b, data);
}

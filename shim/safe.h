/* SPDX-License-Identifier: MIT */
/*
 * What we use instead of libc where libc is not safe: in signal handlers, before main, in a
 * vfork child, and wherever the libc function is one that we stand in front of ourselves.
 * Raw system calls (result or -errno, errno untouched), small files, numbers as text, memory
 * that may not be there. Everything is async-signal-safe.
 */
#ifndef KS_SAFE_H
#define KS_SAFE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>

#if defined(__x86_64__)
#include "shim/arch/x86_64_syscall.h"
#else
#include "shim/arch/aarch64_syscall.h"
#endif

#define KS_SYS_N_(nr, a, b, c, d, e, f, ...)                                                       \
	ks_syscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* ks_sys(SYS_read, fd, buffer, size): up to six arguments. */
#define ks_sys(...) KS_SYS_N_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

struct ks_entry {			/* of a folder: struct linux_dirent64, getdents64(2) */
	uint64_t inode, offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static inline int ks_sys_open(const char *path, int flags, int mode)
{
	return (int)ks_sys(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static inline void ks_sys_close(int fd)
{
	ks_sys(SYS_close, fd);
}

static inline long ks_sys_read(int fd, void *to, size_t size)
{
	return ks_sys(SYS_read, fd, to, size);
}

static inline long ks_sys_pread(int fd, void *to, size_t size, uint64_t offset)
{
	return ks_sys(SYS_pread64, fd, to, size, offset);
}

static inline long ks_sys_write(int fd, const void *from, size_t size)
{
	return ks_sys(SYS_write, fd, from, size);
}

static inline int ks_sys_fstat(int fd, struct stat *st)
{
	return (int)ks_sys(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

static inline int ks_sys_stat(const char *path, struct stat *st, int flags)
{
	return (int)ks_sys(SYS_newfstatat, AT_FDCWD, path, st, flags);
}

static inline int ks_sys_getpid(void)
{
	return (int)ks_sys(SYS_getpid);
}

static inline int ks_sys_gettid(void)
{
	return (int)ks_sys(SYS_gettid);
}

/* Soft limit of a resource of this process; UINT64_MAX: unlimited or not known. */
uint64_t ks_limit(int resource) __attribute__((visibility("hidden")));

/* Reads a small file (as in /proc) into buf, NUL-terminated; bytes read or -errno. */
long ks_read_file(const char *path, char *buf, size_t size) __attribute__((visibility("hidden")));

/* Copies memory of our own process that may not be mapped; bytes copied, less than size at a hole. */
size_t ks_read_memory(uintptr_t address, void *to, size_t size) __attribute__((visibility("hidden")));

/* Text building: append to p (end: one behind the buffer), return the new p; always NUL-terminated. */
char *ks_put(char *p, char *end, const char *text) __attribute__((visibility("hidden")));
char *ks_put_dec(char *p, char *end, uint64_t value, unsigned digits) __attribute__((visibility("hidden")));
char *ks_put_hex(char *p, char *end, uint64_t value) __attribute__((visibility("hidden")));

/* Decimal or 0x number at p; *after (may be NULL) is set behind it. */
uint64_t ks_number(const char *p, const char **after) __attribute__((visibility("hidden")));

#endif

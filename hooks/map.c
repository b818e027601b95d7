/* SPDX-License-Identifier: MIT */
/*
 * Mappings that could not be made, and limits that the program changes.
 *
 * A mapping that succeeds costs one comparison. Failures are common in some programs (probing for
 * huge pages, hints that are taken): the first ones are kept, then ever fewer; ENOMEM is counted
 * by itself, since it is what kills. Any thread, signal handlers, before our constructor.
 */
#include "hooks/process.h"

#include "hooks/signal.h"
#include "shim/safe.h"

static bool worth_noting(int error)
{
	static uint32_t short_of_memory, other;
	uint32_t n = __atomic_add_fetch(error == ENOMEM ? &short_of_memory : &other, 1,
					__ATOMIC_RELAXED);

	return n <= 32 || (n & (n - 1)) == 0;
}

/* How many mappings the process has; 0: not counted. 60,000 of them take 20 ms, so only now and
 * then. */
KS_APART static uint64_t count_maps(void)
{
	static uint32_t counted;
	uint32_t n = __atomic_add_fetch(&counted, 1, __ATOMIC_RELAXED);
	char text[512];
	uint64_t lines = 0;
	long got;
	int fd;

	if (n & (n - 1))
		return 0;
	fd = ks_sys_open("/proc/thread-self/maps", O_RDONLY, 0);
	if (fd < 0)
		return 0;
	while ((got = ks_sys_read(fd, text, sizeof(text))) > 0)
		for (long i = 0; i < got; i++)
			lines += text[i] == '\n';
	ks_sys_close(fd);
	return lines;
}

struct mapping {
	const char *function;
	uint64_t size, protection, flags;
	int fd;
};

static void failed(const struct mapping *m, uintptr_t caller)
{
	int error = errno;
	struct ks_memory now;

	if (error == ENOMEM)
		ks_heap_doubt();
	if (ks.chosen && ks_mine() && worth_noting(error) &&
	    (ks.on || (error == ENOMEM && ks_wake()))) {
		ks_memory_now(&now);
		KS_EMIT(map_failed, .function = ks_text(m->function), .size = m->size,
			.protection = m->protection, .flags = m->flags, .fd = m->fd,
			.error = -error, .caller = caller, .vsize = now.vsize,
			.as_limit = now.as_limit, .stack = ks_in_handler() ? 0 : ks_callers(),
			.maps = error == ENOMEM ? count_maps() : 0);
	}
	errno = error;
}

KS_EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *p = REAL(mmap)(address, size, protection, flags, fd, offset);

	if (KS_UNLIKELY(p == MAP_FAILED) && ks.chosen)
		failed(&(struct mapping){"mmap", size, (uint64_t)protection, (uint64_t)flags, fd},
		       KS_CALLER());
	return p;
}

KS_EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd,
		       off64_t offset)
{
	void *p = REAL(mmap64)(address, size, protection, flags, fd, offset);

	if (KS_UNLIKELY(p == MAP_FAILED) && ks.chosen)
		failed(&(struct mapping){"mmap64", size, (uint64_t)protection, (uint64_t)flags, fd},
		       KS_CALLER());
	return p;
}

/* The fifth argument is there only with some flags; taken in any case, as it stands in its
 * register. */
KS_EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	va_list more;
	void *to, *p;

	va_start(more, flags);
	to = va_arg(more, void *);
	va_end(more);
	p = REAL(mremap)(old, old_size, size, flags, to);
	if (KS_UNLIKELY(p == MAP_FAILED) && ks.chosen)
		failed(&(struct mapping){"mremap", size, 0, (uint64_t)flags, -1}, KS_CALLER());
	return p;
}

KS_EXPORT int mprotect(void *address, size_t size, int protection)
{
	int rc = REAL(mprotect)(address, size, protection);

	if (KS_UNLIKELY(rc < 0) && ks.chosen)
		failed(&(struct mapping){"mprotect", size, (uint64_t)protection, 0, -1},
		       KS_CALLER());
	return rc;
}

/* --- limits; a child that sets them between fork and exec is no reason to begin a recording --- */

/* What holds now is asked from the kernel: limit may be a bad pointer, or overwritten with the old
 * one. */
static int limited(int rc, unsigned resource, const void *limit, uintptr_t caller)
{
	int error = errno;
	uint64_t l[2] = {UINT64_MAX, UINT64_MAX}; /* as the kernel has struct rlimit64 */

	if (limit && ks.on && ks_mine()) {
		if (rc)
			ks_read_memory((uintptr_t)limit, l, sizeof(l));
		else
			ks_sys(SYS_prlimit64, 0, resource, NULL, l);
		KS_EMIT(limit_set, .resource = resource, .soft = l[0], .hard = l[1],
			.result = rc ? -error : 0, .caller = caller);
		if (!rc)
			ks_heap_doubt();
	}
	errno = error;
	return rc;
}

KS_EXPORT int setrlimit(ks_rlimit_resource resource, const struct rlimit *limit)
{
	return limited(REAL(setrlimit)(resource, limit), resource, limit, KS_CALLER());
}

KS_EXPORT int setrlimit64(ks_rlimit_resource resource, const struct rlimit64 *limit)
{
	return limited(REAL(setrlimit64)(resource, limit), resource, limit, KS_CALLER());
}

static bool about_us(pid_t pid)
{
	return pid == 0 || pid == ks.pid;
}

KS_EXPORT int prlimit(pid_t pid, ks_rlimit_resource resource, const struct rlimit *limit,
		      struct rlimit *old)
{
	return limited(REAL(prlimit)(pid, resource, limit, old), resource,
		       about_us(pid) ? limit : NULL, KS_CALLER());
}

KS_EXPORT int prlimit64(pid_t pid, ks_rlimit_resource resource, const struct rlimit64 *limit,
			struct rlimit64 *old)
{
	return limited(REAL(prlimit64)(pid, resource, limit, old), resource,
		       about_us(pid) ? limit : NULL, KS_CALLER());
}

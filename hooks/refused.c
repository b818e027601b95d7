/* SPDX-License-Identifier: MIT */
/*
 * A thread or a process that could not be made: the numbers that say which limit it was are read at
 * once. In the thread that asked for it, between its system calls: nothing is allocated.
 */
#include "hooks/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shim/safe.h"
#include "shim/surroundings.h"

/* Tasks of this user: what RLIMIT_NPROC counts, as far as we see it. A directory /proc/PID/task
 * has two links and one for each task. */
KS_APART static uint64_t count_tasks(void)
{
	char buf[1024], path[64], *end = path + sizeof(path);
	const uid_t uid = (uid_t)ks_sys(SYS_getuid);
	uint64_t tasks = 0;
	struct stat st;
	long got;
	int fd = ks_sys_open("/proc", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return UINT64_MAX;
	while ((got = ks_sys(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < got; at += ((const struct ks_entry *)(buf + at))->size) {
			const char *name = ((const struct ks_entry *)(buf + at))->name;

			if (name[0] < '0' || name[0] > '9')
				continue;
			ks_put(ks_put(ks_put(path, end, "/proc/"), end, name), end, "/task");
			if (ks_sys_stat(path, &st, 0) == 0 && st.st_uid == uid && st.st_nlink > 2)
				tasks += st.st_nlink - 2;
		}
	}
	ks_sys_close(fd);
	return tasks;
}

void ks_refused(const char *function, int error, uintptr_t routine, size_t stack_size, uintptr_t caller)
{
	static unsigned failures;
	struct ks_memory m;

	if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) >= 32 || !ks_mine())
		return;
	ks_memory_now(&m);
	KS_EMIT(thread_failed, .error = error, .routine = routine, .caller = caller, .threads = m.threads,
		.stack_size = stack_size, .pids_current = m.pids_current, .pids_max = m.pids_max,
		.nproc_limit = m.nproc_limit, .vsize = m.vsize, .as_limit = m.as_limit,
		.user_threads = error == EAGAIN && failures <= 4 ? count_tasks() : UINT64_MAX, .stack = ks_callers(),
		.function = function ? ks_text(function) : 0);
}

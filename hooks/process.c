/* SPDX-License-Identifier: MIT */
/*
 * Children: fork, _Fork, posix_spawn (vfork: vfork.c).
 *
 * The child of a fork forgets its parent's trace and gets its own when it has something to say. clone, and forks
 * inside libc (daemon, forkpty), pass us by: the kernel wipes ks.on there.
 *
 * Whatever the parent writes to after a fork, the kernel has to copy a page of (0.7 µs): here nothing but the trace, which is
 * shared, and errno only where it has changed.
 */
#include "hooks/process.h"
#include "hooks/signal.h"
#include "hooks/version.h"

#include "shim/safe.h"
#include "shim/surroundings.h"

/* Rare events are kept in one lane; a program that makes children all day must not fill it. */
bool ks_child_worth_noting(uint64_t *count)
{
	uint64_t n = __atomic_add_fetch(count, 1, __ATOMIC_RELAXED);

	return n <= 200 || (n & (n - 1)) == 0 || (n < 20000 && n % 200 == 0);
}

void ks_child_made(const char *function, int result, uintptr_t caller, const char *path)
{
	if (ks.on && (result < 0 || ks_child_worth_noting(&ks.head->children)))
		KS_EMIT(fork, .function = ks_text(function), .result = result, .caller = caller,
			.path = ks_text(path), .threads = ks.head->threads);
}

static pid_t forked(const char *function, pid_t pid, uintptr_t caller)
{
	int error = errno;

	if (pid == 0)
		ks_forked();
	ks_signals_take_again();
	if (pid != 0)
		ks_child_made(function, pid < 0 ? -error : pid, caller, NULL);
	if (pid < 0 && ks.on)
		ks_refused(function, error, 0, 0, caller);
	if (errno != error)
		errno = error;
	return pid;
}

KS_EXPORT pid_t fork(void)
{
	return forked("fork", REAL(fork)(), KS_CALLER());
}

KS_EXPORT pid_t _Fork(void)
{
	return forked("_Fork", REAL(_Fork)(), KS_CALLER());
}

static void spawned(const char *function, int rc, const pid_t *pid, const char *path,
		    uintptr_t caller)
{
	int error = errno;
	char program[512];

	if (ks.on && ks_mine()) {
		ks_read_text(path, program, sizeof(program));
		ks_child_made(function, rc ? -rc : pid ? *pid : 0, caller, program);
		if (rc == EAGAIN || rc == ENOMEM)
			ks_refused(function, rc, 0, 0, caller);
	}
	errno = error;
}

KS_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
			  const posix_spawnattr_t *attributes, char *const argv[],
			  char *const envp[])
{
	int rc = REAL(posix_spawn)(pid, path, actions, attributes, argv, envp);

	if (rc == ENOEXEC && ks_old_versions()->posix_spawn && ks_wants_old(KS_CALLER(), "posix_spawn"))
		rc = ks_old_versions()->posix_spawn(pid, path, actions, attributes, argv, envp);
	spawned("posix_spawn", rc, pid, path, KS_CALLER());
	return rc;
}

KS_EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			   const posix_spawnattr_t *attributes, char *const argv[],
			   char *const envp[])
{
	int rc = REAL(posix_spawnp)(pid, file, actions, attributes, argv, envp);

	if (rc == ENOEXEC && ks_old_versions()->posix_spawnp && ks_wants_old(KS_CALLER(), "posix_spawnp"))
		rc = ks_old_versions()->posix_spawnp(pid, file, actions, attributes, argv, envp);
	spawned("posix_spawnp", rc, pid, file, KS_CALLER());
	return rc;
}

/* SPDX-License-Identifier: MIT */
/* native: yes */
/*
 * Filters that kill for every call that an ordinary computation does not need, put on by prctl
 * and by seccomp(2); then work that makes a recorder want to look around: memory, failures,
 * output, threads' ends. And filters that mind their own business: what they forbid ends the
 * process as it should.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

static struct sock_filter tight[] = {
	NUMBER, ALLOW(SYS_write), ALLOW(SYS_read), ALLOW(SYS_brk), ALLOW(SYS_mmap), ALLOW(SYS_munmap), ALLOW(SYS_mremap),
	ALLOW(SYS_exit_group), ALLOW(SYS_newfstatat), ALLOW(SYS_rt_sigreturn),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_filter loose[] = {
	NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_filter refusing[] = {
	NUMBER, ALLOW(SYS_write), ALLOW(SYS_exit_group), ALLOW(SYS_brk),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
};

static int put_on(struct sock_filter *filter, size_t size, int by_prctl)
{
	struct sock_fprog program = { (unsigned short)(size / sizeof(*filter)), filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return by_prctl ? prctl(PR_SET_SECCOMP, 2, &program) : (int)syscall(SYS_seccomp, 1, 0, &program);
}

static int compute(void)
{
	volatile size_t huge = SIZE_MAX / 2;

	for (int i = 0; i < 100; i++) {
		char *p = malloc(1 << 20);

		memset(p, 1, 1 << 20);
		if (i & 1)
			free(p);
	}
	if (malloc(huge))
		return 1;
	fprintf(stderr, "computed\n");
	return 0;
}

static void report(const char *what, int which, int by_prctl)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int rc = which == 0 ? put_on(tight, sizeof(tight), by_prctl)
			: which == 1 ? put_on(loose, sizeof(loose), by_prctl)
			: put_on(refusing, sizeof(refusing), by_prctl);

		if (rc)
			exit(100);
		if (which == 1)
			syscall(SYS_getpriority, 0, 0);
		if (which < 2)
			exit(compute());
		write(1, "still here\n", 11);
		exit(0);
	}
	waitpid(pid, &status, 0);
	printf("%s: status %d, signal %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(void)
{
	errno = 0;
	printf("probe: %d, errno %d\n", prctl(PR_SET_SECCOMP, 2, NULL), errno);
	printf("probe: %ld, errno %d\n", syscall(SYS_seccomp, 1, 0, NULL), errno);
	printf("probe: %ld, errno %d\n", syscall(SYS_seccomp, 99, 0, NULL), errno);
	printf("syscall with six arguments: %ld\n",
	       syscall(SYS_mmap, NULL, 4096, 3, 0x22, -1, 0) != -1 ? 0L : -1L);
	report("tight, prctl", 0, 1);
	report("tight, seccomp", 0, 0);
	report("loose, prctl", 1, 1);
	report("loose, seccomp", 1, 0);
	report("refusing, prctl", 2, 1);
	put_on(tight, sizeof(tight), 0);
	return compute();
}

/* SPDX-License-Identifier: MIT */
/* native: yes */
/* needs: file:/usr/bin/python3 */
/* timeout: 120 */
/*
 * A filter of system calls that was there before the program began, as a sandbox puts it on: one that kills for every
 * call but those of a small program's start; and one that kills for all that the recorder calls only later than at the start
 * of a Python (kshim(7) says which those of the start are).
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sock_filter filter[200];
static unsigned short length;

static const int of_start[] = {	/* of the loader and of libc; of echo */
	SYS_execve, SYS_brk, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_openat, SYS_read, SYS_pread64, SYS_newfstatat, SYS_fstat,
	SYS_close, SYS_set_tid_address, SYS_set_robust_list, SYS_rseq, SYS_prlimit64, SYS_getrandom, SYS_exit_group,
	SYS_write, SYS_faccessat, SYS_readlinkat, SYS_futex,
#ifdef SYS_access
	SYS_access, SYS_arch_prctl, SYS_readlink,
#endif
};
static const int later[] = {
	SYS_writev, SYS_faccessat, SYS_fstatfs, SYS_pipe2, SYS_waitid, SYS_sched_yield, SYS_rt_tgsigqueueinfo, SYS_tgkill, SYS_setitimer,
	SYS_ptrace,
};

static void add(unsigned short code, unsigned char jt, unsigned char jf, unsigned value)
{
	filter[length++] = (struct sock_filter){ code, jt, jf, value };
}

/* Kills for these calls, or for all but these. */
static void make(const int *calls, size_t n, unsigned for_them, unsigned for_others)
{
	length = 0;
	add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n; i++) {
		add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned)calls[i]);
		add(BPF_RET | BPF_K, 0, 0, for_them);
	}
	add(BPF_RET | BPF_K, 0, 0, for_others);
}

static void run(const char *what, char **argv)
{
	struct sock_fprog program;
	int status;

	fflush(stdout);
	if (fork() == 0) {
		program = (struct sock_fprog){ length, filter };
		/* by the kernel itself, as nobody sees it who does not look */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
			_exit(99);
		syscall(SYS_execve, argv[0], argv, environ);
		_exit(98);
	}
	wait(&status);
	printf("%s: status %x\n", what, status);
}

int main(void)
{
	char *small[] = { "/bin/echo", "said under a filter", NULL };
	char *python[] = { "/usr/bin/python3", "-I", "-c", "print('Python, under a filter')", NULL };

	make(later, sizeof(later) / sizeof(*later), SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
	run("Python", python);
	unsetenv("KSHIM");		/* as by default: only Python is recorded */
	make(of_start, sizeof(of_start) / sizeof(*of_start), SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
	run("a small program", small);
	return 0;
}

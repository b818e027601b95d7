/* SPDX-License-Identifier: MIT */
/* build: -fno-builtin -ldl */
/*
 * free and realloc of pointers that are no blocks: the fault is one of libc's code, at the address where
 * it would have been, for a handler of the program and for a death by default.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile uintptr_t where, address;

static void handler(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)number;
#if defined(__x86_64__)
	where = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#else
	where = uc->uc_mcontext.pc;
#endif
	address = (uintptr_t)info->si_addr;
	siglongjmp(back, 1);
}

static void try(const char *what, void *p, int move, int flags)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	Dl_info object;

	sigaction(SIGSEGV, &a, NULL);
	where = 0;
	if (sigsetjmp(back, 1) == 0) {
		if (move)
			p = realloc(p, 100);
		else
			free(p);
		printf("%s: no fault\n", what);
		return;
	}
	printf("%s: a fault at %lx", what, (unsigned long)address);
	if (!(flags & (int)SA_RESETHAND) && dladdr((void *)where, &object))
		printf(" in %s", strrchr(object.dli_fname, '/') + 1);
	printf("\n");
}

int main(void)
{
	void *volatile wild = (void *)0x10000123450, *volatile high = (void *)0x8000000000000010;
	int status;
	pid_t pid;

	try("free", wild, 0, 0);
	try("realloc", wild, 1, 0);
	try("free, not canonical", high, 0, 0);
	try("free, SA_NODEFER", wild, 0, SA_NODEFER);
	try("free, SA_RESETHAND", wild, 0, (int)SA_RESETHAND);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGSEGV, SIG_DFL);
		free(wild);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("by default: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return 0;
}

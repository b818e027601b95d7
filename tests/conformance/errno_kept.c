/* SPDX-License-Identifier: MIT */
/*
 * errno after every hooked function: kept where the function keeps it, set where it fails, both to what
 * libc makes of it; before, within and after handlers.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define DO(call) do { errno = 121; long value_ = (long)(call); int e_ = errno; show(#call, value_, e_); } while (0)
#define PTR(call) DO((call) != NULL)

static void show(const char *what, long value, int error)
{
	char line[300];
	int n = snprintf(line, sizeof(line), "%s = %ld errno %d\n", what, value, error);

	if (syscall(SYS_write, 1, line, (size_t)n) < 0)
		_exit(97);
}

static void nothing(int sig) { (void)sig; errno = 99; }
static void *thread(void *arg) { errno = 5; free(malloc(300000)); return (void *)(long)(errno + (arg != NULL)); }

static void files(void)
{
	int null = open("/dev/null", O_RDWR), full = open("/dev/full", O_WRONLY), saved = dup(2);
	struct iovec v = { "abc", 3 };
	FILE *f = fopen("/dev/null", "w"), *g;

	dup2(null, 2);
	DO(write(2, "abc", 3));
	DO(write(-1, "abc", 3));
	DO(write(null, (char *)8, 3));
	DO(writev(2, &v, 1));
	DO(writev(77, &v, 1));
	DO(writev(2, &v, -1));
	DO(fwrite("abc", 1, 3, f));
	DO(fputs("abc", stderr));
	DO(fputc('a', stderr));
	DO(putc('a', f));
	DO(fprintf(stderr, "%d", 1));
	DO(dprintf(2, "%d", 1));
	DO(dprintf(-1, "%d", 1));
	perror("kept");
	DO((perror("kept"), 1));
	dup2(full, 2);
	DO(write(2, "abc", 3));
	DO(fputs("abc", stderr));
	DO(fprintf(stderr, "%d", 1));
	DO(dprintf(2, "%d", 1));
	DO(ferror(stderr));
	clearerr(stderr);
	dup2(saved, 2);
	g = fopen("/dev/null", "r");
	DO(fputs("abc", g));
	DO(fwrite("abc", 1, 3, g));
	DO(fprintf(g, "abc"));
	fclose(f);
	fclose(g);
	close(null);
	close(full);
	close(saved);
}

static void heap(void)
{
	volatile size_t huge = (size_t)-1 / 2 - 100, half = (size_t)1 << 62;
	void *p = NULL;

	PTR(p = malloc(10));
	PTR(p = realloc(p, 500000));
	PTR(p = realloc(p, 10));
	DO((free(p), 1));
	PTR(malloc(huge));
	PTR(calloc(half, 8));
	PTR(reallocarray(NULL, half, 8));
	PTR(p = calloc(10, 100000));
	DO((free(p), 1));
	PTR(p = aligned_alloc(64, 64));
	PTR(realloc(p, huge));
	free(p);
	DO(posix_memalign(&p, 3, 10));
	DO(posix_memalign(&p, 64, huge));
	DO(posix_memalign(&p, 64, 64));
	free(p);
	PTR(p = valloc(10));
	free(p);
	PTR(pvalloc((size_t)-1));
	DO((free(NULL), 1));
}

static void signals(void)
{
	struct sigaction a = { .sa_handler = nothing };
	struct itimerval t = { { 0, 0 }, { 0, 0 } };
	stack_t s = { 0 };

	DO(sigaction(SIGUSR1, &a, NULL));
	DO(sigaction(SIGUSR1, NULL, &a));
	DO(sigaction(SIGKILL, &a, NULL));
	DO(sigaction(0, &a, NULL));
	DO(signal(SIGUSR1, nothing) == nothing);
	DO(signal(SIGSTOP, nothing) == SIG_ERR);
	DO(signal(1000, nothing) == SIG_ERR);
	DO(sigset(SIGUSR2, SIG_IGN) == SIG_DFL);
	DO(sigignore(SIGUSR2));
	DO(siginterrupt(SIGUSR1, 1));
	DO(siginterrupt(0, 1));
	DO(sigaltstack(NULL, &s));
	s.ss_flags = 55;
	s.ss_sp = &s;
	DO(sigaltstack(&s, NULL));
	s.ss_flags = 0;
	s.ss_size = 1;
	DO(sigaltstack(&s, NULL));
	DO(raise(SIGUSR1));
	DO(raise(1000));
	DO(kill(getpid(), SIGUSR1));
	DO(kill(getpid(), 0));
	DO(kill(getpid(), 999));
	DO(kill(0x3fffffff, SIGTERM));
	DO(killpg(0x3fffffff, SIGTERM));
	DO(killpg(-1, SIGTERM));
	DO(tgkill(getpid(), getpid(), 0));
	DO(tgkill(-1, getpid(), SIGUSR1));
	DO(pthread_kill(pthread_self(), SIGUSR1));
	DO(pthread_kill(pthread_self(), 1000));
	DO(sigqueue(getpid(), SIGUSR1, (union sigval){ 0 }));
	DO(sigqueue(0x3fffffff, SIGUSR1, (union sigval){ 0 }));
	DO(pthread_sigqueue(pthread_self(), 1000, (union sigval){ 0 }));
	DO(alarm(0));
	DO(setitimer(ITIMER_REAL, &t, NULL));
	DO(setitimer((__itimer_which_t)77, &t, NULL));
	DO(prctl(PR_GET_DUMPABLE));
	DO(prctl(9999, 1, 2, 3, 4));
	DO(syscall(SYS_getppid) > 0);
	DO(syscall(99999));
	DO(syscall(SYS_close, -1));
}

static void children(void)
{
	char *args[] = { "/nonexistent", NULL }, *good[] = { "true", NULL };
	posix_spawnattr_t attr;
	siginfo_t info;
	pthread_t t;
	void *result;
	pid_t pid;
	int status;

	DO((pid = fork()) == 0 ? (_exit(errno), 1) : pid > 0);
	DO(waitpid(pid, &status, 0) == pid);
	show("errno in the child", WEXITSTATUS(status), 0);
	DO((pid = vfork()) == 0 ? (_exit(errno), 1) : pid > 0);
	DO(wait(&status) == pid);
	show("errno in the child", WEXITSTATUS(status), 0);
	DO(wait(NULL));
	DO(waitpid(-1, NULL, 99999));
	DO(waitpid(1, NULL, 0));
	DO(wait3(NULL, 0, NULL));
	DO(wait4(1, NULL, 0, NULL));
	DO(waitid(P_ALL, 0, &info, WEXITED));
	DO(waitid((idtype_t)77, 0, &info, WEXITED));
	posix_spawnattr_init(&attr);
	DO(posix_spawn(&pid, "/nonexistent", NULL, &attr, args, environ));
	DO(posix_spawnp(&pid, "no-such-program", NULL, &attr, args, environ));
	DO(posix_spawnp(&pid, "true", NULL, &attr, good, environ));
	DO(wait(NULL) == pid);
	DO(execve("/nonexistent", args, environ));
	DO(execv("/etc", args));
	DO(execvp("no-such-program", args));
	DO(execvpe("", args, environ));
	DO(fexecve(-1, args, environ));
	DO(execl("/etc/passwd", "x", (char *)NULL));
	DO(execlp("no-such-program", "x", (char *)NULL));
	DO(execle("/nonexistent", "x", (char *)NULL, environ));
	DO(pthread_create(&t, NULL, thread, NULL));
	DO(pthread_join(t, &result));
	show("in the thread", (long)result, 0);
}

static void maps(void)
{
	struct rlimit r;
	void *p;

	PTR(p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	DO(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	DO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED);
	DO(mmap(NULL, (size_t)1 << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	DO(mprotect(p, 4096, PROT_READ | PROT_WRITE));
	DO(mprotect((char *)p + 1, 4096, PROT_READ));
	DO(mremap(p, 8192, (size_t)1 << 60, MREMAP_MAYMOVE) == MAP_FAILED);
	DO(mremap(p, 8192, 65536, MREMAP_MAYMOVE) != MAP_FAILED);
	DO(getrlimit(RLIMIT_NOFILE, &r));
	DO(setrlimit(RLIMIT_NOFILE, &r));
	DO(setrlimit((__rlimit_resource_t)77, &r));
	DO(prlimit(0, RLIMIT_NOFILE, NULL, &r));
	DO(prlimit(0x3fffffff, RLIMIT_NOFILE, NULL, &r));
}

static void loads(void)
{
	void *h;

	PTR(h = dlopen("libm.so.6", RTLD_NOW));
	PTR(dlsym(h, "cos"));
	PTR(dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD));
	DO(dlclose(h));
	/* What the loader leaves in errno after a failure is not specified; the text it gives is the same. */
	PTR(dlopen("/nonexistent/lib.so", RTLD_NOW));
	PTR(dlerror());
	PTR(dlerror());
	PTR(dlsym(RTLD_DEFAULT, "no_such"));
	PTR(dlopen("/etc/passwd", RTLD_NOW));
	PTR(dlopen(NULL, RTLD_NOW));
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	heap();
	files();
	signals();
	maps();
	loads();
	children();
	heap();
	return 0;
}

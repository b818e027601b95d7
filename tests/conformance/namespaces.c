/* SPDX-License-Identifier: MIT */
/* needs: root */
/* native: yes */
/*
 * New user, pid, mount, network and time namespaces, chroot and pivot_root: what may be done after and
 * before threads, how children die in there, and what is seen of the file system from inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *idle(void *arg) { free(malloc(300000)); return arg; }

static void unshared(const char *what, int flags)
{
	int rc = unshare(flags), error = errno, status = -1;
	pid_t pid;

	printf("unshare %s: %d %s\n", what, rc, rc ? strerror(error) : "");
	if (rc)
		return;
	pid = fork();
	if (pid == 0) {
		printf("  child %d of %d, uid %d\n", flags & CLONE_NEWPID ? (int)getpid() : 0, flags & CLONE_NEWPID ? (int)getppid() : 0, (int)getuid());
		fflush(stdout);
		if (fork() == 0)
			raise(SIGSEGV);
		wait(&status);
		printf("  its child %x\n", status);
		fflush(stdout);
		signal(SIGTERM, SIG_DFL);
		kill(getpid(), SIGTERM);	/* process 1 of a namespace is not killed by it */
		printf("  still here\n");
		fflush(stdout);
		abort();
	}
	waitpid(pid, &status, 0);
	printf("  status %x\n", status);
	fflush(stdout);
}

static void clones(void)
{
	struct { unsigned long long flags, rest[10]; } args = { .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUSER, .rest = { [3] = SIGCHLD } };
	int status = -1;
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		char *p = malloc(100000);

		printf("clone3: pid %ld, block %d\n", (long)getpid(), p != NULL);
		fflush(stdout);
		*(volatile int *)8 = 1;
	}
	printf("clone3: %d\n", pid > 0 || (errno != EPERM && errno != ENOSYS));
	if (pid > 0)
		printf("  status %x\n", waitpid((pid_t)pid, &status, 0) == pid ? status : -1);
	fflush(stdout);
}

static void jailed(int how)
{
	mkdir("jail", 0755);
	if (chroot("jail") || chdir("/")) {
		printf("chroot: %s\n", strerror(errno));
		return;
	}
	printf("in jail: %d %s\n", access("/proc/self/maps", F_OK), access("/etc/passwd", F_OK) ? "empty" : "not empty");
	fflush(stdout);
	if (how == 1)
		abort();
	if (how == 2)
		*(volatile int *)16 = 1;
	if (how == 3)
		execl("/proc/self/exe", "self", (char *)NULL);
	if (how == 4) {
		if (setgid(65534) || setuid(65534))
			exit(9);
		kill(getpid(), SIGTERM);
	}
	if (how == 5)
		exit(fork() == 0 ? 3 : 4);
	exit(6);
}

static void mounts(void)
{
	int fd;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("mount: %s\n", strerror(errno));
		return;
	}
	printf("tmp %d", mount("tmpfs", "/tmp", "tmpfs", 0, "size=64k"));
	printf(" proc %d", mount("tmpfs", "/proc", "tmpfs", 0, NULL));
	printf(" home %d\n", mount("tmpfs", "/root", "tmpfs", MS_RDONLY, NULL));
	fd = open("/tmp/first", O_CREAT | O_RDWR, 0600);
	printf("fd %d\n", fd);
	fflush(stdout);
	if (fork() == 0)
		abort();
	wait(NULL);
	*(volatile int *)8 = 1;
}

static void in_child(const char *what, void (*f)(int), int arg)
{
	int status = -1;

	printf("== %s %d\n", what, arg);
	fflush(stdout);
	if (fork() == 0) {
		f(arg);
		exit(0);
	}
	wait(&status);
	printf("status %x\n", status);
	fflush(stdout);
}

static void users(int with_thread)
{
	pthread_t thread;

	if (with_thread) {
		pthread_create(&thread, NULL, idle, NULL);
		pthread_join(thread, NULL);
	}
	unshared("user", CLONE_NEWUSER);
	unshared("pid", CLONE_NEWPID);
}

static void others(int unused)
{
	(void)unused;
	clones();
	unshared("files", CLONE_FILES | CLONE_FS);
	unshared("net and ipc", CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS);
	unshared("mount and pid", CLONE_NEWNS | CLONE_NEWPID);
	unshared("nonsense", 1);
}

static void mounted(int unused) { (void)unused; mounts(); }

int main(void)
{
	in_child("users", users, 0);
	in_child("users", users, 1);
	in_child("others", others, 0);
	for (int how = 0; how < 6; how++)
		in_child("jail", jailed, how);
	in_child("mounts", mounted, 0);
	users(0);	/* the first process itself, not a forked one */
	return 0;
}

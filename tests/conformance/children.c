/* SPDX-License-Identifier: MIT */
/* Every way to make a child and to learn of its end: results, statuses, errno, rusage; also many of them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show(const char *what, pid_t want, pid_t got, int status)
{
	printf("%s: %s status %x errno %d\n", what, got == want ? "child" : got == 0 ? "none" : got < 0 ? "error" : "another", status, errno);
	errno = 0;
}

static pid_t child(int code)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (code < 0)
			raise(-code);
		_exit(code);
	}
	return pid;
}

static void waits(void)
{
	struct rusage usage;
	siginfo_t info;
	int status = 0;
	pid_t pid;

	errno = 0;
	pid = child(3);
	show("wait", pid, wait(&status), status);
	pid = child(4);
	show("wait null", pid, wait(NULL), 0);
	pid = child(-SIGKILL);
	show("waitpid", pid, waitpid(pid, &status, 0), status);
	pid = child(0);
	show("waitpid null", pid, waitpid(pid, NULL, 0), 0);
	pid = child(-SIGTERM);
	show("waitpid any", pid, waitpid(-1, &status, 0), status);
	pid = child(5);
	memset(&usage, 0xff, sizeof(usage));
	show("wait3", pid, wait3(&status, 0, &usage), status);
	printf("usage %d\n", usage.ru_maxrss > 0 && usage.ru_utime.tv_sec < 10);
	pid = child(6);
	show("wait4", pid, wait4(pid, &status, 0, &usage), status);
	pid = child(7);
	memset(&info, 0, sizeof(info));
	show("waitid nowait", 0, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), info.si_status);
	show("waitid", 0, waitid(P_PID, (id_t)pid, &info, WEXITED), info.si_status);
	printf("info %d %d %d\n", info.si_signo, info.si_code, info.si_pid == pid);
	pid = child(-SIGSEGV);
	show("waitid killed", 0, waitid(P_ALL, 0, &info, WEXITED), info.si_status);
	printf("info %d\n", info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
	pid = child(8);
	show("waitid null", 0, waitid(P_PID, (id_t)pid, NULL, WEXITED), 0);
	show("nobody", 1, wait(&status), 0);
	show("nobody waitpid", 1, waitpid(1, &status, 0), 0);
	show("bad option", 1, waitpid(-1, &status, 0x4000), 0);
	show("bad pointer", 1, waitid(P_PID, 1, (void *)1, WEXITED), 0);
}

static void stops(void)
{
	int status = 0, fds[2];
	pid_t pid;

	if (pipe(fds))
		return;
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		close(fds[1]);
		_exit(read(fds[0], &status, 1) == 1);
	}
	show("stopped", pid, waitpid(pid, &status, WUNTRACED), status);
	show("still there", pid, waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGCONT);
	show("continued", pid, waitpid(pid, &status, WCONTINUED), status);
	close(fds[1]);
	show("ended", pid, waitpid(pid, &status, 0), status);
	close(fds[0]);
}

static void pidfds(void)
{
	siginfo_t info = { 0 };
	pid_t pid = child(9);
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		waitpid(pid, NULL, 0);
	else
		show("pidfd", 0, waitid(P_PIDFD, (id_t)fd, &info, WEXITED), info.si_status);
	close(fd);
}

static void vforks(void)
{
	char *args[] = { "sh", "-c", "exit 21", NULL };
	int status = 0;
	volatile int shared = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		shared = 1;
		execve("/bin/sh", args, environ);
		_exit(1);
	}
	show("vfork", pid, waitpid(pid, &status, 0), status);
	printf("shared %d\n", shared);
	pid = vfork();
	if (pid == 0) {
		execve("/nonexistent", args, environ);
		_exit(errno);
	}
	show("vfork exec fails", pid, waitpid(pid, &status, 0), status);
	signal(SIGUSR1, SIG_IGN);
	pid = vfork();
	if (pid == 0) {
		char *grep[] = { "sh", "-c", "trap 'exit 3' USR1; kill -USR1 $$; exit 4", NULL };

		execve("/bin/sh", grep, environ);
		_exit(1);
	}
	show("vfork ignored signal", pid, waitpid(pid, &status, 0), status);
	signal(SIGUSR1, SIG_DFL);
}

static void spawns(void)
{
	char *args[] = { "sh", "-c", "exit 22", NULL };
	char line[64] = "";
	int status = 0;
	pid_t pid = 0;
	FILE *p;

	printf("spawn %d\n", posix_spawn(&pid, "/bin/sh", NULL, NULL, args, environ));
	show("spawn", pid, waitpid(pid, &status, 0), status);
	printf("spawnp %d\n", posix_spawnp(&pid, "sh", NULL, NULL, args, environ));
	show("spawnp", pid, waitpid(pid, &status, 0), status);
	printf("spawn fails %d\n", posix_spawn(&pid, "/nonexistent", NULL, NULL, args, environ));
	printf("spawn bad pointer %d\n", posix_spawn(&pid, (char *)8, NULL, NULL, args, environ));
	printf("system %x\n", system("exit 23"));
	printf("system killed %x\n", system("kill -9 $$"));
	p = popen("echo hello", "r");
	printf("popen %s", fgets(line, sizeof(line), p) ? line : "nothing\n");
	printf("pclose %x\n", pclose(p));
}

static void storm(void)
{
	int ok = 0;

	for (int i = 0; i < 300; i++) {
		int status = 0;
		pid_t pid = i % 3 ? fork() : vfork();

		if (pid == 0)
			_exit(i % 50);
		ok += waitpid(pid, &status, 0) == pid && status == (i % 50) << 8;
	}
	for (int i = 0; i < 200; i++)
		child(i % 7);
	for (int status, i = 0; i < 200; i++)
		ok += wait(&status) > 0 && WIFEXITED(status);
	printf("storm %d\n", ok);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	waits();
	stops();
	pidfds();
	vforks();
	spawns();
	storm();
	return 0;
}

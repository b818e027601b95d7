/* SPDX-License-Identifier: MIT */
/*
 * What a living thread waits for in a system call, in words: which file, which child, how long, or
 * which file system of another machine. Locks (futex) are told later, with the stack (waits.c).
 * File systems are never touched for it: one that hangs would hang us too.
 */
#include "analyzer/live_private.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define MOST_NAMED 4 /* descriptors of a poll that are named */

struct teller {
	const struct live_look *l;
	const struct live_task *t;
	struct text *out;
};

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* --- a file system of another machine --- */

static const struct {
	const char *wchan, *what;
} kernel_places[] = {
	{"nfs", "an NFS server"},
	{"rpc_", "an NFS server"},
	{"fuse_", "a FUSE file system"},
	{"request_wait_answer", "a FUSE file system"},
	{"cifs_", "an SMB server"},
	{"smb", "an SMB server"},
	{"ceph_", "a Ceph server"},
	{"ldlm_", "a Lustre server"},
	{"cl_sync_io_wait", "a Lustre server"},
	{"osc_", "a Lustre server"},
	{"p9_", "a 9p server"},
	{"v9fs_", "a 9p server"},
	{"afs_", "an AFS server"},
	{"autofs_wait", "an automount"},
};

static const char *kernel_place(const char *wchan)
{
	for (size_t i = 0; i < sizeof(kernel_places) / sizeof(kernel_places[0]); i++)
		if (starts(wchan, kernel_places[i].wchan))
			return kernel_places[i].what;
	return NULL;
}

/* --- descriptors --- */

static void put_fds(const struct teller *k, const int *fd, unsigned n)
{
	for (unsigned i = 0; i < n && i < MOST_NAMED; i++) {
		text_add(k->out, i ? ", " : "");
		live_fd(k->out, k->l->live->pid, fd[i]);
	}
	if (n > MOST_NAMED)
		text_printf(k->out, " and %u more", n - MOST_NAMED);
}

/* --- times --- */

static bool read_time(const struct teller *k, uint64_t address, double *seconds)
{
	struct timespec t;

	if (!address || live_memory(k->l->live->pid, address, &t, sizeof(t)) != sizeof(t) ||
	    t.tv_nsec < 0 || t.tv_nsec >= 1000000000)
		return false;
	*seconds = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	return true;
}

static void put_sleep(const struct teller *k, uint64_t address, bool absolute, int clock)
{
	struct timespec now;
	double seconds;

	text_add(k->out, "a time to pass");
	if (!read_time(k, address, &seconds))
		return;
	if (absolute && clock_gettime(clock, &now) == 0)
		text_printf(k->out, ": %.1f s more",
			    seconds - (double)now.tv_sec - (double)now.tv_nsec / 1e9);
	else if (!absolute)
		text_printf(k->out, ": %.1f s in all", seconds);
}

/* --- calls --- */

static void put_poll(const struct teller *k)
{
	struct pollfd all[256];
	uint64_t n = k->t->arg[1];
	int fd[256];
	unsigned found = 0;

	if (!n) {
		text_add(k->out, "a time to pass (poll)");
		return;
	}
	n = live_memory(k->l->live->pid, k->t->arg[0], all, (n < 256 ? n : 256) * sizeof(*all)) /
	    sizeof(*all);
	for (uint64_t i = 0; i < n; i++)
		if (all[i].fd >= 0)
			fd[found++] = all[i].fd;
	text_add(k->out, "something to happen on ");
	put_fds(k, fd, found);
}

static void put_select(const struct teller *k)
{
	uint64_t n = k->t->arg[0] < FD_SETSIZE ? k->t->arg[0] : FD_SETSIZE;
	int fd[FD_SETSIZE];
	unsigned found = 0;
	fd_set set[3];

	memset(set, 0, sizeof(set));
	for (int i = 0; i < 3; i++)
		if (k->t->arg[1 + i])
			live_memory(k->l->live->pid, k->t->arg[1 + i], &set[i], (n + 63) / 64 * 8);
	for (uint64_t i = 0; i < n; i++)
		if (FD_ISSET(i, &set[0]) || FD_ISSET(i, &set[1]) || FD_ISSET(i, &set[2]))
			fd[found++] = (int)i;
	if (!found) {
		text_add(k->out, "a time to pass (select)");
		return;
	}
	text_add(k->out, "something to happen on ");
	put_fds(k, fd, found);
}

/* What an epoll descriptor looks at: its fdinfo has a line "tfd: N …" for each (proc(5)). */
static void put_epoll(const struct teller *k)
{
	char name[48], all[16384];
	int fd[64];
	unsigned found = 0;

	snprintf(name, sizeof(name), "fdinfo/%d", (int)k->t->arg[0]);
	proc_read(k->l->live->pid, name, all, sizeof(all));
	for (char *p = all; (p = strstr(p, "tfd:")) && found < 64; p += 4)
		fd[found++] = atoi(p + 4);
	text_add(k->out, "something to happen on ");
	if (found)
		put_fds(k, fd, found);
	else
		live_fd(k->out, k->l->live->pid, (int)k->t->arg[0]);
}

static void put_process(const struct teller *k, uint32_t pid)
{
	char comm[64];

	proc_read(pid, "comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = '\0';
	text_printf(k->out, "process %u", pid);
	if (*comm) {
		text_add(k->out, " (");
		text_clean(k->out, comm, strlen(comm));
		text_char(k->out, ')');
	}
}

static void put_children(const struct teller *k, int pid)
{
	char name[48], all[4096], *p = all;

	if (pid > 0) {
		text_add(k->out, "its child to end: ");
		put_process(k, (uint32_t)pid);
		return;
	}
	text_add(k->out, "a child of it to end");
	snprintf(name, sizeof(name), "task/%u/children", k->t->tid);
	proc_read(k->l->live->pid, name, all, sizeof(all));
	for (int i = 0; i < MOST_NAMED && *p; i++) {
		unsigned child = (unsigned)strtoul(p, &p, 10);

		if (!child)
			break;
		text_add(k->out, i ? ", " : ": ");
		put_process(k, child);
		p += strspn(p, " ");
	}
}

static void put_path(const struct teller *k, uint64_t address)
{
	char path[512];
	size_t n = live_memory(k->l->live->pid, address, path, sizeof(path) - 1);

	path[n] = '\0';
	text_printf(k->out, "the file system (%s", call_name(call_of(k->l->arch, k->t->syscall)));
	if (*path) {
		text_char(k->out, ' ');
		text_clean(k->out, path, strlen(path));
	}
	text_char(k->out, ')');
}

/* Who holds a lock on the same file: "1: FLOCK ADVISORY WRITE PID MAJ:MIN:INODE …" (proc(5)). */
static void put_file_lock(const struct teller *k, int fd)
{
	char name[48], text[4096], *all, *next, *p;
	unsigned long wanted = 0, inode;
	size_t size;
	int pid;

	text_add(k->out, "a lock on ");
	live_fd(k->out, k->l->live->pid, fd);
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	proc_read(k->l->live->pid, name, text, sizeof(text));
	p = strstr(text, "ino:");
	wanted = p ? strtoul(p + 4, NULL, 10) : 0;
	all = wanted ? proc_read_all(k->l->live->pid, "../locks", 4u << 20, &size) : NULL;
	for (char *line = all; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!strstr(line, "->") &&
		    sscanf(line, "%*d: %*s %*s %*s %d %*x:%*x:%lu", &pid, &inode) == 2 &&
		    inode == wanted && pid > 0) {
			text_add(k->out, ", which is held by ");
			put_process(k, (uint32_t)pid);
			break;
		}
	}
	free(all);
}

static void put_connect(const struct teller *k)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} a;
	size_t size = k->t->arg[2] < sizeof(a) ? k->t->arg[2] : sizeof(a);
	char text[INET6_ADDRSTRLEN] = "";

	memset(&a, 0, sizeof(a));
	live_memory(k->l->live->pid, k->t->arg[1], &a, size);
	text_add(k->out, "a connection");
	if (a.sa.sa_family == AF_INET && inet_ntop(AF_INET, &a.in.sin_addr, text, sizeof(text)))
		text_printf(k->out, " to %s:%u", text, ntohs(a.in.sin_port));
	else if (a.sa.sa_family == AF_INET6 &&
		 inet_ntop(AF_INET6, &a.in6.sin6_addr, text, sizeof(text)))
		text_printf(k->out, " to [%s]:%u", text, ntohs(a.in6.sin6_port));
	else
		text_printf(k->out, " on fd %d", (int)k->t->arg[0]);
}

/* Calls that read or write, or wait for files: what is on the other side of a descriptor. True: said. */
static bool put_transfer(const struct teller *k, enum call call)
{
	int fd = (int)k->t->arg[0];

	switch (call) {
	case CALL_read:
	case CALL_readv:
	case CALL_pread64:
	case CALL_preadv:
	case CALL_recvfrom:
	case CALL_recvmsg:
	case CALL_recvmmsg:
	case CALL_getdents64:
		text_add(k->out, live_fd_terminal(k->l->live->pid, fd) ? "input from the terminal, "
								       : "data from ");
		break;
	case CALL_write:
	case CALL_writev:
	case CALL_pwrite64:
	case CALL_sendto:
	case CALL_sendmsg:
		text_add(k->out, "room to write to ");
		break;
	case CALL_accept:
	case CALL_accept4:
		text_add(k->out, "somebody to connect to ");
		break;
	case CALL_close:
	case CALL_fstat:
	case CALL_fsync:
	case CALL_fdatasync:
		text_printf(k->out, "the file system: %s of ", call_name(call));
		break;
	case CALL_ioctl:
		text_add(k->out, "a driver: ioctl on ");
		break;
	default:
		return false;
	}
	live_fd(k->out, k->l->live->pid, fd);
	return true;
}

static void put_call(const struct teller *k, enum call call)
{
	const uint64_t *arg = k->t->arg;
	int fd = (int)arg[0];

	if (put_transfer(k, call))
		return;
	switch (call) {
	case CALL_poll:
	case CALL_ppoll:
		put_poll(k);
		return;
	case CALL_select:
	case CALL_pselect6:
		put_select(k);
		return;
	case CALL_epoll_wait:
	case CALL_epoll_pwait:
	case CALL_epoll_pwait2:
		put_epoll(k);
		return;
	case CALL_nanosleep:
		put_sleep(k, arg[0], false, CLOCK_MONOTONIC);
		return;
	case CALL_clock_nanosleep:
		put_sleep(k, arg[2], arg[1] & TIMER_ABSTIME, (int)arg[0]);
		return;
	case CALL_wait4:
		put_children(k, fd);
		return;
	case CALL_waitid:
		put_children(k, fd == P_PID ? (int)arg[1] : 0);
		return;
	case CALL_flock:
		put_file_lock(k, fd);
		return;
	case CALL_fcntl:
		if (arg[1] == F_SETLKW || arg[1] == F_OFD_SETLKW)
			put_file_lock(k, fd);
		return;
	case CALL_connect:
		put_connect(k);
		return;
	case CALL_open:
	case CALL_stat:
		put_path(k, arg[0]);
		return;
	case CALL_openat:
	case CALL_newfstatat:
	case CALL_statx:
		put_path(k, arg[1]);
		return;
	case CALL_pause:
	case CALL_rt_sigsuspend:
	case CALL_rt_sigtimedwait:
		text_add(k->out, "a signal");
		return;
	case CALL_semop:
	case CALL_semtimedop:
		text_add(k->out, "a System V semaphore");
		return;
	case CALL_clone:
	case CALL_vfork:
	case CALL_clone3:
		text_add(k->out, "a child that it made (vfork) to exec");
		return;
	case CALL_restart_syscall:
		text_add(k->out, "what it waited for before it was stopped");
		return;
	default:
		return;
	}
}

const char *live_wait(const struct live_look *l, const struct live_task *t)
{
	struct text out = {0};
	const struct teller k = {l, t, &out};
	const char *place = kernel_place(t->wchan), *text = NULL;

	if (t->syscall != UINT64_MAX && !t->running && l->map.n)	/* none: a thread of the kernel */
		put_call(&k, call_of(l->arch, t->syscall));
	if (place)
		text_printf(&out, "%s%s, in the kernel's %s", out.n ? ", which waits for " : "",
			    place, t->wchan);
	else if (t->state == 'D' && *t->wchan)
		text_printf(&out, "%suninterruptibly, in the kernel's %s", out.n ? ", " : "",
			    t->wchan);
	if (out.n)
		text = arena_text(l->arena, text_get(&out), out.n);
	text_free(&out);
	return text;
}

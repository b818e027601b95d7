/* SPDX-License-Identifier: MIT */
/*
 * Any living process: its files in /proc, its memory, its registers when it is stopped, looked at as
 * `kshim-analyze PID` does, and told as text, page and JSON. The system calls are replaced, nothing above
 * them: most of what /proc says has the form that the kernel gives it (a process chooses names, paths and
 * arguments itself), some of it has none.
 *
 * Input: two bytes, the length of a stream that answers are drawn from; the stream; memory.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/elf.h"
#include "analyzer/live_python.h"
#include "tests/fuzz/memory.h"

#define THREADS		5
#define PARENT		(FIRST_TID - 1)

/* --- the stream --- */

static const uint8_t *stream;
static size_t left;
static uint8_t version;		/* of the interpreter in memory */

static unsigned next(void)
{
	if (!left)
		return 0;
	left--;
	return *stream++;
}

static uint64_t number(void)
{
	unsigned how = next();
	uint64_t v = 0;

	switch (how & 7) {
	case 0: return MEMORY_AT + 16 * next();
	case 1: return MEMORY_AT + (memory_size ? (next() << 8 | next()) % memory_size : 0);
	case 2: return FIRST_TID + next() % (THREADS + 2);
	case 3: for (int i = 0; i < 8; i++) v = v << 8 | next(); return v;
	default: return how >> 3;
	}
}

/* Bytes that the process itself has chosen: no NUL where it is a name. */
static char *chosen(void)
{
	static char text[64];
	size_t n = next() % sizeof(text), i = 0;

	for (; i < n; i++)
		text[i] = (char)next() ?: 'a';
	text[i] = '\0';
	return text;
}

/* --- /proc --- */

static struct { char text[8192]; size_t n, at; } file;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(file.text + file.n, sizeof(file.text) - file.n, format, list);
	va_end(list);
	file.n += n < 0 ? 0 : (size_t)n < sizeof(file.text) - file.n ? (size_t)n : sizeof(file.text) - file.n - 1;
}

static void put_maps(void)
{
	put("%llx-%llx rw-p 00000000 00:00 0 \n", MEMORY_AT, MEMORY_AT + ((memory_size + 4095) & ~4095ull));
	for (unsigned n = next() % 5; n; n--) {
		uint64_t at = number();

		put("%llx-%llx %s %08llx fe:00 %u %s\n", (unsigned long long)at, (unsigned long long)(at + 4096 * (next() % 64)),
		    next() & 1 ? "r-xp" : "rw-s", (unsigned long long)(next() & 1 ? 0 : number()), next(), chosen());
	}
}

static void put_syscall(void)
{
	static const short often[] = { 202, 0, 1, 7, 23, 35, 230, 61, 247, 232, 281, 72, 73, 42, 45, 257, 270, 271, 16, 288, 128, 65, 56, 219 };
	unsigned how = next();

	if (how == 0) {
		put("running\n");
	} else if (how < 16) {
		put("-1 0x%llx 0x%llx\n", (unsigned long long)number(), (unsigned long long)number());
	} else {
		put("%d", how & 1 ? often[how / 2 % 24] : (int)(next() | next() << 8));
		for (int i = 0; i < 8; i++)
			put(" 0x%llx", (unsigned long long)number());
		put("\n");
	}
}

static void put_net(const char *name)
{
	put("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n");
	for (unsigned n = next() % 4; n; n--) {
		if (strstr(name, "unix"))
			put("0000000000000000: 00000002 00000000 00010000 0001 01 %u %s\n", next() & 7, chosen());
		else if (strstr(name, "6"))
			put(" 1: 00000000000000000000000001000000:%04X %s:0016 %02X 00000000:00000000 00:00000000 00000000  0  0 %u 1\n", next(), chosen(),
			    next() & 15, next() & 7);
		else
			put(" 0: 0100007F:%04X %08X:0016 %02X 00000000:00000000 00:00000000 00000000  0  0 %u 1\n", next(), next() << 16, next() & 15, next() & 7);
	}
}

static bool is(const char *path, const char *name)
{
	size_t n = strlen(path), m = strlen(name);

	return n >= m && strcmp(path + n - m, name) == 0;
}

static void put_file(const char *path)
{
	static const char *const places[] = { "futex_wait_queue", "0", "nfs_wait_bit_killable", "request_wait_answer", "pipe_read", "do_exit" };

	if (is(path, "/stat"))
		put("%u (%s) %c %llu 1 1 0 -1 4194304 1 1 1 1 1 1 1 1 20 0 1 0 %u 1 1 1 %llu 1 %llu 1\n", FIRST_TID, chosen(), "RSDTtZXI"[next() & 7],
		    (unsigned long long)(next() ? PARENT : number()), next(), (unsigned long long)number(), (unsigned long long)number());
	else if (is(path, "/syscall"))
		put_syscall();
	else if (is(path, "/wchan"))
		put("%s", places[next() % 6]);
	else if (is(path, "/schedstat"))
		put("1 1 %u\n", next() & 1);
	else if (is(path, "/status"))
		put("Name:\t%s\nVmHWM:\t%llu kB\nVmRSS:\t%llu kB\nSigCgt:\t%llx\n", chosen(), (unsigned long long)number(), (unsigned long long)number(),
		    (unsigned long long)number());
	else if (is(path, "/maps"))
		put_maps();
	else if (is(path, "/children"))
		put("%u %llu ", FIRST_TID, (unsigned long long)number());
	else if (is(path, "/locks"))
		put("1: FLOCK  ADVISORY  WRITE %u 00:1f:%u 0 EOF\n2: -> POSIX ADVISORY READ 1 00:1f:1 0 EOF\n", FIRST_TID, next() & 7);
	else if (strstr(path, "/fdinfo/"))
		put("pos:\t0\nino:\t%u\ntfd:  %u events: 19\ntfd: %d\n", next() & 7, next(), (int)number());
	else if (strstr(path, "/net/"))
		put_net(path);
	else
		put("%s", chosen());	/* cmdline, comm */
}

/* --- system calls --- */

static int fake_open(const char *path, int flags, ...)
{
	(void)flags;
	file.n = file.at = 0;
	switch (next() & 31) {
	case 0:
		return -1;
	case 1:			/* no form at all */
		for (unsigned n = next(); n; n--)
			file.text[file.n++] = (char)next();
		break;
	default:
		put_file(path);
	}
	return 3;
}

static ssize_t fake_read(int fd, void *to, size_t size)
{
	size_t n = file.n - file.at < size ? file.n - file.at : size;

	(void)fd;
	memcpy(to, file.text + file.at, n);
	file.at += n;
	return (ssize_t)n;
}

static int fake_close(int fd)
{
	(void)fd;
	return 0;
}

static ssize_t fake_readlink(const char *path, char *to, size_t size)
{
	static const char *const kinds[] = { "socket:[3]", "socket:[5]", "pipe:[2]", "anon_inode:[eventfd]", "/dev/pts/1", "/usr/bin/python3.11" };
	unsigned how = next() & 15;
	const char *link = is(path, "/exe") && how ? kinds[5] : how < 6 ? kinds[how] : chosen();
	size_t n = strlen(link);

	n = n < size ? n : size;
	memcpy(to, link, n);
	return how == 15 ? -1 : (ssize_t)n;
}

static ssize_t fake_readv(pid_t pid, const struct iovec *local, unsigned long n, const struct iovec *remote, unsigned long m, unsigned long flags)
{
	size_t got = memory_read((uint64_t)(uintptr_t)remote->iov_base, local->iov_base, local->iov_len);

	(void)pid, (void)n, (void)m, (void)flags;
	return got == local->iov_len || (got && ((uintptr_t)remote->iov_base + got) % 4096 == 0) ? (ssize_t)got : -1;
}

static bool fake_elf_open(struct elf *e, const char *path)
{
	(void)path;
	memset(e, 0, sizeof(*e));
	return false;
}

static struct dirent entry;
static unsigned entries;

static DIR *fake_opendir(const char *path)
{
	entries = 2 + (is(path, "/task") ? 1 + next() % THREADS : 0);
	return next() == 1 ? NULL : (DIR *)&entry;
}

static struct dirent *fake_readdir(DIR *dir)
{
	(void)dir;
	if (!entries)
		return NULL;
	entries--;
	snprintf(entry.d_name, sizeof(entry.d_name), entries > THREADS ? ".." : "%u", FIRST_TID + entries);
	return &entry;
}

static int fake_closedir(DIR *dir)
{
	(void)dir;
	return 0;
}

static long fake_ptrace(int request, pid_t tid, void *address, void *data)
{
	struct iovec *io = data;

	(void)tid, (void)address;
	if (request != PTRACE_GETREGSET)
		return next() == 1 ? -1 : 0;
	io->iov_len = (next() & 1 ? 27 : 34) * 8;
	for (unsigned i = 0; i < 34; i++)
		((uint64_t *)io->iov_base)[i] = number();
	return 0;
}

static pid_t fake_waitpid(pid_t pid, int *status, int options)
{
	(void)options;
	if (status)
		*status = next() == 1 ? 0 : PTRACE_EVENT_STOP << 16 | 5 << 8 | 0x7f;
	return pid;
}

static int fake_sleep(const struct timespec *time, struct timespec *rest)
{
	(void)time, (void)rest;
	return 0;
}

#define open fake_open
#define read(fd, to, size) fake_read(fd, to, size)
#define close fake_close
#define readlink fake_readlink
#define process_vm_readv fake_readv
#define opendir fake_opendir
#define readdir fake_readdir
#define closedir fake_closedir
#define elf_open fake_elf_open
#define ptrace(request, tid, address, data) fake_ptrace(request, tid, address, data)
#define waitpid fake_waitpid
#define nanosleep fake_sleep
#define setpriority(a, b, c) 0
#define prctl(...) 0
#define fork() (stop_and_copy(l, t->tid, s), 4711)
#define kill(pid, sig) 0
#define stat(path, to) ((void)(to), -1)

#include "analyzer/live_read.c"
#undef PAGE
#include "analyzer/live_task.c"
#undef STACK
#include "analyzer/live_made.c"
#undef read
#define last_part python_last_part
#define live_python_find python_find
#include "analyzer/live_python.c"
#undef live_python_find
#undef last_part
#include "analyzer/live.c"
#undef stat

struct live_python *live_python_find(const struct live_look *l, unsigned hexversion, uint64_t runtime)
{
	struct live_python *p = xalloc(1, sizeof(*p));

	(void)hexversion, (void)runtime;
	*p = (struct live_python){ .pid = l->live->pid, .minor = memory_minor(version), .runtime = RUNTIME, .code_type = CODE_TYPE,
				   .bytes_type = BYTES_TYPE, .text_type = TEXT_TYPE };
	if (next() == 1)
		p->bss = MEMORY_AT, p->bss_size = memory_size & ~7ull;
	if (choose_layout(p)) {
		find_threads(p, l);
		return p;
	}
	live_python_free(p);
	return NULL;
}

/* --- the target --- */

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	size_t n;

	if (most < 8192 || size < 2 + 64 || seed % 16 == 0) {
		n = 512;
		if (most < n + 2)
			return LLVMFuzzerMutate(bytes, size, most);
		memset(bytes, (int)(seed >> 8), n + 2);
		bytes[0] = n & 0xff;
		bytes[1] = n >> 8;
		size = n + 2;
	}
	n = bytes[0] | (size_t)bytes[1] << 8;
	n = n < size - 2 ? n : size - 2;
	if (seed & 1)
		return n + 2 + memory_mutate(bytes + 2 + n, size - 2 - n, most - 2 - n, seed);
	if (n)
		LLVMFuzzerMutate(bytes + 2, n, n);
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct trace *t;
	const char *why;

	if (size < 3)
		return 0;
	left = bytes[0] | (size_t)bytes[1] << 8;
	left = left < size - 3 ? left : size - 3;
	stream = bytes + 2;
	version = bytes[2 + left];	/* as memory_mutate lays it out */
	memory_bytes = bytes + 2 + left + 1;
	memory_size = size - 2 - left - 1;
	t = live_open(FIRST_TID, NULL, &why);
	if (t)
		reports_check(t, false, reports_some(bytes, size));
	trace_close(t);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What every trace begins with: facts about the process and the machine, the environment (as far
 * as shim/environment.c lists it), limits, and whether this is a Jupyter kernel.
 *
 * Keys of info events, at the start: exe argv cwd comm uid linux host glibc nproc page_size
 * memory_total swap_total env_names; at the first full checkpoint (some 50 ms later): pid_namespace
 * cgroup cgroup_version cgroup_memory cgroup_limited cgroup_limit cgroup_pids cgroup_pids_max,
 * again when the process is moved to another cgroup; at a crash or a bad end: machine container cpu
 * cpu_flags cpuid xcr0 hypervisor emulator seccomp no_new_privs oom_score_adj overcommit
 * max_map_count shm_total shm_free mnt_namespace. Numbers are decimal, sizes in bytes; a fact
 * that cannot be had is left out.
 *
 * Few files, each read once; no stdio. The start counts: what does not change and only explains a
 * bad end waits for one (a file costs 5 to 20 µs, a cpuid in a virtual machine 5 to 50).
 * ks_begin is called in the constructor and by a forked child that wakes, which may be in the
 * handler of a fatal signal; ks_facts_late by the crash path and before an end that is kept.
 */
#include "shim/surroundings.h"

#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#if defined(__x86_64__)
#include "shim/arch/x86_64_cpu.h"
#else
#include "shim/arch/aarch64_cpu.h"
#endif
#include "shim/environment.h"
#include "shim/other.h"

static char text[8192]; /* one process begins one trace at a time */

static void fact(const char *key, const char *value)
{
	if (value[0])
		KS_EMIT(info, .key = ks_text(key), .value = ks_text(value));
}

static void fact_number(const char *key, uint64_t value)
{
	char digits[24];

	ks_put_dec(digits, digits + sizeof(digits), value, 1);
	fact(key, digits);
}

/* The first line of a small file. */
static bool fact_file(const char *key, const char *path)
{
	char value[256];

	if (ks_read_file(path, value, sizeof(value)) <= 0)
		return false;
	*strchrnul(value, '\n') = '\0';
	fact(key, value);
	return true;
}

static void fact_link(const char *key, const char *path)
{
	long n = ks_sys(SYS_readlinkat, AT_FDCWD, path, text, sizeof(text) - 1);

	if (n > 0) {
		text[n] = '\0';
		fact(key, text);
	}
}

static uint64_t hash(const char *s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	while (*s && *s != '\n')
		h = (h ^ (uint8_t)*s++) * 1099511628211u;
	return h;
}

/* --- the machine --- */

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

/* Whose number our pid is: of which boot, in which namespace. */
static void boot_id(void)
{
	uint8_t *to = ks.head->boot_id;
	char id[64];
	const char *p = id;
	struct stat st;

	if (ks_sys_stat("/proc/self/ns/pid", &st, 0) == 0)
		ks.head->pid_namespace = st.st_ino;
	if (ks_read_file("/proc/sys/kernel/random/boot_id", id, sizeof(id)) < 36)
		return;
	for (int i = 0; i < 16; i++, p += 2) {
		if (*p == '-')
			p++;
		to[i] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
	}
}

static void machine(void)
{
	static unsigned long cpus[1024 / sizeof(long)];
	struct utsname u;
	struct sysinfo i;
	long n = ks_sys(SYS_sched_getaffinity, 0, sizeof(cpus), cpus);
	unsigned nproc = 0;

	if (ks_sys(SYS_uname, &u) == 0) {
		fact("linux", u.release);
		fact("host", u.nodename);
	}
	fact("glibc", gnu_get_libc_version());
	for (long k = 0; k < n / (long)sizeof(long); k++)
		nproc += (unsigned)__builtin_popcountl(cpus[k]);
	fact_number("nproc", nproc);
	fact_number("page_size", getauxval(AT_PAGESZ));
	if (ks_sys(SYS_sysinfo, &i) == 0) {
		fact_number("memory_total", (uint64_t)i.totalram * i.mem_unit);
		fact_number("swap_total", (uint64_t)i.totalswap * i.mem_unit);
	}
}

/* machine-id(5) asks not to give the number itself away: its hash tells machines apart as well. */
static void machine_late(void)
{
	struct statfs fs;
	struct stat st;
	char id[64];

	if (ks_read_file("/etc/machine-id", id, sizeof(id)) > 0) {
		ks_put_hex(text, text + sizeof(text), hash(id));
		fact("machine", text);
	}
	if (fact_file("container", "/run/systemd/container"))
		;
	else if (ks_sys_stat("/.dockerenv", &st, 0) == 0)
		fact("container", "docker");
	else if (ks_sys_stat("/run/.containerenv", &st, 0) == 0)
		fact("container", "podman");
	if (ks_sys(SYS_statfs, "/dev/shm", &fs) == 0) {
		fact_number("shm_total", (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize);
		fact_number("shm_free", (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize);
	}
	fact_file("overcommit", "/proc/sys/vm/overcommit_memory");
	fact_file("max_map_count", "/proc/sys/vm/max_map_count");
	fact_file("oom_score_adj", "/proc/self/oom_score_adj");
}

static void processor(void)
{
	static struct ks_cpu cpu;
	const char *model = cpu.model;

	if (!cpu.raw[0])
		ks_cpu_read(&cpu);
	while (*model == ' ')
		model++;
	fact("cpu", model);
	fact("cpu_flags", cpu.flags);
	fact("cpuid", cpu.raw);
	if (cpu.xcr0) {
		ks_put_hex(text, text + sizeof(text), cpu.xcr0);
		fact("xcr0", text);
	}
	fact("hypervisor", cpu.hypervisor);
	/* QEMU without a hypervisor's help (TCG), also qemu-user: target/i386/cpu.c. */
	if (strncmp(cpu.hypervisor, "TCGTCGTCG", 9) == 0 || strstr(model, "QEMU TCG"))
		fact("emulator", "qemu");
}

/* --- the process --- */

char *const *ks_start_args;

/* As the kernel would give them, without asking it. */
static long copy_args(char *line, size_t size)
{
	char *p = line;

	for (char *const *arg = ks_start_args; *arg && p < line + size - 1; arg++)
		p = ks_put(p, line + size, *arg) + 1;
	return p - line;
}

/* What multiprocessing and loky start beside the workers: python -c "from … import main; main(3)". */
static bool is_helper(const char *arg)
{
	return strncmp(arg, "from ", 5) == 0 && strstr(arg, " import main") &&
	       (strstr(arg, "resource_tracker") || strstr(arg, "semaphore_tracker") || strstr(arg, "forkserver"));
}

/* The command line, NUL by NUL, into text for people; and what it says of a kernel. */
static void command_line(char *connection, size_t size)
{
	static char line[4096];
	long n = ks_start_args ? copy_args(line, sizeof(line)) : ks_read_file("/proc/self/cmdline", line, sizeof(line));
	char *p = text, *end = text + 4096;
	unsigned state = 0;
	bool next = false, named = false, helper = false;

	connection[0] = '\0';
	for (const char *arg = line; arg < line + n; arg += strlen(arg) + 1) {
		const char *given = ks_connection_file(arg, &next);

		p = ks_put_arg(p, end, arg, &state);
		named |= strstr(arg, "kernel") != NULL;
		helper |= is_helper(arg);
		if (given && !connection[0])
			ks_put(connection, connection + size, given);
	}
	if (!named)
		connection[0] = '\0';
	/* A fork of the fork server is a worker. */
	ks.head->role = !ks.python ? KS_ROLE_OTHER : helper && !ks.generation ? KS_ROLE_HELPER : KS_ROLE_PYTHON;
	if (n > 0)
		fact("argv", text);
}

/* Two facts of /proc/self/stat: the command, and when the process began. */
static void self(void)
{
	char *p, *name;

	fact_number("uid", (uint64_t)ks_sys(SYS_getuid));
	if (ks_read_file("/proc/self/stat", text, 1024) <= 0)
		return;
	p = strrchr(text, ')');
	name = strchr(text, '(');
	for (unsigned i = 2; p && i < 22; i++)
		p = strchr(p + 1, ' ');
	if (p)
		ks.head->start_ticks = ks_number(p + 1, NULL);
	p = strrchr(text, ')');
	if (p && name) {
		*p = '\0';
		fact("comm", name + 1);
	}
}

static void status_late(void)
{
	uint64_t n;

	if (ks_read_file("/proc/self/status", text, sizeof(text)) <= 0)
		return;
	n = ks_line_number(text, "Seccomp:");
	if (n != UINT64_MAX)
		fact_number("seccomp", n);
	n = ks_line_number(text, "NoNewPrivs:");
	if (n != UINT64_MAX)
		fact_number("no_new_privs", n);
}

void ks_cgroup_record(const char *membership)
{
	static char packed[2 * KS_CGROUP_DIR + 8];	/* one at a time: ks_cgroup is one */

	ks_cgroup_find(membership);
	fact("cgroup", membership);
	if (ks_cgroup.memory[0]) {
		fact("cgroup_version", ks_cgroup.v2 ? "2" : "1");
		fact("cgroup_memory", ks_cgroup.memory);
		ks_cgroup_pack(&ks_cgroup, packed, sizeof(packed));
		ks.head->cgroup = ks_text(packed);
	}
	if (ks_cgroup.limited[0]) {
		fact("cgroup_limited", ks_cgroup.limited);
		fact_number("cgroup_limit", ks_cgroup.limit);
	}
	fact("cgroup_pids", ks_cgroup.pids);
	if (ks_cgroup.pids_max != UINT64_MAX)
		fact_number("cgroup_pids_max", ks_cgroup.pids_max);
}

static void namespace(const char *key, const char *path) /* any thread: no static buffer */
{
	struct stat st;

	if (ks_sys_stat(path, &st, 0) == 0)
		fact_number(key, st.st_ino);
}

static void limits(void)
{
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		uint64_t l[2]; /* as the kernel has struct rlimit64 */

		if (ks_sys(SYS_prlimit64, 0, i, NULL, l) == 0)
			KS_EMIT(limit, .resource = i, .soft = l[0], .hard = l[1]);
	}
}

/* A fork of a kernel has its command line, but is none. */
static void jupyter(const char *connection)
{
	const char *parent = ks_environment_value("JPY_PARENT_PID");

	if (!connection[0] || ks.generation)
		return;
	boot_id();
	ks.head->connection = ks_text(connection);
	ks.head->kernel_parent = parent ? ks_number(parent, NULL) : 0;
	KS_EMIT(kernel, .connection = ks.head->connection,
		.notebook = ks_text(ks_environment_value("JPY_SESSION_NAME")),
		.parent = ks.head->kernel_parent);
	ks_other_predecessor(connection);
}

void ks_begin(void)
{
	char connection[512];

	if (!ks.head)
		return;
	fact_link("exe", "/proc/self/exe");
	command_line(connection, sizeof(connection));
	if (ks_sys(SYS_getcwd, text, sizeof(text)) > 1)
		fact("cwd", text);
	self();
	limits();
	machine();
	if (ks.crashing)
		return;
	jupyter(connection);
	ks_environment_record();
}

void ks_facts_soon(void)
{
	ks_make_whole();
	boot_id();
	namespace("pid_namespace", "/proc/self/ns/pid");
}

void ks_facts_late(void)
{
	static uint32_t done; /* generation + 1 */

	if (!ks.on ||
	    __atomic_exchange_n(&done, ks.generation + 1, __ATOMIC_RELAXED) == ks.generation + 1)
		return;
	processor();
	status_late();
	machine_late();
	namespace("mnt_namespace", "/proc/self/ns/mnt");
}

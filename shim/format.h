/* SPDX-License-Identifier: MIT */
/*
 * The trace file as bytes: what the recorder writes and any reader parses.
 *
 * One file per process. A 4 KiB header describes everything else by offset, size and
 * stride, so that a reader of another version, or on the other architecture, needs no
 * knowledge of how this recorder laid it out. Regions are mapped by the recorder; blocks
 * are appended behind or between them with write(2), by the dying process and by witnesses.
 * All integers are little-endian. shim/FORMAT.md tells the same for people.
 *
 * Only <stdint.h> here; the analyzer shares this file and events.def, nothing else of shim/.
 */
#ifndef KS_FORMAT_H
#define KS_FORMAT_H

#include <stdint.h>

#define KS_MAGIC	"kshim\x1a\r\n"		/* 8 bytes with the final NUL left off */
#define KS_VERSION	1			/* grows when an old reader would be misled */
#define KS_ENDIAN	0x01020304u
#define KS_HEADER_SIZE	4096
#define KS_MAX_REGIONS	40
#define KS_MAX_FIELDS	13

enum ks_arch {
	KS_ARCH_X86_64	= 62,			/* the ELF e_machine numbers */
	KS_ARCH_AARCH64	= 183,
};

enum ks_region_kind {
	KS_REGION_NONE		= 0,
	KS_REGION_RING		= 1,	/* count rings, each stride bytes: ks_ring_head, then slots of KS_RING_SLOT */
	KS_REGION_RARE		= 2,	/* one lane: ks_ring_head, then slots of KS_RARE_SLOT; aux[0] slots are never reused */
	KS_REGION_STRINGS	= 3,	/* ks_string records, packed, 8-byte aligned; aux[0] bytes used (a hint) */
	KS_REGION_MODULES	= 4,	/* struct ks_module[count] */
	KS_REGION_THREADS	= 5,	/* struct ks_thread[count] */
	KS_REGION_CHECKPOINTS	= 6,	/* ks_ring_head, then struct ks_checkpoint[count] used as a ring */
	KS_REGION_OUTPUT	= 7,	/* ks_ring_head (next: bytes ever written), then a ring of bytes of fd 2 */
	KS_REGION_CRASH		= 8,	/* struct ks_crash, then blocks */
	KS_REGION_STATE		= 9,	/* tables of later families (GPU memory): stride and count say how; aux[0] which */
};

/* A part of the file that the recorder has mapped. */
struct ks_region {
	uint32_t kind;			/* enum ks_region_kind */
	uint32_t slot;			/* bytes of one slot, where the region holds rings */
	uint64_t offset;		/* from the begin of the file */
	uint64_t size;			/* bytes */
	uint32_t stride;		/* bytes of one entry (of one ring, with its head) */
	uint32_t count;			/* entries */
	uint64_t aux[4];
};

enum ks_end_kind {
	KS_END_NONE	= 0,		/* no end was recorded: still running, or killed */
	KS_END_SIGNAL	= 1,		/* a fatal signal; end_code is its number, the crash area says more */
	KS_END_EXIT	= 2,		/* exit, _exit or return from main; end_code is the status */
	KS_END_EXEC	= 3,		/* about to exec; an exec_failed event afterwards takes it back */
	KS_END_SEALED	= 4,		/* of the recording alone: a seccomp filter that may kill for what the recorder calls */
};

struct ks_header {
	char magic[8];
	uint32_t header_size;
	uint32_t version;
	uint32_t endian;
	uint16_t word_size;		/* bytes of a pointer */
	uint16_t arch;			/* enum ks_arch */
	uint64_t features;		/* for later versions; a reader ignores bits that it does not know */

	uint32_t region_offset;		/* of the table of regions, within the header */
	uint32_t region_stride;
	uint32_t region_count;		/* entries used; raised last */
	uint32_t pid;
	uint32_t ppid;
	uint32_t parent_pid;		/* recorded parent (fork), 0 where there is none */
	uint64_t parent_start;		/* its start_realtime: with parent_pid it names its trace file */

	/* Two clock pairs turn slot times (clock ticks) into wall time. */
	uint64_t start_clock;		/* TSC, or CNTVCT_EL0 */
	uint64_t start_realtime;	/* ns since 1970 */
	uint64_t start_monotonic;	/* ns, CLOCK_MONOTONIC */
	uint64_t last_clock;		/* the same again, at the last checkpoint or at the end */
	uint64_t last_realtime;
	uint64_t last_monotonic;
	uint64_t clock_hz;		/* ticks in a second, 0: derive it from the pairs */
	uint64_t start_ticks;		/* field 22 of /proc/self/stat: start of the process since boot */

	uint8_t boot_id[16];
	uint8_t build_id[20];		/* of libkshim.so */
	char build[28];			/* its version, as text */

	uint32_t end_kind;		/* enum ks_end_kind */
	int32_t end_code;
	uint64_t end_clock;
	uint64_t lost_events;
	uint64_t lost_strings;
	uint64_t lost_rings;
	uint64_t lost_modules;
	uint64_t threads;		/* alive, as far as pthread_create and their ends were seen */
	uint64_t cgroup;		/* string, for witnesses: "2" or "1", directory of the memory cgroup, of the limit; each with \n */
	uint64_t connection;		/* string: connection file of a Jupyter kernel; 0: it is none */
	uint64_t kernel_parent;		/* JPY_PARENT_PID of a kernel */
	uint64_t read_time;		/* ns since 1970: when a report of this death was first printed; 0: nobody has read it */
	uint64_t role;			/* enum ks_role */
	uint64_t pid_namespace;		/* inode of /proc/self/ns/pid, written with boot_id: pid is a number in it; 0: not known */
	uint64_t children;		/* made by fork, vfork and posix_spawn */
	uint64_t children_ended;	/* well, and waited for */
	uint64_t bare;			/* it may sleep in vfork: signals that kill by default do so unrecorded */
	uint64_t spare[6];
};

enum ks_role {
	KS_ROLE_UNKNOWN = 0,
	KS_ROLE_PYTHON	= 1,
	KS_ROLE_OTHER	= 2,	/* not Python: recorded because of KSHIM=all */
	KS_ROLE_HELPER	= 3,	/* Python's own: multiprocessing's tracker of resources, its fork server */
};

/* The table of regions stands here in files of version 1; a reader uses region_offset. */
#define KS_REGION_TABLE	1024

struct ks_ring_head {			/* 64 bytes before the slots of every ring */
	uint64_t next;			/* how many were ever claimed */
	uint32_t tid;			/* the thread that owns the ring now; 0: nobody */
	uint32_t generation;		/* how often it changed hands */
	uint64_t spare[6];
};

#define KS_RING_SLOT	64
#define KS_RARE_SLOT	128
#define KS_SLOT_HEAD	24

/*
 * One event. Slot number n (counted from 0 for ever) is valid only when seq == n + 1, which is
 * stored last; a torn or reused slot never matches its place. Place of n in a ring of count
 * slots with keep kept ones: n < keep ? n : keep + (n - keep) % (count - keep).
 */
struct ks_slot {
	uint32_t seq;
	uint16_t event;			/* enum ks_event, from events.def */
	uint16_t nfields;
	uint64_t time;			/* clock ticks */
	uint32_t tid;
	uint32_t load;			/* id of the innermost dlopen in progress on this thread, 0: none */
	uint64_t field[];
};

enum ks_string_kind {
	KS_STRING_TEXT	= 1,		/* bytes as the program had them, no NUL counted */
	KS_STRING_STACK	= 2,		/* u64 program counters, innermost first */
	KS_STRING_DATA	= 3,
};

/* A reference to a string is the file offset of this record; 0 is "none". */
struct ks_string {
	uint32_t size;			/* bytes of data; stored last */
	uint32_t kind;			/* enum ks_string_kind */
	char data[];
};

enum ks_module_flags {
	KS_MODULE_EXECSTACK	= 1 << 0,	/* PT_GNU_STACK asks for an executable stack */
	KS_MODULE_STATIC_TLS	= 1 << 1,	/* DF_STATIC_TLS */
	KS_MODULE_VDSO		= 1 << 2,
	KS_MODULE_MAIN		= 1 << 3,	/* the executable */
	KS_MODULE_SELF		= 1 << 4,	/* libkshim.so itself */
	KS_MODULE_NO_FILE	= 1 << 5,	/* path could not be stat()ed when it was seen */
};

struct ks_module {			/* 256 bytes */
	uint32_t state;			/* 0 unused, 1 being written, 2 loaded, 3 unloaded */
	uint32_t flags;
	uint64_t load_time;		/* when it was first seen, clock ticks */
	uint64_t unload_time;		/* when it was first missed; 0: still there */
	uint64_t base;			/* difference of addresses in the process to those in the file */
	uint64_t start, end;		/* lowest and highest mapped address */
	uint64_t text_start, text_end;	/* of its executable segment (the first with PF_X) */
	uint64_t dev, inode, file_size, mtime;	/* mtime: ns since 1970 */
	uint64_t need_size;		/* highest p_offset + p_filesz of a PT_LOAD: a shorter file is cut off */
	uint64_t tls_size;
	uint64_t mount_flags;		/* statfs f_flags of its file system */
	uint64_t fs_magic;		/* statfs f_type */
	uint64_t path;			/* string: as the loader names it (the executable: /proc/self/exe) */
	uint64_t soname;		/* string: DT_SONAME */
	uint32_t load;			/* id of the dlopen that brought it, 0: at the start or unknown */
	uint32_t tid;			/* thread on which it was first seen */
	uint8_t build_id_size;
	uint8_t build_id[23];
	uint64_t headers;		/* where the loader keeps its program headers; 0: not known */
	uint64_t nheaders;
	uint64_t spare[8];
};

struct ks_thread {			/* 192 bytes: counters of one thread, kept after its end */
	uint32_t state;			/* 0 unused, 1 alive, 2 ended */
	uint32_t tid;
	uint64_t start_time, end_time;
	uint64_t alloc_bytes, alloc_count;	/* malloc family, as far as flushed; counts are estimates */
	uint64_t free_bytes, free_count;
	uint64_t fail_count, big_count;		/* failed requests; requests of 1 MiB and more */
	uint64_t stack_low, stack_high;		/* its stack, without the guard */
	uint64_t guard_size;
	uint64_t alt_low, alt_size;		/* our alternate signal stack */
	uint64_t routine;			/* what pthread_create was given; 0: the main thread or unknown */
	char name[16];
	uint64_t spare[7];
};

enum ks_checkpoint_reason {
	KS_CHECK_START = 1, KS_CHECK_EVENT, KS_CHECK_HEAP, KS_CHECK_FAILURE, KS_CHECK_CRASH, KS_CHECK_END, KS_CHECK_WITNESS,
};

struct ks_checkpoint {			/* 128 bytes; bytes unless said otherwise; ~0: not known */
	uint32_t seq;			/* as in ks_slot, stored last */
	uint16_t reason;		/* enum ks_checkpoint_reason */
	uint16_t threads;
	uint64_t time;
	uint64_t rss, vsize;
	uint64_t heap_alloc, heap_free;	/* totals over all threads so far */
	uint64_t cg_usage, cg_limit;	/* of the tightest memory cgroup */
	uint64_t cg_oom_kill;		/* its oom_kill counter */
	uint64_t sys_oom_kill;		/* /proc/vmstat oom_kill */
	uint64_t mem_available, swap_free;
	uint64_t cg_pids;		/* pids.current */
	uint32_t tid;
	uint32_t cpu_ms;		/* CPU time of the process in milliseconds; 0: not read */
	uint64_t spare[2];
};

/*
 * What the dying thread writes about itself, in place. state is raised step by step: a reader
 * believes what its step says and no more. Blocks (stack bytes, maps, Python frames…) follow.
 */
enum ks_crash_state {
	KS_CRASH_NONE = 0,
	KS_CRASH_CLAIMED = 1,		/* a thread has taken the area */
	KS_CRASH_CONTEXT = 2,		/* signal, registers, opcode are there */
	KS_CRASH_DETAILS = 3,		/* blocks are written as far as they got */
	KS_CRASH_DONE = 4,		/* the process was about to die of it */
	KS_CRASH_REPAIRED = 5,		/* a handler of the program made it good: no death */
};

#define KS_MAX_REGS	40

struct ks_crash {			/* 1024 bytes */
	uint32_t state;
	int32_t signal;
	int32_t code;			/* si_code */
	int32_t error;			/* si_errno */
	uint64_t address;		/* si_addr, for faults */
	uint32_t sender_pid, sender_uid;/* for signals that were sent */
	uint32_t tid;
	uint32_t nested;		/* how many further faults came while this one was recorded */
	uint64_t time;
	uint64_t pc, sp, fp;
	uint64_t trap, fault_error;	/* x86: trapno and error code; aarch64: esr in fault_error */
	uint64_t nregs;
	uint64_t regs[KS_MAX_REGS];	/* DWARF order of the architecture; x86_64: rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip */
	uint64_t opcode_address;	/* where opcode was read: pc - 16 or later */
	uint8_t opcode[64];
	uint32_t opcode_size;
	uint32_t disposition;		/* of the program at delivery: 0 default, 1 ignored, 2 a handler */
	uint64_t handler;
	char name[16];			/* thread */
	char sender_name[16];		/* /proc/PID/comm of the sender */
	uint32_t sender_ppid;
	char sender_parent[16];		/* comm of the sender's parent */
	uint32_t spare0;
	uint64_t abort_message;		/* string: glibc's __abort_msg */
	uint64_t exception_type;	/* string: mangled name of the uncaught C++ exception's type */
	uint64_t exception_text;	/* string: what() as far as it could be read */
	uint64_t exception_module;	/* address of its type_info: which object defines it */
	uint64_t thrown_stack;		/* string (stack) where known */
	uint64_t stack_low, stack_high;	/* bounds of the thread's stack, 0 unknown */
	uint64_t shm_free, shm_total;	/* statfs /dev/shm, bytes; only for SIGBUS */
	uint64_t block_size;		/* bytes of blocks that follow within this region */
	uint64_t spare[48];
};

enum ks_state_table { KS_STATE_GPU = 1, KS_STATE_GPU_LIVE = 2 };	/* aux[0] of a KS_REGION_STATE */

enum ks_gpu_kind {
	KS_GPU_DEVICE = 0,	/* cuMemAlloc, cuMemAllocPitch, arrays */
	KS_GPU_MANAGED = 1,
	KS_GPU_POOL = 2,	/* stream-ordered: cuMemAllocAsync and kin */
	KS_GPU_PHYSICAL = 3,	/* cuMemCreate */
	KS_GPU_PINNED = 4,	/* host memory: cuMemHostAlloc, cuMemHostRegister */
	KS_GPU_IMPORTED = 5,	/* another process's */
	KS_GPU_KINDS = 6,
};

enum ks_gpu_route { KS_ROUTE_DLSYM = 1, KS_ROUTE_PROC_ADDRESS = 2, KS_ROUTE_LINKED = 3, KS_ROUTE_EXPORT_TABLE = 4 };

struct ks_gpu {				/* 512 bytes: totals of the process */
	uint64_t launches, copies, syncs, failures;
	uint64_t live[KS_GPU_KINDS], peak[KS_GPU_KINDS];	/* bytes */
	uint64_t count[KS_GPU_KINDS];	/* live allocations */
	uint64_t device_live, device_peak;	/* DEVICE + MANAGED + POOL + PHYSICAL */
	uint64_t first_free, first_total, first_info_time;	/* the first cuMemGetInfo */
	uint64_t last_free, last_total, last_info_time;
	uint64_t unknown_frees;		/* of addresses that are not in the table */
	uint64_t untracked;		/* allocations that no table had room for */
	uint64_t launches_since_sync;
	uint64_t first_error_time;
	uint64_t first_error_function;	/* string */
	int32_t first_error;		/* CUresult */
	uint32_t init_pid;		/* who called cuInit */
	int32_t init_result;
	uint32_t driver_version;
	uint64_t untracked_bytes;	/* of them; not in live and peak, which are a lower bound then */
	uint64_t first_live;		/* device_live at the first cuMemGetInfo */
	uint64_t by_device[16];		/* device_live of the first devices, where the device is known */
	uint64_t spare[9];
};

struct ks_gpu_live {			/* 32 bytes: one live allocation; address 0: unused, 1: given back */
	uint64_t address;
	uint64_t size;
	uint64_t time;
	uint32_t tid;
	uint8_t kind;
	int8_t device;			/* -1 unknown */
	uint16_t context;		/* number of its context, from 1; 0: unknown, or it outlives contexts */
};

enum ks_heap_function {
	KS_HEAP_MALLOC = 1, KS_HEAP_CALLOC, KS_HEAP_REALLOC, KS_HEAP_REALLOCARRAY, KS_HEAP_POSIX_MEMALIGN,
	KS_HEAP_ALIGNED_ALLOC, KS_HEAP_MEMALIGN, KS_HEAP_VALLOC, KS_HEAP_PVALLOC,
};

#define KS_BLOCK_MAGIC	0x4b4c424b4d494853ull	/* "SHIMKBLK" read as little-endian */

enum ks_block_kind {
	KS_BLOCK_STACK		= 1,	/* bytes of memory; address, tid */
	KS_BLOCK_MAPS		= 2,	/* /proc/self/maps */
	KS_BLOCK_PYTHON		= 3,	/* frames of one thread: ks_py_frame records, innermost first */
	KS_BLOCK_THREADS	= 4,	/* ks_thread_info[] */
	KS_BLOCK_STATUS		= 5,	/* /proc/self/status */
	KS_BLOCK_WITNESS	= 6,	/* struct ks_witness: somebody else saw the end */
	KS_BLOCK_MEMORY		= 7,	/* bytes at address: other pages that the reader may need */
	KS_BLOCK_STATFS		= 8,	/* text: PATH\tTYPE\tFREE\tTOTAL\tFILESIZE of the mapping that a SIGBUS hit */
	KS_BLOCK_NATIVE		= 9,	/* text: frames already unwound, one a line (from tests and bundles) */
	KS_BLOCK_GPU_LOG	= 10,
	KS_BLOCK_REGISTERS	= 11,	/* of a thread that was looked at from outside: u64 pc, sp, then the registers as in ks_crash */
};

struct ks_block {			/* 48 bytes, then size bytes, then padding to 8 */
	uint64_t magic;
	uint32_t kind;
	uint32_t tid;
	uint64_t address;
	uint64_t size;
	uint64_t time;
	uint64_t spare;
};

struct ks_thread_info {			/* 64 bytes, one for each task of the process at its crash */
	uint32_t tid;
	char state;			/* letter of /proc/self/task/N/stat */
	uint8_t args;			/* bits: which of the system call's arguments 0 to 5 are not 0; 0x80: known at all */
	char pad[2];
	char name[16];
	uint64_t syscall;		/* number; ~0 running or unknown */
	uint64_t arg0;
	uint64_t sp, pc;
	uint64_t arg1;
};

/* A Python frame as found in memory; texts follow in this order, each padded to 8 bytes. */
struct ks_py_frame {			/* 64 bytes */
	uint32_t size;			/* of the record with its texts */
	uint16_t major, minor;		/* of the interpreter */
	int32_t first_line;		/* co_firstlineno */
	int32_t last_instruction;	/* byte offset into co_code; -1 unknown */
	uint32_t file_size, name_size;	/* bytes */
	uint32_t table_size;		/* bytes of co_lnotab or co_linetable */
	uint8_t file_kind, name_kind;	/* bytes of a character: 1 (Latin-1 or ASCII), 2, 4 */
	uint8_t table_kind;		/* 1: co_lnotab (to 3.9), 2: co_linetable of 3.10, 3: of 3.11 and later */
	uint8_t flags;			/* 1: more frames called this one than are kept: the outermost may follow;
					 * 16: C called this one; 32: Python did (neither: not known) */
	uint64_t frame, code;		/* addresses */
	uint64_t spare[2];
};

struct ks_witness {			/* 128 bytes */
	uint32_t pid;			/* who saw it */
	uint32_t kind;			/* 1 the parent's wait, 2 the next kernel, 3 the analyzer */
	int32_t status;			/* as wait(2) gives it; -1: not known (kinds 2 and 3) */
	uint32_t requested;		/* the witness itself had sent a signal before: its number */
	uint64_t realtime;
	uint64_t cg_usage, cg_limit, cg_oom_kill, sys_oom_kill, mem_available;
	uint32_t signal_sent[4];	/* the last signals that the witness sent to the process, newest first */
	uint64_t signal_time;		/* realtime of the newest */
	char name[16];			/* comm of the witness */
	uint64_t cg_before, sys_before;	/* what kind 1 had read of cg_oom_kill and sys_oom_kill at an earlier death, plus one; 0: nothing */
	uint32_t doubtful;		/* KS_DOUBTFUL_… : others of its children were killed at the same time */
	uint32_t spare;
};

#define KS_DOUBTFUL_CGROUP	1u	/* for whom cg_oom_kill rose since cg_before is not known */
#define KS_DOUBTFUL_SYSTEM	2u	/* the same of sys_oom_kill */

#define KS_SAME(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has the size that FORMAT.md gives")
KS_SAME(ks_region, 64);
KS_SAME(ks_ring_head, 64);
KS_SAME(ks_slot, KS_SLOT_HEAD);
KS_SAME(ks_module, 256);
KS_SAME(ks_thread, 192);
KS_SAME(ks_checkpoint, 128);
KS_SAME(ks_crash, 1024);
KS_SAME(ks_block, 48);
KS_SAME(ks_thread_info, 64);
KS_SAME(ks_py_frame, 64);
KS_SAME(ks_witness, 128);
KS_SAME(ks_gpu, 512);
KS_SAME(ks_gpu_live, 32);
_Static_assert(sizeof(struct ks_header) <= KS_REGION_TABLE, "the table of regions follows the header");
_Static_assert(KS_REGION_TABLE + KS_MAX_REGIONS * sizeof(struct ks_region) <= KS_HEADER_SIZE, "the table fits");

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the ELF file of the library that a process crashed in: found by its build-id or
 * its inode, its symbols read, the stack unwound and its lines looked up by libdw, in the child
 * process that the analyzer has for that. Slow: each input forks. A report comes each time,
 * soon, and of a stack at least the first frame.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BASE	0x7f0000000000ull
#define STACK	0x7ffe00000000ull
#define WORDS	64

struct image {
	struct ks_header head;
	char pad[KS_REGION_TABLE - sizeof(struct ks_header)];
	struct ks_region region[4];
	char more[KS_HEADER_SIZE - KS_REGION_TABLE - 4 * sizeof(struct ks_region)];
	struct { uint32_t size, kind; } string;	/* struct ks_string */
	char path[56];
	struct ks_module module;
	struct ks_crash crash;
	struct ks_block block;
	uint64_t stack[WORDS];
};

static struct stat put_file(const uint8_t *bytes, size_t size, char *path, size_t room)
{
	static int fd = -1;
	struct stat st;

	if (fd < 0)
		fd = memfd_create("fuzz.so", MFD_CLOEXEC);
	snprintf(path, room, "/proc/self/fd/%d", fd);
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size && fstat(fd, &st) == 0);
	return st;
}

static void fill(struct image *i, const uint8_t *bytes, size_t size, uint64_t at)
{
	const uint64_t strings = offsetof(struct image, string), module = offsetof(struct image, module), crash = offsetof(struct image, crash);
	struct stat st;

	memset(i, 0, sizeof(*i));
	st = put_file(bytes, size, i->path, sizeof(i->path));
	i->head = (struct ks_header){ .magic = KS_MAGIC, .header_size = KS_HEADER_SIZE, .version = KS_VERSION, .endian = KS_ENDIAN, .word_size = 8,
				      .arch = KS_ARCH_X86_64, .region_offset = KS_REGION_TABLE, .region_stride = sizeof(struct ks_region),
				      .region_count = 3, .pid = 7, .clock_hz = 1000000000, .end_kind = KS_END_SIGNAL, .end_code = 11 };
	i->region[0] = (struct ks_region){ .kind = KS_REGION_STRINGS, .offset = strings, .size = 64, .stride = 1, .count = 1 };
	i->region[1] = (struct ks_region){ .kind = KS_REGION_MODULES, .offset = module, .size = sizeof(i->module), .stride = sizeof(i->module), .count = 1 };
	i->region[2] = (struct ks_region){ .kind = KS_REGION_CRASH, .offset = crash, .size = sizeof(i->crash), .stride = sizeof(i->crash), .count = 1 };
	i->string.size = (uint32_t)strlen(i->path);
	i->string.kind = KS_STRING_TEXT;
	i->module = (struct ks_module){ .state = 2, .base = BASE, .start = BASE, .end = BASE + 0x100000, .text_start = BASE + 0x1000,
					.text_end = BASE + 0x10000, .dev = st.st_dev, .inode = st.st_ino, .file_size = (uint64_t)st.st_size,
					.mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec, .path = strings };
	i->crash = (struct ks_crash){ .state = KS_CRASH_DONE, .signal = 11, .code = 1, .tid = 7, .pc = BASE + at, .sp = STACK, .fp = STACK + 64, .nregs = 17,
				      .address = 8 };
	i->crash.regs[6] = STACK + 64;
	i->crash.regs[7] = STACK;
	i->crash.regs[16] = BASE + at;
	i->block = (struct ks_block){ .magic = KS_BLOCK_MAGIC, .kind = KS_BLOCK_STACK, .tid = 7, .address = STACK, .size = sizeof(i->stack) };
	for (unsigned k = 0; k < WORDS; k++)
		i->stack[k] = k % 2 ? BASE + at + 3 * k : STACK + 8 * k + 32;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct timespec begin, end;
	static struct image i;
	struct trace *t;
	const char *why;

	if (size < 8)
		return 0;
	fill(&i, bytes + 2, size - 2, 0x1000 + (bytes[0] | (uint64_t)bytes[1] << 8));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	t = trace_from_memory("fuzz.trace", (const char *)&i, sizeof(i), &why);
	FUZZ_CHECK(t);
	reports_check(t, true, reports_some(bytes, size));
	trace_close(t);
	clock_gettime(CLOCK_MONOTONIC, &end);
	FUZZ_CHECK(end.tv_sec - begin.tv_sec < 30);
	return 0;
}

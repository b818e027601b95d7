/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the ELF file of a module: its sections, build-id (in the analyzer and in the
 * recorder), symbols, names of addresses and exports. The file is one in memory (memfd).
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/elf.h"
#include "analyzer/model.h"
#include "analyzer/names.h"
#include "shim/module.h"

#define ADDRESSES	8

struct ks_recorder;

static const char *file(const uint8_t *bytes, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz.so", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
	return path;
}

static bool any(void *arg, const struct elf *e, const Elf64_Shdr *strings, const Elf64_Sym *sym)
{
	char name[64];

	if (elf_string(e, strings, sym->st_name, name, sizeof(name)))
		FUZZ_CHECK(strlen(name) < sizeof(name));
	return ++*(unsigned *)arg < 5000;
}

static void look(const char *path, uint64_t at)
{
	struct arena arena = { 0 };
	struct module module = { .path = path, .name = "fuzz.so", .build_id = "", .file_there = true, .file_same = true };
	struct names *names = names_new(&arena, EM_X86_64);
	struct frame frames[ADDRESSES] = { { .pc = 0 } };
	struct wanted wanted[ADDRESSES];

	for (unsigned i = 0; i < ADDRESSES; i++) {
		frames[i].pc = at * i;
		frames[i].module = &module;
		wanted[i] = (struct wanted){ .frame = &frames[i], .return_address = i & 1 };
	}
	names_frames(names, wanted, ADDRESSES);
	for (unsigned i = 0; i < ADDRESSES; i++)
		if (wanted[i].frame->symbol)
			text_check("symbol", wanted[i].frame->symbol, strlen(wanted[i].frame->symbol), false);
	names_export(names, &module, "PyInit_x");
	names_free(names);
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *path;
	uint8_t id[32];
	unsigned n = 0;
	struct elf e;

	if (size < 8)
		return 0;
	path = file(bytes + 2, size - 2);
	if (!elf_open(&e, path))
		return 0;
	FUZZ_CHECK(elf_build_id(&e, id, 20) <= 20);
	elf_symbols(&e, SHT_DYNSYM, any, &n);
	elf_symbols(&e, SHT_SYMTAB, any, &n);
	elf_close(&e);
	look(path, bytes[0] | (uint64_t)bytes[1] << 8);
	return 0;
}

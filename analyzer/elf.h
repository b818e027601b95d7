/* SPDX-License-Identifier: MIT */
/*
 * A small reader of 64-bit little-endian ELF files: build-id, sections, symbols. The file is a
 * stranger's: it is read with pread into memory of bounded size, never mapped, so that a wrong or
 * shrinking file gives an error and nothing else. (elf(5))
 */
#ifndef ANALYZER_ELF_H
#define ANALYZER_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct elf {
	int fd;
	struct stat st;
	Elf64_Ehdr head;
	Elf64_Shdr *sections;
	unsigned nsections;
};

bool elf_open(struct elf *e, const char *path);	/* regular files only */
void elf_close(struct elf *e);
bool elf_read(const struct elf *e, uint64_t offset, void *to, size_t size);
/* Bytes of the build-id (at most room), 0: none. */
size_t elf_build_id(const struct elf *e, uint8_t *id, size_t room);
const Elf64_Shdr *elf_section(const struct elf *e, uint32_t type);	/* the first of a type; NULL */
bool elf_string(const struct elf *e, const Elf64_Shdr *strings, uint32_t offset, char *to, size_t room);

/* Calls see() for each symbol of a table, in order, until it returns false. */
typedef bool elf_symbol_seen(void *arg, const struct elf *e, const Elf64_Shdr *strings, const Elf64_Sym *symbol);
void elf_symbols(const struct elf *e, uint32_t type, elf_symbol_seen *see, void *arg);

#endif

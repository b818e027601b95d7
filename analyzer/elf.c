/* SPDX-License-Identifier: MIT */
/* Reads ELF files that nobody vouches for; see elf.h. */
#include "analyzer/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/reach.h"

#define MOST_SECTIONS	8192
#define MOST_NOTES	(1u << 16)	/* bytes */
#define MOST_SYMBOLS	(8u << 20)
#define CHUNK		(1u << 16)	/* symbols read at once */

bool elf_read(const struct elf *e, uint64_t offset, void *to, size_t size)
{
	size_t n = 0;

	if (offset > (uint64_t)e->st.st_size || size > (uint64_t)e->st.st_size - offset)
		return false;
	while (n < size) {
		ssize_t got = pread(e->fd, (char *)to + n, size - n, (off_t)(offset + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		n += (size_t)got;
		reach_comes_on();
	}
	return true;
}

static void read_sections(struct elf *e)
{
	unsigned n = e->head.e_shnum;

	if (!n || n > MOST_SECTIONS || e->head.e_shentsize != sizeof(*e->sections))
		return;
	e->sections = calloc(n, sizeof(*e->sections));
	if (e->sections && elf_read(e, e->head.e_shoff, e->sections, n * sizeof(*e->sections)))
		e->nsections = n;
}

bool elf_open(struct elf *e, const char *path)
{
	memset(e, 0, sizeof(*e));
	e->fd = -1;
	if (reach_stat(path, &e->st) < 0 || !S_ISREG(e->st.st_mode) || !reach_begin(path))
		return false;
	e->fd = reach_open(path);
	if (e->fd < 0) {
		reach_end();
		return false;
	}
	if (fstat(e->fd, &e->st) < 0 || !S_ISREG(e->st.st_mode) ||
	    !elf_read(e, 0, &e->head, sizeof(e->head)) ||
	    memcmp(e->head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    e->head.e_ident[EI_CLASS] != ELFCLASS64 || e->head.e_ident[EI_DATA] != ELFDATA2LSB) {
		elf_close(e);
		return false;
	}
	read_sections(e);
	return true;
}

void elf_close(struct elf *e)
{
	if (e->fd >= 0) {
		close(e->fd);
		reach_end();
	}
	free(e->sections);
	e->fd = -1;
	e->sections = NULL;
	e->nsections = 0;
}

/* A note: three words, the name and the description, each padded to four bytes. */
static size_t find_build_id(const char *notes, size_t size, uint8_t *id, size_t room)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		size_t name, desc;

		memcpy(&n, notes + at, sizeof(n));
		at += sizeof(n);
		name = ((size_t)n.n_namesz + 3) & ~(size_t)3;
		desc = ((size_t)n.n_descsz + 3) & ~(size_t)3;
		if (name > size - at || n.n_descsz > size - at - name)
			return 0;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    memcmp(notes + at, "GNU", 4) == 0) {
			size_t bytes = n.n_descsz < room ? n.n_descsz : room;

			memcpy(id, notes + at + name, bytes);
			return bytes;
		}
		if (desc > size - at - name)
			return 0;
		at += name + desc;
	}
	return 0;
}

size_t elf_build_id(const struct elf *e, uint8_t *id, size_t room)
{
	for (unsigned i = 0; i < e->head.e_phnum && i < 256; i++) {
		Elf64_Phdr p;
		char *notes;
		size_t n = 0;

		if (!elf_read(e, e->head.e_phoff + (uint64_t)i * sizeof(p), &p, sizeof(p)))
			return 0;
		if (p.p_type != PT_NOTE || p.p_filesz > MOST_NOTES)
			continue;
		notes = malloc(p.p_filesz + 1);
		if (notes && elf_read(e, p.p_offset, notes, p.p_filesz))
			n = find_build_id(notes, p.p_filesz, id, room);
		free(notes);
		if (n)
			return n;
	}
	return 0;
}

const Elf64_Shdr *elf_section(const struct elf *e, uint32_t type)
{
	for (unsigned i = 0; i < e->nsections; i++)
		if (e->sections[i].sh_type == type)
			return &e->sections[i];
	return NULL;
}

bool elf_string(const struct elf *e, const Elf64_Shdr *strings, uint32_t offset, char *to,
		size_t room)
{
	uint64_t size;

	if (offset >= strings->sh_size)
		return false;
	size = strings->sh_size - offset < room - 1 ? strings->sh_size - offset : room - 1;
	if (strings->sh_offset > UINT64_MAX - offset)
		return false;
	if (strings->sh_offset + offset + size > (uint64_t)e->st.st_size)
		return false;
	memset(to, 0, room);
	return elf_read(e, strings->sh_offset + offset, to, size) && *to;
}

void elf_symbols(const struct elf *e, uint32_t type, elf_symbol_seen *see, void *arg)
{
	const Elf64_Shdr *table = elf_section(e, type);
	Elf64_Sym *symbols;
	uint64_t n;

	if (!table || table->sh_entsize != sizeof(*symbols) || table->sh_link >= e->nsections)
		return;
	n = table->sh_size / sizeof(*symbols);
	if (n > MOST_SYMBOLS)
		n = MOST_SYMBOLS;
	symbols = malloc(CHUNK * sizeof(*symbols));
	for (uint64_t at = 0; symbols && at < n; at += CHUNK) {
		uint64_t now = n - at < CHUNK ? n - at : CHUNK;

		if (!elf_read(e, table->sh_offset + at * sizeof(*symbols), symbols,
			      now * sizeof(*symbols)))
			break;
		for (uint64_t i = 0; i < now; i++) {
			if (!see(arg, e, &e->sections[table->sh_link], &symbols[i])) {
				free(symbols);
				return;
			}
		}
	}
	free(symbols);
}

/* SPDX-License-Identifier: MIT */
/*
 * Libraries as tools leave them that change files after the linker: program headers moved to where there is room for
 * them, in a segment of their own that lies elsewhere in memory than in the file, or in none; no section headers; notes
 * that are cut out, with a header left that leads to a hole; and one that is linked to an address where it cannot be.
 * The loader takes them all.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dl.h"

#define FAR	(1ul << 30)		/* where the file has a hole */

enum { OWN_SEGMENT = 1, NO_SEGMENT = 2, NO_SECTIONS = 4, NOTES_IN_HOLE = 8 };

static unsigned char *read_library(size_t *size)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	unsigned char *bytes = NULL;
	struct stat st;
	int fd;

	path[n > 0 ? n : 0] = '\0';
	strcpy(strrchr(path, '/'), "/libdlfar.so");
	fd = open(path, O_RDONLY);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		*size = (size_t)st.st_size;
		bytes = malloc(*size);
		if (read(fd, bytes, *size) != st.st_size)
			abort();
		close(fd);
	}
	return bytes;
}

/* The headers, with one more segment for themselves where they get one. */
static unsigned change(const Elf64_Phdr *from, unsigned n, Elf64_Phdr *to, uint64_t at, int how)
{
	uint64_t top = 0;
	unsigned last = 0, out = 0;

	for (unsigned i = 0; i < n; i++)
		if (from[i].p_type == PT_LOAD) {
			last = i;
			top = from[i].p_vaddr + from[i].p_memsz;
		}
	for (unsigned i = 0; i < n; i++) {
		to[out] = from[i];
		if ((how & NOTES_IN_HOLE) && from[i].p_type == PT_NOTE)
			to[out].p_vaddr = top + 0x200000;
		out++;
		if ((how & (OWN_SEGMENT | NOTES_IN_HOLE)) && i == last) {
			to[out] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R, .p_offset = at, .p_filesz = 4096, .p_memsz = 4096, .p_align = 4096 };
			to[out++].p_vaddr = ((top + 4095) & ~4095ul) + 0x400000;
		}
	}
	return out;
}

static void write_library(const char *path, const unsigned char *bytes, size_t size, int how)
{
	uint64_t at = how & NO_SEGMENT ? FAR : (size + 4095) & ~4095ul;
	Elf64_Ehdr head;
	Elf64_Phdr headers[24];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	memset(headers, 0, sizeof(headers));
	memcpy(&head, bytes, sizeof(head));
	head.e_phnum = (Elf64_Half)change((const void *)(bytes + head.e_phoff), head.e_phnum, headers, at, how);
	head.e_phoff = at;
	if (how & NO_SECTIONS)
		head.e_shoff = head.e_shnum = head.e_shstrndx = 0;
	if (pwrite(fd, bytes, size, 0) < 0 || pwrite(fd, &head, sizeof(head), 0) < 0 || pwrite(fd, headers, sizeof(headers), (off_t)at) < 0 ||
	    ftruncate(fd, (off_t)at + 4096) < 0)
		abort();
	memset(&head, 0xff, sizeof(head));	/* nothing is where they were */
	if (pwrite(fd, &head, sizeof(head), sizeof(head)) < 0)
		abort();
	close(fd);
}

static void use(const char *path)
{
	void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*function)(void) = h ? (int (*)(void))dlsym(h, "far_value") : NULL;

	printf("%s: %d\n", path, function ? function() : -1);
	if (!h)
		printf("%s\n", say(dlerror()));
	report("nothing", dlsym(RTLD_DEFAULT, "cuNothing") != NULL);
	report("missing", dlopen("libdlinner_none.so", RTLD_NOW) != NULL);
	printf("%s\n", say(dlerror()));
}

int main(void)
{
	size_t size;
	unsigned char *bytes = read_library(&size);

	write_library("./libown.so", bytes, size, OWN_SEGMENT);
	write_library("./libnone.so", bytes, size, NO_SEGMENT);
	write_library("./libbare.so", bytes, size, OWN_SEGMENT | NO_SECTIONS);
	write_library("./libnotes.so", bytes, size, NOTES_IN_HOLE);
	use("./libown.so");
	use("./libnone.so");
	use("./libbare.so");
	use("./libnotes.so");
	use("libdlhigh.so");
	return 0;
}

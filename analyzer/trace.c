/* SPDX-License-Identifier: MIT */
/*
 * Opens a trace and validates it: file, header, regions, slots, tables, blocks; see trace.h.
 * All reading of the file's bytes is by memcpy: nothing in it need be aligned.
 */
#include "analyzer/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/reach.h"
#include "analyzer/trace_parts.h"

/* More than any recorder writes: what bounds our memory when the file is a stranger's. */
#define MOST_BYTES	(256u << 20)

void trace_damaged(struct trace *t, uint64_t offset, const char *format, ...)
{
	struct text text = { 0 };
	va_list args;

	if (t->ndamage >= 64)
		return;
	va_start(args, format);
	text_vprintf(&text, format, args);
	va_end(args);
	t->damage = grow(t->damage, t->ndamage, &t->damage_room, sizeof(*t->damage));
	t->damage[t->ndamage].offset = offset;
	t->damage[t->ndamage++].text = arena_text(&t->arena, text_get(&text), text.n);
	text_free(&text);
}

/* Opens regular files only; a FIFO must not hang us, a device must not be touched. */
static int open_regular(const char *path, uint64_t *size, const char **why)
{
	struct stat st;
	int fd;

	if (reach_stat(path, &st) < 0) {
		*why = strerror(errno);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		*why = "not a regular file";
		return -1;
	}
	fd = reach_open(path);
	if (fd < 0) {
		*why = strerror(errno);
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*why = "not a regular file";
		close(fd);
		return -1;
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

static size_t read_all(int fd, char *to, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, to + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

static bool header_copy(struct ks_header *h, const char *bytes, uint64_t size, const char **why)
{
	uint32_t stated;

	memset(h, 0, sizeof(*h));
	if (size < 64) {
		*why = size ? "too short to be a kshim trace" : "an empty file";
		return false;
	}
	if (memcmp(bytes, KS_MAGIC, sizeof(h->magic)) != 0) {
		*why = "not a kshim trace";
		for (unsigned i = 0; i < 64 && !bytes[i]; i++)
			if (i == 63)
				*why = "a trace that its process had no time to begin";
		return false;
	}
	memcpy(&stated, bytes + offsetof(struct ks_header, header_size), sizeof(stated));
	memcpy(h, bytes,
	       size < sizeof(*h)		  ? size :
	       stated < 64 || stated > sizeof(*h) ? sizeof(*h) :
						    stated);
	if (h->endian != KS_ENDIAN) {
		*why = "a kshim trace of a machine with another order of bytes, or a damaged one";
		return false;
	}
	return true;
}

bool trace_peek(int dir, const char *name, bool regular, struct ks_header *header, const char **why)
{
	char bytes[sizeof(*header)];
	struct stat st;
	size_t n;
	int fd = -1;

	if (regular || (fstatat(dir, name, &st, 0) == 0 && S_ISREG(st.st_mode)))
		fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		*why = "not a regular file that can be read";
		return false;
	}
	n = read_all(fd, bytes, sizeof(bytes));
	close(fd);
	return header_copy(header, bytes, n, why);
}

static bool overlaps(const struct ks_region *a, const struct ks_region *b)
{
	return a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static void add_region(struct trace *t, unsigned number, struct ks_region r)
{
	if (r.kind == KS_REGION_NONE || !r.size)
		return;
	if (r.offset < sizeof(struct ks_header) || r.offset >= t->size) {
		trace_damaged(t, r.offset, "region %u (kind %u) lies outside the file", number,
			      r.kind);
		return;
	}
	if (r.size > t->size - r.offset) {
		trace_damaged(t, r.offset,
			      "region %u (kind %u) is cut off: %llu of %llu bytes are there",
			      number, r.kind, (unsigned long long)(t->size - r.offset),
			      (unsigned long long)r.size);
		r.size = t->size - r.offset;
	}
	for (unsigned i = 0; i < t->nregions; i++) {
		if (overlaps(&t->regions[i], &r)) {
			trace_damaged(t, r.offset, "region %u (kind %u) overlaps another", number,
				      r.kind);
			return;
		}
	}
	t->regions[t->nregions++] = r;
}

static void read_regions(struct trace *t)
{
	const struct ks_header *h = &t->header;
	uint64_t at = h->region_offset;
	unsigned n = h->region_count;

	if (n > KS_MAX_REGIONS) {
		trace_damaged(t, offsetof(struct ks_header, region_count),
			      "the header names %u regions", n);
		n = KS_MAX_REGIONS;
	}
	if (h->region_stride < offsetof(struct ks_region, aux) ||
	    h->region_stride > KS_HEADER_SIZE) {
		trace_damaged(t, offsetof(struct ks_header, region_stride),
			      "the table of regions has an impossible stride");
		return;
	}
	t->regions = xalloc(KS_MAX_REGIONS, sizeof(*t->regions));
	for (unsigned i = 0; i < n; i++, at += h->region_stride) {
		struct ks_region r = { 0 };
		size_t bytes = h->region_stride < sizeof(r) ? h->region_stride : sizeof(r);

		if (at > t->size || t->size - at < bytes) {
			trace_damaged(t, at, "the table of regions is cut off");
			return;
		}
		memcpy(&r, t->bytes + at, bytes);
		add_region(t, i, r);
	}
}

struct trace *trace_from_memory(const char *path, const char *bytes, uint64_t size,
				const char **why)
{
	struct ks_header header;
	struct trace *t;

	if (!header_copy(&header, bytes, size, why))
		return NULL;
	t = xalloc(1, sizeof(*t));
	t->path = arena_text(&t->arena, path, strlen(path));
	t->bytes = bytes;
	t->size = size;
	t->header = header;
	if (header.version > KS_VERSION)
		trace_damaged(t, offsetof(struct ks_header, version),
			      "written by a newer recorder (format %u): what this program does not "
			      "know is left out",
			      header.version);
	if (size < KS_HEADER_SIZE)
		trace_damaged(t, size, "the file is cut off within its header");
	if (header.arch != KS_ARCH_X86_64 && header.arch != KS_ARCH_AARCH64)
		trace_damaged(t, offsetof(struct ks_header, arch), "unknown architecture %u",
			      header.arch);
	read_regions(t);
	trace_read_slots(t);
	trace_read_tables(t);
	trace_read_output(t);
	trace_read_crash(t);
	trace_read_blocks(t);
	return t;
}

struct trace *trace_open(const char *path, const char **why)
{
	uint64_t size;
	struct trace *t;
	char *bytes;
	int fd = open_regular(path, &size, why);
	bool whole = size <= MOST_BYTES;

	if (fd < 0)
		return NULL;
	if (!whole)
		size = MOST_BYTES;
	bytes = xalloc(1, size);
	size = read_all(fd, bytes, size);
	close(fd);
	t = trace_from_memory(path, bytes, size, why);
	if (!t) {
		free(bytes);
		return NULL;
	}
	arena_own(&t->arena, bytes);
	if (!whole)
		trace_damaged(t, size, "only the first %u MiB were read", MOST_BYTES >> 20);
	return t;
}

void trace_close(struct trace *t)
{
	if (!t)
		return;
	free(t->regions);
	free(t->slots);
	free(t->modules);
	free(t->threads);
	free(t->checkpoints);
	free(t->blocks);
	free(t->output);
	free(t->damage);
	arena_free(&t->arena);
	free(t);
}

const char *trace_string(const struct trace *t, uint64_t reference, unsigned kind, size_t *size)
{
	struct ks_string s;

	for (unsigned i = 0; reference && i < t->nregions; i++) {
		const struct ks_region *r = &t->regions[i];
		uint64_t at = reference - r->offset;

		if (r->kind != KS_REGION_STRINGS || reference < r->offset || at >= r->size ||
		    r->size - at < sizeof(s))
			continue;
		memcpy(&s, t->bytes + reference, sizeof(s));
		if (s.size > r->size - at - sizeof(s) || (kind && s.kind != kind))
			return NULL;
		*size = s.size;
		return t->bytes + reference + sizeof(s);
	}
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/* The mappings of the process at its crash, from its /proc/self/maps (proc(5)). */
#include "analyzer/model_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MAPS (1u << 17) /* twice the kernel's default for one process, vm.max_map_count */

static bool parse_line(struct model *m, const char *p, size_t n, struct mapping *map)
{
	unsigned long long start, end, offset, inode;
	char line[160], perms[5];
	int path = 0;
	size_t head = n < sizeof(line) - 1 ? n : sizeof(line) - 1;

	memcpy(line, p, head);
	line[head] = '\0';
	if (sscanf(line, "%16llx-%16llx %4s %16llx %*15s %20llu %n", &start, &end, perms, &offset,
		   &inode, &path) < 5 ||
	    !path || end < start)
		return false;
	*map = (struct mapping){ .start = start, .end = end, .offset = offset, .inode = inode };
	memcpy(map->perms, perms, sizeof(map->perms));
	map->path = (size_t)path < n ?
			    arena_clean(&private_of(m)->arena, p + path, n - (size_t)path) :
			    "";
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static const struct block *last_block(const struct trace *t, unsigned kind)
{
	for (size_t i = t->nblocks; i-- > 0;)
		if (t->blocks[i].head.kind == kind)
			return &t->blocks[i];
	return NULL;
}

void build_maps(struct model *m)
{
	const struct block *b = last_block(private_of(m)->trace, KS_BLOCK_MAPS);
	size_t room = 0;

	for (const char *p = b ? b->data : NULL, *stop = b ? p + b->head.size : NULL;
	     p < stop && m->nmaps < MOST_MAPS;) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));

		if (!end)
			end = stop;
		m->maps = grow(m->maps, m->nmaps, &room, sizeof(*m->maps));
		m->nmaps += parse_line(m, p, (size_t)(end - p), &m->maps[m->nmaps]);
		p = end + 1;
	}
	if (m->nmaps)
		qsort(m->maps, m->nmaps, sizeof(*m->maps), by_start);
	for (size_t i = 1; i < m->nmaps; i++)
		m->maps[i].below = &m->maps[i - 1];
}

const struct mapping *model_map_at(const struct model *m, uint64_t address)
{
	size_t low = 0, high = m->nmaps;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (m->maps[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low && address < m->maps[low - 1].end ? &m->maps[low - 1] : NULL;
}

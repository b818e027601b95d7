/* SPDX-License-Identifier: MIT */
/* See search.h. */
#include "analyzer/search.h"

#include <string.h>

#include "analyzer/elf.h"
#include "analyzer/reach.h"

#define MOST_DYNAMIC	512

const char search_system[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
			     "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib";

static const char *string_at(struct arena *arena, const struct elf *e, const Elf64_Shdr *strings, uint64_t offset)
{
	char text[1024];

	if (offset >= UINT32_MAX || !elf_string(e, strings, (uint32_t)offset, text, sizeof(text)))
		return NULL;
	return arena_text(arena, text, strlen(text));
}

bool search_needs(struct arena *arena, const char *path, struct file_needs *needs)
{
	const Elf64_Shdr *dynamic;
	Elf64_Dyn d;
	struct elf e;

	memset(needs, 0, sizeof(*needs));
	if (!elf_open(&e, path))
		return false;
	needs->machine = e.head.e_machine;
	dynamic = elf_section(&e, SHT_DYNAMIC);
	for (uint64_t i = 0; dynamic && dynamic->sh_link < e.nsections && i < MOST_DYNAMIC; i++) {
		const char *text;

		if (i >= dynamic->sh_size / sizeof(d) || !elf_read(&e, dynamic->sh_offset + i * sizeof(d), &d, sizeof(d)) ||
		    d.d_tag == DT_NULL)
			break;
		if (d.d_tag != DT_RPATH && d.d_tag != DT_RUNPATH && d.d_tag != DT_NEEDED)
			continue;
		text = string_at(arena, &e, &e.sections[dynamic->sh_link], d.d_un.d_val);
		if (d.d_tag == DT_RPATH)
			needs->rpath = text;
		else if (d.d_tag == DT_RUNPATH)
			needs->runpath = text;
		else if (text && needs->n < MOST_NEEDED)
			needs->name[needs->n++] = text;
	}
	elf_close(&e);
	return true;
}

const char *search_next(struct arena *arena, const char **list, const char *origin, const char *name, const char **folder)
{
	const char *slash = strrchr(origin, '/');

	while (*list && **list) {
		const char *p = *list, *path;
		size_t n = strcspn(p, ":;"), skip = strncmp(p, "$ORIGIN", 7) == 0 ? 7 : strncmp(p, "${ORIGIN}", 9) == 0 ? 9 : 0;

		*list += n + (p[n] != '\0');
		*folder = arena_text(arena, p + (skip < n ? skip : n), n - (skip < n ? skip : n));
		if (skip && slash)
			*folder = arena_printf(arena, "%.*s%s", (int)(slash - origin), origin, *folder);
		path = arena_printf(arena, "%s/%s", *folder, name);
		if (*path == '/' && n && reach_is_file(path))
			return path;
	}
	*folder = NULL;
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/* One loaded module as a row of the trace's table (module.c), for modules.c. */
#ifndef KS_MODULE_H
#define KS_MODULE_H

#include <link.h>

#include "shim/elf.h"
#include "shim/recorder.h"

#pragma GCC visibility push(hidden)

/* The path as the loader names it, made absolute; the executable has none there. */
ks_str ks_module_path(const char *name, bool main);
/* From the program headers alone; they stay where they are as long as it is loaded. */
void ks_module_segments(struct ks_module *m, const struct dl_phdr_info *info);
/* Its file, by path: what a proof needs and nobody can look up after the death. */
void ks_module_file(struct ks_module *m, const char *path);
/* What lies in its memory, after the two above. The loader has read the dynamic section itself;
 * anything else is touched only where the file is as long as its segments: the rest would raise
 * SIGBUS. It must be mapped. */
void ks_module_memory(struct ks_module *m, const struct dl_phdr_info *info);
/* The same for the build-id alone, from notes that were copied. */
void ks_module_build_id(struct ks_module *m, const uint32_t *notes, size_t size);
/* Puts it into the table as loaded. The row of an unloaded one of the same path is used again, so that
 * a program that loads and unloads for ever does not fill the trace. NULL: no room. */
struct ks_module *ks_module_store(const struct ks_module *m);

/* Its symbols, while it is loaded; false: it has none. */
static inline bool ks_module_elf(const struct ks_module *m, struct ks_elf *elf)
{
	return ks_elf_open(elf, m->base, (const ElfW(Phdr) *)(uintptr_t)m->headers, m->nheaders);
}

#pragma GCC visibility pop

#endif

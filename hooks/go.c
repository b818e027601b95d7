/* SPDX-License-Identifier: MIT */
/*
 * Handlers of Go's runtime, in a Go program with cgo or in a Go library that Python has loaded.
 *
 * The runtime asks for a thread's alternate stack by a system call of its own, finds ours, takes it for
 * the stack on which its handlers run, and ends the process ("non-Go code disabled sigaltstack") when one is
 * called on another (src/runtime/signal_unix.go: minitSignalStack, adjustSignalStack). Where there is one, all
 * handlers that ask for it run on our stack, as the kernel has it: those of others may be called on a
 * goroutine's thread, too. A Go object has a note with its build id: name "Go", type 4
 * (src/cmd/link/internal/ld/elf.go, ELF_NOTE_GOBUILDID_TAG).
 */
#include "hooks/signal.h"

#include <link.h>
#include <string.h>

#include "shim/eh_frame.h"

static bool has_go_note(const char *p, const char *end)
{
	while (end - p >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *n = (const void *)p;
		const char *name = p + sizeof(*n);

		if (n->n_type == 4 && n->n_namesz == 4 && end - name >= 4 && memcmp(name, "Go\0", 4) == 0)
			return true;
		if (n->n_namesz > 4096 || n->n_descsz > 65536)
			return false;
		p = name + ((n->n_namesz + 3) & ~3u) + ((n->n_descsz + 3) & ~3u);
	}
	return false;
}

bool ks_is_go(uintptr_t code)
{
	const ElfW(Ehdr) *header;
	const ElfW(Phdr) *p;
	struct ks_eh_object o;
	uintptr_t base = 0;
	bool first = true;

	if (!ks_eh_object_at(code, &o))
		return false;
	header = (const void *)o.start;
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phentsize != sizeof(*p))
		return false;
	p = (const void *)(o.start + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		const char *at;

		if (p[i].p_type == PT_LOAD && first) {
			base = (uintptr_t)o.start - (p[i].p_vaddr - p[i].p_offset);
			first = false;
		}
		at = (const char *)(base + p[i].p_vaddr);
		if (p[i].p_type == PT_NOTE && (uintptr_t)at >= (uintptr_t)o.start &&
		    (uintptr_t)at + p[i].p_filesz <= (uintptr_t)o.end && has_go_note(at, at + p[i].p_filesz))
			return true;
	}
	return false;
}

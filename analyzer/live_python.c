/* SPDX-License-Identifier: MIT */
/*
 * The interpreter of a living process: its version, where it keeps what (by the table of offsets
 * that the recorder has too, shim/python.def), and which of its thread states is which thread.
 *
 * Nothing that is read is trusted: it is a copy, taken while others may write; every chain has an
 * end.
 */
#include "analyzer/live_python.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/elf.h"

#define FIRST_MINOR 6
#define LAST_MINOR 15
#define FIRST_DEBUG 13 /* the first version with _Py_DebugOffsets */
#define MOST_THREADS 4096

static const struct {
	uint16_t offset[LAST_MINOR - FIRST_MINOR + 1];
	uint16_t word[LAST_MINOR - FIRST_DEBUG + 1];
} fields[] = {
#define PY_FIELD(name, a, b, c, d, e, f, g, h, i, j, k, l, m, meaning)                             \
	{{a, b, c, d, e, f, g, h, i, j}, {k, l, m}},
#include "shim/python.def"
#undef PY_FIELD
};

#define NFIELDS (sizeof(fields) / sizeof(*fields))
_Static_assert(sizeof(struct layout) == NFIELDS * sizeof(uint16_t), "one row a field");

bool view_read(const struct live_python *p, struct view *v, uint64_t at)
{
	size_t n;

	v->at = at;
	if (at < 4096 || at & 3)
		return false;
	n = live_memory(p->pid, at, v->bytes, VIEW);
	memset(v->bytes + n, 0, VIEW - n);
	return n > 0;
}

/* --- which interpreter --- */

struct symbols {
	struct live_python *p;
	uint64_t bias;
};

static bool symbol_seen(void *arg, const struct elf *e, const Elf64_Shdr *strings,
			const Elf64_Sym *sym)
{
	struct symbols *s = arg;
	struct live_python *p = s->p;
	const struct {
		const char *name;
		uint64_t *to;
	} wanted[] = {
		{"_PyRuntime", &p->runtime},	  {"PyCode_Type", &p->code_type},
		{"PyBytes_Type", &p->bytes_type}, {"PyUnicode_Type", &p->text_type},
		{"Py_Version", &p->version},
	};
	char name[16];

	if (sym->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(sym->st_info) != STT_OBJECT ||
	    !elf_string(e, strings, sym->st_name, name, sizeof(name)))
		return true;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!*wanted[i].to && strcmp(name, wanted[i].name) == 0)
			*wanted[i].to = s->bias + sym->st_value;
	return true;
}

/* How far the file's addresses are moved: its first segment lies at start. */
static uint64_t bias_of(const struct elf *e, uint64_t start)
{
	for (unsigned i = 0; i < e->head.e_phnum && i < 64; i++) {
		Elf64_Phdr ph;

		if (elf_read(e, e->head.e_phoff + i * sizeof(ph), &ph, sizeof(ph)) &&
		    ph.p_type == PT_LOAD && ph.p_offset < 4096)
			return start - (ph.p_vaddr & ~4095ull);
	}
	return start;
}

/* The zeroed data of a file, where 3.6 keeps its list of interpreters, of which no symbol tells. */
static void find_bss(struct live_python *p, const struct elf *e, uint64_t bias)
{
	for (unsigned i = 0; i < e->head.e_phnum && i < 64; i++) {
		Elf64_Phdr ph;

		if (elf_read(e, e->head.e_phoff + i * sizeof(ph), &ph, sizeof(ph)) &&
		    ph.p_type == PT_LOAD && ph.p_flags & PF_W) {
			p->bss = (bias + ph.p_vaddr) & ~7ull;
			p->bss_size = ph.p_memsz < (8u << 20) ? ph.p_memsz : 8u << 20;
		}
	}
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void look_into(struct live_python *p, const struct live_look *l, const struct live_area *a)
{
	struct symbols s = {.p = p};
	char path[4200];
	struct elf e;

	/* The file as the process sees it, whatever its root is. */
	snprintf(path, sizeof(path), "/proc/%u/root%s", l->live->pid, a->path);
	if (!elf_open(&e, path) && !elf_open(&e, a->path))
		return;
	s.bias = bias_of(&e, a->start);
	elf_symbols(&e, SHT_DYNSYM, symbol_seen, &s);
	if (p->code_type && !p->runtime)
		find_bss(p, &e, s.bias);
	elf_close(&e);
}

static unsigned minor_in(const char *path, const char *word)
{
	const char *at = strstr(path, word);

	return at ? (unsigned)strtoul(at + strlen(word), NULL, 10) : 0;
}

/* From a symbol (3.11 and later), else from the names of what is mapped: lib/python3.8/…,
 * libpython3.8.so. */
static unsigned find_minor(const struct live_python *p, const struct live_look *l)
{
	uint64_t version = p->version ? live_word(p->pid, p->version) : 0;
	unsigned minor = 0;

	if (version >> 24 == 3)
		return version >> 16 & 0xff;
	for (size_t i = 0; i < l->map.n && !minor; i++)
		minor = minor_in(l->map.area[i].path, "libpython3.");
	for (size_t i = 0; i < l->map.n && !minor; i++)
		minor = minor_in(l->map.area[i].path, "/lib/python3.");
	return minor ? minor : l->live->exe ? minor_in(last_part(l->live->exe), "python3.") : 0;
}

/* --- its layout --- */

/* What the interpreter says of itself goes before what we know of its version. */
static bool ask_interpreter(struct live_python *p, uint16_t *layout, bool *free_threaded)
{
	struct {
		char cookie[8];
		uint64_t version, free_threaded;
	} head;

	if (live_memory(p->pid, p->runtime, &head, sizeof(head)) != sizeof(head) ||
	    memcmp(head.cookie, "xdebugpy", 8) != 0 || head.version >> 24 != 3 ||
	    (head.version >> 16 & 0xff) != p->minor)
		return false;
	*free_threaded = head.free_threaded == 1;
	for (size_t i = 0; i < NFIELDS; i++) {
		uint16_t at = fields[i].word[p->minor - FIRST_DEBUG];
		uint64_t value;

		if (at == ABSENT)
			continue;
		if (live_memory(p->pid, p->runtime + 8 * at, &value, 8) != 8 || value >= ABSENT)
			return false;
		layout[i] = (uint16_t)value;
	}
	return true;
}

static bool choose_layout(struct live_python *p)
{
	uint16_t layout[NFIELDS];
	bool free_threaded = false;

	if (p->minor < FIRST_MINOR || p->minor > LAST_MINOR || !p->code_type || !p->bytes_type ||
	    !p->text_type)
		return false;
	for (size_t i = 0; i < NFIELDS; i++)
		layout[i] = fields[i].offset[p->minor - FIRST_MINOR];
	if (p->minor >= FIRST_DEBUG && !ask_interpreter(p, layout, &free_threaded))
		return false;
	memcpy(&p->at, layout, sizeof(layout));
	if (free_threaded) { /* a longer head of every object; the debug offsets leave these out */
		p->at.text_compact = (uint16_t)(p->at.text_compact + p->at.object_type - 8);
		p->at.text_any = (uint16_t)(p->at.text_any + p->at.object_type - 8);
	}
	if (p->at.frame_tlbc == 0)
		p->at.frame_tlbc = ABSENT;
	return true;
}

/* --- its threads --- */

static bool has_task(const struct live_look *l, uint32_t tid)
{
	for (size_t i = 0; tid && i < l->live->ntasks; i++)
		if (l->live->tasks[i].tid == tid)
			return true;
	return false;
}

/* The kernel's number of a thread: as the interpreter noted it, else from glibc's struct pthread,
 * wherever in it that is. */
static uint32_t tid_of(const struct live_python *p, const struct live_look *l,
		       const struct view *state, unsigned *offset)
{
	uint32_t self[256], tid = p->at.thread_native == ABSENT
					  ? 0
					  : (uint32_t)view_word(state, p->at.thread_native);
	size_t n = live_memory(p->pid, view_word(state, p->at.thread_id), self, sizeof(self)) / 4;

	if (*offset && *offset < n && has_task(l, self[*offset]))
		return self[*offset];
	if (has_task(l, tid))
		return tid;
	for (unsigned i = 16; i < n; i++) {
		if (!has_task(l, self[i]))
			continue;
		*offset = i;
		return self[i];
	}
	return 0;
}

static void threads_of(struct live_python *p, const struct live_look *l, uint64_t interp,
		       unsigned *offset)
{
	uint64_t state = live_word(p->pid, interp + p->at.interp_threads);

	for (unsigned i = 0; state && i < MOST_THREADS && p->nthreads < MOST_THREADS; i++) {
		struct view v;
		uint32_t tid;

		if (!view_read(p, &v, state) || view_word(&v, p->at.thread_interp) != interp)
			return;
		tid = tid_of(p, l, &v, offset);
		if (tid) {
			p->thread = grow(p->thread, p->nthreads, &p->room, sizeof(*p->thread));
			p->thread[p->nthreads++] = (struct py_thread){state, tid};
		}
		state = view_word(&v, p->at.thread_next);
	}
}

/* Does this word point to an interpreter whose first thread is one of the process's? */
static bool is_interpreter(const struct live_python *p, const struct live_look *l, uint64_t interp)
{
	struct view v;
	uint64_t state;
	unsigned offset = 0;

	if (interp & 7 || !live_area_at(&l->map, interp))
		return false;
	state = live_word(p->pid, interp + p->at.interp_threads);
	return state && !(state & 7) && view_read(p, &v, state) &&
	       view_word(&v, p->at.thread_interp) == interp && tid_of(p, l, &v, &offset);
}

static uint64_t scan_bss(const struct live_python *p, const struct live_look *l)
{
	uint64_t *all = xalloc(p->bss_size / 8 + 1, 8), found = 0;
	size_t n = live_memory(p->pid, p->bss, all, p->bss_size) / 8;

	for (size_t i = 0; i < n && !found; i++)
		if (all[i] > 4096 && is_interpreter(p, l, all[i]))
			found = all[i];
	free(all);
	return found;
}

static void find_threads(struct live_python *p, const struct live_look *l)
{
	unsigned offset = 0;
	uint64_t interp;

	interp = p->at.heads == ABSENT || !p->runtime ? scan_bss(p, l)
						      : live_word(p->pid, p->runtime + p->at.heads);
	for (unsigned i = 0; interp && i < 64; i++) {
		threads_of(p, l, interp, &offset);
		interp = live_word(p->pid, interp + p->at.interp_next);
	}
}

struct live_python *live_python_find(const struct live_look *l, unsigned hexversion,
				     uint64_t runtime)
{
	struct live_python *p = xalloc(1, sizeof(*p));

	p->pid = l->live->pid;
	for (size_t i = 0; i < l->map.n && !p->code_type; i++) {
		const struct live_area *a = &l->map.area[i];
		const char *name = last_part(a->path);

		if (a->path[0] == '/' && a->offset == 0 &&
		    (strncmp(name, "libpython3", 10) == 0 ||
		     (l->live->exe && strcmp(a->path, l->live->exe) == 0)))
			look_into(p, l, a);
	}
	if (runtime)
		p->runtime = runtime;
	p->minor = hexversion >> 24 == 3 ? hexversion >> 16 & 0xff : find_minor(p, l);
	if (choose_layout(p)) {
		find_threads(p, l);
		return p;
	}
	live_python_free(p);
	return NULL;
}

void live_python_free(struct live_python *p)
{
	if (p)
		free(p->thread);
	free(p);
}

const char *live_python_version(const struct live_python *p, struct arena *a)
{
	uint64_t v = p->version ? live_word(p->pid, p->version) : 0;

	return v >> 24 == 3 ? arena_printf(a, "3.%u.%u", (unsigned)(v >> 16 & 0xff),
					   (unsigned)(v >> 8 & 0xff))
			    : arena_printf(a, "3.%u", p->minor);
}

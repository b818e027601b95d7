/* SPDX-License-Identifier: MIT */
/*
 * libdwfl, offline: modules are reported from their files, the thread's registers and memory come
 * from the trace. Only modules that an address on the stack points into are opened. See symbols.h.
 *
 * libdwfl follows CFI, and where there is none (code made at run time) the chain of frame
 * pointers (elfutils, backends/x86_64_unwind.c, aarch64_unwind.c).
 */
#include "analyzer/symbols_private.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "analyzer/reach.h"
#include "analyzer/symbols_frame_pointer.h"


struct job {
	const struct model *m;
	const struct unwind *u;
	Dwfl *dwfl;
	int to;
	unsigned n;
	uint64_t pc[MOST_FRAMES];
	bool exact[MOST_FRAMES];
	bool whole;			/* it came to where the thread began */
	uint64_t start_pc, start_sp;	/* behind a call that led nowhere */
	uint64_t frame_pointer;		/* found on the stack; 0: not */
};

/* --- memory and registers for libdwfl --- */

static bool read_word(const struct unwind *u, uint64_t address, uint64_t *word)
{
	for (size_t i = 0; i < u->nmemory; i++) {
		const struct memory *b = &u->memory[i];

		if (address >= b->address && address - b->address < b->size &&
		    b->size - (address - b->address) >= sizeof(*word)) {
			memcpy(word, b->bytes + (address - b->address), sizeof(*word));
			return true;
		}
	}
	return false;
}

static bool dwfl_memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *arg)
{
	uint64_t word;

	(void)dwfl;
	if (!read_word(((struct job *)arg)->u, address, &word))
		return false;
	*result = word;
	return true;
}

static pid_t dwfl_next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	struct job *job = arg;

	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = job;
	return (pid_t)(job->u->tid ? job->u->tid : 1);
}

/* The thread that job->u is about, whichever it is. */
static bool dwfl_get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl, (void)tid;
	*thread_arg = arg;
	return true;
}

static bool dwfl_registers(Dwfl_Thread *thread, void *arg)
{
	struct job *job = arg;
	const struct unwind *u = job->u;
	Dwarf_Word regs[32] = { 0 };
	unsigned n = u->nregs >= 32 ? 32 : u->nregs >= 16 ? 16 : 0, sp = n == 32 ? 31 : 7;

	if (!n)
		return false;
	for (unsigned i = 0; i < n; i++)
		regs[i] = u->regs[i];
	regs[sp] = job->start_sp;
	if (job->frame_pointer)
		regs[6] = job->frame_pointer;
	dwfl_thread_state_register_pc(thread, job->start_pc);
	return dwfl_thread_state_registers(thread, 0, n, regs);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = dwfl_next_thread,
	.get_thread = dwfl_get_thread,
	.memory_read = dwfl_memory_read,
	.set_initial_registers = dwfl_registers,
};

/* --- modules --- */

static int no_elf(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base, char **file,
		  Elf **elf)
{
	(void)mod, (void)data, (void)name, (void)base, (void)file, (void)elf;
	return -1;
}

/* Only where distributions' debug packages put it; never a server (debuginfod). */
static int find_debug(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
		      const char *file, const char *link, GElf_Word crc, char **found)
{
	const unsigned char *id;
	GElf_Addr address;
	struct text path = { 0 };
	int n = dwfl_module_build_id(mod, &id, &address), fd;

	(void)data, (void)name, (void)base, (void)file, (void)link, (void)crc;
	if (n < 3)
		return -1;
	text_printf(&path, "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (int i = 1; i < n; i++)
		text_printf(&path, "%02x", id[i]);
	text_add(&path, ".debug");
	fd = reach_open(text_get(&path));
	if (fd < 0)
		text_free(&path);
	else
		*found = path.s;
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = no_elf,
	.find_debuginfo = find_debug,
	.section_address = dwfl_offline_section_address,
};

static bool report_modules(Dwfl *dwfl, const struct reported *r)
{
	dwfl_report_begin(dwfl);
	for (size_t i = 0; i < r->n; i++) {
		const struct module *mod = r->module[i];
		int fd = reach_open(mod->path);

		if (fd >= 0 && !dwfl_report_elf(dwfl, mod->name, mod->path, fd, mod->base, true))
			close(fd);
	}
	return dwfl_report_end(dwfl, NULL, NULL) == 0;
}

/* --- the walk, in the child --- */

static bool send_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

static void send_frame(struct job *job, uint64_t pc, bool exact, bool inlined, const char *name,
		       const char *file, int line)
{
	struct found f = { .pc = pc, .line = line, .inlined = inlined, .exact = exact };

	f.name_size = name ? (uint16_t)strnlen(name, 2048) : 0;
	f.file_size = file ? (uint16_t)strnlen(file, 2048) : 0;
	if (!send_all(job->to, &f, sizeof(f)) ||
	    !send_all(job->to, file ? file : "", f.file_size) ||
	    !send_all(job->to, name ? name : "", f.name_size))
		_exit(1);
}

static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attr));

	return name ? name : dwarf_diename(die);
}

/* File and line of the call that an inlined function stands for. */
static int call_site(Dwarf_Die *cu, Dwarf_Die *die, const char **file)
{
	Dwarf_Attribute attr;
	Dwarf_Files *files;
	Dwarf_Word number = 0, line = 0;
	size_t n;

	*file = NULL;
	if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attr), &number) == 0 &&
	    dwarf_getsrcfiles(cu, &files, &n) == 0 && number < n)
		*file = dwarf_filesrc(files, number, NULL, NULL);
	dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attr), &line);
	return (int)line;
}

/* Lines within the C library tell nobody anything, and its debug file is large and compressed. */
static Dwfl_Module *without_lines(Dwfl_Module *mod)
{
	const char *name =
		mod ? dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : NULL;

	return !name || strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2", 6) == 0 ||
			       strncmp(name, "ld-linux", 8) == 0 ?
		       NULL :
		       mod;
}

/* One frame and the functions inlined at its address, innermost first. */
static void send_with_lines(struct job *job, uint64_t pc, bool exact)
{
	uint64_t at = exact ? pc : pc - 1;
	Dwfl_Module *mod = without_lines(dwfl_addrmodule(job->dwfl, at));
	Dwfl_Line *source = mod ? dwfl_module_getsrc(mod, at) : NULL;
	Dwarf_Addr bias = 0;
	Dwarf_Die *cu = source ? dwfl_module_addrdie(mod, at, &bias) : NULL, *scopes = NULL;
	const char *file = NULL;
	int line = 0, n, inlined = 0;

	if (source)
		file = dwfl_lineinfo(source, NULL, &line, NULL, NULL, NULL);
	n = cu ? dwarf_getscopes(cu, at - bias, &scopes) : 0;
	for (int i = 0; i < n && inlined < MOST_INLINED; i++) {
		if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram)
			break;
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		send_frame(job, pc, exact, true, die_name(&scopes[i]), file, line);
		line = call_site(cu, &scopes[i], &file);
		inlined++;
	}
	free(scopes);
	send_frame(job, pc, exact, false, NULL, file, line);
}

static bool in_text(const struct model *m, uint64_t address)
{
	const struct module *mod = model_module_at(m, address);

	return mod && address >= mod->text_start && address < mod->text_end;
}

/*
 * What lies in data is no return address, however much it looks like one. An emulator of another CPU runs code that
 * the machine's own list of mappings does not call so, what is behind a signal handler too: seen by where it stands.
 */
static bool may_be_code(const struct job *job, uint64_t address)
{
	const struct model *m = job->m;
	const struct mapping *map = model_map_at(m, address), *here = model_map_at(m, job->u->pc);
	const bool emulated = here && here->perms[2] != 'x' && in_text(m, job->u->pc);

	return !m->nmaps || in_text(m, address) || (map && map->perms[emulated ? 0 : 2] != '-');
}

static int frame_seen(Dwfl_Frame *state, void *arg)
{
	struct job *job = arg;
	Dwarf_Addr pc;
	bool activation;

	if (!dwfl_frame_pc(state, &pc, &activation) || !pc || job->n == MOST_FRAMES)
		return DWARF_CB_ABORT;
	if (job->n && !may_be_code(job, pc))
		return DWARF_CB_ABORT;
	job->pc[job->n] = pc;
	job->exact[job->n++] = activation;
	return DWARF_CB_OK;
}

/*
 * A call through a null or wild pointer leaves no function at pc: the caller is known all the
 * same, by the return address on top of the stack (x86_64) or in the link register.
 */
static void find_start(const struct model *m, struct job *job)
{
	const struct unwind *u = job->u;
	uint64_t back = 0;

	job->start_pc = u->pc;
	job->start_sp = u->sp;
	if (model_module_at(m, u->pc))
		return;
	if (u->nregs >= 32)
		back = u->regs[30];
	else if (!read_word(u, u->sp, &back))
		return;
	if (!model_module_at(m, back) || !may_be_code(job, back))
		return;
	job->pc[job->n] = u->pc;
	job->exact[job->n++] = true;
	job->start_pc = back;
	if (u->nregs < 32)
		job->start_sp += 8;
}

static bool word_of(const void *u, uint64_t address, uint64_t *value)
{
	return read_word(u, address, value);
}

/* Into job->pc; true: it came to where the thread began. */
static bool follow(struct job *job)
{
	return job->dwfl && dwfl_getthread_frames(job->dwfl, (pid_t)(job->u->tid ? job->u->tid : 1), frame_seen, job) == 0;
}

/*
 * Once more with the frame pointer, where the walk ended at a function that asks for it; libdwfl
 * takes that for the begin of the thread.
 */
static bool follow_frame_pointer(struct job *job, bool whole)
{
	const struct frame_search s = {
		.dwfl = job->dwfl, .word = word_of, .arg = job->u, .sp = job->start_sp,
		.pc = job->pc[job->n - 1] - !job->exact[job->n - 1],
		.inner = job->exact[job->n - 1] ? 0 : job->pc[job->n - 1],
	};
	const unsigned before = job->n;

	job->frame_pointer = frame_pointer_find(&s);
	if (!job->frame_pointer)
		return whole;
	job->n = 0;
	whole = follow(job);
	if (job->n > before)
		return whole;
	job->frame_pointer = 0;
	job->n = 0;
	return follow(job);
}

static void walk(const struct model *m, struct job *job)
{
	job->n = 0;
	job->frame_pointer = 0;
	find_start(m, job);
	job->whole = follow(job);
	if (job->n && job->u->places_only && m->arch == KS_ARCH_X86_64 && job->start_pc == job->u->pc)
		job->whole = follow_frame_pointer(job, job->whole);
	if (job->n == (unsigned)(job->start_pc != job->u->pc)) {
		job->pc[job->n] = job->start_pc;
		job->exact[job->n++] = job->start_pc == job->u->pc;
	}
	/* The frame behind a call that led nowhere begins with a return address, whatever libdwfl thinks. */
	if (job->start_pc != job->u->pc && job->n > 1)
		job->exact[1] = false;
}

/* The frames of one thread, and the mark behind them. */
static void send_walk(struct job *job, unsigned with_lines)
{
	const struct found end = { .last = 1, .line = job->whole };

	for (unsigned i = 0; i < job->n; i++) {
		if (i < with_lines)
			send_with_lines(job, job->pc[i], job->exact[i]);
		else
			send_frame(job, job->pc[i], job->exact[i], false, NULL, NULL, 0);
	}
	if (!send_all(job->to, &end, sizeof(end)))
		_exit(1);
}

void symbols_child(const struct model *m, const struct unwind *u, size_t n, const struct reported *r, int to)
{
	static struct job job, again[THREADS_WITH_LINES];

	job.m = m;
	job.u = u;
	job.to = to;
	job.dwfl = dwfl_begin(&callbacks);
	if (job.dwfl && (!report_modules(job.dwfl, r) || !dwfl_attach_state(job.dwfl, NULL, 1, &thread_callbacks, &job))) {
		dwfl_end(job.dwfl);
		job.dwfl = NULL;
	}
	for (size_t i = 0; i < n; i++) {
		job.u = &u[i];
		walk(m, &job);
		send_walk(&job, 0);
		if (i < THREADS_WITH_LINES)
			again[i] = job;
	}
	for (size_t i = 0; i < n && i < THREADS_WITH_LINES && job.dwfl; i++)
		send_walk(&again[i], WITH_LINES);
}

/* SPDX-License-Identifier: MIT */
/*
 * SIGBUS in the mapping of a file that is no library: the file system is full (a page was to be
 * given to the file and there was none), or the file is shorter than the mapping. Which of them
 * is arithmetic: the offset of the address against the file's size, and the free space, both
 * read while the process died.
 */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <signal.h>
#include <string.h>

#define PAGE	4096ull

static bool is_bus(const struct model *m)
{
	return m->crash.present && !m->crash.repaired && end_is_signal(m, SIGBUS) && m->crash.raw->code > 0 && m->crash.map_address;
}

static bool is_shm(const char *path, const char *type)
{
	return path_under(path, "/dev/shm") || (strncmp(path, "/memfd:", 7) == 0) ||
	       (strncmp(path, "/SYSV", 5) == 0) || (type && strcmp(type, "tmpfs") == 0 && strstr(path, "/dev/shm"));
}

/* Fills the numbers: offset, size of the file, free, total; false where the address is in no file. */
static bool look(const struct model *m, struct finding *f)
{
	const struct mapping *map = m->crash.map_address;

	if (!is_bus(m) || !map->path || map->path[0] != '/')
		return false;
	f->mapping = map;
	f->path = m->crash.statfs_known && m->crash.statfs_path && *m->crash.statfs_path ? m->crash.statfs_path : map->path;
	f->number[0] = map->offset + (m->crash.address - map->start);
	f->number[1] = m->crash.statfs_known ? m->crash.statfs_file_size : UNKNOWN;
	f->number[2] = m->crash.statfs_known ? m->crash.statfs_free : UNKNOWN;
	f->number[3] = m->crash.statfs_known ? m->crash.statfs_total : UNKNOWN;
	if (!m->crash.statfs_known && is_shm(map->path, NULL) && m->crash.raw->shm_total) {
		f->number[2] = m->crash.raw->shm_free;
		f->number[3] = m->crash.raw->shm_total;
	}
	f->name = m->crash.statfs_known ? m->crash.statfs_type : NULL;
	return true;
}

static bool beyond_end(const struct finding *f)
{
	return f->number[1] != UNKNOWN && (f->number[0] & ~(PAGE - 1)) >= f->number[1];
}

/* No page could be had: at most 1 % and at most 1 MiB is free. */
static bool is_full(const struct finding *f)
{
	return f->number[2] != UNKNOWN && f->number[3] && f->number[2] <= 1024 * 1024 && f->number[2] <= f->number[3] / 64;
}

/*
 * A write was refused with ENOSPC and the exception ended the program. numpy's tofile keeps the error
 * number to itself ("1000000 requested and 511984 written"): likely, where no limit of
 * file sizes says more (limit.file-size). shm: that of /dev/shm, as PyTorch names its files there.
 */
static enum confidence no_space(struct finding *f, bool shm)
{
	const struct py_error *e = &f->context->error;
	const char *text = e->text;
	bool told = strstr(text, "[Errno 28]") || strstr(text, "No space left on device");
	bool short_write = strstr(e->type, "OSError") && strstr(text, " requested and ") && strstr(text, " written");

	if (!e->uncaught || (!told && !short_write) || (strstr(text, "/dev/shm") || strstr(text, "</torch_")) != shm)
		return NO_MATCH;
	f->number[5] = 1;
	f->text = text;
	return told ? PROVEN : shm ? NO_MATCH : LIKELY;
}

static void fix_shm(const struct model *m, struct finding *f)
{
	const bool torch = model_module_named(m, "libtorch", NULL) != NULL;

	if (model_info(m, "container")) {
		finding_fix(f, "Start the container with a larger /dev/shm (compose: shm_size: 8gb; Kubernetes: an emptyDir of medium Memory on "
			       "/dev/shm; or --ipc=host); if somebody else starts it, ask them:");
		finding_run(f, "docker run --shm-size=8g …");
	} else {
		finding_fix(f, "Give it more room; in a container, start that with docker run --shm-size=8g (or ask whoever does), else the "
			       "administrator of the machine can type:");
		finding_run(f, "sudo mount -o remount,size=8G /dev/shm");
	}
	finding_fix(f, "Or use less of it: %sfewer worker processes, smaller shared arrays.", torch ? "a DataLoader with num_workers=0, " : "");
	finding_fix(f, "See whether something is left over from programs that have ended, and delete it:");
	finding_run(f, "ls -l /dev/shm");
}

static void explain_no_space(const struct model *m, struct finding *f, bool shm)
{
	const struct py_error *e = &f->context->error;
	bool told = f->confidence == PROVEN;

	finding_title(f, shm ? "/dev/shm is full" : told ? "No space is left on the file system that it wrote to" :
					      "A file could not be written to its end: its file system is probably full");
	finding_cite(f, e->event ? e->event->record : 0, e->event ? e->event->time : m->ending.time, "%s: %.200s", e->type,
		     arena_line(f->arena, f->text));
	finding_say_traced(f, "%s: %.200s", e->type, arena_line(f->arena, f->text));
	if (e->file)
		finding_say_traced(f, "It was raised at %s, line %d.", e->file, e->line);
	finding_say(f, told ? "That is the system's answer to a write for which there was no room (ENOSPC), or to a quota that is used up." :
			      "NumPy does not say why the write ended early; no limit on file sizes was reached, so the disk or a quota is full.");
	if (shm) {
		fix_shm(m, f);
	} else {
		finding_fix(f, "See which file system is full (df), or which quota is used up (quota), and make room there or write elsewhere:");
		finding_run(f, "df -h . /tmp; df -i . /tmp; quota -s");
	}
}

static void tell(const struct model *m, struct finding *f)
{
	const struct thread *t = m->crash.thread;

	finding_cite(f, m->crash.record, m->ending.time, "SIGBUS at 0x%llx: byte %llu of %s", (unsigned long long)m->crash.address,
		     (unsigned long long)f->number[0], f->path);
	if (f->number[1] != UNKNOWN)
		finding_cite(f, m->crash.record, m->ending.time, "%s has %llu bytes", f->path, (unsigned long long)f->number[1]);
	if (f->number[2] != UNKNOWN)
		finding_cite(f, m->crash.record, m->ending.time, "its file system has %llu of %llu bytes free",
			     (unsigned long long)f->number[2], (unsigned long long)f->number[3]);
	if (t && t->npython && t->python[0].file)
		finding_say_line(f, &t->python[0]);
}

/* --- mem.shared-memory-full and mem.filesystem-full --- */

static enum confidence match_shm(const struct model *m, struct finding *f)
{
	enum confidence told = no_space(f, true);

	if (told != NO_MATCH)
		return told;
	if (!look(m, f) || !is_shm(f->path, f->name) || beyond_end(f))
		return NO_MATCH;
	return is_full(f) ? PROVEN : NO_MATCH;
}

static void explain_shm(const struct model *m, struct finding *f)
{
	if (f->number[5]) {
		explain_no_space(m, f, true);
		return;
	}
	const char *total = size_text(f->arena, f->number[3]);

	finding_title(f, "/dev/shm is full (%s)", total);
	finding_say(f,
		    "Programs share memory through files in /dev/shm, which may hold %s here, and %s of it is free. %s needed more: "
		    "such a file is made without complaint, since its room is only taken when it is written to, and Linux answers a write for "
		    "which there is none with the signal SIGBUS.",
		    total, size_text(f->arena, f->number[2]), f->path);
	tell(m, f);
	fix_shm(m, f);
}

const struct rule rule_mem_shared_memory_full = {
	.id = "mem.shared-memory-full",
	.title = "/dev/shm is full",
	.match = match_shm,
	.explain = explain_shm,
	.page = "Shared memory (/dev/shm, 64 MiB in a Docker container by default) has no page "
		"left.\n"
		"Proof: SIGBUS at an address inside the mapping of a file in /dev/shm, within the "
		"file's size, and the free space of /dev/shm "
		"at that moment.\nMistaken for it: PyTorch's text \"insufficient shared memory\" "
		"is a guess; a cut-off file gives SIGBUS too.",
	.sources = "https://github.com/pytorch/pytorch/issues/5040 "
		   "https://github.com/greatlog/UnpairedSR/issues/17",
};

static enum confidence match_full(const struct model *m, struct finding *f)
{
	enum confidence told = no_space(f, false);

	if (told != NO_MATCH)
		return told;
	if (!look(m, f) || is_shm(f->path, f->name) || beyond_end(f))
		return NO_MATCH;
	return is_full(f) ? PROVEN : NO_MATCH;
}

static void explain_full(const struct model *m, struct finding *f)
{
	if (f->number[5]) {
		explain_no_space(m, f, false);
		return;
	}
	finding_title(f, "No space is left on the file system of %s", base_name(f->path));
	finding_say(
		f,
		"%s was written to as memory (a mapping, as numpy.memmap makes it), and its file system%s%s has no space left: %s of %s is "
		"free. Linux answers such a write with the signal SIGBUS, because it has no other way to report an error.",
		f->path, f->name ? ", " : "", f->name ? f->name : "",
		size_text(f->arena, f->number[2]), size_text(f->arena, f->number[3]));
	tell(m, f);
	finding_fix(f, "Make room on that file system (this shows how full it is), or put the file on another one:");
	finding_run(f, "df -h \"$(dirname %s)\"", arena_shell(f->arena, f->path));
}

const struct rule rule_mem_filesystem_full = {
	.id = "mem.filesystem-full",
	.title = "No space is left on a file system",
	.match = match_full,
	.explain = explain_full,
	.page = "A mapped file (numpy.memmap, an lmdb, a cache) was to grow into blocks that the full file system does not have.\n"
		"Proof: SIGBUS at an address inside the file's mapping, within the file's size, and no free space at that moment.\n"
		"Mistaken for it: /dev/shm, a damaged disk, a cut-off file.",
	.sources = "https://github.com/greatlog/UnpairedSR/issues/17",
};

/* --- mem.mapped-file-truncated --- */

static enum confidence match_short(const struct model *m, struct finding *f)
{
	const char *so;

	if (!look(m, f) || !beyond_end(f))
		return NO_MATCH;
	so = strstr(base_name(f->path), ".so");
	return so && (!so[3] || so[3] == '.') ? NO_MATCH : PROVEN;
}

static void explain_short(const struct model *m, struct finding *f)
{
	finding_title(f, "The file %s was cut off while it was in use", base_name(f->path));
	finding_say(f,
		    "The process used byte %llu of %s, which has only %llu bytes now: it was cut "
		    "off (or written anew) while it was mapped. "
		    "Such an access is answered with SIGBUS.",
		    (unsigned long long)f->number[0], f->path, (unsigned long long)f->number[1]);
	tell(m, f);
	finding_fix(f, "Find out what shortens the file while it is in use (another process, a "
		       "second run that opens it with mode \"w+\"); write a "
		       "new file and rename it instead.");
}

const struct rule rule_mem_mapped_file_truncated = {
	.id = "mem.mapped-file-truncated",
	.title = "A mapped file was cut off while in use",
	.match = match_short,
	.explain = explain_short,
	.page = "A file was shortened while it was mapped (numpy.memmap, lmdb, a data "
		"file).\nProof: SIGBUS at an address inside the file's "
		"mapping and behind the file's end.\nMistaken for it: a full /dev/shm.",
	.sources = "https://github.com/greatlog/UnpairedSR/issues/17",
};

/* --- mem.hardware-error --- */

static enum confidence match_hardware(const struct model *m, struct finding *f)
{
	/* BUS_MCEERR_AR, BUS_MCEERR_AO: the kernel took a page away after a memory error. */
	if (!m->crash.present || !end_is_signal(m, SIGBUS) || (m->crash.raw->code != 4 && m->crash.raw->code != 5))
		return NO_MATCH;
	f->number[0] = m->crash.address;
	return PROVEN;
}

static void explain_hardware(const struct model *m, struct finding *f)
{
	finding_title(f, "The machine's memory is faulty: the kernel reported an error that cannot be corrected");
	finding_cite(f, m->crash.record, m->ending.time, "SIGBUS, si_code %d (BUS_MCEERR), address 0x%llx", m->crash.raw->code,
		     (unsigned long long)f->number[0]);
	finding_say(f, "The kernel sent SIGBUS with a code that only a machine-check of the memory "
		       "has. The program is not to blame.");
	finding_fix(f, "Show this to the administrator of the machine, who should have its memory checked:");
	finding_run(f, "journalctl -k | grep -i -e mce -e 'hardware error'");
}

const struct rule rule_mem_hardware_error = {
	.id = "mem.hardware-error",
	.title = "The machine's memory is faulty",
	.match = match_hardware,
	.explain = explain_hardware,
	.page = "The kernel found an error in the memory that cannot be corrected.\nProof: SIGBUS "
		"with si_code BUS_MCEERR_AR or BUS_MCEERR_AO.",
	.sources = "https://man7.org/linux/man-pages/man2/sigaction.2.html",
};

/* SPDX-License-Identifier: MIT */
/*
 * A file that is there and cannot be used: cut off, no library at all, on a file system that
 * forbids execution, asking for an executable stack. The recorder looked at the file when its
 * load failed (load_refused); after a SIGBUS the arithmetic of the mapping is the proof.
 */
#include "analyzer/rules/load.h"
#include "analyzer/howto.h"
#include "analyzer/rules/tags.h"

#include <signal.h>
#include <string.h>

#define ST_NOEXEC_FLAG	8	/* statfs(2): ST_NOEXEC */

static const struct event *refused(const struct finding *f)
{
	return f->load ? f->load->refused : NULL;
}

/* Folders whose files are made anew when they are missing. */
static bool is_cache(const char *path)
{
	static const char *const parts[] = {
		"/.theano/",	 "compiledir", "torch_extensions", "/.triton/",
		"torchinductor", "/.numba",    "/.keras/",	   NULL};

	for (const char *const *p = parts; *p; p++) {
		if (strstr(path, *p))
			return true;
	}
	return false;
}

static void fix_file(const struct model *m, struct finding *f, const char *path)
{
	const char *package;

	if (!strchr(path, '/')) {
		finding_fix(f, "Install the file %s again.", path);
		return;
	}
	package = package_of(f->arena, path);
	if (!package && is_cache(path)) {
		finding_fix(f, "Delete it; the next run makes it again%s:",
			    strstr(path, "heano") ? " (theano-cache purge deletes all of Theano's cache)" : "");
		finding_run(f, "rm %s", arena_shell(f->arena, path));
		return;
	}
	finding_fix_package(m, f, path, "reinstall");
}

/* Eight bytes and more, and they are not those that every library begins with. */
static bool is_no_elf(const struct event *e)
{
	uint64_t head = FIELD(e, load_refused, head);

	return head && FIELD(e, load_refused, size) >= 8 && memcmp(&head, "\x7f" "ELF", 4) != 0;
}

/* --- load.truncated-library --- */

static bool is_library(const char *path)
{
	const char *so = strstr(base_name(path), ".so");

	return so && (so[3] == '\0' || so[3] == '.');
}

static enum confidence match_bus(const struct model *m, struct finding *f)
{
	const struct mapping *map = m->crash.map_address;
	uint64_t at, size;

	if (!m->crash.present || !end_is_signal(m, SIGBUS) || m->crash.raw->code <= 0 || !map ||
	    !map->inode || !is_library(map->path))
		return NO_MATCH;
	at = map->offset + (m->crash.address - map->start);
	f->module = model_module_at(m, m->crash.address);
	if (m->crash.statfs_known)
		size = m->crash.statfs_file_size;
	else if (f->module && f->module->file_size && f->module->need_size > f->module->file_size)
		size = f->module->file_size;
	else
		return NO_MATCH;
	/* The rest of the last page is there: the fault lies in a page behind the end. */
	if ((at & ~4095ull) < size)
		return NO_MATCH;
	f->mapping = map;
	f->path = map->path;
	f->number[0] = at;
	f->number[1] = size;
	f->number[2] = f->module ? f->module->need_size : 0;
	return PROVEN;
}

static enum confidence match_truncated(const struct model *m, struct finding *f)
{
	const struct event *e;

	if (match_bus(m, f) == PROVEN)
		return PROVEN;
	if (!f->context->bad_load.load)
		return NO_MATCH;
	if (!load_fault(f, LOADER_SHORT) && !load_fault(f, LOADER_NOT_ELF) &&
	    !load_fault(f, LOADER_OTHER) && !load_fault(f, LOADER_MAP))
		return NO_MATCH;
	e = refused(f);
	if (e && is_no_elf(e))
		return NO_MATCH;	/* short, but no library that was cut: load.invalid-elf */
	if (e && FIELD(e, load_refused, need_size) > FIELD(e, load_refused, size) && FIELD(e, load_refused, size)) {
		f->number[1] = FIELD(e, load_refused, size);
		f->number[2] = FIELD(e, load_refused, need_size);
		f->path = FIELD_TEXT(e, load_refused, path) ? FIELD_TEXT(e, load_refused, path) : f->path;
		return f->context->bad_load.confidence;
	}
	return f->context->bad_load.words.fault == LOADER_SHORT ? f->context->bad_load.confidence : NO_MATCH;
}

static void explain_truncated(const struct model *m, struct finding *f)
{
	struct arena *a = f->arena;

	if (package_of(f->arena, f->path))
		finding_title(f, "%s is damaged: its file %s is cut off", software_of_path(f->arena, f->path), base_name(f->path));
	else
		finding_title(f, "The file %s is cut off", base_name(f->path));
	if (f->mapping) {
		finding_cite(f, m->crash.record, m->ending.time,
			     "SIGBUS at 0x%llx, which is byte %llu of %s; the file has %llu bytes",
			     (unsigned long long)m->crash.address, (unsigned long long)f->number[0],
			     f->path, (unsigned long long)f->number[1]);
		finding_say(f, "Byte %llu of %s was needed, but the file ends at byte %llu; Linux answers that with the signal SIGBUS.",
			    (unsigned long long)f->number[0], f->path, (unsigned long long)f->number[1]);
	} else {
		load_tell(m, f);
	}
	if (f->mapping && f->number[2] <= f->number[1])
		finding_say(f, "The rest was never written or has been cut off: a full disk or quota, or an interrupted installation or copy, is the "
			       "usual reason.");
	if (f->number[2] > f->number[1])
		finding_say(f, "It has %s and ought to have %s (%llu bytes), as its own headers say: the rest was never written or has been cut off, for "
			    "instance by a full disk or a broken download.", size_text(a, f->number[1]), size_text(a, f->number[2]), (unsigned long long)f->number[2]);
	fix_file(m, f, f->path);
}

const struct rule rule_load_truncated_library = {
	.id = "load.truncated-library",
	.title = "A library's file is cut off",
	.match = match_truncated,
	.explain = explain_truncated,
	.page = "A shared library is shorter than its own headers say: a full disk, an interrupted copy or download.\n"
		"Proof: arithmetic. SIGBUS at an address that lies in the mapping of the file behind the file's end; or a failed "
		"load of a file that is shorter than its segments reach.\n"
		"Mistaken for it: a full /dev/shm (also SIGBUS). Which mapping the address lies in decides.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/7663 https://github.com/pytorch/pytorch/issues/588",
};

/* --- load.invalid-elf --- */

/*
 * glibc passes over a library for another machine as if it were not there (elf/dl-load.c,
 * open_verify), and its words are then those for a missing file.
 */
const char *load_other_machine(const struct model *m, const struct finding *f)
{
	static const struct { unsigned machine; const char *name; } names[] = {
		{ 3, "32-bit x86" }, { 20, "PowerPC" }, { 21, "64-bit PowerPC" }, { 22, "S/390" }, { 40, "32-bit ARM" },
		{ 62, "x86-64" }, { 183, "aarch64 (64-bit ARM)" }, { 243, "RISC-V" }, { 258, "LoongArch" },
	};
	const struct event *e = refused(f);
	unsigned machine = e ? (unsigned)FIELD(e, load_refused, machine) : 0;
	const char *path = e ? FIELD_TEXT(e, load_refused, path) : NULL;

	/* What was looked at may be the file asked for, and what is missing another one that it needs. */
	if (!machine || machine == (m->arch == KS_ARCH_AARCH64 ? 183u : 62u) ||
	    strcmp(base_name(path), base_name(f->path)) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return "another processor";
}

static enum confidence match_elf(const struct model *m, struct finding *f)
{
	struct made_for made;
	bool is_short;

	if (!f->context->bad_load.load && made_for_another(m, f, &made))
		return made.platform ? PROVEN : NO_MATCH;	/* another Python's: env.mixed-environments */
	if (load_fault(f, LOADER_MISSING) && load_other_machine(m, f)) {
		f->path = FIELD_TEXT(refused(f), load_refused, path) ? FIELD_TEXT(refused(f), load_refused, path) : f->path;
		f->number[0] = FIELD(refused(f), load_refused, head);
		return f->context->bad_load.confidence;
	}
	is_short = load_fault(f, LOADER_SHORT) && refused(f) && is_no_elf(refused(f));
	if (!is_short && !load_fault(f, LOADER_NOT_ELF))
		return NO_MATCH;
	f->number[0] = refused(f) ? FIELD(refused(f), load_refused, head) : 0;
	return f->context->bad_load.confidence;
}

static const char *what_it_is(uint64_t head)
{
	char text[9] = "";

	memcpy(text, &head, 8);
	if (strncmp(text, "version ", 8) == 0)
		return "a Git LFS pointer (a small text that stands for the file): git lfs pull was not run";
	if (strncmp(text, "MZ", 2) == 0)
		return "a Windows library";
	if (strncmp(text, "\xcf\xfa\xed\xfe", 4) == 0 || strncmp(text, "\xca\xfe\xba\xbe", 4) == 0)
		return "a macOS library";
	if (strncmp(text, "<!DOC", 5) == 0 || strncmp(text, "<html", 5) == 0)
		return "a web page: the download went wrong";
	if (strncmp(text, "!<arch>", 7) == 0)
		return "a static archive";
	if (strncmp(text, "\x7f" "ELF", 4) == 0)
		return text[4] == 1 ? "a library for 32-bit programs" : "a library for another processor or with damaged headers";
	if (!head)
		return "filled with zeros";
	return "not a library at all";
}

static void explain_elf(const struct model *m, struct finding *f)
{
	const struct event *e = refused(f);
	const char *other = load_other_machine(m, f);
	struct made_for made;

	if (!f->load && made_for_another(m, f, &made)) {
		finding_title(f, "%s is installed for %s, not for this machine", made.module, made.platform);
		explain_made_for(m, f, &made);
		return;
	}
	if (package_of(f->arena, f->path))
		finding_title(f, "%s cannot be loaded: its file %s is no library for this machine", software_of_path(f->arena, f->path),
			      base_name(f->path));
	else
		finding_title(f, "%s is not a library that this machine can load", base_name(f->path));
	load_tell(m, f);
	if (e) {
		finding_cite(f, e->record, e->time, "%s: %llu bytes, the first eight are %016llx", f->path,
			     (unsigned long long)FIELD(e, load_refused, size), (unsigned long long)__builtin_bswap64(f->number[0]));
		finding_say(f, "%s (%s) is %s.", f->path,
			    size_text(f->arena, FIELD(e, load_refused, size)),
			    other ? arena_printf(f->arena, "a library for %s processors; this process runs on %s", other,
						 m->arch == KS_ARCH_AARCH64 ? "aarch64" : "x86-64") :
				    what_it_is(f->number[0]));
	}
	if (other && f->context->bad_load.words.fault == LOADER_MISSING)
		finding_say(f, "The loader passes over such a file as if it were not there; that is why it speaks of a missing file.");
	if (f->number[0] == 0x206e6f6973726576ull)	/* "version " */
	{
		finding_fix(f, "In a checkout of git, fetch the real file:");
		finding_run(f, "git lfs pull");
	}
	fix_file(m, f, f->path);
}

const struct rule rule_load_invalid_elf = {
	.id = "load.invalid-elf",
	.title = "A file is not a library for this machine",
	.match = match_elf,
	.explain = explain_elf,
	.page = "The file has the name of a library and is none for this machine: a macOS wheel on "
		"Linux, another processor, a "
		"Git LFS pointer, a web page saved by a failed download.\nProof: the failed load "
		"with the loader's text, repeated by "
		"the exception; the first bytes of the file say what it is.",
	.sources = "https://github.com/tensorflow/tensorflow/issues/1711 "
		   "https://github.com/anlalalu/Q-testing/issues/1",
};

/* --- load.noexec-mount --- */

static enum confidence match_noexec(const struct model *m, struct finding *f)
{
	const struct event *e;
	bool flag;

	(void)m;
	if (!load_fault(f, LOADER_MAP) && !load_fault(f, LOADER_DENIED))
		return NO_MATCH;
	e = refused(f);
	flag = e && (FIELD(e, load_refused, mount_flags) & ST_NOEXEC_FLAG);
	if (flag)
		return f->context->bad_load.confidence;
	return strstr(f->text, "Operation not permitted") && f->context->bad_load.words.fault == LOADER_MAP ? LIKELY : NO_MATCH;
}

static void explain_noexec(const struct model *m, struct finding *f)
{
	const struct event *e = refused(f);

	finding_title(f, "%s cannot be loaded: it lies on a file system that is mounted noexec", software_of_path(f->arena, f->path));
	load_tell(m, f);
	if (e && (FIELD(e, load_refused, mount_flags) & ST_NOEXEC_FLAG))
		finding_cite(f, e->record, e->time, "statfs of %s: mount flag noexec is set", f->path);
	finding_say(f, "No code may be executed from the file system that holds %s; the file itself is in order.", f->path);
	finding_fix(f, "Make the environment anew (or move it) on another file system: one from which programs may be run.");
	finding_fix(f, "Or have this one mounted with exec; that takes the administrator:");
	finding_run(f, "sudo mount -o remount,exec \"$(df --output=target %s | tail -1)\"", arena_shell(f->arena, f->path));
}

const struct rule rule_load_noexec_mount = {
	.id = "load.noexec-mount",
	.title = "A library lies on a file system that is mounted noexec",
	.match = match_noexec,
	.explain = explain_noexec,
	.page = "Site-packages, or /tmp where compilers put their output, is on a file system "
		"mounted with noexec.\n"
		"Proof: the failed load (\"failed to map segment from shared object\") and the "
		"mount flag, looked at when it failed.\n"
		"Mistaken for it: file permissions; the same words without \"Operation not "
		"permitted\" can be a lack of address space.",
	.sources = "https://github.com/numpy/numpy/issues/15102 "
		   "https://github.com/pytorch/pytorch/issues/91005 "
		   "https://github.com/gramineproject/gramine/issues/1924",
};

/* --- load.permission-denied --- */

static enum confidence match_denied(const struct model *m, struct finding *f)
{
	const struct event *e;

	(void)m;
	if (!load_fault(f, LOADER_DENIED) && !load_fault(f, LOADER_TEXT_RELOCATION) &&
	    !(load_fault(f, LOADER_MAP) && strstr(f->text, "Permission denied")))
		return NO_MATCH;
	e = refused(f);
	if (e && (FIELD(e, load_refused, mount_flags) & ST_NOEXEC_FLAG))
		return NO_MATCH;
	return f->context->bad_load.confidence;
}

static void explain_denied(const struct model *m, struct finding *f)
{
	const struct event *e = refused(f);
	bool mapped = f->context->bad_load.words.fault != LOADER_DENIED;

	finding_title(f, "The system refused to load %s", software_file_of_path(f->arena, f->path));
	load_tell(m, f);
	if (e)
		finding_cite(f, e->record, e->time, "%s: mode %llo, opening it gave %lld", f->path,
			     (unsigned long long)FIELD(e, load_refused, mode) & 07777,
			     (long long)FIELD_SIGNED(e, load_refused, error));
	if (mapped) {
		finding_say(f, "The file can be read, but its code may not be mapped: a security "
			       "module (SELinux, AppArmor, a snap's "
			       "confinement) forbids it.");
		finding_fix(f, "See what was denied (journalctl -k | grep DENIED with AppArmor), and show it to the administrator:");
		finding_run(f, "sudo ausearch -m avc -ts recent");
		finding_fix(f, "With SELinux, restoring the file's label may be enough:");
		finding_run(f, "sudo restorecon -Rv %s", arena_shell(f->arena, f->path));
	} else {
		finding_say(f, "This user may not read the file or enter one of its folders.");
		finding_fix(f, "See which folder of its path is closed to you, and ask its owner to open it:");
		finding_run(f, "namei -l %s", arena_shell(f->arena, f->path));
	}
}

const struct rule rule_load_permission_denied = {
	.id = "load.permission-denied",
	.title = "The system refused to load a library",
	.match = match_denied,
	.explain = explain_denied,
	.page = "The file is there, but this user may not read it, or a security module does not let its code be mapped.\n"
		"Proof: the failed load with \"Permission denied\", repeated by the exception; the mount is not noexec.",
	.sources = "https://github.com/numpy/numpy/issues/8462 https://github.com/GrahamDumpleton/mod_wsgi/issues/387",
};

/* --- load.executable-stack --- */

static enum confidence match_stack(const struct model *m, struct finding *f)
{
	(void)m;
	return load_fault(f, LOADER_EXEC_STACK) ? f->context->bad_load.confidence : NO_MATCH;
}

static void explain_stack(const struct model *m, struct finding *f)
{
	const struct event *e = refused(f);

	finding_title(f, "%s asks for an executable stack, which this system refuses", base_name(f->path));
	load_tell(m, f);
	if (e && FIELD(e, load_refused, exec_stack))
		finding_cite(f, e->record, e->time, "%s: PT_GNU_STACK has the flag for execution", f->path);
	finding_say(f, "The library's headers ask for a stack that can be executed. The C library (%s) no longer grants this to a "
		    "library that is loaded later: from glibc 2.41 on.", model_info(m, "glibc") ? model_info(m, "glibc") : "glibc");
	finding_fix(f,
		    "Take the mark out of the file: patchelf --clear-execstack %s (or "
		    "execstack -c), or use a newer release of "
		    "the package.",
		    arena_shell(f->arena, f->path));
	finding_fix_package(m, f, f->path, "reinstall");
}

const struct rule rule_load_executable_stack = {
	.id = "load.executable-stack",
	.title = "A library asks for an executable stack",
	.match = match_stack,
	.explain = explain_stack,
	.page = "glibc 2.41 and later refuse to make the stack executable for a library that "
		"dlopen loads.\nProof: the failed load "
		"with the loader's text, repeated by the exception or followed by the asking "
		"library's own end; PT_GNU_STACK of the file.",
	.sources = "https://github.com/jax-ml/jax/issues/26781 "
		   "https://github.com/conda-forge/tensorflow-feedstock/issues/455",
};

/* --- load.static-tls --- */

static enum confidence match_tls(const struct model *m, struct finding *f)
{
	(void)m;
	return load_fault(f, LOADER_STATIC_TLS) ? f->context->bad_load.confidence : NO_MATCH;
}

static void explain_tls(const struct model *m, struct finding *f)
{
	unsigned cited = 0;

	finding_title(f, "No room is left for %s's thread-local variables; it was loaded too late", base_name(f->path));
	load_tell(m, f);
	finding_say(f, "The file needs a place in the static TLS block, which is laid out at the "
		       "start and has little to spare. The "
		       "libraries that were loaded before it have used that up. This is not about "
		       "the machine's memory.");
	for (size_t i = 0; i < m->nmodules && cited < 4; i++) {
		const struct module *mod = &m->modules[i];

		if ((mod->flags & KS_MODULE_STATIC_TLS) && mod->tls_size && mod->load && ++cited)
			finding_cite(f, mod->record, mod->load_time, "%s took %llu bytes of static TLS", mod->name,
				     (unsigned long long)mod->tls_size);
	}
	if (!strchr(f->path, '/')) {	/* the loader names no file */
		finding_title(f, "No room is left for the thread-local variables of a library that is loaded too late");
		finding_fix(f, "Import that package first, before the others, in the first lines (or load the library that it brings at the start, with "
			       "LD_PRELOAD); then %s.", m->is_kernel ? "restart the kernel" : "start it again");
		return;
	}
	finding_fix(f, "Import the package that brings %s first, before the others, in the first lines; or load it at the start: LD_PRELOAD=%s",
		    base_name(f->path), arena_shell(f->arena, f->path));
}

const struct rule rule_load_static_tls = {
	.id = "load.static-tls",
	.title = "No room is left for a library's thread-local variables",
	.match = match_tls,
	.explain = explain_tls,
	.page = "A library built with initial-exec TLS is loaded late, and the spare room for that "
		"is used up; mostly aarch64 with "
		"glibc 2.27 to 2.31. The order of imports decides.\nProof: the failed load with "
		"the loader's text, repeated by the "
		"exception; the sizes that earlier libraries took.\nMistaken for it: \"cannot "
		"allocate memory\" reads like a lack of RAM.",
	.sources = "https://github.com/keras-team/keras-tuner/issues/317 "
		   "https://github.com/dmlc/xgboost/issues/8488 "
		   "https://github.com/pytorch/pytorch/issues/2083",
};

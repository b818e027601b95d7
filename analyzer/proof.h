/* SPDX-License-Identifier: MIT */
/*
 * What many rules ask of a model, found once before they run: which thread ended the process and
 * with which callers, which Python exception reached the top, which failed load is linked to the
 * end; and small questions about modules, frames and texts.
 *
 * A link is one of: the same thread, the same calling object, or a text that the loader itself made
 * and the exception repeats. Being earlier is no link (design.md 6).
 */
#ifndef PROOF_H
#define PROOF_H

#include "analyzer/events.h"
#include "analyzer/rule.h"
#include "analyzer/text.h"

/* The Python exception that reached the top, from the audit event or from the last traceback. */
struct py_error {
	bool uncaught;			/* it ended the program, or a cell's import */
	const struct event *event;	/* NULL: known from the traceback alone */
	const char *type, *text;	/* never NULL; "" : none */
	const char *name, *path;	/* of an ImportError; NULL */
	const char *chain;		/* the tracebacks as printed, chained ones too; "" */
	const char *file, *function;	/* innermost Python frame; NULL */
	int line;
};

enum loader_fault { /* what the loader's words mean */
		    LOADER_OTHER,
		    LOADER_MISSING,
		    LOADER_DENIED,
		    LOADER_VERSION,
		    LOADER_SYMBOL,
		    LOADER_SYMBOL_VERSION,
		    LOADER_STATIC_TLS,
		    LOADER_EXEC_STACK,
		    LOADER_MAP,
		    LOADER_NO_MEMORY,
		    LOADER_NOT_ELF,
		    LOADER_SHORT,
		    LOADER_FILES,
		    LOADER_TEXT_RELOCATION,
};

struct loader_text {			/* parts of a text of dlerror; owned by the arena */
	enum loader_fault fault;
	const char *file;		/* the file that the text begins with */
	const char *symbol, *version;	/* NULL */
	const char *required_by;	/* the file that asks for it, NULL */
	const char *provider;		/* the file that ought to have it, NULL */
	const char *reason;		/* errno's words behind the last colon, "" */
};

enum link { LINK_NONE, LINK_TIME, LINK_TEXT, LINK_CALLER, LINK_EXCEPTION };

struct bad_load {			/* the failed load that is linked to the end */
	const struct load *load;	/* NULL: none */
	enum link link;
	enum confidence confidence;
	struct loader_text words;
};

struct context {
	struct arena *arena;
	uint32_t tid;			/* thread that ended the process, 0 unknown */
	const struct stack *stack;	/* its native callers, NULL */
	const struct frame *blame;	/* innermost frame outside libc and the C++ runtime, NULL */
	const struct event *end; /* the exit_call or abort_call that belongs to the end, NULL */
	struct py_error error;
	struct bad_load bad_load;
};

void context_build(struct context *c, const struct model *m, struct arena *arena);

/* loader.c */
struct loader_text loader_parse(struct arena *arena, const char *error);
struct bad_load loader_decisive(const struct model *m, const struct context *c);

/* traceback.c */
struct py_error traceback_find(const struct model *m, struct arena *arena);
bool error_says(const struct context *c, const char *words);

/* --- modules and frames; every argument may be NULL --- */
bool module_like(const struct module *module,
		 const char *prefix);		  /* file name or soname begins so */
bool module_is_libc(const struct module *module); /* libc, ld.so, libpthread, libm, libdl, vdso */
bool module_is_runtime(const struct module *module); /* those, and libstdc++, libgcc_s, libc++ */
bool module_is_python(const struct module *module);		/* python itself or libpython */
/* Cites the parent's record of how it ended. */
void cite_parent(const struct model *m, struct finding *f);
bool module_calls_for_others(const struct module *module);	/* ctypes, cffi: what the program calls is its own doing */
bool module_is_extension(const char *path);			/* a Python extension module */
const struct frame *frame_in(const struct stack *stack,
			     const char *prefix); /* innermost frame in such a module */
const struct frame *frame_calling(const struct stack *stack,
				  const char *symbol); /* innermost whose symbol contains this */
const struct frame *frame_outside(const struct stack *stack);	/* innermost outside the runtimes */
bool frame_names(const struct frame *frame, const char *symbol);
const char *frame_text(struct arena *arena, const struct frame *frame);	/* "symbol in file" */
const char *
module_name(const struct module *module); /* file name; "memory that belongs to no file" */

/* pointer.c: the pointer that the crashing instruction followed; false: not told by it. */
bool crash_pointer(const struct model *m, uint64_t *value);
const char *pointer_as_text(struct arena *arena, uint64_t value);	/* where all its bytes are printable; NULL */

/* --- the end --- */
bool end_is_death(const struct model *m);	/* a fatal signal, an abort, SIGKILL */
bool end_is_signal(const struct model *m, int signal);
/* Ended by KeyboardInterrupt; *from: the process that had sent SIGINT, NULL: the keyboard. */
bool end_is_interrupt(const struct model *m, const struct context *c, const struct event **from);
bool end_was_sent(const struct model *m);	/* by another process */
/* The signal from another process that the program handled, and ended itself then: by the same signal, or by an exit at
 * once. *at_once: nothing else can have been the reason. NULL. */
const struct event *end_handed_on(const struct model *m, bool *at_once);
/*
 * Whether a failed request (thread, mapping, allocation) led to the end: the same thread, and its
 * caller is among the callers of the end or sent the signal. caller: return address, for records
 * without a stack.
 */
enum confidence failure_link(const struct model *m, const struct context *c, const struct event *e,
			     uint64_t caller);
const struct module *failure_module(const struct model *m, const struct event *e, uint64_t caller);
/* The signal that this process sent to itself and died of: the call, NULL. */
const struct event *own_signal(const struct model *m);
bool module_on_stack(const struct stack *stack, const struct module *module);

/* --- words --- */
const char *size_text(struct arena *arena, uint64_t bytes);
const char *signal_word(int signal);
const char *base_name(const char *path);
/* The last line that was written to stderr, NULL. */
const char *stderr_last_line(const struct model *m, struct arena *arena);
bool same_directory(const char *a, const char *b);
bool path_under(const char *path, const char *directory);
/* The entry of a list "a:b:c" that holds path; NULL: none. */
const char *path_entry(struct arena *arena, const char *list, const char *path);
bool has_word(const char *list, const char *word); /* in a list separated by spaces or commas */
char *arena_line(struct arena *arena,
		 const char *text); /* copy of the first line that is not empty */

/* The first line that is not empty, cut between words with "…" where it is longer than most bytes. */
const char *arena_cut(struct arena *arena, const char *text, size_t most);

/* Python's version as text ("3.8"), NULL. */
const char *python_version(const struct model *m, struct arena *arena);
const struct event *python_ready(const struct model *m);

/* environment.c: how many bytes of path lead into a folder of packages (site-packages, dist-packages), its slash included; 0: none do. */
size_t site_packages(const char *path);
/* Name of the installed package that a file belongs to, NULL. */
const char *package_of(struct arena *arena, const char *path);
/* The folder that pip was told to install into (--target) and the package there, for a file outside of all folders of packages; NULL. */
const char *target_folder(struct arena *arena, const char *path, const char **package);
/* A package that everybody knows, by the name of a folder of the path; NULL. sure: that folder is there, and a package. */
const char *known_package(struct arena *arena, const char *path, bool sure);
/* Its version, from the name of its metadata folder; NULL. */
const char *package_version(struct arena *arena, const char *path);
/* The address that its METADATA gives for bug reports; NULL. */
const char *package_tracker(struct arena *arena, const char *path);
/* The backend that keras.json names as it is now, and that file; NULL: there is none, or it names none. */
const char *keras_json(const struct model *m, struct arena *arena, const char **file);
bool keras_json_broken(const char *file);	/* it is there, and no JSON */
/* The first file of sys.path that importing name finds, and the next one, which it hides; NULL. */
const char *module_hidden(const struct model *m, struct arena *arena, const char *name, const char **hides);
/* The text of a regular file of at most so many bytes, to be freed; NULL: it is none, or larger. */
char *read_regular(const char *path, size_t most);
/* What is installed, as a shell takes it: our own "'numpy<2'" and "--upgrade numpy", or a name out of the trace. */
const char *package_words(struct arena *arena, const char *package);
/* software.c: what users call a package: "TensorFlow". */
const char *package_label(const char *package);
/* What a native file is to them: "numpy", "Python itself"; its own name where nothing better is known. */
const char *software_of(struct arena *arena, const struct module *module);
const char *software_of_path(struct arena *arena, const char *path);
/* The same with the file's name: "numpy (libscipy_openblas64_.so)". */
const char *software_file(struct arena *arena, const struct module *module);
const char *software_file_of_path(struct arena *arena, const char *path);
/* "numpy (in its function array_dealloc)"; frame may be NULL. For users; proofs have frame_text(). */
const char *frame_words(struct arena *arena, const struct frame *frame);
/* The command that installs or repairs packages in the environment of this process. */
const char *package_command(const struct model *m, struct arena *arena, const char *package,
			    const char *path, bool again);
/* What else is to be done so that an installation in this text lasts; NULL. */
const char *package_remark(const struct model *m, const char *fix);
void environment_hint(const struct model *m, struct finding *f, const char *name,
		      const char *value);

#define SECONDS(ns)	((double)(ns) / 1e9)

#endif

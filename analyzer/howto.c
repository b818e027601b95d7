/* SPDX-License-Identifier: MIT */
/* See howto.h. Every word of a step comes from the trace: where the process ran, what was loaded, what the limit was. */
#include "analyzer/howto.h"

#include <string.h>
#include <sys/resource.h>

#include "analyzer/proof.h"
#include "analyzer/report.h"

#define MOST_OF_A_COMMAND	96	/* of the arguments behind a script, bytes */

bool variable_set(const struct model *m, const char *name)
{
	const char *names = model_info(m, "env_names");

	return model_env(m, name) || (names && has_word(names, name));
}

/* Quoted only where a shell would take it for something else. */
static const char *typed(struct arena *arena, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:,@%+-";

	return *word && strspn(word, plain) == strlen(word) ? word : arena_shell(arena, word);
}

static const char *command(const struct model *m, struct arena *arena, const char *before)
{
	const char *const *argv, *line;
	size_t n = process_argv(m, arena, &argv);
	struct text t = { 0 };

	if (!n || !*argv[0] || m->is_kernel || (n > 1 && strcmp(argv[1], "-c") == 0))
		return NULL;
	text_printf(&t, "%s%s", before, typed(arena, argv[0]));
	for (size_t i = 1; i < n; i++) {
		if ((i > 1 && t.n + strlen(argv[i]) > MOST_OF_A_COMMAND) || strchr(argv[i], '\n')) {
			text_add(&t, " …");
			break;
		}
		text_printf(&t, " %s", typed(arena, argv[i]));
	}
	line = arena_text(arena, text_get(&t), t.n);
	text_free(&t);
	return line;
}

const char *start_command(const struct model *m, struct arena *arena)
{
	return command(m, arena, "");
}

const char *command_under(const struct model *m, struct arena *arena, const char *before)
{
	return command(m, arena, before);
}

/* --- the makers --- */

void howto_report(const struct model *m, struct finding *f, const struct module *module)
{
	if (!module || !module->path || !*module->path || (module->flags & KS_MODULE_MAIN))
		return;
	finding_fix(f, "Else report it to the makers of %s; this prints a report for them, with nothing in it that is yours:",
		    software_of(f->arena, module));
	finding_run(f, "kshim-analyze --issue %s", m->file ? typed(f->arena, m->file) : "");
}

/* --- tables --- */

void howto_words(const struct model *m, struct finding *f, const char *words)
{
	static const char *const marks[] = { " $ ", " pip: ", " set: ", " unset: " };
	const char *at = NULL, *step, *rest;
	int mark = 0;

	for (int i = 0; !at && i < 4; i++) {
		at = strstr(words, marks[i]);
		mark = i;
	}
	if (!at) {
		finding_fix(f, "%s", words);
		return;
	}
	step = arena_text(f->arena, words, (size_t)(at - words));
	rest = at + strlen(marks[mark]);
	if (mark == 2) {
		howto_set(m, f, AT_IMPORT, step, rest);
	} else if (mark == 3) {
		howto_unset(m, f, step, rest);
	} else {
		finding_fix(f, "%s:", step);
		finding_run(f, "%s", mark == 1 ? package_command(m, f->arena, rest, NULL, false) : rest);
	}
}

void howto_install(const struct model *m, struct finding *f, const char *step, const char *package, bool again)
{
	finding_fix(f, "%s%s:", step, m->is_kernel ? ", then restart the kernel" : "");
	finding_run(f, "%s", package_command(m, f->arena, package, NULL, again));
}

/* --- variables --- */

/* "A=1 B=2" to each pair with a separator between, as format has it. */
static const char *each_pair(struct arena *arena, const char *assignments, const char *format, const char *between)
{
	struct text t = { 0 };
	const char *made;

	for (const char *p = assignments; *p;) {
		size_t n = strcspn(p, " "), name = strcspn(p, "=");

		if (t.n)
			text_add(&t, between);
		text_add(&t, arena_printf(arena, format, arena_text(arena, p, name),
					  arena_text(arena, p + name + 1, n - name - 1)));
		p += n;
		p += *p == ' ';
	}
	made = arena_text(arena, text_get(&t), t.n);
	text_free(&t);
	return made;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static const char *as_python(struct arena *arena, const char *assignments)
{
	return arena_printf(arena, "import os; %s", each_pair(arena, assignments, "os.environ[\"%s\"] = \"%s\"", "; "));
}

static const char *as_kernel_json(struct arena *arena, const char *assignments)
{
	return arena_printf(arena, "\"env\": { %s }", each_pair(arena, assignments, "\"%s\": \"%s\"", ", "));
}
#pragma GCC diagnostic pop

void howto_set(const struct model *m, struct finding *f, enum variable_use use, const char *why, const char *assignments)
{
	const char *start = start_command(m, f->arena);

	if (m->is_kernel && use == AT_IMPORT) {
		finding_fix(f, "%s: as the first line of the first cell, before any import; then restart the kernel (for all notebooks: "
			       "\"env\" in its kernel.json, which \"jupyter kernelspec list\" finds):", why);
		finding_run(f, "%s", as_python(f->arena, assignments));
	} else if (m->is_kernel) {
		finding_fix(f, "%s: write it into the kernel.json of this kernel (\"jupyter kernelspec list\" shows its folder), then "
			       "restart the kernel:", why);
		finding_run(f, "%s", as_kernel_json(f->arena, assignments));
	} else if (start) {
		finding_fix(f, "%s: start it so:", why);
		finding_run(f, "%s %s", assignments, start);
	} else {
		finding_fix(f, "%s: in the shell, before it is started:", why);
		finding_run(f, "export %s", assignments);
	}
}

void howto_unset(const struct model *m, struct finding *f, const char *why, const char *name)
{
	const char *start = start_command(m, f->arena);

	if (m->is_kernel) {
		finding_fix(f, "%s: it was set where Jupyter was started, or in \"env\" of the kernel.json; take it out there, or type this "
			       "in that shell and start Jupyter again:", why);
		finding_run(f, "unset %s", name);
	} else if (start) {
		finding_fix(f, "%s: start it so (and look for the line that sets it, in ~/.bashrc or the job's script):", why);
		finding_run(f, "env -u %s %s", name, start);
	} else {
		finding_fix(f, "%s: in the shell, before it is started:", why);
		finding_run(f, "unset %s", name);
	}
}

/* --- limits of the shell --- */

/* The program itself set it. */
static bool set_by_program(const struct model *m, int resource)
{
	for (const struct event *e = NULL; (e = model_next(m, KS_limit_set, 0, e));) {
		if (FIELD(e, limit_set, resource) == (uint64_t)resource && !FIELD(e, limit_set, result))
			return true;
	}
	return false;
}

/* May this user raise it? As far as the hard limit tells. */
static bool may_raise(const struct model *m, int resource)
{
	const uint64_t hard = model_hard_limit(m, resource);

	return hard == UNKNOWN || hard > model_limit(m, resource);
}

void howto_ulimit(const struct model *m, struct finding *f, int resource, const char *option, const char *conf, const char *value)
{
	const char *start = start_command(m, f->arena);
	const char *ask = arena_printf(f->arena, "ask the administrator of this machine for \"%s\" = %s for your user in "
						 "/etc/security/limits.conf", conf, value);

	if (set_by_program(m, resource)) {
		finding_fix(f, "The program set this limit itself (resource.setrlimit, which is ulimit -%s): take that line out, or raise its "
			       "number.", option);
		return;
	}
	if (variable_set(m, "SLURM_JOB_ID")) {
		finding_fix(f, "This is a batch job (Slurm), and what it asked for sets the limit: ask for more in the job's script "
			       "(#SBATCH --mem=…); if ulimit -%s is set there, take it out; else %s.", option, ask);
		return;
	}
	if (!may_raise(m, resource)) {
		finding_fix(f, "It cannot be raised from here: take out the line that sets it (ulimit -%s, in ~/.bashrc or in what starts %s), or, "
			       "if there is none, %s.", option, m->is_kernel ? "Jupyter" : "the program", ask);
		return;
	}
	if (m->is_kernel)
		finding_fix(f, "Raise this limit (ulimit -%s) in the shell that starts Jupyter, before it does (a kernel inherits it); if that is "
			       "refused, %s:", option, ask);
	else
		finding_fix(f, "Raise this limit (ulimit -%s) in the shell, before the program starts; if that is refused, %s:", option, ask);
	finding_run(f, "ulimit -%s %s%s%s", option, value, start ? "; " : "", start ? start : "");
}

/* --- limits of a container --- */

enum owner { OWNER_HUB, OWNER_KUBERNETES, OWNER_SLURM, OWNER_DOCKER, OWNER_SYSTEMD, OWNER_UNKNOWN };

static enum owner owner_of(const struct model *m)
{
	const char *cgroup = model_info(m, "cgroup_memory"), *container = model_info(m, "container");

	if (variable_set(m, "JUPYTERHUB_API_URL") || variable_set(m, "JUPYTERHUB_USER"))
		return OWNER_HUB;
	if (variable_set(m, "KUBERNETES_SERVICE_HOST"))
		return OWNER_KUBERNETES;
	if (variable_set(m, "SLURM_JOB_ID"))
		return OWNER_SLURM;
	if (container || (cgroup && (strstr(cgroup, "docker") || strstr(cgroup, "libpod"))))
		return OWNER_DOCKER;
	if (cgroup && (strstr(cgroup, ".service") || strstr(cgroup, ".scope") || strstr(cgroup, ".slice")))
		return OWNER_SYSTEMD;
	return OWNER_UNKNOWN;
}

/* The last part of a cgroup's path that systemd made: "jupyter.service"; NULL. */
static const char *unit_of(const struct model *m)
{
	const char *name = base_name(model_info(m, "cgroup_memory"));

	return name && (strstr(name, ".service") || strstr(name, ".scope") || strstr(name, ".slice")) ? name : NULL;
}

/* Twice as much, as docker writes it: "4g", "1400m". */
static const char *twice(struct arena *arena, uint64_t now)
{
	if (now == UNKNOWN || now > 1ull << 50)
		return NULL;
	return now % (1ull << 29) == 0 ? arena_printf(arena, "%llug", (unsigned long long)(now >> 29)) :
					 arena_printf(arena, "%llum", (unsigned long long)(2 * (now >> 20) + !(now >> 20)));
}

void howto_memory_limit(const struct model *m, struct finding *f, uint64_t now)
{
	const char *limit = now == UNKNOWN ? "it has" : size_text(f->arena, now), *more = twice(f->arena, now);
	const char *say = more ? arena_printf(f->arena, ", say %s", size_text(f->arena, 2 * now)) : "";

	switch (owner_of(m)) {
	case OWNER_HUB:
		finding_fix(f, "Get a larger memory limit: ask whoever runs this JupyterHub for more than %s%s (the spawner's mem_limit), or "
			       "choose a larger server where the hub offers a choice.", limit, say);
		return;
	case OWNER_KUBERNETES:
		finding_fix(f, "Get a larger memory limit: ask whoever runs this cluster for more than %s%s (resources.limits.memory of the "
			       "pod).", limit, say);
		return;
	case OWNER_SLURM:
		finding_fix(f, "Get a larger memory limit: ask Slurm for more than %s in the job's script:", limit);
		finding_run(f, "#SBATCH --mem=%s", more ? more : "…");
		return;
	case OWNER_DOCKER:
		finding_fix(f, "Get a larger memory limit: start the container with more than %s; if somebody else starts it, ask them:", limit);
		finding_run(f, "docker run --memory=%s …", more ? more : "…");
		return;
	case OWNER_SYSTEMD:
		if (unit_of(m)) {
			finding_fix(f, "Get a larger memory limit than %s: systemd set it; if you may not do this, ask whoever runs the "
				       "machine:", limit);
			finding_run(f, "sudo systemctl set-property %s MemoryMax=%s", typed(f->arena, unit_of(m)), more ? more : "…");
			return;
		}
		/* fall through */
	case OWNER_UNKNOWN:
		finding_fix(f, "Get a larger memory limit than %s%s: ask whoever runs this machine, or starts the container, server or job "
			       "that this ran in (docker run --memory=…, JupyterHub's mem_limit, Slurm's --mem).", limit, say);
	}
}

void howto_pids_limit(const struct model *m, struct finding *f, uint64_t now)
{
	const unsigned long long more = now == UNKNOWN || now < 1024 ? 4096 : now * 4;

	switch (owner_of(m)) {
	case OWNER_HUB:
	case OWNER_KUBERNETES:
		finding_fix(f, "Ask whoever runs this %s to let it have more than %llu processes and threads, say %llu (the pids limit; "
			       "Kubernetes: podPidsLimit).", owner_of(m) == OWNER_HUB ? "JupyterHub" : "cluster", (unsigned long long)now, more);
		return;
	case OWNER_DOCKER:
		finding_fix(f, "Start the container with a higher limit on threads (pids); if somebody else starts it, ask them:");
		finding_run(f, "docker run --pids-limit %llu …", more);
		return;
	case OWNER_SYSTEMD:
		if (unit_of(m)) {
			finding_fix(f, "Let the service have more processes and threads (pids) than %llu; if you may not do this, ask whoever "
				       "runs the machine:", (unsigned long long)now);
			finding_run(f, "sudo systemctl set-property %s TasksMax=%llu", typed(f->arena, unit_of(m)), more);
			return;
		}
		/* fall through */
	case OWNER_SLURM:
	case OWNER_UNKNOWN:
		finding_fix(f, "Ask whoever runs this machine, or starts the container or job that this ran in, for more than %llu processes "
			       "and threads, say %llu (the pids limit: docker run --pids-limit %llu, Kubernetes: podPidsLimit, systemd: TasksMax).",
			    (unsigned long long)now, more, more);
	}
}

/* --- less memory --- */

bool works_in_batches(const struct model *m)
{
	static const char *const names[] = { "libtorch", "_pywrap_tensorflow", "libtensorflow", "xla_extension", "libjax", "lib_lightgbm",
					     "_jax", "Cntk", NULL };

	for (int i = 0; names[i]; i++) {
		if (model_module_named(m, names[i], NULL))
			return true;
	}
	return false;
}

void howto_less_memory(const struct model *m, struct finding *f, const char *lead)
{
	const char *kernel = m->is_kernel ? " What earlier cells made is kept until the kernel is restarted, or until it is deleted (del NAME)."
					  : "";

	if (works_in_batches(m))
		finding_fix(f, "%s use less: a smaller batch size (batch_size=…) or model, and data that is read in chunks rather than all at "
			       "once.%s", lead, kernel);
	else if (model_module_below(m, "/pandas/_libs/"))
		finding_fix(f, "%s use less: read only what is needed (pd.read_csv(…, usecols=[…], dtype=…)) and in chunks "
			       "(chunksize=100000).%s", lead, kernel);
	else if (model_module_below(m, "/numpy/"))
		finding_fix(f, "%s use less: smaller numbers (float32 rather than float64 halves an array), work in chunks, large arrays in "
			       "files (numpy.memmap).%s", lead, kernel);
	else
		finding_fix(f, "%s use less: work through the data in chunks rather than all at once, and let go of what is no longer "
			       "needed.%s", lead, kernel);
}

/* SPDX-License-Identifier: MIT */
/*
 * The command that installs or repairs a package in the environment of this process, as its maker
 * would: pip in a virtual environment, uv, conda for what conda put there, pipx, the system's
 * packages, the user's site folder. And what would undo it.
 *
 * Paths come from the trace: only regular files are opened, and only read (design.md 8).
 */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzer/proof.h"
#include "analyzer/reach.h"

/* The interpreter of this process, as one would type it. */
static const char *interpreter(const struct model *m, struct arena *arena, const char **prefix,
			       const char **base)
{
	const struct event *e = python_ready(m);
	const char *executable = e ? FIELD_TEXT(e, py_ready, executable) : NULL;

	*prefix = e ? FIELD_TEXT(e, py_ready, prefix) : NULL;
	*base = e ? FIELD_TEXT(e, py_ready, base_prefix) : NULL;
	if (executable && *executable)
		return executable;
	if (*prefix && **prefix)
		return arena_printf(arena, "%s/bin/python", *prefix);
	executable = model_env(m, "VIRTUAL_ENV");
	if (executable && *executable)
		return arena_printf(arena, "%s/bin/python", executable);
	executable = model_info(m, "exe");
	return executable && *executable ? executable : "python3";
}

static bool made_by_uv(struct arena *arena, const char *prefix)
{
	char *text =
		prefix ? read_regular(arena_printf(arena, "%s/pyvenv.cfg", prefix), 65536) : NULL;
	bool uv = text && (strncmp(text, "uv = ", 5) == 0 || strstr(text, "\nuv = "));

	free(text);
	return uv;
}

static bool is_conda(const struct model *m, struct arena *arena, const char *prefix)
{
	const char *active = model_env(m, "CONDA_PREFIX");

	if (!prefix || !*prefix)
		return false;
	if (active && *active && strcmp(active, prefix) == 0)
		return true;
	return reach_is_file(arena_printf(arena, "%s/conda-meta/history", prefix));
}

/* The name of a package or an environment, nothing else. */
static bool package_is_plain(const char *name)
{
	return *name && *name != '-' && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

/* Plain names with one blank between them: "jax jaxlib". */
static bool names_are_plain(struct arena *arena, const char *names)
{
	for (size_t n; (n = strcspn(names, " ")); names += n + 1) {
		if (!package_is_plain(arena_text(arena, names, n)))
			return false;
		if (!names[n])
			return true;
	}
	return false;
}

const char *package_words(struct arena *arena, const char *package)
{
	const char *name = strncmp(package, "--upgrade ", 10) == 0 ? package + 10 : package;
	const char *end = *name == '\'' ? strchr(name + 1, '\'') : NULL;

	if (package_is_plain(name) || (name != package && names_are_plain(arena, name)) ||
	    (end && end > name + 1 && !end[1] && name[1] != '-'))
		return package;
	return arena_shell(arena, package);
}

static const char *conda_command(struct arena *arena, const char *prefix, const char *package,
				 bool again)
{
	const char *envs = strstr(prefix, "/envs/");
	const char *where = envs && package_is_plain(envs + 6) ? arena_printf(arena, "-n %s", envs + 6)
							       : arena_printf(arena, "-p %s", arena_shell(arena, prefix));

	return arena_printf(arena, "conda install %s%s %s", where,
			    again ? " --force-reinstall" : "", package);
}

/* A pattern of glob(3) that is this text, with any of its separators in package names (PEP 503). */
static const char *as_pattern(struct arena *arena, const char *text, bool name)
{
	struct text t = { 0 };
	const char *made;

	for (; *text; text++) {
		if (name && strchr("-_.", *text))
			text_add(&t, "[-_.]");
		else if (strchr("*?[]\\", *text))
			text_printf(&t, "\\%c", *text);
		else
			text_char(&t, *text);
	}
	made = arena_text(arena, text_get(&t), strlen(text_get(&t)));
	text_free(&t);
	return made;
}

/* Is the package there, and not by conda? Who put it there says INSTALLER (PEP 376; conda writes "conda"). */
static bool put_by_pip(struct arena *arena, const char *prefix, const char *package)
{
	const char *name = *package == '\'' ? package + 1 : package;
	const char *pattern = arena_printf(arena, "%s/lib/python3*/site-packages/%s-[0-9]*.dist-info/INSTALLER",
					   as_pattern(arena, prefix, false),
					   as_pattern(arena, arena_text(arena, name, strcspn(name, "'<>=!~[; ")), true));
	bool found = false;
	glob_t g;

	if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc && !found; i++) {
			char *by = read_regular(g.gl_pathv[i], 256);

			found = by && strncmp(by, "conda", 5) != 0;
			free(by);
		}
		globfree(&g);
	}
	return found;
}

/* pipx gives each program an environment of its own: …/pipx/venvs/NAME. */
static const char *pipx_name(struct arena *arena, const char *prefix)
{
	const char *at = prefix ? strstr(prefix, "/pipx/venvs/") : NULL;
	const char *name = at ? arena_text(arena, at + 12, strcspn(at + 12, "/")) : NULL;

	return name && package_is_plain(name) ? name : NULL;
}

/*
 * The system's own package manager, for what lies in the system's folders. dpkg knows a file by the
 * name that its package gave: /lib and /usr/lib are one folder today and were not always.
 */
static const char *system_command(struct arena *arena, const char *path)
{
	const char *lib = path_under(path, "/usr") ? path + 4 : path;

	if (path_under(path, "/usr/local") ||
	    (!path_under(lib, "/lib") && !path_under(lib, "/lib64") && !path_under(lib, "/lib32")))
		return NULL;
	if (reach_is_file("/var/lib/dpkg/status"))
		return arena_printf(arena, "sudo apt-get install --reinstall \"$(dpkg -S %s | head -n 1 | cut -d: -f1)\"",
				    arena_shell(arena, arena_printf(arena, "*%s", lib)));
	if (reach_is_file("/usr/bin/rpm") && reach_is_file("/usr/bin/dnf"))
		return arena_printf(arena, "sudo dnf reinstall \"$(rpm -qf %s)\"", arena_shell(arena, path));
	return NULL;
}

const char *package_command(const struct model *m, struct arena *arena, const char *package,
			    const char *path, bool again)
{
	const char *prefix, *base, *python = interpreter(m, arena, &prefix, &base);
	bool venv = prefix && base && *base && strcmp(prefix, base) != 0;
	const char *flags = again ? "--force-reinstall --no-cache-dir " : "", *name, *target;
	bool upgrade;

	if (path && path_under(path, "/usr/lib/python3") && strstr(path, "/dist-packages/"))
		return arena_printf(arena, "sudo apt-get install --reinstall \"$(dpkg -S %s | cut -d: -f1)\"",
				    arena_shell(arena, path));
	if (!package || !*package)
		return path ? system_command(arena, path) : NULL;
	package = package_words(arena, package);
	python = arena_shell(arena, python);
	upgrade = strncmp(package, "--upgrade ", 10) == 0;
	target = path ? target_folder(arena, path, &name) : NULL;
	if (target)
		return arena_printf(arena, "%s -m pip install --upgrade %s--no-deps --target %s %s", python, flags, arena_shell(arena, target),
				    package);
	name = upgrade ? package + 10 : package;
	if (is_conda(m, arena, prefix) && !put_by_pip(arena, prefix, name))
		return conda_command(arena, prefix, name, again && !upgrade);
	if (venv && made_by_uv(arena, prefix))
		return arena_printf(arena, "uv pip install --python %s %s%s", python, again ? "--reinstall " : "", package);
	if (venv && pipx_name(arena, prefix))
		return arena_printf(arena, "pipx runpip %s install %s%s", pipx_name(arena, prefix), flags, package);
	if (path && strstr(path, "/.local/lib/python"))
		return arena_printf(arena, "%s -m pip install --user %s%s", python, flags, package);
	return arena_printf(arena, "%s -m pip install %s%s", python, flags, package);
}

const char *package_remark(const struct model *m, const char *fix)
{
	const struct event *e = python_ready(m);
	const char *prefix = e ? FIELD_TEXT(e, py_ready, prefix) : NULL;

	if (!strstr(fix, "pip install ") && !strstr(fix, "conda install ") && !strstr(fix, "pipx runpip "))
		return NULL;
	if (prefix && strstr(prefix, "/pypoetry/virtualenvs/"))
		return "This environment is poetry's: \"poetry add\" the same package, or the next \"poetry install\" undoes it.";
	if (model_info(m, "container"))
		return "This is a container: what is installed in it is gone with it. To keep it, put the same command into what its image "
		       "is made of (Dockerfile: RUN).";
	return NULL;
}

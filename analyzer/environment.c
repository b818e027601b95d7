/* SPDX-License-Identifier: MIT */
/*
 * Which package a file belongs to: from the RECORD files of its site-packages, or from its path.
 * What installs it is in installer.c.
 *
 * Paths come from the trace: only regular files are opened, and only read (design.md 8).
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/proof.h"
#include "analyzer/missing.h"
#include "analyzer/reach.h"
#include "analyzer/record.h"

#define MAX_METADATA	(8u << 20)
#define MAX_DISTS	4000
#define MAX_LEVELS	6	/* of folders of a package */

/* Folders of packages that are called otherwise than missing.def has what is to be installed, or not there. */
static const char *const renamed[][2] = {
	{"cv2", "opencv-python"},
	{"Pillow", "pillow"},
	{"pkg_resources", "setuptools"},
	{"google", "protobuf"},
	{"OpenGL", "PyOpenGL"},
	{"Crypto", "pycryptodome"},
	{"umap", "umap-learn"},
	{"faiss", "faiss-cpu"},
};

/* A regular file, whole, as text; NULL. */
char *read_regular(const char *path, size_t most)
{
	struct stat st;
	char *text = NULL;
	ssize_t n;
	int fd;

	if (reach_stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !reach_begin(path))	/* even to open a device may do something */
		return NULL;
	fd = reach_open(path);
	if (fd < 0) {
		reach_end();
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= most) {
		text = malloc((size_t)st.st_size + 1);
		n = text ? read(fd, text, (size_t)st.st_size) : -1;
		if (n < 0) {
			free(text);
			text = NULL;
		} else {
			text[n] = '\0';
		}
	}
	close(fd);
	reach_end();
	return text;
}

size_t site_packages(const char *path)
{
	static const char *const names[] = { "/site-packages/", "/dist-packages/" };
	size_t best = 0;

	for (int i = 0; i < 2; i++) {
		for (const char *p = path; p && (p = strstr(p, names[i])); p++) {
			size_t n = (size_t)(p - path) + strlen(names[i]);

			best = n > best ? n : best;
		}
	}
	return best;
}

/* The folder of packages that path lies in, with its slash; the rest of path in *rest. */
static char *site_of(struct arena *arena, const char *path, const char **rest)
{
	size_t n = site_packages(path);

	*rest = path + n;
	return n ? arena_text(arena, path, n) : NULL;
}

static const char *from_top(struct arena *arena, const char *rest)
{
	size_t n = strcspn(rest, "/.");
	char *top = arena_text(arena, rest, n);

	if (!n || strncmp(top, "__", 2) == 0 || strcmp(top, "nvidia") == 0)	/* "nvidia" is the folder of many packages */
		return NULL;
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
		if (strcmp(renamed[i][0], top) == 0)
			return renamed[i][1];
	}
	if (package_of_module(top))
		return package_of_module(top);
	if (top[0] == '_' && rest[n] == '.')	/* _cffi_backend.cpython-38….so */
		return strcmp(top, "_cffi_backend") == 0 ? "cffi" : NULL;
	for (char *p = top; *p; p++) {
		if (*p == '_')
			*p = '-';
	}
	return top;
}

/* auditwheel's folder beside a package, wherever that lies: /target/numpy.libs/libX.so. */
static const char *from_libs(struct arena *arena, const char *path)
{
	const char *libs = strstr(path, ".libs/"), *begin = libs;

	while (begin && begin > path && begin[-1] != '/')
		begin--;
	return libs && libs > begin ? from_top(arena, arena_text(arena, begin, libs - begin))
				    : NULL;
}

/* Wheels put libraries into PREFIX/lib too (mkl, intel-openmp, tbb); RECORD names them from site-packages on. */
static const char *from_prefix(struct arena *arena, const char *path)
{
	const char *name = strrchr(path, '/'), *lib = name ? arena_text(arena, path, (size_t)(name - path)) : "", *found = NULL;
	DIR *dir = strcmp(base_name(lib), "lib") == 0 ? reach_dir(lib) : NULL;
	struct dirent *e;

	while (dir && !found && (e = readdir(dir))) {
		if (strncmp(e->d_name, "python3", 7) == 0)
			found = record_owner(arena, arena_printf(arena, "%s/%s/site-packages/", lib, e->d_name),
					  arena_printf(arena, "../../..%s", name));
	}
	if (dir)
		reach_dir_close(dir);
	return found;
}

const char *target_folder(struct arena *arena, const char *path, const char **package)
{
	size_t n = path && *path == '/' && !site_packages(path) ? strlen(path) : 0;

	for (int level = 0; level < MAX_LEVELS && n > 1; level++) {
		const char *folder;

		while (n > 1 && path[n - 1] != '/')
			n--;
		folder = arena_text(arena, path, n);
		*package = n > 1 && path[n] ? record_owner(arena, folder, path + n) : NULL;
		if (*package)
			return arena_text(arena, path, n - 1);
		n--;
	}
	return NULL;
}

/* Packages that everybody knows, by the names of their folders: what is below them is no code of the user's, wherever it lies. */
static const char *const familiar[] = {
	"numpy", "scipy", "pandas", "matplotlib", "sklearn", "torch", "torchvision", "tensorflow", "keras", "jax", "jaxlib", "theano", "cntk",
	"h5py", "tables", "zmq", "kiwisolver", "PIL", "cv2", "pyarrow", "lxml", "numba", "llvmlite", "IPython", "ipykernel", "tornado",
	"gevent", "greenlet", "cffi", "PyQt5", "xgboost", "lightgbm", "transformers", "onnxruntime", "joblib", "skimage", "statsmodels",
};

const char *known_package(struct arena *arena, const char *path, bool sure)
{
	struct stat st;

	for (size_t i = 0; i < sizeof(familiar) / sizeof(familiar[0]); i++) {
		const char *at = strstr(path, arena_printf(arena, "/%s/", familiar[i]));

		if (at && (!sure || reach_stat(arena_printf(arena, "%.*s/%s/__init__.py", (int)(at - path), path, familiar[i]), &st) == 0))
			return from_top(arena, at + 1);
	}
	return NULL;
}

/* A package that lies in a folder of somebody's own, which PYTHONPATH names: DIR/zmq/backend/x.so; each of its folders has an __init__.py. */
static const char *from_folders(struct arena *arena, const char *path)
{
	char *folder = arena_text(arena, path, strlen(path)), *slash;
	const char *top = NULL;

	while ((slash = strrchr(folder, '/')) && slash > folder) {
		*slash = '\0';
		if (!reach_is_file(arena_printf(arena, "%s/__init__.py", folder)))
			break;
		top = arena_text(arena, base_name(folder), strlen(base_name(folder)));
	}
	return top ? from_top(arena, top) : NULL;
}

const char *package_of(struct arena *arena, const char *path)
{
	const char *rest = NULL, *found;
	char *site = path ? site_of(arena, path, &rest) : NULL;

	if (!site && path) {
		if (target_folder(arena, path, &found))
			return found;
		found = from_libs(arena, path);
		found = found ? found : from_prefix(arena, path);
		found = found || !strstr(path, ".so") ? found : from_folders(arena, path);
		return found || !strstr(path, ".so") ? found : known_package(arena, path, false);
	}
	if (!site || !*rest)
		return NULL;
	found = record_owner(arena, site, rest);
	return found ? found : from_top(arena, rest);
}

const char *package_version(struct arena *arena, const char *path)
{
	const char *rest = NULL, *top, *version = NULL;
	char *site = path ? site_of(arena, path, &rest) : NULL;
	struct dirent *e;
	DIR *dir;
	size_t n;

	if (!site)
		return NULL;
	top = arena_text(arena, rest, strcspn(rest, "/."));
	n = strlen(top);
	dir = reach_dir(site);
	for (int seen = 0; dir && !version && seen < MAX_DISTS && (e = readdir(dir)); seen++) {
		const char *end = strstr(e->d_name, ".dist-info");

		reach_comes_on();
		end = end ? end : strstr(e->d_name, ".egg-info");
		if (end && strncasecmp(e->d_name, top, n) == 0 && e->d_name[n] == '-')
			version = arena_text(arena, e->d_name + n + 1,
					     strcspn(e->d_name + n + 1, "-"));
		if (version && strstr(version, ".dist"))
			version = arena_text(arena, version, strstr(version, ".dist") - version);
		if (version && strstr(version, ".egg"))
			version = arena_text(arena, version, strstr(version, ".egg") - version);
	}
	if (dir)
		reach_dir_close(dir);
	return version;
}

/* The line of METADATA that begins so: what stands behind it. */
static const char *metadata_line(struct arena *arena, const char *text, const char *begin, const char *holds)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		char *line = arena_text(arena, p, strcspn(p, "\r\n"));

		if (!*line)
			return NULL;	/* the headers end there */
		if (strncasecmp(line, begin, strlen(begin)) == 0 && (!holds || strcasestr(line, holds)))
			return line + strlen(begin);
	}
	return NULL;
}

const char *package_tracker(struct arena *arena, const char *path)
{
	static const char *const words[] = { "issue", "tracker", "bug" };
	const char *rest = NULL, *package = package_of(arena, path), *version = package_version(arena, path);
	char *site = path ? site_of(arena, path, &rest) : NULL, *text;
	const char *found = NULL;

	if (!site || !package || !version)
		return NULL;
	package = arena_text(arena, rest, strcspn(rest, "/."));
	text = read_regular(arena_printf(arena, "%s%s-%s.dist-info/METADATA", site, package, version), MAX_METADATA);
	for (int i = 0; text && !found && i < 3; i++)
		found = metadata_line(arena, text, "Project-URL: ", words[i]);
	free(text);
	found = found ? strstr(found, "https://") : NULL;
	return found && !found[strcspn(found, " \"<>`")] ? found : NULL;
}

/* NAME.py or NAME/__init__.py in a folder, as it is there now; NULL. */
static const char *module_in(struct arena *arena, const char *folder, const char *name)
{
	for (int i = 0; i < 2; i++) {
		const char *path = arena_printf(arena, "%s/%s%s", folder, name,
						i ? "/__init__.py" : ".py");

		if (reach_is_file(path))
			return path;
	}
	return NULL;
}

const char *module_hidden(const struct model *m, struct arena *arena, const char *name, const char **hides)
{
	const struct event *e = model_last(m, KS_py_path, 0, NULL);
	const char *list = e ? FIELD_TEXT(e, py_path, path) : NULL, *first = NULL;

	*hides = NULL;
	while (list && *list && !*hides) {
		size_t n = strcspn(list, ":");
		const char *folder = arena_text(arena, list, n);
		const char *found = n ? module_in(arena, folder, name) : NULL;

		if (found && !first)
			first = found;
		else if (found)
			*hides = found;
		list += n + (list[n] == ':');
	}
	return first;
}

const char *keras_json(const struct model *m, struct arena *arena, const char **file)
{
	const char *home = model_env(m, "HOME"), *folder = model_env(m, "KERAS_HOME"), *at, *end;
	const char *backend = NULL;
	char *text;

	/* Whose report it is, he reads it himself, most of the time. */
	home = home && *home ? home : getenv("HOME");
	if (!(folder && *folder) && !(home && *home))
		return NULL;
	*file = folder && *folder ? arena_printf(arena, "%s/keras.json", folder) : arena_printf(arena, "%s/.keras/keras.json", home);
	text = read_regular(*file, 65536);
	at = text ? strstr(text, "\"backend\"") : NULL;
	at = at ? strchr(at + strlen("\"backend\""), '"') : NULL;
	end = at ? strchr(at + 1, '"') : NULL;
	if (end)
		backend = arena_clean(arena, at + 1, (size_t)(end - at - 1));
	free(text);
	return backend;
}

bool keras_json_broken(const char *file)
{
	char *text = read_regular(file, 65536);
	cJSON *json = text ? cJSON_Parse(text) : NULL;
	bool broken = text && !cJSON_IsObject(json);

	cJSON_Delete(json);
	free(text);
	return broken;
}

/* Where a variable of a kernel may come from: its kernel.json. */
void environment_hint(const struct model *m, struct finding *f, const char *name, const char *value)
{
	const struct event *record = NULL;

	for (const struct event *e = NULL; (e = model_next(m, KS_env, 0, e));) {
		const char *known = FIELD_TEXT(e, env, name);

		if (known && strcmp(known, name) == 0)
			record = e;
	}
	if (record)
		finding_cite(f, record->record, record->time, "%s=%s", name, value);
	if (m->is_kernel)
		finding_say(f, "A kernel gets its variables from the server, and from \"env\" in "
			       "its kernel.json.");
}

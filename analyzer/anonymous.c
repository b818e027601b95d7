/* SPDX-License-Identifier: MIT */
/* See anonymous.h. What is not known to be harmless is taken out: a report may lose a folder by it. */
#include "analyzer/anonymous.h"

#include <ctype.h>
#include <string.h>

#include "analyzer/events.h"
#include "analyzer/proof.h"

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

/* All places of from in text become to; whole: only where it is no part of a longer word. */
static const char *replace(struct arena *arena, const char *text, const char *from, const char *to, bool whole)
{
	struct text t = { 0 };
	size_t n = strlen(from);
	const char *copy;

	if (!n || !strstr(text, from))
		return text;
	for (const char *p = text; *p;) {
		bool here = strncmp(p, from, n) == 0 &&
			    (!whole || ((p == text || !in_word(p[-1])) && !in_word(p[n])));

		if (here)
			text_add(&t, to);
		else
			text_char(&t, *p);
		p += here ? n : 1;
	}
	copy = arena_text(arena, text_get(&t), t.n);
	text_free(&t);
	return copy;
}

/* Values that a report needs and that name nobody. */
static bool is_plain_value(const char *value)
{
	return strlen(value) < 4 || !strpbrk(value, "/\\@:");
}

static const char *without_values(const struct model *m, struct arena *arena, const char *text)
{
	for (const struct event *e = NULL; (e = model_next(m, KS_env, 0, e));) {
		const char *name = FIELD_TEXT(e, env, name), *value = FIELD_TEXT(e, env, value);

		if (!name || !value || is_plain_value(value))
			continue;
		text = replace(arena, text, value, arena_printf(arena, "$%s", name), false);
		for (const char *p = value; *p;) {	/* one of a list of folders */
			const char *one = arena_text(arena, p, strcspn(p, ":"));

			if (!is_plain_value(one))
				text = replace(arena, text, one, arena_printf(arena, "$%s", name), false);
			p += strcspn(p, ":");
			p += *p == ':';
		}
	}
	return text;
}

/* "/home/NAME/x": NAME, NULL. */
static const char *user_in(struct arena *arena, const char *path)
{
	static const char *const homes[] = { "/home/", "/Users/" };

	for (int i = 0; i < 2; i++) {
		const char *at = path ? strstr(path, homes[i]) : NULL;
		size_t n = at ? strcspn(at + strlen(homes[i]), "/: \"'") : 0;

		if (n)
			return arena_text(arena, at + strlen(homes[i]), n);
	}
	return NULL;
}

static const char *without_names(const struct model *m, struct arena *arena, const char *text)
{
	const struct event *ready = model_last(m, KS_py_ready, 0, NULL);
	const char *places[] = { model_info(m, "cwd"), model_info(m, "exe"), model_info(m, "argv"), m->connection_file, m->notebook,
				 ready ? FIELD_TEXT(ready, py_ready, prefix) : NULL };
	const char *host = model_info(m, "host");

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *user = user_in(arena, places[i]);

		if (user && strlen(user) > 1)
			text = replace(arena, text, user, "USER", true);
	}
	return host && strlen(host) > 1 ? replace(arena, text, host, "HOST", true) : text;
}

static size_t path_length(const char *p)
{
	size_t n = 0;

	while (p[n] && (in_word(p[n]) || strchr("/.+-~@%=,$", p[n])))
		n++;
	while (n > 1 && strchr(".,", p[n - 1]))
		n--;
	return n;
}

/* What of a path may be told. */
static const char *public_path(struct arena *arena, const char *path)
{
	static const char *const known[] = { "/usr/", "/lib/", "/lib64/", "/proc/", "/sys/", "/dev/", "/etc/", "/opt/conda/" };
	const size_t site = site_packages(path);
	bool home = strncmp(path, "/home/", 6) == 0 || (strncmp(path, "/root", 5) == 0 && path[5] == '/') || strncmp(path, "/Users/", 7) == 0;

	if (site)	/* "site-packages/numpy/x.so" */
		return path + site - strlen("site-packages/");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(path, known[i], strlen(known[i])) == 0)
			return path;
	}
	if (strstr(base_name(path), ".py"))	/* what somebody calls a program is his own business */
		return "the program";
	if (strcmp(path, "/tmp") == 0 || strcmp(path, "/") == 0)
		return path;
	return arena_printf(arena, home ? "~/…/%s" : "…/%s", base_name(path));
}

static const char *without_paths(struct arena *arena, const char *text)
{
	struct text t = { 0 };
	const char *copy;

	for (const char *p = text; *p;) {
		bool begins = *p == '/' && (in_word(p[1]) || p[1] == '.') && (p == text || !(in_word(p[-1]) || strchr("/.:$…", p[-1])));
		size_t n = begins ? path_length(p) : 1;

		if (begins)
			text_add(&t, public_path(arena, arena_text(arena, p, n)));
		else
			text_char(&t, *p);
		p += n;
	}
	copy = arena_text(arena, text_get(&t), t.n);
	text_free(&t);
	return copy;
}

const char *anonymous(const struct model *m, struct arena *arena, const char *text)
{
	if (!text)
		return "";
	text = without_values(m, arena, text);
	text = without_paths(arena, text);
	return without_names(m, arena, text);
}

/* SPDX-License-Identifier: MIT */
/*
 * KSHIM_* from the environment, once, in the constructor. What cannot be understood is taken as
 * the default: a typing error in a kernel.json must not end anybody's kernel.
 */
#include "shim/recorder.h"

#include "shim/safe.h"

struct setting {
	const char *name, *value;
};

enum {
#define CONFIG(name, kind, field, value, meaning) SET_##field,
#include "shim/config.def"
#undef CONFIG
	SETTINGS
};

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* "512k" and the like; fallback where it is no number. */
static uint64_t size_of(const char *text, const char *fallback)
{
	const char *after;
	uint64_t value = ks_number(text, &after);

	if (after == text)
		return fallback ? size_of(fallback, NULL) : 0;
	switch (*after | 32) {
	case 'g':
		value <<= 10;	/* fall through */
	case 'm':
		value <<= 10;	/* fall through */
	case 'k':
		value <<= 10;
	}
	return value;
}

/* "30d" in seconds; a number alone is days. */
static uint64_t age_of(const char *text, const char *fallback)
{
	const char *after;
	uint64_t value = ks_number(text, &after);

	if (after == text)
		return fallback ? age_of(fallback, NULL) : 0;
	switch (*after | 32) {
	case 's':
		return value;
	case 'm':
		return value * 60;
	case 'h':
		return value * 3600;
	case 'w':
		return value * 7 * 86400;
	default:
		return value * 86400;
	}
}

static const char *variable(char *const *environment, const char *name)
{
	size_t n = strlen(name);

	for (; environment && *environment; environment++) {
		const char *entry = *environment;

		if (entry[0] == name[0] && strncmp(entry, name, n) == 0 && entry[n] == '=')
			return entry + n + 1;
	}
	return NULL;
}

/* base and rest, or nothing where that is too long */
static void set_directory(struct ks_config *c, const char *base, const char *rest)
{
	char *end = c->dir + sizeof(c->dir);

	if (strlen(base) + strlen(rest) < sizeof(c->dir))
		ks_put(ks_put(c->dir, end, base), end, rest);
}

static void find_directory(struct ks_config *c, char *const *environment, const char *given)
{
	char here[sizeof(c->dir)];
	const char *base;

	if (given && *given == '/') {
		set_directory(c, given, "");
	} else if (given && given[0] == '~' && (!given[1] || given[1] == '/')) {
		/* No shell has read it: it stands in a kernel.json, or between quotes. */
		base = variable(environment, "HOME");
		if (base && *base == '/') {
			set_directory(c, base, given + 1);
			c->made_below = strlen(base);
		}
	} else if (given && *given) {
		long n = ks_sys(SYS_getcwd, here, sizeof(here) - 1);

		if (n > 1) {
			here[n - 1] = '/';
			here[n] = '\0';
			set_directory(c, here, given);
		}
	} else if ((base = variable(environment, "XDG_STATE_HOME")) && *base == '/') {
		set_directory(c, base, "/kshim");
	} else if ((base = variable(environment, "HOME")) && *base == '/') {
		set_directory(c, base, "/.local/state/kshim");
		c->made_below = strlen(base);
	}
}

enum ks_mode ks_config_mode(char *const *environment)
{
	const char *value = variable(environment, KS_TEXT_AT_START("KSHIM"));

	if (!value)
		return KS_MODE_ON;
	return is(value, "off") || is(value, "0") ? KS_MODE_OFF : is(value, "all") ? KS_MODE_ALL : KS_MODE_ON;
}

void ks_config_read(char *const *environment)
{
	static const struct setting defaults[] = {
#define CONFIG(name, kind, field, value, meaning) { #name, value },
#include "shim/config.def"
#undef CONFIG
	};
	const char *v[SETTINGS];
	struct ks_config *c = &ks.config;

	for (int i = 0; i < SETTINGS; i++) {
		v[i] = variable(environment, defaults[i].name);
		if (!v[i] || !*v[i])
			v[i] = defaults[i].value;
	}
	c->keep = is(v[SET_keep], "always") ? KS_KEEP_ALWAYS : KS_KEEP_DEATH;
	c->text = is(v[SET_text], "off") ? KS_TEXT_OFF : is(v[SET_text], "cell") ? KS_TEXT_CELL : KS_TEXT_STDERR;
	c->say = !is(v[SET_say], "off");
	c->debug = is(v[SET_debug], "on");
	c->size = size_of(v[SET_size], defaults[SET_size].value);
	c->sample = size_of(v[SET_sample], defaults[SET_sample].value);
	c->stack = size_of(v[SET_stack], defaults[SET_stack].value);
	c->max_files = size_of(v[SET_max_files], defaults[SET_max_files].value);
	c->max_bytes = size_of(v[SET_max_bytes], defaults[SET_max_bytes].value);
	c->max_age = age_of(v[SET_max_age], defaults[SET_max_age].value);
	find_directory(c, environment, v[SET_dir]);
}

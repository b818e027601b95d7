/* SPDX-License-Identifier: MIT */
/*
 * Command lines as text, for people: quoted as a shell would take them, without secrets.
 */
#include "shim/surroundings.h"

#include "shim/safe.h"

enum { FIRST = 0, NEXT = 1, SECRET = 2, CODE = 4 }; /* bits of *state */

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("_./:=,+@%^-~", c);
}

/* --NotebookApp.token=…, --password …, --api-key=… */
static bool secret_name(const char *arg)
{
	static const char *const words[] = {"token",   "passw",	 "secret",    "api-key",
					    "api_key", "apikey", "credential"};
	const size_t n = strcspn(arg, "=");

	if (arg[0] != '-')
		return false;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t m = strlen(words[i]);

		for (size_t k = 0; k + m <= n; k++)
			if (strncasecmp(arg + k, words[i], m) == 0)
				return true;
	}
	return false;
}

/* https://me:password@host/: the place of what stands before the last '@' of the host; its length, 0: nothing. */
static size_t password_in(const char *arg, const char **from)
{
	const char *host = strstr(arg, "://");
	size_t n = 0;

	for (*from = host = host ? host + 3 : arg + strlen(arg); *host && !strchr("/?# ", *host); host++)
		if (*host == '@')
			n = (size_t)(host - *from);
	return n;
}

static char *put_plain(char *p, char *end, const char *arg)
{
	const char *from;
	size_t n = password_in(arg, &from);

	while (*arg && p < end - 5) {
		if (n && arg == from) {
			p = ks_put(p, end, "***");
			arg += n;
			continue;
		}
		if (*arg == '\'')
			p = ks_put(p, end, "'\\'");
		*p++ = *arg++;
	}
	*p = '\0';
	return p;
}

char *ks_put_arg(char *p, char *end, const char *arg, unsigned *state)
{
	const char *equals = strchr(arg, '=');
	unsigned before = *state, now = NEXT;
	bool simple = arg[0] != '\0';

	if (before)
		p = ks_put(p, end, " ");
	if ((before & SECRET) && arg[0] != '-') {
		arg = "***";
	} else if ((before & CODE) && ks.config.text == KS_TEXT_OFF) {
		arg = "...";
	} else if (secret_name(arg)) {
		if (equals) {
			for (; arg <= equals && p < end - 1; arg++)
				*p++ = *arg;
			arg = "***";
		} else {
			now |= SECRET;
		}
	} else if (strcmp(arg, "-c") == 0) {
		now |= CODE;
	}
	*state = now;
	for (const char *q = arg; *q && simple; q++)
		simple = plain(*q) || *q == '*';
	if (simple)
		return put_plain(p, end, arg);
	p = ks_put(p, end, "'");
	p = put_plain(p, end, arg);
	return ks_put(p, end, "'");
}

bool ks_read_text(const char *from, char *to, size_t size)
{
	size_t n = from ? ks_read_memory((uintptr_t)from, to, size - 1) : 0;

	to[n] = '\0';
	return n != 0;
}

char *ks_put_argv(char *p, char *end, char *const *argv, unsigned most)
{
	char text[512];
	unsigned state = 0;

	*p = '\0';
	for (unsigned i = 0; argv && i < most && p < end - 1; i++) {
		const char *arg;

		if (ks_read_memory((uintptr_t)(argv + i), &arg, sizeof(arg)) != sizeof(arg) ||
		    !arg || !ks_read_text(arg, text, sizeof(text)))
			break;
		p = ks_put_arg(p, end, text, &state);
	}
	return p;
}

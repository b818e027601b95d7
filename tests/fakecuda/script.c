/* SPDX-License-Identifier: MIT */
/* The script (fakecuda.h): what each call begins with. Parsed once, so that a call without a word about it costs little. */
#include "fakecuda.h"

struct fake_script fake_script;

enum how { FAIL, STICKY, DELAY, ABORT };
static struct rule {
	enum how how;
	char name[64];
	int value;
	unsigned at, calls;
} rules[32];
static unsigned nrules;
static int init_done, sticky_code;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const char *fake_word(const char *key, char *to, size_t size)
{
	const char *p = getenv("FAKECUDA");
	size_t n = strlen(key);

	while (p && *p) {
		size_t len = strcspn(p, " ,");

		if (len > n && strncmp(p, key, n) == 0 && p[n] == '=') {
			snprintf(to, size, "%.*s", (int)(len - n - 1), p + n + 1);
			return to;
		}
		if (len == n && strncmp(p, key, n) == 0) {
			to[0] = '\0';
			return to;
		}
		p += len;
		p += strspn(p, " ,");
	}
	return NULL;
}

uint64_t fake_number(const char *key, uint64_t otherwise)
{
	char text[64], *end;
	uint64_t value;

	if (!fake_word(key, text, sizeof(text)))
		return otherwise;
	value = strtoull(text, &end, 0);
	switch (*end | 32) {
	case 't':
		return value << 40;
	case 'g':
		return value << 30;
	case 'm':
		return value << 20;
	case 'k':
		return value << 10;
	}
	return value;
}

/* "fail=NAME:CODE@N" and kin, of one word of n bytes. */
static void read_rule(const char *word, size_t n)
{
	static const char *const keys[] = { [FAIL] = "fail=", [STICKY] = "sticky=", [DELAY] = "delay=", [ABORT] = "abort=" };
	char text[128], *colon, *at;

	snprintf(text, sizeof(text), "%.*s", (int)n, word);
	for (unsigned i = 0; i < 4; i++) {
		struct rule *r = &rules[nrules];

		if (strncmp(text, keys[i], strlen(keys[i])) != 0 || nrules == 32)
			continue;
		*r = (struct rule){ .how = i };
		colon = strchr(text, ':');
		if (colon)
			*colon++ = '\0';
		at = colon ? strchr(colon, '@') : NULL;
		r->value = colon ? atoi(colon) : 0;
		r->at = at ? (unsigned)atoi(at + 1) : 0;
		snprintf(r->name, sizeof(r->name), "%s", text + strlen(keys[i]));
		nrules++;
	}
}

/* CUDA does not survive a fork. */
static void in_child(void)
{
	init_done = 0;
}

static void read_script(void)
{
	char text[8];

	pthread_atfork(NULL, NULL, in_child);
	for (const char *p = getenv("FAKECUDA"); p && *p; p += strspn(p, " ,")) {
		size_t n = strcspn(p, " ,");

		read_rule(p, n);
		p += n;
	}
	fake_script = (struct fake_script){
		.garbage = fake_word("garbage", text, sizeof(text)), .silent = fake_word("silent", text, sizeof(text)),
		.devices = (int)fake_number("devices", 1), .version = (int)fake_number("version", 12080),
		.cc = (int)fake_number("cc", 86), .mem = fake_number("mem", 8ull << 30), .other = fake_number("other", 0),
		.context = fake_number("context", 0), .largest = fake_number("largest", UINT64_MAX),
		.pinned = fake_number("pinned", UINT64_MAX),
	};
}

void fake_initialised(void)
{
	init_done = 1;
}

static void obey(const char *name, int *code)
{
	for (unsigned i = 0; i < nrules; i++) {
		struct rule *r = &rules[i];
		unsigned call;

		if (strcmp(r->name, name) != 0)
			continue;
		pthread_mutex_lock(&lock);
		call = ++r->calls;
		pthread_mutex_unlock(&lock);
		if (r->at && r->at != call)
			continue;
		if (r->how == STICKY)
			sticky_code = r->value;
		else if (r->how == FAIL)
			*code = r->value;
		else if (r->how == DELAY)
			usleep((useconds_t)r->value * 1000);
		if (r->how == ABORT) {
			void *volatile p = malloc(100);

			free(p);
			free(p);
		}
	}
}

int fake_begin(const char *name)
{
	int code = 0;

	pthread_once(&once, read_script);
	if (nrules)
		obey(name, &code);
	if (sticky_code)
		return sticky_code;
	if (code)
		return code;
	if (fake_script.silent)
		return -1;
	if (init_done)
		return 0;
	return strcmp(name, "cuInit") == 0 || strcmp(name, "cuDriverGetVersion") == 0 ? 0 : 3;
}

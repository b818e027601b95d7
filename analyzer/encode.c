/* SPDX-License-Identifier: MIT */
/* Text back to records, for the tests' assembler; the syntax stands in decode.h. */
#include "analyzer/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				      -1;
}

/* Unquotes in place from behind the opening quote; returns what follows the closing one, NULL:
 * none. */
static char *unquote(char *p, size_t *size)
{
	char *to = p, *begin = p;

	for (; *p && *p != '"'; p++) {
		if (*p != '\\') {
			*to++ = *p;
			continue;
		}
		p++;
		if (*p == 'n') {
			*to++ = '\n';
		} else if (*p == 't') {
			*to++ = '\t';
		} else if (*p == 'x' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
			*to++ = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
			p += 2;
		} else if (*p == '"' || *p == '\\') {
			*to++ = *p;
		} else {
			return NULL;
		}
	}
	if (*p != '"')
		return NULL;
	*size = (size_t)(to - begin);
	*to = '\0';
	return p + 1;
}

static char *skip_space(char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
		p++;
	return p;
}

static char *word_end(char *p)
{
	while (*p && !strchr(" \t\r\n=", *p))
		p++;
	return p;
}

const char *line_parse(struct line *l, char *text)
{
	char *p = skip_space(text), *end;

	l->word = NULL;
	l->n = 0;
	if (!*p || *p == '#')
		return NULL;
	l->word = p;
	p = word_end(p);
	while (*p) {
		struct pair *pair = &l->pair[l->n];

		*p = '\0';
		p = skip_space(p + 1);
		if (!*p)
			break;
		end = word_end(p);
		if (*end != '=')
			return "a field without '='";
		if (l->n == LINE_PAIRS)
			return "too many fields";
		*end = '\0';
		pair->key = p;
		p = end + 1;
		if (*p == '"') {
			pair->value = p + 1;
			p = unquote(p + 1, &pair->size);
			if (!p)
				return "a text that is not well quoted";
		} else {
			pair->value = p;
			while (*p && !isspace((unsigned char)*p))
				p++;
			pair->size = (size_t)(p - pair->value);
		}
		l->n++;
	}
	return NULL;
}

const struct pair *line_pair(const struct line *l, const char *key)
{
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->pair[i].key, key) == 0)
			return &l->pair[i];
	return NULL;
}

bool number_parse(const char *text, uint64_t *value)
{
	char *end;

	if (!*text)
		return false;
	errno = 0;
	*value = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
	return !*end && !errno;
}

bool time_parse(const char *text, uint64_t *ns)
{
	uint64_t seconds = 0, part = 0, unit = 100000000;
	const bool before = *text == '-';	/* the trace's begin: another processor's clock */
	const char *p = text += before;

	for (; isdigit((unsigned char)*p); p++)
		seconds = seconds * 10 + (uint64_t)(*p - '0');
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++, unit /= 10)
			part += unit * (uint64_t)(*p - '0');
	*ns = seconds * 1000000000u + part;
	if (before)
		*ns = -*ns;
	return p != text && !*p && seconds < 10000000000u;
}

/* "0x1,0x2" to words; how many, or -1. */
static int words_parse(const char *text, uint64_t *words, int most)
{
	int n = 0;

	while (*text) {
		char *end;

		if (n == most)
			return -1;
		words[n++] = strtoull(text, &end, 0);
		if (end == text || (*end && *end != ','))
			return -1;
		text = *end ? end + 1 : end;
	}
	return n;
}

static const char *value_parse(const struct field_info *f, const struct pair *p, uint64_t *v,
			       keep_string *keep, void *arg)
{
	uint64_t stack[256];
	int n;

	switch (f->type) {
	case FIELD_STR:
		*v = keep(arg, KS_STRING_TEXT, p->value, p->size);
		return NULL;
	case FIELD_STK:
		n = words_parse(p->value, stack, 256);
		if (n < 0)
			return "a stack that is none";
		*v = n ? keep(arg, KS_STRING_STACK, stack, (size_t)n * 8) : 0;
		return NULL;
	case FIELD_TIME:
		return time_parse(p->value, v) ? NULL : "a time that is none";
	default:
		return number_parse(p->value, v) ? NULL : "a number that is none";
	}
}

static const char *field_parse(const struct field_info *f, const struct pair *p, char *at,
			       keep_string *keep, void *arg)
{
	uint64_t words[KS_MAX_REGS], v = 0;
	const char *why;
	int n;

	switch (f->type) {
	case FIELD_CHARS:
		memcpy(at, p->value, p->size < f->size ? p->size : f->size);
		return NULL;
	case FIELD_BYTES:
		for (size_t i = 0; i + 1 < p->size && i / 2 < f->size; i += 2) {
			if (hex_digit(p->value[i]) < 0 || hex_digit(p->value[i + 1]) < 0)
				return "bytes that are not hexadecimal";
			at[i / 2] =
				(char)(hex_digit(p->value[i]) << 4 | hex_digit(p->value[i + 1]));
		}
		return NULL;
	case FIELD_WORDS:
		n = words_parse(p->value, words,
				f->size / 8 < KS_MAX_REGS ? f->size / 8 : KS_MAX_REGS);
		if (n < 0)
			return "numbers that are none";
		memcpy(at, words, (size_t)n * 8);
		return NULL;
	default:
		why = value_parse(f, p, &v, keep, arg);
		memcpy(at, &v, f->size);
		return why;
	}
}

static const struct field_info *field_named(const struct record_info *info, const char *name,
					    unsigned *index)
{
	for (unsigned i = 0; i < info->nfields; i++) {
		if (strcmp(info->field[i].name, name) == 0) {
			*index = i;
			return &info->field[i];
		}
	}
	return NULL;
}

/* The number behind a prefix, as in "event_77", which a newer recorder wrote; -1. */
static int numbered(const char *word, const char *prefix, int most)
{
	size_t n = strlen(prefix);
	uint64_t number;

	if (strncmp(word, prefix, n) != 0 || !isdigit((unsigned char)word[n]) || !number_parse(word + n, &number) ||
	    number > (uint64_t)most)
		return -1;
	return (int)number;
}

bool encodes_slot(const char *word)
{
	return event_named(word) || numbered(word, "event_", UINT16_MAX) > 0;
}

const char *encode_slot(const struct line *l, struct slot *s, keep_string *keep, void *arg)
{
	const struct record_info *info = event_named(l->word);
	const char *why;
	uint64_t v;

	*s = (struct slot){ 0 };
	if (!encodes_slot(l->word))
		return "no such event";
	s->event = (uint16_t)(info ? (int)info->number : numbered(l->word, "event_", UINT16_MAX));
	s->nfields = info ? (uint16_t)info->nfields : 0;
	for (unsigned i = 0; i < l->n; i++) {
		const struct pair *p = &l->pair[i];
		unsigned index = 0;
		const struct field_info *f = info ? field_named(info, p->key, &index) : NULL;
		int place = f ? -1 : numbered(p->key, "field_", KS_MAX_FIELDS - 1);

		if (f && strcmp(f->name, "duration") == 0)
			why = time_parse(p->value, &s->field[index]) ? NULL :
								       "a duration that is none";
		else if (f)
			why = value_parse(f, p, &s->field[index], keep, arg);
		else if (strcmp(p->key, "time") == 0)
			why = time_parse(p->value, &s->time) ? NULL : "a time that is none";
		else if (strcmp(p->key, "tid") == 0 || strcmp(p->key, "in_load") == 0) {
			why = number_parse(p->value, &v) ? NULL : "a number that is none";
			*(*p->key == 't' ? &s->tid : &s->load) = why ? 0 : (uint32_t)v;
		} else if (place >= 0) {
			why = number_parse(p->value, &s->field[place]) ? NULL : "a number that is none";
			s->nfields = s->nfields > place ? s->nfields : (uint16_t)(place + 1);
		} else {
			why = strcmp(p->key, "at") == 0 ? NULL : "no such field";
		}
		if (why)
			return why;
	}
	return NULL;
}

const char *encode_record(const struct line *l, const struct record_info *info, void *record,
			  keep_string *keep, void *arg)
{
	memset(record, 0, info->size);
	for (unsigned i = 0; i < l->n; i++) {
		unsigned index;
		const struct field_info *f = field_named(info, l->pair[i].key, &index);
		const char *why;

		if (!f && (strcmp(l->pair[i].key, "at") == 0 || info == record_named("block")))
			continue;
		why = f ? field_parse(f, &l->pair[i], (char *)record + f->offset, keep, arg) :
			  "no such field";
		if (why)
			return why;
	}
	return NULL;
}

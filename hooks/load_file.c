/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with the file that a load needed, noted while it is still there; and whether a load
 * or look-up has been seen so often that it goes unrecorded.
 *
 * Called by load.c, in the hooks of dl calls. A file is opened for a moment only.
 */
#include "hooks/load.h"

#include <string.h>

#include "shim/library.h"

#define GOLDEN 0x9e3779b97f4a7c15ull	/* 2^64 by the golden ratio: spreads what it multiplies */

/* Two texts with the same place share it in turn; a lost count costs a record more. */
static bool is_many(uint64_t h)
{
	static struct { uint64_t hash, n; } counts[1024];
	uint64_t n;

	h ^= h >> 32;
	if (counts[h & 1023].hash != h) {
		counts[h & 1023].hash = h;
		counts[h & 1023].n = 0;
	}
	n = ++counts[h & 1023].n;
	return n > 8 && (n & (n - 1));
}

bool ks_load_repeated(const char *text)
{
	size_t size = text ? strlen(text) : 0, i = 0;
	uint64_t h = size * GOLDEN, word = 0;

	for (; i + 8 <= size; i += 8) {
		memcpy(&word, text + i, 8);
		h = ((h ^ word) * GOLDEN) ^ (h >> 32);
	}
	for (word = 0; i < size; i++)
		word = word << 8 | (uint8_t)text[i];
	return is_many((h ^ word) * GOLDEN);
}

static uint64_t word_at(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Of a name longer than 48 bytes: the first 16 and the last 32. All words at once: one after the other takes 12 ns. */
bool ks_load_words_repeated(const char *words)
{
	const size_t begin = sizeof("undefined symbol: ") - 1, size = strlen(words);
	const char *end = words + size;
	uint64_t h;

	if (size < begin + 16)
		return ks_load_repeated(words);
	h = word_at(end - 8) * GOLDEN + word_at(end - 16) * 0xbf58476d1ce4e5b9ull + word_at(end - 24) * 0x94d049bb133111ebull +
	    word_at(end - 32) * 0xd6e8feb86659fd93ull + word_at(words + begin) * 0xff51afd7ed558ccdull +
	    word_at(words + begin + 8) * 0xc4ceb9fe1a85ec53ull + size;	/* odd, and else any */
	return is_many(h);
}

bool ks_load_look(uint32_t load, const char *path)
{
	struct ks_library l;

	if (!ks_library_look(path, &l))
		return false;
	KS_EMIT(load_refused, .id = load, .path = ks_text(path), .size = l.size, .need_size = l.need_size,
		.mount_flags = l.mount_flags, .fs_magic = l.fs_magic, .mode = l.mode, .head = l.head,
		.error = l.error, .exec_stack = l.exec_stack, .machine = l.machine);
	return true;
}

void ks_load_look_at_named(uint32_t load, const char *error)
{
	char path[1024];
	const char *end = strstr(error, ": ");
	size_t n = end ? (size_t)(end - error) : 0;

	if (error[0] != '/' || !n || n >= sizeof(path))
		return;
	memcpy(path, error, n);
	path[n] = '\0';
	ks_load_look(load, path);
}

/* SPDX-License-Identifier: MIT */
/*
 * Between load.c (which loads are in progress, how they ended), load_text.c (the text of dlerror
 * that the program has not asked for yet) and load_file.c (what is wrong with a file).
 */
#ifndef KS_LOAD_H
#define KS_LOAD_H

#include "hooks/hooks.h"

#pragma GCC visibility push(hidden)

/* Constructor: may the pending text be read where glibc keeps it? Makes dl calls. */
void ks_load_text_start(void);
/* It can be read without side effects, so that "no text" is an answer too. */
extern bool ks_load_text_known;
#define KS_LOAD_TEXT 2048	/* bytes that are kept of one */

/* Copies the text of this thread's latest dl call, in the C locale's words, asked for or not; its
 * size, 0: it has not failed, or it is not known. No side effects. With probe: async-signal-safe,
 * and survives a corrupt heap. */
size_t ks_load_text(char *to, size_t size, bool probe);
/* Cheap: its last part ("undefined symbol: NAME"), to be compared only; NULL: there is no text. */
const char *ks_load_text_words(void);

/* Should this one go unrecorded? True from the ninth time on, but for powers of two. */
bool ks_load_repeated(const char *text);
/* The same of what ks_load_text_words gave, quicker. */
bool ks_load_words_repeated(const char *words);
/* Records what can be seen of a file that a load needs; false: there is none. */
bool ks_load_look(uint32_t load, const char *path);
/* "FILE: what" names the file that was refused: the library itself or one that it needs. */
void ks_load_look_at_named(uint32_t load, const char *error);

#pragma GCC visibility pop

#endif

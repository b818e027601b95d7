/* SPDX-License-Identifier: MIT */
/*
 * C++ names made readable, whoever wrote them. In a mangled name any part may stand for an earlier
 * one (S_, T_: Itanium C++ ABI, "Compression"), so two hundred bytes can describe more text than
 * there is memory: a name with many such parts is handed to a child process that has limits.
 */
#ifndef DEMANGLE_H
#define DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

/* A name or a type's name (St9bad_alloc), as text into to, cut to fit. False: it is none, or one that cannot be had. */
bool demangle(const char *name, char *to, size_t room);

#endif

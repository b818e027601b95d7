/* SPDX-License-Identifier: MIT */
/* The environment of the process, as far as a trace may hold it. */
#ifndef KS_ENVIRONMENT_H
#define KS_ENVIRONMENT_H

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* Emits an env event for each listed variable that is set, and the names of the others. */
void ks_environment_record(void);
/* Value of a variable, NULL: not set. Valid until the program changes it. */
const char *ks_environment_value(const char *name);

/* Goes through a command line: the connection file of a Jupyter kernel if arg gives one, or NULL.
 * next: false before the first argument; kept from one to the next. Others use -f too: see that
 * "kernel" occurs. */
const char *ks_connection_file(const char *arg, bool *next);

#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: MIT */
/* Is the process of a trace alive? By its pid, its start since boot, and the boot. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include "shim/format.h"

bool process_alive(const struct ks_header *h);
/* It is another container's, whose processes cannot be seen from here: it may run, or not. */
bool process_hidden(const struct ks_header *h);

#endif

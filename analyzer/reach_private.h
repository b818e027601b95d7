/* SPDX-License-Identifier: MIT */
/* Between reach.c, which touches files, and watch.c, which looks on. */
#ifndef REACH_PRIVATE_H
#define REACH_PRIVATE_H

#include "analyzer/reach.h"

extern struct reach *reach_shared;	/* never NULL */

#endif

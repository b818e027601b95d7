/* SPDX-License-Identifier: MIT */
/* The release, for both programs and the trace header. */
#ifndef KSHIM_RELEASE_H
#define KSHIM_RELEASE_H

#define KSHIM_RELEASE	"0.1.0"

#endif

/* SPDX-License-Identifier: MIT */
/* Shared by the rules about the GPU: analyzer/rules/cuda_*.c. */
#ifndef RULES_CUDA_H
#define RULES_CUDA_H

#include "analyzer/gpu.h"
#include "analyzer/proof.h"

/*
 * How a failed driver call is linked to the end: PROVEN where the same thread then died in a
 * module that had made the call, or an exception about CUDA from that thread reached the top;
 * LIKELY where only one of both can be seen; SEEN where the process went on. failure may be NULL
 * (a driver that is not there makes no call): then the exception alone, LIKELY.
 */
enum confidence cuda_link(const struct model *m, struct finding *f, const struct event *failure);
/* Does the exception that reached the top, or the last words on stderr of a death, speak of CUDA? */
bool cuda_words(const struct model *m, const struct finding *f);
/* Cites the failed call with its result, and the callers outside the driver. */
void cuda_cite(struct finding *f, const struct event *failure);
/* Innermost caller of an event that is neither the driver, libffi nor Python; NULL. */
const struct frame *cuda_caller(const struct event *e);
/* What the failure in f->event means, and whether it is sticky; and the driver's own log (12.9 and later). */
void cuda_say_error(struct finding *f);
void cuda_say_log(const struct model *m, struct finding *f);
bool module_is_driver(const struct module *module);

#endif

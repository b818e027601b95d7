/* build: -fopenmp */
/* SPDX-License-Identifier: MIT */
/* Work that is shared among the threads of OpenMP's pool, which libgomp makes at the first call and keeps. */
#include <omp.h>

long share(int threads, long turns)
{
	volatile long sum = 0;

#pragma omp parallel num_threads(threads)
	for (long i = 0; i < turns; i++)
#pragma omp atomic
		sum++;
	return sum;
}

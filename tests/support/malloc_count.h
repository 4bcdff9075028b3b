/*
 * Proves "no malloc after start-up". Two ways to use malloc_count.c:
 *
 * - linked into a test program: it interposes malloc and its kin; count between start and stop;
 * - as LD_PRELOAD=.../libmalloc_count.so before any program: `kill -s RTMIN+1 PID` starts the count,
 *   `kill -s RTMIN+2 PID` ends it and writes one line, "malloc_count: N allocations, ..." to the file named
 * by CANP_MALLOC_REPORT (appended), or to stderr.
 *
 * Counts all threads' malloc, calloc, realloc, aligned_alloc, posix_memalign and memalign; not free, and not
 * mmap. Not with sanitizers, which interpose malloc themselves: malloc_count_works() is false then.
 */
#ifndef CANP_TESTS_MALLOC_COUNT_H
#define CANP_TESTS_MALLOC_COUNT_H

#include <stdbool.h>

bool malloc_count_works(void);
void malloc_count_start(void);
/* Returns the allocations since the start, and where the first one came from (a code address; may be NULL).
 */
unsigned long malloc_count_stop(void **first_caller);

#endif

/*
 * Options structs across releases. Each begins with `size_t size`, which *_OPTS_INIT sets to what the caller
 * was compiled with; 0, in a zeroed struct, means the struct of the first release. So a library works with
 * callers that are older than itself (fields that they lack are zero: the default) and with newer ones, as
 * long as they set no field that it does not know. clone3(2) and openat2(2) do it the same way.
 *
 * To add a field: append it behind the struct's end, never in its tail padding, with zero as its default; do
 * not change the size of the first release. No state; any thread.
 */
#ifndef CANP_PRIVATE_OPTS_H
#define CANP_PRIVATE_OPTS_H

#include <stddef.h>

/*
 * Copies options of any release into `taken`, a struct of known_bytes whose first member is its size.
 * first_bytes: the size of that struct in the first release. opts NULL: all zero. 0; -E2BIG: a byte beyond
 * what is known is not zero (an option of a newer release), or the size is beyond reason; -EINVAL: the size
 * cannot be.
 */
int canp_opts_take(void *taken, size_t known_bytes, size_t first_bytes, const void *opts);

#endif

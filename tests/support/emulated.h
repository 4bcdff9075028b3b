/*
 * Does this run under qemu-user (scripts/cross says so by CANP_EMULATED)? It ignores MADV_POPULATE_READ and
 * gives a SIGBUS of a cut file no address, so what is built on them cannot be shown there. Any thread.
 */
#ifndef CANP_TESTS_EMULATED_H
#define CANP_TESTS_EMULATED_H

#include <stdlib.h>

#define SKIP_WHEN_EMULATED(what)                                                                             \
    do {                                                                                                     \
        if (getenv("CANP_EMULATED"))                                                                         \
            cr_skip_test("qemu-user has no " what);                                                          \
    } while (0)

#endif

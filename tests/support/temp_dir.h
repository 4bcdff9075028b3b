/* A directory for each test: made before it, removed with what is in it. The suite's .init and .fini, or
 * called by these. */
#ifndef CANP_TESTS_TEMP_DIR_H
#define CANP_TESTS_TEMP_DIR_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[32];

static inline void temp_dir_make(void)
{
    strcpy(dir, "/tmp/canp-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static inline void temp_dir_remove(void)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

#endif

/* The page of `canp diff -o`: one file without scripts and network, for light and dark screens, phones and
 * paper. Main thread. */
#ifndef CANP_TOOLS_DIFF_PAGE_H
#define CANP_TOOLS_DIFF_PAGE_H

#include <stdio.h>

#include "id_diff.h"

/* Writes the page of two tables; paths are their logs' names. How many IDs differ, or -ENOMEM. Whether it
 * could be written is the stream's to say. */
int diff_page_write(FILE *to, char *const *paths, const struct id_table *a, const struct id_table *b);

#endif

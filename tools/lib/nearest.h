/* The word that somebody who mistyped another may have meant. Any thread; no state. */
#ifndef CANP_TOOLS_NEAREST_H
#define CANP_TOOLS_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct nearest {
    const char *word; /* what was typed, */
    size_t length;    /* so many bytes of it */
    const char *best; /* NULL: nothing is near */
    unsigned distance;
};

void nearest_begin(struct nearest *n, const char *word, size_t length);
/* Offers one that exists; borrowed until the end. */
void nearest_offer(struct nearest *n, const char *candidate);

#endif

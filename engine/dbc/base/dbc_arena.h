/* Memory that is freed all at once, for the parts of a database. One thread at a time. */
#ifndef CANP_DBC_ARENA_H
#define CANP_DBC_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct dbc_chunk;

/* Zero it before use. */
struct dbc_arena {
    struct dbc_chunk *chunks;
    char *next;
    size_t left;
    uint64_t total_bytes; /* of all chunks */
};

/* Zeroed, aligned to 8. NULL without memory. */
void *canp_dbc_arena_take(struct dbc_arena *arena, size_t bytes);

/* Not aligned, not zeroed: for texts. */
char *canp_dbc_arena_text(struct dbc_arena *arena, size_t bytes);

/* Gives back the end of the last text, of which only `used` of `taken` bytes are needed. */
void canp_dbc_arena_trim(struct dbc_arena *arena, const char *text, size_t taken, size_t used);

void canp_dbc_arena_free(struct dbc_arena *arena);

/* A list of pointers that grows in the arena. Zero it before use. */
struct dbc_list {
    const void **items;
    uint32_t count, capacity;
};

/* 0 or -ENOMEM. */
int canp_dbc_list_add(struct dbc_arena *arena, struct dbc_list *list, const void *item);

#endif

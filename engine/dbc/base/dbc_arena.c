/*
 * The arena: chunks that double in size up to 1 MiB, filled from their start. Invariant: [next, next + left)
 * is the unused and zeroed rest of the newest chunk. Owned by one thread at a time.
 */
#include "dbc_arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MIN 4096U
#define CHUNK_BYTES_MAX (1U << 20)

struct dbc_chunk {
    struct dbc_chunk *older;
    size_t bytes;
};

static int add_chunk(struct dbc_arena *arena, size_t at_least)
{
    size_t bytes = arena->chunks ? arena->chunks->bytes * 2 : CHUNK_BYTES_MIN;
    if (bytes > CHUNK_BYTES_MAX)
        bytes = CHUNK_BYTES_MAX;
    if (bytes < at_least + sizeof(struct dbc_chunk))
        bytes = at_least + sizeof(struct dbc_chunk);
    struct dbc_chunk *chunk = calloc(1, bytes);
    if (!chunk)
        return -ENOMEM;
    chunk->older = arena->chunks;
    chunk->bytes = bytes;
    arena->chunks = chunk;
    arena->next = (char *)(chunk + 1);
    arena->left = bytes - sizeof(*chunk);
    arena->total_bytes += bytes;
    return 0;
}

void *canp_dbc_arena_take(struct dbc_arena *arena, size_t bytes)
{
    size_t padding = -(uintptr_t)arena->next & 7U;
    if (arena->left < bytes + padding) {
        if (add_chunk(arena, bytes) < 0)
            return NULL;
        padding = 0;
    }
    void *taken = arena->next + padding;
    arena->next += padding + bytes;
    arena->left -= padding + bytes;
    return taken;
}

char *canp_dbc_arena_text(struct dbc_arena *arena, size_t bytes)
{
    if (arena->left < bytes && add_chunk(arena, bytes) < 0)
        return NULL;
    char *taken = arena->next;
    arena->next += bytes;
    arena->left -= bytes;
    return taken;
}

void canp_dbc_arena_trim(struct dbc_arena *arena, const char *text, size_t taken, size_t used)
{
    if (text + taken != arena->next)
        return;
    memset(arena->next - (taken - used), 0, taken - used);
    arena->next -= taken - used;
    arena->left += taken - used;
}

void canp_dbc_arena_free(struct dbc_arena *arena)
{
    while (arena->chunks) {
        struct dbc_chunk *older = arena->chunks->older;
        free(arena->chunks);
        arena->chunks = older;
    }
    memset(arena, 0, sizeof(*arena));
}

int canp_dbc_list_add(struct dbc_arena *arena, struct dbc_list *list, const void *item)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 8;
        const void **items = canp_dbc_arena_take(arena, capacity * sizeof(*items));
        if (!items)
            return -ENOMEM;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return 0;
}

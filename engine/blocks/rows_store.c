/* The rows of a block, checked (rows_store.h). */
#include "rows_store.h"

#include <canp/error.h>

#include <errno.h>
#include <stdlib.h>

#define BYTES_MIN (512U << 10)

static int ensure_room(struct rows_store *s, size_t bytes)
{
    if (bytes <= s->bytes)
        return 0;
    if (bytes > CANP_PACK_BYTES_MAX)
        return -CANP_E_DAMAGED;
    size_t room = bytes < BYTES_MIN ? BYTES_MIN : (bytes + 4095) & ~(size_t)4095;
    canp_rows_release(s);
    s->memory = aligned_alloc(64, room);
    if (!s->memory || canp_unpacker_open(room, &s->unpacker) < 0) {
        canp_rows_release(s);
        return -ENOMEM;
    }
    s->bytes = room;
    return 0;
}

int canp_rows_load(struct rows_store *s, const struct block_header *h, const uint8_t *payload,
                   const uint8_t **rows)
{
    *rows = payload;
    if (h->flags & CANP_BLOCK_PACKED) {
        int r = ensure_room(s, h->rows_bytes);
        if (r < 0)
            return r;
        int64_t n = canp_unpack(s->unpacker, payload, h->stored_bytes - h->tail_bytes, s->memory, s->bytes);
        if (n != h->rows_bytes)
            return -CANP_E_DAMAGED;
        *rows = s->memory;
    }
    return canp_block_rows_are_sound(h, *rows) ? 0 : -CANP_E_DAMAGED;
}

void canp_rows_release(struct rows_store *s)
{
    canp_unpacker_close(s->unpacker);
    free(s->memory);
    *s = (struct rows_store){0};
}

/*
 * A cursor lends the records of a recording, one by one or block by block (canp/reader.h). cursor_walk.c
 * finds the next block.
 *
 * Invariant: `rows` are well-formed rows (canp_rows_check) of a block whose checksum is right. One thread.
 */
#include "cursor_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <canp/pools/buf.h>
#include <canp/private/opts.h>

static int take_opts(struct canp_cursor_opts *taken, const struct canp_cursor_opts *opts)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
    if (r < 0)
        return r;
    taken->from_ns = taken->from_ns ? taken->from_ns : INT64_MIN;
    taken->to_ns = taken->to_ns ? taken->to_ns : INT64_MAX;
    return 0;
}

int canp_cursor_open(struct canp_reader *reader, const struct canp_cursor_opts *opts,
                     struct canp_cursor **out)
{
    struct canp_cursor_opts taken;
    int r = take_opts(&taken, opts);
    if (r < 0)
        return r;
    struct canp_cursor *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->reader = reader;
    c->last_ns = INT64_MIN;
    c->last_number = UINT64_MAX;
    c->opts = taken;
    c->floor_ns = c->opts.from_ns;
    canp_query_init(&c->query, &c->opts);
    *out = c;
    return 0;
}

int canp_cursor_seek(struct canp_cursor *c, int64_t time_ns)
{
    int r = cursor_is_lost(c) ? -CANP_E_LOST : 0;
    canp_cursor_tell_damage(c, INT64_MAX);
    canp_cursor_leave_segment(c);
    c->opts.from_ns = c->query.from_ns = time_ns;
    c->number = 0;
    c->last_ns = INT64_MIN;
    c->rechecked = c->at_end = false;
    cursor_drop_rows(c);
    return r;
}

void canp_cursor_close(struct canp_cursor *c)
{
    if (!c)
        return;
    canp_cursor_leave_segment(c);
    canp_unpacker_close(c->unpacker);
    canp_mbuf_release(&c->unpacked);
    free(c->chosen);
    free(c->back.blocks);
    free(c->back.rows);
    free(c);
}

bool canp_cursor_wants(const struct canp_cursor *c, const struct canp_record *record)
{
    return query_record(&c->query, record);
}

/*
 * May the row be anything but what the file says? The SIGBUS guard shows zeros in place of what cannot be
 * read (canp/pools/mapped.h), and a row that is not zero is none of those: then nobody need be asked.
 */
static inline bool is_suspect(const uint8_t *row, uint32_t row_bytes, size_t left)
{
    return row_bytes > left || canp_load_u64(row) == 0 || canp_load_u64(row + 8) == 0;
}

/* The row at the cursor's place: its size; 0 when the file was cut or broke under us. Not behind the last. */
static uint32_t row_bytes_here(const struct canp_cursor *c)
{
    size_t left = c->rows_bytes - c->head.at;
    if (left < 16)
        return 0;
    const uint8_t *row = c->head.rows + c->head.at;
    uint32_t bytes = canp_row_bytes(row);
    return bytes > left || (is_suspect(row, bytes, left) && cursor_is_lost(c)) ? 0 : bytes;
}

/* Over rows from before the time that is asked for: after a seek that is most of a block. */
static void skip_early_rows(struct canp_cursor *c)
{
    const uint8_t *rows = c->head.rows;
    size_t at = c->head.at, end = c->rows_bytes;
    uint32_t stride = c->head.stride;
    while (end - at >= 16) {
        uint32_t bytes = stride ? stride : canp_row_bytes(rows + at);
        if (canp_row_time_ns(c->head.base_ns, rows + at) >= c->query.from_ns ||
            is_suspect(rows + at, bytes, end - at))
            break;
        at += bytes;
    }
    c->head.at = at;
}

__attribute__((noinline)) static int next_in_general(struct canp_cursor *c, struct canp_record *out)
{
    for (;;) {
        skip_early_rows(c);
        if (c->head.at >= c->rows_bytes) {
            int r = canp_cursor_next_block(c);
            if (r <= 0)
                return r;
            continue;
        }
        uint32_t bytes = row_bytes_here(c);
        if (bytes == 0)
            return canp_cursor_lose_segment(c);
        canp_row_read_sized(c->head.rows + c->head.at, bytes, c->head.base_ns, out);
        c->head.at += bytes;
        if (query_record(&c->query, out))
            return 1;
    }
}

/* Of a lane's rows, which have one ID, nearly all are wanted. */
__attribute__((noinline)) static int next_if_unwanted(struct canp_cursor *c, struct canp_record *out)
{
    return canp_query_content(&c->query, out) ? 1 : next_in_general(c, out);
}

/* Not for the macro, which has just looked: there is another row in this block, and all that is asked is its
 * time. */
int(canp_cursor_next)(struct canp_cursor *c, struct canp_record *out)
{
    size_t at = c->head.at, left = c->rows_bytes - at;
    if (left < 16)
        return next_in_general(c, out);
    const uint8_t *row = c->head.rows + at;
    uint32_t bytes = c->head.stride ? c->head.stride : canp_row_bytes(row);
    int64_t time_ns = canp_row_time_ns(c->head.base_ns, row);
    if (is_suspect(row, bytes, left) || time_ns < c->query.from_ns || time_ns > c->query.to_ns)
        return next_in_general(c, out);
    c->head.at = at + bytes;
    canp_row_read_sized(row, bytes, c->head.base_ns, out);
    return c->query.everything ? 1 : next_if_unwanted(c, out);
}

/* Where a cursor is that was opened or sent somewhere: in front of the first record that is wanted. */
static int find_place(struct canp_cursor *c)
{
    struct canp_record record = {0};
    int r = canp_cursor_next(c, &record);
    if (r == 1)
        c->head.at -= record.row_bytes;
    return r < 0 ? r : 0;
}

int canp_cursor_prev(struct canp_cursor *c, struct canp_record *out)
{
    int r = c->segment_open ? 0 : find_place(c);
    if (r < 0)
        return r;
    if (c->query.from_ns > c->floor_ns) {
        c->opts.from_ns = c->query.from_ns = c->floor_ns;
        if (c->at_end) { /* segments behind the last one that was entered were left out as too early */
            canp_cursor_leave_segment(c);
            c->number = UINT64_MAX;
        }
    }
    for (;;) {
        while (c->head.at > 0) {
            r = canp_cursor_previous_row(c);
            if (r < 0)
                return r;
            uint32_t bytes = c->head.stride ? c->head.stride : row_bytes_here(c);
            if (bytes == 0)
                return canp_cursor_lose_segment(c);
            canp_row_read_sized(c->head.rows + c->head.at, bytes, c->head.base_ns, out);
            if (cursor_is_lost(c)) /* asked behind the read, which may have met zeros in place of the file */
                return canp_cursor_lose_segment(c);
            if (query_record(&c->query, out))
                return 1;
        }
        r = canp_cursor_previous_block(c);
        if (r <= 0)
            return r;
    }
}

/* Of a block that was entered by single records before. */
static void count_rows(struct canp_batch *out)
{
    out->records = out->frames = 0;
    for (size_t at = 0; at < out->bytes; at += canp_row_bytes(out->rows + at)) {
        out->records++;
        out->frames += canp_kind_is_frame(canp_row_kind(out->rows + at));
    }
}

int canp_cursor_next_batch(struct canp_cursor *c, struct canp_batch *out)
{
    if (c->head.at >= c->rows_bytes) {
        int r = canp_cursor_next_block(c);
        if (r <= 0)
            return r;
    }
    out->rows = c->head.rows + c->head.at;
    out->bytes = c->rows_bytes - c->head.at;
    out->stride = (uint16_t)c->head.stride;
    out->base_ns = c->head.base_ns;
    out->records = c->partial ? c->partial_records : c->block.header.records;
    out->frames = c->partial ? c->partial_frames : c->block.header.frames;
    if (c->head.at != 0)
        count_rows(out);
    c->head.at = c->rows_bytes;
    return 1;
}

uint32_t canp_cursor_damaged(const struct canp_cursor *c)
{
    return c->damaged;
}

int canp_cursor_share(struct canp_cursor *c, struct canp_buf *out)
{
    if (!c->rows_bytes)
        return -ENODATA;
    if (c->segment.by_copy && c->head.rows == c->block.payload)
        *out = canp_buf_share(&(struct canp_buf){c->head.rows, c->rows_bytes, c->segment.copy.store});
    else if (c->head.rows != c->unpacked.data)
        return canp_mapped_slice(c->segment.mapped, (size_t)(c->head.rows - c->segment.map), c->rows_bytes,
                                 out);
    else
        *out = canp_buf_share(&(struct canp_buf){c->head.rows, c->rows_bytes, c->unpacked.store});
    return 0;
}

/* Recordings for the benchmarks that read (bench_recording.h). */
#include "bench_recording.h"

#include "gen/vehicle.h"
#include <canp/writer.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stop.h"

#define START_NS INT64_C(1700000000000000000)

static int put_frame(struct canp_writer *w, struct canp_vehicle *v)
{
    union canp_frame_store frame;
    struct canp_record record = {.frame = &frame.frame};

    record.kind = canp_vehicle_next(v, &record.time_ns, &frame);
    return canp_writer_put(w, &record);
}

static bool is_every(uint64_t done, uint64_t step)
{
    return step != 0 && done % step == 0;
}

static int put_drive(struct canp_writer *w, struct canp_vehicle *v, const struct bench_drive *drive)
{
    const struct canp_iface iface = {.mtu = 16, .bytes = sizeof(iface), .name = "vcan0"};
    int r = canp_writer_add_iface(w, 0, &iface, START_NS);

    for (uint64_t i = 1; r == 0 && i <= drive->frames; i++) {
        r = put_frame(w, v);
        if (r == 0 && (is_every(i, drive->block_frames) || is_every(i, drive->segment_frames)))
            r = stop_is_requested() ? -EINTR : canp_writer_flush(w);
        if (r == 0 && is_every(i, drive->segment_frames) && i < drive->frames)
            r = canp_writer_rotate(w);
    }
    if (r < 0)
        return r;
    return drive->unfinished ? canp_writer_flush(w) : canp_writer_finish(w);
}

int bench_drive_record(const char *dir, const struct bench_drive *drive)
{
    struct canp_vehicle_opts vehicle_opts = CANP_VEHICLE_OPTS_INIT;
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_vehicle *v;
    struct canp_writer *w;

    vehicle_opts.start_ns = START_NS;
    opts.segment_bytes = drive->segment_bytes;
    opts.no_sync = true;
    int r = canp_vehicle_open(&vehicle_opts, &v);
    if (r < 0)
        return r;
    r = canp_writer_open(dir, &opts, &w, NULL);
    if (r == 0) {
        r = put_drive(w, v, drive);
        canp_writer_close(w);
    }
    canp_vehicle_close(v);
    return r;
}

uint64_t bench_sum_rows(const uint8_t *rows, size_t bytes, uint16_t stride)
{
    const uint8_t *end = rows + bytes;
    uint64_t sum = 0;

    if (stride != 0) {
        for (const uint8_t *row = rows; row < end; row += stride)
            sum += canp_load_u64(row) ^ canp_load_u64(row + 8);
        return sum;
    }
    for (const uint8_t *row = rows; row < end; row += canp_row_bytes(row))
        sum += canp_load_u64(row) ^ canp_load_u64(row + 8);
    return sum;
}

int bench_sum_recording(struct canp_reader *reader, const struct canp_cursor_opts *opts, uint64_t *frames)
{
    struct canp_cursor *cursor;
    struct canp_batch batch;
    int r = canp_cursor_open(reader, opts, &cursor);

    *frames = 0;
    if (r < 0)
        return r;
    while ((r = canp_cursor_next_batch(cursor, &batch)) == 1) {
        uint64_t sum = bench_sum_rows(batch.rows, batch.bytes, batch.stride);
        bench_use(&sum);
        *frames += batch.frames;
    }
    if (r == 0 && canp_cursor_damaged(cursor) > 0)
        r = -CANP_E_DAMAGED;
    canp_cursor_close(cursor);
    return r;
}

/* ------------------------------------------------------------------ ids */

static int count_frame(struct bench_ids *ids, uint32_t id)
{
    unsigned at = 0;

    while (at < ids->count && ids->id[at].id != id)
        at++;
    if (at == BENCH_IDS_MAX)
        return -E2BIG;
    if (at == ids->count)
        ids->id[ids->count++] = (struct bench_id){id, 0};
    ids->id[at].frames++;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct bench_id *)a)->frames, y = ((const struct bench_id *)b)->frames;
    return (x > y) - (x < y);
}

int bench_count_ids(struct canp_reader *reader, struct bench_ids *ids)
{
    struct canp_cursor *cursor;
    struct canp_record record;
    int r = canp_cursor_open(reader, NULL, &cursor);

    memset(ids, 0, sizeof(*ids));
    if (r < 0)
        return r;
    while (r == 0 && (r = canp_cursor_next(cursor, &record)) == 1)
        r = canp_kind_is_frame(record.kind) ? count_frame(ids, record.frame->id) : 0;
    canp_cursor_close(cursor);
    qsort(ids->id, ids->count, sizeof(ids->id[0]), compare);
    return r;
}

/* The k-th signal's lengths add up to the 64 bits of a message. */
static const unsigned lengths[] = {4, 12, 16, 8, 1, 7, 6, 10};

static size_t add_message(char *text, size_t room, uint32_t id)
{
    unsigned bit = 0;
    size_t at = (size_t)snprintf(text, room, "BO_ %u M%X: 8 A\n", id, id);

    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]) && at < room; i++) {
        bool is_big =
            lengths[i] == 16; /* the two bytes it lies in are whole: its first bit is the upper one */
        at += (size_t)snprintf(text + at, room - at, " SG_ S%u : %u|%u@%d%c (%g,%g) [0|0] \"\" A\n", i,
                               is_big ? bit + 7 : bit, lengths[i], !is_big, i % 3 ? '+' : '-', 0.25 * (i + 1),
                               i % 2 ? -40.0 : 0.0);
        bit += lengths[i];
    }
    return at;
}

size_t bench_database_text(const struct bench_ids *ids, char *text, size_t room)
{
    size_t at = 0;

    for (unsigned i = 0; i < ids->count; i++) {
        size_t bytes = add_message(text + at, room - at, ids->id[i].id);
        if (bytes >= room - at)
            break;
        at += bytes;
    }
    text[at] = '\0';
    return at;
}

struct canp_cursor_opts bench_opts_for_id(struct canp_filter_set *filter, uint32_t id)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    uint32_t bits = id & CANP_ID_EFF ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK;

    memset(filter, 0, sizeof(*filter));
    filter->count = 1;
    filter->filters[0] = (struct canp_filter){id, bits | CANP_ID_EFF | CANP_ID_RTR};
    opts.filter = filter;
    opts.frames_only = true;
    return opts;
}

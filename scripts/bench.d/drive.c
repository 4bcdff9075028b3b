/*
 * Recordings of a chosen size without a bus, and what reading them takes; for scripts/bench.
 *   drive make DIR FRAMES IDS SEGMENT_BYTES
 *                         IDS 0: the generator's vehicle; else so many extended IDs in turn
 *   drive scan DIR        opens, reads every frame, one by one
 *   drive rows DIR        opens, reads every frame, block by block
 *   drive seek DIR TIMES  opens a cursor at as many times within it, reads one frame each
 *   drive parse LOG       reads a candump log
 *
 * Prints one JSON object: times in ns of this thread's CPU time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gen/vehicle.h"
#include <canp/candump.h>
#include <canp/reader.h>
#include <canp/rows.h>
#include <canp/writer.h>

#define START_NS  INT64_C(1700000000000000000)
#define PERIOD_NS 125000 /* 8,000 frames/s */

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "drive: %s\n", #condition);                                                      \
            exit(3);                                                                                         \
        }                                                                                                    \
    } while (0)

static long long cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Each ID counts in its first byte, has a slow ramp in two, noise in one, and constants. */
static uint8_t next_of_ids(uint64_t number, uint64_t ids, int64_t *time_ns, union canp_frame_store *store)
{
    uint64_t turn = number / ids, id = number % ids;
    uint64_t noise = (number + 1) * 0x9E3779B97F4A7C15U;
    memset(store, 0, sizeof(*store));
    store->frame.id = CANP_ID_EFF | (uint32_t)(0x18F00000 + id);
    store->frame.len = 8;
    store->frame.data[0] = (uint8_t)turn;
    store->frame.data[1] = (uint8_t)(turn / 16);
    store->frame.data[2] = (uint8_t)(turn / 4096 + id);
    store->frame.data[3] = (uint8_t)(noise >> 60);
    store->frame.data[6] = (uint8_t)id;
    *time_ns = START_NS + (int64_t)number * PERIOD_NS + (int64_t)(noise >> 50);
    return CANP_KIND_CAN;
}

static void make(const char *dir, uint64_t frames, uint64_t ids, uint64_t segment_bytes)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_vehicle_opts traffic = CANP_VEHICLE_OPTS_INIT;
    struct canp_iface iface = {.mtu = 72, .bytes = sizeof(iface), .name = "vcan0"};
    struct canp_writer *writer;
    struct canp_vehicle *vehicle;
    union canp_frame_store store;
    struct canp_record record = {.frame = &store.frame};
    opts.segment_bytes = segment_bytes;
    opts.no_sync = true;
    traffic.start_ns = START_NS;
    CHECK(canp_vehicle_open(&traffic, &vehicle) == 0);
    CHECK(canp_writer_open(dir, &opts, &writer, NULL) == 0);
    CHECK(canp_writer_add_iface(writer, 0, &iface, START_NS) == 0);
    for (uint64_t n = 0; n < frames; n++) {
        record.kind = ids ? next_of_ids(n, ids, &record.time_ns, &store)
                          : canp_vehicle_next(vehicle, &record.time_ns, &store);
        CHECK(canp_writer_put(writer, &record) == 0);
    }
    CHECK(canp_writer_finish(writer) == 0);
    canp_writer_close(writer);
    canp_vehicle_close(vehicle);
}

static void scan(const char *dir)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t frames = 0, sum = 0;
    long long start_ns = cpu_ns();
    CHECK(canp_reader_open(dir, &reader, NULL) == 0);
    long long open_ns = cpu_ns() - start_ns;
    CHECK(canp_cursor_open(reader, NULL, &cursor) == 0);
    start_ns = cpu_ns();
    while (canp_cursor_next(cursor, &r) == 1) {
        if (!canp_kind_is_frame(r.kind))
            continue;
        sum += r.frame->id;
        frames++;
    }
    printf("{\"frames\":%llu,\"open_ns\":%lld,\"scan_ns\":%lld,\"sum\":%llu}\n", (unsigned long long)frames,
           open_ns, cpu_ns() - start_ns, (unsigned long long)sum);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
}

/* As scan; looks at each row's head, as a filter would. */
static void scan_rows(const char *dir)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_batch batch;
    uint64_t frames = 0, sum = 0;
    long long start_ns = cpu_ns();
    CHECK(canp_reader_open(dir, &reader, NULL) == 0);
    CHECK(canp_cursor_open(reader, NULL, &cursor) == 0);
    while (canp_cursor_next_batch(cursor, &batch) == 1) {
        const uint8_t *row = batch.rows, *end = row + batch.bytes;
        for (; row < end; row += batch.stride ? batch.stride : canp_row_bytes(row))
            sum += ((const uint64_t *)row)[0] ^ ((const uint64_t *)row)[1];
        frames += batch.frames;
    }
    printf("{\"frames\":%llu,\"scan_ns\":%lld,\"sum\":%llu}\n", (unsigned long long)frames,
           cpu_ns() - start_ns, (unsigned long long)sum);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
}

static int compare(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

static void seek(const char *dir, unsigned times)
{
    struct canp_reader *reader;
    struct canp_info info;
    long long *took = calloc(times, sizeof(*took));
    CHECK(took && times > 0);
    CHECK(canp_reader_open(dir, &reader, NULL) == 0);
    CHECK(canp_reader_info(reader, &info) == 0);
    for (unsigned i = 0; i < times; i++) {
        struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
        struct canp_cursor *cursor;
        struct canp_record r;
        double share = (double)((i + 1) * 0x9E3779B9U) / 4294967296.0; /* spread evenly, in no order */
        opts.from_ns = START_NS + (int64_t)((double)(info.last_ns - START_NS) * share);
        long long start_ns = cpu_ns();
        CHECK(canp_cursor_open(reader, &opts, &cursor) == 0);
        CHECK(canp_cursor_next(cursor, &r) == 1);
        took[i] = cpu_ns() - start_ns;
        canp_cursor_close(cursor);
    }
    qsort(took, times, sizeof(*took), compare);
    printf("{\"seek_p50_ns\":%lld,\"seek_p99_ns\":%lld}\n", took[times / 2], took[times * 99 / 100]);
    canp_reader_close(reader);
    free(took);
}

static void parse(const char *path)
{
    struct canp_candump_reader *reader;
    struct canp_candump_line line;
    uint64_t frames = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && canp_candump_open(fd, &reader) == 0);
    long long start_ns = cpu_ns();
    while (canp_candump_next(reader, &line) == 1)
        frames++;
    printf("{\"frames\":%llu,\"scan_ns\":%lld}\n", (unsigned long long)frames, cpu_ns() - start_ns);
    canp_candump_close(reader);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "make") == 0)
        make(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
    else if (argc == 3 && strcmp(argv[1], "scan") == 0)
        scan(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "rows") == 0)
        scan_rows(argv[2]);
    else if (argc == 4 && strcmp(argv[1], "seek") == 0)
        seek(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
    else if (argc == 3 && strcmp(argv[1], "parse") == 0)
        parse(argv[2]);
    else
        return 2;
    return 0;
}

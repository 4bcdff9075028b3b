/*
 * The hot paths, each driven a fixed number of times over the same data, for scripts/bench.d/guard to count
 * their instructions under callgrind. Each is one function hot_NAME(), which is all that is counted; making
 * the data and checking the results lies outside. Prints NAME and the frames (or pairs) it handled.
 *
 * Nothing here depends on time, addresses or other threads: the writer's own threads are not counted, and
 * everything fits into one segment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/vehicle.h"
#include <canp/candump.h>
#include <canp/filter.h>
#include <canp/pack.h>
#include <canp/pools/buf.h>
#include <canp/pools/mempool.h>
#include <canp/pools/objpool.h>
#include <canp/reader.h>
#include <canp/rows.h>
#include <canp/writer.h>

#include "bench/bench_drill.h"
#include "objpool_fast.h"

#define FRAMES      20000U
#define BLOCK_BYTES (64U << 10) /* several blocks of 20,000 frames */
#define BLOCKS      16U
#define PAIRS       20000U

/* X(name, what it is): in the order in which they run. */
#define HOT_PATHS(X)                                                                                         \
    X(intake, "received classic frame to row in a slab")                                                     \
    X(intake_batch, "classic frame of a recvmmsg batch to row in a slab")                                    \
    X(intake_fd, "received FD frame of 64 bytes to row in a slab")                                           \
    X(cqe_to_record, "received classic frame to committed record")                                           \
    X(commit, "block of rows to committed block")                                                            \
    X(scan_next, "plain recording, record by record")                                                        \
    X(scan_batch, "plain recording, block by block")                                                         \
    X(scan_packed, "packed recording, record by record")                                                     \
    X(pack, "rows to packed block")                                                                          \
    X(unpack, "packed block to rows")                                                                        \
    X(filter, "a filter of three terms")                                                                     \
    X(candump_format, "record to candump log line")                                                          \
    X(candump_parse, "candump log line to record")                                                           \
    X(vehicle, "frame of the traffic generator")                                                             \
    X(pool_pair, "object pool: acquire and release, inlined as inside the library")                          \
    X(pool_pair_call, "object pool: acquire and release, as programs call them")                             \
    X(buffer_pair, "buffer of a pool: create, freeze, release")

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static char dir[64]; /* of all recordings */
static struct canp_rowbuf rows[BLOCKS];
static unsigned blocks;
static struct canp_record *records; /* FRAMES, pointing into the rows */
static struct drill *drill;
static struct canp_packer *packer;
static struct canp_unpacker *unpacker;
static uint8_t *packed[BLOCKS], *unpacked;
static int64_t packed_bytes[BLOCKS];
static struct canp_filter_set filters;
static char *text; /* candump lines */
static size_t line_bytes[FRAMES];
static struct canp_vehicle *vehicle;
static struct canp_objpool *objects;
static struct canp_mempool *buffers;

/* ---- the data ------------------------------------------------------------------------------------ */

static void *get(size_t bytes)
{
    void *memory = calloc(1, bytes);
    CHECK(memory);
    return memory;
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void start_vehicle(void)
{
    struct canp_vehicle_opts opts = CANP_VEHICLE_OPTS_INIT;
    opts.start_ns = INT64_C(1700000000000000000);
    canp_vehicle_close(vehicle);
    CHECK(canp_vehicle_open(&opts, &vehicle) == 0);
}

static void make_rows(void)
{
    union canp_frame_store store;
    struct canp_record record = {.frame = &store.frame};
    start_vehicle();
    for (unsigned i = 0; i < FRAMES; i++) {
        record.kind = canp_vehicle_next(vehicle, &record.time_ns, &store);
        record.dir = CANP_DIR_TX;
        if (blocks > 0 && canp_rowbuf_put_record(&rows[blocks - 1], &record) == 0)
            continue;
        CHECK(blocks < BLOCKS);
        canp_rowbuf_init(&rows[blocks++], get(BLOCK_BYTES), BLOCK_BYTES);
        CHECK(canp_rowbuf_put_record(&rows[blocks - 1], &record) == 0);
    }
}

static void list_records(void)
{
    struct canp_record *at = records = get(FRAMES * sizeof(*records));
    for (unsigned b = 0; b < blocks; b++) {
        for (size_t i = 0; i < rows[b].used_bytes; i += (at++)->row_bytes)
            canp_row_read(rows[b].data + i, rows[b].base_ns, at);
    }
    CHECK(at == records + FRAMES);
}

static struct canp_writer *open_writer(const char *name, bool pack)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.mtu = 72, .bytes = sizeof(iface), .name = "vcan0"};
    struct canp_writer *w;
    opts.segment_bytes = 8U << 20;
    opts.no_sync = true;
    opts.pack = pack;
    CHECK(canp_writer_open(path_of(name), &opts, &w, NULL) == 0);
    CHECK(canp_writer_add_iface(w, 0, &iface, 1) == 0);
    return w;
}

static void make_recording(const char *name, bool pack)
{
    struct canp_writer *w = open_writer(name, pack);
    for (unsigned b = 0; b < blocks; b++)
        CHECK(canp_writer_commit(w, &rows[b]) == 0);
    CHECK(canp_writer_finish(w) == 0);
    canp_writer_close(w);
}

static void make_all(void)
{
    struct canp_objpool_opts object = CANP_OBJPOOL_OPTS_INIT;
    struct canp_mempool_opts buffer = CANP_MEMPOOL_OPTS_INIT;
    make_rows();
    list_records();
    make_recording("plain", false);
    make_recording("packed", true);
    CHECK(canp_packer_open(BLOCK_BYTES, CANP_PACK_FAST, &packer) == 0);
    CHECK(canp_unpacker_open(BLOCK_BYTES, &unpacker) == 0);
    for (unsigned b = 0; b < blocks; b++)
        packed[b] = get(BLOCK_BYTES);
    unpacked = get(BLOCK_BYTES);
    text = get(FRAMES * 80 + CANP_CANDUMP_LINE_BYTES);
    CHECK(canp_filter_parse(&filters, "0A0:7F0", NULL) == 0);
    CHECK(canp_filter_parse(&filters, "123:7FF", NULL) == 0);
    CHECK(canp_filter_parse(&filters, "18FEF100:1FFFFF00", NULL) == 0);
    object.object_bytes = 200;
    object.ready_count = object.object_count_max = 64;
    CHECK(canp_objpool_open(&object, &objects) == 0);
    CHECK(canp_mempool_open(&buffer, &buffers) == 0);
}

/* ---- what is counted: hot_*() alone --------------------------------------------------------------- */

#define HOT __attribute__((noinline, noclone)) static void

static volatile uint64_t sink; /* results end here, so that no compiler leaves the work out */

HOT hot_harvest(void)
{
    drill_harvest(drill);
    CHECK(drill_spill(drill) == 0);
}

HOT hot_flush(void)
{
    CHECK(drill_flush(drill) == 0);
}

static uint64_t run_drill(const char *name, int fd_frames)
{
    CHECK(drill_open(name ? path_of(name) : NULL, &drill, NULL) == 0);
    for (unsigned i = 0; i < FRAMES / DRILL_ROUND; i++) {
        drill_receive(drill, DRILL_ROUND, fd_frames);
        hot_harvest();
    }
    hot_flush();
    uint64_t frames = drill_frames(drill);
    CHECK(frames == FRAMES / DRILL_ROUND * DRILL_ROUND);
    drill_close(drill);
    return frames;
}

static uint64_t run_intake(void)
{
    return run_drill(NULL, 0);
}

HOT hot_batch(void)
{
    drill_take_batch(drill);
    CHECK(drill_spill(drill) == 0);
}

static uint64_t run_intake_batch(void)
{
    CHECK(drill_open(NULL, &drill, NULL) == 0);
    for (unsigned i = 0; i < FRAMES / DRILL_BATCH; i++) {
        drill_receive_batch(drill, 0);
        hot_batch();
    }
    hot_flush();
    uint64_t frames = drill_frames(drill);
    CHECK(frames == FRAMES / DRILL_BATCH * DRILL_BATCH);
    drill_close(drill);
    return frames;
}

static uint64_t run_intake_fd(void)
{
    return run_drill(NULL, 1);
}

static uint64_t run_cqe_to_record(void)
{
    return run_drill("drill", 0);
}

HOT hot_commit(struct canp_writer *w)
{
    for (unsigned b = 0; b < blocks; b++)
        CHECK(canp_writer_commit(w, &rows[b]) == 0);
}

static uint64_t run_commit(void)
{
    struct canp_writer *w = open_writer("commit", false);
    hot_commit(w);
    CHECK(canp_writer_finish(w) == 0);
    canp_writer_close(w);
    return FRAMES;
}

HOT hot_scan(struct canp_cursor *cursor, uint64_t *frames)
{
    struct canp_record r;
    uint64_t sum = 0;
    while (canp_cursor_next(cursor, &r) == 1) {
        if (!canp_kind_is_frame(r.kind))
            continue;
        sum += r.frame->id;
        ++*frames;
    }
    sink = sum;
}

HOT hot_scan_batch(struct canp_cursor *cursor, uint64_t *frames)
{
    struct canp_batch batch;
    while (canp_cursor_next_batch(cursor, &batch) == 1)
        *frames += batch.frames;
}

static uint64_t run_cursor(const char *name, void (*scan)(struct canp_cursor *, uint64_t *))
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    uint64_t frames = 0;
    CHECK(canp_reader_open(path_of(name), &reader, NULL) == 0);
    CHECK(canp_cursor_open(reader, NULL, &cursor) == 0);
    scan(cursor, &frames);
    CHECK(frames == FRAMES && canp_cursor_damaged(cursor) == 0);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return frames;
}

static uint64_t run_scan_next(void)
{
    return run_cursor("plain", hot_scan);
}

static uint64_t run_scan_batch(void)
{
    return run_cursor("plain", hot_scan_batch);
}

static uint64_t run_scan_packed(void)
{
    return run_cursor("packed", hot_scan);
}

HOT hot_pack(void)
{
    for (unsigned b = 0; b < blocks; b++)
        packed_bytes[b] = canp_pack(packer, rows[b].data, rows[b].used_bytes, packed[b], BLOCK_BYTES);
}

static uint64_t run_pack(void)
{
    hot_pack();
    for (unsigned b = 0; b < blocks; b++)
        CHECK(packed_bytes[b] > 0);
    return FRAMES;
}

HOT hot_unpack(unsigned b)
{
    int64_t bytes = canp_unpack(unpacker, packed[b], (size_t)packed_bytes[b], unpacked, BLOCK_BYTES);
    CHECK(bytes == (int64_t)rows[b].used_bytes);
}

static uint64_t run_unpack(void)
{
    for (unsigned b = 0; b < blocks; b++) {
        hot_unpack(b);
        CHECK(memcmp(unpacked, rows[b].data, rows[b].used_bytes) == 0);
    }
    return FRAMES;
}

HOT hot_filter(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FRAMES; i++)
        sum += canp_filter_match(&filters, &records[i]);
    sink = sum;
}

static uint64_t run_filter(void)
{
    hot_filter();
    CHECK(sink > 0 && sink < FRAMES);
    return FRAMES;
}

HOT hot_format(void)
{
    char *at = text;
    for (unsigned i = 0; i < FRAMES; i++) {
        line_bytes[i] = canp_candump_format(&records[i], "vcan0", 0, at);
        at += line_bytes[i];
    }
}

static uint64_t run_candump_format(void)
{
    hot_format();
    return FRAMES;
}

HOT hot_parse(void)
{
    static struct canp_candump_line line;
    const char *at = text;
    for (unsigned i = 0; i < FRAMES; i++) {
        CHECK(canp_candump_parse(at, line_bytes[i] - 1, &line) == 1);
        at += line_bytes[i];
    }
}

static uint64_t run_candump_parse(void)
{
    hot_parse();
    return FRAMES;
}

HOT hot_generate(void)
{
    union canp_frame_store store;
    int64_t time_ns;
    uint64_t sum = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        canp_vehicle_next(vehicle, &time_ns, &store);
        sum += store.frame.id;
    }
    sink = sum;
}

static uint64_t run_vehicle(void)
{
    start_vehicle();
    hot_generate();
    return FRAMES;
}

HOT hot_objects(void)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        void *object = canp_objpool_acquire_fast(objects, CANP_SITE_HERE);
        CHECK(object);
        canp_objpool_release_fast(objects, object);
    }
}

static uint64_t run_pool_pair(void)
{
    hot_objects();
    return PAIRS;
}

HOT hot_objects_by_calls(void)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        void *object = canp_objpool_acquire(objects);
        CHECK(object);
        canp_objpool_release(objects, object);
    }
}

static uint64_t run_pool_pair_call(void)
{
    hot_objects_by_calls();
    return PAIRS;
}

HOT hot_buffers(void)
{
    struct canp_mbuf mbuf;
    struct canp_buf buf;
    for (unsigned i = 0; i < PAIRS; i++) {
        CHECK(canp_mbuf_init(buffers, 1000, CANP_BUF_PLAIN, &mbuf) == 0);
        canp_mbuf_freeze(&mbuf, &buf);
        canp_buf_release(&buf);
    }
}

static uint64_t run_buffer_pair(void)
{
    hot_buffers();
    return PAIRS;
}

/* ---- one after the other -------------------------------------------------------------------------- */

/* A path has ended: callgrind writes down what it counted since the one before. */
__attribute__((noinline, noclone)) static void mark_end(void)
{
    __asm__ volatile("");
}

static void run_all(void)
{
#define RUN(name, what)                                                                                      \
    printf("%s %llu %s\n", #name, (unsigned long long)run_##name(), what);                                   \
    mark_end();
    HOT_PATHS(RUN)
#undef RUN
}

int main(void)
{
    const char *parent = getenv("TMPDIR");
    char command[128];
    snprintf(dir, sizeof(dir), "%s/canp-perf-XXXXXX", parent ? parent : "/tmp");
    CHECK(mkdtemp(dir));
    make_all();
    run_all();
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command) == 0 ? 0 : 1;
}

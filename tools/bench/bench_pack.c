/*
 * canp-bench pack, unpack: the packed form of blocks beside plain LZ4 of the same rows, per frame, codec
 * alone. The frames are those of a generated drive on two buses, in blocks of 512 KiB of rows; or those of
 * the candump log that the environment variable CANP_BENCH_LOG names.
 */
#include "bench.h"

#include "gen/vehicle.h"
#include <canp/candump.h>
#include <canp/pack.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES  (512U << 10) /* as repack.c gathers */
#define BLOCKS_MAX   32
#define DRIVE_FRAMES 80000

struct sample {
    unsigned blocks;
    uint64_t frames;
    struct canp_packer *packer;
    struct canp_unpacker *unpacker;
    struct canp_rowbuf rows[BLOCKS_MAX];
    uint8_t *packed[BLOCKS_MAX];
    size_t packed_bytes[BLOCKS_MAX]; /* 0: did not gain */
    char *lz4[BLOCKS_MAX];
    int lz4_bytes[BLOCKS_MAX];
    uint8_t *out;
};

/* ------------------------------------------------------------------ the frames */

static int block_add(struct sample *s)
{
    if (s->blocks == BLOCKS_MAX)
        return -ENOSPC;
    void *memory = malloc(BLOCK_BYTES);
    s->packed[s->blocks] = malloc(BLOCK_BYTES);
    s->lz4[s->blocks] = malloc((size_t)LZ4_compressBound(BLOCK_BYTES));
    if (memory == NULL || s->packed[s->blocks] == NULL || s->lz4[s->blocks] == NULL) {
        free(memory);
        free(s->packed[s->blocks]);
        free(s->lz4[s->blocks]);
        return -ENOMEM;
    }
    canp_rowbuf_init(&s->rows[s->blocks++], memory, BLOCK_BYTES);
    return 0;
}

/* 0, or -ENOSPC when the sample is full. */
static int sample_put(struct sample *s, const struct canp_record *record)
{
    int r = s->blocks > 0 ? canp_rowbuf_put_record(&s->rows[s->blocks - 1], record) : -ENOSPC;
    if (r == -ENOSPC && (r = block_add(s)) == 0)
        r = canp_rowbuf_put_record(&s->rows[s->blocks - 1], record);
    s->frames += r == 0;
    return r;
}

/* Two buses: the second one's frames come between those of the first. */
static int generate(struct sample *s)
{
    struct canp_vehicle_opts opts = CANP_VEHICLE_OPTS_INIT;
    struct canp_vehicle *vehicle[2] = {NULL, NULL};
    union canp_frame_store frame[2];
    int64_t time_ns[2];
    int r = 0;

    for (unsigned bus = 0; bus < 2 && r == 0; bus++) {
        opts.seed = bus + 1;
        if ((r = canp_vehicle_open(&opts, &vehicle[bus])) == 0)
            canp_vehicle_next(vehicle[bus], &time_ns[bus], &frame[bus]);
    }
    for (unsigned i = 0; i < DRIVE_FRAMES && r == 0; i++) {
        unsigned bus = time_ns[1] < time_ns[0];
        struct canp_record record = {.time_ns = time_ns[bus], .channel = (uint8_t)bus};
        record.frame = &frame[bus].frame;
        r = sample_put(s, &record);
        canp_vehicle_next(vehicle[bus], &time_ns[bus], &frame[bus]);
    }
    canp_vehicle_close(vehicle[0]);
    canp_vehicle_close(vehicle[1]);
    return r;
}

/* The channel of an interface, by first appearance. */
static uint8_t channel_of(const char *iface)
{
    static char names[256][CANP_IFACE_NAME_BYTES];
    static unsigned count;
    unsigned at = 0;

    while (at < count && strcmp(names[at], iface) != 0)
        at++;
    if (at == count && count < 255)
        memcpy(names[count++], iface, CANP_IFACE_NAME_BYTES);
    return (uint8_t)at;
}

/* As much of the log as the sample holds. */
static int read_log(struct sample *s, const char *path)
{
    struct canp_candump_reader *reader;
    struct canp_candump_line line;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int r = canp_candump_open(fd, &reader);
    while (r >= 0 && (r = canp_candump_next(reader, &line)) == 1) {
        struct canp_record record;
        canp_candump_record(&line, channel_of(line.iface), &record);
        if ((r = sample_put(s, &record)) == -ENOSPC) {
            r = 0;
            break;
        }
    }
    canp_candump_close(reader);
    close(fd);
    return r;
}

static int sample_pack(struct sample *s)
{
    for (unsigned b = 0; b < s->blocks; b++) {
        struct canp_rowbuf *rows = &s->rows[b];
        int64_t n = canp_pack(s->packer, rows->data, rows->used_bytes, s->packed[b], BLOCK_BYTES);
        if (n < 0)
            return (int)n;
        s->packed_bytes[b] = (size_t)n;
    }
    return 0;
}

static int sample_lz4(struct sample *s)
{
    for (unsigned b = 0; b < s->blocks; b++) {
        struct canp_rowbuf *rows = &s->rows[b];
        s->lz4_bytes[b] = LZ4_compress_default((const char *)rows->data, s->lz4[b], (int)rows->used_bytes,
                                               LZ4_compressBound(BLOCK_BYTES));
        if (s->lz4_bytes[b] <= 0)
            return -EIO;
    }
    return 0;
}

static void sample_close(struct sample *s)
{
    for (unsigned b = 0; b < s->blocks; b++) {
        free(s->rows[b].data);
        free(s->packed[b]);
        free(s->lz4[b]);
    }
    canp_packer_close(s->packer);
    canp_unpacker_close(s->unpacker);
    free(s->out);
}

static int sample_open(struct sample *s)
{
    const char *log = getenv("CANP_BENCH_LOG");
    memset(s, 0, sizeof(*s));
    s->out = malloc(BLOCK_BYTES);
    int r = s->out == NULL ? -ENOMEM : canp_packer_open(BLOCK_BYTES, CANP_PACK_FAST, &s->packer);
    if (r == 0)
        r = canp_unpacker_open(BLOCK_BYTES, &s->unpacker);
    if (r == 0)
        r = log != NULL ? read_log(s, log) : generate(s);
    if (r == 0 && s->frames == 0)
        r = -ENODATA;
    if (r == 0)
        r = sample_pack(s);
    return r == 0 ? sample_lz4(s) : r;
}

/* ------------------------------------------------------------------ packing */

static double per_frame(const struct sample *s, uint64_t start_ns, int r)
{
    return r < 0 ? r : (double)(bench_now_ns() - start_ns) / (double)s->frames;
}

static double pack(void *user)
{
    uint64_t start_ns = bench_now_ns();
    return per_frame(user, start_ns, sample_pack(user));
}

static double lz4_rows(void *user)
{
    uint64_t start_ns = bench_now_ns();
    return per_frame(user, start_ns, sample_lz4(user));
}

static double packed_size(void *user)
{
    struct sample *s = user;
    size_t bytes = 0;
    for (unsigned b = 0; b < s->blocks; b++)
        bytes += s->packed_bytes[b] ? s->packed_bytes[b] : s->rows[b].used_bytes;
    return (double)bytes / (double)s->frames;
}

static double lz4_size(void *user)
{
    struct sample *s = user;
    size_t bytes = 0;
    for (unsigned b = 0; b < s->blocks; b++)
        bytes += (size_t)s->lz4_bytes[b];
    return (double)bytes / (double)s->frames;
}

/* The archive level works on its own packer; its bytes replace those of the fast level until the next pack().
 */
static double pack_archive(void *user)
{
    struct sample *s = user;
    struct canp_packer *fast = s->packer;
    int r = canp_packer_open(BLOCK_BYTES, CANP_PACK_ARCHIVE, &s->packer);
    uint64_t start_ns = bench_now_ns();
    if (r == 0)
        r = sample_pack(s);
    double value = per_frame(s, start_ns, r);
    canp_packer_close(s->packer);
    s->packer = fast;
    return value;
}

/* All cases of a mode, over one sample. */
static int run_cases(struct bench *bench, const struct bench_case *cases, size_t count)
{
    struct sample *s = malloc(sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    int r = sample_open(s);
    if (r == 0)
        r = bench_run_cases(bench, cases, count, s);
    sample_close(s);
    free(s);
    return r;
}

int bench_pack(struct bench *bench)
{
    static const struct bench_case cases[] = {
        {"pack", "ns/frame", pack, "lz4_rows", lz4_rows, 1.2, NULL},
        {"pack_size", "B/frame", packed_size, "lz4_rows_size", lz4_size, 0, NULL},
        {"pack_archive", "ns/frame", pack_archive, "lz4_rows", lz4_rows, 0, NULL},
        {"pack_archive_size", "B/frame", packed_size, "lz4_rows_size", lz4_size, 0, NULL},
    };
    return run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]));
}

/* ------------------------------------------------------------------ unpacking */

static double unpack(void *user)
{
    struct sample *s = user;
    int64_t r = 0;
    uint64_t start_ns = bench_now_ns();
    for (unsigned b = 0; b < s->blocks && r >= 0; b++) {
        if (s->packed_bytes[b] > 0)
            r = canp_unpack(s->unpacker, s->packed[b], s->packed_bytes[b], s->out, BLOCK_BYTES);
        bench_use(s->out);
    }
    return per_frame(s, start_ns, r < 0 ? (int)r : 0);
}

static double lz4_rows_decode(void *user)
{
    struct sample *s = user;
    int r = 0;
    uint64_t start_ns = bench_now_ns();
    for (unsigned b = 0; b < s->blocks && r >= 0; b++) {
        r = LZ4_decompress_safe(s->lz4[b], (char *)s->out, s->lz4_bytes[b], BLOCK_BYTES);
        bench_use(s->out);
    }
    return per_frame(s, start_ns, r < 0 ? -EIO : 0);
}

/* One lane out of each block, its directory included: per frame of the whole sample, as unpack is. */
static double unpack_lane(void *user)
{
    struct sample *s = user;
    int64_t r = 0;
    uint64_t start_ns = bench_now_ns();
    for (unsigned b = 0; b < s->blocks && r >= 0; b++) {
        const struct canp_lane *lanes;
        if (s->packed_bytes[b] == 0)
            continue;
        r = canp_packed_lanes(s->unpacker, s->packed[b], s->packed_bytes[b], &lanes);
        if (r > 0)
            r = canp_unpack_lane(s->unpacker, (size_t)r / 2, s->out, BLOCK_BYTES, NULL);
        bench_use(s->out);
    }
    return per_frame(s, start_ns, r < 0 ? (int)r : 0);
}

int bench_unpack(struct bench *bench)
{
    static const struct bench_case cases[] = {
        {"unpack", "ns/frame", unpack, "lz4_rows_decode", lz4_rows_decode, 0, NULL},
        {"unpack_lane", "ns/frame", unpack_lane, "unpack", unpack, 0.05, NULL},
    };
    return run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]));
}

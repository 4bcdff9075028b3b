/*
 * canp-bench scan: reading all of a recording, per frame, warm in the page cache, in processor time.
 * `scan_raw` is a pass of a cursor in batches over a recording that its reader has been through before;
 * `scan_raw_first` opens the recording, maps it and checks every block, beside a loop that maps the same
 * files and checks nothing. `scan_packed` unpacks all rows.
 */
#include <canp/pools/buf.h>
#include <canp/repack.h>
#include <canp/rows.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_recording.h"

#define FRAMES     10000000U
#define FRAME_ROW  24 /* bytes of a classic frame's */
#define BLOCKS_MAX 4096

/* The rows of one block, held. */
struct rows {
    struct canp_buf buf;
    uint16_t stride;
};

struct scan {
    uint64_t frames;
    char raw_dir[128], packed_dir[128];
    struct canp_reader *raw, *packed;
    unsigned blocks;
    struct rows rows[BLOCKS_MAX];
};

static double per_frame(const struct scan *s, uint64_t start_ns, int r, uint64_t frames)
{
    uint64_t elapsed_ns = bench_cpu_ns() - start_ns;

    if (r == 0 && frames != s->frames)
        r = -EIO;
    return r < 0 ? r : (double)elapsed_ns / (double)s->frames;
}

static double scan_reader(const struct scan *s, struct canp_reader *reader)
{
    uint64_t frames, start_ns = bench_cpu_ns();
    int r = bench_sum_recording(reader, NULL, &frames);

    return per_frame(s, start_ns, r, frames);
}

static double scan_raw(void *user)
{
    const struct scan *s = user;
    return scan_reader(s, s->raw);
}

static double scan_packed(void *user)
{
    const struct scan *s = user;
    return scan_reader(s, s->packed);
}

static double scan_next(void *user)
{
    const struct scan *s = user;
    struct canp_cursor *cursor;
    struct canp_record record;
    uint64_t frames = 0, start_ns = bench_cpu_ns();
    int r = canp_cursor_open(s->raw, NULL, &cursor);

    if (r < 0)
        return r;
    while ((r = canp_cursor_next(cursor, &record)) == 1) {
        bench_use(record.frame);
        frames += canp_kind_is_frame(record.kind);
    }
    canp_cursor_close(cursor);
    return per_frame(s, start_ns, r, frames);
}

/* The same rows, from pointers that are held: no cursor, no system call. */
static double pointer_loop(void *user)
{
    const struct scan *s = user;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned b = 0; b < s->blocks; b++) {
        const struct rows *rows = &s->rows[b];
        uint64_t sum = bench_sum_rows(rows->buf.data, rows->buf.bytes, rows->stride);
        bench_use(&sum);
    }
    return per_frame(s, start_ns, 0, s->frames);
}

static double scan_raw_first(void *user)
{
    const struct scan *s = user;
    struct canp_reader *reader;
    uint64_t frames, start_ns = bench_cpu_ns();
    int r = canp_reader_open(s->raw_dir, &reader, NULL);

    if (r < 0)
        return r;
    r = bench_sum_recording(reader, NULL, &frames);
    canp_reader_close(reader);
    return per_frame(s, start_ns, r, frames);
}

static int sum_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -errno;
    void *data =
        fstat(fd, &st) == 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (data == MAP_FAILED)
        return -errno;
    uint64_t sum = bench_sum_rows(data, (size_t)st.st_size / FRAME_ROW * FRAME_ROW, FRAME_ROW);
    bench_use(&sum);
    munmap(data, (size_t)st.st_size);
    return 0;
}

static double pointer_loop_first(void *user)
{
    const struct scan *s = user;
    uint64_t start_ns = bench_cpu_ns();
    char path[160];
    int r = 0;

    for (unsigned number = 1; r == 0; number++) {
        snprintf(path, sizeof(path), "%s/%08u.canp", s->raw_dir, number);
        r = sum_file(path);
    }
    return per_frame(s, start_ns, r == -ENOENT ? 0 : r, s->frames);
}

/* ------------------------------------------------------------------ set-up */

/* Takes hold of all rows; the pass that does it is the reader's first. */
static int hold_rows(struct scan *s)
{
    struct canp_cursor *cursor;
    struct canp_batch batch;
    int r = canp_cursor_open(s->raw, NULL, &cursor);

    if (r < 0)
        return r;
    while (s->blocks < BLOCKS_MAX && (r = canp_cursor_next_batch(cursor, &batch)) == 1) {
        r = canp_cursor_share(cursor, &s->rows[s->blocks].buf);
        if (r < 0)
            break;
        s->rows[s->blocks++].stride = batch.stride;
    }
    canp_cursor_close(cursor);
    return r;
}

static int record(struct scan *s, const char *dir)
{
    const struct bench_drive drive = {.frames = s->frames};
    const struct canp_repack_opts opts = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;

    snprintf(s->raw_dir, sizeof(s->raw_dir), "%s/raw", dir);
    snprintf(s->packed_dir, sizeof(s->packed_dir), "%s/packed", dir);
    int r = bench_drive_record(s->raw_dir, &drive);
    if (r == 0)
        r = bench_drive_record(s->packed_dir, &drive);
    return r < 0 ? r : canp_repack(s->packed_dir, &opts, &stats, NULL);
}

static int scan_open(struct scan *s, const char *dir)
{
    int r = record(s, dir);

    if (r == 0)
        r = canp_reader_open(s->raw_dir, &s->raw, NULL);
    if (r == 0)
        r = canp_reader_open(s->packed_dir, &s->packed, NULL);
    return r < 0 ? r : hold_rows(s);
}

static void scan_close(struct scan *s)
{
    for (unsigned b = 0; b < s->blocks; b++)
        canp_buf_release(&s->rows[b].buf);
    canp_reader_close(s->raw);
    canp_reader_close(s->packed);
}

static int run(struct bench *bench, const char *dir)
{
    static const struct bench_case cases[] = {
        {"scan_raw", "ns/frame", scan_raw, "pointer_loop", pointer_loop, 1.25, NULL},
        {"scan_raw_next", "ns/frame", scan_next, "pointer_loop", pointer_loop, 0, NULL},
        {"scan_raw_first", "ns/frame", scan_raw_first, "pointer_loop_first", pointer_loop_first, 0, NULL},
        {"scan_packed", "ns/frame", scan_packed, "scan_raw", scan_raw, 0, NULL},
    };
    struct scan *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    s->frames = bench_size(bench, FRAMES);
    int r = scan_open(s, dir);
    if (r == 0)
        r = bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), s);
    scan_close(s);
    free(s);
    return r;
}

int bench_scan(struct bench *bench)
{
    return bench_in_directory(bench, run);
}

/*
 * canp-bench recover: opening a recording whose writer was killed, with 128 MiB in its last segment, beside
 * one checksum pass over these bytes; processor time, warm in the page cache. Both map the file anew each
 * time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench_recording.h"
#include "segment/crc32c.h" /* engine's own: the checksum that opening computes */

#define TAIL_BYTES (UINT64_C(128) << 20)
#define ROW_BYTES  24 /* of the drive's frames */

struct recover {
    char dir[128], segment[160];
    size_t bytes;
};

static double recover_tail(void *user)
{
    const struct recover *recover = user;
    struct canp_reader *reader;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_reader_open(recover->dir, &reader, NULL);

    if (r < 0)
        return r;
    double value = canp_reader_is_live(reader) ? (double)(bench_cpu_ns() - start_ns) / 1e6 : -EIO;
    canp_reader_close(reader);
    return value;
}

static double checksum_pass(void *user)
{
    const struct recover *recover = user;
    uint64_t start_ns = bench_cpu_ns();
    int fd = open(recover->segment, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    void *data = mmap(NULL, recover->bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        return -errno;
    uint32_t crc = canp_crc32c(0, data, recover->bytes);
    bench_use(&crc);
    munmap(data, recover->bytes);
    return (double)(bench_cpu_ns() - start_ns) / 1e6;
}

static int run(struct bench *bench, const char *dir)
{
    static const struct bench_case cases[] = {
        {"recover_tail", "ms", recover_tail, "checksum_pass", checksum_pass, 1.5, NULL},
    };
    struct recover recover = {.bytes = (size_t)bench_size(bench, TAIL_BYTES)};
    const struct bench_drive drive = {
        .frames = recover.bytes / ROW_BYTES, .segment_bytes = 2 * TAIL_BYTES, .unfinished = true};

    snprintf(recover.dir, sizeof(recover.dir), "%s/killed", dir);
    snprintf(recover.segment, sizeof(recover.segment), "%s/00000001.canp", recover.dir);
    int r = bench_drive_record(recover.dir, &drive);
    return r < 0 ? r : bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), &recover);
}

int bench_recover(struct bench *bench)
{
    return bench_in_directory(bench, run);
}

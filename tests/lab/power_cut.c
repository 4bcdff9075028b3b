/*
 * The recorder and the judge of test_power_cut.sh.
 *
 *   power_cut record DIR        writes the drive; each time that so many frames must survive a power cut it
 * prints their number and waits for a line power_cut check DIR COUNT   opens what is there: no wrong frame,
 * none of the first COUNT missing
 */
#include "drive.h"

#include <canp/repack.h>
#include <canp/writer.h>

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define ROUNDS       24U
#define ROUND_FRAMES 2500U
#define BLOCK_FRAMES 250U
#define SYNC_NS      100000000U
#define SEED         4

static void must(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "power_cut: %s: %s\n", what, canp_strerror(r));
        exit(1);
    }
}

/* The driver puts a mark into the device's log before it answers. */
static void tell_durable(uint64_t frames)
{
    char answer[16];
    printf("%" PRIu64 "\n", frames);
    fflush(stdout);
    if (!fgets(answer, sizeof(answer), stdin))
        exit(1);
}

static void put_round(struct canp_writer *w, struct drive *d)
{
    for (unsigned i = 1; i <= ROUND_FRAMES; i++) {
        struct canp_record r;
        drive_next(d, &r);
        must(canp_writer_put(w, &r), "put");
        if (i % BLOCK_FRAMES == 0)
            must(canp_writer_flush(w), "flush");
    }
}

static int record(const char *dir)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_repack_opts unpack = {.unpack = true};
    struct canp_repack_stats stats;
    struct canp_iface iface = {.mtu = 72, .name = "vcan0"};
    struct canp_writer *w;
    struct drive d;
    drive_start(&d, SEED);
    opts.segment_bytes = 256 << 10;
    opts.sync_ns = SYNC_NS;
    opts.pack = true;
    must(canp_writer_open(dir, &opts, &w, NULL), dir);
    must(canp_writer_add_iface(w, 0, &iface, DRIVE_START_NS), "iface");
    for (unsigned i = 0; i < ROUNDS; i++) {
        put_round(w, &d);
        if (i % 4 == 3) /* the writer's own sync, on time: ten times the bound is allowed */
            nanosleep(&(struct timespec){SYNC_NS / 100000000U, 0}, NULL);
        else
            must(canp_writer_sync(w), "sync");
        tell_durable(d.next);
    }
    must(canp_writer_finish(w), "finish");
    tell_durable(d.next);
    canp_writer_close(w);
    must(canp_repack(dir, &unpack, &stats, NULL), "repack");
    tell_durable(d.next);
    drive_end(&d);
    return stats.changed > 0 ? 0 : 1;
}

/* The number of the first frame that is not there, or -1 when a frame is wrong. */
static int64_t first_missing(struct canp_cursor *c)
{
    struct canp_record got, want;
    struct drive d;
    int64_t hole = -1;
    int r;
    drive_start(&d, SEED);
    while ((r = canp_cursor_next(c, &got)) == 1) {
        if (!canp_kind_is_frame(got.kind))
            continue;
        for (drive_next(&d, &want); want.time_ns < got.time_ns; drive_next(&d, &want))
            hole = hole < 0 ? (int64_t)d.next - 1 : hole;
        if (want.time_ns != got.time_ns || want.kind != got.kind ||
            memcmp(want.frame, got.frame, 8U + want.frame->len) != 0)
            return -1;
    }
    if (hole < 0)
        hole = (int64_t)d.next;
    drive_end(&d);
    return r < 0 ? -1 : hole;
}

static int check(const char *dir, int64_t durable)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_info info;
    struct canp_why why = {""};
    int r = canp_reader_open(dir, &reader, &why);
    if (r == -ENOENT || r == -CANP_E_EMPTY) {
        printf("no recording yet\n");
        return durable == 0 ? 0 : 1;
    }
    if (r < 0) {
        printf("%s\n", why.text);
        return 1;
    }
    must(canp_cursor_open(reader, NULL, &c), "cursor");
    int64_t there = first_missing(c);
    must(canp_reader_info(reader, &info), "info");
    printf("%" PRId64 " frames of %" PRId64 " in sequence, %" PRIu64
           " in all, damaged places %u, torn bytes %" PRIu64 "\n",
           there, durable, info.frames, canp_cursor_damaged(c), info.torn_bytes);
    canp_cursor_close(c);
    canp_reader_close(reader);
    /* What was not yet durable may have reached the disk in any order: holes there are told, not hidden. */
    return there < 0 || there < durable || (uint64_t)there > info.frames ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "record") == 0)
        return record(argv[2]);
    if (argc == 4 && strcmp(argv[1], "check") == 0)
        return check(argv[2], strtoll(argv[3], NULL, 10));
    fputs("usage: power_cut record DIR | check DIR COUNT\n", stderr);
    return 2;
}

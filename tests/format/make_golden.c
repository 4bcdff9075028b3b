/*
 * Made the golden files of version 1, once. They are never made anew: a reader must read what was written
 * long ago. Kept to say what is in them, and to make files of later versions.
 * `sealed` of the first day had no index; what it makes now, with one, is indexed.canp.
 * usage: make_golden NEW-DIRECTORY NAME...
 */
#include "gen/vehicle.h"
#include <canp/repack.h>
#include <canp/rows.h>
#include <canp/writer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_NS INT64_C(1700000000123456789)

static char path[300];

static void must(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", what, canp_strerror(r));
        exit(1);
    }
}

static struct canp_writer *begin(const char *dir, const char *name)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    opts.segment_bytes = 64 << 10;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    must(canp_writer_open(path, &opts, &w, NULL), path);
    struct canp_iface can0 = {
        .mtu = 72, .name = "can0", .ifindex = 3, .bitrate = 500000, .dbitrate = 2000000};
    struct canp_iface long_name = {.mtu = 2060, .name = "fifteen-letters", .ifindex = 9, .ctrlmode = 0x21};
    must(canp_writer_add_iface(w, 0, &can0, START_NS), "iface");
    must(canp_writer_add_iface(w, 1, &long_name, START_NS), "iface");
    return w;
}

static void put(struct canp_writer *w, struct canp_record r, int64_t after_ns)
{
    r.time_ns = START_NS + after_ns;
    must(canp_writer_put(w, &r), "put");
}

static void put_can(struct canp_writer *w, int64_t after_ns, uint32_t id, uint8_t len, uint8_t dlc,
                    uint8_t dir)
{
    union canp_frame_store f = {{.id = id, .len = len, .len8_dlc = dlc}};
    for (uint8_t i = 0; i < len && !(id & CANP_ID_RTR); i++)
        f.frame.data[i] = (uint8_t)(0x11 * (i + 1));
    put(w, (struct canp_record){.kind = CANP_KIND_CAN, .dir = dir, .frame = &f.frame}, after_ns);
}

static void put_fd(struct canp_writer *w, int64_t after_ns, uint8_t len, uint8_t flags, const int64_t *hw_ns)
{
    union canp_frame_store f = {{.id = 0x18DAF110 | CANP_ID_EFF, .len = len, .flags = flags}};
    for (uint8_t i = 0; i < len; i++)
        f.frame.data[i] = (uint8_t)(i * 7 + len);
    struct canp_record r = {
        .kind = CANP_KIND_FD, .channel = 1, .frame = &f.frame, .has_hw_time = hw_ns != NULL};
    if (hw_ns)
        r.hw_time_ns = *hw_ns;
    put(w, r, after_ns);
}

static void put_xl(struct canp_writer *w, int64_t after_ns, uint16_t len, bool hw)
{
    static union canp_xl_frame_store x;
    x.xl.prio = 0x155 | 0x42 << 16;
    x.xl.flags = 0x81;
    x.xl.sdt = 3;
    x.xl.len = len;
    x.xl.af = 0xCAFE0000U + len;
    for (unsigned i = 0; i < len; i++)
        x.xl.data[i] = (uint8_t)(i * i + len);
    struct canp_record r = {
        .kind = CANP_KIND_XL, .channel = 1, .xl = &x.xl, .has_hw_time = hw, .hw_time_ns = -5};
    put(w, r, after_ns);
}

static void put_events(struct canp_writer *w)
{
    struct canp_gap gap = {CANP_LAYER_SOCKET, sizeof(gap),     0,
                           1234567890123,     START_NS - 1000, START_NS + 5000};
    struct canp_link_event down = {CANP_LINK_DOWN, sizeof(down), 0, "can0", UINT32_MAX, 0, 0};
    struct canp_link_event state = {CANP_LINK_STATE, sizeof(state), 0, "fifteen-letters", 2, 128, 65535};
    struct canp_clock clock = {0, CANP_CLOCK_BYTES_MIN, 0, START_NS, 987654321, {1, 2, 3, 0xFE}, 0, 0};
    union {
        struct canp_event event;
        uint8_t bytes[24];
    } mark = {{CANP_KIND_MARK, 0, 0}};
    put(w, (struct canp_record){.kind = CANP_KIND_GAP, .gap = &gap}, 5000);
    gap = (struct canp_gap){CANP_LAYER_STORE, sizeof(gap), 0, 1, START_NS, START_NS};
    put(w, (struct canp_record){.kind = CANP_KIND_GAP, .channel = 1, .gap = &gap}, 5001);
    put(w, (struct canp_record){.kind = CANP_KIND_LINK, .link = &down}, 5002);
    put(w, (struct canp_record){.kind = CANP_KIND_LINK, .channel = 1, .link = &state}, 5003);
    put(w, (struct canp_record){.kind = CANP_KIND_CLOCK, .clock = &clock}, 5004);
    mark.event = (struct canp_event){.code = 0, .bytes = 8};
    put(w, (struct canp_record){.kind = CANP_KIND_MARK, .event = &mark.event}, 5005);
    mark.event.bytes = 8 + 13;
    for (unsigned i = 0; i < 13; i++)
        mark.event.payload[i] = (uint8_t) "driver braked"[i];
    put(w, (struct canp_record){.kind = CANP_KIND_MARK, .event = &mark.event}, 5006);
}

static void put_frames(struct canp_writer *w)
{
    static const uint8_t fd_lengths[] = {0, 1, 7, 8, 9, 12, 16, 20, 24, 32, 48, 63, 64};
    int64_t hw_ns = START_NS - 250;
    for (uint8_t len = 0; len <= 8; len++)
        put_can(w, len, 0x7F8U + len % 8, len, 0, len % 3);
    for (uint8_t dlc = 9; dlc <= 15; dlc++)
        put_can(w, 10, 0x1FFFFFFF | CANP_ID_EFF, 8, dlc, CANP_DIR_RX); /* equal times */
    put_can(w, 20, 0x123 | CANP_ID_RTR, 0, 0, CANP_DIR_TX);
    put_can(w, 21, 0x00012345 | CANP_ID_EFF | CANP_ID_RTR, 5, 0, CANP_DIR_OWN);
    put_can(w, 22, 0x0000012C | CANP_ID_ERR, 8, 0, CANP_DIR_RX);
    for (unsigned i = 0; i < sizeof(fd_lengths); i++)
        put_fd(w, 100 + i, fd_lengths[i], (uint8_t)(CANP_FD_FDF | i % 4), i % 2 ? &hw_ns : NULL);
    put_xl(w, 200, 1, false);
    put_xl(w, 201, 5, true);
    put_xl(w, 202, 333, false);
}

static void make_sealed(const char *dir)
{
    struct canp_writer *w = begin(dir, "sealed");
    put_frames(w);
    must(canp_writer_flush(w), "flush");
    put_events(w);
    for (unsigned i = 0; i < 20; i++) /* times that run backwards, within a block and over blocks */
        put_can(w, 9000 - (int64_t)i * 100, 0x100 + i, 4, 0, CANP_DIR_RX);
    must(canp_writer_flush(w), "flush");
    for (unsigned i = 0; i < 10; i++) /* rows all alike: a stride */
        put_can(w, (int64_t)i - 5000, 0x200, 8, 0, CANP_DIR_RX);
    must(canp_writer_flush(w), "flush");
    put_can(w, 1, 1, 1, 0, 0);
    put_can(w, INT64_C(200000) * 1000000000, 2, 2, 0, 0); /* more than 39 hours on: a block of its own */
    put_xl(w, INT64_C(200000) * 1000000000 + 1, 2048, true);
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
}

/* Clock records that know of CLOCK_BOOTTIME: an anchor, a suspend, a step. */
static void make_clocks(const char *dir)
{
    struct canp_writer *w = begin(dir, "clocks");
    struct canp_clock c = {0, sizeof(c), 0, START_NS, 987654321, {1, 2, 3, 0xFE}, 1987654321, 0};
    put(w, (struct canp_record){.kind = CANP_KIND_CLOCK, .clock = &c}, 0);
    put_can(w, 1000, 0x100, 8, 0, CANP_DIR_RX);
    c = (struct canp_clock){1,         sizeof(c),       0,          START_NS + 7000000,
                            987656321, {1, 2, 3, 0xFE}, 1994654321, 6998000};
    put(w, (struct canp_record){.kind = CANP_KIND_CLOCK, .clock = &c}, 7000000);
    put_can(w, 7001000, 0x101, 8, 0, CANP_DIR_RX);
    c.code = 0;
    c.suspended_ns = 0;
    put(w, (struct canp_record){.kind = CANP_KIND_CLOCK, .clock = &c}, 7000000);
    c.realtime_ns -= 5000000;
    put(w, (struct canp_record){.kind = CANP_KIND_CLOCK, .clock = &c}, 2000000);
    put_can(w, 2001000, 0x102, 8, 0, CANP_DIR_RX);
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
}

static void put_drive(struct canp_writer *w, unsigned blocks, unsigned frames)
{
    struct canp_vehicle_opts opts = CANP_VEHICLE_OPTS_INIT;
    struct canp_vehicle *v;
    opts.start_ns = START_NS;
    must(canp_vehicle_open(&opts, &v), "vehicle");
    for (unsigned i = 0; i < blocks * frames; i++) {
        union canp_frame_store f;
        struct canp_record r = {.frame = &f.frame, .channel = i % 2};
        r.kind = canp_vehicle_next(v, &r.time_ns, &f);
        must(canp_writer_put(w, &r), "put");
        if (i % frames == frames - 1)
            must(canp_writer_flush(w), "flush");
    }
    canp_vehicle_close(v);
}

/* Overwrites `bytes` bytes at an offset of the segment. */
static void spoil(uint64_t offset, unsigned bytes)
{
    char name[320];
    snprintf(name, sizeof(name), "%s/00000001.canp", path);
    FILE *f = fopen(name, "r+b");
    must(f && fseek(f, (long)offset, SEEK_SET) == 0 ? 0 : -1, name);
    for (unsigned i = 0; i < bytes; i++)
        fputc(0, f);
    fclose(f);
}

#define DRIVE_BLOCKS 5U
#define DRIVE_FRAMES 40U

/* Killed while it wrote its last block, of which the first 500 bytes are there. */
static void make_torn(const char *dir)
{
    struct canp_writer_stats stats;
    struct canp_writer *w = begin(dir, "torn");
    put_drive(w, DRIVE_BLOCKS - 1, DRIVE_FRAMES);
    canp_writer_stats(w, &stats);
    uint64_t torn_at = stats.bytes + 500;
    put_drive(w, 1, DRIVE_FRAMES);
    canp_writer_close(w);
    spoil(torn_at, 4000);
}

/* Sealed; its third block has lost 16 bytes of payload. */
static void make_damaged(const char *dir)
{
    struct canp_writer_stats stats;
    struct canp_writer *w = begin(dir, "damaged");
    put_drive(w, 2, DRIVE_FRAMES);
    canp_writer_stats(w, &stats);
    uint64_t damaged_at = stats.bytes + 300;
    put_drive(w, 3, DRIVE_FRAMES);
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
    spoil(damaged_at, 16);
}

/* The records of `sealed` and a stretch of the drive, packed. */
static void make_packed(const char *dir)
{
    struct canp_repack_stats stats;
    struct canp_writer *w = begin(dir, "packed");
    put_frames(w);
    put_events(w);
    put_drive(w, 1, 10 * DRIVE_FRAMES);
    for (unsigned i = 0; i < 20; i++)
        put_can(w, 9000 - (int64_t)i * 100, 0x100 + i, 4, 0, CANP_DIR_RX);
    put_xl(w, 10000, 2048, true);
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
    must(canp_repack(path, NULL, &stats, NULL), "repack");
    if (stats.changed != 1)
        exit(1);
}

/* Twelve messages in bursts at irregular times, some of them missing; `coarse`, as an adapter's clock of 10
 * us. */
static void put_bursts(struct canp_writer *w, unsigned bursts, bool coarse)
{
    uint32_t state = 1;
    for (unsigned b = 0; b < bursts; b++) {
        for (unsigned i = 0; i < 12; i++) {
            state = state * 1664525 + 1013904223;
            int64_t late = (b * 2654435761U >> 8) % 4000000, noise = state >> 8 & 0x3FFF;
            int64_t after = 20000 + b * INT64_C(20000000) + late + i * 250000 + noise;
            if (state >> 26 != 0)
                put_can(w, coarse ? after / 10000 * 10000 : after, 0x300 + i, 8, 0, CANP_DIR_RX);
        }
    }
}

static void make_bursts(const char *dir, const char *name, bool coarse)
{
    struct canp_repack_stats stats;
    struct canp_writer *w = begin(dir, name);
    if (!coarse) {
        put_frames(w);
        put_events(w);
    }
    put_bursts(w, 40, coarse);
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
    must(canp_repack(path, NULL, &stats, NULL), "repack");
    if (stats.changed != 1)
        exit(1);
}

/* Packed payload of version 2, behind a short header. */
static void make_following(const char *dir)
{
    make_bursts(dir, "following", false);
}

/* The same with a unit of time. */
static void make_coarse(const char *dir)
{
    make_bursts(dir, "coarse", true);
}

/* Losses and frames on both channels, in blocks of one channel and of two: counts by channel. */
static void make_counts(const char *dir, const char *name, bool packed)
{
    struct canp_repack_stats stats;
    struct canp_writer *w = begin(dir, name);
    put_frames(w);
    must(canp_writer_flush(w), "flush");
    put_can(w, 300, 0x123, 8, 0, CANP_DIR_RX);
    must(canp_writer_flush(w), "flush");
    put_events(w);
    put_drive(w, 3, DRIVE_FRAMES);
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
    if (packed)
        must(canp_repack(path, NULL, &stats, NULL), "repack");
    if (packed && stats.changed != 1)
        exit(1);
}

static void make_counted(const char *dir)
{
    make_counts(dir, "counted", false);
}

static void make_counted_packed(const char *dir)
{
    make_counts(dir, "counted-packed", true);
}

/* Fast packets of 3 to 6 frames under three ids: lanes by the frame's number. */
static void make_fast_packets(const char *dir)
{
    struct canp_repack_stats stats;
    struct canp_writer *w = begin(dir, "fast-packets");
    for (unsigned m = 0; m < 90; m++) {
        for (unsigned i = 0; i < 3 + m % 3 + (m % 3 == 2); i++) {
            union canp_frame_store f = {{.id = (0x19FA0410 + m % 3) | CANP_ID_EFF, .len = 8}};
            for (unsigned k = 1; k < 8; k++)
                f.frame.data[k] = (uint8_t)(i * 0x20 + k + (k == 4 && i < 2 ? m : 0));
            f.frame.data[0] = (uint8_t)(m / 3 << 5 | i);
            int64_t after = m * INT64_C(33000000) + i * 570000 + (int64_t)((m * 8 + i) * 2654435761U >> 18);
            put(w, (struct canp_record){.kind = CANP_KIND_CAN, .channel = m % 2, .frame = &f.frame}, after);
        }
    }
    must(canp_writer_finish(w), "finish");
    canp_writer_close(w);
    must(canp_repack(path, NULL, &stats, NULL), "repack");
    if (stats.changed != 1)
        exit(1);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(const char *dir);
    } files[] = {{"sealed", make_sealed},
                 {"torn", make_torn},
                 {"damaged", make_damaged},
                 {"packed", make_packed},
                 {"following", make_following},
                 {"coarse", make_coarse},
                 {"counted", make_counted},
                 {"counted-packed", make_counted_packed},
                 {"fast-packets", make_fast_packets},
                 {"clocks", make_clocks}};
    if (argc < 3) {
        fputs("usage: make_golden NEW-DIRECTORY "
              "sealed|torn|damaged|packed|following|coarse|counted|counted-packed|fast-packets|clocks...\n",
              stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        for (unsigned k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
            if (strcmp(files[k].name, argv[i]) == 0)
                files[k].make(argv[1]);
        }
    }
    return 0;
}

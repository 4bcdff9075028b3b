/* Counts by channel in blocks: what they sum up to, what is not in them, and that verify does not believe
 * them.
 */
#include <criterion/criterion.h>

#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/rows.h>
#include <canp/writer.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "segment/block_counts.h" /* engine's own */
#include "temp_dir.h"

#define START_NS INT64_C(1700000000123456789)
#define CHANNELS 3U

TestSuite(counts, .init = temp_dir_make, .fini = temp_dir_remove);

static struct canp_writer *open_writer(void)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    for (uint8_t i = 0; i < CHANNELS; i++) {
        struct canp_iface iface = {.mtu = 72, .name = "can0"};
        iface.name[3] = (char)('0' + i);
        cr_assert_eq(canp_writer_add_iface(w, i, &iface, START_NS), 0);
    }
    return w;
}

static void put_frame(struct canp_writer *w, unsigned i, uint8_t channel)
{
    union canp_frame_store f = {{.id = 0x100 + i % 20, .len = 8}};
    struct canp_record r = {.time_ns = START_NS + i * INT64_C(1000), .channel = channel, .frame = &f.frame};
    f.frame.data[0] = (uint8_t)i;
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

static void put_gap(struct canp_writer *w, unsigned i, uint8_t channel, uint64_t lost)
{
    struct canp_gap gap = {CANP_LAYER_SOCKET, sizeof(gap), 0, lost, START_NS, START_NS + i};
    struct canp_record r = {
        .time_ns = START_NS + i * INT64_C(1000), .channel = channel, .kind = CANP_KIND_GAP, .gap = &gap};
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

/* Blocks of one channel, of all channels with and without gaps. */
static void put_all(struct canp_writer *w)
{
    for (unsigned i = 0; i < 900; i++) {
        put_frame(w, i, (uint8_t)(i < 300 ? 1 : i % 4 % CHANNELS));
        if (i >= 600 && i % 50 == 0)
            put_gap(w, i, (uint8_t)(i % 100 ? 2 : 0), 7);
        if (i % 300 == 299)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
}

static void expect_same(const struct canp_iface_info *a, const struct canp_iface_info *b, int count)
{
    for (int i = 0; i < count; i++) {
        cr_assert_str_eq(a[i].iface.name, b[i].iface.name);
        cr_assert_eq(a[i].frames, b[i].frames, "channel %d: %d and %d", i, (int)a[i].frames,
                     (int)b[i].frames);
        cr_assert_eq(a[i].lost, b[i].lost);
    }
}

/* The quick way says what the long way says; returns the frames. */
static uint64_t expect_quick_is_right(void)
{
    struct canp_reader *reader;
    struct canp_info full, quick;
    struct canp_iface_info a[256], b[256];
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    int count = canp_reader_info_ifaces(reader, false, &full, a, 256);
    cr_assert_geq(count, (int)CHANNELS);
    cr_assert_eq(canp_reader_info_ifaces(reader, true, &quick, b, 256), count);
    expect_same(a, b, count);
    memset(b, 0xff, sizeof(b));
    cr_assert_eq(canp_reader_info_ifaces(reader, false, &full, b, 1), count, "told beyond what has room");
    cr_assert_eq(b[0].frames, a[0].frames);
    cr_assert_eq(b[1].frames, UINT64_MAX);
    cr_assert_eq(quick.ids, 0);
    quick.ids = full.ids;
    cr_assert_eq(memcmp(&full, &quick, sizeof(full)), 0);
    canp_reader_close(reader);
    return full.frames;
}

Test(counts, sum_up_what_is_not_sealed)
{
    struct canp_writer *w = open_writer();
    put_all(w);
    cr_assert_eq(expect_quick_is_right(), 900);
    canp_writer_close(w);
    cr_assert_eq(expect_quick_is_right(), 900);
}

Test(counts, sum_up_what_is_packed_without_an_index)
{
    struct canp_writer *w = open_writer();
    struct canp_repack_stats stats;
    put_all(w);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_eq(expect_quick_is_right(), 900);
    cr_assert_eq(canp_repack(dir, NULL, &stats, NULL), 0);
    cr_assert_eq(stats.changed, 1);
    cr_assert_eq(expect_quick_is_right(), 900);
}

Test(counts, channels_that_share_a_bit_and_losses_beyond_counting_are_looked_up_in_the_rows)
{
    struct canp_writer *w = open_writer();
    for (unsigned i = 0; i < 200; i++)
        put_frame(w, i, (uint8_t)(i % 2 ? 63 : 200));
    cr_assert_eq(canp_writer_flush(w), 0);
    put_frame(w, 200, 0);
    put_gap(w, 201, 1, UINT64_C(5000000000));
    cr_assert_eq(canp_writer_flush(w), 0);
    cr_assert_eq(expect_quick_is_right(), 201);
    canp_writer_close(w);
}

/* ---- wrong on purpose, under a right checksum -------------------------------------------------------- */

static uint8_t file[64 << 10];
static size_t file_bytes;
static char path[128];

static void load(void)
{
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f);
    file_bytes = fread(file, 1, sizeof(file), f);
    fclose(f);
    cr_assert_lt(file_bytes, sizeof(file));
}

/* The block of this number; changes what `change` says of it, its checksum put right. */
static void change_block(uint32_t seq, void (*change)(struct block_header *h, uint8_t *payload))
{
    struct seg_header header;
    memcpy(&header, file, sizeof(header));
    for (size_t at = header.header_bytes; at < file_bytes;) {
        struct block_header h;
        memcpy(&h, file + at, sizeof(h));
        uint8_t *payload = file + at + sizeof(h);
        if (h.seq == seq) {
            change(&h, payload);
            h.crc = canp_block_crc(&h, payload, header.salt);
            memcpy(file + at, &h, sizeof(h));
            break;
        }
        at += sizeof(h) + h.stored_bytes;
    }
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(file, 1, file_bytes, f), file_bytes);
    fclose(f);
}

/* Frames, and damaged places, as a cursor meets them. */
static uint64_t count_frames(bool thorough, uint32_t *damaged)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_batch batch;
    uint64_t frames = 0;
    opts.thorough = thorough;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while (canp_cursor_next_batch(c, &batch) == 1)
        frames += batch.frames;
    *damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return frames;
}

static void lie_about_a_channel(struct block_header *h, uint8_t *payload)
{
    cr_assert_eq(h->tail_bytes, CHANNELS * sizeof(struct block_count));
    payload[h->stored_bytes - h->tail_bytes]++;
}

static void lie_about_the_ids(struct block_header *h, uint8_t *payload)
{
    (void)payload;
    h->id_filter ^= 1;
}

static void expect_found_by_verify_only(void (*change)(struct block_header *h, uint8_t *payload))
{
    struct canp_writer *w = open_writer();
    uint32_t damaged;
    put_all(w);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_eq(count_frames(true, &damaged), 900);
    cr_assert_eq(damaged, 0);
    load();
    change_block(2, change); /* 0 names the channels, 1 has frames of one */
    cr_assert_eq(count_frames(false, &damaged), 900);
    cr_assert_eq(damaged, 0);
    cr_assert_eq(count_frames(true, &damaged), 600);
    cr_assert_eq(damaged, 1);
}

Test(counts, a_wrong_count_is_found_by_verify)
{
    expect_found_by_verify_only(lie_about_a_channel);
}

Test(counts, a_wrong_summary_of_ids_is_found_by_verify)
{
    expect_found_by_verify_only(lie_about_the_ids);
}

/* Packing whole recordings: the records stay the same, whatever happens in between. */
#include <criterion/criterion.h>

#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_dir.h"

TestSuite(repack, .init = temp_dir_make, .fini = temp_dir_remove);

static void put_event(struct canp_writer *w, int64_t time_ns)
{
    struct canp_gap gap = {
        .layer = CANP_LAYER_SOCKET, .bytes = sizeof(gap), .lost = 3, .from_ns = 1, .to_ns = time_ns};
    struct canp_record r = {.time_ns = time_ns, .kind = CANP_KIND_GAP, .gap = &gap};
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

/* A recording of small blocks, as a quiet bus makes them. */
static void record_with(unsigned frames, bool seal, bool pack)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    struct canp_iface iface = {.name = "can0"};
    opts.segment_bytes = 256 << 10;
    opts.no_sync = true;
    opts.pack = pack;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, 1), 0);
    for (unsigned i = 0; i < frames; i++) {
        union canp_frame_store f = {.frame = {.id = 0x100 + i % 40, .len = 8}};
        struct canp_record r = {.time_ns = 1700000000000000000 + i * INT64_C(1000000) + i * 7 % 1000,
                                .frame = &f.frame};
        f.frame.data[0] = (uint8_t)(i / 40);
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % 1000 == 999)
            put_event(w, r.time_ns);
        if (i % 100 == 99)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    if (seal)
        cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static void record(unsigned frames, bool seal)
{
    record_with(frames, seal, false);
}

/* All records as one checksum, and their number. */
struct digest {
    uint64_t hash;
    uint64_t records;
};

static struct digest digest_of(void)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    struct digest d = {1469598103934665603U, 0};
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        if (r.kind == CANP_KIND_IFACE)
            continue;
        const uint8_t *body = (const uint8_t *)r.event;
        d.hash = (d.hash ^ (uint64_t)r.time_ns ^ (uint64_t)r.kind << 60) * 1099511628211U;
        for (uint32_t i = 0; i < r.row_bytes - 8; i++)
            d.hash = (d.hash ^ body[i]) * 1099511628211U;
        d.records++;
    }
    cr_assert_eq(canp_cursor_damaged(c), 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return d;
}

static struct canp_repack_stats repack_with(bool unpack, unsigned jobs)
{
    struct canp_repack_opts opts = {.unpack = unpack, .jobs = jobs};
    struct canp_repack_stats stats;
    struct canp_why why = {""};
    cr_assert_eq(canp_repack(dir, &opts, &stats, &why), 0, "%s", why.text);
    return stats;
}

static struct canp_repack_stats repack(bool unpack)
{
    return repack_with(unpack, 0);
}

Test(repack, there_and_back_again)
{
    record(50000, true);
    struct digest before = digest_of();
    struct canp_repack_stats stats = repack(false);
    cr_assert_gt(stats.changed, 3);
    cr_assert_eq(stats.changed, stats.segments);
    cr_assert_eq(stats.frames, 50000);
    cr_assert_lt(stats.bytes_after * 3, stats.bytes_before);
    struct digest packed = digest_of();
    cr_assert_eq(packed.records, before.records);
    cr_assert_eq(packed.hash, before.hash);
    cr_assert_eq(repack(false).changed, 0, "what is packed is not packed again");

    struct canp_reader *reader;
    struct canp_info info;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_str_eq(canp_reader_iface(reader, 0)->name, "can0");
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert_eq(info.frames, 50000);
    cr_assert_eq(info.lost, 150);
    cr_assert_gt(info.packed_bytes, 0);
    canp_reader_close(reader);

    cr_assert_eq(repack(true).changed, stats.changed);
    struct digest after = digest_of();
    cr_assert_eq(after.records, before.records);
    cr_assert_eq(after.hash, before.hash);
}

Test(repack, several_threads_do_the_same)
{
    record(50000, true);
    struct digest before = digest_of();
    struct canp_repack_stats alone = repack(false);
    cr_assert_eq(repack_with(true, 100).changed, alone.changed,
                 "more threads than segments, and than are allowed");
    struct canp_repack_stats together = repack_with(false, 3);
    cr_assert_eq(together.segments, alone.segments);
    cr_assert_eq(together.changed, alone.changed);
    cr_assert_eq(together.frames, alone.frames);
    cr_assert_eq(together.bytes_after, alone.bytes_after, "the same bytes a segment");
    struct digest after = digest_of();
    cr_assert_eq(after.records, before.records);
    cr_assert_eq(after.hash, before.hash);
}

Test(repack, an_unsealed_segment_is_left_alone)
{
    record(5000, false);
    struct digest before = digest_of();
    struct canp_repack_stats stats = repack(false);
    cr_assert_eq(stats.unsealed, 1);
    cr_assert_eq(digest_of().hash, before.hash);
}

Test(repack, a_damaged_segment_is_left_alone)
{
    char path[96];
    record(2000, true);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    FILE *f = fopen(path, "r+b");
    fseek(f, 10000, SEEK_SET);
    fputc(0xFF, f);
    fputc(0x55, f);
    fclose(f);
    struct canp_repack_stats stats = repack(false);
    cr_assert_eq(stats.damaged, 1);
    cr_assert_eq(stats.changed, stats.segments - 1);
}

/* What has the temporary name may have other names, or be a link: it is removed, and not written to. */
static void is_spared(int (*give_name)(const char *, const char *))
{
    char backup[64], left[64];
    struct stat before, after;
    record(5000, true);
    struct digest digest = digest_of();
    snprintf(backup, sizeof(backup), "%s/backup", dir);
    snprintf(left, sizeof(left), "%s/00000001.canp.new", dir);
    FILE *f = fopen(backup, "w");
    fputs("precious", f);
    fclose(f);
    cr_assert_eq(stat(backup, &before), 0);
    cr_assert_eq(give_name(backup, left), 0);
    struct canp_repack_stats stats = repack(false);
    cr_assert_eq(stats.changed, stats.segments);
    cr_assert_eq(stat(backup, &after), 0);
    cr_assert_eq(after.st_size, before.st_size);
    cr_assert_eq(after.st_ino, before.st_ino);
    cr_assert_neq(stat(left, &after), 0);
    cr_assert_eq(digest_of().hash, digest.hash);
}

Test(repack, a_file_left_behind_that_has_another_name_is_not_overwritten)
{
    is_spared(link);
}

Test(repack, nor_what_a_link_left_behind_points_to)
{
    is_spared(symlink);
}

/* The group cannot be kept by everybody: what is not ours to set may stay. */
Test(repack, who_may_read_it_stays)
{
    char path[64];
    struct stat st;
    record(2000, true);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(chmod(path, 0640), 0);
    bool given = chown(path, 12345, 12346) == 0;
    for (int unpack = 0; unpack < 2; unpack++) {
        cr_assert_gt(repack(unpack).changed, 0);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0640);
        cr_assert(!given || (st.st_uid == 12345 && st.st_gid == 12346));
    }
}

Test(repack, a_reader_of_the_old_file_finishes_undisturbed)
{
    record(20000, true);
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    unsigned frames = 0;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        frames += canp_kind_is_frame(r.kind);
        if (frames == 1000)
            repack(false);
    }
    cr_assert_eq(frames, 20000);
    cr_assert_eq(canp_cursor_damaged(c), 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
}

/* Small segments are packed within the moment in which the one who sealed them still held their lock. */
Test(repack, a_writer_packs_each_of_many_small_segments)
{
    struct canp_writer_opts opts = {
        .size = sizeof(opts), .segment_bytes = 64 << 10, .no_sync = true, .pack = true};
    struct canp_writer *w;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    for (unsigned i = 0; i < 60 * 20; i++) {
        union canp_frame_store f = {.frame = {.id = i % 3, .len = 8}};
        struct canp_record r = {.time_ns = 1 + i, .frame = &f.frame};
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % 20 != 19)
            continue;
        cr_assert_eq(canp_writer_rotate(w), 0);
        cr_assert_eq(canp_writer_sync(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_eq(repack(false).changed, 0, "nothing is left to be packed");
}

/* The lock of the file beside a segment says that somebody packs it: it is theirs, and no error of ours. */
Test(repack, a_writer_leaves_a_segment_to_another_who_packs_it)
{
    struct canp_writer_opts opts = {
        .size = sizeof(opts), .segment_bytes = 64 << 10, .no_sync = true, .pack = true};
    union canp_frame_store f = {.frame = {.len = 8}};
    struct canp_record r = {.time_ns = 1, .frame = &f.frame};
    struct canp_writer *w;
    char other[64];
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    snprintf(other, sizeof(other), "%s/00000001.canp.new", dir);
    int fd = open(other, O_CREAT | O_RDWR, 0600);
    cr_assert_eq(flock(fd, LOCK_EX), 0);
    cr_assert_eq(canp_writer_put(w, &r), 0);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    close(fd);
    cr_assert_eq(unlink(other), 0);
    cr_assert_eq(repack(false).changed, 1);
}

Test(repack, a_writer_packs_in_the_background)
{
    record(20000, true);
    struct digest raw = digest_of();
    temp_dir_remove();
    cr_assert_eq(mkdir(dir, 0777), 0);
    record_with(20000, true, true);
    cr_assert_eq(digest_of().hash, raw.hash);
    cr_assert_eq(repack(false).changed, 0, "nothing is left to be packed");
}

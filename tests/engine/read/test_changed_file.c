/*
 * A recording that is changed while it is read: by somebody else who may write to it, or behind a mapping
 * that is kept. What was checked is what is lent.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/pools/buf.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mapped.h>
#include <canp/reader.h>
#include <canp/writer.h>

#include "temp_dir.h"

TestSuite(changed_file, .init = temp_dir_make, .fini = temp_dir_remove);

#define FRAMES 2000U

static char path[64];

static void record(bool pack, mode_t mode)
{
    struct canp_writer *w;
    struct canp_writer_opts opts = {
        .size = sizeof(opts), .segment_bytes = 1U << 20, .no_sync = true, .pack = pack};
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    for (unsigned i = 0; i < FRAMES; i++) {
        union canp_frame_store f = {.frame = {.id = i & 0x7FF, .len = i % 8 + 1}};
        struct canp_record r = {.time_ns = 1 + i, .kind = CANP_KIND_CAN, .frame = &f.frame};
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i == FRAMES / 2)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(chmod(path, mode), 0);
}

static void overwrite(void)
{
    static uint8_t garbage[64 << 10];
    struct stat st;
    memset(garbage, 0xEE, sizeof(garbage));
    int fd = open(path, O_WRONLY);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 4096; at < st.st_size; at += (off_t)sizeof(garbage))
        cr_assert_gt(pwrite(fd, garbage, sizeof(garbage), at), 0);
    close(fd);
}

static void check(const struct canp_record *r, unsigned i)
{
    cr_assert(r->kind == CANP_KIND_CAN && r->frame->id == (i & 0x7FF) && r->frame->len == i % 8 + 1 &&
                  r->time_ns == 1 + (int64_t)i,
              "frame %u", i);
}

/* The first block is lent from, then all is overwritten: the rest of that block is as it was checked. */
static unsigned read_while_overwritten(struct canp_buf *shared)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    unsigned frames = 0;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while (canp_cursor_next(cursor, &r) == 1) {
        check(&r, frames);
        if (frames++ == 10) {
            cr_assert_eq(canp_cursor_share(cursor, shared), 0);
            overwrite();
        }
    }
    cr_assert_eq(canp_rows_check(shared->data, shared->bytes), FRAMES / 2 + 1);
    canp_buf_release(shared);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return frames;
}

Test(changed_file, others_may_write_it)
{
    struct canp_buf shared;
    record(false, 0666);
    cr_assert_eq(read_while_overwritten(&shared), FRAMES / 2 + 1);
}

Test(changed_file, copies_are_read_as_mappings_are)
{
    const mode_t modes[] = {0644, 0666};
    for (unsigned pack = 0; pack < 2; pack++) {
        record(pack, 0644);
        for (unsigned m = 0; m < 2; m++) {
            struct canp_reader *reader;
            struct canp_cursor *cursor;
            struct canp_record r;
            struct canp_info info;
            unsigned frames = 0;
            cr_assert_eq(chmod(path, modes[m]), 0);
            cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
            cr_assert_eq(canp_reader_info(reader, &info), 0);
            cr_assert(info.frames == FRAMES && info.damaged == 0);
            cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
            while (canp_cursor_next(cursor, &r) == 1)
                check(&r, frames++);
            cr_assert_eq(frames, FRAMES);
            while (canp_cursor_prev(cursor, &r) == 1)
                check(&r, --frames);
            cr_assert_eq(frames, 0);
            cr_assert_eq(canp_cursor_damaged(cursor), 0);
            canp_cursor_close(cursor);
            canp_reader_close(reader);
        }
        cr_assert_eq(unlink(path), 0);
    }
}

/* ---- a record that changes while it is copied -----------------------------------------------------------
 */

static union {
    struct canp_event event;
    uint8_t bytes[2048];
} mark;
static atomic_bool stop;

static void *flip(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        __atomic_store_n(&mark.event.bytes, 2000, __ATOMIC_RELAXED);
        __atomic_store_n(&mark.event.bytes, 40, __ATOMIC_RELAXED);
    }
    return NULL;
}

Test(changed_file, a_record_is_copied_by_one_length)
{
    static uint8_t room[4096] __attribute__((aligned(8)));
    struct canp_record r = {.time_ns = 5, .kind = CANP_KIND_MARK, .event = &mark.event};
    struct canp_rowbuf rows;
    pthread_t owner;
    mark.event.bytes = 40;
    cr_assert_eq(pthread_create(&owner, NULL, flip, NULL), 0);
    for (unsigned i = 0; i < 300000; i++) {
        canp_rowbuf_init(&rows, room, sizeof(room));
        cr_assert_eq(canp_rowbuf_put_record(&rows, &r), 0);
        cr_assert_eq(canp_rows_check(room, rows.used_bytes), 1, "round %u", i);
    }
    atomic_store(&stop, true);
    pthread_join(owner, NULL);
}

/* ---- a mapping that is kept -------------------------------------------------------------------------- */

Test(changed_file, a_time_set_back_does_not_hide_a_change)
{
    const struct canp_mapcache_opts opts = CANP_MAPCACHE_OPTS_INIT;
    struct canp_mapcache *cache;
    struct canp_mapped *before, *after;
    struct canp_file_id id;
    struct stat st;
    record(false, 0644);
    int fd = open(path, O_RDWR);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    cr_assert_eq(canp_mapcache_open(&opts, &cache), 0);
    cr_assert(canp_file_id_of(fd, &id) == 0 && canp_mapcache_get(cache, &id, fd, &before) == 0);
    usleep(20000); /* beyond the grain of the kernel's time stamps */
    cr_assert_eq(pwrite(fd, "x", 1, 5000), 1);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    cr_assert_eq(futimens(fd, times), 0);
    cr_assert(canp_file_id_of(fd, &id) == 0 && canp_mapcache_get(cache, &id, fd, &after) == 0);
    cr_assert_neq(before, after);
    canp_mapped_release(before);
    canp_mapped_release(after);
    canp_mapcache_close(cache);
    close(fd);
}

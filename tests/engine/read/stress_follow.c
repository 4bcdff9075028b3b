/*
 * Readers follow a recording while it grows, across segment changes, packing and retention: each frame comes
 * once, whole and in order, and none is missing but those of segments that were removed in front of the
 * reader. Each follower is what `canp dump --follow` is; the writer packs in the background. Also run under
 * ThreadSanitizer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/reader.h>
#include <canp/writer.h>

#include "seed.h"

#define T0        INT64_C(1700000000000000000)
#define FOLLOWERS 3U
#define KEPT      6U /* segments that retention leaves */

struct follower {
    pthread_t thread;
    const char *dir;
    bool by_batch;
    uint64_t frames, missing, next;
    const char *error;
};

static atomic_ulong written; /* frames that are committed */
static atomic_bool over;

/* The payload follows from the number, so that a torn or foreign frame shows. */
static void fill(struct canp_frame *frame, uint64_t number)
{
    uint64_t data = number * UINT64_C(0x9e3779b97f4a7c15);

    frame->id = (uint32_t)(number % 0x7ff);
    frame->len = 8;
    memcpy(frame->data, &data, sizeof(data));
}

static void take(struct follower *f, const struct canp_record *r)
{
    union canp_frame_store expected;
    uint64_t number = (uint64_t)(r->time_ns - T0);

    if (!canp_kind_is_frame(r->kind))
        return;
    memset(&expected, 0, sizeof(expected));
    fill(&expected.frame, number);
    if (number < f->next)
        f->error = "a frame came twice or out of order";
    else if (memcmp(r->frame, &expected.frame, 16) != 0)
        f->error = "a frame is not as it was written";
    f->missing += number - f->next;
    f->next = number + 1;
    f->frames++;
}

static int take_batch(struct follower *f, struct canp_cursor *cursor)
{
    struct canp_batch batch;
    int r = canp_cursor_next_batch(cursor, &batch);

    for (size_t at = 0; r == 1 && at < batch.bytes; at += canp_row_bytes(batch.rows + at)) {
        struct canp_record record;
        canp_row_read(batch.rows + at, batch.base_ns, &record);
        take(f, &record);
    }
    return r;
}

/* All that is there now. */
static int read_on(struct follower *f, struct canp_cursor *cursor)
{
    struct canp_record record;
    int r = 1;

    while (r == 1 && !f->error) {
        if (f->by_batch) {
            r = take_batch(f, cursor);
        } else {
            r = canp_cursor_next(cursor, &record);
            if (r == 1)
                take(f, &record);
        }
    }
    return r;
}

static int follow(struct follower *f, struct canp_reader *reader, struct canp_cursor *cursor)
{
    for (;;) { /* ends when the recording is closed */
        uint64_t committed = atomic_load(&written);
        bool live = canp_reader_is_live(reader);
        int r = read_on(f, cursor);
        if (r < 0 || f->error)
            return r;
        if (f->next < committed && !live)
            f->error = "a committed frame was not readable";
        if (!live)
            return 0;
        usleep(1000);
        r = canp_reader_refresh(reader);
        if (r < 0)
            return r;
    }
}

static void *run_follower(void *arg)
{
    struct follower *f = arg;
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_why why = {""};

    if (canp_reader_open(f->dir, &reader, &why) < 0 || canp_cursor_open(reader, NULL, &cursor) < 0) {
        fprintf(stderr, "open: %s\n", why.text);
        f->error = "the recording cannot be opened";
        return NULL;
    }
    int r = follow(f, reader, cursor);
    if (r < 0 && !f->error)
        f->error = canp_strerror(r);
    if (canp_cursor_damaged(cursor) > 0 && f->missing == 0)
        f->error = "damage was seen";
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return NULL;
}

/* Commits blocks of a random size. */
static void write_all(struct canp_writer *w, uint64_t count, struct test_random *random)
{
    for (uint64_t n = 0; n < count;) {
        uint64_t block = 1 + test_random_below(random, 300);
        for (uint64_t i = 0; i < block && n < count; i++, n++) {
            union canp_frame_store f;
            struct canp_record r = {.time_ns = T0 + (int64_t)n, .frame = &f.frame};
            memset(&f, 0, sizeof(f));
            fill(&f.frame, n);
            if (canp_writer_put(w, &r) < 0)
                abort();
        }
        if (canp_writer_flush(w) < 0)
            abort();
        atomic_store(&written, n);
        if (test_random_below(random, 8) == 0)
            usleep(500);
    }
}

/* Removes the oldest segments while there are more than KEPT, as retention does. */
static void *remove_oldest(void *arg)
{
    unsigned oldest = 1;

    while (!atomic_load(&over)) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%08u.canp", (const char *)arg, oldest + KEPT);
        if (access(path, F_OK) == 0) {
            snprintf(path, sizeof(path), "%s/%08u.canp", (const char *)arg, oldest++);
            unlink(path);
        } else {
            usleep(1000);
        }
    }
    return NULL;
}

static int judge(const struct follower *f, bool retention, uint64_t count)
{
    printf("%s: %llu frames, %llu removed in front of it%s%s\n", f->by_batch ? "by batch" : "by frame",
           (unsigned long long)f->frames, (unsigned long long)f->missing, f->error ? ": " : "",
           f->error ? f->error : "");
    return f->error || f->next != count || (!retention && f->missing > 0);
}

static int round_with(bool pack, bool retention, uint64_t count, struct test_random *random)
{
    char dir[] = "/tmp/canp-follow-XXXXXX", command[64];
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.mtu = 16, .name = "vcan0"};
    struct follower followers[FOLLOWERS] = {{0}};
    struct canp_why why = {""};
    struct canp_writer *w;
    pthread_t remover;
    int failed = 0;

    opts.segment_bytes = 128 << 10;
    opts.no_sync = true;
    opts.pack = pack;
    if (!mkdtemp(dir) || canp_writer_open(dir, &opts, &w, &why) < 0 ||
        canp_writer_add_iface(w, 0, &iface, T0) < 0) {
        fprintf(stderr, "cannot write: %s\n", why.text);
        return 1;
    }
    atomic_store(&over, false);
    atomic_store(&written, 0);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        followers[i].dir = dir;
        followers[i].by_batch = i % 2 == 1;
        pthread_create(&followers[i].thread, NULL, run_follower, &followers[i]);
    }
    if (retention)
        pthread_create(&remover, NULL, remove_oldest, dir);
    write_all(w, count, random);
    if (canp_writer_finish(w) < 0)
        failed = 1;
    canp_writer_close(w);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        pthread_join(followers[i].thread, NULL);
        failed |= judge(&followers[i], retention, count);
    }
    atomic_store(&over, true);
    if (retention)
        pthread_join(remover, NULL);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return failed | (system(command) != 0);
}

int main(void)
{
    struct test_random random = test_random_start("follow");
    uint64_t count = test_steps(200000);
    int failed = 0;

    for (int i = 0; i < 4; i++) {
        bool pack = i & 1, retention = i & 2;
        printf("%s, %s\n", pack ? "packed in the background" : "plain",
               retention ? "the oldest removed" : "all kept");
        failed |= round_with(pack, retention, count, &random);
    }
    return failed;
}

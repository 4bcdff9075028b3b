/*
 * One reader shared by threads, each with cursors of its own, while the recording grows: followers, walkers
 * to and fro, merges, sums; and blocks that one thread lends to another. Frames are numbered, so that each
 * thread knows what must come next. Also run under ThreadSanitizer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/merge.h>
#include <canp/pools/buf.h>
#include <canp/writer.h>

#include "seed.h"

#define FRAMES   30000U
#define READERS  4
#define START_NS INT64_C(1700000000000000000)

#define REQUIRE(what)                                                                                        \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                       \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static char dir[64];
static struct canp_reader *reader;
static atomic_bool written;

/* The newest block that a thread had, lent to whoever takes it. */
static pthread_mutex_t lent_lock = PTHREAD_MUTEX_INITIALIZER;
static struct canp_buf lent;

static void *write_all(void *user)
{
    struct canp_writer *w = user;
    union canp_frame_store f = {.frame = {.id = 0x100, .len = 8}};
    struct canp_record r = {.frame = &f.frame};
    for (uint32_t i = 0; i < FRAMES; i++) {
        memcpy(f.frame.data, &i, sizeof(i));
        f.frame.id = 0x100 + i % 10;
        r.time_ns = START_NS + i * INT64_C(1000000);
        r.channel = (uint8_t)(i % 2);
        REQUIRE(canp_writer_put(w, &r) == 0);
        if (i % 97 == 0)
            REQUIRE(canp_writer_flush(w) == 0);
        if (i % 2500 == 2499)
            REQUIRE(canp_writer_rotate(w) == 0);
    }
    REQUIRE(canp_writer_finish(w) == 0);
    atomic_store(&written, true);
    return NULL;
}

static uint32_t number_of(const struct canp_record *r)
{
    uint32_t number;
    memcpy(&number, r->frame->data, sizeof(number));
    return number;
}

static int next_frame(struct canp_cursor *c, struct canp_record *r)
{
    int got;
    while ((got = canp_cursor_next(c, r)) == 1 && !canp_kind_is_frame(r->kind))
        ;
    REQUIRE(got >= 0);
    return got;
}

static void lend(struct canp_cursor *c)
{
    struct canp_buf mine, old;
    REQUIRE(canp_cursor_share(c, &mine) == 0);
    pthread_mutex_lock(&lent_lock);
    old = lent;
    lent = mine;
    pthread_mutex_unlock(&lent_lock);
    REQUIRE(old.bytes == 0 || canp_rows_check(old.data, old.bytes) > 0);
    canp_buf_release(&old);
}

/* Back some frames, at least one, and on again. */
static void to_and_fro(struct canp_cursor *c, uint32_t number, unsigned steps)
{
    struct canp_record r;
    for (unsigned i = 0; i < steps; i++) {
        if (canp_cursor_prev(c, &r) != 1)
            break;
        if (canp_kind_is_frame(r.kind))
            REQUIRE(number_of(&r) < number);
    }
    while (next_frame(c, &r) == 1 && number_of(&r) + 1 < number)
        ;
}

static void follow(struct test_random *random)
{
    struct canp_cursor *c;
    struct canp_record r;
    uint32_t next = 0;
    REQUIRE(canp_cursor_open(reader, NULL, &c) == 0);
    for (bool last = false;;) {
        while (next_frame(c, &r) == 1) {
            REQUIRE(number_of(&r) == next);
            next++;
            if (test_random_below(random, 500) == 0)
                lend(c);
            if (test_random_below(random, 2000) == 0)
                to_and_fro(c, next, 1 + (unsigned)test_random_below(random, 3000));
        }
        if (last)
            break;
        last = atomic_load(&written);
        REQUIRE(canp_reader_refresh(reader) >= 0);
    }
    REQUIRE(next == FRAMES);
    REQUIRE(canp_cursor_damaged(c) == 0);
    canp_cursor_close(c);
}

static void merge_what_is_there(void)
{
    struct canp_merge *m;
    struct canp_record r;
    struct canp_reader *twice[2] = {reader, reader};
    uint32_t next[2] = {0, 0};
    unsigned from;
    REQUIRE(canp_merge_open(twice, 2, NULL, &m) == 0);
    while (canp_merge_next(m, &r, &from) == 1) {
        if (canp_kind_is_frame(r.kind))
            REQUIRE(number_of(&r) == next[from]++);
    }
    canp_merge_close(m);
}

static void sum_up(void)
{
    struct canp_info info;
    REQUIRE(canp_reader_info(reader, &info) == 0);
    REQUIRE(info.damaged == 0 && info.frames <= FRAMES);
    REQUIRE(canp_reader_iface_count(reader) == 2);
    REQUIRE(strcmp(canp_reader_iface(reader, 1)->name, "vcan1") == 0);
}

static void *read_all(void *user)
{
    struct test_random random = {*(const uint64_t *)user};
    unsigned thread = (unsigned)(random.state % READERS);
    for (unsigned i = 0; i < 3; i++) {
        if (thread % 2)
            merge_what_is_there();
        follow(&random);
        sum_up();
    }
    return NULL;
}

int main(void)
{
    struct test_random random = test_random_start("stress_reader");
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 16, .name = "vcan0"};
    struct canp_writer *w;
    pthread_t threads[READERS + 1];
    uint64_t seeds[READERS];
    char command[100];
    strcpy(dir, "/tmp/canp-stress-XXXXXX");
    REQUIRE(mkdtemp(dir));
    opts.no_sync = true;
    opts.pack = true;
    opts.segment_bytes = 256 << 10;
    REQUIRE(canp_writer_open(dir, &opts, &w, NULL) == 0);
    REQUIRE(canp_writer_add_iface(w, 0, &iface, START_NS) == 0);
    iface.name[4] = '1';
    REQUIRE(canp_writer_add_iface(w, 1, &iface, START_NS) == 0);
    REQUIRE(canp_writer_flush(w) == 0);
    REQUIRE(canp_reader_open(dir, &reader, NULL) == 0);
    REQUIRE(pthread_create(&threads[READERS], NULL, write_all, w) == 0);
    for (unsigned i = 0; i < READERS; i++) {
        seeds[i] = test_random_u64(&random) / READERS * READERS + i;
        REQUIRE(pthread_create(&threads[i], NULL, read_all, &seeds[i]) == 0);
    }
    for (unsigned i = 0; i <= READERS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    canp_buf_release(&lent);
    canp_writer_close(w);
    canp_reader_close(reader);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command) == 0 ? 0 : 1;
}

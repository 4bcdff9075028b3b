/*
 * Who verifies a recording while it is written, sealed, indexed and packed never takes it for damaged: a
 * thread writes small segments, another reads all that is there again and again as `canp verify` does.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/reader.h>
#include <canp/writer.h>

#include "seed.h"

#define T0     INT64_C(1700000000000000000)
#define PASSES (unsigned)test_steps(400)

static char dir[32];
static atomic_bool over;
static unsigned places;

static void put_block(struct canp_writer *w, int64_t *time_ns, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        union canp_frame_store f = {.bytes = {0}};
        struct canp_record r = {.time_ns = (*time_ns)++, .frame = &f.frame};
        f.frame.id = i;
        f.frame.len = 8;
        memcpy(f.frame.data, time_ns, 8);
        if (canp_writer_put(w, &r) < 0)
            abort();
    }
    if (canp_writer_flush(w) < 0)
        abort();
}

static void *write_on(void *arg)
{
    struct test_random random = test_random_start("verify_live");
    int64_t time_ns = T0;
    while (!atomic_load(&over)) {
        put_block(arg, &time_ns, 1 + (unsigned)test_random_below(&random, 200));
        if (test_random_below(&random, 3) == 0 && canp_writer_rotate(arg) < 0)
            abort();
    }
    return NULL;
}

static void on_damage(void *user, const struct canp_damage *d)
{
    (void)user;
    if (places++ < 3)
        printf("not ok segment %llu, block %u, offset %llu, %llu bytes: %s\n", (unsigned long long)d->segment,
               d->block, (unsigned long long)d->offset, (unsigned long long)d->bytes,
               canp_strerror(d->error));
}

static int verify(void)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_batch batch;
    opts.thorough = true;
    opts.on_damage = on_damage;
    int r = canp_reader_open(dir, &reader, NULL);
    if (r < 0)
        return r;
    r = canp_cursor_open(reader, &opts, &cursor);
    while (r == 0 && (r = canp_cursor_next_batch(cursor, &batch)) == 1)
        r = 0;
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return r;
}

static bool run(bool pack)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 16, .name = "can0"};
    struct canp_writer *w;
    pthread_t thread;
    int r = 0;
    strcpy(dir, "/tmp/canp-test-XXXXXX");
    if (!mkdtemp(dir))
        abort();
    opts.segment_bytes = 65536;
    opts.keep_segments = 4;
    opts.no_sync = true;
    opts.pack = pack;
    if (canp_writer_open(dir, &opts, &w, NULL) < 0 || canp_writer_add_iface(w, 0, &iface, T0) < 0)
        abort();
    atomic_store(&over, false);
    if (pthread_create(&thread, NULL, write_on, w) != 0)
        abort();
    for (unsigned i = 0; i < PASSES && r == 0 && places == 0; i++)
        r = verify();
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    canp_writer_finish(w);
    canp_writer_close(w);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        return false;
    if (r < 0)
        printf("not ok reading it: %s\n", canp_strerror(r));
    return r == 0 && places == 0;
}

int main(void)
{
    bool ok = run(false) && run(true);
    puts(ok ? "ok: never damaged" : "failed");
    return ok ? 0 : 1;
}

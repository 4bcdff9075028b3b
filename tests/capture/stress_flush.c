/*
 * The capture thread's intake and the flush thread, against each other, through a real writer: whatever the
 * slabs run short of, stored + accounted as lost = received, per interface, and what is stored is in order. A
 * third thread reads the statistics all the while, as `canp top` will. Also run under ThreadSanitizer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <canp/reader.h>

#include "fake_recorder.h"

#define T0    INT64_C(1700000000000000000)
#define CHANS 3U

static atomic_bool over;

static void *watch(void *arg)
{
    const struct canp_recorder *rec = arg;
    struct canp_recorder_stats stats;
    uint64_t last = 0;
    while (!atomic_load(&over)) {
        canp_recorder_stats(rec, &stats);
        if (stats.frames < last)
            abort();
        last = stats.frames;
        usleep(200);
    }
    return NULL;
}

static void receive(struct canp_recorder *rec, uint64_t count)
{
    uint32_t drops[CHANS] = {0};
    for (uint64_t i = 0; i < count; i++) {
        unsigned c = (unsigned)(i % CHANS);
        if (i % 1009 == 1008)
            drops[c] += 3;
        fake_receive_number(rec, c, T0 + (int64_t)i * 100, drops[c], i);
        if (i % 512 != 511)
            continue;
        rec->in.now_ns = canp_monotonic_ns();
        for (unsigned k = 0; k < CHANS; k++)
            atomic_store_explicit(&rec->in.chans[k].frames_seen, rec->in.chans[k].taken,
                                  memory_order_relaxed);
        if (rec->in.gaps_pending)
            canp_intake_gaps(&rec->in);
        canp_intake_flush_if_due(&rec->in);
    }
    canp_intake_finish(&rec->in);
}

/* Reads it all back: numbers of each channel go up, and the sums are right. */
static int check(const char *dir, const struct canp_recorder_lost *expected_lost, uint64_t count)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t next[CHANS] = {0}, frames = 0, lost = 0, number;
    if (canp_reader_open(dir, &reader, NULL) < 0 || canp_cursor_open(reader, NULL, &cursor) < 0)
        return 1;
    while (canp_cursor_next(cursor, &r) == 1) {
        if (r.kind == CANP_KIND_GAP)
            lost += r.gap->lost;
        if (!canp_kind_is_frame(r.kind))
            continue;
        memcpy(&number, r.frame->data, 8);
        if (number < next[r.channel] || number % CHANS != r.channel)
            return 2;
        next[r.channel] = number + 1;
        frames++;
    }
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    printf("%llu stored, %llu lost by the recorder, %llu by the socket\n", (unsigned long long)frames,
           (unsigned long long)expected_lost->recorder, (unsigned long long)expected_lost->socket);
    if (frames + expected_lost->recorder != count || lost != expected_lost->recorder + expected_lost->socket)
        return 3;
    return 0;
}

static int round_with(unsigned slab_count, uint64_t count)
{
    char dir[] = "/tmp/canp-spill-XXXXXX", command[64];
    struct canp_recorder_stats stats;
    struct canp_recorder_lost lost = {0};
    pthread_t watcher;
    if (!mkdtemp(dir))
        return 1;
    struct canp_recorder *rec = fake_open(
        &(struct fake_opts){.dir = dir, .chan_count = CHANS, .slab_count = slab_count, .slab_bytes = 16384});
    atomic_store(&over, false);
    pthread_create(&watcher, NULL, watch, rec);
    receive(rec, count);
    canp_flush_join(rec);
    atomic_store(&over, true);
    pthread_join(watcher, NULL);
    canp_recorder_stats(rec, &stats);
    for (unsigned i = 0; i < CHANS; i++) {
        lost.socket += stats.ifaces[i].lost.socket;
        lost.recorder += stats.ifaces[i].lost.recorder;
    }
    fake_close(rec);
    int r = check(dir, &lost, count);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        return 1;
    return r;
}

int main(void)
{
    int r = round_with(2, 300000); /* short of slabs: losses */
    if (r == 0)
        r = round_with(64, 300000);
    if (r)
        fprintf(stderr, "failed: %d\n", r);
    return r;
}

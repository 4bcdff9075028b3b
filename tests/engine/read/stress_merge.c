/*
 * Recordings that grow are merged as they do, by several threads at a time: each record comes once, in order
 * of time over both recordings and their interfaces, and none is missing. The writers rotate, and in every
 * other round pack in the background. Also run under ThreadSanitizer.
 *
 * Both take their times from one counter, so that a merge which waits long enough has to lend 0, 1, 2, ...
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/merge.h>
#include <canp/writer.h>

#include "seed.h"

#define T0      INT64_C(1700000000000000000)
#define STEP_NS INT64_C(500000) /* 2000 records a second: so many are held back */
#define INPUTS  2U
#define MERGERS 3U

struct input {
    pthread_t thread;
    char dir[64];
    struct canp_writer *writer;
    struct test_random random;
};

struct merger {
    pthread_t thread;
    const struct input *inputs;
    uint64_t records;
    const char *error;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static uint64_t next_number, count;

/* A run of numbers for one recording: `*first` and how many, 0 at the end. */
static uint64_t take_turn(struct test_random *random, uint64_t *first)
{
    uint64_t n = 1 + test_random_below(random, 50);
    pthread_mutex_lock(&turn);
    *first = next_number;
    n = n < count - next_number ? n : count - next_number;
    next_number += n;
    pthread_mutex_unlock(&turn);
    return n;
}

static void put(struct canp_writer *w, uint64_t number, unsigned channel)
{
    union canp_frame_store f = {.frame = {.id = (uint32_t)(number % 0x7ff), .len = 8}};
    struct canp_record r = {
        .time_ns = T0 + (int64_t)number * STEP_NS, .channel = (uint8_t)channel, .frame = &f.frame};
    memcpy(f.frame.data, &number, sizeof(number));
    if (canp_writer_put(w, &r) < 0)
        abort();
}

/* Interfaces are written in turn: the even numbers of each run, then the odd ones. */
static void *run_writer(void *arg)
{
    struct input *in = arg;
    uint64_t first, n;

    while ((n = take_turn(&in->random, &first)) > 0) {
        for (unsigned channel = 0; channel < 2; channel++) {
            for (uint64_t i = channel; i < n; i += 2)
                put(in->writer, first + i, channel);
        }
        if (test_random_below(&in->random, 4) == 0 && canp_writer_flush(in->writer) < 0)
            abort();
        if (test_random_below(&in->random, 50) == 0)
            usleep(500);
    }
    if (canp_writer_finish(in->writer) < 0)
        abort();
    canp_writer_close(in->writer);
    return NULL;
}

static void take(struct merger *m, const struct canp_record *r)
{
    uint64_t number;
    if (!canp_kind_is_frame(r->kind))
        return;
    memcpy(&number, r->frame->data, sizeof(number));
    if (number != m->records)
        m->error = "a record is missing, or not in order";
    m->records++;
}

static int merge_all(struct merger *m, struct canp_merge *merge)
{
    struct canp_record record;
    int r;
    while ((r = canp_merge_refresh(merge)) == 1) { /* ends when the recordings are closed */
        while ((r = canp_merge_next(merge, &record, NULL)) == 1 && !m->error)
            take(m, &record);
        if (r < 0 || m->error)
            return r;
        usleep(1000);
    }
    return r;
}

static void *run_merger(void *arg)
{
    struct merger *m = arg;
    struct canp_reader *readers[INPUTS] = {NULL};
    struct canp_merge *merge = NULL;
    struct canp_why why = {""};
    int r = 0;

    for (unsigned i = 0; i < INPUTS && r == 0; i++)
        r = canp_reader_open(m->inputs[i].dir, &readers[i], &why);
    if (r == 0)
        r = canp_merge_open(readers, INPUTS, NULL, &merge);
    if (r == 0) {
        canp_merge_follow(merge, UINT64_MAX);
        r = merge_all(m, merge);
        if (canp_merge_damaged(merge) > 0)
            m->error = "damage was seen";
    }
    if (r < 0)
        m->error = canp_strerror(r);
    canp_merge_close(merge);
    for (unsigned i = 0; i < INPUTS; i++)
        canp_reader_close(readers[i]);
    return NULL;
}

static int start(struct input *in, bool pack)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.mtu = 16, .name = "vcan0"};
    struct canp_why why = {""};

    opts.segment_bytes = 128 << 10;
    opts.no_sync = true;
    opts.pack = pack;
    strcpy(in->dir, "/tmp/canp-follow-merge-XXXXXX");
    if (!mkdtemp(in->dir) || canp_writer_open(in->dir, &opts, &in->writer, &why) < 0 ||
        canp_writer_add_iface(in->writer, 0, &iface, T0) < 0) {
        fprintf(stderr, "cannot write: %s\n", why.text);
        return 1;
    }
    iface.name[4] = '1';
    return canp_writer_add_iface(in->writer, 1, &iface, T0) < 0 || canp_writer_flush(in->writer) < 0;
}

static int round_with(bool pack, struct test_random *random)
{
    struct input inputs[INPUTS] = {{0}};
    struct merger mergers[MERGERS] = {{0}};
    int failed = 0;

    next_number = 0;
    for (unsigned i = 0; i < INPUTS; i++) {
        if (start(&inputs[i], pack))
            return 1;
        inputs[i].random = *random;
        test_random_u64(random);
    }
    for (unsigned i = 0; i < MERGERS; i++) {
        mergers[i].inputs = inputs;
        pthread_create(&mergers[i].thread, NULL, run_merger, &mergers[i]);
    }
    for (unsigned i = 0; i < INPUTS; i++)
        pthread_create(&inputs[i].thread, NULL, run_writer, &inputs[i]);
    for (unsigned i = 0; i < INPUTS; i++)
        pthread_join(inputs[i].thread, NULL);
    for (unsigned i = 0; i < MERGERS; i++) {
        pthread_join(mergers[i].thread, NULL);
        printf("%s: %llu records%s%s\n", pack ? "packed in the background" : "plain",
               (unsigned long long)mergers[i].records, mergers[i].error ? ": " : "",
               mergers[i].error ? mergers[i].error : "");
        failed |= mergers[i].error || mergers[i].records != count;
    }
    for (unsigned i = 0; i < INPUTS; i++) {
        char command[96];
        snprintf(command, sizeof(command), "rm -rf %s", inputs[i].dir);
        failed |= system(command) != 0;
    }
    return failed;
}

int main(void)
{
    struct test_random random = test_random_start("merge as it grows");
    int failed = 0;

    count = test_steps(100000);
    for (int i = 0; i < 4; i++)
        failed |= round_with(i & 1, &random);
    return failed;
}

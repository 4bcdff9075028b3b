/*
 * Streams of a recording that grows, without a bus: what a reader of a pipe gets is every frame or counted,
 * and whoever writes the recording never waits. Here a pipe has a tenth of a second to catch up.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/log.h>
#include <canp/writer.h>

#include "lib/program.h"
#include "tee/pipe_out.h"
#include "tee/streams.h"

const char program_prefix[] = "test ";

static char work[] = "/tmp/canp-test-stream.XXXXXX";
static char fifo[64], dir[64], out[64];

static void make_work(void)
{
    cr_assert(mkdtemp(work));
    snprintf(fifo, sizeof(fifo), "%s/fifo", work);
    snprintf(dir, sizeof(dir), "%s/rec", work);
    snprintf(out, sizeof(out), "%s/out", work);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    signal(SIGPIPE, SIG_IGN);
}

static void remove_work(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", work);
    cr_assert_eq(system(command), 0);
}

TestSuite(stream, .init = make_work, .fini = remove_work, .timeout = 120);

static struct canp_writer *begin(void)
{
    struct canp_writer *w;
    struct canp_why why;
    struct canp_iface can0 = {.bytes = sizeof(can0), .mtu = 72, .name = "can0"};
    cr_assert_eq(canp_writer_open(dir, NULL, &w, &why), 0, "%s", why.text);
    cr_assert_eq(canp_writer_add_iface(w, 0, &can0, 1), 0);
    return w;
}

/* FD frames: in pcapng 120 bytes each. */
static void put(struct canp_writer *w, unsigned first, unsigned count)
{
    union canp_frame_store store = {.bytes = {0}};
    store.frame.len = 64;
    store.frame.flags = CANP_FD_FDF;
    for (unsigned i = first; i < first + count; i++) {
        store.frame.id = i & 0x7FF;
        memcpy(store.frame.data, &i, sizeof(i));
        struct canp_record r = {.time_ns = 1000 + (int64_t)i, .kind = CANP_KIND_FD, .frame = &store.frame};
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % 1000 == 999) {
            cr_assert_eq(canp_writer_flush(w), 0);
            streams_wake(NULL);
        }
    }
    cr_assert_eq(canp_writer_flush(w), 0);
    streams_wake(NULL);
}

static void *copy_fifo(void *arg)
{
    static char bytes[65536];
    int from = arg ? *(int *)arg : open(fifo, O_RDONLY | O_CLOEXEC);
    int to = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n;
    while ((n = read(from, bytes, sizeof(bytes))) > 0)
        cr_assert_eq(write(to, bytes, (size_t)n), n);
    close(from);
    close(to);
    return NULL;
}

struct sums {
    uint64_t frames, lost;
};

/* Of what arrived: each frame is the next one, or as many as the gap says are missing before it. */
static struct sums read_out(const char *path)
{
    struct canp_log_reader *reader;
    struct canp_record r;
    struct canp_why why;
    struct sums sums = {0};
    unsigned number, next = 0;
    cr_assert_eq(canp_log_open(path, NULL, &reader, &why), 0, "%s", why.text);
    while (canp_log_next(reader, &r) == 1) {
        if (r.kind == CANP_KIND_GAP) {
            cr_assert_eq(r.gap->layer, CANP_LAYER_STREAM);
            sums.lost += r.gap->lost;
            next += (unsigned)r.gap->lost;
        } else if (r.kind == CANP_KIND_FD) {
            memcpy(&number, r.frame->data, sizeof(number));
            cr_assert_eq(number, next, "frame %u where %u is due", number, next);
            sums.frames++;
            next++;
        }
    }
    cr_assert_eq(canp_log_reader_stats(reader)->bad, 0);
    canp_log_close(reader);
    return sums;
}

Test(stream, a_reader_gets_all)
{
    pthread_t reader;
    char file[96];
    snprintf(file, sizeof(file), "%s.csv", out);
    cr_assert_eq(streams_add("test", "pcapng", fifo), 0);
    cr_assert_eq(streams_add("test", "csv", file), 0);
    struct canp_writer *w = begin();
    cr_assert_eq(streams_start(dir, NULL), 0);
    put(w, 0, 5000); /* before anybody has opened the pipe */
    pthread_create(&reader, NULL, copy_fifo, NULL);
    put(w, 5000, 95000);
    cr_assert_eq(canp_writer_finish(w), 0);
    cr_assert_eq(streams_stop(), 0);
    pthread_join(reader, NULL);
    canp_writer_close(w);
    struct sums pipe = read_out(out), csv = read_out(file);
    cr_assert_eq(pipe.frames + pipe.lost, 100000);
    cr_assert(csv.frames == 100000 && csv.lost == 0, "a file gets all: %lu", (unsigned long)csv.frames);
}

Test(stream, a_slow_one_gets_counted_gaps)
{
    pthread_t reader;
    int from = open(fifo, O_RDWR | O_CLOEXEC); /* open for both: the stream finds a reader */
    int only_reads = open(fifo, O_RDONLY | O_CLOEXEC);
    close(from);
    cr_assert_eq(streams_add("test", "pcapng", fifo), 0);
    struct canp_writer *w = begin();
    cr_assert_eq(streams_start(dir, NULL), 0);
    put(w, 0, 250000); /* 30 MB; queue and pipe take 15 */
    usleep(500000);    /* it has given up catching up, or will later: the counts hold either way */
    put(w, 250000, 50000);
    pthread_create(&reader, NULL, copy_fifo, &only_reads);
    put(w, 300000, 50000);
    cr_assert_eq(canp_writer_finish(w), 0);
    cr_assert_eq(streams_stop(), 0);
    pthread_join(reader, NULL);
    canp_writer_close(w);
    struct sums sums = read_out(out);
    cr_assert_eq(sums.frames + sums.lost, 350000, "%lu and %lu", (unsigned long)sums.frames,
                 (unsigned long)sums.lost);
    cr_assert_gt(sums.frames, 100000);
}

static _Atomic int gone;

static void note_gone(const char *path)
{
    cr_assert_str_eq(path, fifo);
    gone++;
}

Test(stream, one_that_goes_is_told)
{
    int from = open(fifo, O_RDWR | O_CLOEXEC);
    cr_assert_eq(streams_add("test", "json", fifo), 0);
    struct canp_writer *w = begin();
    cr_assert_eq(streams_start(dir, note_gone), 0);
    put(w, 0, 100);
    close(from);
    for (int i = 0; i < 1000 && !gone; i++)
        usleep(10000);
    cr_assert_eq(gone, 1);
    put(w, 100, 100); /* goes on */
    cr_assert_eq(canp_writer_finish(w), 0);
    cr_assert_eq(streams_stop(), 0);
    canp_writer_close(w);
}

Test(stream, what_cannot_be_streamed_is_refused)
{
    cr_assert_eq(streams_add("test", "canp", fifo), 2);
    cr_assert_eq(streams_add("test", "panda", fifo), 2); /* is only read */
    cr_assert_eq(streams_add("test", "nothing", fifo), 2);
    cr_assert_eq(streams_add("test", "pcapng", work), 3); /* a directory */
    cr_assert_eq(streams_count(), 0);
}

/* ---- the pipe alone ------------------------------------------------------------------------------ */

Test(stream, a_pipe_keeps_order_and_refuses_more_than_it_can_hold)
{
    static uint8_t block[100000], got[sizeof(block)];
    struct pipe_out p;
    int from = open(fifo, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    cr_assert_eq(pipe_out_open(&p, fifo), 0);
    unsigned put_count = 0, got_count = 0;
    size_t at = 0;
    int r = 0;
    for (; r == 0; put_count += r == 0) {
        memset(block, (int)(put_count & 0xFF), sizeof(block));
        r = pipe_out_is_full(&p) ? 1 : pipe_out_put(&p, block, sizeof(block));
    }
    cr_assert_eq(r, 1);
    cr_assert_gt(put_count, PIPE_OUT_LIMIT / sizeof(block));
    for (ssize_t n; got_count < put_count;) {
        n = read(from, got + at, sizeof(got) - at);
        if (n < 0) {
            cr_assert_eq(pipe_out_push(&p), 0);
            continue;
        }
        at += (size_t)n;
        if (at < sizeof(got))
            continue;
        for (size_t i = 0; i < sizeof(got); i += 999)
            cr_assert_eq(got[i], got_count & 0xFF);
        at = 0;
        got_count++;
    }
    cr_assert_eq(pipe_out_used(&p), 0);
    close(from);
    cr_assert_eq(pipe_out_put(&p, block, 1), -EPIPE);
    cr_assert_eq(pipe_out_put(&p, block, 1), -EPIPE);
    pipe_out_close(&p);
}

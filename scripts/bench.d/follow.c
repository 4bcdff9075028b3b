/*
 * How soon a recording can be read by another process: follows it through libcanp, looks every 2 ms, and
 * notes how old each frame is when it is first seen. Runs until SIGINT; prints the quantiles. usage: follow
 * RECORDING
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include <canp/pace.h>
#include <canp/reader.h>

#define LOOK_NS 2000000

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void pause_ns(long ns)
{
    const struct timespec t = {.tv_nsec = ns};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static struct canp_histogram ages;

/* Frames from before start_ns were there already. */
static void look(struct canp_reader *reader, struct canp_cursor *cursor, int64_t start_ns)
{
    struct canp_record r;
    if (canp_reader_refresh(reader) < 0)
        return;
    int64_t seen_ns = now_ns();
    while (canp_cursor_next(cursor, &r) == 1) {
        if (canp_kind_is_frame(r.kind) && r.time_ns >= start_ns && seen_ns > r.time_ns)
            canp_histogram_add(&ages, (uint64_t)(seen_ns - r.time_ns));
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct canp_reader *reader = NULL;
    struct canp_cursor *cursor = NULL;
    int64_t start_ns = now_ns();
    if (argc != 2)
        return 2;
    sigaction(SIGINT, &action, NULL);
    while (!stop && canp_reader_open(argv[1], &reader, NULL) < 0)
        pause_ns(LOOK_NS);
    if (reader == NULL || canp_cursor_open(reader, NULL, &cursor) < 0)
        return 3;
    while (!stop) {
        look(reader, cursor, start_ns);
        pause_ns(LOOK_NS);
    }
    printf("{\"frames\":%llu,\"p50_ns\":%llu,\"p99_ns\":%llu,\"max_ns\":%llu}\n",
           (unsigned long long)ages.count, (unsigned long long)canp_histogram_quantile(&ages, 0.5),
           (unsigned long long)canp_histogram_quantile(&ages, 0.99), (unsigned long long)ages.max);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return 0;
}

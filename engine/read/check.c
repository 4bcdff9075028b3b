/*
 * Is a recording whole? Several threads check a segment each (canp/reader.h). What is wrong with one that is
 * not, a thorough cursor tells, which knows the times on both sides of a damaged place.
 *
 * Invariant: each segment is checked as by that cursor, and a segment that is missing, or cannot be read, is
 * not whole. Any thread; the threads made here end before canp_reader_check() returns.
 */
#include <canp/private/threads.h>

#include "cursor_priv.h"

#define JOBS_MAX 64U

struct check {
    struct canp_reader *reader;
    pthread_mutex_t lock; /* of what follows */
    uint64_t given_out;   /* the last segment that somebody checks, or has */
    bool is_whole;        /* as far as is known */
    struct canp_check sums;
};

/* The next segment to check; 0 when there is none, or nothing more to find out. */
static uint64_t next_segment(struct check *check)
{
    pthread_mutex_lock(&check->lock);
    uint64_t before = check->given_out;
    uint64_t number = check->is_whole ? canp_reader_next_segment(check->reader, before) : 0;
    if (number && before && number > before + 1)
        check->is_whole = false; /* one is missing */
    else if (number)
        check->given_out = number;
    number = check->is_whole ? number : 0;
    pthread_mutex_unlock(&check->lock);
    return number;
}

static void note(struct check *check, bool is_whole, const struct canp_check *sums)
{
    pthread_mutex_lock(&check->lock);
    check->is_whole = check->is_whole && is_whole;
    check->sums.frames += sums->frames;
    check->sums.blocks += sums->blocks;
    pthread_mutex_unlock(&check->lock);
}

static bool check_segment(struct canp_reader *reader, uint64_t number, struct canp_check *sums)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *c;
    struct canp_batch batch;
    opts.thorough = true;
    int r = canp_cursor_open(reader, &opts, &c);
    if (r < 0)
        return false;
    c->number = number - 1;
    c->last_number = number;
    while (c->damaged == 0 && (r = canp_cursor_next_batch(c, &batch)) == 1) {
        sums->frames += batch.frames;
        sums->blocks++;
    }
    bool is_whole = r == 0 && c->damaged == 0 && c->number == number;
    canp_cursor_close(c);
    return is_whole;
}

static void *work(void *arg)
{
    struct check *check = arg;
    uint64_t number;
    while ((number = next_segment(check)) != 0) {
        struct canp_check sums = {0};
        bool is_whole = check_segment(check->reader, number, &sums);
        note(check, is_whole, &sums);
    }
    return NULL;
}

int canp_reader_check(struct canp_reader *reader, unsigned jobs, struct canp_check *out)
{
    struct check check = {.reader = reader, .lock = PTHREAD_MUTEX_INITIALIZER, .is_whole = true};
    pthread_t others[JOBS_MAX];
    unsigned hired = 0;
    uint64_t first = canp_reader_next_segment(reader, 0);
    if (!first || !canp_reader_next_segment(reader, first))
        return 0; /* one segment: a cursor is as fast */
    while (hired + 1 < jobs && hired < JOBS_MAX && canp_thread_start_quiet(&others[hired], work, &check) == 0)
        hired++;
    work(&check);
    while (hired-- > 0)
        pthread_join(others[hired], NULL);
    if (check.is_whole)
        *out = check.sums;
    return check.is_whole;
}

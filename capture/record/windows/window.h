/*
 * Windows around triggers: the rows of the time before a possible trigger are held in bounded memory. At a
 * trigger these rows, and the rows of the time after it, are stored. Windows that touch become one. Only
 * whole blocks are kept or discarded, so a window is longer at each end by up to a block's time (half the
 * flush time, 50 ms, on a bus that does not fill a slab sooner). Pure logic without files, threads and
 * clocks. Flush thread only.
 */
#ifndef CANP_CAPTURE_WINDOW_H
#define CANP_CAPTURE_WINDOW_H

#include <canp/rows.h>

#include "intake/slab_head.h"
#include "trigger.h"

struct window_opts {
    const char *const *triggers;
    unsigned trigger_count;
    /* Asked of each record; the trigger's name, valid until the next call, or NULL. NULL allowed. */
    const char *(*ask)(void *user, const struct canp_record *record);
    uint64_t pre_ns;
    uint64_t post_ns;
    size_t memory_bytes; /* of what is held */
    size_t block_bytes;  /* largest block */
    /* Takes a block for good: into the files. */
    void (*store)(void *user, const struct canp_rowbuf *rows);
    /* A block is not kept: it lay in no window. */
    void (*let_go)(void *user, const struct canp_rowbuf *rows);
    /* A window begins: now what was not kept before it can be written down. NULL allowed. */
    void (*begins)(void *user);
    /* A window begins later than pre_ns asks: the memory held no more. */
    void (*short_of_memory)(void *user, uint64_t held_ns);
    /* Triggers keep the window open: for open_ns by now, ten times post_ns and ten seconds. Once for each
     * window. NULL allowed. */
    void (*goes_on)(void *user, const char *trigger, uint64_t open_ns);
    void *user;
};

struct window;

/* Owned: *out. -EINVAL (a bad trigger, memory for less than two blocks) with `why`, -ENOMEM. */
int canp_window_open(const struct window_opts *opts, struct window **out, struct canp_why *why);

/* Lets go of what is held and ends the window, if one is open. */
void canp_window_finish(struct window *w);
void canp_window_close(struct window *w);

/* The next block of the stream. Copied where it is held. */
void canp_window_feed(struct window *w, const struct canp_rowbuf *rows, struct slab_time closed);

/* A trigger from outside (a signal), now. */
void canp_window_trigger(struct window *w, struct slab_time now);

/* Windows begun so far. */
uint64_t canp_window_count(const struct window *w);

#endif

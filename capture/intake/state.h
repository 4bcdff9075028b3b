/*
 * The state that the receiving side shares with the recorder: sockets, the current slab, the pace of
 * harvests, and the request to stop. "capture" is the thread in canp_recorder_run(), "flush" the thread that
 * stores slabs; the comment of a field says which of them may use it.
 */
#ifndef CANP_CAPTURE_INTAKE_STATE_H
#define CANP_CAPTURE_INTAKE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <canp/pools/slabring.h>
#include <canp/recorder.h>

#include "channel.h"
#include "harvest_pace.h"
#include "notices.h"

struct rx; /* a backend's own state (rx/) */

struct intake {
    /* Constant after open. */
    struct canp_slabring *ring;
    size_t block_bytes; /* of a slab that are used, so that a block fits a segment */
    uint64_t commit_after_ns;
    bool hw_timestamps;
    int stop_fd;  /* eventfd: readable once stopped */
    int watch_fd; /* rtnetlink; -1: not permitted */

    /* Capture. */
    _Alignas(64) struct canp_slab *slab; /* being filled, or NULL */
    unsigned chan_count;                 /* grows (record/channels.c) */
    uint64_t frames_left;                /* until canp_recorder_opts.frames_max */
    uint64_t slab_deadline_ns;           /* commit what the slab holds; 0 = holds nothing */
    uint64_t now_ns;                     /* CLOCK_MONOTONIC of this round */
    uint64_t slabs_committed;
    int64_t clock_offset_ns; /* how far CLOCK_REALTIME was ahead of CLOCK_MONOTONIC at the last look */
    bool gaps_pending;       /* some chan has one */
    bool links_changed;      /* the netlink socket is readable */
    bool rx_retry;           /* a socket failed oddly and is to be armed again soon */
    struct harvest_pace pace;
    struct rx *rx;
    struct chan chans[CANP_RECORDER_IFACES_MAX];

    /* Shared. */
    _Alignas(64) _Atomic bool stop;
    _Atomic uint64_t slabs_flushed; /* written by flush */
    struct notices notices;         /* from capture to flush */
};

static inline bool intake_stopped(const struct intake *in)
{
    return atomic_load_explicit(&in->stop, memory_order_relaxed);
}

/* Ends reception soon. Any thread; async-signal-safe: errno stays as it was. */
void canp_intake_stop(struct intake *in);

/* A sentence for the user, from the capture thread: flush hands it on. */
void canp_intake_notice(struct intake *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

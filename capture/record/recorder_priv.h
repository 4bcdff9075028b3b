/*
 * The recorder's inside, shared by the files of this room. Who may touch a field is said beside it:
 * "capture" is the thread in canp_recorder_run(), "flush" the thread that stores slabs.
 */
#ifndef CANP_CAPTURE_RECORDER_PRIV_H
#define CANP_CAPTURE_RECORDER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <canp/pools/clock.h>
#include <canp/pools/slabring.h>
#include <canp/recorder.h>
#include <canp/rows.h>
#include <canp/writer.h>

#include "intake/counter.h"
#include "gap_sums.h"
#include "intake/harvest_pace.h"
#include "link/iface_spec.h"
#include "lag.h"
#include "link/ifaces.h"
#include "notes.h"
#include "intake/notices.h"
#include "window.h"

#define DISK_LOSSES_EVENTS_BYTES 8192U

/* What could not be stored, until it can be told (disk_losses.h). */
struct disk_losses {
    uint64_t frames; /* since it was told last */
    struct gap_sums gaps;
    struct canp_rowbuf events;
    _Alignas(8) uint8_t events_room[DISK_LOSSES_EVENTS_BYTES];
    _Alignas(8) uint8_t gap_rows[GAP_SUMS_MAX * CANP_GAP_ROW_BYTES];
};

#define OUTSIDE_MARK_BYTES 32U /* an event with a number as text */

/* What lay in no window, until it is told (outside_windows.h). */
struct outside_windows {
    uint64_t frames[CANP_RECORDER_IFACES_MAX]; /* since it was told last */
    int64_t last_ns[CANP_RECORDER_IFACES_MAX]; /* of these frames */
    struct gap_sums gaps;
    uint64_t due_ns; /* CLOCK_MONOTONIC: when a loss is to be told at the latest; 0 = there is none */
    _Alignas(8)
        uint8_t rows[GAP_SUMS_MAX * CANP_GAP_ROW_BYTES + CANP_RECORDER_IFACES_MAX * (8 + OUTSIDE_MARK_BYTES)];
};

/* One interface. Capture's, but where said otherwise. */
struct chan {
    _Alignas(64) int fd;
    uint8_t index;
    bool xl;   /* mtu is XL: large buffers */
    bool gone; /* unregistered; bound again when the name is back */
    bool up;
    uint32_t drops_seen;    /* of SO_RXQ_OVFL, cumulative */
    int64_t prev_ns;        /* time of the frame before, or of the start */
    uint64_t device_drops;  /* of the interface's statistics, cumulative */
    int64_t device_look_ns; /* when they were read */
    bool device_asked;      /* an answer is on its way */
    uint64_t taken;         /* frames put into slabs */
    uint64_t harvested;     /* frames of the running harvest */
    struct gap_pending gaps[GAP_LAYERS];
    uint32_t frame_cost_bytes; /* what one frame takes of the socket buffer, upper estimate */
    uint64_t rcvbuf_bytes;     /* as the kernel counts: with its bookkeeping */
    uint32_t state;            /* controller state told last */
    int ifindex;
    char name[CANP_IFACE_NAME_BYTES];       /* now */
    char first_name[CANP_IFACE_NAME_BYTES]; /* constant after open */
    struct canp_link link;                  /* as found at open; constant */
    const struct canp_filter_set *filters;  /* into recorder.specs, NULL = everything; constant */

    /* Published by capture once per harvest, read by anyone; each a lone relaxed counter. */
    _Atomic uint64_t frames_seen;
    _Atomic uint64_t lost_socket;
    _Atomic uint64_t lost_device;
    _Atomic uint64_t lost_unslabbed; /* no free slab */
    /* Written by flush. */
    _Atomic uint64_t lost_unstored; /* was in a slab that could not be stored */
    _Atomic uint64_t outside;       /* in no window */
};

/* A slab's header, in its user area: travels with it from capture to flush. */
struct slab_head {
    struct canp_rowbuf rows;
    struct window_time closed;
};
_Static_assert(sizeof(struct slab_head) <= CANP_SLAB_USER_BYTES, "the slab's user area holds its header");

struct rx; /* a backend's own state */

/* A way to receive. All but open run in the capture thread, and so does open. */
struct rx_ops {
    const char *name;
    int (*open)(struct canp_recorder *rec, struct canp_why *why); /* and arms all sockets */
    /* Returns when a frame, a link change, a stop or (>= 0) the timeout came. Spurious returns are fine. */
    void (*wait)(struct canp_recorder *rec, int64_t timeout_ns);
    /* Takes in what is there; bounded by RX_HARVEST_MAX frames, more stay for the next call. */
    void (*harvest)(struct canp_recorder *rec);
    void (*close)(struct canp_recorder *rec);
};

#define RX_HARVEST_MAX 65536U

extern const struct rx_ops canp_rx_uring_ops;
extern const struct rx_ops canp_rx_mmsg_ops;

struct canp_recorder {
    /* Constant after open. */
    struct canp_recorder_opts opts; /* defaults filled in; dir, ifaces not valid */
    char *dir;
    struct iface_spec *specs; /* as asked for, one per opts.iface_count */
    struct canp_slabring *ring;
    size_t block_bytes; /* of a slab that are used, so that a block fits a segment */
    uint64_t commit_after_ns;
    unsigned chan_count;
    int stop_fd;         /* eventfd: readable once stopped */
    int watch_fd;        /* rtnetlink */
    uint8_t boot_id[16]; /* zero = unknown */
    pthread_t flush_thread;
    bool flush_running; /* owner: the thread is to be joined */

    /* Capture. */
    _Alignas(64) struct canp_slab *slab; /* being filled, or NULL */
    uint64_t frames_left;                /* until opts.frames_max */
    uint64_t ask_ns;                     /* when the interfaces' statistics are asked for next */
    uint64_t slab_deadline_ns;           /* commit what the slab holds; 0 = holds nothing */
    uint64_t now_ns;                     /* CLOCK_MONOTONIC of this round */
    uint64_t end_ns;                     /* by opts.duration_ns; UINT64_MAX = none */
    uint64_t slabs_committed;
    uint64_t anchor_ns;      /* CLOCK_MONOTONIC of the last clock record */
    uint64_t clock_ns;       /* and of the last look at the clocks; */
    int64_t clock_offset_ns; /* how far CLOCK_REALTIME was ahead then */
    bool gaps_pending;       /* some chan has one */
    bool links_changed;      /* the netlink socket is readable */
    bool links_missed;       /* it was full: some changes were not told */
    bool rx_retry;           /* a socket failed oddly and is to be armed again soon */
    struct harvest_pace pace;
    const struct rx_ops *rx_ops;
    struct rx *rx;
    char netlink_buffer[IFACES_NETLINK_MAX];
    struct chan chans[CANP_RECORDER_IFACES_MAX];

    /* Flush. */
    _Alignas(64) struct canp_writer *writer; /* owner's until the thread starts */
    int store_error;                         /* that ends the recording; read by others after the join */
    struct canp_why store_why;
    int full_error;    /* the disk is full: nothing is stored until there is room; 0 = it is not */
    uint64_t retry_ns; /* full_error: CLOCK_MONOTONIC of the next look */
    bool unsynced;
    int64_t tend_ns;        /* as canp_writer_tend() said last */
    uint64_t poisoned_told; /* segments that could not be synced and that the user knows of */
    struct disk_losses unstored;
    struct outside_windows outside;
    struct notes notes;    /* owner's until the thread starts */
    struct window *window; /* likewise; NULL: everything is stored */

    /* Shared. */
    _Alignas(64) _Atomic bool stop;
    _Atomic bool triggered; /* from outside; flush takes it */
    _Atomic uint64_t windows;
    _Atomic bool rotate;       /* asked for; flush takes it */
    _Atomic bool capture_done; /* release by capture after its last commit; acquire by flush */
    _Atomic uint64_t slabs_flushed;
    _Atomic uint64_t started_ns;
    _Atomic uint64_t ended_ns; /* 0 while running */
    _Atomic uint64_t harvests;
    struct lag lag;         /* of harvests on a quiet bus; written by capture */
    _Atomic uint64_t bytes; /* the writer's statistics, published by flush */
    _Atomic uint64_t blocks;
    _Atomic uint64_t segments;
    _Atomic uint64_t removed;
    _Atomic(const char *) io;
    struct notices notices;
};

static inline bool recorder_stopped(const struct canp_recorder *rec)
{
    return atomic_load_explicit(&rec->stop, memory_order_relaxed);
}

/* A sentence for the user, from the capture thread: flush hands it on. */
void canp_recorder_notice(struct canp_recorder *rec, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* By rec->opts, how many slabs hold what comes while the disk stalls, and how much of each is used: fills in
 * opts.slab_bytes, opts.slab_count and block_bytes. */
int canp_recorder_size_slabs(struct canp_recorder *rec, struct canp_why *why);

/* clock_records.c: notes both clocks; looks whether one was set, and whether it is time to note them again.
 * Capture.
 */
void canp_clock_records_anchor(struct canp_recorder *rec);
void canp_clock_records_look(struct canp_recorder *rec);

/* link_events.c: reads what the netlink socket has, notes changes, binds again what came back. Capture. */
void canp_link_events_read(struct canp_recorder *rec);
/* Asks for the interfaces' statistics; canp_link_events_read() takes the answers. Does not wait. Capture. */
void canp_link_events_ask(struct canp_recorder *rec);
/* The last statistics, at the end: waits for them, shortly. Capture. */
void canp_link_events_finish(struct canp_recorder *rec);

/* flush.c */
/* What the window hands out, and lets go; the user is the recorder. Flush. */
void canp_flush_store(void *user, const struct canp_rowbuf *rows);
void canp_flush_let_go(void *user, const struct canp_rowbuf *rows);
void canp_flush_window_begins(void *user);
void canp_flush_short_of_memory(void *user, uint64_t held_ns);
int canp_flush_start(struct canp_recorder *rec);
/* After the last commit: everything is stored and the recording ended when it returns. */
void canp_flush_join(struct canp_recorder *rec);

#endif

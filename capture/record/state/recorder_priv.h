/*
 * The state of a recorder, shared by record/ and record/flush/. The comment of a field says which thread may
 * use it: "capture" is the thread in canp_recorder_run(), "flush" the thread that stores slabs.
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

#include "intake/lag.h"
#include "intake/state.h"
#include "link/iface_spec.h"
#include "link/netlink.h"
#include "notes.h"
#include "record/losses/disk_losses.h"
#include "record/losses/outside_windows.h"
#include "record/windows/window.h"
#include "remarks.h"
#include "rx/rx.h"
#include "up_order.h"

struct canp_recorder {
    struct intake in; /* what receives */

    /* Constant after open. */
    struct canp_recorder_opts opts; /* defaults filled in; dir, ifaces not valid */
    char *dir;
    struct iface_spec *specs; /* as asked for, one per opts.iface_count */
    uint8_t boot_id[16];      /* zero = unknown */
    pthread_t flush_thread;
    bool flush_running; /* owner: the thread is to be joined */

    /* Capture. */
    uint64_t ask_ns;            /* when the interfaces' statistics are asked for next */
    uint64_t end_ns;            /* by opts.duration_ns; UINT64_MAX = none */
    uint64_t anchor_ns;         /* CLOCK_MONOTONIC of the last clock record */
    uint64_t clock_ns;          /* and of the last look at the clocks; */
    int64_t boottime_offset_ns; /* how far CLOCK_BOOTTIME was ahead: how long it has been suspended */
    bool links_missed;          /* it was full: some changes were not told */
    bool look_at_all;           /* an interface could not be taken up: all are asked for again */
    int left_out[CANP_RECORDER_IFACES_MAX]; /* interfaces that were too many, and that the user knows of */
    const struct rx_ops *rx_ops;
    _Alignas(8) uint8_t netlink_buffer[NETLINK_BYTES_MAX];

    /* Flush. */
    _Alignas(64) struct canp_writer *writer; /* owner's until the thread starts */
    int store_error;                         /* at the end; read by others after the join */
    struct canp_why store_why;
    bool has_stored;   /* since opts.stored was called */
    int disk_error;    /* the disk is full or fails: nothing is stored until there is room; 0 = it is not */
    uint64_t retry_ns; /* disk_error: CLOCK_MONOTONIC of the next look */
    bool unsynced;
    int64_t tend_ns;           /* as canp_writer_tend() said last */
    uint64_t passed_over_told; /* segment numbers left out that the user knows of */
    int sync_error_told;
    uint64_t dirs_again_told; /* directories that were removed, likewise */
    uint64_t poisoned_told;   /* segments that could not be synced and that the user knows of */
    struct disk_losses unstored;
    struct outside_windows outside;
    struct notes notes;    /* owner's until the thread starts */
    struct window *window; /* likewise; NULL: everything is stored */

    /* Shared. */
    _Atomic unsigned chans_shown; /* channels that threads other than capture may look at */
    struct up_order up_orders[CANP_RECORDER_IFACES_MAX];
    struct remarks remarks;
    _Atomic bool triggered; /* from outside; flush takes it */
    _Atomic uint64_t windows;
    _Atomic bool rotate;       /* asked for; flush takes it */
    _Atomic bool capture_done; /* release by capture after its last commit; acquire by flush */
    _Atomic uint64_t started_ns;
    _Atomic uint64_t ended_ns; /* 0 while running */
    _Atomic uint64_t harvests;
    struct lag lag;         /* of harvests on a quiet bus; written by capture */
    _Atomic uint64_t bytes; /* the writer's statistics, published by flush */
    _Atomic uint64_t blocks;
    _Atomic uint64_t segments;
    _Atomic uint64_t removed;
    _Atomic(const char *) io;
};

#endif

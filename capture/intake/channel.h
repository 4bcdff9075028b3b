/*
 * One recorded interface, for the receiving side. A plain struct; the comment of a field says which thread
 * may use it: "capture" is the thread that receives, "flush" the thread that stores.
 */
#ifndef CANP_CAPTURE_CHANNEL_H
#define CANP_CAPTURE_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <canp/filter.h>
#include <canp/link.h>
#include <canp/rows.h>

#include "counter.h"
#include "link/device_id.h"

/* Frames lost that no gap row tells of yet. */
struct gap_pending {
    uint64_t lost;
    int64_t from_ns;
    int64_t to_ns;
};

enum { GAP_LAYERS = CANP_LAYER_RECORDER + 1 };

/* Capture's, except where a comment says otherwise. */
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
    char first_name[CANP_IFACE_NAME_BYTES]; /* constant once others know the channel */
    struct canp_link link;                  /* as its last definition in the stream says */
    char device[DEVICE_ID_BYTES];           /* which hardware it is; empty: none, or not known */
    const char *asked_as;                   /* borrowed; what the user named, NULL: `any` found it */
    const struct canp_filter_set *filters;  /* borrowed, NULL = everything; constant */

    /* Published by capture once per harvest, read by anyone; each a lone relaxed counter. */
    _Atomic uint64_t frames_seen;
    _Atomic uint64_t lost_socket;
    _Atomic uint64_t lost_device;
    _Atomic uint64_t lost_unslabbed; /* no free slab */
    /* Written by flush. */
    _Atomic uint64_t lost_unstored; /* was in a slab that could not be stored */
    _Atomic uint64_t outside;       /* in no window */
    _Atomic uint64_t errors_stored; /* error frames */
    _Atomic uint64_t undone;        /* was stored, and somebody cut or removed its segment */
};

#endif

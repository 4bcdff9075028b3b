/*
 * A recorder without sockets: the capture room's own intake, slabs and flush thread, fed by the test. For
 * tests that run where the kernel has no CAN. One thread plays the capture thread.
 */
#ifndef CANP_TEST_FAKE_RECORDER_H
#define CANP_TEST_FAKE_RECORDER_H

#include <stdlib.h>
#include <string.h>

#include "intake/intake.h"
#include "record/clock_records.h"
#include "record/flush/flush.h"
#include "record/link_events.h"

struct fake_opts {
    const char *dir; /* NULL: no writer, no flush thread */
    bool no_spill;   /* the test plays the flush thread, too, or starts it later */
    unsigned chan_count;
    unsigned slab_count;
    size_t slab_bytes;
    unsigned ready_slots;                         /* 0 = all */
    void (*notice)(void *user, const char *text); /* from the flush thread */
    void *user;
};

static struct canp_recorder *fake_open(const struct fake_opts *opts)
{
    struct canp_recorder *rec = aligned_alloc(64, (sizeof(*rec) + 63) & ~(size_t)63);
    struct canp_slabring_opts ring = CANP_SLABRING_OPTS_INIT;
    memset(rec, 0, sizeof(*rec));
    rec->in.stop_fd = -1;
    canp_remarks_init(&rec->remarks);
    rec->in.frames_left = UINT64_MAX;
    rec->end_ns = UINT64_MAX;
    rec->in.chan_count = opts->chan_count;
    atomic_store(&rec->chans_shown, opts->chan_count);
    rec->in.block_bytes = opts->slab_bytes;
    rec->dir = strdup(opts->dir ? opts->dir : "");
    rec->opts.notice = opts->notice;
    rec->opts.user = opts->user;
    rec->in.now_ns = canp_monotonic_ns();
    rec->in.commit_after_ns = 1000000;
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        rec->in.chans[i].fd = -1;
        rec->in.chans[i].index = (uint8_t)i;
        rec->in.chans[i].prev_ns = 1000;
        rec->in.chans[i].rcvbuf_bytes = 1 << 20;
        rec->in.chans[i].frame_cost_bytes = 1024;
    }
    ring.slot_bytes = opts->slab_bytes;
    ring.slot_count = opts->slab_count;
    ring.ready_slots = opts->ready_slots;
    if (canp_slabring_open(&ring, &rec->in.ring) < 0)
        abort();
    if (opts->dir) {
        struct canp_writer_opts writer = CANP_WRITER_OPTS_INIT;
        struct canp_iface iface = {.mtu = 72, .bytes = sizeof(iface), .name = "fake"};
        writer.segment_bytes = 1 << 20;
        if (canp_writer_open(opts->dir, &writer, &rec->writer, NULL) < 0)
            abort();
        for (unsigned i = 0; i < rec->in.chan_count; i++)
            canp_writer_add_iface(rec->writer, (uint8_t)i, &iface, 1000);
        if (!opts->no_spill && canp_flush_start(rec) < 0)
            abort();
    }
    return rec;
}

static void fake_close(struct canp_recorder *rec)
{
    canp_flush_join(rec);
    canp_writer_close(rec->writer);
    canp_slabring_close(rec->in.ring);
    free(rec->dir);
    free(rec);
}

/* Control messages as the kernel lays them out: SCM_TIMESTAMPNS, then SO_RXQ_OVFL when drops is not 0. */
static uint32_t fake_control(uint8_t *control, int64_t time_ns, uint32_t drops)
{
    struct timespec stamp = {time_ns / 1000000000, time_ns % 1000000000};
    struct cmsghdr h = {
        .cmsg_len = CMSG_LEN(sizeof(stamp)), .cmsg_level = SOL_SOCKET, .cmsg_type = SO_TIMESTAMPNS};
    memcpy(control, &h, sizeof(h));
    memcpy(control + sizeof(h), &stamp, sizeof(stamp));
    if (drops == 0)
        return CMSG_SPACE(sizeof(stamp));
    h.cmsg_len = CMSG_LEN(sizeof(drops));
    h.cmsg_type = SO_RXQ_OVFL;
    memcpy(control + CMSG_SPACE(sizeof(stamp)), &h, sizeof(h));
    memcpy(control + CMSG_SPACE(sizeof(stamp)) + sizeof(h), &drops, sizeof(drops));
    return CMSG_SPACE(sizeof(stamp)) + CMSG_SPACE(sizeof(drops));
}

static void fake_receive(struct canp_recorder *rec, unsigned channel, int64_t time_ns, uint32_t drops,
                         const void *frame, uint32_t bytes, uint32_t msg_flags)
{
    uint8_t control[RX_CONTROL_BYTES_STAMP_NS + RX_CONTROL_BYTES_DROPS];
    uint32_t n = fake_control(control, time_ns, drops);
    intake_frame(&rec->in, &rec->in.chans[channel], frame, bytes, msg_flags, control, n);
}

/* A classic frame that carries a number. */
static inline void fake_receive_number(struct canp_recorder *rec, unsigned channel, int64_t time_ns,
                                       uint32_t drops, uint64_t number)
{
    union canp_frame_store store = {.bytes = {0}};
    store.frame.id = 0x123;
    store.frame.len = 8;
    memcpy(store.bytes + 8, &number, 8);
    fake_receive(rec, channel, time_ns, drops, &store, 16, 0);
}

#endif

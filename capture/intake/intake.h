/*
 * Turns a received message into a row in the slab: the hot path, inlined into both ways of receiving.
 * Capture thread only; no allocation, no lock, no system call but the slab ring's wake.
 */
#ifndef CANP_CAPTURE_INTAKE_H
#define CANP_CAPTURE_INTAKE_H

#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <canp/pools/clock.h>

#include "slab_head.h"
#include "state.h"

/* What the control messages of one frame say. */
struct rx_meta {
    int64_t time_ns; /* CLOCK_REALTIME; 0 = no stamp came */
    int64_t hw_ns;   /* 0 = none */
    uint32_t drops;  /* SO_RXQ_OVFL; stays as given when none came */
};

/* Room that a frame's control messages need: multiples of 8. */
#define RX_CONTROL_BYTES_STAMP_NS 32U   /* cmsghdr + one timespec */
#define RX_CONTROL_BYTES_STAMPING 64U   /* cmsghdr + three timespecs */
#define RX_CONTROL_BYTES_DROPS    24U   /* cmsghdr + u32, padded */
#define RX_FRAME_BYTES            72U   /* struct canfd_frame */
#define RX_FRAME_BYTES_MIN        13U   /* struct canxl_frame with a byte of data: CAN XL has no less */
#define RX_XL_FRAME_BYTES         2060U /* struct canxl_frame */

static inline uint32_t rx_control_bytes(const struct intake *in)
{
    return RX_CONTROL_BYTES_DROPS +
           (in->hw_timestamps ? RX_CONTROL_BYTES_STAMPING : RX_CONTROL_BYTES_STAMP_NS);
}

static inline uint32_t rx_frame_bytes(const struct chan *ch)
{
    return ch->xl ? RX_XL_FRAME_BYTES : RX_FRAME_BYTES;
}

static inline int64_t rx_timespec_ns(const uint8_t *p)
{
    struct timespec t;
    memcpy(&t, p, sizeof(t));
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The control messages are the kernel's; their sizes are checked all the same. */
static inline void rx_parse_control(const uint8_t *control, uint32_t bytes, struct rx_meta *m)
{
    while (bytes >= sizeof(struct cmsghdr)) {
        struct cmsghdr h;
        memcpy(&h, control, sizeof(h));
        if (h.cmsg_len < sizeof(h) || h.cmsg_len > bytes)
            return;
        const uint8_t *data = control + sizeof(h);
        if (h.cmsg_type == SO_TIMESTAMPNS && h.cmsg_len >= CMSG_LEN(sizeof(struct timespec)))
            m->time_ns = rx_timespec_ns(data);
        else if (h.cmsg_type == SO_RXQ_OVFL && h.cmsg_len >= CMSG_LEN(sizeof(uint32_t)))
            memcpy(&m->drops, data, sizeof(m->drops));
        else if (h.cmsg_type == SO_TIMESTAMPING && h.cmsg_len >= CMSG_LEN(3 * sizeof(struct timespec))) {
            m->time_ns = rx_timespec_ns(data);
            m->hw_ns = rx_timespec_ns(data + 2 * sizeof(struct timespec));
        }
        size_t step = CMSG_ALIGN(h.cmsg_len);
        if (step >= bytes)
            return;
        control += step;
        bytes -= (uint32_t)step;
    }
}

/* The usual case, which needs no walk: the stamp alone. False: walk. */
static inline bool rx_stamp_only(const uint8_t *control, uint32_t bytes, struct rx_meta *m)
{
    struct cmsghdr h;
    if (bytes != RX_CONTROL_BYTES_STAMP_NS)
        return false;
    memcpy(&h, control, sizeof(h));
    if (h.cmsg_type != SO_TIMESTAMPNS || h.cmsg_len != CMSG_LEN(sizeof(struct timespec)))
        return false;
    m->time_ns = rx_timespec_ns(control + sizeof(h));
    return true;
}

static inline uint8_t rx_dir(uint32_t msg_flags)
{
    if (__builtin_expect(msg_flags & MSG_CONFIRM, 0))
        return CANP_DIR_OWN;
    return msg_flags & MSG_DONTROUTE ? CANP_DIR_TX : CANP_DIR_RX;
}

static inline uint8_t rx_kind(const uint8_t *frame, uint32_t bytes)
{
    if (__builtin_expect(frame[4] & 0x80, 0)) /* CANXL_XLF, where the others have their length */
        return CANP_KIND_XL;
    return bytes == RX_FRAME_BYTES ? CANP_KIND_FD : CANP_KIND_CAN;
}

/*
 * What canp_rowbuf_put_frame() does (engine/frame/rows.c), for the usual case: a classic frame, not the
 * block's first, whose time runs on, and room for the longest classic row. False: nothing was done. A test
 * compares the two.
 */
static inline bool intake_classic(struct canp_rowbuf *rb, int64_t time_ns, uint16_t tag, const uint8_t *frame)
{
    uint32_t id, len = frame[4];
    uint64_t offset_ns = (uint64_t)time_ns - (uint64_t)rb->base_ns, head, data;
    if (rb->records == 0 || time_ns < rb->last_ns || offset_ns > (uint64_t)CANP_ROW_OFFSET_MAX || len > 8 ||
        rb->capacity_bytes - rb->used_bytes < 24)
        return false;
    uint8_t *row = rb->data + rb->used_bytes;
    uint64_t stamp = offset_ns << CANP_ROW_TIME_SHIFT | tag;
    memcpy(&id, frame, 4);
    memcpy(&head, frame, 8);
    memcpy(&data, frame + 8, 8);
    data = len == 8 ? data : data & ((UINT64_C(1) << (8 * len)) - 1); /* little-endian, as the format */
    memcpy(row, &stamp, 8);
    memcpy(row + 8, &head, 8);
    memcpy(row + 16, &data, 8); /* len 0: behind the row, where there is room */
    uint32_t row_bytes = len ? 24 : 16;
    rb->used_bytes += row_bytes;
    rb->last_ns = time_ns;
    rb->records++;
    rb->frames++;
    rb->channel_mask |= UINT64_C(1) << ((tag & 0xFF) < 63 ? tag & 0xFF : 63);
    rb->id_filter |= UINT64_C(1) << canp_id_hash(id);
    if (rb->stride != row_bytes)
        rb->stride = 0;
    return true;
}

/* One row into the rows given: 0, -ENOSPC (start another block) or -EINVAL (no frame). */
int canp_intake_row(struct canp_rowbuf *rows, int64_t time_ns, uint16_t tag, int64_t hw_ns,
                    const uint8_t *frame, uint32_t bytes);

/* The way with no room, no slab, or a gap to tell first. */
void canp_intake_slow(struct intake *in, struct chan *ch, const struct rx_meta *m, uint16_t tag,
                      const uint8_t *frame, uint32_t bytes);

/* The socket dropped frames between the one before and this one. */
void canp_intake_drops(struct intake *in, struct chan *ch, uint32_t drops, int64_t time_ns);

/* Counts `lost` frames between two times and keeps them for a gap row. */
void canp_intake_gap(struct intake *in, struct chan *ch, enum canp_layer layer, uint64_t lost,
                     int64_t from_ns, int64_t to_ns);

/* Puts an event row (its struct complete). False when no slab is free: the event is not recorded. */
bool canp_intake_event(struct intake *in, uint8_t channel, uint8_t kind, int64_t time_ns, const void *event);

/* Writes the gap rows that are pending. False when no slab is free: they stay pending. */
bool canp_intake_gaps(struct intake *in);

/* Hands the slab to flush, if there is one that holds anything. */
void canp_intake_commit(struct intake *in);

/* Commits on the flush deadline; keeps filling while flush is behind. */
void canp_intake_flush_if_due(struct intake *in);

/* At the end: writes the gaps that are pending, waiting for a slab if need be, and commits. */
void canp_intake_finish(struct intake *in);

/* One received message: `frame` is `bytes` long. */
static inline void intake_frame(struct intake *in, struct chan *ch, const uint8_t *frame, uint32_t bytes,
                                uint32_t msg_flags, const uint8_t *control, uint32_t control_bytes)
{
    struct rx_meta m = {.drops = ch->drops_seen};
    if (__builtin_expect(!rx_stamp_only(control, control_bytes, &m), 0))
        rx_parse_control(control, control_bytes, &m);
    if (__builtin_expect(in->frames_left == 0 || bytes < RX_FRAME_BYTES_MIN, 0))
        return; /* past frames_max: not this recording's. The kernel gives no shorter frame. */
    in->frames_left--;
    if (__builtin_expect(m.time_ns == 0, 0))
        m.time_ns = canp_realtime_ns();
    if (__builtin_expect(m.drops != ch->drops_seen, 0))
        canp_intake_drops(in, ch, m.drops, m.time_ns);
    uint16_t tag = canp_tag(ch->index, rx_kind(frame, bytes), rx_dir(msg_flags));
    if (__builtin_expect(m.hw_ns != 0, 0))
        tag |= CANP_TAG_HW_TIME;
    ch->harvested++;
    int r = -ENOSPC;
    if (__builtin_expect(in->slab != NULL && !in->gaps_pending, 1)) {
        struct canp_rowbuf *rows = &((struct slab_head *)in->slab->user)->rows;
        bool classic = (tag & (0x0F << CANP_TAG_KIND_SHIFT | CANP_TAG_HW_TIME)) == 0; /* CANP_KIND_CAN */
        r = classic && intake_classic(rows, m.time_ns, tag, frame)
                ? 0
                : canp_intake_row(rows, m.time_ns, tag, m.hw_ns, frame, bytes);
    }
    if (__builtin_expect(r == 0, 1))
        ch->taken++;
    else
        canp_intake_slow(in, ch, &m, tag, frame, bytes);
    ch->prev_ns = m.time_ns;
}

#endif

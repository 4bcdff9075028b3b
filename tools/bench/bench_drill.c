/* A recorder without a kernel, for measuring (bench_drill.h). It includes private headers of capture, as the
 * tests of capture do. One thread.
 */
#include "bench_drill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/pools/slabring.h>

#include "intake/intake.h"
#include "record/state/recorder_priv.h"
#include "rx/rx_ring.h"

#define SLAB_BYTES    (256U << 10) /* as the recorder has them */
#define SLABS         16U
#define FD_BYTES      72U
#define CLASSIC_BYTES 16U
_Static_assert(DRILL_BATCH == RX_BATCH, "as the recorder has them");
#define PERIOD_NS 125000 /* between frames: 8,000/s */

struct drill {
    struct canp_recorder *rec;
    unsigned sq_head, cq_head, cq_tail, flags; /* the queues' words that a kernel would share */
    struct io_uring_cqe cqes[CQ_ENTRIES];
    int64_t time_ns;
    uint32_t id;
};

static uint32_t message_bytes(const struct drill *d)
{
    return (uint32_t)sizeof(struct io_uring_recvmsg_out) + rx_control_bytes(&d->rec->in);
}

static int open_queue(struct drill *d)
{
    struct rx *rx = calloc(1, sizeof(*rx));
    struct group *g = rx ? &rx->groups[GROUP_FRAMES] : NULL;
    size_t ring_bytes = FRAME_BUFFERS * sizeof(struct io_uring_buf);
    if (!rx)
        return -ENOMEM;
    d->rec->in.rx = rx;
    d->rec->rx_ops = &canp_rx_uring_ops;
    rx->message.msg_controllen = rx_control_bytes(&d->rec->in);
    rx->uring.sq.khead = &d->sq_head;
    rx->uring.sq.kflags = &d->flags;
    rx->uring.cq.khead = &d->cq_head;
    rx->uring.cq.ktail = &d->cq_tail;
    rx->uring.cq.cqes = d->cqes;
    rx->uring.cq.ring_mask = CQ_ENTRIES - 1;
    g->count = FRAME_BUFFERS;
    g->mask = FRAME_BUFFERS - 1;
    g->buffer_bytes = canp_align8(message_bytes(d) + RX_FRAME_BYTES);
    g->ring = calloc(1, ring_bytes);
    g->buffers = calloc(FRAME_BUFFERS, g->buffer_bytes);
    return g->ring && g->buffers
               ? canp_rx_batch_open(&rx->batch, rx_control_bytes(&d->rec->in), RX_FRAME_BYTES)
               : -ENOMEM;
}

static int open_writer(struct canp_recorder *rec, const char *dir, struct canp_why *why)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.mtu = FD_BYTES, .bytes = sizeof(iface), .name = "drill"};
    opts.no_sync = true; /* the disk's own time is not what is measured */
    int r = canp_writer_open(dir, &opts, &rec->writer, why);
    return r < 0 ? r : canp_writer_add_iface(rec->writer, 0, &iface, 1);
}

static int set_up(struct drill *d, const char *dir, struct canp_why *why)
{
    struct canp_slabring_opts ring = CANP_SLABRING_OPTS_INIT;
    struct canp_recorder *rec = aligned_alloc(64, (sizeof(*rec) + 63) & ~(size_t)63);
    if (!rec)
        return -ENOMEM;
    memset(rec, 0, sizeof(*rec));
    d->rec = rec;
    d->time_ns = INT64_C(1700000000000000000);
    rec->in.stop_fd = rec->in.watch_fd = rec->in.chans[0].fd = -1;
    rec->in.frames_left = rec->end_ns = UINT64_MAX;
    rec->in.commit_after_ns = UINT64_MAX / 2;
    rec->in.chan_count = 1;
    rec->in.block_bytes = SLAB_BYTES;
    ring.slot_bytes = SLAB_BYTES;
    ring.slot_count = SLABS;
    int r = canp_slabring_open(&ring, &rec->in.ring);
    if (r == 0)
        r = open_queue(d);
    return r == 0 && dir ? open_writer(rec, dir, why) : r;
}

int drill_open(const char *dir, struct drill **out, struct canp_why *why)
{
    struct drill *d = calloc(1, sizeof(*d));
    int r = d ? set_up(d, dir, why) : -ENOMEM;
    if (r < 0)
        drill_close(d);
    else
        *out = d;
    return r;
}

void drill_close(struct drill *d)
{
    struct canp_recorder *rec = d ? d->rec : NULL;
    if (rec) {
        canp_writer_close(rec->writer);
        canp_slabring_close(rec->in.ring);
        if (rec->in.rx) {
            free(rec->in.rx->groups[GROUP_FRAMES].ring);
            free(rec->in.rx->groups[GROUP_FRAMES].buffers);
            canp_rx_batch_close(&rec->in.rx->batch);
        }
        free(rec->in.rx);
        free(rec);
    }
    free(d);
}

/* A frame and its stamp. */
static void lay_out(struct drill *d, uint8_t *control, uint32_t frame_bytes)
{
    struct cmsghdr h = {
        .cmsg_len = CMSG_LEN(sizeof(struct timespec)), .cmsg_level = SOL_SOCKET, .cmsg_type = SO_TIMESTAMPNS};
    struct timespec stamp = {d->time_ns / 1000000000, (long)(d->time_ns % 1000000000)};
    uint8_t *frame = control + rx_control_bytes(&d->rec->in);
    uint64_t data = (uint64_t)d->time_ns * 0x9E3779B97F4A7C15U;
    uint32_t id = 0x100 + d->id % 50;
    memcpy(control, &h, sizeof(h));
    memcpy(control + sizeof(h), &stamp, sizeof(stamp));
    memset(frame, 0, frame_bytes);
    memcpy(frame, &id, sizeof(id));
    frame[4] = (uint8_t)(frame_bytes - 8);
    for (uint32_t at = 8; at < frame_bytes; at += 8)
        memcpy(frame + at, &data, 8);
    d->time_ns += PERIOD_NS;
    d->id++;
}

void drill_receive(struct drill *d, unsigned frames, int fd_frames)
{
    struct group *g = &d->rec->in.rx->groups[GROUP_FRAMES];
    uint32_t frame_bytes = fd_frames ? FD_BYTES : CLASSIC_BYTES;
    struct io_uring_recvmsg_out out = {
        .controllen = RX_CONTROL_BYTES_STAMP_NS, .payloadlen = frame_bytes, .flags = MSG_DONTROUTE};
    for (unsigned i = 0; i < frames; i++) {
        uint32_t id = d->cq_tail & g->mask;
        struct io_uring_cqe *cqe = &d->cqes[d->cq_tail & (CQ_ENTRIES - 1)];
        uint8_t *buffer = g->buffers + (size_t)id * g->buffer_bytes;
        memcpy(buffer, &out, sizeof(out));
        lay_out(d, buffer + sizeof(out), frame_bytes);
        cqe->user_data = 0; /* the channel */
        cqe->res = (int)(message_bytes(d) + frame_bytes);
        cqe->flags = id << IORING_CQE_BUFFER_SHIFT | IORING_CQE_F_BUFFER | IORING_CQE_F_MORE;
        d->cq_tail++;
    }
}

void drill_harvest(struct drill *d)
{
    d->rec->rx_ops->harvest(&d->rec->in);
}

void drill_receive_batch(struct drill *d, int fd_frames)
{
    uint32_t frame_bytes = fd_frames ? FD_BYTES : CLASSIC_BYTES;
    for (unsigned i = 0; i < RX_BATCH; i++) {
        struct mmsghdr *m = &d->rec->in.rx->batch.messages[i];
        lay_out(d, m->msg_hdr.msg_control, frame_bytes);
        m->msg_hdr.msg_controllen = RX_CONTROL_BYTES_STAMP_NS;
        m->msg_hdr.msg_flags = MSG_DONTROUTE;
        m->msg_len = frame_bytes;
    }
}

void drill_take_batch(struct drill *d)
{
    canp_rx_batch_take(&d->rec->in, &d->rec->in.rx->batch, &d->rec->in.chans[0], RX_BATCH);
}

int drill_spill(struct drill *d)
{
    struct canp_recorder *rec = d->rec;
    struct canp_slab *slab;
    int r = 0;
    while (r == 0 && (slab = canp_slabring_take(rec->in.ring)) != NULL) {
        if (rec->writer)
            r = canp_writer_commit(rec->writer, &((const struct slab_head *)slab->user)->rows);
        canp_slabring_give_back(rec->in.ring, slab);
    }
    return r;
}

int drill_flush(struct drill *d)
{
    canp_intake_commit(&d->rec->in);
    return drill_spill(d);
}

uint64_t drill_frames(const struct drill *d)
{
    return d->rec->in.chans[0].taken;
}

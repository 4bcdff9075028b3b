/*
 * Receives by io_uring: one armed multishot recvmsg per socket, with a ring of provided buffers. On a busy
 * bus, when the thread sleeps instead of waiting in the ring, it first empties the sockets by recvmmsg; the
 * request stays armed and finds little. With that the whole process takes 0.88 of the instructions per frame
 * on kernel 7.2, and as many on 6.1 (`scripts/bench peers --only rate8000`).
 *
 * Invariants: buffers + requests in flight <= completion queue entries, so the queue cannot overflow; a
 * socket's request is either armed or marked to be armed in this harvest (or, after an odd error, the next).
 * The request stays armed while the thread sleeps; the kernel then keeps the frames in the socket until
 * the thread asks for events. No MSG_DONTWAIT: with it newer kernels end the request after 32 frames.
 * Capture thread only, open included (IORING_SETUP_SINGLE_ISSUER).
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "intake/intake.h"
#include "link/can_socket.h"
#include "rx_run.h"

/* user_data of a request: the channel, or one of these. */
enum { TOKEN_STOP = 256, TOKEN_WATCH = 257, TOKEN_CANCEL = 258 };

/* ---- set-up -------------------------------------------------------------------------------------- */

static void *map_zeroed(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes);
}

static void put_back(struct group *g, uint32_t id)
{
    group_put(g, group_tail(g), id);
    g->returned++;
}

static void show_returned(struct group *g)
{
    if (g->returned == 0)
        return;
    io_uring_buf_ring_advance(g->ring, g->returned);
    g->returned = 0;
}

static int group_open(struct rx *rx, int id, uint32_t count, uint32_t buffer_bytes)
{
    struct group *g = &rx->groups[id];
    g->count = count;
    g->mask = (uint32_t)io_uring_buf_ring_mask(count);
    g->buffer_bytes = buffer_bytes;
    g->ring = map_zeroed(count * sizeof(struct io_uring_buf));
    g->buffers = map_zeroed((size_t)count * buffer_bytes);
    if (!g->ring || !g->buffers)
        return -ENOMEM;
    struct io_uring_buf_reg reg = {
        .ring_addr = (uint64_t)(uintptr_t)g->ring, .ring_entries = count, .bgid = (uint16_t)id};
    int r = io_uring_register_buf_ring(&rx->uring, &reg, 0);
    if (r < 0)
        return r;
    io_uring_buf_ring_init(g->ring);
    for (uint32_t i = 0; i < count; i++)
        put_back(g, i);
    show_returned(g);
    return 0;
}

static void group_close(struct group *g)
{
    unmap(g->ring, g->count * sizeof(struct io_uring_buf));
    unmap(g->buffers, (size_t)g->count * g->buffer_bytes);
}

static void rx_uring_close(struct intake *in)
{
    struct rx *rx = in->rx;
    if (!rx)
        return;
    if (rx->uring_open)
        io_uring_queue_exit(&rx->uring); /* before the buffers: ends what could still write to them */
    for (int i = 0; i < GROUP_COUNT; i++)
        group_close(&rx->groups[i]);
    canp_rx_batch_close(&rx->batch);
    free(rx);
    in->rx = NULL;
}

/* The best set-up that this kernel takes. */
static int ring_open(struct rx *rx)
{
    static const unsigned flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG, /* 6.1 */
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,                               /* 5.19 */
        0,
    };
    int r = -EINVAL;
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]) && r == -EINVAL; i++) {
        struct io_uring_params params = {.flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
                                         .cq_entries = CQ_ENTRIES};
        r = io_uring_queue_init_params(SQ_ENTRIES, &rx->uring, &params);
        if (r == 0 && params.cq_entries < CQ_ENTRIES) {
            io_uring_queue_exit(&rx->uring);
            return -ENOMEM;
        }
    }
    rx->uring_open = r == 0;
    rx->deferred = r == 0 && (rx->uring.flags & IORING_SETUP_DEFER_TASKRUN);
    return r;
}

static uint32_t buffer_bytes(const struct intake *in, uint32_t frame_bytes)
{
    return canp_align8((uint32_t)sizeof(struct io_uring_recvmsg_out) + rx_control_bytes(in) + frame_bytes);
}

/* CAN XL frames come once the request has buffers for them: a smaller one would cut them. */
static void choose_group(struct intake *in, struct chan *ch)
{
    struct rx *rx = in->rx;
    if (!ch->xl || rx->group_of[ch->index] == GROUP_XL)
        return;
    int r = rx->groups[GROUP_XL].ring
                ? 0
                : group_open(rx, GROUP_XL, XL_BUFFERS, buffer_bytes(in, RX_XL_FRAME_BYTES));
    if (r == 0)
        r = canp_can_socket_take_xl(ch->fd);
    if (r == 0)
        rx->group_of[ch->index] = GROUP_XL;
    else
        canp_intake_notice(in, "%s: CAN XL frames cannot be received: %s", ch->name, canp_strerror(r));
}

static void arm_socket(struct intake *in, struct chan *ch)
{
    struct rx *rx = in->rx;
    choose_group(in, ch);
    rx->armed[ch->index] = true;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&rx->uring);
    assert(sqe); /* SQ_ENTRIES: each request is armed at most once between two submissions */
    io_uring_prep_recvmsg_multishot(sqe, ch->fd, &rx->message, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = rx->group_of[ch->index];
    io_uring_sqe_set_data64(sqe, ch->index);
}

static void arm_poll(struct rx *rx, int fd, uint64_t token)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&rx->uring);
    assert(sqe);
    io_uring_prep_poll_multishot(sqe, fd, POLLIN);
    io_uring_sqe_set_data64(sqe, token);
}

static void arm_all(struct intake *in)
{
    for (unsigned i = 0; i < in->chan_count; i++)
        arm_socket(in, &in->chans[i]);
    arm_poll(in->rx, in->stop_fd, TOKEN_STOP);
    if (in->watch_fd >= 0)
        arm_poll(in->rx, in->watch_fd, TOKEN_WATCH);
}

static int set_up(struct intake *in)
{
    struct rx *rx = in->rx;
    int r = ring_open(rx);
    if (r == 0)
        r = group_open(rx, GROUP_FRAMES, FRAME_BUFFERS, buffer_bytes(in, RX_FRAME_BYTES));
    if (r == 0 && rx->deferred)
        r = canp_rx_batch_open(&rx->batch, rx_control_bytes(in), RX_FRAME_BYTES);
    if (r < 0)
        return r;
    rx->message.msg_controllen = rx_control_bytes(in);
    arm_all(in);
    r = io_uring_submit(&rx->uring);
    return r < 0 ? r : 0;
}

static void rearm_later(struct intake *in, unsigned channel)
{
    in->rx->rearm[channel] = true;
    in->rx->rearm_any = true;
}

/* A kernel without multishot recvmsg answers at once with -EINVAL. */
static int first_answers(struct intake *in)
{
    struct io_uring_cqe *cqe;
    io_uring_get_events(&in->rx->uring);
    if (io_uring_peek_cqe(&in->rx->uring, &cqe) == 0 && cqe->res == -EINVAL)
        return -EOPNOTSUPP;
    return 0;
}

static int rx_uring_open(struct intake *in, struct canp_why *why)
{
    in->rx = calloc(1, sizeof(*in->rx));
    int r = in->rx ? set_up(in) : -ENOMEM;
    if (r == 0)
        r = first_answers(in);
    if (r == 0)
        return 0;
    rx_uring_close(in);
    const char *text = r == -EPERM
                           ? "switched off here (sysctl kernel.io_uring_disabled, or a seccomp filter)"
                       : r == -ENOSYS ? "not in this kernel, or a seccomp filter refuses it"
                                      : canp_strerror(r);
    return canp_fail(why, r, "io_uring: %s", text);
}

/* ---- receiving ----------------------------------------------------------------------------------- */

static void take_message(struct intake *in, struct chan *ch, const struct io_uring_cqe *cqe)
{
    struct rx *rx = in->rx;
    struct group *g = &rx->groups[rx->group_of[ch->index]];
    uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    uint8_t *buffer = g->buffers + (size_t)id * g->buffer_bytes;
    struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(buffer, cqe->res, &rx->message);
    if (out) {
        const uint8_t *control = (const uint8_t *)(out + 1);
        const uint8_t *frame = control + rx->message.msg_controllen;
        uint32_t room = (uint32_t)cqe->res - (uint32_t)(frame - buffer);
        uint32_t bytes = out->payloadlen < room ? out->payloadlen : room;
        intake_frame(in, ch, frame, bytes, out->flags, control, out->controllen);
    }
    put_back(g, id);
}

/* The request ended. Out of buffers, interface down or gone: armed again at once (the kernel tells down and
 * gone once). Anything else: armed again, but a little later, so that a lasting error makes no spinning. */
static void socket_ended(struct intake *in, struct chan *ch, int error)
{
    rearm_later(in, ch->index);
    if (error >= 0 || error == -ENOBUFS || error == -ENETDOWN || error == -ENODEV || error == -EINTR ||
        error == -ECANCELED)
        return;
    in->rx_retry = true;
    if (in->rx->odd_errors++ < 4)
        canp_intake_notice(in, "%s: receiving: %s; trying again", ch->name, canp_strerror(error));
}

static void take_cqe(struct intake *in, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data >= TOKEN_STOP) {
        if (cqe->user_data == TOKEN_WATCH) {
            in->links_changed = true;
            if (!(cqe->flags & IORING_CQE_F_MORE))
                in->rx->rearm_watch = in->rx->rearm_any = true;
        }
        return;
    }
    struct chan *ch = &in->chans[cqe->user_data];
    if (__builtin_expect(cqe->res >= 0 && (cqe->flags & IORING_CQE_F_BUFFER), 1))
        take_message(in, ch, cqe);
    if (__builtin_expect(!(cqe->flags & IORING_CQE_F_MORE), 0))
        socket_ended(in, ch, cqe->res);
}

static unsigned take_cqes(struct intake *in)
{
    struct io_uring_cq *cq = &in->rx->uring.cq;
    unsigned begin = *cq->khead, head = begin, tail = io_uring_smp_load_acquire(cq->ktail);
    while (head != tail) { /* bounded by the queue's size */
        const struct io_uring_cqe *cqe = &cq->cqes[head & cq->ring_mask];
        uint32_t usual = rx_run_frame_bytes(cqe);
        unsigned n = usual ? canp_rx_run_take(in, head, tail, usual) : 0;
        if (n == 0)
            take_cqe(in, cqe);
        head += n ? n : 1;
    }
    io_uring_cq_advance(&in->rx->uring, head - begin);
    for (int i = 0; i < GROUP_COUNT; i++)
        show_returned(&in->rx->groups[i]);
    return head - begin;
}

static void rearm(struct intake *in)
{
    struct rx *rx = in->rx;
    if (!rx->rearm_any || in->rx_retry)
        return;
    rx->rearm_any = false;
    for (unsigned i = 0; i < in->chan_count; i++) {
        if (rx->rearm[i])
            arm_socket(in, &in->chans[i]);
        rx->rearm[i] = false;
    }
    if (rx->rearm_watch)
        arm_poll(rx, in->watch_fd, TOKEN_WATCH);
    rx->rearm_watch = false;
}

/* Where the kernel reads for the armed requests only when it is asked (DEFER_TASKRUN), nothing that it read
 * lies in the queue now, so frames stay in order. CAN XL is left to the ring, whose buffers it needs. */
static void empty_sockets(struct intake *in)
{
    for (unsigned i = 0; i < in->chan_count; i++) {
        if (!in->chans[i].xl)
            canp_rx_batch_empty(in, &in->rx->batch, &in->chans[i]);
    }
}

static void rx_uring_harvest(struct intake *in)
{
    struct rx *rx = in->rx;
    unsigned sum = 0;
    in->rx_retry = false;
    if (rx->deferred && harvest_pace_is_busy(&in->pace)) {
        take_cqes(in); /* none, but of an interrupted wait */
        empty_sockets(in);
    }
    /* Bounded by RX_HARVEST_MAX; newer kernels hand over 32 frames per socket and round. The kernel is asked
     * until it has nothing: its flag for more (IORING_SQ_TASKRUN) was seen to stay up with nothing behind it,
     * on 7.2. */
    for (unsigned n = 1; n > 0 && sum < RX_HARVEST_MAX; sum += n) {
        rearm(in);
        if (io_uring_sq_ready(&rx->uring))
            io_uring_submit_and_get_events(&rx->uring);
        else
            io_uring_get_events(&rx->uring);
        n = take_cqes(in);
    }
}

/* A request that takes small buffers ends first; its end arms the next one. */
static void rx_uring_take_up(struct intake *in, struct chan *ch)
{
    if (!in->rx->armed[ch->index]) {
        rearm_later(in, ch->index);
        return;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&in->rx->uring);
    if (!sqe)
        return;
    io_uring_prep_cancel64(sqe, ch->index, 0);
    io_uring_sqe_set_data64(sqe, TOKEN_CANCEL);
}

static void rx_uring_wait(struct intake *in, int64_t timeout_ns)
{
    struct __kernel_timespec limit = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    struct io_uring_cqe *cqe;
    io_uring_wait_cqes(&in->rx->uring, &cqe, 1, timeout_ns < 0 ? NULL : &limit, NULL);
}

const struct rx_ops canp_rx_uring_ops = {"io_uring",       rx_uring_open,    rx_uring_wait,
                                         rx_uring_harvest, rx_uring_take_up, rx_uring_close};

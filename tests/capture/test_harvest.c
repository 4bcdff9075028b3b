/*
 * Completions taken in runs (rx_run.c), and batches of messages (rx_batch.c), against one message at a time:
 * the same rows, byte for byte, the same counts, the same buffers given back; whatever the kernel may hand
 * over, usual or odd. Two recorders without sockets, one fed through a completion queue or a batch that the
 * test fills, the other by intake_frame().
 */
#include <criterion/criterion.h>

#include "fake_recorder.h"
#include "rx/rx_ring.h"
#include "rx/rx_run.h"
#include "seed.h"

#define T0    INT64_C(1700000000000000000)
#define CHANS 3U

/* A completion queue and a ring of buffers without a kernel. */
struct queue {
    unsigned sq_head, cq_head, cq_tail, flags;
    struct io_uring_cqe cqes[CQ_ENTRIES];
    unsigned taken; /* places of the ring that the kernel used */
};

struct message {
    uint64_t channel;
    uint32_t flags; /* of the message */
    uint32_t control_bytes, frame_bytes;
    _Alignas(8) uint8_t control[96], frame[RX_FRAME_BYTES];
};

static struct queue queue;
static struct canp_recorder *by_run, *singly;
static struct test_random rnd;
static int64_t now_ns;
static uint32_t drops;
static unsigned fd_share, fixed_len; /* frames of 100 that are FD; their length when it is always the same */

static void set_up_queue(struct canp_recorder *rec)
{
    struct rx *rx = calloc(1, sizeof(*rx));
    struct group *g = &rx->groups[GROUP_FRAMES];
    memset(&queue, 0, sizeof(queue));
    rec->in.rx = rx;
    rec->rx_ops = &canp_rx_uring_ops;
    rx->message.msg_controllen = rx_control_bytes(&rec->in);
    rx->uring.sq.khead = &queue.sq_head;
    rx->uring.sq.kflags = &queue.flags;
    rx->uring.cq.khead = &queue.cq_head;
    rx->uring.cq.ktail = &queue.cq_tail;
    rx->uring.cq.cqes = queue.cqes;
    rx->uring.cq.ring_mask = CQ_ENTRIES - 1;
    g->count = FRAME_BUFFERS;
    g->mask = FRAME_BUFFERS - 1;
    g->buffer_bytes = canp_align8((uint32_t)sizeof(struct io_uring_recvmsg_out) + rx_control_bytes(&rec->in) +
                                  RX_FRAME_BYTES);
    g->ring = calloc(FRAME_BUFFERS, sizeof(struct io_uring_buf));
    g->buffers = calloc(FRAME_BUFFERS, g->buffer_bytes);
    for (unsigned i = 0; i < FRAME_BUFFERS; i++)
        group_put(g, i, i);
    g->ring->tail = FRAME_BUFFERS;
    cr_assert_eq(canp_rx_batch_open(&rx->batch, rx_control_bytes(&rec->in), RX_FRAME_BYTES), 0);
}

static bool always_drops; /* the sockets dropped frames before: each message tells how many */

static void begin(unsigned slabs, size_t slab_bytes, bool hw_timestamps)
{
    struct fake_opts opts = {.chan_count = CHANS, .slab_count = slabs, .slab_bytes = slab_bytes};
    by_run = fake_open(&opts);
    singly = fake_open(&opts);
    by_run->in.hw_timestamps = singly->in.hw_timestamps = hw_timestamps;
    set_up_queue(by_run);
    now_ns = T0;
    drops = 0;
}

static void end(void)
{
    free(by_run->in.rx->groups[GROUP_FRAMES].ring);
    free(by_run->in.rx->groups[GROUP_FRAMES].buffers);
    canp_rx_batch_close(&by_run->in.rx->batch);
    free(by_run->in.rx);
    fake_close(by_run);
    fake_close(singly);
}

/* ---- what a kernel may say ----------------------------------------------------------------------- */

static uint64_t below(uint64_t limit)
{
    return test_random_below(&rnd, limit);
}

static void put_control(struct message *m, int type, const void *data, size_t bytes)
{
    struct cmsghdr h = {.cmsg_len = CMSG_LEN(bytes), .cmsg_level = SOL_SOCKET, .cmsg_type = type};
    memcpy(m->control + m->control_bytes, &h, sizeof(h));
    memcpy(m->control + m->control_bytes + sizeof(h), data, bytes);
    m->control_bytes += (uint32_t)CMSG_SPACE(bytes);
}

static void put_stamp(struct message *m, bool hw_timestamps)
{
    struct timespec stamps[3] = {{now_ns / 1000000000, now_ns % 1000000000}, {0, 0}, {0, (long)below(2)}};
    if (hw_timestamps)
        put_control(m, SO_TIMESTAMPING, stamps, sizeof(stamps));
    else
        put_control(m, SO_TIMESTAMPNS, stamps, sizeof(stamps[0]));
}

static void make_frame(struct message *m, unsigned odd)
{
    uint32_t id = (uint32_t)below(below(2) ? 0x800 : 0x100000000);
    bool fd = below(100) < fd_share;
    uint32_t len = fd && fixed_len ? fixed_len : (uint32_t)below(fd ? 65 : 9);
    m->frame_bytes = fd ? RX_FRAME_BYTES : 16;
    memset(m->frame, 0, sizeof(m->frame));
    memcpy(m->frame, &id, 4);
    m->frame[4] = (uint8_t)(odd && below(30) == 0 ? below(256) : len);
    m->frame[5] = (uint8_t)below(256);
    m->frame[7] = (uint8_t)below(16);
    for (unsigned i = 8; i < m->frame_bytes;
         i++) /* bytes behind the length, too: the kernel's buffers are dirty */
        m->frame[i] = (uint8_t)below(256);
}

/* `odd`: how many of 100 messages are not the usual one. */
static void make_message(struct message *m, unsigned odd, bool hw_timestamps)
{
    unsigned is_odd = below(100) < odd;
    m->control_bytes = 0;
    m->channel = below(4) ? m->channel % CHANS : below(CHANS);
    m->flags = (uint32_t)(below(2) * MSG_DONTROUTE);
    now_ns += (int64_t)below(1000000);
    if (is_odd && below(3) == 0)
        now_ns -= (int64_t)below(10000000);
    if (is_odd && below(50) == 0)
        now_ns += INT64_C(40) * 3600 * 1000000000; /* farther than a block reaches */
    if (is_odd && below(3) == 0)
        m->flags |= (uint32_t)(below(2) ? MSG_CONFIRM : MSG_TRUNC);
    put_stamp(m, hw_timestamps); /* always: without one, each side would read the clock */
    if (always_drops || (is_odd && below(3) == 0)) {
        drops += is_odd ? (uint32_t)below(3) : 0;
        put_control(m, SO_RXQ_OVFL, &drops, sizeof(drops));
    }
    make_frame(m, is_odd);
}

/* The kernel takes the ring's next buffer and completes with it. */
static void complete(const struct message *m)
{
    struct group *g = &by_run->in.rx->groups[GROUP_FRAMES];
    const struct io_uring_buf *place = &g->ring->bufs[queue.taken++ & g->mask];
    struct io_uring_cqe *cqe = &queue.cqes[queue.cq_tail & (CQ_ENTRIES - 1)];
    uint8_t *at = (uint8_t *)(uintptr_t)place->addr;
    struct io_uring_recvmsg_out out = {
        .controllen = m->control_bytes, .payloadlen = m->frame_bytes, .flags = m->flags};
    cr_assert_eq(place->addr, (uintptr_t)g->buffers + (uint64_t)place->bid * g->buffer_bytes);
    cr_assert_eq(place->len, g->buffer_bytes);
    memcpy(at, &out, sizeof(out));
    memcpy(at + sizeof(out), m->control, m->control_bytes);
    memcpy(at + sizeof(out) + rx_control_bytes(&by_run->in), m->frame, m->frame_bytes);
    *cqe =
        (struct io_uring_cqe){.user_data = m->channel,
                              .res = (int)(sizeof(out) + rx_control_bytes(&by_run->in) + m->frame_bytes),
                              .flags = (uint32_t)place->bid << IORING_CQE_BUFFER_SHIFT | IORING_CQE_F_BUFFER |
                                       IORING_CQE_F_MORE | (below(9) ? 0 : IORING_CQE_F_SOCK_NONEMPTY)};
    queue.cq_tail++;
}

/* The next messages of a batch, all of one socket. */
static void fill_batch(unsigned at, const struct message *m)
{
    struct rx_batch *b = &by_run->in.rx->batch;
    struct mmsghdr *to = &b->messages[at];
    cr_assert_eq(to->msg_hdr.msg_controllen, b->control_bytes, "ready for the kernel");
    memcpy(to->msg_hdr.msg_control, m->control, m->control_bytes);
    memcpy(to->msg_hdr.msg_iov->iov_base, m->frame, m->frame_bytes);
    to->msg_hdr.msg_controllen = m->control_bytes;
    to->msg_hdr.msg_flags = (int)m->flags;
    to->msg_len = m->frame_bytes;
}

static void take_singly(const struct message *m)
{
    intake_frame(&singly->in, &singly->in.chans[m->channel], m->frame, m->frame_bytes, m->flags, m->control,
                 m->control_bytes);
}

/* ---- comparing ----------------------------------------------------------------------------------- */

static void same_rows(const struct canp_rowbuf *a, const struct canp_rowbuf *b)
{
    cr_assert(a->used_bytes == b->used_bytes && a->records == b->records && a->frames == b->frames);
    cr_assert(a->base_ns == b->base_ns && a->first_ns == b->first_ns && a->last_ns == b->last_ns);
    cr_assert(a->channel_mask == b->channel_mask && a->id_filter == b->id_filter);
    cr_assert(a->stride == b->stride && a->flags == b->flags && a->lost == b->lost);
    cr_assert_eq(memcmp(a->data, b->data, a->used_bytes), 0);
}

static struct canp_rowbuf *rows_of(struct canp_slab *slab)
{
    return &((struct slab_head *)slab->user)->rows;
}

static void same_slabs(void)
{
    struct canp_slab *a, *b;
    while ((a = canp_slabring_take(by_run->in.ring)) != NULL) {
        cr_assert_not_null(b = canp_slabring_take(singly->in.ring));
        same_rows(rows_of(a), rows_of(b));
        canp_slabring_give_back(by_run->in.ring, a);
        canp_slabring_give_back(singly->in.ring, b);
    }
    cr_assert_null(canp_slabring_take(singly->in.ring));
}

static void same_state(void)
{
    cr_assert(by_run->in.frames_left == singly->in.frames_left &&
              by_run->in.gaps_pending == singly->in.gaps_pending);
    cr_assert_eq(by_run->in.slab != NULL, singly->in.slab != NULL);
    if (by_run->in.slab)
        same_rows(rows_of(by_run->in.slab), rows_of(singly->in.slab));
    for (unsigned c = 0; c < CHANS; c++) {
        struct chan *a = &by_run->in.chans[c], *b = &singly->in.chans[c];
        cr_assert(a->taken == b->taken && a->harvested == b->harvested && a->drops_seen == b->drops_seen);
        cr_assert(counter_get(&a->lost_socket) == counter_get(&b->lost_socket) &&
                  counter_get(&a->lost_unslabbed) == counter_get(&b->lost_unslabbed));
    }
}

/* All buffers are back, each once. */
static void all_given_back(void)
{
    const struct group *g = &by_run->in.rx->groups[GROUP_FRAMES];
    static bool there[FRAME_BUFFERS];
    memset(there, 0, sizeof(there));
    cr_assert_eq((uint16_t)(g->ring->tail - queue.taken), FRAME_BUFFERS);
    for (unsigned i = 0; i < FRAME_BUFFERS; i++) {
        cr_assert_not(there[g->ring->bufs[i].bid]);
        there[g->ring->bufs[i].bid] = true;
    }
}

static void receive_completions(unsigned odd, bool hw_timestamps)
{
    static struct message m;
    for (unsigned i = (unsigned)below(FRAME_BUFFERS); i > 0; i--) {
        make_message(&m, odd, hw_timestamps);
        complete(&m);
        take_singly(&m);
    }
    by_run->rx_ops->harvest(&by_run->in);
    all_given_back();
}

static void receive_batch(unsigned odd, bool hw_timestamps)
{
    static struct message m;
    unsigned n = (unsigned)below(RX_BATCH + 1);
    uint64_t channel = below(CHANS);
    for (unsigned i = 0; i < n; i++) {
        make_message(&m, odd, hw_timestamps);
        m.channel = channel;
        fill_batch(i, &m);
        take_singly(&m);
    }
    canp_rx_batch_take(&by_run->in, &by_run->in.rx->batch, &by_run->in.chans[channel], n);
}

static void compare(unsigned rounds, unsigned odd, bool hw_timestamps)
{
    for (unsigned round = 0; round < rounds; round++) {
        fd_share = below(3) ? (unsigned)below(101) : (unsigned)below(2) * 100;
        fixed_len = below(2) ? (unsigned)below(65) : 0;
        if (below(2))
            receive_completions(odd, hw_timestamps);
        else
            receive_batch(odd, hw_timestamps);
        same_state();
        if (below(3))
            same_slabs(); /* else slabs run out in time */
        if (below(8) == 0) {
            canp_intake_commit(&by_run->in);
            canp_intake_commit(&singly->in);
        }
    }
    same_slabs();
}

Test(harvest, usual_frames)
{
    rnd = test_random_start("harvest.usual_frames");
    begin(64, 65536, false);
    compare(200, 0, false);
    cr_assert_eq(counter_get(&singly->in.chans[0].lost_unslabbed), 0);
    end();
}

/* From a socket's first drop on, every message has a second control message: that is the usual case then. */
Test(harvest, runs_go_on_after_a_drop)
{
    rnd = test_random_start("harvest.runs_go_on_after_a_drop");
    always_drops = true;
    for (unsigned odd = 0; odd <= 30; odd += 10) {
        begin(64, 65536, false);
        drops = UINT32_MAX - 2; /* wraps soon */
        compare(120, odd, false);
        end();
    }
    always_drops = false;
}

Test(harvest, a_run_after_a_drop_is_one)
{
    static struct message m;
    rnd = test_random_start("harvest.a_run_after_a_drop_is_one");
    begin(8, 65536, false);
    always_drops = true;
    fd_share = 0;
    drops = 1; /* the first drop is told by the plain path, as is each further one */
    for (unsigned i = 0; i < 11; i++) {
        make_message(&m, 0, false);
        m.channel = 0;
        if (i == 0)
            intake_frame(&by_run->in, &by_run->in.chans[0], m.frame, m.frame_bytes, m.flags, m.control,
                         m.control_bytes);
        else
            complete(&m);
        drops += i == 7;
    }
    cr_assert_not(by_run->in.gaps_pending);
    cr_assert_eq(by_run->in.chans[0].drops_seen, 1);
    cr_assert_eq(canp_rx_run_take(&by_run->in, queue.cq_tail - 10, queue.cq_tail, 16),
                 ROW_RUN_POSSIBLE ? 7 : 0);
    always_drops = false;
    end();
}

Test(harvest, odd_messages_between_them)
{
    rnd = test_random_start("harvest.odd_messages_between_them");
    for (unsigned odd = 1; odd <= 100; odd *= 3) {
        begin(8, 16384, false);
        compare(120, odd, false);
        end();
    }
}

Test(harvest, no_slab_and_the_last_frame)
{
    rnd = test_random_start("harvest.no_slab_and_the_last_frame");
    for (unsigned round = 0; round < 20; round++) {
        begin(2, 4096, false);
        by_run->in.frames_left = singly->in.frames_left = below(9000);
        compare(40, 5, false);
        end();
    }
}

Test(harvest, with_hardware_stamps)
{
    rnd = test_random_start("harvest.with_hardware_stamps");
    begin(64, 65536, true);
    compare(120, 5, true);
    end();
}

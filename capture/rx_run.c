/* Runs of usual frames (rx_run.h). Invariant: what is not taken is left as it was found. Capture thread only.
 */
#include "rx_run.h"

#define CLASSIC_ROW_BYTES 24U /* the longest row of a classic frame */
#define FD_ROW_BYTES      80U /* and of one with 64 bytes */

/* struct io_uring_recvmsg_out as two words: lengths of name and control, length of the payload and flags. */
#define OUT_LENGTHS ((uint64_t)RX_CONTROL_BYTES_STAMP_NS << 32)
#define OUT_FLAGS   ((uint64_t)MSG_DONTROUTE << 32) /* set or not */
_Static_assert(sizeof(struct io_uring_recvmsg_out) == 16, "two words");

/* struct cmsghdr as two words. */
#define STAMP_BYTES CMSG_LEN(sizeof(struct timespec))
#define STAMP_TYPE  ((uint64_t)SO_TIMESTAMPNS << 32 | SOL_SOCKET)
_Static_assert(sizeof(struct cmsghdr) == 16, "two words");

/* In a row's tag, MSG_DONTROUTE makes the direction TX. */
_Static_assert(MSG_DONTROUTE == 4 && CANP_DIR_TX == 1 && CANP_DIR_RX == 0, "a shift makes one of the other");
#define DIR_SHIFT (34 - CANP_TAG_DIR_SHIFT)

/* What changes with each frame of a run, and what the rows need of what does not. */
struct run {
    uint8_t *row;
    int64_t last_ns;
    uint64_t id_filter;
    int64_t base_ns;
    uint64_t channel;
    uint64_t stride;
    uint64_t strides_differ; /* of FD rows; not 0: one was not of this size */
};

#define ALWAYS_INLINE inline __attribute__((always_inline)) /* what is constant to the caller is so here */

static inline uint64_t word(const uint8_t *p, unsigned index)
{
    return canp_load_u64(p + 8U * index);
}

/* A message with nothing but a frame of this size and its stamp? */
static ALWAYS_INLINE bool is_usual(const uint8_t *out, uint32_t frame_bytes)
{
    return word(out, 0) == OUT_LENGTHS && (word(out, 1) & ~OUT_FLAGS) == frame_bytes &&
           word(out, 2) == STAMP_BYTES && word(out, 3) == STAMP_TYPE &&
           out[RX_RUN_FRAME_AT * 8 + 4] <= frame_bytes - 8;
}

static inline void put_word(uint8_t *row, unsigned index, uint64_t value)
{
    memcpy(row + 8U * index, &value, sizeof(value));
}

static const uint64_t data_masks[9] = {
    0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, UINT64_MAX};

/* Data of a classic frame: one word. Without data it lies behind the row, where there is room. Returns the
 * row's size.
 */
static ALWAYS_INLINE uint32_t put_classic_data(uint8_t *row, const uint8_t *frame, uint64_t len)
{
    put_word(row, 2, word(frame, 1) & data_masks[len]);
    return len ? CLASSIC_ROW_BYTES : CLASSIC_ROW_BYTES - 8;
}

/* All 64 bytes, for which there is room, and zeros behind the last one that counts. Returns the row's size.
 */
static ALWAYS_INLINE uint32_t put_fd_data(uint8_t *row, const uint8_t *frame, uint64_t len)
{
    unsigned last = (unsigned)(len + 7) / 8; /* the word, from the row's second on, that it may not fill */
    memcpy(row + 16, frame + 8, 64);
    if (len & 7)
        put_word(row, 1 + last, word(frame, last) & data_masks[len & 7]);
    return 16 + 8 * last;
}

/* The frame, as little-endian words, into the next row. `out`: where its message begins. */
static ALWAYS_INLINE bool put_row(struct run *run, const uint8_t *out, uint32_t frame_bytes)
{
    bool fd = frame_bytes != RX_RUN_CLASSIC_BYTES;
    const uint8_t *frame = out + RX_RUN_FRAME_AT * 8;
    int64_t time_ns = (int64_t)word(out, 4) * INT64_C(1000000000) + (int64_t)word(out, 5);
    uint64_t offset_ns = (uint64_t)time_ns - (uint64_t)run->base_ns;
    if (time_ns < run->last_ns || offset_ns > (uint64_t)CANP_ROW_OFFSET_MAX)
        return false;
    run->last_ns = time_ns;
    uint64_t kind = fd ? CANP_KIND_FD << CANP_TAG_KIND_SHIFT : 0, head = word(frame, 0), len = frame[4];
    put_word(run->row, 0, offset_ns << CANP_ROW_TIME_SHIFT | word(out, 1) >> DIR_SHIFT | kind | run->channel);
    put_word(run->row, 1, head);
    uint32_t row_bytes = fd ? put_fd_data(run->row, frame, len) : put_classic_data(run->row, frame, len);
    if (fd)
        run->strides_differ |= run->stride ^ row_bytes;
    run->id_filter |= UINT64_C(1) << canp_id_hash((uint32_t)head);
    run->row += row_bytes;
    return true;
}

static inline unsigned least(unsigned a, uint64_t b)
{
    return b < a ? (unsigned)b : a;
}

/* How many frames can be taken without looking at anything but the completions. */
static unsigned run_limit(const struct canp_recorder *rec, const struct chan *ch, unsigned count,
                          uint32_t row_bytes)
{
    if (!rec->slab || rec->gaps_pending || ch->xl || rec->opts.hw_timestamps)
        return 0;
    const struct canp_rowbuf *rows = &((const struct slab_head *)rec->slab->user)->rows;
    if (rows->records == 0)
        return 0;
    return least(least(count, rec->frames_left), (rows->capacity_bytes - rows->used_bytes) / row_bytes);
}

static void end_run(struct canp_recorder *rec, struct chan *ch, const struct run *run, unsigned n, bool fd)
{
    struct canp_rowbuf *rows = &((struct slab_head *)rec->slab->user)->rows;
    size_t used_bytes = (size_t)(run->row - rows->data);
    /* Classic rows have two sizes only: with the sum, each is right. */
    if (run->strides_differ || (!fd && rows->stride * (size_t)n != used_bytes - rows->used_bytes))
        rows->stride = 0;
    rows->used_bytes = used_bytes;
    rows->last_ns = run->last_ns;
    rows->records += n;
    rows->frames += n;
    rows->channel_mask |= UINT64_C(1) << (ch->index < 63 ? ch->index : 63);
    rows->id_filter |= run->id_filter;
    rec->frames_left -= n;
    ch->harvested += n;
    ch->taken += n;
    ch->prev_ns = run->last_ns;
}

/* The loop. The number of frames taken. */
static ALWAYS_INLINE unsigned take(struct rx *rx, struct run *caller, unsigned head, unsigned limit,
                                   uint32_t frame_bytes)
{
    struct run run = *caller; /* in registers */
    struct group *g = &rx->groups[GROUP_FRAMES];
    const struct io_uring_cqe *cqes = rx->uring.cq.cqes;
    unsigned mask = rx->uring.cq.ring_mask, back = group_tail(g), n = 0;
    const uint8_t *buffers = g->buffers;
    uint32_t buffer_bytes = g->buffer_bytes;
    for (; n < limit; n++) {
        const struct io_uring_cqe *cqe = &cqes[(head + n) & mask];
        uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        const uint8_t *out = buffers + (size_t)id * buffer_bytes;
        if (cqe->user_data != run.channel || !rx_run_is_of(cqe, frame_bytes) || !is_usual(out, frame_bytes) ||
            !put_row(&run, out, frame_bytes))
            break;
        group_put(g, back + n, id);
    }
    g->returned += (int)n;
    *caller = run;
    return n;
}

/* Two functions, so that each has the registers to itself. */
static __attribute__((noinline)) unsigned take_classic(struct rx *rx, struct run *run, unsigned head,
                                                       unsigned limit)
{
    return take(rx, run, head, limit, RX_RUN_CLASSIC_BYTES);
}

static __attribute__((noinline)) unsigned take_fd(struct rx *rx, struct run *run, unsigned head,
                                                  unsigned limit)
{
    return take(rx, run, head, limit, RX_FRAME_BYTES);
}

unsigned rx_run_take(struct canp_recorder *rec, unsigned head, unsigned tail, uint32_t frame_bytes)
{
    struct rx *rx = rec->rx;
    bool fd = frame_bytes != RX_RUN_CLASSIC_BYTES;
    uint64_t channel = rx->uring.cq.cqes[head & rx->uring.cq.ring_mask].user_data;
    if (channel >= CANP_RECORDER_IFACES_MAX)
        return 0;
    struct chan *ch = &rec->chans[channel];
    unsigned limit = run_limit(rec, ch, tail - head, fd ? FD_ROW_BYTES : CLASSIC_ROW_BYTES);
    if (limit == 0)
        return 0;
    const struct canp_rowbuf *rows = &((const struct slab_head *)rec->slab->user)->rows;
    struct run run = {.row = rows->data + rows->used_bytes,
                      .last_ns = rows->last_ns,
                      .base_ns = rows->base_ns,
                      .channel = channel,
                      .stride = rows->stride};
    unsigned n = fd ? take_fd(rx, &run, head, limit) : take_classic(rx, &run, head, limit);
    if (n)
        end_run(rec, ch, &run, n, fd);
    return n;
}

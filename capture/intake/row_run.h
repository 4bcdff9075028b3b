/*
 * Runs of usual frames, for both ways of receiving: consecutive frames of one socket, all classic or all FD,
 * whose only control message is the kernel's stamp, or after the socket's first drop the stamp and an
 * unchanged drop counter. One loop takes them and keeps the changing values in registers. The result is the
 * same as calling intake_frame() (intake.h) for each frame; a test compares the two. Capture thread only.
 *
 * Invariant: a message that is not taken is left as it was found.
 */
#ifndef CANP_CAPTURE_ROW_RUN_H
#define CANP_CAPTURE_ROW_RUN_H

#include "intake.h"

#define ROW_RUN_CLASSIC_BYTES 16U /* struct can_frame */

/* Where the frame lies behind the beginning of the room for control messages (their usual size). */
#define ROW_RUN_FRAME_AT (RX_CONTROL_BYTES_DROPS + RX_CONTROL_BYTES_STAMP_NS)

/* struct cmsghdr of the stamp, as two words. */
#define ROW_RUN_STAMP_BYTES CMSG_LEN(sizeof(struct timespec))
#define ROW_RUN_STAMP_TYPE  ((uint64_t)SO_TIMESTAMPNS << 32 | SOL_SOCKET)
#define ROW_RUN_POSSIBLE    (sizeof(struct cmsghdr) == 16) /* on 32 bits it is no two words: no runs there */

/* The count of drops behind it. */
#define ROW_RUN_DROPS_BYTES CMSG_LEN(sizeof(uint32_t))
#define ROW_RUN_DROPS_TYPE  ((uint64_t)SO_RXQ_OVFL << 32 | SOL_SOCKET)
_Static_assert(RX_CONTROL_BYTES_STAMP_NS == 32 && RX_CONTROL_BYTES_DROPS == 24, "words 4 to 6");

/* Size of all control messages of a usual frame: of a socket that dropped frames before, or not. */
#define ROW_RUN_CONTROL_BYTES(dropped) ((dropped) ? ROW_RUN_FRAME_AT : RX_CONTROL_BYTES_STAMP_NS)

/* In a row's tag, MSG_DONTROUTE makes the direction TX. */
_Static_assert(MSG_DONTROUTE == 4 && CANP_DIR_TX == 1 && CANP_DIR_RX == 0, "a shift makes one of the other");
#define ROW_RUN_DIR_SHIFT (CANP_TAG_DIR_SHIFT - 2)

#define ROW_RUN_CLASSIC_ROW_BYTES 24U /* the longest row of a classic frame */

#define ALWAYS_INLINE inline __attribute__((always_inline)) /* what is constant to the caller is so here */

/* What changes with each frame of a run, and what the rows need of what does not. */
struct row_run {
    uint8_t *row;
    int64_t last_ns; /* of this run: its times do not go back; INT64_MIN before the first */
    uint64_t id_filter;
    int64_t base_ns;
    uint64_t channel;
    uint64_t stride;
    uint64_t strides_differ; /* of FD rows; not 0: one was not of this size */
};

/* How many of `count` messages of this socket can be taken without looking at anything but them; not 0: *run
 * says where their rows go. `frame_bytes`, of each: ROW_RUN_CLASSIC_BYTES or RX_FRAME_BYTES. */
unsigned canp_row_run_begin(const struct intake *in, const struct chan *ch, unsigned count,
                            uint32_t frame_bytes, struct row_run *run);

/* Accounts for the `n` rows that were put. */
void canp_row_run_end(struct intake *in, struct chan *ch, const struct row_run *run, unsigned n,
                      uint32_t frame_bytes);

static inline uint64_t row_run_word(const uint8_t *p, unsigned index)
{
    return canp_load_u64(p + 8U * index);
}

static inline void row_run_put_word(uint8_t *row, unsigned index, uint64_t value)
{
    memcpy(row + 8U * index, &value, sizeof(value));
}

static const uint64_t row_run_masks[9] = {
    0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0xFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, UINT64_MAX};

/* Data of a classic frame: one word. Without data it lies behind the row, where there is room. Returns the
 * row's size. */
static ALWAYS_INLINE uint32_t row_run_put_classic(uint8_t *row, const uint8_t *frame, uint64_t len)
{
    row_run_put_word(row, 2, row_run_word(frame, 1) & row_run_masks[len]);
    return len ? ROW_RUN_CLASSIC_ROW_BYTES : ROW_RUN_CLASSIC_ROW_BYTES - 8;
}

/* All 64 bytes, for which there is room, and zeros behind the last one that counts. Returns the row's size.
 */
static ALWAYS_INLINE uint32_t row_run_put_fd(uint8_t *row, const uint8_t *frame, uint64_t len)
{
    unsigned last = (unsigned)(len + 7) / 8; /* the word, from the row's second on, that it may not fill */
    memcpy(row + 16, frame + 8, 64);
    if (len & 7)
        row_run_put_word(row, 1 + last, row_run_word(frame, last) & row_run_masks[len & 7]);
    return 16 + 8 * last;
}

/* A control message with the stamp first, and a length that such a frame can have? */
static ALWAYS_INLINE bool row_run_is_usual(const uint8_t *control, uint32_t frame_bytes)
{
    return row_run_word(control, 0) == ROW_RUN_STAMP_BYTES &&
           row_run_word(control, 1) == ROW_RUN_STAMP_TYPE && control[ROW_RUN_FRAME_AT + 4] <= frame_bytes - 8;
}

/* Behind the stamp, the socket's count of drops, and no more than before? */
static ALWAYS_INLINE bool row_run_drops_are(const uint8_t *control, uint32_t drops)
{
    return row_run_word(control, 4) == ROW_RUN_DROPS_BYTES &&
           row_run_word(control, 5) == ROW_RUN_DROPS_TYPE && (uint32_t)row_run_word(control, 6) == drops;
}

/* The next row. `control`: the frame's control messages, the frame behind them; `dir`: CANP_DIR_RX or TX,
 * shifted to its place in a tag. False: nothing was done. */
static ALWAYS_INLINE bool row_run_put(struct row_run *run, const uint8_t *control, uint64_t dir,
                                      uint32_t frame_bytes)
{
    bool fd = frame_bytes != ROW_RUN_CLASSIC_BYTES;
    const uint8_t *frame = control + ROW_RUN_FRAME_AT;
    int64_t time_ns =
        (int64_t)row_run_word(control, 2) * INT64_C(1000000000) + (int64_t)row_run_word(control, 3);
    uint64_t offset_ns = (uint64_t)time_ns - (uint64_t)run->base_ns;
    if (time_ns < run->last_ns || offset_ns > (uint64_t)CANP_ROW_OFFSET_MAX)
        return false; /* back in time, before the block's base, or farther than a row reaches */
    run->last_ns = time_ns;
    uint64_t kind = fd ? CANP_KIND_FD << CANP_TAG_KIND_SHIFT : 0, head = row_run_word(frame, 0),
             len = frame[4];
    row_run_put_word(run->row, 0, offset_ns << CANP_ROW_TIME_SHIFT | dir | kind | run->channel);
    row_run_put_word(run->row, 1, head);
    uint32_t row_bytes =
        fd ? row_run_put_fd(run->row, frame, len) : row_run_put_classic(run->row, frame, len);
    if (fd)
        run->strides_differ |= run->stride ^ row_bytes;
    run->id_filter |= UINT64_C(1) << canp_id_hash((uint32_t)head);
    run->row += row_bytes;
    return true;
}

#endif

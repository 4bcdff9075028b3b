/*
 * Checks and builds rows (canp/rows.h).
 *
 * Invariant: when canp_rows_check() has accepted rows, canp_row_read() reads nothing outside of them.
 * Any thread; no state.
 */
#include <canp/rows.h>

#include <assert.h>
#include <canp/error.h>

#include "pin.h"
#include "rows_check.h"

_Static_assert(sizeof(struct canp_frame) == 8 && sizeof(struct canp_event) == 8, "row headers");
_Static_assert(sizeof(struct canp_xl_frame) == 12, "XL header");
_Static_assert(sizeof(struct canp_gap) == 32 && sizeof(struct canp_iface) == 40, "event sizes");
_Static_assert(sizeof(struct canp_link_event) == 32 && sizeof(struct canp_clock) == 56, "event sizes");
PIN(canp_frame, id, 0);
PIN(canp_frame, len, 4);
PIN(canp_frame, flags, 5);
PIN(canp_frame, len8_dlc, 7);
PIN(canp_frame, data, 8);
PIN(canp_xl_frame, prio, 0);
PIN(canp_xl_frame, flags, 4);
PIN(canp_xl_frame, sdt, 5);
PIN(canp_xl_frame, len, 6);
PIN(canp_xl_frame, af, 8);
PIN(canp_xl_frame, data, 12);
PIN(canp_event, code, 0);
PIN(canp_event, bytes, 4);
PIN(canp_event, payload, 8);
PIN(canp_gap, lost, 8);
PIN(canp_gap, from_ns, 16);
PIN(canp_gap, to_ns, 24);
PIN(canp_iface, name, 8);
PIN(canp_iface, ifindex, 24);
PIN(canp_iface, bitrate, 28);
PIN(canp_iface, dbitrate, 32);
PIN(canp_iface, ctrlmode, 36);
PIN(canp_link_event, name, 8);
PIN(canp_link_event, state, 24);
PIN(canp_link_event, tx_errors, 28);
PIN(canp_link_event, rx_errors, 30);
PIN(canp_clock, realtime_ns, 8);
PIN(canp_clock, monotonic_ns, 16);
PIN(canp_clock, boot_id, 24);
PIN(canp_clock, boottime_ns, CANP_CLOCK_BYTES_MIN);
PIN(canp_clock, suspended_ns, 48);

/* Smallest size of an event of this kind, 0 for an unknown kind. */
static uint16_t event_bytes_min(uint8_t kind)
{
    switch (kind) {
    case CANP_KIND_GAP:
        return sizeof(struct canp_gap);
    case CANP_KIND_IFACE:
        return sizeof(struct canp_iface);
    case CANP_KIND_LINK:
        return sizeof(struct canp_link_event);
    case CANP_KIND_MARK:
        return sizeof(struct canp_event);
    case CANP_KIND_CLOCK:
        return CANP_CLOCK_BYTES_MIN;
    default:
        return 0;
    }
}

/* Is the body of a row, whose first 16 bytes are there, one that a reader can rely on? */
static bool row_is_valid(const uint8_t *row)
{
    uint16_t tag = canp_load_u16(row);
    uint8_t kind = canp_row_kind(row);
    if ((tag & CANP_TAG_ZERO) || ((tag >> CANP_TAG_DIR_SHIFT) & 3) > CANP_DIR_OWN)
        return false;
    if (kind == CANP_KIND_CAN)
        return row[12] <= 8;
    if (kind == CANP_KIND_FD)
        return row[12] <= 64;
    uint16_t bytes = canp_load_u16(row + 12);
    if (kind == CANP_KIND_XL) {
        uint16_t len = canp_load_u16(row + 14);
        return len >= 1 && len <= 2048;
    }
    uint16_t least = event_bytes_min(kind);
    return least != 0 && bytes >= least && 8U + canp_align8(bytes) <= CANP_ROW_BYTES_MAX - 8;
}

#define CLASSIC_ROW_BYTES_MAX 24 /* without a hardware stamp */

/* The size of the usual row, a sound one of a classic frame without a hardware stamp; 0 for any other, of
 * which nothing is said. Adding one to the direction carries into the stamp's bit when it is 3, which no
 * direction is. The length is read once: the row may lie in a file that changes meanwhile. */
static inline uint32_t plain_classic_bytes(const uint8_t *row)
{
    const uint32_t none = 0xFU << CANP_TAG_KIND_SHIFT | CANP_TAG_HW_TIME | CANP_TAG_ZERO;
    uint32_t tag = canp_load_u16(row), len = __atomic_load_n(row + 12, __ATOMIC_RELAXED);
    if (((tag | (tag + (1U << CANP_TAG_DIR_SHIFT))) & none) != 0 || len > 8)
        return 0;
    return 16 + canp_align8(len);
}

/* How far the usual rows at the start of these go. */
static size_t skip_plain_classic(const uint8_t *rows, size_t bytes, int64_t *count)
{
    const uint8_t *row = rows, *end = rows + bytes;
    uint32_t row_bytes;
    for (; end - row >= CLASSIC_ROW_BYTES_MAX && (row_bytes = plain_classic_bytes(row)) != 0;
         row += row_bytes)
        ++*count;
    return (size_t)(row - rows);
}

int64_t canp_rows_check(const uint8_t *rows, size_t bytes)
{
    int64_t count = 0;
    for (size_t at = 0; at < bytes; count++) {
        at += skip_plain_classic(rows + at, bytes - at, &count);
        if (at == bytes)
            break;
        if (bytes - at < 16 || !row_is_valid(rows + at))
            return -CANP_E_DAMAGED;
        uint32_t row_bytes = canp_row_bytes(rows + at);
        if (row_bytes > bytes - at)
            return -CANP_E_DAMAGED;
        at += row_bytes;
    }
    return count;
}

typedef uint64_t two_words __attribute__((vector_size(16)));

/* The usual block, tested without a branch per row: all its rows are classic frames without a hardware stamp,
 * of this size. Of a block that is not so nothing is said. What a row's first 16 bytes must not have is seen
 * by the bits of any of them: as they are, and after adding one to the direction (see plain_classic_bytes())
 * and taking one from the length, which is 1 to 8 where there is data. */
static bool are_alike_classic(const uint8_t *rows, size_t bytes, uint32_t stride)
{
    const uint64_t none = 0xFU << CANP_TAG_KIND_SHIFT | CANP_TAG_HW_TIME | CANP_TAG_ZERO;
    const two_words add = {1U << CANP_TAG_DIR_SHIFT, (uint64_t)-1 << 32};
    two_words any = {0, 0}, any_sum = {0, 0};
    if (stride != 16 && stride != CLASSIC_ROW_BYTES_MAX)
        return false;
    for (const uint8_t *row = rows; row < rows + bytes; row += stride) {
        two_words first;
        memcpy(&first, row, sizeof(first));
        any |= first;
        any_sum |= first + add;
    }
    uint64_t len_bits = stride == 16 ? any[1] & UINT64_C(0xFF) << 32 : any_sum[1] & UINT64_C(0xF8) << 32;
    return ((any[0] | any_sum[0]) & none) == 0 && len_bits == 0;
}

bool canp_rows_are_sound(const uint8_t *rows, uint32_t bytes, uint32_t records, uint32_t stride)
{
    if (stride == 0)
        return canp_rows_check(rows, bytes) == records;
    if (stride < 16 || (uint64_t)stride * records != bytes)
        return false;
    if (are_alike_classic(rows, bytes, stride))
        return true;
    for (const uint8_t *row = rows; row < rows + bytes; row += stride) {
        if (!row_is_valid(row) || canp_row_bytes(row) != stride)
            return false;
    }
    return true;
}

/* ---- building ---------------------------------------------------------------------------------- */

/* What is copied may lie in a file that changes meanwhile. A length is fetched once, and it is what the copy
 * says, too. */
#define READ_ONCE(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

static bool time_fits(struct canp_rowbuf *rb, int64_t time_ns)
{
    if (rb->records == 0)
        return true;
    int64_t offset;
    return !__builtin_sub_overflow(time_ns, rb->base_ns, &offset) && offset <= CANP_ROW_OFFSET_MAX &&
           offset >= CANP_ROW_OFFSET_MIN;
}

static void note_time(struct canp_rowbuf *rb, int64_t time_ns)
{
    if (rb->records == 0) {
        rb->base_ns = rb->first_ns = rb->last_ns = time_ns;
        return;
    }
    if (time_ns >= rb->last_ns) {
        rb->last_ns = time_ns;
        return;
    }
    rb->flags |= CANP_BLOCK_BACKWARDS;
    if (time_ns < rb->first_ns)
        rb->first_ns = time_ns;
}

static void note_stride(struct canp_rowbuf *rb, uint32_t row_bytes)
{
    if (rb->records == 0)
        rb->stride = (uint16_t)row_bytes;
    else if (rb->stride != row_bytes)
        rb->stride = 0;
}

uint8_t *canp_rowbuf_put(struct canp_rowbuf *rb, int64_t time_ns, uint16_t tag, uint32_t body_bytes)
{
    assert(body_bytes >= 8 && rb->used_bytes <= rb->capacity_bytes);
    uint32_t row_bytes = 8 + canp_align8(body_bytes) + ((tag & CANP_TAG_HW_TIME) ? 8 : 0);
    if (row_bytes > rb->capacity_bytes - rb->used_bytes || !time_fits(rb, time_ns))
        return NULL;
    note_time(rb, time_ns);
    note_stride(rb, row_bytes);
    uint8_t *row = rb->data + rb->used_bytes;
    uint64_t stamp = ((uint64_t)(time_ns - rb->base_ns) << CANP_ROW_TIME_SHIFT) | tag;
    memset(row + row_bytes - 16, 0, 16); /* the padding, and the room of a hardware stamp */
    memcpy(row, &stamp, sizeof(stamp));
    rb->used_bytes += row_bytes;
    rb->records++;
    uint8_t channel = (uint8_t)tag;
    rb->channel_mask |= UINT64_C(1) << (channel < 63 ? channel : 63);
    if (canp_kind_is_frame((tag >> CANP_TAG_KIND_SHIFT) & 0x0F))
        rb->frames++;
    else
        rb->flags |= CANP_BLOCK_HAS_EVENTS;
    return row + 8;
}

int canp_rowbuf_put_frame(struct canp_rowbuf *rb, int64_t time_ns, uint16_t tag,
                          const struct canp_frame *frame)
{
    uint8_t kind = (tag >> CANP_TAG_KIND_SHIFT) & 0x0F;
    uint8_t len = READ_ONCE(frame->len);
    if (kind > CANP_KIND_FD || len > (kind == CANP_KIND_FD ? 64 : 8))
        return -EINVAL;
    uint8_t *body = canp_rowbuf_put(rb, time_ns, tag, 8U + len);
    if (!body)
        return -ENOSPC;
    memcpy(body, frame, 8U + len);
    struct canp_frame *copy = (struct canp_frame *)body;
    copy->len = len;
    rb->id_filter |= UINT64_C(1) << canp_id_hash(copy->id);
    return 0;
}

int canp_rowbuf_put_event(struct canp_rowbuf *rb, int64_t time_ns, uint8_t channel, uint8_t kind,
                          const void *event)
{
    const struct canp_event *e = (const struct canp_event *)event;
    uint16_t least = event_bytes_min(kind), bytes = READ_ONCE(e->bytes);
    if (least == 0 || bytes < least || 8U + canp_align8(bytes) > CANP_ROW_BYTES_MAX - 8)
        return -EINVAL;
    uint8_t *body = canp_rowbuf_put(rb, time_ns, canp_tag(channel, kind, CANP_DIR_RX), bytes);
    if (!body)
        return -ENOSPC;
    memcpy(body, e, bytes);
    ((struct canp_event *)body)->bytes = bytes;
    if (kind == CANP_KIND_IFACE)
        rb->flags |= CANP_BLOCK_HAS_IFACES;
    if (kind == CANP_KIND_GAP) {
        rb->flags |= CANP_BLOCK_HAS_GAPS;
        rb->lost += ((const struct canp_gap *)body)->lost;
    }
    return 0;
}

int canp_rowbuf_put_gap(struct canp_rowbuf *rb, uint8_t channel, enum canp_layer layer, uint64_t lost,
                        int64_t from_ns, int64_t to_ns)
{
    struct canp_gap gap = {
        .layer = layer, .bytes = sizeof(gap), .lost = lost, .from_ns = from_ns, .to_ns = to_ns};
    return canp_rowbuf_put_event(rb, to_ns, channel, CANP_KIND_GAP, &gap);
}

static int put_xl(struct canp_rowbuf *rb, const struct canp_record *record, uint16_t tag)
{
    uint16_t len = READ_ONCE(record->xl->len);
    if (len < 1 || len > 2048)
        return -EINVAL;
    uint32_t bytes = 12U + len;
    uint8_t *body = canp_rowbuf_put(rb, record->time_ns, tag, bytes);
    if (!body)
        return -ENOSPC;
    memcpy(body, record->xl, bytes);
    struct canp_xl_frame *copy = (struct canp_xl_frame *)body;
    copy->len = len;
    rb->id_filter |= UINT64_C(1) << canp_id_hash(copy->prio & CANP_ID_SFF_MASK);
    return 0;
}

int canp_rowbuf_put_record(struct canp_rowbuf *rb, const struct canp_record *record)
{
    if (!canp_kind_is_frame(record->kind))
        return canp_rowbuf_put_event(rb, record->time_ns, record->channel, record->kind, record->event);
    if (record->dir > CANP_DIR_OWN) /* it would reach into the tag's other bits */
        return -EINVAL;
    uint16_t tag = canp_tag(record->channel, record->kind, record->dir);
    if (record->has_hw_time)
        tag |= CANP_TAG_HW_TIME;
    int r = record->kind == CANP_KIND_XL ? put_xl(rb, record, tag)
                                         : canp_rowbuf_put_frame(rb, record->time_ns, tag, record->frame);
    if (r == 0 && record->has_hw_time)
        memcpy(rb->data + rb->used_bytes - 8, &record->hw_time_ns, 8);
    return r;
}

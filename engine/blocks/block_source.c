/*
 * Cuts a recording into messages (canp/blocks.h). It reads segment by segment with the reader's own parts, so
 * it never waits for the recorder, nor the recorder for it.
 *
 * Invariant: `position` is the number of records, in the segment that is open, in front of the next one to be
 * gathered or returned. A place that cannot be read counts as one record: the gap that is returned for it. So
 * the numbers come out the same each time, however the segment is stored.
 */
#include <canp/blocks.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/pack.h>
#include <canp/pools/clock.h>
#include <canp/private/opts.h>

#include "message.h"
#include "read/reader_priv.h"
#include "rows_store.h"
#include "segment/block_counts.h"

#define GATHER_BYTES_MAX (512U << 10)
#define TAIL_BYTES_MAX   (8U + BLOCK_COUNTS_BYTES_MAX)
#define MISSING_MAX      65536U /* segments in a row; a directory that lacks more is not a recording's */
#define AGAIN            2      /* of a step: nothing to return yet, but something was done */

struct canp_block_source {
    struct canp_reader *reader;
    uint8_t recording[16];
    uint32_t message_bytes_max;

    uint64_t number; /* of the segment that is open, or gone; 0: none is */
    uint64_t after;  /* the last one that was left */
    bool is_open;    /* else, with a number: there is no such file to read */
    bool is_told;    /* the gap for a segment that is gone was returned */
    bool looked;     /* at the end: since the last block, whether there is more */
    bool ended;      /* nothing will follow in this segment */
    bool began;      /* a message was returned, or resumed behind */
    bool is_done;
    struct segment_reader segment;
    uint64_t offset; /* of the next block */
    uint64_t position;
    uint64_t target; /* records in front of this one are passed over */
    int64_t last_ns; /* of what was read last; 0: nothing yet */

    const uint8_t *rows; /* of the block that is being gathered: in the segment's mapping or in `loaded` */
    size_t rows_bytes;   /* left of them */
    int64_t rows_base_ns;
    bool alone; /* they name interfaces, and are not mixed with others */
    struct rows_store loaded;

    struct canp_rowbuf gather;
    uint8_t *gather_memory;
    uint32_t gather_bytes;
    struct canp_packer *packer;
    uint8_t *message; /* head and payload */
};

/* ---- returning ------------------------------------------------------------------------------------- */

static void fill_head(struct canp_block_source *s, struct message_head *head, enum canp_block_kind kind,
                      uint64_t record)
{
    *head = (struct message_head){.magic = MESSAGE_MAGIC,
                                  .version = MESSAGE_VERSION,
                                  .kind = (uint8_t)kind,
                                  .begin = !s->began,
                                  .segment = s->number,
                                  .record = record};
    memcpy(head->recording, s->recording, sizeof(head->recording));
    if (s->is_open) {
        head->created_realtime_ns = s->segment.header.created_realtime_ns;
        head->created_monotonic_ns = s->segment.header.created_monotonic_ns;
        memcpy(head->boot_id, s->segment.header.boot_id, sizeof(head->boot_id));
    }
}

/* The message's payload is in its place already. */
static int return_message(struct canp_block_source *s, struct message_head *head,
                          struct canp_block_message *out)
{
    size_t size = sizeof(*head) + head->block.stored_bytes;
    memcpy(s->message, head, sizeof(*head));
    canp_message_finish(s->message, size);
    canp_message_describe(head, s->message, size, out);
    s->began = true;
    return 1;
}

static void begin_gathering(struct canp_block_source *s)
{
    canp_rowbuf_init(&s->gather, s->gather_memory, s->gather_bytes);
}

static int return_rows(struct canp_block_source *s, enum canp_block_kind kind, struct canp_block_message *out)
{
    struct canp_rowbuf *g = &s->gather;
    struct message_head head;
    uint8_t *payload = s->message + sizeof(head);
    int64_t packed = 0;
    fill_head(s, &head, kind, s->position - g->records);
    if (!(g->flags & CANP_BLOCK_HAS_IFACES)) /* plain for a reader's quick look when it names channels */
        packed = canp_pack(s->packer, g->data, g->used_bytes, payload, g->used_bytes);
    assert(packed >= 0); /* the rows were checked */
    if (packed <= 0)
        memcpy(payload, g->data, g->used_bytes);
    uint32_t bytes = packed > 0 ? (uint32_t)packed : (uint32_t)g->used_bytes;
    canp_block_header_fill(&head.block, g, 0);
    head.block.flags |= packed > 0 ? CANP_BLOCK_PACKED : 0;
    head.block.tail_bytes = canp_block_counts_write(g, payload + bytes);
    head.block.stored_bytes = bytes + head.block.tail_bytes;
    begin_gathering(s);
    return return_message(s, &head, out);
}

/* A block that is packed already goes as it is. */
static int return_block(struct canp_block_source *s, const struct segment_block *b,
                        struct canp_block_message *out)
{
    struct message_head head;
    fill_head(s, &head, CANP_BLOCK_RECORDS, s->position);
    head.block = b->header;
    head.block.crc = 0;
    head.block.seq = 0;
    memcpy(s->message + sizeof(head), b->payload, b->header.stored_bytes);
    s->position += b->header.records;
    return return_message(s, &head, out);
}

static int return_seal(struct canp_block_source *s, struct canp_block_message *out)
{
    struct message_head head;
    fill_head(s, &head, CANP_BLOCK_SEAL, s->position);
    return return_message(s, &head, out);
}

/* Where records cannot be read. How many frames is not known. */
static int return_loss(struct canp_block_source *s, int64_t to_ns, struct canp_block_message *out)
{
    int64_t from_ns = s->last_ns ? s->last_ns : to_ns;
    assert(s->gather.records == 0);
    if (s->position++ < s->target)
        return AGAIN;
    int r =
        canp_rowbuf_put_gap(&s->gather, 0, CANP_LAYER_STORE, 0, from_ns, to_ns < from_ns ? from_ns : to_ns);
    assert(r == 0);
    (void)r;
    return return_rows(s, CANP_BLOCK_LOSS, out);
}

/* ---- gathering ------------------------------------------------------------------------------------- */

/* From the block at hand until it is empty or the message full. */
static int gather_rows(struct canp_block_source *s, struct canp_block_message *out)
{
    while (s->rows_bytes) {
        struct canp_record record;
        canp_row_read(s->rows, s->rows_base_ns, &record);
        if (s->position >= s->target && canp_rowbuf_put_record(&s->gather, &record) == -ENOSPC)
            return return_rows(s, CANP_BLOCK_RECORDS, out);
        s->position++;
        s->rows += record.row_bytes;
        s->rows_bytes -= record.row_bytes;
    }
    return s->alone && s->gather.records ? return_rows(s, CANP_BLOCK_RECORDS, out) : AGAIN;
}

static bool goes_as_it_is(const struct canp_block_source *s, const struct segment_block *b)
{
    return (b->header.flags & CANP_BLOCK_PACKED) && (s->segment.header.compat & SEG_COMPAT_COUNTS) &&
           s->position >= s->target && b->header.rows_bytes <= ROWS_BYTES_MAX &&
           b->header.stored_bytes <= s->message_bytes_max - sizeof(struct message_head);
}

static int take_block(struct canp_block_source *s, const struct segment_block *b,
                      struct canp_block_message *out)
{
    bool as_it_is = goes_as_it_is(s, b), alone = b->header.flags & CANP_BLOCK_HAS_IFACES;
    if (s->gather.records && (as_it_is || alone))
        return return_rows(s, CANP_BLOCK_RECORDS, out);
    s->looked = false;
    s->offset = b->end;
    s->last_ns = b->header.last_ns;
    if (s->position + b->header.records <= s->target) {
        s->position += b->header.records;
        return AGAIN;
    }
    if (as_it_is)
        return return_block(s, b, out);
    int r = canp_rows_load(&s->loaded, &b->header, b->payload, &s->rows);
    if (r == -CANP_E_DAMAGED)
        return return_loss(s, b->header.last_ns, out);
    if (r < 0) {
        s->offset = b->offset;
        return r;
    }
    s->rows_bytes = b->header.rows_bytes;
    s->rows_base_ns = b->header.base_ns;
    s->alone = alone;
    return AGAIN;
}

/* ---- from segment to segment ----------------------------------------------------------------------- */

static void leave_segment(struct canp_block_source *s)
{
    if (s->is_open)
        canp_segment_reader_close(&s->segment);
    s->is_open = s->is_told = s->looked = s->ended = false;
    s->after = s->number;
    s->number = 0;
    s->position = s->target = 0;
}

/* When the next segment that can be read began: where a gap in front of it ends. */
static int64_t next_begin_ns(struct canp_block_source *s, uint64_t next)
{
    struct segment_reader segment;
    int64_t ns = canp_realtime_ns();
    if (next && canp_reader_open_segment(s->reader, next, &segment) == 0) {
        ns = segment.header.created_realtime_ns;
        canp_segment_reader_close(&segment);
    }
    return ns;
}

/* A segment that was removed, or cannot be read: a gap, and its end. */
static int tell_gone(struct canp_block_source *s, struct canp_block_message *out)
{
    if (!s->is_told) {
        s->is_told = true;
        return return_loss(s, next_begin_ns(s, canp_reader_next_segment(s->reader, s->number)), out);
    }
    int r = return_seal(s, out);
    leave_segment(s);
    return r;
}

static int open_segment(struct canp_block_source *s, uint64_t number)
{
    int r = canp_reader_open_segment(s->reader, number, &s->segment);
    if (r < 0 && (reader_error_passes(r) || r == -EACCES))
        return r;
    s->number = number;
    s->is_open = r == 0;
    s->offset = s->is_open ? s->segment.header.header_bytes : 0;
    return AGAIN;
}

static int open_next(struct canp_block_source *s)
{
    uint64_t next = canp_reader_next_segment(s->reader, s->after);
    bool may_grow = canp_reader_may_grow(s->reader);
    if (next == 0 && (canp_reader_refresh(s->reader) == 1))
        next = canp_reader_next_segment(s->reader, s->after);
    s->is_done = next == 0 && !may_grow;
    if (next == 0)
        return 0;
    if (s->after == 0 || next == s->after + 1)
        return open_segment(s, next);
    if (next - s->after > MISSING_MAX)
        return -CANP_E_TOO_MANY;
    s->number = s->after + 1; /* removed before it was read */
    return AGAIN;
}

/* The first block behind the damage, or the end. Without a seal, what is no block and has none behind it is a
 * block or the index that is being written, or a torn end: nothing is lost there, unless the file was cut. */
static int pass_damage(struct canp_block_source *s, int error, struct canp_block_message *out)
{
    struct segment_block b;
    if (s->gather.records)
        return return_rows(s, CANP_BLOCK_RECORDS, out);
    int r = canp_segment_reader_block_after(&s->segment, s->offset, 0, &b);
    if (r < 0)
        return r;
    if (r == 0 && !s->segment.sealed && (!s->ended || error == -CANP_E_DAMAGED)) {
        s->looked = false;
        if (!s->ended)
            return 0;
        s->offset = s->segment.file_bytes;
        return AGAIN;
    }
    s->offset = r == 1 ? b.offset : s->segment.file_bytes;
    return return_loss(s, r == 1 ? b.header.first_ns : s->last_ns, out);
}

/* Looks once more, after it is known whether anything can follow; then it is the end. */
static int look_on(struct canp_block_source *s)
{
    int r = canp_reader_refresh(s->reader);
    if (r < 0)
        return r;
    bool followed = canp_reader_next_segment(s->reader, s->number) != 0;
    s->ended = followed || !canp_reader_may_grow(s->reader);
    r = canp_segment_reader_refresh(&s->segment);
    s->ended = s->ended || s->segment.sealed;
    s->looked = true;
    return r < 0 ? r : AGAIN;
}

static int end_segment(struct canp_block_source *s, bool flush, struct canp_block_message *out)
{
    if (!s->looked)
        return look_on(s);
    s->looked = false;
    if (s->gather.records && (flush || s->ended))
        return return_rows(s, CANP_BLOCK_RECORDS, out);
    if (!s->ended)
        return 0;
    int r = return_seal(s, out);
    leave_segment(s);
    return r;
}

static int step(struct canp_block_source *s, bool flush, struct canp_block_message *out)
{
    struct segment_block b;
    if (s->rows_bytes)
        return gather_rows(s, out);
    if (!s->number)
        return open_next(s);
    if (!s->is_open)
        return tell_gone(s, out);
    int r = canp_segment_reader_block_at(&s->segment, s->offset, &b);
    if (r == 1)
        return take_block(s, &b, out);
    if (r == -CANP_E_LOST || (r == -CANP_E_DAMAGED && !s->looked && !s->segment.sealed))
        return s->looked ? pass_damage(s, r, out) : look_on(s);
    return r == 0 ? end_segment(s, flush, out) : r == -CANP_E_DAMAGED ? pass_damage(s, r, out) : r;
}

/* ---- for users ------------------------------------------------------------------------------------- */

int canp_block_source_next(struct canp_block_source *s, bool flush, struct canp_block_message *out)
{
    int r;
    do
        r = step(s, flush, out);
    while (r == AGAIN);
    return r;
}

bool canp_block_source_has_gathered(const struct canp_block_source *s)
{
    return s->gather.records != 0;
}

bool canp_block_source_is_done(const struct canp_block_source *s)
{
    return s->is_done;
}

void canp_block_source_recording(const struct canp_block_source *s, uint8_t out[16])
{
    memcpy(out, s->recording, sizeof(s->recording));
}

void canp_block_source_resume(struct canp_block_source *s, const struct canp_block_message *behind)
{
    leave_segment(s);
    begin_gathering(s);
    s->rows_bytes = 0;
    s->is_done = false;
    s->after = 0;
    s->last_ns = 0;
    s->began = behind != NULL;
    if (!behind)
        return;
    s->last_ns = behind->last_ns;
    s->after = behind->segment - (behind->kind != CANP_BLOCK_SEAL);
    if (behind->kind == CANP_BLOCK_SEAL)
        return;
    s->target = behind->record + behind->records;
    if (!canp_reader_has_segment(s->reader, behind->segment) || open_segment(s, behind->segment) != AGAIN ||
        !s->is_open) {
        s->number = behind->segment; /* removed meanwhile: what is not sent yet of it is lost */
        s->position = s->target;
        s->is_told = behind->kind == CANP_BLOCK_LOSS;
    }
}

int canp_block_source_remove_segment(struct canp_block_source *s, uint64_t segment)
{
    struct segment_reader file;
    char name[SEG_NAME_BYTES];
    if (s->reader->file_path || segment > s->after || !canp_reader_next_segment(s->reader, segment))
        return -EBUSY;
    int r = canp_reader_open_segment(s->reader, segment, &file);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    bool sealed = file.sealed;
    canp_segment_reader_close(&file);
    canp_seg_name(name, segment);
    if (!sealed)
        return -EBUSY;
    return unlinkat(s->reader->dir_fd, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int allocate(struct canp_block_source *s)
{
    uint32_t room = s->message_bytes_max - (uint32_t)(sizeof(struct message_head) + TAIL_BYTES_MAX);
    s->gather_bytes = (room < GATHER_BYTES_MAX ? room : GATHER_BYTES_MAX) & ~63U;
    s->gather_memory = aligned_alloc(64, s->gather_bytes);
    s->message = malloc(s->message_bytes_max);
    if (!s->gather_memory || !s->message)
        return -ENOMEM;
    begin_gathering(s);
    return canp_packer_open(s->gather_bytes, CANP_PACK_FAST, &s->packer);
}

static int open_source(struct canp_block_source *s, const char *path,
                       const struct canp_block_source_opts *opts, struct canp_why *why)
{
    s->message_bytes_max = opts->message_bytes_max ? opts->message_bytes_max : CANP_BLOCK_MESSAGE_BYTES_MAX;
    if (s->message_bytes_max < CANP_BLOCK_MESSAGE_BYTES_MIN ||
        s->message_bytes_max > CANP_BLOCK_MESSAGE_BYTES_MAX)
        return canp_fail(why, -EINVAL, "messages of %u bytes: from %u to %u are possible",
                         s->message_bytes_max, CANP_BLOCK_MESSAGE_BYTES_MIN, CANP_BLOCK_MESSAGE_BYTES_MAX);
    int r = allocate(s);
    if (r < 0)
        return canp_fail(why, r, "out of memory");
    r = canp_reader_open(path, &s->reader, why);
    if (r < 0)
        return r;
    if (!s->reader->identity_known)
        return canp_fail(why, -CANP_E_DAMAGED, "%s: no segment says which recording it is", path);
    memcpy(s->recording, s->reader->identity, sizeof(s->recording));
    return 0;
}

int canp_block_source_open(const char *path, const struct canp_block_source_opts *opts,
                           struct canp_block_source **out, struct canp_why *why)
{
    struct canp_block_source_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "block source: options that this release of libcanp does not know");
    struct canp_block_source *s = calloc(1, sizeof(*s));
    if (!s)
        return canp_fail(why, -ENOMEM, "out of memory");
    r = open_source(s, path, &taken, why);
    if (r < 0)
        canp_block_source_close(s);
    else
        *out = s;
    return r;
}

void canp_block_source_close(struct canp_block_source *s)
{
    if (!s)
        return;
    leave_segment(s);
    canp_rows_release(&s->loaded);
    canp_packer_close(s->packer);
    canp_reader_close(s->reader);
    free(s->gather_memory);
    free(s->message);
    free(s);
}

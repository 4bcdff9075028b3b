/* One recording that is put together from messages (assembly.h). */
#include "assembly.h"

#include <canp/error.h>
#include <canp/pools/clock.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "read/segment_list.h"
#include "segment/block_counts.h"
#include "segment/file_lock.h"

#define SETTLE_SEGMENTS_MAX 4096U /* that are missing in a row; a sender that skips more is not believed */

/* ---- checking -------------------------------------------------------------------------------------- */

/* Nothing but padding and counts follows the rows: the tail is ours to use. */
static bool tail_is_usual(const struct block_header *h)
{
    return h->tail_bytes < block_counts_bytes(h->channel_mask) + 8;
}

/* All that a message says of its block is true. */
static int check_block(struct assembly_shared *shared, const struct block_header *h, const uint8_t *payload,
                       const uint8_t **rows)
{
    if (h->rows_bytes > ROWS_BYTES_MAX || !tail_is_usual(h))
        return -CANP_E_DAMAGED;
    int r = canp_rows_load(&shared->scratch.rows, h, payload, rows);
    if (r < 0)
        return r;
    return canp_block_summary_is_true(h, payload, true, *rows) ? 0 : -CANP_E_DAMAGED;
}

static int check_message(const struct assembly *s, struct assembly_shared *shared, const void *bytes,
                         size_t size, struct message_head *head)
{
    const uint8_t *rows;
    int r = canp_message_head(bytes, size, head);
    if (r < 0)
        return r;
    if (memcmp(head->recording, s->recording, sizeof(s->recording)) != 0)
        return -CANP_E_FOREIGN;
    if (head->kind == CANP_BLOCK_SEAL)
        return 0;
    return check_block(shared, &head->block, (const uint8_t *)bytes + sizeof(*head), &rows);
}

/* ---- storing --------------------------------------------------------------------------------------- */

static int start_segment(struct assembly *s, uint64_t number, const struct message_head *head)
{
    struct seg_header like = {.created_realtime_ns = head->created_realtime_ns,
                              .created_monotonic_ns = head->created_monotonic_ns};
    struct grown_segment next;
    memcpy(like.recording, s->recording, sizeof(like.recording));
    memcpy(like.boot_id, head->boot_id, sizeof(like.boot_id));
    int r = canp_grown_create(&next, s->dir_fd, number, &like);
    if (r < 0)
        return r;
    canp_grown_pause(&s->grown);
    next.last_ns = s->grown.last_ns;
    s->grown = next;
    s->dir_dirty = true;
    return 0;
}

static int seal_segment(struct assembly *s, struct assembly_shared *shared)
{
    int r = canp_grown_continue(&s->grown, s->dir_fd);
    if (r == 0)
        r = canp_grown_seal(&s->grown, &shared->scratch);
    if (r == 0)
        shared->stats->sealed++;
    return r;
}

static int commit(struct assembly *s, struct assembly_shared *shared, const struct block_header *h,
                  const uint8_t *payload, uint64_t jump)
{
    uint64_t before = s->grown.used;
    int r = canp_grown_continue(&s->grown, s->dir_fd);
    if (r == 0)
        r = canp_grown_commit(&s->grown, h, payload, jump, &shared->scratch);
    if (r < 0)
        return r;
    shared->stats->records += h->records;
    shared->stats->frames += h->frames;
    shared->stats->bytes += s->grown.used - before;
    return 1;
}

/* The first records of this block are there already: the rest as a block of plain rows. */
static int commit_rest(struct assembly *s, struct assembly_shared *shared, const struct message_head *head,
                       const uint8_t *payload)
{
    const uint8_t *rows;
    struct canp_rowbuf rest;
    struct canp_record record;
    uint64_t position = head->record;
    int r = check_block(shared, &head->block, payload, &rows); /* for the rows: it was checked */
    size_t bytes = head->block.rows_bytes, room = bytes + BLOCK_COUNTS_BYTES_MAX;
    uint8_t *memory = r == 0 ? malloc(room) : NULL;
    if (!memory)
        return r < 0 ? r : -ENOMEM;
    canp_rowbuf_init(&rest, memory, bytes);
    for (size_t at = 0; r == 0 && at < bytes; at += record.row_bytes, position++) {
        canp_row_read(rows + at, head->block.base_ns, &record);
        if (position >= s->grown.position)
            r = canp_rowbuf_put_record(&rest, &record);
    }
    if (r == 0) {
        struct block_header h;
        canp_block_header_fill(&h, &rest, 0);
        h.tail_bytes = canp_block_counts_write(&rest, memory + rest.used_bytes);
        h.stored_bytes = (uint32_t)rest.used_bytes + h.tail_bytes;
        r = commit(s, shared, &h, memory, 0);
    }
    free(memory);
    return r;
}

/* Where a message stands beside what is stored. */
enum place { PLACE_BEHIND, PLACE_NEXT, PLACE_AHEAD, PLACE_ACROSS };

static enum place place_of(const struct assembly *s, const struct message_head *head)
{
    const struct grown_segment *g = &s->grown;
    uint64_t end = head->record + head->block.records;
    if (g->number == 0)
        return head->begin ? PLACE_NEXT : PLACE_AHEAD;
    if (head->segment != g->number + g->sealed)
        return head->segment > g->number ? PLACE_AHEAD : PLACE_BEHIND;
    uint64_t position = g->sealed ? 0 : g->position;
    if (head->record > position)
        return PLACE_AHEAD;
    if (head->record == position || head->kind == CANP_BLOCK_SEAL)
        return PLACE_NEXT;
    return end > position && head->kind == CANP_BLOCK_RECORDS ? PLACE_ACROSS : PLACE_BEHIND;
}

static int store(struct assembly *s, struct assembly_shared *shared, const struct message_head *head,
                 const void *bytes)
{
    const uint8_t *payload = (const uint8_t *)bytes + sizeof(*head);
    bool across = place_of(s, head) == PLACE_ACROSS;
    int r = 0;
    if (s->grown.number == 0 || s->grown.sealed)
        r = start_segment(s, head->segment, head);
    if (r < 0)
        return r;
    if (head->kind == CANP_BLOCK_SEAL) {
        r = seal_segment(s, shared);
        return r < 0 ? r : 1;
    }
    return across ? commit_rest(s, shared, head, payload) : commit(s, shared, &head->block, payload, 0);
}

/* ---- holding --------------------------------------------------------------------------------------- */

static const struct message_head *head_of(const struct held_message *m)
{
    return (const struct message_head *)m->bytes;
}

static bool is_before(const struct message_head *a, const struct message_head *b)
{
    if (a->segment != b->segment)
        return a->segment < b->segment;
    return a->record != b->record ? a->record < b->record : a->block.records < b->block.records;
}

static int hold(struct assembly *s, struct assembly_shared *shared, uint64_t number, const void *bytes,
                size_t size)
{
    struct held_message *m = malloc(sizeof(*m) + size), **at = &s->held;
    if (!m)
        return -ENOMEM;
    m->number = number;
    m->size = size;
    memcpy(m->bytes, bytes, size);
    while (*at && !is_before(head_of(m), head_of(*at)))
        at = &(*at)->next;
    m->next = *at;
    *at = m;
    s->held_bytes += size;
    s->held_count++;
    shared->stats->waiting++;
    return 2;
}

static void drop_first(struct assembly *s, struct assembly_shared *shared)
{
    struct held_message *m = s->held;
    s->held = m->next;
    s->held_bytes -= m->size;
    s->held_count--;
    if (shared)
        shared->stats->waiting--;
    free(m);
}

/* Stores what is not ahead any more. 0 or an error, with the message kept. */
static int store_held(struct assembly *s, struct assembly_shared *shared)
{
    while (s->held) {
        const struct message_head *head = head_of(s->held);
        enum place place = place_of(s, head);
        if (place == PLACE_AHEAD)
            break;
        int r = place == PLACE_BEHIND ? 0 : store(s, shared, head, s->held->bytes);
        if (r < 0)
            return r;
        drop_first(s, shared);
    }
    return 0;
}

uint64_t canp_assembly_lowest_held(const struct assembly *s)
{
    uint64_t lowest = UINT64_MAX;
    for (const struct held_message *m = s->held; m; m = m->next)
        lowest = m->number < lowest ? m->number : lowest;
    return lowest;
}

/* ---- gaps ------------------------------------------------------------------------------------------ */

/* A gap up to `position`. */
static int commit_gap(struct assembly *s, struct assembly_shared *shared, uint64_t lost, uint64_t position,
                      int64_t until_ns)
{
    uint64_t memory[CANP_GAP_ROW_BYTES / 8];
    struct canp_rowbuf rows;
    struct block_header h;
    int64_t from_ns = s->grown.last_ns ? s->grown.last_ns : until_ns;
    canp_rowbuf_init(&rows, memory, sizeof(memory));
    int r = canp_rowbuf_put_gap(&rows, 0, CANP_LAYER_STORE, lost, from_ns,
                                until_ns < from_ns ? from_ns : until_ns);
    if (r < 0)
        return r;
    canp_block_header_fill(&h, &rows, 0);
    h.stored_bytes = (uint32_t)rows.used_bytes;
    shared->stats->missing += lost;
    return commit(s, shared, &h, rows.data, position);
}

/* What is missing up to the segment of `head`: the end of the one at hand, and whole segments. */
static int pass_segments(struct assembly *s, struct assembly_shared *shared, const struct message_head *head,
                         int64_t until_ns)
{
    int r = 0;
    if (s->grown.number == 0) /* the first of a recording may be missing */
        return 0;
    if (head->segment - s->grown.number > SETTLE_SEGMENTS_MAX)
        return -CANP_E_TOO_MANY;
    while (r >= 0 && s->grown.number + s->grown.sealed < head->segment) {
        if (s->grown.sealed)
            r = start_segment(s, s->grown.number + 1, head);
        if (r >= 0)
            r = commit_gap(s, shared, 0, 0, until_ns);
        if (r >= 0)
            r = seal_segment(s, shared);
    }
    return r;
}

static int pass_to(struct assembly *s, struct assembly_shared *shared, const struct message_head *head)
{
    int64_t until_ns = head->kind == CANP_BLOCK_SEAL ? s->grown.last_ns : head->block.first_ns;
    int r = pass_segments(s, shared, head, until_ns);
    if (r >= 0 && (s->grown.number == 0 || s->grown.sealed))
        r = start_segment(s, head->segment, head);
    if (r >= 0 && head->record > s->grown.position)
        r = commit_gap(s, shared, head->record - s->grown.position, head->record, until_ns);
    return r;
}

int canp_assembly_settle(struct assembly *s, struct assembly_shared *shared)
{
    if (!s->held)
        return 0;
    int r = pass_to(s, shared, head_of(s->held));
    if (r == -CANP_E_TOO_MANY) {
        shared->stats->refused++;
        drop_first(s, shared);
        return 1;
    }
    if (r >= 0)
        r = store_held(s, shared);
    return r < 0 ? r : 1;
}

/* ---- for the store --------------------------------------------------------------------------------- */

int canp_assembly_put(struct assembly *s, struct assembly_shared *shared, uint64_t number, const void *bytes,
                      size_t size)
{
    struct message_head head;
    int r = check_message(s, shared, bytes, size, &head);
    if (r < 0)
        return r;
    switch (place_of(s, &head)) {
    case PLACE_BEHIND:
        return 0;
    case PLACE_AHEAD:
        return hold(s, shared, number, bytes, size);
    default:
        r = store(s, shared, &head, bytes);
    }
    int held = r < 0 ? r : store_held(s, shared);
    return held < 0 ? held : r;
}

int canp_assembly_open(struct assembly *s, int dir_fd, const uint8_t recording[16],
                       struct assembly_shared *shared)
{
    struct segment_list list = {.catalogue_read = true};
    *s = (struct assembly){.dir_fd = dir_fd, .grown = {.fd = -1}};
    memcpy(s->recording, recording, sizeof(s->recording));
    int r = canp_file_lock_take(dir_fd);
    if (r == 0)
        r = canp_segment_list_read(&list, dir_fd);
    uint64_t last = r == 0 ? segment_list_last(&list) : 0;
    canp_segment_list_free(&list);
    if (last)
        r = canp_grown_open(&s->grown, dir_fd, last, recording, &shared->scratch);
    if (r < 0)
        canp_assembly_close(s);
    return r;
}

int canp_assembly_sync(struct assembly *s)
{
    int r = canp_grown_sync(&s->grown);
    if (r == 0 && s->dir_dirty && fsync(s->dir_fd) < 0 && errno != EINVAL)
        r = -errno;
    if (r == 0)
        s->dir_dirty = false;
    return r;
}

void canp_assembly_close(struct assembly *s)
{
    while (s->held)
        drop_first(s, NULL);
    canp_grown_pause(&s->grown);
    if (s->dir_fd >= 0)
        close(s->dir_fd);
    s->dir_fd = -1;
}

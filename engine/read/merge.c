/*
 * Recordings merged by time (canp/merge.h).
 *
 * Each recording is read ahead by CANP_MERGE_WINDOW_NS into a queue per channel; the earliest head of all
 * queues is next. Queues keep recorded order, so only heads are compared. A record in a queue holds its
 * block. Heads are compared by bus time plus the total by which the recording's clock was set; after the last
 * time that the clock was set this sum is the stamp. Invariant: a recording's heads are final when
 * `newest_ns` is a window ahead of the earliest one, at its end, or when its next record runs back too far
 * (`held`); or when AHEAD blocks are held already, which is more than a second of eight busy buses. One
 * thread.
 *
 * A recording that grows may bring more after its current end: there a head is lent once no recording can
 * bring an earlier one, or `wait_ns` after the head was read.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <canp/busclock.h>
#include <canp/merge.h>
#include <canp/pools/buf.h>
#include <canp/pools/clock.h>
#include <canp/rows.h>

#define CHANNELS 256
#define NONE     UINT32_MAX
#define AHEAD    32 /* blocks read ahead at most, whatever their times */

/* A block of rows that queued records point into. */
struct block {
    struct canp_buf buf;
    uint32_t uses;
    uint64_t number; /* in its recording */
    int64_t read_ns; /* CLOCK_MONOTONIC; when following */
    struct block *next_free;
};

struct entry {
    struct canp_record record;
    int64_t bus_ns; /* as it is compared */
    struct block *block;
    uint64_t order; /* as recorded */
    uint32_t next;  /* in its queue, or of the free ones */
};

struct source {
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_busclock clock;
    int64_t ahead_ns; /* its clock was set so far in all */
    bool live; /* followed, and not closed when it was looked at last: there may be more behind its end */
    struct canp_batch batch; /* the block being read: */
    size_t at;
    struct block *block;
    bool ended;
    bool any; /* newest_ns says something */
    bool held;
    int64_t newest_ns;
    int64_t earliest_ns; /* of the heads, when queued > 0 */
    uint32_t queued;
    unsigned earliest; /* the channel */
    uint64_t earliest_block;
    uint64_t blocks;   /* read so far */
    unsigned channels; /* queues that were used: 0 .. channels - 1 */
    uint32_t head[CHANNELS], tail[CHANNELS];
};

struct canp_merge {
    struct entry *entries;
    uint32_t capacity;
    uint32_t free_entry;
    uint64_t order;
    struct block *free_blocks;
    struct block *lent; /* by the last call */
    bool follow;
    uint64_t wait_ns;
    unsigned count;
    struct source sources[];
};

/* ---- blocks and entries ------------------------------------------------------------------------ */

static void block_release(struct canp_merge *m, struct block *b)
{
    if (!b || --b->uses)
        return;
    canp_buf_release(&b->buf);
    b->next_free = m->free_blocks;
    m->free_blocks = b;
}

static struct block *block_take(struct canp_merge *m)
{
    struct block *b = m->free_blocks;
    if (b)
        m->free_blocks = b->next_free;
    else
        b = calloc(1, sizeof(*b));
    return b;
}

static int grow_entries(struct canp_merge *m)
{
    uint32_t capacity = m->capacity ? m->capacity * 2 : 1024;
    struct entry *entries = realloc(m->entries, capacity * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    for (uint32_t i = m->capacity; i < capacity; i++)
        entries[i].next = i + 1 < capacity ? i + 1 : NONE;
    m->free_entry = m->capacity;
    m->entries = entries;
    m->capacity = capacity;
    return 0;
}

/* ---- a source: one recording ------------------------------------------------------------------- */

static void find_earliest(const struct canp_merge *m, struct source *s)
{
    const struct entry *best = NULL;
    for (unsigned c = 0; c < s->channels; c++) {
        const struct entry *e = s->head[c] == NONE ? NULL : &m->entries[s->head[c]];
        if (!e ||
            (best && (e->bus_ns > best->bus_ns || (e->bus_ns == best->bus_ns && e->order > best->order))))
            continue;
        best = e;
        s->earliest = c;
        s->earliest_ns = e->bus_ns;
        s->earliest_block = e->block->number;
    }
}

static int push(struct canp_merge *m, struct source *s, const struct canp_record *record, int64_t bus_ns)
{
    int r = m->free_entry == NONE ? grow_entries(m) : 0;
    if (r < 0)
        return r;
    uint32_t i = m->free_entry;
    struct entry *e = &m->entries[i];
    m->free_entry = e->next;
    *e = (struct entry){
        .record = *record, .bus_ns = bus_ns, .block = s->block, .order = m->order++, .next = NONE};
    s->block->uses++;
    unsigned c = record->channel;
    for (; s->channels <= c; s->channels++)
        s->head[s->channels] = NONE;
    if (s->head[c] != NONE) {
        m->entries[s->tail[c]].next = i;
    } else {
        s->head[c] = i;
        if (s->queued == 0 || bus_ns < s->earliest_ns) { /* an equal one was there before */
            s->earliest = c;
            s->earliest_ns = bus_ns;
            s->earliest_block = s->block->number;
        }
    }
    s->tail[c] = i;
    s->queued++;
    return 0;
}

static void pop(struct canp_merge *m, struct source *s, struct canp_record *out)
{
    uint32_t i = s->head[s->earliest];
    struct entry *e = &m->entries[i];
    *out = e->record;
    m->lent = e->block;
    s->head[s->earliest] = e->next;
    e->next = m->free_entry;
    m->free_entry = i;
    s->queued--;
    find_earliest(m, s);
}

/* The next block to read records from. 1, 0 at the end, or an error. */
static int next_block(struct canp_merge *m, struct source *s)
{
    block_release(m, s->block);
    s->block = NULL;
    s->at = s->batch.bytes = 0;
    struct canp_batch batch;
    int r = canp_cursor_next_batch(s->cursor, &batch);
    if (r <= 0)
        return r;
    struct block *b = block_take(m);
    if (!b)
        return -ENOMEM;
    r = canp_cursor_share(s->cursor, &b->buf);
    if (r < 0) {
        b->next_free = m->free_blocks;
        m->free_blocks = b;
        return r;
    }
    b->uses = 1;
    b->number = s->blocks++;
    b->read_ns = m->follow ? (int64_t)canp_monotonic_ns() : 0;
    s->block = b;
    s->batch = batch;
    return 1;
}

/* No record of this recording that is not queued yet belongs before this time. */
static bool is_past(const struct source *s, int64_t time_ns)
{
    int64_t ahead_ns;
    if (s->ended || s->held)
        return true;
    if (s->queued && s->blocks - s->earliest_block > AHEAD)
        return true;
    if (__builtin_sub_overflow(s->newest_ns, time_ns, &ahead_ns))
        return s->any && s->newest_ns > time_ns;
    return s->any && ahead_ns >= CANP_MERGE_WINDOW_NS;
}

static bool is_final(const struct source *s)
{
    return s->queued ? is_past(s, s->earliest_ns) : s->ended;
}

/* By more than bus time does, but for clock records that contradict themselves. */
static bool runs_back(const struct source *s, int64_t time_ns)
{
    int64_t back_ns;
    return s->any && time_ns < s->newest_ns &&
           (__builtin_sub_overflow(s->newest_ns, time_ns, &back_ns) || back_ns > CANP_MERGE_WINDOW_NS);
}

/* Queues the wanted rows of the block, as far as need be. 0 or an error. */
static int read_rows(struct canp_merge *m, struct source *s)
{
    struct canp_record record;
    for (; s->at < s->batch.bytes && !is_final(s); s->at += record.row_bytes) {
        canp_row_read(s->batch.rows + s->at, s->batch.base_ns, &record);
        int64_t bus_ns = canp_busclock_time(&s->clock, s->cursor, &record);
        bus_ns = (int64_t)((uint64_t)bus_ns + (uint64_t)s->ahead_ns);
        if (record.kind == CANP_KIND_IFACE || !canp_cursor_wants(s->cursor, &record))
            continue;
        if (s->queued && runs_back(s, bus_ns)) {
            s->held = true;
            return 0;
        }
        int r = push(m, s, &record, bus_ns);
        if (r < 0)
            return r;
        if (!s->any || bus_ns > s->newest_ns || runs_back(s, bus_ns))
            s->newest_ns = bus_ns;
        s->any = true;
    }
    return 0;
}

/* Reads on until the earliest head is final, or as far as there is something. 0 or an error. */
static int fill(struct canp_merge *m, struct source *s)
{
    if (s->held && s->queued == 0)
        s->held = s->any = false;
    while (!is_final(s)) {
        int r = s->at < s->batch.bytes ? 1 : next_block(m, s);
        if (r < 0)
            return r;
        if (r == 0 && s->live)
            return 0;
        s->ended = r == 0;
        r = s->ended ? 0 : read_rows(m, s);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- all ---------------------------------------------------------------------------------------- */

/* Whether the earliest head of all may be lent now. */
static bool may_lend(const struct canp_merge *m, const struct source *best)
{
    const struct entry *head = &m->entries[best->head[best->earliest]];
    for (unsigned i = 0; i < m->count; i++) {
        if (!is_past(&m->sources[i], head->bus_ns))
            return (uint64_t)((int64_t)canp_monotonic_ns() - head->block->read_ns) >= m->wait_ns;
    }
    return true;
}

int canp_merge_next(struct canp_merge *m, struct canp_record *out, unsigned *from)
{
    unsigned best = m->count;
    block_release(m, m->lent);
    m->lent = NULL;
    for (unsigned i = 0; i < m->count; i++) {
        struct source *s = &m->sources[i];
        int r = fill(m, s);
        if (r < 0)
            return r;
        if (s->queued && (best == m->count || s->earliest_ns < m->sources[best].earliest_ns))
            best = i;
    }
    if (best == m->count || (m->follow && !may_lend(m, &m->sources[best])))
        return 0;
    pop(m, &m->sources[best], out);
    if (from)
        *from = best;
    return 1;
}

/* One recording needs no more than its own bus time. */
static int align(struct canp_merge *m)
{
    for (unsigned i = 0; m->count > 1 && i < m->count; i++) {
        struct source *s = &m->sources[i];
        struct canp_bus_span span = {0};
        struct canp_info info;
        int r = canp_reader_info_quick(s->reader, &info);
        if (r == 0)
            r = canp_busclock_span(s->reader, &info, &span);
        if (r < 0)
            return r;
        s->ahead_ns = span.ahead_ns;
    }
    return 0;
}

int canp_merge_open(struct canp_reader *const *readers, unsigned count, const struct canp_cursor_opts *opts,
                    struct canp_merge **out)
{
    if (count == 0 || count > CANP_MERGE_MAX)
        return -EINVAL;
    struct canp_merge *m = calloc(1, sizeof(*m) + count * sizeof(m->sources[0]));
    if (!m)
        return -ENOMEM;
    m->free_entry = NONE;
    for (; m->count < count; m->count++) {
        int r = canp_cursor_open(readers[m->count], opts, &m->sources[m->count].cursor);
        if (r < 0) {
            canp_merge_close(m);
            return r;
        }
        m->sources[m->count].reader = readers[m->count];
    }
    int r = align(m);
    if (r < 0) {
        canp_merge_close(m);
        return r;
    }
    *out = m;
    return 0;
}

void canp_merge_follow(struct canp_merge *m, uint64_t wait_ns)
{
    m->follow = true;
    m->wait_ns = wait_ns;
    for (unsigned i = 0; i < m->count; i++)
        m->sources[i].live = canp_reader_may_grow(m->sources[i].reader);
}

int canp_merge_refresh(struct canp_merge *m)
{
    int more = 0;
    for (unsigned i = 0; i < m->count; i++) {
        struct source *s = &m->sources[i];
        int r = s->live ? canp_reader_refresh(s->reader) : 0;
        if (r < 0)
            return r;
        s->live = s->live && canp_reader_may_grow(s->reader);
        more |= !s->ended || s->queued;
    }
    return more;
}

void canp_merge_close(struct canp_merge *m)
{
    if (!m)
        return;
    struct canp_record record;
    block_release(m, m->lent);
    for (unsigned i = 0; i < m->count; i++) {
        struct source *s = &m->sources[i];
        while (s->queued) {
            pop(m, s, &record);
            block_release(m, m->lent);
        }
        block_release(m, s->block);
        canp_cursor_close(s->cursor);
    }
    while (m->free_blocks) {
        struct block *b = m->free_blocks;
        m->free_blocks = b->next_free;
        free(b);
    }
    free(m->entries);
    free(m);
}

uint32_t canp_merge_damaged(const struct canp_merge *m)
{
    uint32_t damaged = 0;
    for (unsigned i = 0; i < m->count; i++)
        damaged += canp_cursor_damaged(m->sources[i].cursor);
    return damaged;
}

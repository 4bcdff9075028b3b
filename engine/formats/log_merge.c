/*
 * Several logs as one reader in order of time (canp/log.h).
 *
 * Recordings alone are merged by canp/merge.h, which follows them as they grow. With other logs among them
 * each log is read ahead by a window, its records are copied into a queue per channel, and the earliest head
 * of all queues is next. Queues keep the log's order, so only heads are compared; at equal times the log that
 * was given first goes first. Invariant: a log's heads are final when its last record read is a window ahead
 * of its earliest head, at its end, or when AHEAD records wait. One thread.
 */
#include <canp/private/opts.h>
#include <errno.h>
#include <stdlib.h>

#include <canp/busclock.h>
#include <canp/merge.h>

#include "formats/log_format.h"
#include "formats/recording.h"

#define AHEAD       65536U
#define NONE        UINT32_MAX
#define UNMAPPED    UINT16_MAX
#define SMALL_BYTES 72 /* a classic or FD frame */

struct entry {
    struct canp_record record; /* lends from `small`, or from `large` when that is not NULL */
    int64_t bus_ns;
    uint64_t order;
    uint32_t next; /* in its queue, or of the free ones */
    uint8_t *large;
    _Alignas(8) uint8_t small[SMALL_BYTES];
};

struct input {
    struct canp_log_reader *reader;
    struct canp_reader *recording;        /* NULL: any other log */
    uint16_t channels[CANP_CHANNELS_MAX]; /* its channel -> the merged one */
    struct canp_busclock clock;
    bool has_ended;
    int64_t newest_ns;
    uint32_t queued;
    unsigned earliest; /* the channel whose head is the earliest, when queued > 0 */
    unsigned channel_count;
    uint32_t head[CANP_CHANNELS_MAX], tail[CANP_CHANNELS_MAX];
};

struct merging {
    struct canp_merge *merge; /* of recordings alone; else NULL */
    bool is_followed, is_over;
    uint32_t damaged;       /* places told */
    struct entry **entries; /* in chunks, so that they stay where they are */
    uint32_t entry_count, free_entry, lent;
    uint64_t order;
    unsigned count;
    struct input *inputs;
};

#define CHUNK 1024U

static struct entry *entry_at(const struct merging *m, uint32_t index)
{
    return &m->entries[index / CHUNK][index % CHUNK];
}

/* ---- entries ------------------------------------------------------------------------------------------- */

static int grow(struct merging *m)
{
    uint32_t chunks = m->entry_count / CHUNK;
    struct entry **entries = realloc(m->entries, (chunks + 1) * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    m->entries = entries;
    entries[chunks] = calloc(CHUNK, sizeof(struct entry));
    if (!entries[chunks])
        return -ENOMEM;
    for (uint32_t i = 0; i < CHUNK; i++)
        entries[chunks][i].next = i + 1 < CHUNK ? m->entry_count + i + 1 : NONE;
    m->free_entry = m->entry_count;
    m->entry_count += CHUNK;
    return 0;
}

static void give_back(struct merging *m, uint32_t index)
{
    if (index == NONE)
        return;
    struct entry *e = entry_at(m, index);
    free(e->large);
    e->large = NULL;
    e->next = m->free_entry;
    m->free_entry = index;
}

static size_t body_bytes(const struct canp_record *r)
{
    if (r->kind == CANP_KIND_XL)
        return sizeof(*r->xl) + r->xl->len;
    return canp_kind_is_frame(r->kind) ? sizeof(*r->frame) + r->frame->len : r->event->bytes;
}

/* A copy of the record with its body, zero-padded to a multiple of 8. Its index, or a negative error. */
static int64_t copy_record(struct merging *m, const struct canp_record *record)
{
    if (m->free_entry == NONE && grow(m) < 0)
        return -ENOMEM;
    uint32_t index = m->free_entry;
    struct entry *e = entry_at(m, index);
    size_t bytes = body_bytes(record), room = (bytes + 7) & ~(size_t)7;
    uint8_t *body = e->small;
    if (room > SMALL_BYTES) {
        body = e->large = malloc(room);
        if (!body)
            return -ENOMEM;
    }
    m->free_entry = e->next;
    memcpy(body, record->event, bytes);
    memset(body + bytes, 0, room - bytes);
    e->record = *record;
    e->record.event = (const struct canp_event *)body;
    e->order = m->order++;
    e->next = NONE;
    return index;
}

/* ---- an input ------------------------------------------------------------------------------------------ */

static const struct canp_iface *iface_of(const struct input *in, uint8_t channel)
{
    return in->recording ? canp_reader_iface(in->recording, channel) : canp_log_iface(in->reader, channel);
}

/* The merged channel of an input's: of the same name, made when it is new. Or a negative error. */
static int map_channel(struct canp_log_reader *merged, struct input *in, uint8_t channel)
{
    if (__builtin_expect(in->channels[channel] != UNMAPPED, 1))
        return in->channels[channel];
    struct canp_iface unnamed = {.bytes = sizeof(unnamed)};
    const struct canp_iface *iface = iface_of(in, channel);
    struct canp_channels safe = {0}; /* gives it a name as every reader does */
    canp_channels_define(&safe, channel, iface ? iface : &unnamed);
    const struct canp_iface *named = &safe.of[channel].iface;
    unsigned before = merged->channels.count;
    int mapped = canp_channels_padded(&merged->channels, named->name);
    if (mapped < 0)
        return mapped;
    if (merged->channels.count > before)
        canp_channels_define(&merged->channels, (uint8_t)mapped, named);
    in->channels[channel] = (uint16_t)mapped;
    return mapped;
}

static bool is_earlier(const struct entry *a, const struct entry *b)
{
    return a->bus_ns != b->bus_ns ? a->bus_ns < b->bus_ns : a->order < b->order;
}

static void find_earliest(const struct merging *m, struct input *in)
{
    const struct entry *best = NULL;
    for (unsigned c = 0; c < in->channel_count; c++) {
        const struct entry *e = in->head[c] == NONE ? NULL : entry_at(m, in->head[c]);
        if (e && (!best || is_earlier(e, best))) {
            best = e;
            in->earliest = c;
        }
    }
}

static void append(struct merging *m, struct input *in, uint32_t index)
{
    struct entry *e = entry_at(m, index);
    uint8_t channel = e->record.channel;
    for (; in->channel_count <= channel; in->channel_count++)
        in->head[in->channel_count] = in->tail[in->channel_count] = NONE;
    if (in->head[channel] == NONE) {
        in->head[channel] = index;
        if (in->queued == 0 || is_earlier(e, entry_at(m, in->head[in->earliest])))
            in->earliest = channel;
    } else {
        entry_at(m, in->tail[channel])->next = index;
    }
    in->tail[channel] = index;
    in->queued++;
}

/* One more record into its queue: 1, 0 at the end, or an error. */
static int read_one(struct canp_log_reader *merged, struct input *in)
{
    struct merging *m = merged->state;
    struct canp_record record;
    int r = canp_log_next(in->reader, &record);
    if (r < 0)
        return canp_log_error(merged, r, "%s", canp_log_why(in->reader));
    in->has_ended = r == 0;
    if (r == 0)
        return 0;
    int64_t bus_ns = canp_busclock_time(&in->clock, NULL, &record);
    if (record.kind == CANP_KIND_IFACE)
        return 1;
    r = map_channel(merged, in, record.channel);
    if (r < 0)
        return r;
    int64_t index = copy_record(m, &record);
    if (index < 0)
        return (int)index;
    entry_at(m, (uint32_t)index)->bus_ns = bus_ns;
    append(m, in, (uint32_t)index);
    in->newest_ns = in->queued == 1 || bus_ns > in->newest_ns ? bus_ns : in->newest_ns;
    return 1;
}

static bool is_final(const struct merging *m, const struct input *in)
{
    if (in->has_ended || in->queued >= AHEAD)
        return true;
    if (in->queued == 0)
        return false;
    uint64_t ahead_ns = (uint64_t)in->newest_ns - (uint64_t)entry_at(m, in->head[in->earliest])->bus_ns;
    return ahead_ns >= CANP_MERGE_WINDOW_NS;
}

static uint32_t take_head(struct merging *m, struct input *in)
{
    uint32_t index = in->head[in->earliest];
    in->head[in->earliest] = entry_at(m, index)->next;
    in->queued--;
    find_earliest(m, in);
    return index;
}

/* ---- the merged reader --------------------------------------------------------------------------------- */

static int next_of_logs(struct canp_log_reader *merged, struct canp_record *out)
{
    struct merging *m = merged->state;
    struct input *best = NULL;
    give_back(m, m->lent);
    m->lent = NONE;
    for (unsigned i = 0; i < m->count; i++) {
        struct input *in = &m->inputs[i];
        while (!is_final(m, in)) {
            int r = read_one(merged, in);
            if (r < 0)
                return r;
        }
        if (in->queued && (!best || entry_at(m, in->head[in->earliest])->bus_ns <
                                        entry_at(m, best->head[best->earliest])->bus_ns))
            best = in;
    }
    if (!best)
        return 0;
    m->lent = take_head(m, best);
    *out = entry_at(m, m->lent)->record;
    out->channel = (uint8_t)best->channels[out->channel];
    return 1;
}

static int next_of_recordings(struct canp_log_reader *merged, struct canp_record *out)
{
    struct merging *m = merged->state;
    unsigned from = 0;
    int r = canp_merge_next(m->merge, out, &from);
    uint32_t damaged = canp_merge_damaged(m->merge);
    for (; __builtin_expect(m->damaged < damaged, 0); m->damaged++)
        canp_log_bad_object(merged, "damaged place", 0);
    if (r != 1)
        return r;
    r = map_channel(merged, &m->inputs[from], out->channel);
    if (r < 0)
        return r;
    out->channel = (uint8_t)r;
    return 1;
}

static int next(struct canp_log_reader *merged, struct canp_record *out)
{
    const struct merging *m = merged->state;
    return m->merge ? next_of_recordings(merged, out) : next_of_logs(merged, out);
}

static void close_merged(struct canp_log_reader *merged)
{
    struct merging *m = merged->state;
    canp_merge_close(m->merge);
    for (uint32_t i = 0; i < m->entry_count; i++)
        free(entry_at(m, i)->large);
    for (uint32_t i = 0; i < m->entry_count / CHUNK; i++)
        free(m->entries[i]);
    free(m->entries);
    free(m->inputs);
}

static int refresh(struct canp_log_reader *merged)
{
    struct merging *m = merged->state;
    int r = m->is_followed ? canp_merge_refresh(m->merge) : 0;
    m->is_over = r <= 0;
    return r;
}

static bool is_live(const struct canp_log_reader *merged)
{
    const struct merging *m = merged->state;
    return m->is_followed && !m->is_over;
}

static const struct canp_log_format merged_format = {
    .info = {.name = "merged",
             .title = "logs that are merged",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS |
                      CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_EPOCH |
                      CANP_LOG_HW_TIME | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_GAPS | CANP_LOG_LINKS |
                      CANP_LOG_MARKS | CANP_LOG_CLOCKS},
    .reader_bytes = sizeof(struct merging),
    .by_path = true, /* there is no source */
    .next = next,
    .close = close_merged,
    .refresh = refresh,
    .is_live = is_live,
};

/* The names that are known come first, so that an interface without frames is there, too. */
static int add_inputs(struct canp_log_reader *merged, struct canp_log_reader *const *readers, unsigned count)
{
    struct merging *m = merged->state;
    m->inputs = calloc(count, sizeof(m->inputs[0]));
    if (!m->inputs)
        return -ENOMEM;
    m->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct input *in = &m->inputs[i];
        in->reader = readers[i];
        in->recording = canp_recording_of(readers[i]);
        in->clock = (struct canp_busclock)CANP_BUSCLOCK_INIT;
        memset(in->channels, 0xFF, sizeof(in->channels));
        for (unsigned c = 0; c < canp_log_iface_count(readers[i]); c++) {
            int r = canp_log_iface(readers[i], (uint8_t)c) ? map_channel(merged, in, (uint8_t)c) : 0;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int merge_recordings(struct merging *m, const struct canp_log_merge_opts *opts)
{
    struct canp_reader *recordings[CANP_MERGE_MAX];
    for (unsigned i = 0; i < m->count; i++) {
        recordings[i] = m->inputs[i].recording;
        if (!recordings[i])
            return opts->follow ? -EINVAL : 0;
    }
    int r = canp_merge_open(recordings, m->count, NULL, &m->merge);
    m->is_followed = opts->follow;
    if (r == 0 && opts->follow)
        canp_merge_follow(m->merge, opts->wait_ns);
    return r;
}

int canp_log_merge_open(struct canp_log_reader *const *readers, unsigned count,
                        const struct canp_log_merge_opts *opts, struct canp_log_reader **out,
                        struct canp_why *why)
{
    struct canp_log_merge_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0 || count == 0 || count > CANP_MERGE_MAX)
        return canp_fail(why, r < 0 ? r : -EINVAL, "%u logs cannot be merged", count);
    struct canp_log_reader *merged = canp_log_reader_make(&merged_format);
    if (!merged)
        return canp_fail(why, -ENOMEM, "no memory to merge logs");
    struct merging *m = merged->state;
    m->free_entry = m->lent = NONE;
    r = add_inputs(merged, readers, count);
    if (r == 0)
        r = merge_recordings(m, &taken);
    if (r < 0) {
        canp_log_close(merged);
        return canp_fail(why, r, r == -EINVAL ? "only recordings can be followed" : "cannot merge: %s",
                         canp_strerror(r));
    }
    *out = merged;
    return 0;
}

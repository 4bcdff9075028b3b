/*
 * ASAM's MDF 4 with bus logging as a format of canp/log.h: recognition, the header, and the order of records
 * of several data groups. Groups are merged by time, because each has its own order; within a group records
 * keep their order.
 * One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "formats/mf4/mf4_parts.h"
#include "formats/mf4/mf4_write.h"
#include "formats/text/civil.h"

#define ID_BYTES    64U
#define LOCAL_TIME  0x01U /* flags of the header: no UTC, and nobody says what zone */
#define LINK_DG     0
#define LINK_EVENTS 4

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    if (head->length < ID_BYTES)
        return head->at_end ? CANP_LOG_NOT_MINE : CANP_LOG_UNSURE;
    if (memcmp(head->bytes, "MDF     ", 8) != 0 && memcmp(head->bytes, "UnFinMF ", 8) != 0)
        return CANP_LOG_NOT_MINE;
    uint32_t version = canp_mf4_u16(head->bytes + 28);
    if (version >= 400)
        return CANP_LOG_MINE;
    canp_fail(what, -CANP_E_FORMAT,
              "an MDF file of version %u.%02u, of before bus logging: only MDF 4 can be read", version / 100,
              version % 100);
    return CANP_LOG_REFUSED;
}

/* ---- open -------------------------------------------------------------------------------------------- */

/* Local time without its zone: as other formats take it, of the zone in which the program runs. */
static int64_t from_local(int64_t local_ns)
{
    struct tm tm;
    uint32_t rest_ns;
    int64_t time_ns;
    time_t seconds = (time_t)canp_split_seconds(local_ns, &rest_ns);
    if (!gmtime_r(&seconds, &tm) || !canp_civil_to_ns(tm, false, &time_ns) ||
        __builtin_add_overflow(time_ns, rest_ns, &time_ns))
        return local_ns;
    return time_ns;
}

/* Others' events are told, not shown: each says in its own way what it is about. */
static void count_events(struct canp_log_reader *reader, uint64_t offset)
{
    struct canp_mf4_reading *state = reader->state;
    uint64_t links[1];
    while (offset && canp_mf4_take(&state->file, offset, "EV", links, 1, NULL, 0) == 0) {
        canp_log_pass(reader, "events");
        offset = links[0];
    }
}

static int compare_heads(const struct canp_mf4_lane *a, const struct canp_mf4_lane *b)
{
    return a->head.time_ns < b->head.time_ns ? -1 : a->head.time_ns > b->head.time_ns;
}

/* The lane at `at` sinks to its place in the heap. */
static void sink_lane(struct canp_mf4_reading *state, unsigned at)
{
    struct canp_mf4_lane **lanes = state->lanes, *lane = lanes[at];
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child >= state->lane_count)
            break;
        if (child + 1 < state->lane_count && compare_heads(lanes[child + 1], lanes[child]) < 0)
            child++;
        if (compare_heads(lane, lanes[child]) <= 0)
            break;
        lanes[at] = lanes[child];
        at = child;
    }
    lanes[at] = lane;
}

static int open_file(struct canp_log_reader *reader)
{
    struct canp_mf4_reading *state = reader->state;
    const char *name = reader->path ? reader->path : "the log";
    uint8_t id[ID_BYTES], data[24];
    uint64_t links[6];
    int r = canp_mf4_file_open(reader, &state->file);
    if (r < 0)
        return r;
    int64_t n = canp_mf4_read(&state->file, 0, id, sizeof(id));
    if (n < (int64_t)sizeof(id))
        return canp_log_error(reader, n < 0 ? (int)n : -CANP_E_DAMAGED,
                              "%s: no MF4 file begins so: it has no 64 bytes", name);
    if (memcmp(id, "UnFinMF ", 8) == 0)
        state->file.unfinished = canp_mf4_u16(id + 60);
    r = canp_mf4_take(&state->file, ID_BYTES, "HD", links, 6, data, sizeof(data));
    if (r < 0)
        return canp_log_error(reader, r, "%s: its ##HD block, at offset 64, is damaged or missing", name);
    state->start_ns = (int64_t)canp_mf4_u64(data);
    if (data[12] & LOCAL_TIME)
        state->start_ns = from_local(state->start_ns);
    r = canp_mf4_open_groups(reader, links[LINK_DG]);
    if (r < 0)
        return r;
    count_events(reader, links[LINK_EVENTS]);
    return 0;
}

static int open_log(struct canp_log_reader *reader, struct canp_why *why)
{
    const char *name = reader->path ? reader->path : "the log";
    int r = open_file(reader);
    if (r == 0)
        return 0;
    if (reader->why.text[0])
        return canp_fail(why, r, "%s", reader->why.text);
    return canp_fail(why, r, "cannot read %s: %s", name, canp_strerror(r));
}

/* ---- next -------------------------------------------------------------------------------------------- */

/* A lane has no record any more. */
static void drop_lane(struct canp_mf4_reading *state, unsigned at)
{
    canp_mf4_free_lane(&state->file, state->lanes[at]);
    state->lanes[at] = state->lanes[--state->lane_count];
}

/* Every lane's first record; lanes without one go. */
static int begin_merge(struct canp_log_reader *reader)
{
    struct canp_mf4_reading *state = reader->state;
    state->is_merged = true;
    for (unsigned i = 0; i < state->lane_count;) {
        int r = canp_mf4_lane_next(reader, state->lanes[i], &state->lanes[i]->head);
        if (r < 0)
            return r;
        if (r == 0)
            drop_lane(state, i);
        else
            i++;
    }
    for (unsigned i = state->lane_count / 2; i-- > 0;)
        sink_lane(state, i);
    return 0;
}

/* The lane whose record was lent last reads on, and finds its place. */
static int next_merged(struct canp_log_reader *reader, struct canp_record *out)
{
    struct canp_mf4_reading *state = reader->state;
    int r = 1;
    if (__builtin_expect(!state->is_merged, 0)) {
        r = begin_merge(reader);
    } else if (state->lane_count) {
        r = canp_mf4_lane_next(reader, state->lanes[0], &state->lanes[0]->head);
        if (r == 0)
            drop_lane(state, 0);
        if (r >= 0 && state->lane_count)
            sink_lane(state, 0);
    }
    if (r < 0 || !state->lane_count)
        return r < 0 ? r : 0;
    *out = state->lanes[0]->head;
    return 1;
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct canp_mf4_reading *state = reader->state;
    if (__builtin_expect(state->lane_count == 1 && !state->is_merged, 1))
        return canp_mf4_lane_next(reader, state->lanes[0], out);
    return next_merged(reader, out);
}

static int refresh(struct canp_log_reader *reader)
{
    (void)reader;
    return 0; /* how much there is was found at the beginning */
}

static void close_log(struct canp_log_reader *reader)
{
    struct canp_mf4_reading *state = reader->state;
    for (unsigned i = 0; i < state->lane_count; i++)
        canp_mf4_free_lane(&state->file, state->lanes[i]);
    free(state->lanes);
    canp_mf4_file_close(&state->file);
}

#define HOLDS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION |               \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_NUMBERED |                \
     CANP_LOG_GAPS | CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_CLOCKS)

const struct canp_log_format canp_format_mf4 = {
    .info = {.name = "mf4",
             .title = "ASAM MDF 4",
             .suffixes = "mf4 MF4 mdf MDF",
             .reads = CANP_LOG_READ | HOLDS,
             .writes = CANP_LOG_WRITE | HOLDS},
    .probe = probe,
    .reader_bytes = sizeof(struct canp_mf4_reading),
    .open = open_log,
    .next = next,
    .close = close_log,
    .refresh = refresh,
    .writer_bytes = sizeof(struct canp_mf4_writing),
    .write = canp_mf4_write,
    .finish = canp_mf4_finish,
};

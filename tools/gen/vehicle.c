/*
 * The generator: decides when which frame is due (gen/vehicle.h describes the frames). Periodic messages are
 *
 in a binary heap by due time. Everything is computed in the drive's own time; a rate or a load only scales
 *
 the resulting stamps, so the frames are the same at every rate. Jitter is added to fixed times, so it does
 *
 not add up.
 * Invariant: times never run backwards. One thread at a time.
 */
#include "vehicle_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BITRATE  500000U
#define DEFAULT_DBITRATE 2000000U
#define JITTER_SHARE     0.03 /* of the period, each way */
#define JITTER_NS_MAX    1500000.0
#define BURST_FRAMES     3U /* a message on change is sent so often */
#define BURST_PERIOD_NS  20000000U
#define QUIET_NS_MIN     2000000000U /* between two changes */
#define QUIET_NS_SPAN    10000000000U
#define FULL_BUS         0.95 /* above this load frames are not kept apart by their length */

struct slot {
    uint64_t due_ns; /* drive time */
    uint32_t message;
};

struct message_state {
    uint64_t slot_ns; /* due time before jitter */
    uint32_t count;
    uint8_t fd_len;
};

struct canp_vehicle {
    enum canp_profile profile;
    uint32_t bitrate, dbitrate;
    int64_t start_ns;
    double stretch; /* outside nanoseconds per nanosecond of the drive */
    double frames_per_second;
    bool keep_apart;
    int64_t bus_free_ns;   /* when the frame before is through */
    uint64_t sequence;     /* flood */
    uint64_t interval_q32; /* flood: ns per frame, 32 bits behind the point */
    uint32_t flood_id;
    uint64_t random;   /* jitter */
    uint64_t drive_ns; /* how far the drive has come */
    struct canp_drive drive;
    struct message_state states[CANP_MESSAGES_MAX];
    struct slot heap[CANP_MESSAGES_MAX]; /* one slot per message, always */
};

static const char *const profile_names[] = {
#define PROFILE_NAME(name, text) text,
    CANP_PROFILES(PROFILE_NAME)
#undef PROFILE_NAME
};

int canp_profile_find(const char *name)
{
    for (int i = 0; i < CANP_PROFILE_COUNT; i++) {
        if (strcmp(profile_names[i], name) == 0)
            return i;
    }
    return -EINVAL;
}

static bool is_flood(const struct canp_vehicle *v)
{
    return v->profile == CANP_PROFILE_FLOOD || v->profile == CANP_PROFILE_FLOOD_FD;
}

/* ---- the heap ---------------------------------------------------------------------------------- */

static bool before(struct slot a, struct slot b)
{
    return a.due_ns < b.due_ns || (a.due_ns == b.due_ns && a.message < b.message);
}

static void sift_down(struct slot *heap, unsigned at)
{
    struct slot moving = heap[at];
    unsigned child;
    while ((child = 2 * at + 1) < canp_message_count) {
        if (child + 1 < canp_message_count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* ---- the drive's messages ---------------------------------------------------------------------- */

/* When the message is sent next, jitter included. */
static uint64_t schedule(struct canp_vehicle *v, unsigned index)
{
    struct message_state *state = &v->states[index];
    uint32_t period_ms = canp_messages[index].period_ms;
    if (period_ms == 0) {
        bool quiet = state->count % BURST_FRAMES == 0;
        state->slot_ns +=
            quiet ? QUIET_NS_MIN + canp_random_u64(&v->random) % QUIET_NS_SPAN : BURST_PERIOD_NS;
        return state->slot_ns;
    }
    double jitter_ns = period_ms * 1e6 * JITTER_SHARE;
    if (jitter_ns > JITTER_NS_MAX)
        jitter_ns = JITTER_NS_MAX;
    state->slot_ns += period_ms * UINT64_C(1000000);
    return state->slot_ns + (uint64_t)(int64_t)(jitter_ns * canp_random_spread(&v->random));
}

static uint8_t fd_length(unsigned index, uint8_t len)
{
    static const uint8_t lengths[] = {8, 12, 16, 64, 20, 24, 32, 48, 64};
    if (index % 4 == 3)
        return len;
    return lengths[index % sizeof(lengths)];
}

static void start_messages(struct canp_vehicle *v)
{
    for (unsigned i = 0; i < canp_message_count; i++) {
        uint64_t period_ns = canp_messages[i].period_ms * UINT64_C(1000000);
        v->states[i].fd_len = fd_length(i, canp_messages[i].len);
        /* slots are spread over the period, and far enough from 0 for the first jitter */
        v->states[i].slot_ns = period_ns ? canp_random_u64(&v->random) % period_ns : 0;
        v->heap[i] = (struct slot){schedule(v, i), i};
    }
    for (unsigned i = canp_message_count; i-- > 0;)
        sift_down(v->heap, i);
    uint64_t first_ns = v->heap[0].due_ns; /* the drive begins with its first frame */
    for (unsigned i = 0; i < canp_message_count; i++) {
        v->heap[i].due_ns -= first_ns;
        v->states[v->heap[i].message].slot_ns -= first_ns;
    }
}

/* What FD frames carry behind the classic message: counters of several speeds. */
static void fill_fd_tail(struct canp_frame *f, unsigned from, uint32_t count)
{
    for (unsigned i = from; i < f->len; i++)
        f->data[i] = (uint8_t)(i % 3 == 0 ? count >> (i / 12) : 0x11 * (i & 15));
}

static uint8_t fill_message(struct canp_vehicle *v, unsigned index, struct canp_frame *f)
{
    const struct canp_message *m = &canp_messages[index];
    struct message_state *state = &v->states[index];
    bool fd = v->profile == CANP_PROFILE_FD;
    f->id = m->id;
    f->len = fd && state->fd_len > m->len ? state->fd_len : m->len;
    f->flags = fd ? CANP_FD_FDF | CANP_FD_BRS : 0;
    canp_message_fill(m, &v->drive, state->count, f->data);
    fill_fd_tail(f, m->len, state->count);
    state->count++;
    return fd ? CANP_KIND_FD : CANP_KIND_CAN;
}

static uint8_t next_message(struct canp_vehicle *v, int64_t *time_ns, struct canp_frame *f)
{
    struct slot slot = v->heap[0];
    for (; v->drive_ns + DRIVE_STEP_NS <= slot.due_ns; v->drive_ns += DRIVE_STEP_NS)
        canp_drive_step(&v->drive);
    uint8_t kind = fill_message(v, slot.message, f);
    v->heap[0].due_ns = schedule(v, slot.message);
    sift_down(v->heap, 0);
    *time_ns = v->start_ns + (int64_t)((double)slot.due_ns * v->stretch);
    if (*time_ns < v->bus_free_ns)
        *time_ns = v->bus_free_ns;
    v->bus_free_ns = *time_ns;
    if (v->keep_apart)
        v->bus_free_ns += (int64_t)canp_bits_ns(canp_frame_bits(kind, f), v->bitrate, v->dbitrate);
    return kind;
}

/* ---- flood ------------------------------------------------------------------------------------- */

static uint8_t fill_flood(struct canp_vehicle *v, struct canp_frame *f)
{
    uint64_t big_endian = __builtin_bswap64(v->sequence);
    f->id = v->flood_id;
    memcpy(f->data, &big_endian, 8);
    f->len = 8;
    if (v->profile == CANP_PROFILE_FLOOD)
        return CANP_KIND_CAN;
    f->len = 64;
    f->flags = CANP_FD_FDF | CANP_FD_BRS;
    for (unsigned i = 8; i < 64; i++)
        f->data[i] = (uint8_t)(v->sequence + i);
    return CANP_KIND_FD;
}

/* n * q / 2^32, rounded down, modulo 2^64: in parts, since not every processor has 128 bits. */
static uint64_t times_q32(uint64_t n, uint64_t q)
{
    uint64_t whole = q >> 32, fraction = q & UINT32_MAX;
    return n * whole + (n >> 32) * fraction + ((n & UINT32_MAX) * fraction >> 32);
}

static uint8_t next_flood(struct canp_vehicle *v, int64_t *time_ns, struct canp_frame *f)
{
    uint8_t kind = fill_flood(v, f);
    *time_ns = v->start_ns + (int64_t)times_q32(v->sequence, v->interval_q32);
    v->sequence++;
    return kind;
}

/* ---- open, next, close ------------------------------------------------------------------------- */

/* What the profile does by itself: frames per second, and the share of the bus that takes. */
static double natural_rate(struct canp_vehicle *v, double *load)
{
    double rate = 0, busy_ns = 0;
    union canp_frame_store store;
    for (unsigned i = 0; i < canp_message_count; i++) {
        uint32_t period_ms = canp_messages[i].period_ms;
        double quiet_s = (QUIET_NS_MIN + QUIET_NS_SPAN / 2.0 + (BURST_FRAMES - 1.0) * BURST_PERIOD_NS) / 1e9;
        double per_second = period_ms ? 1e3 / period_ms : BURST_FRAMES / quiet_s;
        memset(&store, 0, sizeof(store));
        uint8_t kind = fill_message(v, i, &store.frame);
        v->states[i].count = 0;
        rate += per_second;
        busy_ns +=
            per_second * (double)canp_bits_ns(canp_frame_bits(kind, &store.frame), v->bitrate, v->dbitrate);
    }
    *load = busy_ns / 1e9;
    return rate;
}

static double flood_rate(struct canp_vehicle *v, double *load)
{
    union canp_frame_store store;
    memset(&store, 0, sizeof(store));
    uint8_t kind = fill_flood(v, &store.frame);
    *load = 1;
    return 1e9 / (double)canp_bits_ns(canp_frame_bits(kind, &store.frame), v->bitrate, v->dbitrate);
}

static void set_pace(struct canp_vehicle *v, const struct canp_vehicle_opts *opts)
{
    double load;
    double natural = is_flood(v) ? flood_rate(v, &load) : natural_rate(v, &load);
    double rate = natural;
    if (opts->frames_per_second > 0)
        rate = opts->frames_per_second;
    else if (opts->load > 0)
        rate = natural * opts->load / load;
    v->frames_per_second = rate;
    v->stretch = natural / rate;
    v->interval_q32 = (uint64_t)(4294967296e9 / rate);
    v->keep_apart = load * rate / natural <= FULL_BUS;
}

static bool is_sane(const struct canp_vehicle_opts *opts)
{
    return (unsigned)opts->profile < CANP_PROFILE_COUNT && isfinite(opts->frames_per_second) &&
           isfinite(opts->load) && opts->frames_per_second >= 0 && opts->frames_per_second <= 1e9 &&
           opts->load >= 0 && opts->load <= 1e6 &&
           (opts->frames_per_second == 0 || opts->frames_per_second >= 1e-3) &&
           (opts->load == 0 || opts->load >= 1e-6);
}

int canp_vehicle_open(const struct canp_vehicle_opts *opts, struct canp_vehicle **out)
{
    if (!is_sane(opts))
        return -EINVAL;
    struct canp_vehicle *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->profile = opts->profile;
    v->start_ns = v->bus_free_ns = opts->start_ns;
    v->bitrate = opts->bitrate ? opts->bitrate : DEFAULT_BITRATE;
    v->dbitrate = opts->dbitrate ? opts->dbitrate : DEFAULT_DBITRATE;
    v->random = opts->seed;
    v->flood_id = 0x100 + (uint32_t)(opts->seed % 256);
    canp_drive_init(&v->drive, canp_random_u64(&v->random));
    start_messages(v);
    set_pace(v, opts);
    *out = v;
    return 0;
}

void canp_vehicle_close(struct canp_vehicle *v)
{
    free(v);
}

uint8_t canp_vehicle_next(struct canp_vehicle *v, int64_t *time_ns, union canp_frame_store *frame)
{
    memset(frame, 0, sizeof(*frame));
    return is_flood(v) ? next_flood(v, time_ns, &frame->frame) : next_message(v, time_ns, &frame->frame);
}

double canp_vehicle_rate(const struct canp_vehicle *v)
{
    return v->frames_per_second;
}

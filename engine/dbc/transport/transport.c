/*
 * Finds the protocol of a frame. All memory is allocated when a canp_transport is opened. One thread at a
 * time.
 */
#include "transport_session.h"

#include <canp/private/opts.h>
#include <errno.h>
#include <stdlib.h>

#define BYTES_MIN      223U /* a fast packet */
#define BYTES_MOST     (1U << 24)
#define EXTENDED_BYTES (1U << 20)
#define SESSIONS_MOST  (1U << 16)

static int take_memory(struct canp_transport *t, const struct canp_transport_opts *opts)
{
    uint32_t count = t->sets * TRANSPORT_WAYS;
    t->sessions = calloc(count, sizeof(*t->sessions));
    t->memory = calloc(count, t->opts.bytes_max);
    t->isotp = calloc(opts->isotp_count + 1, sizeof(*t->isotp));
    t->extended_memory = calloc(TRANSPORT_EXTENDED, t->opts.extended_bytes_max); /* touched when needed */
    if (!t->sessions || !t->memory || !t->isotp || !t->extended_memory)
        return -ENOMEM;
    for (uint32_t i = 0; i < TRANSPORT_EXTENDED; i++)
        t->extended[i].data = t->extended_memory + (size_t)i * t->opts.extended_bytes_max;
    for (uint32_t i = 0; i < count; i++)
        t->sessions[i].data = t->memory + (size_t)i * t->opts.bytes_max;
    if (opts->isotp_count)
        memcpy(t->isotp, opts->isotp, opts->isotp_count * sizeof(*t->isotp));
    t->isotp_count = opts->isotp_count;
    t->opts.isotp = t->isotp;
    return 0;
}

static void set_defaults(struct canp_transport_opts *opts)
{
    opts->sessions_max = opts->sessions_max ? opts->sessions_max : 256;
    opts->bytes_max = opts->bytes_max ? opts->bytes_max : 4095;
    opts->extended_bytes_max = opts->extended_bytes_max ? opts->extended_bytes_max : EXTENDED_BYTES;
    opts->timeout_ns = opts->timeout_ns ? opts->timeout_ns : UINT64_C(1250000000);
}

int canp_transport_open(const struct canp_transport_opts *opts, struct canp_transport **out)
{
    struct canp_transport_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return r;
    set_defaults(&taken);
    opts = &taken;
    if (opts->sessions_max == 0 || opts->sessions_max > SESSIONS_MOST || opts->bytes_max < BYTES_MIN ||
        opts->bytes_max > BYTES_MOST || opts->extended_bytes_max > BYTES_MOST ||
        (opts->isotp_count && !opts->isotp))
        return -EINVAL;
    struct canp_transport *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->opts = *opts;
    t->sets = (opts->sessions_max + TRANSPORT_WAYS - 1) / TRANSPORT_WAYS;
    r = take_memory(t, opts);
    if (r < 0) {
        canp_transport_close(t);
        return r;
    }
    canp_transport_know_fast_groups(t);
    *out = t;
    return 0;
}

void canp_transport_close(struct canp_transport *t)
{
    if (!t)
        return;
    free(t->sessions);
    free(t->memory);
    free(t->extended_memory);
    free(t->isotp);
    free(t);
}

void canp_transport_stats(const struct canp_transport *t, struct canp_transport_stats *out)
{
    *out = t->stats;
}

/* ---- which protocol ----------------------------------------------------------------------------------- */

static const struct canp_isotp_ids obd[] = {
    {0x7DF, 0x7FF, CANP_ISOTP_NORMAL},
    {0x7E0, 0x7F0, CANP_ISOTP_NORMAL},
    {CANP_ID_EFF | 0x18DA0000, 0x1FFE0000, CANP_ISOTP_NORMAL}, /* 18DA and 18DB */
};

static const struct canp_isotp_ids *isotp_of(const struct canp_isotp_ids *ids, uint32_t count, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (((id ^ ids[i].id) & (ids[i].mask | CANP_ID_EFF)) == 0)
            return &ids[i];
    return NULL;
}

static const struct canp_isotp_ids *find_isotp(const struct canp_transport *t, uint32_t id)
{
    const struct canp_isotp_ids *found = isotp_of(t->isotp, t->isotp_count, id);
    if (!found && !t->opts.no_obd)
        found = isotp_of(obd, sizeof(obd) / sizeof(obd[0]), id);
    return found;
}

int canp_transport_feed(struct canp_transport *t, int64_t time_ns, uint8_t channel,
                        const struct canp_frame *frame, struct canp_transport_message *out)
{
    struct transport_frame f = {time_ns, channel, frame};
    if (frame->id & (CANP_ID_RTR | CANP_ID_ERR) || frame->len == 0)
        return 0;
    const struct canp_isotp_ids *isotp = find_isotp(t, frame->id);
    if (isotp)
        return canp_transport_isotp(t, &f, isotp->addressing, out);
    if (!(frame->id & CANP_ID_EFF) || frame->len > 8)
        return 0;
    uint32_t format = frame->id >> 16 & 0x3FF; /* data pages and PDU format */
    if (!t->opts.no_j1939 && (format == 0xEC || format == 0xEB))
        return canp_transport_j1939(t, &f, out);
    if (!t->opts.no_j1939 && (format == 0xC8 || format == 0xC7))
        return canp_transport_etp(t, &f, out);
    return !t->opts.no_fast_packets ? canp_transport_fast(t, &f, out) : 0;
}

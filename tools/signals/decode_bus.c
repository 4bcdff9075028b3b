/* Makes rows of values of frames, for canp decode (decode_bus.h). Main thread. */
#include "decode_bus.h"

#include <canp/safe_text.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

#define CLASSIC_BYTES 8

int decode_bus_open(struct decode_bus *b)
{
    b->values = calloc((size_t)b->choice->values_max + 1, sizeof(*b->values));
    return b->values ? 0 : -ENOMEM;
}

void decode_bus_close(struct decode_bus *b)
{
    for (unsigned i = 0; i < b->line_count; i++)
        canp_transport_close(b->lines[i].transport);
    decode_thin_free(&b->thin);
    free(b->values);
}

/* ---- interfaces --------------------------------------------------------------------------------------- */

static int line_of(struct decode_bus *b, uint64_t bases, struct decode_line **out)
{
    for (unsigned i = 0; i < b->line_count; i++) {
        if (b->lines[i].bases == bases) {
            *out = &b->lines[i];
            return 0;
        }
    }
    struct decode_line *line = &b->lines[b->line_count]; /* at most one for each named interface, and one */
    int r = canp_transport_open(b->transport, &line->transport);
    if (r < 0)
        return r;
    b->line_count++;
    line->bases = bases;
    for (unsigned i = 0; i < b->choice->base_count; i++) {
        if (bases >> i & 1)
            canp_transport_fast_groups_of(line->transport, b->choice->bases[i].dbc);
    }
    *out = line;
    return 0;
}

int decode_bus_name(struct decode_bus *b, uint8_t channel, const char *iface)
{
    struct decode_channel *c = &b->channels[channel];
    if (c->line && strcmp(c->name, iface) == 0)
        return 0;
    snprintf(c->name, sizeof(c->name), "%s", iface); /* a trusted copy: printed spelled */
    return line_of(b, decode_choice_bases(b->choice, iface), &c->line);
}

int decode_bus_record(struct decode_bus *b, const struct canp_record *record)
{
    char number[CANP_IFACE_NAME_BYTES];
    if (record->kind == CANP_KIND_IFACE)
        return decode_bus_name(b, record->channel, text_iface(number, record->iface->name, record->channel));
    if (record->kind != CANP_KIND_CAN && record->kind != CANP_KIND_FD)
        return 0;
    int r = decode_bus_is_named(b, record->channel)
                ? 0
                : decode_bus_name(b, record->channel, text_iface(number, NULL, record->channel));
    return r < 0 ? r : decode_bus_frame(b, record);
}

bool decode_bus_is_named(const struct decode_bus *b, uint8_t channel)
{
    return b->channels[channel].line != NULL;
}

/* ---- values ------------------------------------------------------------------------------------------- */

static int by_signal(const void *a, const void *b)
{
    const struct canp_dbc_signal *one = ((const struct canp_value *)a)->signal;
    const struct canp_dbc_signal *other = ((const struct canp_value *)b)->signal;
    return (one > other) - (one < other); /* one message's signals are one array */
}

static void sort(struct canp_value *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (values[i - 1].signal > values[i].signal) {
            qsort(values, count, sizeof(*values), by_signal);
            return;
        }
    }
}

/* Leaves the wanted ones. Returns their number or -ENOMEM. */
static int64_t pick(struct decode_bus *b, const struct decode_row *row, uint32_t count, uint32_t from)
{
    const struct decode_message *m = row->message;
    uint32_t kept = 0;
    if (m->wanted == m->message->signal_count && b->thin.every_ns == 0)
        return count;
    for (uint32_t i = 0; i < count; i++) {
        const struct canp_dbc_signal *s = b->values[i].signal;
        if (m->columns[s - m->message->signals] == DECODE_UNWANTED)
            continue;
        int passes = decode_thin_pass(&b->thin, s, from, row->time_ns);
        if (passes < 0)
            return passes;
        if (passes)
            b->values[kept++] = b->values[i];
    }
    return kept;
}

static void keep_first_short(struct decode_bus *b, const struct canp_dbc_message *m)
{
    if (!b->short_message[0])
        canp_safe_text(b->short_message, sizeof(b->short_message), m->long_name, strlen(m->long_name), 0);
}

/* Of J1939 and its kin one message comes from several sources. */
static uint32_t where_from(uint8_t channel, uint32_t id)
{
    return (uint32_t)channel << 9 | (id & CANP_ID_EFF ? 0x100 | (id & 0xFF) : 0);
}

/* `row` has all but message and values. */
static int give(struct decode_bus *b, const struct canp_plan *plan, uint8_t channel, struct decode_row *row)
{
    uint64_t short_before = b->counts.short_values;
    row->message = decode_choice_message(b->choice, canp_plan_message(plan));
    if (!row->message || !row->message->wanted)
        return 0;
    uint32_t count = canp_plan_decode(plan, row->data, row->bytes, b->values, &b->counts);
    if (b->counts.short_values != short_before)
        keep_first_short(b, row->message->message);
    sort(b->values, count);
    int64_t kept = pick(b, row, count, where_from(channel, row->id));
    if (kept <= 0)
        return (int)kept;
    row->values = b->values;
    row->count = (uint32_t)kept;
    b->given += row->count;
    return b->take(b->user, row);
}

/* ---- trouble codes ------------------------------------------------------------------------------------ */

#define GROUP_DM1 0xFECAU
#define GROUP_DM2 0xFECBU

static bool has_codes(const struct decode_bus *b, const struct decode_channel *c, uint32_t id)
{
    uint32_t group = canp_j1939_pgn(id);
    bool wanted = (group == GROUP_DM1 && b->choice->codes[0]) || (group == GROUP_DM2 && b->choice->codes[1]);
    return wanted && b->take_codes && (id & CANP_ID_EFF) && decode_choice_is_j1939(b->choice, c->line->bases);
}

static int give_codes(struct decode_bus *b, uint8_t channel, const struct decode_row *row)
{
    static const char *const names[] = {"DM1", "DM2"};
    const char *name = names[canp_j1939_pgn(row->id) == GROUP_DM2];
    uint32_t count = canp_j1939_dtcs(row->data, row->bytes, b->codes, DECODE_CODES_MAX);
    int passes = count ? decode_thin_pass(&b->thin, name, where_from(channel, row->id), row->time_ns) : 0;
    if (passes <= 0)
        return passes;
    b->given += count;
    struct decode_codes codes = {row->time_ns, row->iface,
                                 row->id,      name,
                                 b->codes,     count < DECODE_CODES_MAX ? count : DECODE_CODES_MAX};
    return b->take_codes(b->user, &codes);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

/* A message that several frames brought, the last one with `frame_id`. */
static int give_message(struct decode_bus *b, const struct decode_channel *c, uint32_t frame_id,
                        const struct canp_transport_message *m)
{
    struct decode_row row = {m->time_ns, c->name, m->id, NULL, m->data, m->bytes, NULL, 0};
    const struct canp_plan *plan = decode_choice_plan(b->choice, c->line->bases, m->id);
    bool is_j1939 =
        m->kind == CANP_TRANSPORT_BAM || m->kind == CANP_TRANSPORT_RTS || m->kind == CANP_TRANSPORT_ETP;
    if (is_j1939 && has_codes(b, c, m->id)) {
        int r = give_codes(b, m->channel, &row);
        return r < 0 || !plan ? r : give(b, plan, m->channel, &row);
    }
    if (!plan && m->kind == CANP_TRANSPORT_FAST) /* a database without J1939 has the frames' own priority */
        plan = decode_choice_plan(b->choice, c->line->bases, frame_id);
    if (!plan) {
        b->counts.frames_unknown++;
        return 0;
    }
    if (m->kind == CANP_TRANSPORT_ISOTP && canp_plan_message(plan)->bytes <= CLASSIC_BYTES)
        return 0; /* the database describes the frames, as those for OBD do: they were decoded */
    return give(b, plan, m->channel, &row);
}

/* A short message of a database without J1939 that has exactly this id: no part of a fast packet. */
static bool is_plain(const struct canp_plan *plan, uint32_t id)
{
    const struct canp_dbc_message *m = plan ? canp_plan_message(plan) : NULL;
    return m && m->id == id && m->bytes <= CLASSIC_BYTES && m->format != CANP_DBC_J1939;
}

static bool is_isotp_or_tp(uint32_t id)
{
    uint32_t format = id >> 16 & 0x3FF;
    return !(id & CANP_ID_EFF) || (id & 0x1FFE0000) == 0x18DA0000 || format == 0xEC || format == 0xEB ||
           format == 0xC8 || format == 0xC7;
}

/* Is the frame itself what the message of the plan describes? `is_part`: it belongs to a transport. */
static bool is_whole(const struct canp_plan *plan, uint32_t id, bool is_part)
{
    if (!is_part)
        return true;
    return is_isotp_or_tp(id) && canp_plan_message(plan)->bytes <= CLASSIC_BYTES;
}

int decode_bus_frame(struct decode_bus *b, const struct canp_record *record)
{
    const struct canp_frame *frame = record->frame;
    const struct decode_channel *c = &b->channels[record->channel];
    struct canp_transport_message message;
    if (frame->id & (CANP_ID_RTR | CANP_ID_ERR)) {
        b->counts.not_data++;
        return 0;
    }
    const struct canp_plan *plan = decode_choice_plan(b->choice, c->line->bases, frame->id);
    uint64_t parts = c->line->stats.frames;
    int is_complete = 0, r = 0;
    if (!is_plain(plan, frame->id) || is_isotp_or_tp(frame->id)) {
        is_complete =
            canp_transport_feed(c->line->transport, record->time_ns, record->channel, frame, &message);
        canp_transport_stats(c->line->transport, &c->line->stats);
    }
    bool is_part = c->line->stats.frames != parts;
    struct decode_row row = {record->time_ns, c->name, frame->id, NULL, frame->data, frame->len, NULL, 0};
    bool is_codes = !is_part && has_codes(b, c, frame->id);
    if (is_codes)
        r = give_codes(b, record->channel, &row);
    if (r == 0 && plan && is_whole(plan, frame->id, is_part))
        r = give(b, plan, record->channel, &row);
    else if (!plan && !is_part && !is_codes)
        b->counts.frames_unknown++;
    return r == 0 && is_complete ? give_message(b, c, frame->id, &message) : r;
}

void decode_bus_transports(const struct decode_bus *b, struct canp_transport_stats *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < b->line_count; i++) {
        out->messages += b->lines[i].stats.messages;
        out->incomplete += b->lines[i].stats.incomplete;
        out->aborted += b->lines[i].stats.aborted;
        out->evicted += b->lines[i].stats.evicted;
        out->malformed += b->lines[i].stats.malformed;
        out->too_long += b->lines[i].stats.too_long;
    }
}

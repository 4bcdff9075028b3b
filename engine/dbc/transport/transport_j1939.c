/*
 * J1939-21's transport protocol. Packets have numbers, so a packet that is sent again, after a CTS that asks
 * for it, or comes late is put in its place. Also J1939-73's trouble codes. One thread at a time.
 */
#include "transport_session.h"

enum { /* the first byte of TP.CM */
       RTS = 16,
       CTS = 17,
       END_ACK = 19,
       BAM = 32,
       ABORT = 255,
};

static uint64_t tp_key(uint8_t channel, uint8_t source, uint8_t destination)
{
    return canp_transport_key(1, channel, (uint32_t)source << 8 | destination, 0);
}

static int begin_tp(struct canp_transport *t, const struct transport_frame *f, uint8_t source,
                    uint8_t destination)
{
    const uint8_t *data = f->frame->data;
    uint32_t bytes = data[1] | (uint32_t)data[2] << 8, packets = data[3];
    if (bytes == 0 || packets != (bytes + 6) / 7 || (data[0] == BAM) != (destination == 255)) {
        t->stats.malformed++;
        return 0;
    }
    if (bytes > t->opts.bytes_max) {
        t->stats.too_long++;
        return 0;
    }
    struct transport_session *s =
        canp_transport_begin(t, tp_key(f->channel, source, destination), f->time_ns);
    s->bytes = bytes;
    s->packets = packets;
    s->pgn = data[5] | (uint32_t)data[6] << 8 | (uint32_t)(data[7] & 3) << 16;
    return 0;
}

/* Either side may abort; its message names the group. */
static int abort_tp(struct canp_transport *t, const struct transport_frame *f, uint8_t source,
                    uint8_t destination)
{
    const uint8_t *data = f->frame->data;
    uint32_t pgn = data[5] | (uint32_t)data[6] << 8 | (uint32_t)(data[7] & 3) << 16;
    for (int i = 0; i < 2; i++) {
        struct transport_session *s = canp_transport_find(
            t, i ? tp_key(f->channel, destination, source) : tp_key(f->channel, source, destination),
            f->time_ns);
        if (s && s->pgn == pgn) {
            t->stats.aborted++;
            canp_transport_forget(s);
            return 0;
        }
    }
    return 0;
}

static int tp_data(struct canp_transport *t, const struct transport_frame *f, uint8_t source,
                   uint8_t destination, struct canp_transport_message *out)
{
    const uint8_t *data = f->frame->data;
    struct transport_session *s = canp_transport_find(t, tp_key(f->channel, source, destination), f->time_ns);
    if (!s) {
        t->stats.orphans++;
        return 0;
    }
    uint32_t number = data[0] - 1U, place = number * 7;
    if (data[0] == 0 || number >= s->packets) {
        t->stats.malformed++;
        return 0;
    }
    uint32_t bytes = s->bytes - place < 7 ? s->bytes - place : 7;
    if (f->frame->len < bytes + 1) {
        t->stats.malformed++;
        return 0;
    }
    if (!canp_transport_packet(s, number, place, data + 1, bytes))
        return 0;
    out->kind = destination == 255 ? CANP_TRANSPORT_BAM : CANP_TRANSPORT_RTS;
    out->id = canp_transport_id(s->pgn, destination, source);
    out->source = source;
    out->destination = destination;
    return canp_transport_end(t, s, f, out);
}

int canp_transport_j1939(struct canp_transport *t, const struct transport_frame *f,
                         struct canp_transport_message *out)
{
    uint32_t id = f->frame->id;
    uint8_t source = (uint8_t)id, destination = (uint8_t)(id >> 8);
    t->stats.frames++;
    if ((id >> 16 & 0xFF) == 0xEB)
        return tp_data(t, f, source, destination, out);
    if (f->frame->len < 8) {
        t->stats.malformed++;
        return 0;
    }
    switch (f->frame->data[0]) {
    case RTS:
    case BAM:
        return begin_tp(t, f, source, destination);
    case ABORT:
        return abort_tp(t, f, source, destination);
    case CTS:
    case END_ACK:
        return 0; /* the packets say it all */
    default:
        t->stats.malformed++;
        return 0;
    }
}

/* ---- trouble codes ------------------------------------------------------------------------------------ */

uint32_t canp_j1939_dtcs(const uint8_t *data, size_t bytes, struct canp_j1939_dtc *dtcs, uint32_t room)
{
    uint32_t count = 0;
    for (size_t at = 2; at + 4 <= bytes; at += 4) {
        const uint8_t *p = data + at;
        bool none = (p[0] | p[1] | p[2] | p[3]) == 0 || (p[0] & p[1] & p[2] & p[3]) == 0xFF; /* or padding */
        if (none)
            continue;
        if (count < room)
            dtcs[count] = (struct canp_j1939_dtc){p[0] | (uint32_t)p[1] << 8 | (uint32_t)(p[2] >> 5) << 16,
                                                  p[2] & 31, p[3] & 127, p[3] >> 7 != 0};
        count++;
    }
    return count;
}

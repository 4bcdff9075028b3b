/*
 * J1939-21's extended transport protocol: messages of more than 1785 bytes, to one destination. A packet's
 * number is that of its frame plus an offset, which a DPO frame gives for the packets that follow it. Packets
 * come in order; those that a receiver asks for again come with an offset of before, and are put in their
 * place. A packet that is missing ends the message here: its receiver may have it, we do not.
 *
 * There are few such messages, and they are long: they have sessions of their own. One thread at a time.
 */
#include "transport_session.h"

enum { /* the first byte of ETP.CM */
       RTS = 20,
       DPO = 22,
       ABORT = 255,
};

#define CONNECTION   0xC8U /* PDU format of ETP.CM; ETP.DT has 0xC7 */
#define BYTES_LEAST  1786U /* fewer go by the other protocol */
#define PACKET_BYTES 7U

static uint64_t etp_key(const struct transport_frame *f, uint8_t source, uint8_t destination)
{
    return canp_transport_key(2, f->channel, (uint32_t)source << 8 | destination, 0);
}

static struct transport_session *find(struct canp_transport *t, uint64_t key, int64_t time_ns)
{
    for (unsigned i = 0; i < TRANSPORT_EXTENDED; i++)
        if (t->extended[i].key == key)
            return canp_transport_look(t, &t->extended[i], time_ns);
    return NULL;
}

/* The session of this key, a free one, or the one that was silent for longest. */
static struct transport_session *room_for(struct canp_transport *t, uint64_t key)
{
    struct transport_session *oldest = &t->extended[0], *empty = NULL;
    for (unsigned i = 0; i < TRANSPORT_EXTENDED; i++) {
        struct transport_session *s = &t->extended[i];
        if (s->key == key) {
            t->stats.incomplete++;
            return s;
        }
        empty = s->key == 0 ? s : empty;
        oldest = s->last_ns < oldest->last_ns ? s : oldest;
    }
    t->stats.evicted += empty == NULL;
    return empty ? empty : oldest;
}

static uint32_t group_of(const uint8_t *data)
{
    return data[5] | (uint32_t)data[6] << 8 | (uint32_t)(data[7] & 3) << 16;
}

static void begin(struct canp_transport *t, const struct transport_frame *f, uint64_t key)
{
    const uint8_t *data = f->frame->data;
    uint32_t bytes = data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16 | (uint32_t)data[4] << 24;
    if (bytes < BYTES_LEAST)
        return;
    if (bytes > t->opts.extended_bytes_max) {
        t->stats.too_long++;
        return;
    }
    struct transport_session *s = room_for(t, key);
    *s = (struct transport_session){.key = key,
                                    .first_ns = f->time_ns,
                                    .last_ns = f->time_ns,
                                    .frames = 1,
                                    .bytes = bytes,
                                    .packets = (bytes + PACKET_BYTES - 1) / PACKET_BYTES,
                                    .pgn = group_of(data),
                                    .data = s->data};
}

static void set_offset(struct canp_transport *t, const struct transport_frame *f, uint64_t key)
{
    const uint8_t *data = f->frame->data;
    struct transport_session *s = find(t, key, f->time_ns);
    if (s && s->pgn == group_of(data))
        s->offset = data[2] | (uint32_t)data[3] << 8 | (uint32_t)data[4] << 16;
}

static void abort_either(struct canp_transport *t, const struct transport_frame *f, uint8_t source,
                         uint8_t destination)
{
    for (int i = 0; i < 2; i++) {
        uint64_t key = i ? etp_key(f, destination, source) : etp_key(f, source, destination);
        struct transport_session *s = find(t, key, f->time_ns);
        if (s && s->pgn == group_of(f->frame->data)) {
            t->stats.aborted++;
            canp_transport_forget(s);
            return;
        }
    }
}

static void connection(struct canp_transport *t, const struct transport_frame *f, uint8_t source,
                       uint8_t destination)
{
    uint8_t control = f->frame->data[0];
    if (f->frame->len < 8)
        return;
    if (control == RTS)
        begin(t, f, etp_key(f, source, destination));
    else if (control == DPO)
        set_offset(t, f, etp_key(f, source, destination));
    else if (control == ABORT)
        abort_either(t, f, source, destination);
    /* CTS and the end's acknowledgement: the packets say it all. Anything else is no J1939, which only here
     * uses these IDs: it is not reported as malformed. */
}

static int packet(struct canp_transport *t, const struct transport_frame *f, uint8_t source,
                  uint8_t destination, struct canp_transport_message *out)
{
    const uint8_t *data = f->frame->data;
    struct transport_session *s = find(t, etp_key(f, source, destination), f->time_ns);
    if (!s) {
        t->stats.orphans++;
        return 0;
    }
    uint32_t number = s->offset + data[0] - 1U, place = number * PACKET_BYTES;
    uint32_t left = number < s->packets ? s->bytes - place : 0;
    uint32_t bytes = left < PACKET_BYTES ? left : PACKET_BYTES;
    if (data[0] == 0 || bytes == 0 || f->frame->len < bytes + 1) {
        t->stats.malformed++;
        return 0;
    }
    if (number > s->got) {
        t->stats.incomplete++;
        canp_transport_forget(s);
        return 0;
    }
    memcpy(s->data + place, data + 1, bytes);
    s->got += number == s->got;
    if (s->got < s->packets)
        return 0;
    out->kind = CANP_TRANSPORT_ETP;
    out->id = canp_transport_id(s->pgn, destination, source);
    out->source = source;
    out->destination = destination;
    return canp_transport_end(t, s, f, out);
}

int canp_transport_etp(struct canp_transport *t, const struct transport_frame *f,
                       struct canp_transport_message *out)
{
    uint32_t id = f->frame->id;
    uint8_t source = (uint8_t)id, destination = (uint8_t)(id >> 8);
    t->stats.frames++;
    if ((id >> 16 & 0xFF) != CONNECTION)
        return packet(t, f, source, destination, out);
    connection(t, f, source, destination);
    return 0;
}

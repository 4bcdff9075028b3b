/*
 * ISO 15765-2: single, first and consecutive frames; a listener ignores flow control. The number of a
 * consecutive frame has only four bits, so a missing frame ends the message. One thread at a time.
 */
#include "transport_session.h"

/* A frame behind its address byte, if it has one. */
struct payload {
    const uint8_t *data;
    uint32_t bytes;
    bool is_fd; /* longer than a classic frame */
    uint8_t address;
};

static void fill_in(const struct transport_frame *f, const struct payload *p,
                    struct canp_transport_message *out)
{
    out->kind = CANP_TRANSPORT_ISOTP;
    out->id = f->frame->id;
    out->source = 0;
    out->destination = p->address;
}

static int malformed(struct canp_transport *t)
{
    t->stats.malformed++;
    return 0;
}

static int single_frame(struct canp_transport *t, const struct transport_frame *f, const struct payload *p,
                        struct canp_transport_message *out)
{
    uint32_t header = 1, bytes = p->data[0] & 15;
    if (bytes == 0 && p->is_fd && p->bytes >= 2) {
        header = 2;
        bytes = p->data[1];
    }
    if (bytes == 0 || header + bytes > p->bytes)
        return malformed(t);
    fill_in(f, p, out);
    out->channel = f->channel;
    out->frames = 1;
    out->first_ns = out->time_ns = f->time_ns;
    out->data = p->data + header;
    out->bytes = bytes;
    t->stats.messages++;
    return 1;
}

static int first_frame(struct canp_transport *t, const struct transport_frame *f, const struct payload *p,
                       uint64_t key)
{
    if (p->bytes < 7)
        return malformed(t);
    uint32_t header = 2, bytes = (p->data[0] & 15U) << 8 | p->data[1];
    if (bytes == 0) { /* the length has 32 bits */
        header = 6;
        bytes =
            (uint32_t)p->data[2] << 24 | (uint32_t)p->data[3] << 16 | (uint32_t)p->data[4] << 8 | p->data[5];
    }
    if (bytes <= p->bytes - header)
        return malformed(t); /* it would have fitted this one frame */
    if (bytes > t->opts.bytes_max) {
        t->stats.too_long++;
        return 0;
    }
    struct transport_session *s = canp_transport_begin(t, key, f->time_ns);
    s->bytes = bytes;
    s->got = p->bytes - header;
    s->next = 1;
    memcpy(s->data, p->data + header, s->got);
    return 0;
}

static int consecutive_frame(struct canp_transport *t, const struct transport_frame *f,
                             const struct payload *p, uint64_t key, struct canp_transport_message *out)
{
    struct transport_session *s = canp_transport_find(t, key, f->time_ns);
    if (!s) {
        t->stats.orphans++;
        return 0;
    }
    if ((p->data[0] & 15) != s->next || p->bytes < 2) {
        t->stats.incomplete++;
        canp_transport_forget(s);
        return 0;
    }
    uint32_t left = s->bytes - s->got, bytes = p->bytes - 1 < left ? p->bytes - 1 : left;
    memcpy(s->data + s->got, p->data + 1, bytes);
    s->got += bytes;
    s->next = (s->next + 1) & 15;
    if (s->got < s->bytes)
        return 0;
    fill_in(f, p, out);
    return canp_transport_end(t, s, f, out);
}

int canp_transport_isotp(struct canp_transport *t, const struct transport_frame *f,
                         enum canp_isotp_addressing addressing, struct canp_transport_message *out)
{
    struct payload p = {f->frame->data, f->frame->len, f->frame->len > 8, 0};
    t->stats.frames++;
    if (addressing != CANP_ISOTP_NORMAL) {
        p.address = *p.data++;
        p.bytes--;
    }
    if (p.bytes == 0)
        return malformed(t);
    uint64_t key =
        canp_transport_key(3U + (f->frame->id >> 31), f->channel, f->frame->id & CANP_ID_EFF_MASK, p.address);
    switch (p.data[0] >> 4) {
    case 0:
        return single_frame(t, f, &p, out);
    case 1:
        return first_frame(t, f, &p, key);
    case 2:
        return consecutive_frame(t, f, &p, key, out);
    case 3:
        return 0; /* flow control */
    default:
        return malformed(t);
    }
}

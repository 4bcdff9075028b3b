/*
 * Unfinished messages. Invariant: a session's packets lie within its bytes, and these within bytes_max;
 * `seen` has a bit for each packet received. One thread at a time.
 */
#include "transport_session.h"

static struct transport_session *set_of(const struct canp_transport *t, uint64_t key)
{
    uint32_t hash = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32);
    return t->sessions + (size_t)((uint64_t)hash * t->sets >> 32) * TRANSPORT_WAYS;
}

static struct transport_session *in_set(struct transport_session *set, uint64_t key)
{
    for (unsigned i = 0; i < TRANSPORT_WAYS; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

struct transport_session *canp_transport_look(struct canp_transport *t, struct transport_session *s,
                                              int64_t time_ns)
{
    if (s && time_ns > s->last_ns && (uint64_t)time_ns - (uint64_t)s->last_ns > t->opts.timeout_ns) {
        t->stats.incomplete++;
        canp_transport_forget(s);
        s = NULL;
    }
    if (s) {
        s->last_ns = time_ns;
        s->frames++;
    }
    return s;
}

struct transport_session *canp_transport_find(struct canp_transport *t, uint64_t key, int64_t time_ns)
{
    return canp_transport_look(t, in_set(set_of(t, key), key), time_ns);
}

struct transport_session *canp_transport_begin(struct canp_transport *t, uint64_t key, int64_t time_ns)
{
    struct transport_session *set = set_of(t, key), *s = in_set(set, key);
    t->stats.incomplete += s != NULL;
    if (!s)
        s = in_set(set, 0);
    if (!s) {
        s = set;
        for (unsigned i = 1; i < TRANSPORT_WAYS; i++)
            if (set[i].last_ns < s->last_ns)
                s = &set[i];
        t->stats.evicted++;
    }
    uint8_t *data = s->data;
    *s = (struct transport_session){
        .key = key, .first_ns = time_ns, .last_ns = time_ns, .frames = 1, .data = data};
    return s;
}

int canp_transport_packet(struct transport_session *s, uint32_t number, uint32_t place, const uint8_t *data,
                          uint32_t bytes)
{
    uint64_t bit = UINT64_C(1) << number % 64;
    memcpy(s->data + place, data, bytes);
    s->got += (s->seen[number / 64] & bit) == 0;
    s->seen[number / 64] |= bit;
    return s->got == s->packets;
}

int canp_transport_end(struct canp_transport *t, struct transport_session *s, const struct transport_frame *f,
                       struct canp_transport_message *out)
{
    out->channel = f->channel;
    out->frames = s->frames;
    out->first_ns = s->first_ns;
    out->time_ns = f->time_ns;
    out->data = s->data;
    out->bytes = s->bytes;
    t->stats.messages++;
    canp_transport_forget(s);
    return 1;
}

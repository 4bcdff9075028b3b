/*
 * NMEA 2000's fast packets: which groups use them, and putting their frames together by number. One thread at
 * a time.
 */
#include <canp/decode.h>
#include <errno.h>

#include "transport_session.h"

int canp_transport_fast_group(struct canp_transport *t, uint32_t pgn)
{
    if (pgn >= TRANSPORT_GROUPS)
        return -EINVAL;
    t->fast[pgn / 8] |= (uint8_t)(1U << pgn % 8);
    return 0;
}

/* NMEA 2000's fast packets, by their PGN, as canboat's analyzer has them (docs/canboat.json); then the
 * proprietary ones. The database of a vendor may have further ones. */
static const struct {
    uint32_t first, last;
} fast_groups[] = {
    {126208, 126208}, {126464, 126464}, {126720, 126720}, {126983, 126988}, {126996, 126996},
    {126998, 126998}, {127233, 127233}, {127237, 127237}, {127489, 127491}, {127494, 127498},
    {127503, 127504}, {127506, 127507}, {127509, 127514}, {128275, 128275}, {128520, 128520},
    {128538, 128538}, {129029, 129029}, {129038, 129041}, {129044, 129045}, {129284, 129285},
    {129301, 129302}, {129538, 129538}, {129540, 129542}, {129545, 129545}, {129547, 129547},
    {129549, 129549}, {129551, 129551}, {129556, 129556}, {129792, 129816}, {130052, 130054},
    {130060, 130061}, {130064, 130074}, {130320, 130324}, {130329, 130330}, {130561, 130575},
    {130577, 130578}, {130580, 130581}, {130583, 130584}, {130586, 130586}, {0x1FF00, 0x1FFFF}};

void canp_transport_know_fast_groups(struct canp_transport *t)
{
    for (size_t i = 0; i < sizeof(fast_groups) / sizeof(fast_groups[0]); i++)
        for (uint32_t pgn = fast_groups[i].first; pgn <= fast_groups[i].last; pgn++)
            canp_transport_fast_group(t, pgn);
}

static struct transport_session *begin_fast(struct canp_transport *t, const struct transport_frame *f,
                                            uint64_t key, uint32_t pgn)
{
    uint32_t bytes = f->frame->len >= 2 ? f->frame->data[1] : 0;
    if (bytes == 0 || bytes > 223) {
        t->stats.malformed++;
        return NULL;
    }
    struct transport_session *s = canp_transport_begin(t, key, f->time_ns);
    s->bytes = bytes;
    s->packets = bytes <= 6 ? 1 : 1 + (bytes - 6 + 6) / 7;
    s->pgn = pgn;
    return s;
}

int canp_transport_fast(struct canp_transport *t, const struct transport_frame *f,
                        struct canp_transport_message *out)
{
    uint32_t id = f->frame->id, pgn = canp_j1939_pgn(id);
    uint8_t first = f->frame->data[0], source = (uint8_t)id;
    uint8_t destination = (pgn & 0xFF00) < 0xF000 ? (uint8_t)(id >> 8) : 255;
    if (!(t->fast[pgn / 8] & 1U << pgn % 8))
        return 0;
    t->stats.frames++;
    uint32_t number = first & 31, header = number ? 1 : 2, place = number ? 6 + (number - 1) * 7 : 0;
    uint64_t key = canp_transport_key(2, f->channel, id & 0x3FFFFFF, first >> 5);
    struct transport_session *s =
        number ? canp_transport_find(t, key, f->time_ns) : begin_fast(t, f, key, pgn);
    if (!s) {
        t->stats.orphans += number != 0;
        return 0;
    }
    if (number >= s->packets) {
        t->stats.malformed++;
        return 0;
    }
    uint32_t room = 8 - header, bytes = s->bytes - place < room ? s->bytes - place : room;
    if (f->frame->len < header + bytes) {
        t->stats.malformed++;
        return 0;
    }
    if (!canp_transport_packet(s, number, place, f->frame->data + header, bytes))
        return 0;
    out->kind = CANP_TRANSPORT_FAST;
    out->id = canp_transport_id(pgn, destination, source);
    out->source = source;
    out->destination = destination;
    return canp_transport_end(t, s, f, out);
}

int canp_transport_fast_groups_of(struct canp_transport *t, const struct canp_dbc *dbc)
{
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    int count = 0;
    for (uint32_t i = 0; i < c->message_count; i++) {
        const struct canp_dbc_message *m = c->messages[i];
        if (!(m->id & CANP_ID_EFF) || m->independent || m->bytes <= 8 || m->format == CANP_DBC_J1939)
            continue;
        canp_transport_fast_group(t, canp_j1939_pgn(m->id));
        count++;
    }
    return count;
}

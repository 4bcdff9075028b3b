/* The numbers of `canp top` (top_stats.h). One thread. */
#include "top_stats.h"

#include <canp/bustime.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMOOTH 0.125

void top_init(struct top_stats *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < TOP_IFACES_MAX; i++) {
        s->ifaces[i].state = UINT32_MAX;
        s->ifaces[i].link = 1;
    }
}

void top_reset(struct top_stats *s)
{
    static struct top_stats before;
    before = *s;
    top_init(s);
    s->iface_count = before.iface_count;
    for (unsigned i = 0; i < s->iface_count; i++) {
        struct top_iface *f = &s->ifaces[i], *old = &before.ifaces[i];
        memcpy(f->name, old->name, sizeof(f->name));
        f->known = old->known;
        f->bitrate = old->bitrate;
        f->dbitrate = old->dbitrate;
        f->state = old->state;
        f->tx_errors = old->tx_errors;
        f->rx_errors = old->rx_errors;
        f->link = old->link;
    }
}

static struct top_iface *iface_of(struct top_stats *s, unsigned channel)
{
    struct top_iface *f = &s->ifaces[channel % TOP_IFACES_MAX];
    f->known = true;
    if (channel >= s->iface_count)
        s->iface_count = channel + 1;
    return f;
}

void top_name(struct top_stats *s, unsigned channel, const char *name, uint32_t bitrate, uint32_t dbitrate)
{
    struct top_iface *f = iface_of(s, channel);
    memcpy(f->name, name, strnlen(name, sizeof(f->name) - 1) + 1);
    f->name[sizeof(f->name) - 1] = '\0';
    f->bitrate = bitrate;
    f->dbitrate = dbitrate;
}

/* ---- IDs ---------------------------------------------------------------------------------------- */

static struct top_id *id_of(struct top_stats *s, uint8_t channel, uint8_t kind, uint32_t id)
{
    size_t at = canp_id_slot(canp_id_key(channel, kind, id), 14); /* TOP_IDS_MAX * 2 places */
    for (;; at = (at + 1) % (TOP_IDS_MAX * 2)) {                  /* ends: half of the table stays empty */
        struct top_id *t = &s->ids[at];
        if (t->used && t->id == id && t->channel == channel && t->kind == kind)
            return t;
        if (t->used)
            continue;
        if (s->id_count == TOP_IDS_MAX)
            return NULL;
        s->id_count++;
        *t = (struct top_id){.id = id, .channel = channel, .kind = kind, .used = true};
        return t;
    }
}
_Static_assert(TOP_IDS_MAX * 2 == 1U << 14, "the hash's bits");

static void note_time(struct top_id *t, int64_t time_ns)
{
    double distance_ns = (double)(time_ns - t->last_ns);
    if (t->count == 1)
        t->period_ns = distance_ns;
    if (t->count > 1) {
        double off_ns = distance_ns - t->period_ns;
        t->jitter_ns += SMOOTH * ((off_ns < 0 ? -off_ns : off_ns) - t->jitter_ns);
        t->period_ns += SMOOTH * off_ns;
    }
    t->last_ns = time_ns;
}

static void count_id(struct top_stats *s, const struct canp_record *r)
{
    struct top_id *t = id_of(s, r->channel, r->kind, canp_record_id(r));
    if (!t) {
        s->unlisted++;
        return;
    }
    const uint8_t *data = r->kind == CANP_KIND_XL ? r->xl->data : r->frame->data;
    unsigned len = r->kind == CANP_KIND_XL ? r->xl->len : r->frame->len;
    note_time(t, r->time_ns);
    t->count++;
    t->len = (uint8_t)(len < TOP_DATA_BYTES ? len : TOP_DATA_BYTES);
    if (r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_RTR))
        t->len = 0;
    memcpy(t->data, data, t->len);
}

/* ---- records ------------------------------------------------------------------------------------ */

static void count_frame(struct top_stats *s, const struct canp_record *r)
{
    struct top_iface *f = iface_of(s, r->channel);
    f->frames++;
    f->error_frames += r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_ERR);
    f->busy_ns += canp_bits_ns(canp_record_bits(r), f->bitrate, f->dbitrate);
    if (s->frames == 0 || r->time_ns < s->first_ns)
        s->first_ns = r->time_ns;
    if (s->frames == 0 || r->time_ns > s->last_ns)
        s->last_ns = r->time_ns;
    s->frames++;
    count_id(s, r);
}

static void count_gap(struct top_iface *f, const struct canp_gap *gap)
{
    if (gap->layer == CANP_LAYER_SOCKET)
        f->lost_socket += gap->lost;
    else if (gap->layer == CANP_LAYER_DEVICE)
        f->lost_device += gap->lost;
    else
        f->lost_other += gap->lost;
}

static void note_link(struct top_iface *f, const struct canp_link_event *e)
{
    if (e->code == CANP_LINK_UP || e->code == CANP_LINK_BACK)
        f->link = 1;
    if (e->code == CANP_LINK_DOWN)
        f->link = 0;
    if (e->code == CANP_LINK_GONE)
        f->link = -1;
    f->state = e->state;
    f->tx_errors = e->tx_errors;
    f->rx_errors = e->rx_errors;
}

void top_feed(struct top_stats *s, const struct canp_record *r)
{
    if (canp_kind_is_frame(r->kind))
        count_frame(s, r);
    else if (r->kind == CANP_KIND_GAP)
        count_gap(iface_of(s, r->channel), r->gap);
    else if (r->kind == CANP_KIND_LINK)
        note_link(iface_of(s, r->channel), r->link);
    else if (r->kind == CANP_KIND_IFACE)
        top_name(s, r->channel, r->iface->name, r->iface->bitrate, r->iface->dbitrate);
}

/* ---- rates -------------------------------------------------------------------------------------- */

static void set_rates(struct top_iface *f, uint64_t frames, uint64_t busy_ns, int64_t time_ns)
{
    f->rate = time_ns > 0 ? (double)frames * 1e9 / (double)time_ns : 0;
    f->load = time_ns > 0 ? (double)busy_ns * 1000 / (double)time_ns : 0;
}

static void look(struct top_iface *f, int64_t time_ns)
{
    struct top_look now = {time_ns, f->frames, f->busy_ns};
    if (f->look_count == TOP_WINDOW)
        memmove(f->looks, f->looks + 1, sizeof(f->looks) - sizeof(f->looks[0]));
    else
        f->look_count++;
    f->looks[f->look_count - 1] = now;
    set_rates(f, now.frames - f->looks[0].frames, now.busy_ns - f->looks[0].busy_ns,
              now.time_ns - f->looks[0].time_ns);
}

void top_look(struct top_stats *s, int64_t time_ns)
{
    for (unsigned i = 0; i < s->iface_count; i++)
        look(&s->ifaces[i], time_ns);
}

void top_average(struct top_stats *s)
{
    for (unsigned i = 0; i < s->iface_count; i++) {
        s->ifaces[i].look_count = 0;
        set_rates(&s->ifaces[i], s->ifaces[i].frames, s->ifaces[i].busy_ns, s->last_ns - s->first_ns);
    }
}

/* ---- order -------------------------------------------------------------------------------------- */

static int by_id(const struct top_id *a, const struct top_id *b)
{
    uint32_t x = a->id & ~CANP_ID_RTR, y = b->id & ~CANP_ID_RTR;
    if (x != y)
        return x < y ? -1 : 1;
    return a->channel != b->channel ? a->channel - b->channel : a->kind - b->kind;
}

static int descending(double a, double b)
{
    return (a < b) - (a > b);
}

/* One frame has no period. */
static double period_or_last(const struct top_id *t)
{
    return t->count > 1 ? t->period_ns : HUGE_VAL;
}

#define ORDER(name, first)                                                                                   \
    static int name(const void *x, const void *y)                                                            \
    {                                                                                                        \
        const struct top_id *a = *(const struct top_id *const *)x, *b = *(const struct top_id *const *)y;    \
        int r = (first);                                                                                     \
        return r ? r : by_id(a, b);                                                                          \
    }
ORDER(order_count, descending((double)a->count, (double)b->count))
ORDER(order_id, 0)
ORDER(order_period, descending(period_or_last(b), period_or_last(a)))
ORDER(order_jitter, descending(a->jitter_ns, b->jitter_ns))
ORDER(order_time, (a->last_ns < b->last_ns) - (a->last_ns > b->last_ns))

unsigned top_sorted(struct top_stats *s, enum top_sort sort, const struct top_id *out[TOP_IDS_MAX])
{
    static int (*const orders[])(const void *, const void *) = {order_count, order_id, order_period,
                                                                order_jitter, order_time};
    unsigned n = 0;
    for (unsigned i = 0; i < TOP_IDS_MAX * 2; i++) {
        if (s->ids[i].used)
            out[n++] = &s->ids[i];
    }
    qsort(out, n, sizeof(void *), orders[sort]);
    return n;
}

/*
 * Listening without recording (canp/listener.h): a socket per interface, emptied by recvmmsg when asked.
 *
 * Invariant: open allocates all memory except the list of interfaces, which may grow. A listener belongs to
 * one thread at a time.
 */
#include <canp/listener.h>

#include <errno.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <canp/private/cleanup.h>
#include <canp/private/opts.h>

#include "intake/intake.h"
#include "link/can_socket.h"
#include "link/iface_spec.h"
#include "link/ifaces.h"

#define BATCH      64U
#define TAKE_MAX   8192U
#define RCVBUF     (4U << 20) /* 0.1 s of two saturated buses, as the kernel counts */
#define XL_MTU_MIN 76U
#define FRAME_ROOM 2064U /* the largest frame, 8-aligned */
#define CONTROL    (RX_CONTROL_BYTES_STAMP_NS + RX_CONTROL_BYTES_DROPS)

struct ear {
    int fd;
    struct canp_listener_iface iface;
    uint64_t device_before;
    uint32_t drops;
    const struct canp_filter_set *filters;
};

struct canp_listener {
    unsigned count;
    struct iface_spec *specs;
    unsigned spec_count;
    unsigned left_out;
    struct iface_list all; /* while refreshing */
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    _Alignas(8) uint8_t control[BATCH][CONTROL];
    _Alignas(8) uint8_t frames[BATCH][FRAME_ROOM];
    struct ear ears[CANP_LISTENER_IFACES_MAX];
};

static uint64_t device_drops(const struct canp_link *link)
{
    return link->rx_dropped + link->rx_over_errors;
}

static int open_ear(struct canp_listener *l, const struct canp_link *link, struct iface_spec *spec,
                    struct canp_why *why)
{
    struct ear *ear = &l->ears[l->count];
    *ear = (struct ear){.filters = iface_spec_filters(spec), .device_before = device_drops(link)};
    struct can_socket_opts opts = {
        .mtu = link->mtu, .rcvbuf_bytes = RCVBUF, .error_frames = true, .filters = ear->filters};
    uint64_t got;
    ear->iface.link = *link;
    memcpy(ear->iface.name, link->name, sizeof(ear->iface.name));
    ear->fd = canp_can_socket_open(&opts, &got, why);
    if (ear->fd < 0)
        return ear->fd;
    int r = canp_can_socket_bind(ear->fd, link->ifindex, ear->filters);
    if (r < 0) {
        canp_fd_close(&ear->fd);
        return canp_fail(why, r, "%s: cannot bind: %s", link->name, canp_strerror(r));
    }
    spec->met = true;
    l->count++;
    return 0;
}

static int open_ears(struct canp_listener *l, const struct canp_listener_opts *opts, struct canp_why *why)
{
    unsigned flags = (opts->wait_absent ? IFACES_WAIT_ABSENT : 0) | (opts->no_wait ? IFACES_REFUSE_DOWN : 0);
    struct iface_matches m = {.room = CANP_LISTENER_IFACES_MAX};
    int r = 0;
    for (unsigned i = 0; i < l->spec_count && r == 0; i++)
        r = canp_iface_spec_parse(opts->ifaces[i], &l->specs[i], why);
    m.items = calloc(m.room, sizeof(*m.items));
    if (r == 0)
        r = m.items ? canp_ifaces_resolve(l->specs, l->spec_count, flags, &m, why)
                    : canp_fail(why, -ENOMEM, "out of memory");
    for (unsigned i = 0; r == 0 && i < m.count; i++)
        r = open_ear(l, &m.items[i].link, &l->specs[m.items[i].spec], why);
    free(m.items);
    return r;
}

static void set_up_messages(struct canp_listener *l)
{
    for (unsigned i = 0; i < BATCH; i++) {
        l->vectors[i] = (struct iovec){l->frames[i], FRAME_ROOM};
        l->messages[i].msg_hdr = (struct msghdr){.msg_iov = &l->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = l->control[i],
                                                 .msg_controllen = CONTROL};
    }
}

int canp_listener_open(const struct canp_listener_opts *opts, struct canp_listener **out,
                       struct canp_why *why)
{
    struct canp_listener_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "listener: options that this release of libcanp does not know");
    if (taken.iface_count == 0 || taken.iface_count > CANP_LISTENER_IFACES_MAX)
        return canp_fail(why, -CANP_E_TOO_MANY, "1 to %u interfaces", CANP_LISTENER_IFACES_MAX);
    struct canp_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return canp_fail(why, -ENOMEM, "out of memory");
    l->specs = calloc(taken.iface_count, sizeof(*l->specs));
    l->spec_count = taken.iface_count;
    set_up_messages(l);
    r = l->specs ? canp_can_socket_possible(why) : canp_fail(why, -ENOMEM, "out of memory");
    if (r == 0)
        r = open_ears(l, &taken, why);
    if (r < 0) {
        canp_listener_close(l);
        return r;
    }
    *out = l;
    return 0;
}

void canp_listener_close(struct canp_listener *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->count; i++) {
        if (l->ears[i].fd >= 0)
            canp_fd_close(&l->ears[i].fd);
    }
    free(l->specs);
    canp_ifaces_free(&l->all);
    free(l);
}

/* ---- taking frames ------------------------------------------------------------------------------ */

/* The socket's count of drops, which wraps. Frames that waited since before the last look at the socket bring
 * an older count: it tells nothing new. */
static void note_drops(struct ear *ear, uint32_t drops)
{
    uint32_t more = drops - ear->drops;
    if (more == 0 || more > INT32_MAX)
        return;
    ear->iface.lost += more;
    ear->drops = drops;
}

static bool frame_is_whole(const struct canp_record *r, uint32_t bytes)
{
    if (r->kind == CANP_KIND_XL)
        return bytes >= sizeof(struct canp_xl_frame) && bytes >= sizeof(struct canp_xl_frame) + r->xl->len;
    return bytes >= 16 && r->frame->len <= (r->kind == CANP_KIND_FD ? 64 : 8);
}

static void hand_out(struct canp_listener *l, unsigned index, unsigned at,
                     void (*each)(void *user, const struct canp_record *record), void *user)
{
    struct ear *ear = &l->ears[index];
    struct msghdr *h = &l->messages[at].msg_hdr;
    uint32_t bytes = l->messages[at].msg_len;
    struct rx_meta m = {.drops = ear->drops};
    rx_parse_control(l->control[at], (uint32_t)h->msg_controllen, &m);
    note_drops(ear, m.drops);
    if (bytes < RX_FRAME_BYTES_MIN)
        return;
    struct canp_record r = {.time_ns = m.time_ns ? m.time_ns : canp_realtime_ns(),
                            .kind = rx_kind(l->frames[at], bytes),
                            .channel = (uint8_t)index,
                            .dir = rx_dir((uint32_t)h->msg_flags),
                            .frame = (const struct canp_frame *)l->frames[at]};
    if (frame_is_whole(&r, bytes))
        each(user, &r);
}

static unsigned take_batch(struct canp_listener *l, unsigned index,
                           void (*each)(void *user, const struct canp_record *record), void *user)
{
    int n = recvmmsg(l->ears[index].fd, l->messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        hand_out(l, index, (unsigned)i, each, user);
        l->messages[i].msg_hdr.msg_controllen = CONTROL;
        l->messages[i].msg_hdr.msg_flags = 0;
    }
    return n > 0 ? (unsigned)n : 0; /* an interface that is down or gone: refresh sees it */
}

unsigned canp_listener_take(struct canp_listener *l,
                            void (*each)(void *user, const struct canp_record *record), void *user)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < l->count; i++) {
        unsigned taken = 0, n;
        do {
            n = take_batch(l, i, each, user);
            taken += n;
        } while (n == BATCH && taken < TAKE_MAX);
        sum += taken;
    }
    return sum;
}

/* ---- interfaces --------------------------------------------------------------------------------- */

/* The link that the socket is bound to, else one that has the name now. */
static const struct canp_link *link_of(const struct canp_listener *l, const struct ear *ear)
{
    const struct canp_link *named = NULL;
    for (unsigned i = 0; i < l->all.count; i++) {
        if (l->all.links[i].ifindex == ear->iface.link.ifindex && !ear->iface.gone)
            return &l->all.links[i];
        if (strcmp(l->all.links[i].name, ear->iface.name) == 0)
            named = &l->all.links[i];
    }
    return named;
}

static void refresh(struct canp_listener *l, struct ear *ear)
{
    uint32_t drops;
    const struct canp_link *link = link_of(l, ear);
    if (canp_can_socket_drops(ear->fd, &drops) == 0)
        note_drops(ear, drops);
    bool was_gone = ear->iface.gone || !link || link->ifindex != ear->iface.link.ifindex;
    ear->iface.gone = !link || (was_gone && canp_can_socket_bind(ear->fd, link->ifindex, ear->filters) < 0);
    if (!link)
        return;
    if (was_gone)
        ear->device_before = 0; /* a new device counts anew; what the one before lost stays */
    uint64_t device = device_drops(link);
    ear->iface.device += device > ear->device_before ? device - ear->device_before : 0;
    ear->device_before = device;
    if (link->mtu != ear->iface.link.mtu && link->mtu >= XL_MTU_MIN)
        canp_can_socket_take_xl(ear->fd); /* an older kernel has none */
    ear->iface.link = *link;
    memcpy(ear->iface.name, link->name, sizeof(ear->iface.name));
}

static bool is_known(const struct canp_listener *l, int ifindex)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (l->ears[i].iface.link.ifindex == ifindex && !l->ears[i].iface.gone)
            return true;
    }
    return false;
}

static void take_in(struct canp_listener *l, const struct canp_link *link, struct iface_spec *spec)
{
    struct canp_why why;
    if (l->count == CANP_LISTENER_IFACES_MAX)
        l->left_out++;
    else
        open_ear(l, link, spec, &why); /* a failure: tried again at the next look */
}

/* Interfaces that were waited for, or that `any` takes. */
static void take_in_new(struct canp_listener *l)
{
    struct iface_spec *any = NULL;
    struct canp_link link;
    l->left_out = 0;
    for (unsigned i = 0; i < l->spec_count; i++) {
        struct iface_spec *spec = &l->specs[i];
        if (iface_spec_is_any(spec))
            any = spec;
        else if (!spec->met && canp_ifaces_find(&l->all, spec->name, &link) && link.type == ARPHRD_CAN)
            take_in(l, &link, spec);
    }
    for (unsigned i = 0; any && i < l->all.count; i++) {
        const struct canp_link *one = &l->all.links[i];
        if (one->type == ARPHRD_CAN && canp_link_is_up(one) && !is_known(l, one->ifindex))
            take_in(l, one, any);
    }
}

int canp_listener_refresh(struct canp_listener *l)
{
    int r = canp_ifaces_list(&l->all);
    for (unsigned i = 0; r == 0 && i < l->count; i++)
        refresh(l, &l->ears[i]);
    if (r == 0)
        take_in_new(l);
    return r;
}

unsigned canp_listener_left_out(const struct canp_listener *l)
{
    return l->left_out;
}

unsigned canp_listener_iface_count(const struct canp_listener *l)
{
    return l->count;
}

const struct canp_listener_iface *canp_listener_iface(const struct canp_listener *l, unsigned index)
{
    return index < l->count ? &l->ears[index].iface : NULL;
}

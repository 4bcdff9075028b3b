/*
 * Channels: one for each recorded interface. The owner makes those of interfaces that exist at open; the
 * capture thread adds those that appear later and that the user named, also by `any`. Invariants: a channel
 * keeps its number and its socket to the end. Its definition is recorded before its first frame. Other
 * threads use only the channels below chans_shown.
 */
#include "channels.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/private/cleanup.h>

#include "intake/intake.h"
#include "link/can_socket.h"
#include "link/ifaces.h"

/* Upper estimates of what the kernel books for one frame (skb and its data), measured 768 and about 4352. */
#define FRAME_COST_BYTES    1280U
#define XL_FRAME_COST_BYTES 4608U
#define XL_MTU_MIN          76U

static void say(const struct canp_recorder *rec, const char *text)
{
    if (rec->opts.notice)
        rec->opts.notice(rec->opts.user, text);
}

static void set_size(struct chan *ch, uint32_t mtu)
{
    ch->xl = ch->xl || mtu >= XL_MTU_MIN; /* XL frames may still wait when it is none any more */
    ch->frame_cost_bytes = ch->xl ? XL_FRAME_COST_BYTES : FRAME_COST_BYTES;
}

static void set_up_chan(struct chan *ch, const struct canp_link *link, unsigned index,
                        struct iface_spec *spec)
{
    ch->fd = -1;
    ch->index = (uint8_t)index;
    ch->link = *link;
    ch->ifindex = link->ifindex;
    ch->up = canp_link_is_up(link);
    ch->state = link->state;
    ch->device_drops = link->rx_dropped + link->rx_over_errors;
    set_size(ch, link->mtu);
    memcpy(ch->name, link->name, sizeof(ch->name));
    memcpy(ch->first_name, link->name, sizeof(ch->first_name));
    ch->filters = iface_spec_filters(spec);
    ch->asked_as = iface_spec_is_any(spec) ? NULL : spec->name;
    spec->met = true;
}

/* What of the receive buffer was granted, or a negative error. */
static int64_t open_socket(const struct canp_recorder *rec, struct chan *ch, struct canp_why *why)
{
    struct can_socket_opts opts = {.mtu = ch->link.mtu,
                                   .rcvbuf_bytes = rec->opts.rcvbuf_bytes,
                                   .filters = ch->filters,
                                   .error_frames = !rec->opts.no_error_frames,
                                   .hw_timestamps = rec->opts.hw_timestamps};
    uint64_t got;
    ch->fd = canp_can_socket_open(&opts, &got, why);
    if (ch->fd < 0)
        return ch->fd;
    ch->rcvbuf_bytes = got * 2;
    canp_channel_look_at_device(ch);
    return (int64_t)got;
}

static void begin_times(struct chan *ch)
{
    ch->prev_ns = ch->device_look_ns = canp_realtime_ns();
}

struct canp_iface canp_channel_iface(const struct chan *ch)
{
    struct canp_iface iface = {.mtu = ch->link.mtu,
                               .bytes = sizeof(iface),
                               .ifindex = (uint32_t)ch->link.ifindex,
                               .bitrate = ch->link.bitrate,
                               .dbitrate = ch->link.dbitrate,
                               .ctrlmode = ch->link.ctrlmode};
    memcpy(iface.name, ch->first_name, sizeof(iface.name)); /* one name for a channel, in all segments */
    return iface;
}

/* ---- at open ------------------------------------------------------------------------------------- */

static int parse_specs(struct canp_recorder *rec, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    int r = 0;
    if (opts->iface_count > CANP_RECORDER_IFACES_MAX)
        return canp_fail(why, -CANP_E_TOO_MANY, "more than %u interfaces", CANP_RECORDER_IFACES_MAX);
    rec->specs = calloc(opts->iface_count, sizeof(*rec->specs));
    if (!rec->specs)
        return canp_fail(why, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < opts->iface_count && r == 0; i++)
        r = canp_iface_spec_parse(opts->ifaces[i], &rec->specs[i], why);
    return r;
}

static void say_waiting(const struct canp_recorder *rec, const struct iface_matches *m)
{
    struct canp_why why;
    char text[sizeof(why.text) + 64];
    for (unsigned i = 0; i < rec->opts.iface_count; i++) {
        const struct iface_spec *spec = &rec->specs[i];
        if (iface_spec_is_any(spec) || spec->met)
            continue;
        snprintf(text, sizeof(text), "%s: no such interface yet; it is recorded when it comes", spec->name);
        say(rec, text);
    }
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        if (rec->in.chans[i].up)
            continue;
        canp_iface_is_down(&rec->in.chans[i].link, &why);
        snprintf(text, sizeof(text), "%s; it is recorded when it is up", why.text);
        say(rec, text);
    }
    if (m->none_up.text[0]) {
        snprintf(text, sizeof(text), "%s; recording begins when one is up", m->none_up.text);
        say(rec, text);
    }
    if (m->left_out[0]) {
        snprintf(text, sizeof(text), "any: more than %u interfaces; left out: %s", CANP_RECORDER_IFACES_MAX,
                 m->left_out);
        say(rec, text);
    }
}

static int find(struct canp_recorder *rec, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    unsigned flags = (opts->wait_absent ? IFACES_WAIT_ABSENT : 0) | (opts->no_wait ? IFACES_REFUSE_DOWN : 0);
    struct iface_matches m = {.room = CANP_RECORDER_IFACES_MAX};
    m.items = calloc(m.room, sizeof(*m.items));
    if (!m.items)
        return canp_fail(why, -ENOMEM, "out of memory");
    int r = canp_ifaces_resolve(rec->specs, opts->iface_count, flags, &m, why);
    for (unsigned i = 0; r == 0 && i < m.count; i++)
        set_up_chan(&rec->in.chans[i], &m.items[i].link, i, &rec->specs[m.items[i].spec]);
    rec->in.chan_count = r < 0 ? 0 : m.count;
    /* relaxed: no other thread runs yet */
    atomic_store_explicit(&rec->chans_shown, rec->in.chan_count, memory_order_relaxed);
    if (r == 0)
        say_waiting(rec, &m);
    free(m.items);
    return r;
}

/* Watching begins before the interfaces are looked at, so that no change falls in between. */
static int watch(struct canp_recorder *rec, struct canp_why *why)
{
    rec->in.watch_fd = canp_ifaces_watch();
    if (rec->in.watch_fd >= 0)
        return 0;
    if (!canp_ifaces_no_netlink(rec->in.watch_fd))
        return canp_fail(why, rec->in.watch_fd, "cannot watch the interfaces (rtnetlink): %s",
                         canp_strerror(rec->in.watch_fd));
    rec->in.watch_fd = -1;
    say(rec,
        "AF_NETLINK is not permitted here (RestrictAddressFamilies, or a seccomp filter): interfaces are "
        "looked at once a second; bit rates, controller states and frames that the device lost are not "
        "recorded, and `any` takes in none that comes later");
    return 0;
}

static void say_rcvbuf(const struct canp_recorder *rec, uint64_t got)
{
    char text[240];
    snprintf(
        text, sizeof(text),
        "receive buffer: %llu KiB instead of %llu (net.core.rmem_max, no CAP_NET_ADMIN): holds about %llu "
        "frames per interface",
        (unsigned long long)got >> 10, (unsigned long long)rec->opts.rcvbuf_bytes >> 10,
        (unsigned long long)(got * 2 / 832));
    say(rec, text);
}

static void say_no_hw_stamps(const struct canp_recorder *rec, const struct chan *ch)
{
    char text[120];
    snprintf(text, sizeof(text),
             "%s: its driver has no hardware time stamps: the kernel's alone are recorded", ch->name);
    say(rec, text);
}

static int open_sockets(struct canp_recorder *rec, struct canp_why *why)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        int64_t got = open_socket(rec, ch, why);
        if (got < 0)
            return (int)got;
        if (rec->opts.hw_timestamps && !canp_can_socket_has_hw_stamps(ch->fd, ch->name))
            say_no_hw_stamps(rec, ch);
        least = (uint64_t)got < least ? (uint64_t)got : least;
    }
    if (least < rec->opts.rcvbuf_bytes)
        say_rcvbuf(rec, least);
    return 0;
}

int canp_channels_open(struct canp_recorder *rec, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    int r = parse_specs(rec, opts, why);
    if (r == 0)
        r = canp_can_socket_possible(why);
    if (r == 0)
        r = watch(rec, why);
    if (r == 0)
        r = find(rec, opts, why);
    return r == 0 ? open_sockets(rec, why) : r;
}

int canp_channels_bind(struct canp_recorder *rec, struct canp_why *why)
{
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        int r = canp_can_socket_bind(ch->fd, ch->ifindex, ch->filters);
        if (r < 0)
            return canp_fail(why, r, "%s: cannot bind: %s", ch->name, canp_strerror(r));
        begin_times(ch);
    }
    return 0;
}

void canp_channels_close(struct canp_recorder *rec)
{
    for (unsigned i = 0; i < rec->in.chan_count; i++)
        canp_fd_close(&rec->in.chans[i].fd);
    canp_fd_close(&rec->in.watch_fd);
    free(rec->specs);
}

/* ---- while recording ------------------------------------------------------------------------------- */

static struct iface_spec *who_wants(struct canp_recorder *rec, const struct canp_link *link,
                                    const struct nlmsghdr *message)
{
    struct iface_spec *any = NULL;
    for (unsigned i = 0; i < rec->opts.iface_count; i++) {
        struct iface_spec *spec = &rec->specs[i];
        if (iface_spec_is_any(spec))
            any = spec;
        else if (!spec->met && (strcmp(spec->name, link->name) == 0 ||
                                (message && canp_iface_has_altname(message, spec->name))))
            return spec;
    }
    return canp_link_is_up(link) ? any : NULL;
}

static void say_left_out(struct canp_recorder *rec, const struct canp_link *link)
{
    for (unsigned i = 0; i < CANP_RECORDER_IFACES_MAX; i++) { /* more than so many are not told apart */
        if (rec->left_out[i] == link->ifindex)
            return;
        if (rec->left_out[i] == 0) {
            rec->left_out[i] = link->ifindex;
            canp_intake_notice(&rec->in, "%s: interface is left out: more than %u", link->name,
                               CANP_RECORDER_IFACES_MAX);
            return;
        }
    }
}

static bool put_definition(struct canp_recorder *rec, const struct chan *ch)
{
    struct canp_iface iface = canp_channel_iface(ch);
    return canp_intake_event(&rec->in, ch->index, CANP_KIND_IFACE, canp_realtime_ns(), &iface);
}

/* The socket, then the definition: what it receives meanwhile waits in it. */
static int begin(struct canp_recorder *rec, struct chan *ch)
{
    struct canp_why why;
    int64_t r = open_socket(rec, ch, &why);
    begin_times(ch);
    if (r >= 0)
        r = canp_can_socket_bind(ch->fd, ch->ifindex, ch->filters);
    if (r >= 0 && !put_definition(rec, ch))
        r = -EAGAIN;
    if (r < 0)
        canp_fd_close(&ch->fd);
    return r < 0 ? (int)r : 0;
}

void canp_channel_tell_device(struct canp_recorder *rec, const struct chan *ch)
{
    union {
        struct canp_event event;
        uint8_t bytes[sizeof(struct canp_event) + DEVICE_ID_BYTES];
    } mark = {.event = {.code = CANP_MARK_TEXT}};
    size_t n = strlen(ch->device);
    if (n == 0)
        return;
    memcpy(mark.bytes + sizeof(mark.event), ch->device, n);
    mark.event.bytes = (uint16_t)(sizeof(mark.event) + n);
    canp_intake_event(&rec->in, ch->index, CANP_KIND_MARK, canp_realtime_ns(), &mark);
}

bool canp_channels_take_up(struct canp_recorder *rec, const struct canp_link *link,
                           const struct nlmsghdr *message)
{
    struct iface_spec *spec = link->type == ARPHRD_CAN ? who_wants(rec, link, message) : NULL;
    if (!spec)
        return false;
    if (rec->in.chan_count == CANP_RECORDER_IFACES_MAX) {
        say_left_out(rec, link);
        return false;
    }
    struct chan *ch = &rec->in.chans[rec->in.chan_count];
    bool met = spec->met;
    set_up_chan(ch, link, rec->in.chan_count, spec);
    int r = begin(rec, ch);
    if (r < 0) {
        spec->met = met;
        rec->look_at_all = true;          /* tried again in a second */
        if (r != -EAGAIN && r != -ENODEV) /* no free slab; gone again */
            canp_intake_notice(&rec->in, "%s: interface cannot be recorded: %s", link->name,
                               canp_strerror(r));
        return false;
    }
    rec->in.chan_count++;
    rec->rx_ops->take_up(&rec->in, ch);
    /* release: who reads the number finds the channel's name; pairs with the acquire in
     * canp_recorder_stats() */
    atomic_store_explicit(&rec->chans_shown, rec->in.chan_count, memory_order_release);
    canp_channel_tell_device(rec, ch);
    return true;
}

void canp_channels_update(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    const struct canp_link *was = &ch->link;
    bool same = was->mtu == link->mtu && was->bitrate == link->bitrate && was->dbitrate == link->dbitrate &&
                was->ctrlmode == link->ctrlmode && was->ifindex == link->ifindex;
    bool larger = link->mtu >= XL_MTU_MIN && !ch->xl;
    ch->link = *link;
    if (larger) {
        set_size(ch, link->mtu);
        rec->rx_ops->take_up(&rec->in, ch);
    }
    if (!same)
        put_definition(rec, ch);
}

bool canp_channel_look_at_device(struct chan *ch)
{
    char before[DEVICE_ID_BYTES];
    memcpy(before, ch->device, sizeof(before));
    canp_device_id(ch->fd, ch->link.name, ch->device);
    return strcmp(before, ch->device) != 0;
}

void canp_channels_tell_devices(struct canp_recorder *rec)
{
    for (unsigned i = 0; i < rec->in.chan_count; i++)
        canp_channel_tell_device(rec, &rec->in.chans[i]);
}

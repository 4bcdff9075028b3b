/*
 * What happens to interfaces while they are recorded. Every change becomes a link event in the stream and a
 * sentence for the user. A socket whose interface was unregistered is bound again when an interface of that
 * name appears; an interface that the user named and that appears later becomes a channel. A socket stays
 * bound while its interface goes down and up.
 *
 * Capture thread only.
 */
#include "link_events.h"

#include <errno.h>
#include <linux/can/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <canp/names.h>
#include <canp/private/cleanup.h>

#include "channels.h"
#include "intake/intake.h"
#include "link/can_socket.h"
#include "link/ifaces.h"
#include "record/flush/up_orders.h"

#define LOOK_MAX     64 /* datagrams of one look */
#define LAST_LOOKS   20 /* bound of the wait for the last statistics: 200 ms */
#define LAST_LOOK_MS 10

static void event(struct canp_recorder *rec, const struct chan *ch, enum canp_link_code code,
                  const struct canp_link *link)
{
    struct canp_link_event e = {.code = code,
                                .bytes = sizeof(e),
                                .state = link->state,
                                .tx_errors = link->tx_errors,
                                .rx_errors = link->rx_errors};
    memcpy(e.name, link->name, sizeof(e.name));
    canp_intake_event(&rec->in, ch->index, CANP_KIND_LINK, canp_realtime_ns(), &e);
}

static void note_gone(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    ch->gone = true;
    ch->up = false;
    ch->ifindex = 0;
    event(rec, ch, CANP_LINK_GONE, link);
    canp_intake_notice(&rec->in, "%s: interface is gone; recording goes on when it is back", ch->name);
}

/* What a user has to know of an interface that is back, or new here. */
static void say_how_it_came(struct canp_recorder *rec, const struct chan *ch, const struct canp_link *link,
                            const char *came)
{
    uint32_t bitrate = link->bitrate ? link->bitrate : ch->link.bitrate;
    if (canp_link_is_up(link))
        canp_intake_notice(&rec->in, "%s: interface %s", link->name, came);
    else if (canp_up_orders_place(rec, ch, link))
        canp_intake_notice(&rec->in, "%s: interface %s; it is brought up with %u bit/s", link->name, came,
                           rec->opts.bitrate);
    else if (strcmp(link->kind, "can") != 0)
        canp_intake_notice(&rec->in, "%s: interface %s, and down: ip link set %s up", link->name, came,
                           link->name);
    else
        canp_intake_notice(&rec->in, "%s: interface %s, and down: ip link set %s up type can bitrate %u",
                           link->name, came, link->name, bitrate ? bitrate : 500000);
}

static void look_at_device(struct canp_recorder *rec, struct chan *ch)
{
    char before[DEVICE_ID_BYTES];
    memcpy(before, ch->device, sizeof(before));
    if (!canp_channel_look_at_device(ch))
        return;
    if (before[0])
        canp_intake_notice(&rec->in, "%s: is another device now: %s; it was %s", ch->name,
                           ch->device[0] ? ch->device : "none of hardware", before);
    canp_channel_tell_device(rec, ch);
}

/* A name that was gone is registered again, perhaps under another index. */
static void note_back(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    int r = canp_can_socket_bind(ch->fd, link->ifindex, ch->filters);
    if (r < 0) {
        canp_intake_notice(&rec->in, "%s: interface is back but cannot be bound: %s", ch->name,
                           canp_strerror(r));
        return;
    }
    ch->gone = false;
    ch->ifindex = link->ifindex;
    ch->device_drops = 0; /* a new device counts anew */
    event(rec, ch, CANP_LINK_BACK, link);
    say_how_it_came(rec, ch, link, "is back");
    canp_channels_update(rec, ch, link);
    look_at_device(rec, ch);
}

static void note_rename(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    canp_intake_notice(&rec->in, "%s: interface is now called %s; recording goes on", ch->name, link->name);
    memcpy(ch->name, link->name, sizeof(ch->name));
    event(rec, ch, CANP_LINK_RENAMED, link);
}

static void note_updown(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    ch->up = link->flags & IFF_UP;
    event(rec, ch, ch->up ? CANP_LINK_UP : CANP_LINK_DOWN, link);
    canp_intake_notice(&rec->in,
                       ch->up ? "%s: interface is up again"
                              : "%s: interface went down; recording goes on when it is up again",
                       ch->name);
}

static void note_state(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    const char *name = canp_controller_state_name(link->state);
    ch->state = link->state;
    event(rec, ch, CANP_LINK_STATE, link);
    if (name && link->state <= CAN_STATE_BUS_OFF) /* that it is stopped goes without saying: it is down */
        canp_intake_notice(&rec->in, "%s: controller is %s (error counters tx %u rx %u)", ch->name, name,
                           link->tx_errors, link->rx_errors);
}

/* Frames that the device or its driver dropped since the last look. A controller's overrun counts once,
 * however many frames it took: for this layer `lost` is what the driver knows, a lower bound. */
static void note_device_drops(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    uint64_t drops = link->rx_dropped + link->rx_over_errors;
    int64_t now_ns = canp_realtime_ns();
    if (drops > ch->device_drops)
        canp_intake_gap(&rec->in, ch, CANP_LAYER_DEVICE, drops - ch->device_drops, ch->device_look_ns,
                        now_ns);
    ch->device_drops = drops;
    ch->device_look_ns = now_ns;
    ch->device_asked = false;
}

static void update(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link)
{
    note_device_drops(rec, ch, link);
    if (strcmp(ch->name, link->name) != 0)
        note_rename(rec, ch, link);
    canp_channels_update(rec, ch, link);
    if (ch->up != ((link->flags & IFF_UP) != 0))
        note_updown(rec, ch, link);
    if (link->state != CANP_LINK_STATE_NONE && link->state != ch->state)
        note_state(rec, ch, link);
}

static bool is_back(const struct chan *ch, const struct canp_link *link, const struct nlmsghdr *message)
{
    return ch->gone && (strcmp(ch->name, link->name) == 0 ||
                        (ch->asked_as && message && canp_iface_has_altname(message, ch->asked_as)));
}

/* True: it is a channel's. */
static bool note_change(struct canp_recorder *rec, const struct canp_link *link,
                        const struct nlmsghdr *message)
{
    bool ours = false;
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        if (!ours && is_back(ch, link, message)) {
            note_back(rec, ch, link);
            ours = true; /* also where it could not be bound */
        }
        if (ch->gone || ch->ifindex != link->ifindex)
            continue;
        update(rec, ch, link);
        ours = true;
    }
    return ours;
}

static void note_deleted(struct canp_recorder *rec, const struct canp_link *link)
{
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        if (!ch->gone && ch->ifindex == link->ifindex)
            note_gone(rec, ch, link);
    }
}

static void take_link(struct canp_recorder *rec, const struct canp_link *link, const struct nlmsghdr *message)
{
    if (note_change(rec, link, message) || !canp_channels_take_up(rec, link, message))
        return;
    const struct chan *ch = &rec->in.chans[rec->in.chan_count - 1];
    event(rec, ch, canp_link_is_up(link) ? CANP_LINK_UP : CANP_LINK_DOWN, link);
    say_how_it_came(rec, ch, link, "is recorded from now on");
}

void canp_link_events_take(struct canp_recorder *rec, const void *datagram, size_t bytes)
{
    struct netlink_walk walk = {datagram, bytes};
    struct canp_link link;
    const struct nlmsghdr *h;
    while ((h = canp_netlink_next(&walk)) != NULL) {
        if (!canp_iface_link_parse(h, &link))
            continue;
        if (h->nlmsg_type == RTM_DELLINK)
            note_deleted(rec, &link);
        else
            take_link(rec, &link, h);
    }
}

/* ---- without netlink ------------------------------------------------------------------------------ */

static void look_at_channel(struct canp_recorder *rec, struct chan *ch)
{
    struct canp_link link = {.state = CANP_LINK_STATE_NONE};
    char name[IF_NAMESIZE];
    memcpy(link.name, ch->name, sizeof(link.name));
    if (!ch->gone && canp_can_socket_ifindex(ch->fd) == 0)
        note_gone(rec, ch, &link);
    if (ch->gone)
        memcpy(name, ch->name, sizeof(name));
    else if (!if_indextoname((unsigned)ch->ifindex, name))
        return;
    if (canp_iface_by_ioctl(ch->fd, name, &link))
        note_change(rec, &link, NULL);
}

static void look_at_interfaces(struct canp_recorder *rec)
{
    struct canp_link link;
    for (unsigned i = 0; i < rec->in.chan_count; i++)
        look_at_channel(rec, &rec->in.chans[i]);
    CANP_CLEANUP(canp_fd_close) int fd = canp_can_socket_plain();
    for (unsigned i = 0; i < rec->opts.iface_count; i++) {
        if (!rec->specs[i].met && !iface_spec_is_any(&rec->specs[i]) &&
            canp_iface_by_ioctl(fd, rec->specs[i].name, &link))
            take_link(rec, &link, NULL);
    }
}

void canp_link_events_ask(struct canp_recorder *rec)
{
    if (rec->in.watch_fd < 0) {
        look_at_interfaces(rec);
        return;
    }
    if (rec->look_at_all)
        rec->look_at_all = canp_ifaces_ask(rec->in.watch_fd, 0) < 0;
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        ch->device_asked = !ch->gone && canp_ifaces_ask(rec->in.watch_fd, ch->ifindex) == 0;
    }
}

/* Which interfaces were unregistered their sockets know; of all else the state now is asked for. To be called
 * once the messages from before are read: they are of interfaces that may be gone by now. */
static void catch_up(struct canp_recorder *rec)
{
    rec->links_missed = false;
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        struct canp_link link = {.state = CANP_LINK_STATE_NONE};
        memcpy(link.name, ch->name, sizeof(link.name));
        if (!ch->gone && canp_can_socket_ifindex(ch->fd) == 0)
            note_gone(rec, ch, &link);
    }
    canp_ifaces_ask(rec->in.watch_fd, 0);
}

static bool answers_are_missing(const struct canp_recorder *rec)
{
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        if (rec->in.chans[i].device_asked)
            return true;
    }
    return false;
}

void canp_link_events_finish(struct canp_recorder *rec)
{
    canp_link_events_read(rec); /* what came before the question */
    canp_link_events_ask(rec);
    for (int i = 0; i < LAST_LOOKS && answers_are_missing(rec); i++) {
        struct pollfd p = {.fd = rec->in.watch_fd, .events = POLLIN};
        poll(&p, 1, LAST_LOOK_MS);
        canp_link_events_read(rec);
    }
}

void canp_link_events_read(struct canp_recorder *rec)
{
    rec->in.links_changed = false;
    if (rec->in.watch_fd < 0)
        return;
    int i = 0;
    for (; i < LOOK_MAX; i++) { /* more than that: the next round goes on */
        ssize_t n = canp_netlink_receive(rec->in.watch_fd, rec->netlink_buffer, MSG_DONTWAIT);
        if (n > 0)
            canp_link_events_take(rec, rec->netlink_buffer, (size_t)n);
        else if (n == -ENOBUFS)
            rec->links_missed = true;
        else if (n < 0)
            break;
    }
    if (i == LOOK_MAX)
        rec->in.links_changed = true;
    else if (rec->links_missed)
        catch_up(rec);
}

/* Brings interfaces up during the recording (up_orders.h). The capture thread orders it, the flush thread
 * does it. */
#include "up_orders.h"

#include <net/if.h>
#include <string.h>

#include "link/link_timing.h"
#include "store.h"

bool canp_up_orders_place(struct canp_recorder *rec, const struct chan *ch, const struct canp_link *link)
{
    struct up_order *order = &rec->up_orders[ch->index];
    if (!rec->opts.bitrate || strcmp(link->kind, "can") != 0)
        return false;
    /* acquire: pairs with the release in canp_up_orders_fulfil() */
    if (atomic_load_explicit(&order->placed, memory_order_acquire))
        return true;
    order->ifindex = link->ifindex;
    order->ctrlmode = ch->link.ctrlmode;
    order->restart_ms = ch->link.restart_ms;
    /* release: pairs with the acquire in canp_up_orders_fulfil() */
    atomic_store_explicit(&order->placed, true, memory_order_release);
    canp_slabring_wake(rec->in.ring);
    return true;
}

static void fulfil(struct canp_recorder *rec, const struct up_order *order)
{
    struct link_timing timing = {.bitrate = rec->opts.bitrate,
                                 .dbitrate = rec->opts.dbitrate,
                                 .ctrlmode = order->ctrlmode,
                                 .restart_ms = order->restart_ms};
    char name[IF_NAMESIZE];
    struct canp_why why;
    if (!if_indextoname((unsigned)order->ifindex, name))
        return; /* gone again */
    if (canp_link_up_with(name, &timing, &why) < 0)
        canp_store_say(rec, "%s; it is recorded when it is up", why.text);
}

void canp_up_orders_fulfil(struct canp_recorder *rec)
{
    for (unsigned i = 0; i < CANP_RECORDER_IFACES_MAX; i++) {
        struct up_order *order = &rec->up_orders[i];
        /* acquire: pairs with the release in canp_up_orders_place() */
        if (!atomic_load_explicit(&order->placed, memory_order_acquire))
            continue;
        fulfil(rec, order);
        /* release: capture may write it again; pairs with the acquire in canp_up_orders_place() */
        atomic_store_explicit(&order->placed, false, memory_order_release);
    }
}

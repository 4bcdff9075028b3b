/*
 * Finds the interfaces that a user names, by name, by altname or all of them (`any`), and writes the error
 * when there is none. Any thread; no state.
 */
#include "ifaces.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>

static const struct canp_link *find(const struct canp_link *links, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(links[i].name, name) == 0)
            return &links[i];
    }
    return NULL;
}

bool canp_ifaces_find(const struct iface_list *list, const char *name, struct canp_link *out)
{
    const struct canp_link *link = find(list->links, list->count, name);
    if (link)
        *out = *link;
    return link || canp_iface_by_altname(name, out);
}

/* "vcan0 can0" (the CAN interfaces that there are), cut where the text ends. */
static void name_can_ifaces(const struct canp_link *links, unsigned count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        size_t n = strlen(links[i].name);
        if (links[i].type != ARPHRD_CAN || used + n + 2 > size)
            continue;
        if (used)
            text[used++] = ' ';
        memcpy(text + used, links[i].name, n + 1);
        used += n;
    }
}

static int no_such_iface(const struct canp_link *links, unsigned count, const char *name,
                         struct canp_why *why)
{
    char names[160];
    name_can_ifaces(links, count, names, sizeof(names));
    if (names[0])
        return canp_fail(why, -ENODEV, "%s: no such interface; the CAN interfaces here are: %s", name, names);
    return canp_fail(why, -ENODEV,
                     "%s: no such interface, and there is no CAN interface at all; a virtual one: "
                     "ip link add dev vcan0 type vcan && ip link set vcan0 up",
                     name);
}

int canp_iface_is_down(const struct canp_link *link, struct canp_why *why)
{
    if (strcmp(link->kind, "can") == 0 && link->bitrate == 0)
        return canp_fail(
            why, -ENETDOWN,
            "%s: interface is down and has no bit rate: ip link set %s up type can bitrate 500000",
            link->name, link->name);
    return canp_fail(why, -ENETDOWN, "%s: interface is down: ip link set %s up", link->name, link->name);
}

/* ---- what a user names ------------------------------------------------------------------------------- */

/* One link more, each once. */
static int append(struct iface_matches *m, const struct canp_link *link, unsigned spec, struct canp_why *why)
{
    if (m->count == m->room)
        return canp_fail(why, -CANP_E_TOO_MANY, "more than %u interfaces", m->room);
    m->items[m->count++] = (struct iface_match){.link = *link, .spec = spec};
    return 0;
}

static const struct iface_match *find_match(const struct iface_matches *m, int ifindex)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (m->items[i].link.ifindex == ifindex)
            return &m->items[i];
    }
    return NULL;
}

/* "vcan64 vcan65", cut where the text ends. */
static void note_left_out(struct iface_matches *m, const char *name)
{
    size_t used = strlen(m->left_out), n = strlen(name);
    if (used + n + 2 > sizeof(m->left_out))
        return;
    if (used)
        m->left_out[used++] = ' ';
    memcpy(m->left_out + used, name, n + 1);
}

static void take_any(const struct iface_list *list, unsigned spec, struct iface_matches *m)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct canp_link *link = &list->links[i];
        if (link->type != ARPHRD_CAN || !canp_link_is_up(link) || find_match(m, link->ifindex))
            continue;
        if (m->count < m->room)
            append(m, link, spec, NULL);
        else
            note_left_out(m, link->name);
    }
}

static int take_name(const struct iface_list *list, const char *name, unsigned spec, unsigned flags,
                     struct iface_matches *m, struct canp_why *why)
{
    struct canp_link link;
    if (!canp_ifaces_find(list, name, &link)) {
        if (flags & IFACES_WAIT_ABSENT)
            return 0;
        return no_such_iface(list->links, list->count, name, why);
    }
    if (link.type != ARPHRD_CAN)
        return canp_fail(why, -EPROTOTYPE, "%s: not a CAN interface", name);
    if ((flags & IFACES_REFUSE_DOWN) && !canp_link_is_up(&link))
        return canp_iface_is_down(&link, why);
    if (find_match(m, link.ifindex))
        return canp_fail(why, -EINVAL, "%s: interface named twice", name);
    return append(m, &link, spec, why);
}

static int none_up(const struct iface_list *list, struct canp_why *why)
{
    char names[160];
    name_can_ifaces(list->links, list->count, names, sizeof(names));
    if (names[0])
        return canp_fail(why, -ENETDOWN, "any: no CAN interface is up (down: %s): ip link set NAME up",
                         names);
    return canp_fail(why, -ENODEV,
                     "any: there is no CAN interface; a virtual one: "
                     "ip link add dev vcan0 type vcan && ip link set vcan0 up");
}

/* Names first, so that `any` takes what is left, whatever the order. */
static int resolve(const struct iface_list *list, const struct iface_spec *specs, unsigned count,
                   unsigned flags, struct iface_matches *m, struct canp_why *why)
{
    int r = 0;
    bool any = false;
    for (unsigned i = 0; i < count && r == 0; i++) {
        any = any || iface_spec_is_any(&specs[i]);
        if (!iface_spec_is_any(&specs[i]))
            r = take_name(list, specs[i].name, i, flags, m, why);
    }
    for (unsigned i = 0; i < count && r == 0; i++) {
        if (iface_spec_is_any(&specs[i]))
            take_any(list, i, m);
    }
    if (r < 0 || !any || m->count > 0)
        return r;
    r = none_up(list, &m->none_up);
    return flags & IFACES_REFUSE_DOWN ? canp_fail(why, r, "%s", m->none_up.text) : 0;
}

static int take_named(const struct iface_list *list, const char *name, struct canp_link *out,
                      struct canp_why *why)
{
    if (!canp_ifaces_find(list, name, out))
        return no_such_iface(list->links, list->count, name, why);
    return out->type == ARPHRD_CAN ? 0 : canp_fail(why, -EPROTOTYPE, "%s: not a CAN interface", name);
}

static int list_or_fail(struct iface_list *list, struct canp_why *why)
{
    int r = canp_ifaces_list(list);
    return r < 0 ? canp_fail(why, r, "cannot list the network interfaces: %s", canp_strerror(r)) : 0;
}

int canp_iface_find(const char *name, struct canp_link *out, struct canp_why *why)
{
    struct iface_list list = {0};
    int r = list_or_fail(&list, why);
    if (r == 0)
        r = take_named(&list, name, out, why);
    canp_ifaces_free(&list);
    return r;
}

int canp_ifaces_resolve(const struct iface_spec *specs, unsigned count, unsigned flags,
                        struct iface_matches *out, struct canp_why *why)
{
    struct iface_list list = {0};
    int r = list_or_fail(&list, why);
    if (r == 0)
        r = resolve(&list, specs, count, flags, out, why);
    canp_ifaces_free(&list);
    return r;
}

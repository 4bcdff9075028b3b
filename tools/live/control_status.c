/* How a recording is, as its recorder says it (control.h). Any thread; no state. */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/pools/slabring.h>

#define FLUSH_NS 100000000 /* canp_recorder_opts.flush_ns when it is 0 */

void control_facts_init(struct control_facts *facts, const struct canp_recorder *rec,
                        const struct canp_recorder_opts *opts)
{
    facts->rec = rec;
    if (!realpath(opts->dir, facts->dir))
        facts->dir[0] = '\0';
    facts->flush_ns = opts->flush_ns ? opts->flush_ns : FLUSH_NS;
    facts->by_triggers = opts->pre_trigger_ns > 0;
}

static void take_iface(const struct canp_recorder_iface_stats *f, struct control_iface *out)
{
    snprintf(out->name, sizeof(out->name), "%s", f->name);
    out->frames = f->frames;
    out->outside = f->outside;
    out->lost_socket = f->lost.socket;
    out->lost_device = f->lost.device;
    out->lost_recorder = f->lost.recorder;
}

void control_status_take(const struct control_facts *facts, struct control_status *out)
{
    struct canp_recorder_stats s;
    struct canp_slabring_stats ring;
    canp_recorder_stats(facts->rec, &s);
    canp_slabring_stats(canp_recorder_slabs(facts->rec), &ring);
    *out = (struct control_status){.duration_ns = s.duration_ns,
                                   .frames = s.frames,
                                   .lost = s.lost,
                                   .undone = s.undone,
                                   .outside = s.outside,
                                   .windows = s.windows,
                                   .segments = s.segments,
                                   .removed = s.removed,
                                   .stored_bytes = s.bytes,
                                   .blocks = s.blocks,
                                   .harvests = s.harvests,
                                   .quiet_harvests = s.quiet_harvests,
                                   .quiet_p50_ns = s.quiet_p50_ns,
                                   .quiet_p99_ns = s.quiet_p99_ns,
                                   .quiet_max_ns = s.quiet_max_ns,
                                   .slabs_full = ring.full_slots,
                                   .slab_count = ring.slot_count,
                                   .slabs_full_max = ring.full_slots_max,
                                   .slab_stalls = ring.stalls,
                                   .flush_ns = facts->flush_ns,
                                   .pid = (uint32_t)getpid(),
                                   .iface_count = s.iface_count,
                                   .by_triggers = facts->by_triggers};
    snprintf(out->io, sizeof(out->io), "%s", s.io);
    size_t dir_bytes = strlen(facts->dir) + 1;
    if (dir_bytes <= sizeof(out->dir))
        memcpy(out->dir, facts->dir, dir_bytes);
    for (unsigned i = 0; i < s.iface_count; i++)
        take_iface(&s.ifaces[i], &out->ifaces[i]);
}

bool control_is_permitted(int fd)
{
    struct ucred who;
    socklen_t size = sizeof(who);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
           (who.uid == 0 || who.uid == geteuid());
}

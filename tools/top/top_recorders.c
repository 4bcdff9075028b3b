/* The recorders' lines (top_recorders.h). Main thread. */
#include "top_recorders.h"

#include <stdio.h>

#include "lib/text.h"

#define LOOK_NS 1000000000

static bool shows(const struct live_state *state, const struct top_stats *stats)
{
    for (unsigned i = 0; i < stats->iface_count; i++) {
        if (stats->ifaces[i].known && live_has_iface(state, stats->ifaces[i].name))
            return true;
    }
    return false;
}

static unsigned ask(const char *dir, const struct top_stats *stats, struct live_state *out)
{
    unsigned found, kept = 0;
    if (dir)
        return live_ask(dir, &out[0]) == 0;
    found = live_ask_all(out, TOP_RECORDERS_MAX);
    for (unsigned i = 0; i < found; i++) {
        if (shows(&out[i], stats))
            out[kept++] = out[i];
    }
    return kept;
}

/* Bytes stored each second since the look before. */
static double spill_rate(const struct top_recorders *r, const struct live_state *now)
{
    for (unsigned i = 0; i < r->before_count; i++) {
        const struct live_state *before = &r->before[i];
        if (before->pid == now->pid && now->duration_ns > before->duration_ns &&
            now->stored_bytes >= before->stored_bytes)
            return (double)(now->stored_bytes - before->stored_bytes) * 1e9 /
                   (double)(now->duration_ns - before->duration_ns);
    }
    return now->duration_ns ? (double)now->stored_bytes * 1e9 / (double)now->duration_ns : 0;
}

static void describe(const struct live_state *s, double bytes_per_s, char *out, size_t size)
{
    char lost[TEXT_BYTES], per_s[TEXT_BYTES], stalls[64] = "";
    if (s->slab_stalls)
        snprintf(stalls, sizeof(stalls), ", %llu times none free", (unsigned long long)s->slab_stalls);
    char user[40] = "";
    if (s->foreign_uid)
        snprintf(user, sizeof(user), " (says user %u)", s->foreign_uid);
    snprintf(out, size, "recorder %u%s: slabs %u of %u full (most %llu%s), spills %s/s, %s lost", s->pid,
             user, s->slabs_full, s->slab_count, (unsigned long long)s->slabs_full_max, stalls,
             text_bytes(per_s, (uint64_t)bytes_per_s), text_count(lost, s->lost));
}

void top_recorders_look(struct top_recorders *r, const char *dir, const struct top_stats *stats,
                        int64_t now_ns, struct top_view *view)
{
    struct live_state now[TOP_RECORDERS_MAX];
    if (r->looked_ns && now_ns - r->looked_ns < LOOK_NS)
        return;
    unsigned count = ask(dir, stats, now);
    for (unsigned i = 0; i < TOP_RECORDERS_MAX; i++) {
        view->recorders[i][0] = '\0';
        if (i < count)
            describe(&now[i], spill_rate(r, &now[i]), view->recorders[i], sizeof(view->recorders[i]));
    }
    for (unsigned i = 0; i < count; i++)
        r->before[i] = now[i];
    r->before_count = count;
    r->looked_ns = now_ns;
}

/* Times from the kernel's stamp to the slab (lag.h). The capture thread writes the counters. */
#include "lag.h"

#include <canp/pools/clock.h>

#include "counter.h"
#include "slab_head.h"
#include "state.h"

/* Of n >= LAG_STEPS: the doubling, and the quarter of it. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < LAG_STEPS)
        return (unsigned)ns;
    unsigned log2 = 63U - (unsigned)__builtin_clzll(ns);
    unsigned bucket = (log2 - 1) * LAG_STEPS + (unsigned)(ns >> (log2 - 2) & (LAG_STEPS - 1));
    return bucket < LAG_BUCKETS ? bucket : LAG_BUCKETS - 1;
}

/* The highest value of a bucket. */
static uint64_t end_of(unsigned bucket)
{
    if (bucket < LAG_STEPS)
        return bucket;
    unsigned log2 = bucket / LAG_STEPS + 1;
    return ((UINT64_C(1) * LAG_STEPS + bucket % LAG_STEPS + 1) << (log2 - 2)) - 1;
}

void canp_lag_note(struct lag *lag, uint64_t ns)
{
    counter_add(&lag->counts[bucket_of(ns)], 1);
    if (ns > counter_get(&lag->max_ns))
        atomic_store_explicit(&lag->max_ns, ns, memory_order_relaxed);
}

uint64_t canp_lag_count(const struct lag *lag)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < LAG_BUCKETS; i++)
        sum += counter_get(&lag->counts[i]);
    return sum;
}

uint64_t canp_lag_quantile_ns(const struct lag *lag, unsigned permille)
{
    uint64_t count = canp_lag_count(lag), max_ns = counter_get(&lag->max_ns);
    uint64_t rank = (count * permille + 999) / 1000, sum = 0;
    for (unsigned i = 0; i < LAG_BUCKETS && count; i++) {
        sum += counter_get(&lag->counts[i]);
        if (sum >= rank)
            return end_of(i) < max_ns ? end_of(i) : max_ns;
    }
    return max_ns;
}

/* Where in the slab the next row goes. */
static size_t slab_end(const struct canp_slab *slab)
{
    return slab ? ((const struct slab_head *)slab->user)->rows.used_bytes : 0;
}

struct lag_place canp_lag_place(const struct intake *in)
{
    return (struct lag_place){in->slabs_committed, slab_end(in->slab)};
}

void canp_lag_note_harvest(struct lag *lag, const struct intake *in, const struct lag_place *before)
{
    struct canp_record first;
    if (!in->slab || in->slabs_committed != before->committed || before->end >= slab_end(in->slab))
        return;
    const struct canp_rowbuf *rows = &((const struct slab_head *)in->slab->user)->rows;
    canp_row_read(rows->data + before->end, rows->base_ns, &first);
    int64_t ns = canp_realtime_ns() - first.time_ns;
    if (canp_kind_is_frame(first.kind) && ns >= 0)
        canp_lag_note(lag, (uint64_t)ns);
}

/* Times from the stamp into a slab (lag.h). Each counter has one writer. */
#include "lag.h"

#include "intake/counter.h"

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

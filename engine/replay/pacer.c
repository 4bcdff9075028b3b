/* Waits for absolute deadlines and counts lateness (canp/pace.h). Each object belongs to one thread. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <canp/pace.h>
#include <canp/pools/clock.h>

#define SUB         (1U << CANP_HISTOGRAM_SUB_BITS)
#define DRIFT_COUNT 128

/* Values below SUB have a bucket each; above, the top SUB_BITS + 1 bits choose. */
static unsigned bucket_of(uint64_t value)
{
    if (value < SUB)
        return (unsigned)value;
    if (value >> CANP_HISTOGRAM_TOP_BITS)
        return CANP_HISTOGRAM_BUCKETS - 1;
    unsigned shift = 63U - (unsigned)__builtin_clzll(value) - CANP_HISTOGRAM_SUB_BITS;
    return (shift << CANP_HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The highest value of a bucket. */
static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < SUB)
        return bucket;
    unsigned shift = (bucket >> CANP_HISTOGRAM_SUB_BITS) - 1;
    uint64_t value = (bucket & (SUB - 1)) | SUB;
    return ((value + 1) << shift) - 1;
}

void canp_histogram_add(struct canp_histogram *h, uint64_t value)
{
    h->buckets[bucket_of(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

void canp_histogram_merge(struct canp_histogram *h, const struct canp_histogram *other)
{
    for (unsigned i = 0; i < CANP_HISTOGRAM_BUCKETS; i++)
        h->buckets[i] += other->buckets[i];
    h->count += other->count;
    if (other->max > h->max)
        h->max = other->max;
}

uint64_t canp_histogram_quantile(const struct canp_histogram *h, double q)
{
    uint64_t wanted = (uint64_t)(q * (double)h->count);
    uint64_t seen = 0;
    if (wanted == 0)
        wanted = 1;
    for (unsigned i = 0; i < CANP_HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return bucket_top(i) < h->max ? bucket_top(i) : h->max;
    }
    return h->max;
}

void canp_drift_add(struct canp_drift *d, uint64_t late_ns)
{
    uint64_t *present = &d->least_ns[1];
    if (d->count++ % DRIFT_COUNT == 0) {
        d->least_ns[0] = d->count == 1 ? late_ns : *present;
        *present = late_ns;
    }
    if (late_ns < *present)
        *present = late_ns;
    if (d->count <= DRIFT_COUNT)
        d->first_least_ns = *present;
}

int64_t canp_drift_ns(const struct canp_drift *d)
{
    uint64_t last_ns = d->least_ns[0] < d->least_ns[1] ? d->least_ns[0] : d->least_ns[1];
    return d->count <= DRIFT_COUNT ? 0 : (int64_t)last_ns - (int64_t)d->first_least_ns;
}

void canp_pace_init(struct canp_pace *pace, uint64_t spin_ns)
{
    memset(pace, 0, sizeof(*pace));
    pace->spin_ns = spin_ns;
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    canp_pace_now(pace);
}

int64_t canp_pace_now(struct canp_pace *pace)
{
    return pace->now_ns = (int64_t)canp_monotonic_ns();
}

int canp_pace_wait(struct canp_pace *pace, int64_t deadline_ns)
{
    if (pace->now_ns >= deadline_ns || canp_pace_now(pace) >= deadline_ns)
        return 0;
    int64_t wake_ns = deadline_ns - (int64_t)pace->spin_ns;
    if (wake_ns > pace->now_ns) {
        struct timespec ts = canp_timespec_of_ns(wake_ns);
        int r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
        if (r) {
            canp_pace_now(pace);
            return -r;
        }
    }
    while (canp_pace_now(pace) < deadline_ns) /* bounded by spin_ns; else the clock's last nanosecond */
        ;
    return 0;
}

uint64_t canp_pace_count(struct canp_pace *pace, int64_t deadline_ns)
{
    uint64_t late_ns = pace->now_ns > deadline_ns ? (uint64_t)(pace->now_ns - deadline_ns) : 0;
    canp_histogram_add(&pace->late_ns, late_ns);
    return late_ns;
}

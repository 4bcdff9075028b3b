/* Bins that grow longer (series.h). */
#include "series.h"

#include <string.h>

void series_init(struct series *s, int64_t start_ns, int64_t bin_ns)
{
    memset(s, 0, sizeof(*s));
    s->start_ns = start_ns;
    s->bin_ns = bin_ns;
}

static void join(struct series_bin *out, const struct series_bin *other)
{
    if (other->count == 0)
        return;
    if (out->count == 0) {
        *out = *other;
        return;
    }
    out->sum += other->sum;
    out->count += other->count;
    out->low = other->low < out->low ? other->low : out->low;
    out->high = other->high > out->high ? other->high : out->high;
}

static void halve(struct series *s)
{
    for (unsigned i = 0; i < SERIES_BINS / 2; i++) {
        struct series_bin bin = s->bins[2 * i];
        join(&bin, &s->bins[2 * i + 1]);
        s->bins[i] = bin;
    }
    memset(s->bins + SERIES_BINS / 2, 0, sizeof(s->bins) / 2);
    s->bin_ns *= 2;
    s->used = (s->used + 1) / 2;
}

void series_add(struct series *s, int64_t time_ns, double value)
{
    int64_t since;
    if (__builtin_sub_overflow(time_ns, s->start_ns, &since))
        return; /* no recording lasts 292 years */
    since = since < 0 ? 0 : since;
    while (since / s->bin_ns >= SERIES_BINS)
        halve(s);
    unsigned at = (unsigned)(since / s->bin_ns);
    join(&s->bins[at], &(struct series_bin){value, value, value, 1});
    s->used = at + 1 > s->used ? at + 1 : s->used;
}

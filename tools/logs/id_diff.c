/* Two tables of IDs side by side (id_diff.h). */
#include "id_diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PERIOD_NS    1000000.0 /* less is no change, */
#define PERIOD_SHARE 10        /* nor is less than one part in so many */
#define FRAMES_LEAST 3U        /* for a period */

static bool other_period(const struct id_stats *a, const struct id_stats *b)
{
    double off = fabs(a->gap_mean_ns - b->gap_mean_ns);
    if (a->count < FRAMES_LEAST || b->count < FRAMES_LEAST)
        return false;
    return off > PERIOD_NS && off * PERIOD_SHARE > fmin(a->gap_mean_ns, b->gap_mean_ns);
}

/* Only bytes that both have. */
static bool compare_bits(struct id_difference *d)
{
    const struct id_stats *a = d->a, *b = d->b;
    unsigned bytes = a->bytes < b->bytes ? a->bytes : b->bytes;
    bool any = false;
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t a_moves = a->ones[i] & a->zeros[i], b_moves = b->ones[i] & b->zeros[i];
        d->moves[i] = b_moves & (uint8_t)~a_moves;
        d->stands[i] = a_moves & (uint8_t)~b_moves;
        d->other[i] = (uint8_t) ~(a_moves | b_moves) & (a->ones[i] ^ b->ones[i]);
        any |= d->moves[i] || d->stands[i] || d->other[i];
    }
    return any;
}

static bool compare_both(struct id_difference *d)
{
    d->changes = (d->a->bytes != d->b->bytes ? ID_DIFF_LENGTH : 0) |
                 (other_period(d->a, d->b) ? ID_DIFF_PERIOD : 0) | (compare_bits(d) ? ID_DIFF_BITS : 0);
    return d->changes != 0;
}

int id_diff(const struct id_table *a, const struct id_table *b,
            void (*found)(void *user, const struct id_difference *difference), void *user)
{
    struct id_stats **as = id_table_sorted(a), **bs = id_table_sorted(b);
    int count = as && bs ? 0 : -ENOMEM;
    for (size_t i = 0, k = 0; count >= 0 && (as[i] || bs[k]);) {
        struct id_difference d = {0};
        int order = !bs[k] ? -1 : !as[i] ? 1 : id_compare(as[i], bs[k]);
        d.a = order <= 0 ? as[i++] : NULL;
        d.b = order >= 0 ? bs[k++] : NULL;
        if (d.a && d.b && !compare_both(&d))
            continue;
        found(user, &d);
        count++;
    }
    free(as);
    free(bs);
    return count;
}

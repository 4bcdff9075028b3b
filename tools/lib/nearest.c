/* Optimal string alignment distance (nearest.h): letters added, left out, changed, or swapped with their
 * neighbour. */
#include "nearest.h"

#include <string.h>

#define LENGTH_MAX 24U

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned d[LENGTH_MAX + 1][LENGTH_MAX + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (unsigned)i;
    for (size_t k = 0; k <= m; k++)
        d[0][k] = (unsigned)k;
    for (size_t i = 1; i <= n; i++) {
        for (size_t k = 1; k <= m; k++) {
            d[i][k] = least(d[i - 1][k] + 1, d[i][k - 1] + 1, d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                d[i - 2][k - 2] + 1 < d[i][k])
                d[i][k] = d[i - 2][k - 2] + 1;
        }
    }
    return d[n][m];
}

void nearest_begin(struct nearest *n, const char *word, size_t length)
{
    *n = (struct nearest){word, length, NULL, (unsigned)(length < 6 ? length / 3 + 1 : 2) + 1};
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    size_t length = strlen(candidate);
    if (length > LENGTH_MAX || n->length > LENGTH_MAX || n->length < 2)
        return;
    unsigned d = distance(n->word, n->length, candidate, length);
    if (n->length >= 3 && length > n->length && strncmp(n->word, candidate, n->length) == 0)
        d = 1; /* its beginning */
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

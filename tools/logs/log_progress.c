/* The line of progress (log_progress.h). */
#include "log_progress.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/pools/clock.h>

#include "lib/manners.h"
#include "lib/text.h"

#define CALLS     256U /* between looks at the clock */
#define QUIET_NS  UINT64_C(1000000000)
#define PERIOD_NS UINT64_C(200000000)

void log_progress_begin(struct log_progress *p, const char *path)
{
    struct stat st;
    *p = (struct log_progress){.is_on = !manners.quiet && isatty(STDERR_FILENO) == 1,
                               .begun_ns = canp_monotonic_ns()};
    if (p->is_on && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        p->total_bytes = (uint64_t)st.st_size;
}

static void show(struct log_progress *p, const struct canp_log_stats *stats, uint64_t now_ns)
{
    char frames[TEXT_BYTES], rate[TEXT_BYTES], left[TEXT_BYTES];
    double s = (double)(now_ns - p->begun_ns) / 1e9;
    fprintf(stderr, "\r\033[K%s frames, %s/s", text_count(frames, stats->frames),
            text_count(rate, (uint64_t)((double)stats->frames / s)));
    /* a compressed file brings more than its size: then it cannot be known how much is left */
    if (stats->bytes > 0 && stats->bytes <= p->total_bytes) {
        double share = (double)stats->bytes / (double)p->total_bytes;
        fprintf(stderr, ", %.0f %%, %s left", share * 100,
                text_duration(left, (int64_t)(s * (1 / share - 1) * 1e9)));
    }
    fflush(stderr);
    p->is_shown = true;
}

void log_progress_show(struct log_progress *p, struct canp_log_reader *reader)
{
    if (!p->is_on || ++p->calls % CALLS != 0)
        return;
    uint64_t now_ns = canp_monotonic_ns();
    if (now_ns - p->begun_ns < QUIET_NS || now_ns - p->shown_ns < PERIOD_NS)
        return;
    p->shown_ns = now_ns;
    show(p, canp_log_reader_stats(reader), now_ns);
}

void log_progress_end(struct log_progress *p)
{
    if (p->is_shown)
        fputs("\r\033[K", stderr);
    p->is_shown = false;
}

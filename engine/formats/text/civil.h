/* Local time for ASC and BLF files. It is taken as that of the time zone in which canp runs, as other
 * programs do, because the files name no zone. Any thread. */
#ifndef CANP_FORMATS_CIVIL_H
#define CANP_FORMATS_CIVIL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Whole seconds and the rest, 0 to 999999999, also before 1970. */
static inline int64_t canp_split_seconds(int64_t time_ns, uint32_t *rest_ns)
{
    int64_t seconds = time_ns / 1000000000 - (time_ns % 1000000000 < 0);
    *rest_ns = (uint32_t)(time_ns - seconds * 1000000000);
    return seconds;
}

/* The Unix time of a calendar time, local or UTC; false beyond what nanoseconds hold. */
static inline bool canp_civil_to_ns(struct tm tm, bool is_utc, int64_t *time_ns)
{
    tm.tm_isdst = -1;
    time_t seconds = is_utc ? timegm(&tm) : mktime(&tm);
    return !__builtin_mul_overflow((int64_t)seconds, INT64_C(1000000000), time_ns);
}

#endif

/* Dates of ASC files: local time in the language of the computer that wrote them. No state. */
#include "formats/asc/asc_parts.h"
#include "formats/text/civil.h"

static int month_of(const struct canp_text *word)
{
    static const char *const names[][4] = {
        {"jan"},        {"feb"},        {"mar", "mrz", "m\xC3\xA4r", "m\xE4r"},
        {"apr"},        {"may", "mai"}, {"jun"},
        {"jul"},        {"aug"},        {"sep"},
        {"oct", "okt"}, {"nov"},        {"dec", "dez"},
    };
    for (int month = 0; month < 12; month++) {
        for (unsigned i = 0; i < 4 && names[month][i]; i++) {
            size_t bytes = strlen(names[month][i]);
            struct canp_text head = {word->at, word->at + bytes};
            if ((size_t)(word->end - word->at) >= bytes && canp_text_is(&head, names[month][i]))
                return month;
        }
    }
    return -1;
}

struct date {
    struct tm tm;
    uint32_t rest_ns;
    bool is_utc, is_pm, is_am, has_month, has_day, has_year, has_time;
};

/* `15:06:13.191`, with or without the fraction. */
static bool take_clock(struct canp_text t, struct date *d)
{
    uint64_t hour, minute;
    int64_t second_ns;
    if (canp_take_decimal(&t, &hour) < 0 || hour > 23 || !canp_take_char(&t, ':') ||
        canp_take_decimal(&t, &minute) < 0 || minute > 59 || !canp_take_char(&t, ':') ||
        canp_peek(&t) == '-' || canp_take_seconds(&t, &second_ns) < 0 || second_ns >= INT64_C(61000000000))
        return false;
    d->tm.tm_hour = (int)hour;
    d->tm.tm_min = (int)minute;
    d->tm.tm_sec = (int)canp_split_seconds(second_ns, &d->rest_ns);
    return d->has_time = true;
}

static bool take_day_or_year(struct canp_text t, struct date *d)
{
    uint64_t value;
    if (canp_take_decimal(&t, &value) < 0 || value > 9999)
        return false;
    if (value > 31) {
        d->tm.tm_year = (int)value - 1900;
        return d->has_year = value >= 1678 && value <= 2261; /* what nanoseconds hold */
    }
    d->tm.tm_mday = (int)value;
    return d->has_day = value >= 1;
}

/* Words that are neither are names of weekdays. */
static bool take_part(struct canp_text word, struct date *d)
{
    if (canp_peek(&word) >= '0' && canp_peek(&word) <= '9')
        return memchr(word.at, ':', (size_t)(word.end - word.at)) ? take_clock(word, d)
                                                                  : take_day_or_year(word, d);
    int month = month_of(&word);
    if (month >= 0) {
        d->tm.tm_mon = month;
        d->has_month = true;
    }
    d->is_am |= canp_text_is(&word, "am");
    d->is_pm |= canp_text_is(&word, "pm");
    d->is_utc |= canp_text_is(&word, "GMT") || canp_text_is(&word, "UTC");
    return true;
}

int canp_asc_date(struct canp_text text, int64_t *time_ns)
{
    struct date d = {.is_utc = false};
    struct canp_text word;
    while (canp_take_word(&text, &word)) {
        if (!take_part(word, &d))
            return -CANP_E_SYNTAX;
    }
    if (!d.has_month || !d.has_day || !d.has_year || !d.has_time)
        return -CANP_E_SYNTAX;
    if (d.is_pm && d.tm.tm_hour < 12) /* some write 15:06:13 pm */
        d.tm.tm_hour += 12;
    if (d.is_am && d.tm.tm_hour == 12)
        d.tm.tm_hour = 0;
    if (!canp_civil_to_ns(d.tm, d.is_utc, time_ns))
        return -CANP_E_SYNTAX;
    *time_ns += d.rest_ns;
    return 0;
}

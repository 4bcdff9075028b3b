/*
 * Formats call these functions to report lines that cannot be read, things that they skip, and the error that
 * ends the reading. They are not in log_reader.c, because that file calls the formats, and files must not
 * depend on each other in a circle. Invariant: counts are exact, even when there is no place left for
 * details. One thread at a time.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/log_format.h"

static struct canp_log_bad *note_bad(struct canp_log_reader *reader, const char *reason)
{
    struct canp_log_stats *s = &reader->stats;
    if (s->bad++ >= CANP_LOG_BAD_MAX)
        return NULL;
    s->first_bad[s->bad - 1].reason = reason;
    return &s->first_bad[s->bad - 1];
}

void canp_log_bad_line(struct canp_log_reader *reader, const char *reason, const char *text, size_t bytes)
{
    struct canp_log_bad *bad = note_bad(reader, reason);
    if (!bad)
        return;
    bad->line = reader->source.line;
    bad->offset = reader->source.line_offset;
    if (bytes > sizeof(bad->text) - 1)
        bytes = sizeof(bad->text) - 1;
    for (size_t i = 0; i < bytes; i++)
        bad->text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '.';
}

void canp_log_bad_object(struct canp_log_reader *reader, const char *reason, uint64_t offset)
{
    struct canp_log_bad *bad = note_bad(reader, reason);
    if (bad)
        bad->offset = offset;
}

void canp_log_pass(struct canp_log_reader *reader, const char *what)
{
    canp_log_pass_many(reader, what, 1);
}

void canp_log_pass_many(struct canp_log_reader *reader, const char *what, uint64_t count)
{
    if (!count)
        return;
    struct canp_log_passed *p = reader->stats.passed_over;
    unsigned i = 0;
    while (i < CANP_LOG_PASSED_MAX - 1 && p[i].what && p[i].what != what && strcmp(p[i].what, what) != 0)
        i++;
    if (!p[i].what)
        p[i].what = what;
    p[i].count += count;
    reader->stats.passed += count;
}

int canp_log_error(struct canp_log_reader *reader, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reader->why.text, sizeof(reader->why.text), format, args);
    va_end(args);
    return error;
}

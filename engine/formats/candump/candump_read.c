/*
 * Reads a candump log from a file or pipe line by line; names and counts lines that it cannot read.
 *
 * Invariant: every line counts as exactly one of records, comments and bad; a line with a record behind a
 * torn one counts in records and, for the torn one, in bad.
 * One thread. One buffer, allocated at open; nothing is allocated afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/candump.h>

#define BUFFER_BYTES   (256U * 1024)
#define LINE_BYTES_MAX (16U * 1024)

struct canp_candump_reader {
    int fd;
    bool at_end;     /* read() said so */
    bool skipping;   /* inside a line that is too long */
    size_t at, used; /* unread bytes are buffer[at..used) */
    int64_t last_ns; /* time of the record before */
    struct canp_candump_stats stats;
    char buffer[BUFFER_BYTES];
};

int canp_candump_open(int fd, struct canp_candump_reader **out)
{
    struct canp_candump_reader *reader = malloc(sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    memset(reader, 0, offsetof(struct canp_candump_reader, buffer));
    reader->fd = fd;
    *out = reader;
    return 0;
}

void canp_candump_close(struct canp_candump_reader *reader)
{
    free(reader);
}

const struct canp_candump_stats *canp_candump_stats(const struct canp_candump_reader *reader)
{
    return &reader->stats;
}

static void note_bad(struct canp_candump_reader *reader, const char *line, size_t bytes)
{
    struct canp_candump_stats *s = &reader->stats;
    if (s->bad < CANP_CANDUMP_BAD_MAX) {
        struct canp_candump_bad *bad = &s->first[s->bad];
        if (bytes > sizeof(bad->text) - 1)
            bytes = sizeof(bad->text) - 1;
        bad->line = s->lines;
        for (size_t i = 0; i < bytes; i++)
            bad->text[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '.';
        bad->text[bytes] = '\0';
    }
    s->bad++;
}

/* More bytes behind those that are there. 1, 0 at the end of input, or an error. */
static int fill(struct canp_candump_reader *reader)
{
    if (reader->at_end)
        return 0;
    memmove(reader->buffer, reader->buffer + reader->at, reader->used - reader->at);
    reader->used -= reader->at;
    reader->at = 0;
    ssize_t got;
    do
        got = read(reader->fd, reader->buffer + reader->used, BUFFER_BYTES - reader->used);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    reader->used += (size_t)got;
    reader->at_end = got == 0;
    return got > 0;
}

/* The next line, without its newline. 1, 0 at the end, or an error. */
static int next_line(struct canp_candump_reader *reader, const char **line, size_t *bytes)
{
    for (size_t seen = 0;;) {
        const char *start = reader->buffer + reader->at;
        size_t there = reader->used - reader->at;
        const char *newline = memchr(start + seen, '\n', there - seen);
        seen = there;
        if (!newline && there <= LINE_BYTES_MAX) {
            int r = fill(reader);
            if (r < 0)
                return r;
            if (r > 0)
                continue;
            if (there == 0)
                return 0;
        }
        start = reader->buffer + reader->at; /* fill() may have moved it */
        *line = start;
        *bytes = newline ? (size_t)(newline - start) : there;
        reader->at += *bytes + (newline != NULL);
        if (!reader->skipping) /* else it is the rest of a long line */
            reader->stats.lines++;
        return 1;
    }
}

/* Lines too long are cut in pieces by next_line(): the first piece counts, the others belong to it. */
static bool is_too_long(struct canp_candump_reader *reader, const char *line, size_t bytes)
{
    bool was_skipping = reader->skipping;
    bool complete = reader->at > 0 && reader->buffer[reader->at - 1] == '\n';
    reader->skipping = !complete && (was_skipping || bytes > LINE_BYTES_MAX);
    if (was_skipping)
        return true;
    if (bytes <= LINE_BYTES_MAX)
        return false;
    note_bad(reader, line, bytes);
    return true;
}

static void note_record(struct canp_candump_reader *reader, struct canp_candump_line *record)
{
    reader->stats.records++;
    if (record->time_ns == INT64_MIN)
        record->time_ns = record->gap.from_ns = record->gap.to_ns = reader->last_ns;
    reader->last_ns = record->time_ns;
}

int canp_candump_next(struct canp_candump_reader *reader, struct canp_candump_line *out)
{
    const char *line;
    size_t bytes;
    int r;
    while ((r = next_line(reader, &line, &bytes)) == 1) {
        if (is_too_long(reader, line, bytes))
            continue;
        if (reader->stats.lines == 1 && bytes >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
            line += 3;
            bytes -= 3;
        }
        r = canp_candump_parse(line, bytes, out);
        if (r == 0)
            reader->stats.comments++;
        if (r < 0 || (r > 0 && out->torn))
            note_bad(reader, line, bytes);
        if (r > 0) {
            note_record(reader, out);
            return 1;
        }
    }
    return r;
}

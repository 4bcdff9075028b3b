/*
 * Vector's BLF as a format of canp/log.h: reads the file's header and its objects. Damage is counted, and
 * reading continues at the next LOBJ. One thread.
 */
#include <string.h>

#include "formats/blf/blf_parts.h"
#include "formats/text/civil.h"

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    if (head->length < 4)
        return head->at_end ? CANP_LOG_NOT_MINE : CANP_LOG_UNSURE;
    return memcmp(head->bytes, "LOGG", 4) == 0 ? CANP_LOG_MINE : CANP_LOG_NOT_MINE;
}

/* SYSTEMTIME in local time; 0 when it is none. */
static int64_t time_of(const uint8_t *at)
{
    int64_t time_ns;
    struct tm tm = {.tm_year = canp_blf_u16(at) - 1900, .tm_mon = canp_blf_u16(at + 2) - 1};
    tm.tm_mday = canp_blf_u16(at + 6);
    tm.tm_hour = canp_blf_u16(at + 8);
    tm.tm_min = canp_blf_u16(at + 10);
    tm.tm_sec = canp_blf_u16(at + 12);
    if (tm.tm_year < 1678 - 1900 || tm.tm_year > 2261 - 1900 || tm.tm_mon < 0 || tm.tm_mon > 11 ||
        tm.tm_mday < 1 || tm.tm_mday > 31 || !canp_civil_to_ns(tm, false, &time_ns))
        return 0;
    return time_ns + (int64_t)(canp_blf_u16(at + 14) % 1000U) * 1000000;
}

static int open_log(struct canp_log_reader *reader, struct canp_why *why)
{
    struct canp_blf_reading *state = reader->state;
    const char *name = reader->path ? reader->path : "the log";
    if (!canp_source_need(&reader->source, 72) || memcmp(reader->source.at, "LOGG", 4) != 0)
        return canp_fail(why, -CANP_E_DAMAGED, "%s: no BLF file begins so: the header LOGG is missing or cut",
                         name);
    uint32_t bytes = canp_blf_u32(reader->source.at + 4);
    state->start_ns = time_of(reader->source.at + 40);
    if (bytes < 72 || bytes > 4096)
        bytes = CANP_BLF_HEADER_BYTES; /* the first LOBJ is looked for anyway */
    int r = canp_source_skip(&reader->source, bytes);
    return r < 0 ? canp_fail(why, r, "cannot read %s: %s", name, canp_strerror(r)) : 0;
}

/* Some writers leave zeros behind their objects. */
static bool are_zeros(const uint8_t *at, size_t bytes)
{
    while (bytes && *at == 0) {
        at++;
        bytes--;
    }
    return bytes == 0;
}

/* The object at `at`, whole in memory: its bytes, or 0 when there is none any more; or an error. */
static int64_t whole_object(struct canp_log_reader *reader, struct canp_blf_stream *s)
{
    for (;;) {
        size_t there = s->end - s->at;
        const uint8_t *at = there ? s->data + s->at : NULL;
        if (__builtin_expect(there >= CANP_BLF_BASE_BYTES && memcmp(at, "LOBJ", 4) == 0, 1)) {
            uint32_t bytes = canp_blf_u32(at + 8);
            if (__builtin_expect(bytes >= CANP_BLF_BASE_BYTES && bytes <= there, 1))
                return bytes;
            if (bytes < CANP_BLF_BASE_BYTES || bytes > CANP_BLF_STREAM_MAX) {
                canp_log_bad_object(reader, "an object's size cannot be", s->passed + s->at);
                s->at += 4;
                continue;
            }
        } else if (there >= CANP_BLF_BASE_BYTES) {
            /* Padding is up to 3 bytes, or none; more is damage. */
            const uint8_t *found = memmem(at, there, "LOBJ", 4);
            size_t strange = found ? (size_t)(found - at) : there - 3;
            if (strange > 8 && !are_zeros(at, strange))
                canp_log_bad_object(reader, "no object begins where the one before it ends",
                                    s->passed + s->at);
            s->at += strange;
            continue;
        }
        int r = s->is_over ? 0 : canp_blf_more(reader, s);
        if (r < 0)
            return r;
        if (r == 0) {
            if (there >= 4 && memcmp(at, "LOBJ", 4) == 0)
                canp_log_bad_object(reader, "the last object is not whole", s->passed + s->at);
            s->at = s->end;
            return 0;
        }
    }
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct canp_blf_stream *s = &((struct canp_blf_reading *)reader->state)->stream;
    for (;;) {
        int64_t bytes = whole_object(reader, s);
        if (bytes <= 0)
            return (int)bytes;
        const uint8_t *object = s->data + s->at;
        uint64_t offset = s->passed + s->at;
        s->at += (size_t)bytes;
        int r = canp_blf_object(reader, object, (uint32_t)bytes, offset, out);
        if (r != 0)
            return r;
    }
}

static void close_log(struct canp_log_reader *reader)
{
    canp_blf_release(&((struct canp_blf_reading *)reader->state)->stream);
}

#define HOLDS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION |               \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_NUMBERED |                \
     CANP_LOG_GAPS | CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_CLOCKS)

const struct canp_log_format canp_format_blf = {
    .info = {.name = "blf",
             .title = "Vector BLF",
             .suffixes = "blf",
             .reads = CANP_LOG_READ | HOLDS,
             .writes = CANP_LOG_WRITE | HOLDS},
    .probe = probe,
    .reader_bytes = sizeof(struct canp_blf_reading),
    .open = open_log,
    .next = next,
    .close = close_log,
    .writer_bytes = sizeof(struct canp_blf_writing),
    .write = canp_blf_write,
    .flush = canp_blf_flush,
    .finish = canp_blf_finish,
    .discard = canp_blf_discard,
};

/*
 * Writes what `candump -e -8 -t a` prints on a terminal, with CANP_LOG_DIRECTION as with -x. A record that is
 * no frame becomes a comment line as in candump's log.
 *
 * As candump does, 11-bit IDs are set in from the first 29-bit ID on, so that columns stay; that is all a
 * writer remembers.
 */
#include <canp/candump.h>
#include <canp/error_text.h>

#include "candump_text.h"
#include "formats/log_format.h"
#include "formats/text/frame_view.h"
#include "screen_parts.h"

#define LINE_BYTES CANP_CANDUMP_LINE_BYTES /* three bytes for each of an XL frame's, or an event */

struct screen_writing {
    bool has_extended; /* a 29-bit ID was written */
};

static char *put_digits(char *out, unsigned value, unsigned width)
{
    char digits[20];
    size_t bytes = (size_t)(canp_put_decimal(digits, value) - digits);
    for (; width > bytes; width--)
        *out++ = '0';
    memcpy(out, digits, bytes);
    return out + bytes;
}

static char *put_id(char *out, const struct canp_frame_view *v)
{
    if (v->is_error || v->is_extended)
        return canp_put_hex_u32(out, v->id | (v->is_error ? CANP_ID_ERR : 0));
    *out++ = canp_hex_digit(v->id >> 8);
    return canp_put_hex_byte(out, (uint8_t)v->id);
}

static char *put_xl_head(char *out, const struct canp_record *r, const struct canp_frame_view *v)
{
    out = put_id(out, v);
    *out++ = '.';
    out = canp_put_hex_byte(out, (uint8_t)(r->xl->prio >> 16));
    out = put_digits(canp_put_text(out, "  ["), v->len, 4);
    out = canp_put_hex_byte(canp_put_text(out, "] ("), r->xl->flags);
    *out++ = '|';
    out = canp_put_hex_byte(out, r->xl->sdt);
    *out++ = ':';
    return canp_put_text(canp_put_hex_u32(out, r->xl->af), ") ");
}

static char *put_length(char *out, unsigned len, bool is_fd)
{
    out = canp_put_text(out, is_fd ? "  [" : "   [");
    return canp_put_text(put_digits(out, len, is_fd ? 2 : 1), "] ");
}

/* In braces, as `candump -8` prints it. */
static char *put_raw_dlc(char *out, uint8_t dlc)
{
    out = canp_put_text(out, "   {");
    *out++ = canp_hex_digit(dlc);
    return canp_put_text(out, "} ");
}

/* What the error frame says, a line for each class, as `candump -e`. */
static char *put_error(char *out, const struct canp_record *r)
{
    char said[CANP_ERROR_TEXT_BYTES];
    canp_error_text(r->frame, "\n\t", said);
    return canp_put_text(canp_put_text(out, "\n\t"), said);
}

/* BRS and ESI of an FD frame; of an XL frame SEC and RRS. */
static const char *flags_of(const struct canp_record *r)
{
    static const char *const fd[] = {" - -", " B -", " - E", " B E"}, *const xl[] = {" - -", " S -", " - R",
                                                                                     " S R"};
    if (r->kind == CANP_KIND_XL)
        return xl[r->xl->flags & 3];
    return fd[r->kind == CANP_KIND_FD ? r->frame->flags & 3 : 0];
}

static char *put_frame(char *out, const struct canp_record *r, struct screen_writing *w)
{
    struct canp_frame_view v = canp_frame_view_of(r);
    bool is_fd = r->kind == CANP_KIND_FD, is_xl = r->kind == CANP_KIND_XL;
    w->has_extended |= v.is_extended;
    if (w->has_extended && !v.is_extended && !v.is_error && !is_xl)
        out = canp_put_text(out, "     ");
    if (is_xl) {
        out = put_xl_head(out, r, &v);
    } else {
        out = put_id(out, &v);
        out = v.raw_dlc ? put_raw_dlc(out, v.raw_dlc) : put_length(out, v.len, is_fd);
    }
    for (unsigned i = 0; i < v.data_bytes; i++) {
        *out++ = ' ';
        out = canp_put_hex_byte(out, v.data[i]);
    }
    if (v.is_remote)
        out = canp_put_text(out, " remote request");
    if (v.is_error) {
        size_t blanks = v.len < 8 ? 3 * (8 - v.len) + 3 : 3;
        memset(out, ' ', blanks);
        out = canp_put_text(out + blanks, "ERRORFRAME");
    }
    return out;
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *r)
{
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    const char *iface = canp_log_name(writer, r->channel);
    if (!canp_kind_is_frame(r->kind)) {
        writer->sink.at += canp_candump_format(r, iface, 0, at);
        return 0;
    }
    if (!(writer->style & CANP_LOG_DIRECTION)) { /* nor is there a place for these */
        if (r->dir != CANP_DIR_RX)
            canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
        if (r->kind == CANP_KIND_FD && (r->frame->flags & (CANP_FD_BRS | CANP_FD_ESI)))
            canp_log_lose(writer, CANP_LOG_LOSS_FD_FLAGS);
    }
    at = canp_put_seconds(canp_put_text(at, " ("), r->time_ns, 10, writer->style & CANP_LOG_MICROS ? 6 : 9);
    at = canp_put_iface(canp_put_text(at, ")  "), iface);
    if (writer->style & CANP_LOG_DIRECTION)
        at = canp_put_text(canp_put_text(at, r->dir == CANP_DIR_RX ? "  RX" : "  TX"), flags_of(r));
    at = put_frame(canp_put_text(at, "  "), r, writer->state);
    if (canp_is_error_frame(r))
        at = put_error(at, r);
    *at++ = '\n';
    writer->sink.at = (uint8_t *)at;
    return 0;
}

const struct canp_log_format canp_format_screen = {
    .info = {.name = "screen",
             .title = "candump's output on a terminal (can-utils)",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS |
                      CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_EPOCH |
                      CANP_LOG_NAMES | CANP_LOG_GAPS | CANP_LOG_TEXT,
             .writes = CANP_LOG_WRITE | CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS |
                       CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_EPOCH |
                       CANP_LOG_NAMES | CANP_LOG_GAPS | CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_TEXT},
    .probe = canp_screen_probe,
    .reader_bytes = sizeof(struct canp_screen_reading),
    .open = canp_screen_open,
    .next = canp_screen_next,
    .writer_bytes = sizeof(struct screen_writing),
    .write = write_record,
};

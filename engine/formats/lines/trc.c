/*
 * PEAK's trace files (PCAN-View, PCAN-Explorer), read in versions 1.0, 1.1, 1.2, 1.3, 2.0 and 2.1, written
 * in 2.1, and as format `trc11` in 1.1 for older programs (PEAK CAN TRC file format, peak-system.com):
 *
 *   ;$FILEVERSION=2.1
 *   ;$STARTTIME=45244.9259259259              days since 30 December 1899
 *   ;$COLUMNS=N,O,T,B,I,d,R,L,D     number, offset (ms), type, bus, id, direction, reserved, DLC, data
 *   1         0.123 DT  1 18FEF100 Rx -  8    01 02 03 04 05 06 07 08
 *
 * Before version 2.0 the columns are fixed. An id of more than four digits is extended. One thread.
 */
#include "formats/lines/trc_parts.h"
#include "formats/log_format.h"
#include "formats/text/text_in.h"
#include "formats/text/text_out.h"

#define COLUMNS_MAX  16
#define DAYS_TO_1970 25569 /* from 30 December 1899 */
#define LINE_BYTES   512
#define MS_NS        1000000
#define DAY_NS       (86400 * INT64_C(1000000000))

struct reading {
    char columns[COLUMNS_MAX]; /* letters of $COLUMNS; empty: version 1.0 */
    int64_t start_ns;
};

extern const struct canp_log_format canp_format_trc, canp_format_trc11;

struct writing {
    int64_t start_ns;
    uint64_t count;
    bool has_header;
};

static const uint8_t fd_lengths[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};

/* ---- reading: the header --------------------------------------------------------------------------- */

/* So many ns are the first `digits` (18 at most) decimals of a day, without 128 bits: a day is 864 * 10^11
 * ns. */
static int64_t ns_of_day(uint64_t fraction, unsigned digits)
{
    uint64_t unit = 1;
    for (unsigned i = digits < 11 ? digits : 11; i < (digits < 11 ? 11 : digits); i++)
        unit *= 10;
    if (digits <= 11)
        return (int64_t)(fraction * unit * 864);
    return (int64_t)(fraction / unit * 864 + fraction % unit * 864 / unit);
}

/* Days with a fraction. PEAK writes 10 digits, 8.64 us, of a time in tenths of a millisecond. */
static int take_days(struct canp_text *t, int64_t *start_ns)
{
    uint64_t days;
    if (canp_take_decimal(t, &days) < 0 || days > 100000)
        return -CANP_E_SYNTAX;
    unsigned digits = 0;
    uint64_t fraction = 0;
    if (canp_take_char(t, '.')) {
        for (int c; (c = canp_peek(t)) >= '0' && c <= '9'; t->at++) {
            if (digits == 18)
                continue;
            fraction = fraction * 10 + (uint64_t)(c - '0');
            digits++;
        }
    }
    int64_t step = digits > 10 ? 1000 : 100000;
    int64_t ns = ns_of_day(fraction, digits);
    *start_ns = ((int64_t)days - DAYS_TO_1970) * DAY_NS + (ns + step / 2) / step * step;
    return 0;
}

static void set_version(struct reading *state, const struct canp_text *version)
{
    static const struct {
        const char *version, *columns;
    } known[] = {{"1.0", "NOILD"},    {"1.1", "NOdILD"},  {"1.2", "NOBdILD"},
                 {"1.3", "NOBdIRLD"}, {"2.0", "NOTIdlD"}, {"2.1", "NOTBIdRLD"}};
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (canp_text_is(version, known[i].version))
            memcpy(state->columns, known[i].columns, strlen(known[i].columns) + 1);
    }
}

static void take_comment(struct reading *state, struct canp_text t)
{
    if (canp_take_text(&t, ";$FILEVERSION=")) {
        set_version(state, &t);
    } else if (canp_take_text(&t, ";$STARTTIME=")) {
        int64_t start_ns;
        if (take_days(&t, &start_ns) == 0)
            state->start_ns = start_ns;
    } else if (canp_take_text(&t, ";$COLUMNS=")) {
        unsigned n = 0;
        memset(state->columns, 0, sizeof(state->columns));
        for (; t.at < t.end && n < COLUMNS_MAX - 1; t.at++) {
            if (*t.at != ',' && *t.at != ' ')
                state->columns[n++] = *t.at;
        }
    }
}

/* ---- reading: rows --------------------------------------------------------------------------------- */

enum row_kind { ROW_FRAME = 1, ROW_OTHER = 0, ROW_BAD = -1, ROW_ERROR = 2, ROW_STATUS = 3 };

struct row {
    int64_t offset_ns;
    uint64_t bus, length;
    uint32_t id;
    bool is_extended, is_sent, is_code, is_fd, is_remote;
    bool is_error; /* version 1.x: instead of a direction */
    uint8_t flags;
    struct canp_text data;
};

/* The two letters of a type as a number. */
#define TYPE(a, b) ((unsigned)(a) << 8 | (unsigned)(b))

static enum row_kind take_type(const struct canp_text *word, struct row *row)
{
    if (word->end - word->at != 2)
        return ROW_BAD;
    unsigned type = TYPE((uint8_t)word->at[0], (uint8_t)word->at[1]);
    if (type == TYPE('D', 'T'))
        return ROW_FRAME;
    row->is_remote = type == TYPE('R', 'R');
    row->is_fd =
        type == TYPE('F', 'D') || type == TYPE('F', 'B') || type == TYPE('F', 'E') || type == TYPE('B', 'I');
    if (row->is_fd)
        row->flags = CANP_FD_FDF;
    if (type == TYPE('F', 'B') || type == TYPE('B', 'I'))
        row->flags |= CANP_FD_BRS;
    if (type == TYPE('F', 'E') || type == TYPE('B', 'I'))
        row->flags |= CANP_FD_ESI;
    if (row->is_remote || row->is_fd)
        return ROW_FRAME;
    if (type == TYPE('E', 'R') || type == TYPE('S', 'T'))
        return type == TYPE('E', 'R') ? ROW_ERROR : ROW_STATUS;
    return *word->at >= 'A' && *word->at <= 'Z' ? ROW_OTHER : ROW_BAD; /* counters, events */
}

static enum row_kind take_direction(const struct canp_text *word, struct row *row)
{
    if (word->end - word->at == 2 && (word->at[1] | 0x20) == 'x') {
        row->is_sent = (word->at[0] | 0x20) == 't';
        if (row->is_sent || (word->at[0] | 0x20) == 'r')
            return ROW_FRAME;
    }
    row->is_error = canp_text_is(word, "Error");
    return row->is_error || canp_text_is(word, "Warng") ? ROW_FRAME : ROW_BAD; /* the id tells a warning */
}

/* Milliseconds, with up to six digits behind the point. */
static bool take_offset(struct canp_text *word, int64_t *offset_ns)
{
    static const uint32_t scale[] = {0, 100000, 10000, 1000, 100, 10, 1};
    const char *at = word->at, *end = word->end;
    uint64_t ms = 0, part = 0;
    for (; at < end && at - word->at < 12 && (unsigned)(*at - '0') < 10; at++)
        ms = ms * 10 + (unsigned)(*at - '0');
    const char *point = at;
    for (at += at < end && *at == '.'; at < end && at - point <= 6 && (unsigned)(*at - '0') < 10; at++)
        part = part * 10 + (unsigned)(*at - '0');
    if (at == end && at - point > 1 && point > word->at) {
        *offset_ns = (int64_t)(ms * MS_NS + part * scale[at - point - 1]);
        word->at = at;
        return true;
    }
    bool is_right = canp_take_seconds(word, offset_ns) == 0; /* a sign, no point, many digits */
    *offset_ns /= is_right ? 1000 : 1;
    return is_right;
}

static inline __attribute__((always_inline)) enum row_kind take_cell(char column, struct canp_text word,
                                                                     struct row *row)
{
    const char *start = word.at;
    switch (column) {
    case 'O':
        if (!take_offset(&word, &row->offset_ns))
            return ROW_BAD;
        break;
    case 'T':
        return take_type(&word, row);
    case 'd':
        return take_direction(&word, row);
    case 'B':
        if (canp_take_decimal(&word, &row->bus) < 0 || row->bus > 255)
            return ROW_BAD;
        break;
    case 'I':
        if (canp_take_hex(&word, &row->id) < 0)
            return ROW_BAD;
        row->is_extended = word.end - start > 4;
        break;
    case 'l':
    case 'L':
        row->is_code = column == 'L';
        if (canp_take_decimal(&word, &row->length) < 0)
            return ROW_BAD;
        break;
    default: /* the row's number, what is reserved, what is unknown */
        return ROW_FRAME;
    }
    return word.at == word.end ? ROW_FRAME : ROW_BAD;
}

/* Inline: a column that the compiler knows needs no switch. */
static inline __attribute__((always_inline)) enum row_kind take_column(char column, struct canp_text *t,
                                                                       struct row *row)
{
    canp_skip_blanks(t);
    struct canp_text word = {t->at, t->at};
    while (word.end < t->end && *word.end != ' ' && *word.end != '\t')
        word.end++;
    t->at = word.end;
    return word.at == word.end ? ROW_BAD : take_cell(column, word, row);
}

static enum row_kind take_columns(const char *columns, struct canp_text *t, struct row *row)
{
    enum row_kind kind = ROW_FRAME;
    for (; *columns && *columns != 'D' && kind == ROW_FRAME; columns++)
        kind = take_column(*columns, t, row);
    return kind;
}

/* Those of version 2.1, "NOTBIdRLD". */
static enum row_kind take_usual_columns(struct canp_text *t, struct row *row)
{
    enum row_kind kind = take_column('N', t, row);
    kind = kind == ROW_FRAME ? take_column('O', t, row) : kind;
    kind = kind == ROW_FRAME ? take_column('T', t, row) : kind;
    kind = kind == ROW_FRAME ? take_column('B', t, row) : kind;
    kind = kind == ROW_FRAME ? take_column('I', t, row) : kind;
    kind = kind == ROW_FRAME ? take_column('d', t, row) : kind;
    kind = kind == ROW_FRAME ? take_column('R', t, row) : kind;
    return kind == ROW_FRAME ? take_column('L', t, row) : kind;
}

/* Behind the type. */
static void take_bus(struct row *row)
{
    struct canp_text t = row->data;
    uint64_t bus;
    canp_skip_blanks(&t);
    if (canp_take_decimal(&t, &bus) == 0 && bus <= 255)
        row->bus = bus;
}

static enum row_kind take_row(const char *columns, struct canp_text t, struct row *row)
{
    *row = (struct row){.bus = 1};
    enum row_kind kind = strcmp(columns, "NOTBIdRLD") == 0
                             ? take_usual_columns(&t, row)
                             : take_columns(columns[0] ? columns : "NOILD", &t, row);
    row->data = t;
    if (kind >= ROW_ERROR && strchr(columns, 'B'))
        take_bus(row);
    if (__builtin_expect(kind == ROW_FRAME && (row->is_error || row->id == UINT32_MAX), 0))
        return row->is_error ? ROW_ERROR : ROW_STATUS; /* versions 1.x */
    return kind;
}

/* Bytes with one blank before each, as PEAK writes them, or with more. */
static bool take_payload(struct canp_text *t, uint8_t *data, unsigned len)
{
    const char *at = t->at, *end = t->end;
    for (unsigned i = 0; i < len; i++, at += 2) {
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        int byte = end - at >= 2 ? canp_hex_byte(at) : -1;
        if (byte < 0)
            return false;
        data[i] = (uint8_t)byte;
    }
    return true;
}

static int take_frame(struct row *row, struct canp_frame *frame)
{
    if (row->is_fd && row->is_code)
        row->length = row->length < 16 ? fd_lengths[row->length] : 65;
    if (row->length > (row->is_fd ? 64 : 8) ||
        row->id > (row->is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK))
        return -CANP_E_SYNTAX;
    canp_skip_blanks(&row->data);
    row->is_remote |= canp_take_text(&row->data, "RTR");
    memset(frame, 0, sizeof(union canp_frame_store));
    frame->id = row->id | (row->is_extended ? CANP_ID_EFF : 0) | (row->is_remote ? CANP_ID_RTR : 0);
    frame->flags = row->flags;
    frame->len = (uint8_t)row->length;
    return row->is_remote || take_payload(&row->data, frame->data, frame->len) ? 0 : -CANP_E_SYNTAX;
}

static int lend(struct canp_log_reader *reader, const struct row *row, uint8_t kind, struct canp_record *out)
{
    const struct reading *state = reader->state;
    int channel = canp_log_channel_numbered(reader, (uint32_t)row->bus);
    if (channel < 0)
        return channel;
    int64_t time_ns = (int64_t)((uint64_t)state->start_ns + (uint64_t)row->offset_ns);
    return canp_log_lend(reader, out, time_ns, kind, (uint8_t)channel,
                         row->is_sent ? CANP_DIR_TX : CANP_DIR_RX);
}

/* An error frame or a status: as lend(); 0: it is not understood. */
static int next_event(struct canp_log_reader *reader, enum row_kind kind, const struct row *row,
                      struct canp_record *out)
{
    if (kind == ROW_ERROR && canp_trc_error(row->data, row->id, &reader->store.frame))
        return lend(reader, row, CANP_KIND_CAN, out);
    if (kind == ROW_STATUS && canp_trc_status(row->data, &reader->store.link))
        return lend(reader, row, CANP_KIND_LINK, out);
    canp_log_pass(reader, "lines of status, errors and events");
    return 0;
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct row row;
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_text t = {text, text + bytes};
        canp_skip_blanks(&t);
        canp_trim_end(&t);
        if (t.at == t.end)
            continue;
        if (*t.at == ';') {
            take_comment(state, t);
            continue;
        }
        enum row_kind kind = take_row(state->columns, t, &row);
        if (kind == ROW_FRAME && take_frame(&row, &reader->store.frame) == 0)
            return lend(reader, &row, row.is_fd ? CANP_KIND_FD : CANP_KIND_CAN, out);
        if (kind == ROW_FRAME && canp_take_text(&row.data, "ERROR")) /* version 1.0 */
            kind = ROW_ERROR;
        if (kind == ROW_FRAME || kind == ROW_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        else if ((r = next_event(reader, kind, &row, out)) != 0)
            return r;
    }
    return r;
}

/* The version; or, of version 1.0, a header of comments and a row behind it. */
static int judge(const char *text, size_t bytes)
{
    struct canp_text t = {text, text + bytes};
    struct row row;
    canp_skip_blanks(&t);
    canp_trim_end(&t);
    if (t.at == t.end)
        return 0;
    if (*t.at == ';')
        return canp_take_text(&t, ";$FILEVERSION=");
    union canp_frame_store store;
    const char *number_end = memchr(t.at, ')', (size_t)(t.end - t.at));
    bool is_numbered = number_end && number_end - t.at < 12;
    return is_numbered && take_row("NOILD", t, &row) == ROW_FRAME && take_frame(&row, &store.frame) == 0 ? 1
                                                                                                         : -1;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

/* ---- writing --------------------------------------------------------------------------------------- */

static void put_header(struct canp_log_writer *writer, int64_t first_ns)
{
    struct writing *state = writer->state;
    bool is_old = writer->format == &canp_format_trc11;
    char line[192], *at = canp_put_text(line, is_old ? ";$FILEVERSION=1.1\r\n;$STARTTIME="
                                                     : ";$FILEVERSION=2.1\r\n;$STARTTIME=");
    int64_t start_ns = first_ns >= 0 ? first_ns / MS_NS * MS_NS : 0;
    uint64_t part =
        (uint64_t)(start_ns % DAY_NS) / MS_NS;         /* of a day, in ms: 13 digits say it exactly enough */
    uint64_t digits = (uint64_t)part * 3125000U / 27U; /* 10^13 / 86400000 */
    at = canp_put_decimal(at, (uint64_t)(start_ns / DAY_NS) + DAYS_TO_1970);
    *at++ = '.';
    for (uint64_t unit = 1000000000000U; unit; unit /= 10)
        *at++ = (char)('0' + digits / unit % 10);
    at = canp_put_text(at, is_old ? "\r\n" : "\r\n;$COLUMNS=N,O,T,B,I,d,R,L,D\r\n");
    at = canp_put_text(at, ";\r\n;   Generated by canp\r\n;\r\n");
    canp_sink_put(&writer->sink, line, (size_t)(at - line));
    state->start_ns = start_ns;
    state->has_header = true;
}

/* The number with blanks before it, at least `width` wide (up to 16). */
static char *put_number(char *out, uint64_t value, size_t width)
{
    char text[16 + 24], *digits = text + 16;
    size_t bytes = (size_t)(canp_put_decimal(digits, value) - digits);
    size_t blanks = bytes < width ? width - bytes : 0;
    memcpy(text, "                ", 16);
    memcpy(out, digits - blanks, 24);
    return out + blanks + bytes;
}

/* Milliseconds with three digits behind the point, right-aligned. */
static char *put_offset(char *out, int64_t offset_ns)
{
    bool is_negative = offset_ns < 0;
    uint64_t us = (is_negative ? 0 - (uint64_t)offset_ns : (uint64_t)offset_ns) / 1000;
    char *start = out;
    out = put_number(out, us / 1000, 9);
    if (is_negative) { /* before the first digit */
        char *at = out;
        while (at > start && at[-1] != ' ')
            at--;
        memmove(at + 1, at, (size_t)(out - at));
        *at = '-';
        out++;
    }
    uint32_t part = (uint32_t)(us % 1000);
    out[0] = '.';
    out[1] = (char)('0' + part / 100);
    return canp_put_2(out + 2, part % 100);
}

static unsigned code_of(unsigned len)
{
    unsigned code = 0;
    while (code < 15 && fd_lengths[code] < len)
        code++;
    return code;
}

static const char *type_of(const struct canp_record *r)
{
    if (r->kind != CANP_KIND_FD)
        return r->frame->id & CANP_ID_RTR ? " RR " : " DT ";
    static const char *const types[] = {" FD ", " FB ", " FE ", " BI "};
    return types[r->frame->flags & (CANP_FD_BRS | CANP_FD_ESI)];
}

static char *put_id(char *at, const struct canp_frame *f)
{
    if (f->id & CANP_ID_EFF)
        return canp_put_hex_u32(at, f->id & CANP_ID_EFF_MASK);
    memcpy(at, "    ", 4);
    return canp_put_hex_byte(canp_put_hex_byte(at + 4, (uint8_t)(f->id >> 8 & 7)), (uint8_t)f->id);
}

static char *put_bytes(char *at, const uint8_t *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *at = ' ';
        at = canp_put_hex_byte(at + 1, data[i]);
    }
    memcpy(at, "\r\n", 2);
    return at + 2;
}

/* What stands behind the type and the bus in version 2.1. */
static char *put_frame(char *at, const struct canp_record *r)
{
    const struct canp_frame *f = r->frame;
    unsigned code = r->kind == CANP_KIND_FD ? code_of(f->len) : f->len;
    unsigned bytes = r->kind == CANP_KIND_FD ? fd_lengths[code] : f->id & CANP_ID_RTR ? 0 : f->len;
    at = put_id(at, f);
    memcpy(at, r->dir == CANP_DIR_RX ? " Rx -  " : " Tx -  ", 7);
    at = canp_put_decimal(at + 7, code);
    at = canp_put_text(at, code < 10 ? "   " : "  ");
    uint8_t data[64] = {0}; /* an FD frame of an odd length has zeros behind it */
    if (bytes == f->len)
        return put_bytes(at, f->data, bytes);
    memcpy(data, f->data, f->len);
    return put_bytes(at, data, bytes);
}

/* A row of version 1.1: neither bus nor type. */
static char *put_old_row(char *at, const struct canp_record *r, uint64_t count, int64_t offset_ns)
{
    const struct canp_frame *f = r->frame;
    at = put_number(at, count, 6);
    *at++ = ')';
    at = put_offset(at, offset_ns);
    at = put_id(canp_put_text(at, r->dir == CANP_DIR_RX ? "  Rx  " : "  Tx  "), f);
    memcpy(at, "  0 ", 4);
    at[2] = (char)('0' + f->len);
    if (f->id & CANP_ID_RTR)
        return canp_put_text(at + 4, " RTR\r\n");
    return put_bytes(at + 4, f->data, f->len);
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *r)
{
    struct writing *state = writer->state;
    if (!state->has_header)
        put_header(writer, r->time_ns);
    int64_t offset_ns;
    if (__builtin_sub_overflow(r->time_ns, state->start_ns, &offset_ns)) {
        canp_log_lose(writer, CANP_LOG_LOSS_TIME);
        offset_ns = 0;
    }
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    if (writer->format == &canp_format_trc11) {
        writer->sink.at = (uint8_t *)put_old_row(at, r, ++state->count, offset_ns);
        return 0;
    }
    at = put_number(at, ++state->count, 7);
    *at++ = ' ';
    at = put_offset(at, offset_ns);
    at = canp_put_text(at, type_of(r));
    at = put_number(at, canp_log_number(writer, r->channel), 2);
    *at++ = ' ';
    writer->sink.at = (uint8_t *)put_frame(at, r);
    return 0;
}

static int finish(struct canp_log_writer *writer)
{
    if (!((struct writing *)writer->state)->has_header)
        put_header(writer, 0);
    return 0;
}

const struct canp_log_format canp_format_trc = {
    .info = {.name = "trc",
             .title = "PEAK's trace (PCAN-View)",
             .suffixes = "trc",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_DIRECTION |
                      CANP_LOG_EPOCH | CANP_LOG_NUMBERED | CANP_LOG_LINKS | CANP_LOG_TEXT,
             .writes = CANP_LOG_WRITE | CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_DIRECTION | CANP_LOG_EPOCH |
                       CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
    .writer_bytes = sizeof(struct writing),
    .write = write_record,
    .finish = finish,
};

const struct canp_log_format canp_format_trc11 = {
    .info = {.name = "trc11",
             .title = "PEAK's trace in version 1.1",
             .suffixes = "",
             .writes =
                 CANP_LOG_WRITE | CANP_LOG_REMOTE | CANP_LOG_DIRECTION | CANP_LOG_EPOCH | CANP_LOG_TEXT},
    .writer_bytes = sizeof(struct writing),
    .write = write_record,
    .finish = finish,
};

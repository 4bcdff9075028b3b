/*
 * What candump printed on a terminal, read, in all forms of -t, -x, -a, -e and -8:
 *
 *    (1700000000.123456)  can0  RX - -  123   [8]  11 22 33 44 55 66 77 88   '."3DUfw.'
 *    (003.200000)  can0  123  [12]  00 01 02 …                  two digits in brackets: CAN FD
 *    can0  20000004   [8]  00 04 00 00 00 00 00 00   ERRORFRAME
 *    <0x18eeff01> [8] 05 a0 be 1c 00 a0 a0 c0                    candump 4.0, behind `interface = can0, …`
 *
 * Stamps: seconds since 1970 (-t a, ten digits); a local date (-t A); less than ten digits count from the
 * frame before (-t d) or from the first (-t z). The first lines tell these two apart: of deltas at least
 * every eighth is less than the one before, or all are the same. Without stamps all frames have time 0.
 *
 * Invariant: nothing outside of the line is read.
 */
#include <stdlib.h>

#include "formats/text/cells.h"
#include "formats/text/civil.h"
#include "screen_parts.h"

#define STEPS_MIN 32

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

enum stamp { STAMP_NONE, STAMP_SHORT, STAMP_ABSOLUTE };

struct line {
    enum stamp stamp;
    int64_t time_ns;
    struct canp_text iface;
    uint8_t dir, kind, fd_flags;
    union canp_log_store *store;
};

/* `2023-11-14 22:13:20.123456`, local. */
static bool take_date(struct canp_text *t, int64_t *time_ns)
{
    uint64_t part[5];
    int64_t second_ns, whole_ns;
    for (unsigned i = 0; i < 5; i++) {
        if (i && !canp_take_char(t, "-- :"[i - 1]))
            return false;
        if (canp_take_decimal(t, &part[i]) < 0 || part[i] > 2261)
            return false;
    }
    if (!canp_take_char(t, ':') || canp_peek(t) == '-' || canp_take_seconds(t, &second_ns) < 0 ||
        second_ns >= INT64_C(61000000000) || part[0] < 1678)
        return false;
    struct tm tm = {.tm_year = (int)part[0] - 1900,
                    .tm_mon = (int)part[1] - 1,
                    .tm_mday = (int)part[2],
                    .tm_hour = (int)part[3],
                    .tm_min = (int)part[4]};
    if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 ||
        !canp_civil_to_ns(tm, false, &whole_ns))
        return false;
    return !__builtin_add_overflow(whole_ns, second_ns, time_ns);
}

/* Nothing, or a stamp in parentheses. */
static bool take_stamp(struct canp_text *t, struct line *line)
{
    line->stamp = STAMP_NONE;
    canp_skip_blanks(t);
    if (!canp_take_char(t, '('))
        return true;
    struct canp_text date = *t;
    const char *start = t->at;
    if (canp_take_seconds(t, &line->time_ns) == 0 && canp_take_char(t, ')')) {
        const char *point = memchr(start, '.', (size_t)(t->at - start));
        bool is_short = (point ? point : t->at - 1) - start < 10 && *start != '-';
        line->stamp = is_short ? STAMP_SHORT : STAMP_ABSOLUTE;
        return true;
    }
    *t = date;
    line->stamp = STAMP_ABSOLUTE;
    return take_date(t, &line->time_ns) && canp_take_char(t, ')');
}

/* `RX - -`, `TX B E`: -x. BRS and ESI of an FD frame. */
static void take_direction(struct canp_text *t, struct line *line)
{
    struct canp_text rest = *t, word;
    line->dir = CANP_DIR_RX;
    line->fd_flags = 0;
    if (!canp_take_word(&rest, &word) || (!canp_text_is(&word, "RX") && !canp_text_is(&word, "TX")))
        return;
    line->dir = *word.at == 'T' ? CANP_DIR_TX : CANP_DIR_RX;
    *t = rest;
    while (canp_take_word(&rest, &word) && word.end - word.at == 1) {
        line->fd_flags |= *word.at == 'B' ? CANP_FD_BRS : *word.at == 'E' ? CANP_FD_ESI : 0;
        *t = rest;
    }
}

/* `123`, `18FEF100`, `<0x123>`, of an XL frame `123.00`. */
static bool take_id(struct canp_text word, struct line *line)
{
    uint32_t id, vcid;
    bool is_old = canp_take_text(&word, "<0x");
    unsigned digits = canp_hex_number(&word.at, word.end, &id);
    if (is_old && !canp_take_char(&word, '>'))
        return false;
    line->kind = CANP_KIND_CAN;
    if (digits == 3 && !is_old && canp_take_char(&word, '.')) {
        if (canp_hex_number(&word.at, word.end, &vcid) != 2 || word.at != word.end || id > CANP_ID_SFF_MASK)
            return false;
        memset(&line->store->xl_bytes, 0, sizeof(line->store->xl_bytes));
        line->kind = CANP_KIND_XL;
        line->store->xl.prio = id | vcid << 16;
        return true;
    }
    if (word.at != word.end || (digits != 3 && digits != 8) || (id & (CANP_ID_RTR | CANP_ID_EFF)) ||
        (digits == 3 && id > CANP_ID_SFF_MASK))
        return false;
    memset(&line->store->can_bytes, 0, sizeof(line->store->can_bytes));
    line->store->frame.id = id | (digits == 8 && !(id & CANP_ID_ERR) ? CANP_ID_EFF : 0);
    return true;
}

/* `[8]`, `[08]` of FD, `[0008]` of XL, `{D}` for 8 bytes with a raw DLC. */
static bool take_length(struct canp_text word, struct line *line, uint64_t *len)
{
    if (canp_take_char(&word, '{')) {
        int dlc = canp_hex_value(canp_peek(&word));
        if (dlc < 9 || line->kind != CANP_KIND_CAN)
            return false;
        word.at++;
        if (!canp_take_char(&word, '}') || word.at != word.end)
            return false;
        line->store->frame.len8_dlc = (uint8_t)dlc;
        *len = 8;
        return true;
    }
    if (!canp_take_char(&word, '['))
        return false;
    const char *digits = word.at;
    if (canp_take_decimal(&word, len) < 0)
        return false;
    bool is_fd = word.at - digits == 2 && line->kind == CANP_KIND_CAN;
    if (is_fd)
        line->kind = CANP_KIND_FD;
    return canp_take_char(&word, ']') && word.at == word.end &&
           *len <= (line->kind == CANP_KIND_XL ? 2048U
                    : is_fd                    ? 64U
                                               : 8U);
}

/* `(80|01:DEADBEEF)` */
static bool take_xl_fields(struct canp_text *t, struct canp_xl_frame *xl)
{
    uint32_t flags, sdt;
    canp_skip_blanks(t);
    if (!canp_take_char(t, '(') || canp_hex_number(&t->at, t->end, &flags) != 2 || !canp_take_char(t, '|') ||
        canp_hex_number(&t->at, t->end, &sdt) != 2 || !canp_take_char(t, ':') ||
        canp_hex_number(&t->at, t->end, &xl->af) != 8 || !canp_take_char(t, ')') || !(flags & 0x80))
        return false;
    xl->flags = (uint8_t)flags;
    xl->sdt = (uint8_t)sdt;
    return true;
}

static bool take_bytes(struct canp_text *t, uint8_t *data, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        canp_skip_blanks(t);
        int byte = t->end - t->at >= 2 ? canp_hex_byte(t->at) : -1;
        if (byte < 0 || (t->end - t->at > 2 && t->at[2] != ' ' && t->at[2] != '\t'))
            return false;
        data[i] = (uint8_t)byte;
        t->at += 2;
    }
    return true;
}

/* Behind the payload: nothing, or text as -a prints it, or what an error frame is called. */
static bool is_rest(struct canp_text t, bool is_error)
{
    canp_skip_blanks(&t);
    if (is_error)
        return t.at == t.end || canp_take_text(&t, "ERRORFRAME") || canp_peek(&t) == '\'';
    return t.at == t.end || canp_peek(&t) == '\'';
}

static bool take_classic(struct canp_text t, uint64_t len, struct line *line)
{
    struct canp_frame *f = &line->store->frame;
    struct canp_text rest = t;
    f->len = (uint8_t)len;
    canp_skip_blanks(&rest);
    if (line->kind == CANP_KIND_CAN && !(f->id & CANP_ID_ERR) && canp_take_text(&rest, "remote request")) {
        f->id |= CANP_ID_RTR;
        return true;
    }
    if (line->kind == CANP_KIND_FD) {
        f->flags = (uint8_t)(CANP_FD_FDF | line->fd_flags);
        if (f->id & CANP_ID_ERR)
            return false;
    }
    return take_bytes(&t, f->data, len) && is_rest(t, f->id & CANP_ID_ERR);
}

static bool take_frame(struct canp_text t, struct line *line)
{
    struct canp_text word;
    uint64_t len;
    line->iface = (struct canp_text){t.at, t.at};
    if (!take_stamp(&t, line))
        return false;
    canp_skip_blanks(&t);
    if (canp_peek(&t) != '<' && !canp_take_word(&t, &line->iface))
        return false;
    take_direction(&t, line);
    if (!canp_take_word(&t, &word) || !take_id(word, line) || !canp_take_word(&t, &word) ||
        !take_length(word, line, &len))
        return false;
    if (line->kind != CANP_KIND_XL)
        return take_classic(t, len, line);
    line->store->xl.len = (uint16_t)len;
    return len > 0 && take_xl_fields(&t, &line->store->xl) && take_bytes(&t, line->store->xl.data, len) &&
           is_rest(t, false);
}

static enum line_kind take_line(struct canp_text t, struct line *line)
{
    struct canp_text start = t;
    canp_trim_end(&t);
    canp_skip_blanks(&start);
    if (t.at >= t.end || canp_peek(&start) == '#' || canp_take_text(&start, "interface = "))
        return LINE_OTHER;
    return take_frame(t, line) ? LINE_FRAME : LINE_BAD;
}

/* ---- recognition ------------------------------------------------------------------------------------ */

static int judge(const char *text, size_t bytes)
{
    union canp_log_store store;
    struct line line = {.store = &store};
    return take_line((struct canp_text){text, text + bytes}, &line);
}

enum canp_log_verdict canp_screen_probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

/* The next line of what is in memory, without moving the source. */
static bool peek_line(struct canp_text *head, struct canp_text *text)
{
    text->at = head->at;
    while (head->at < head->end && *head->at != '\n' && *head->at != '\r')
        head->at++;
    text->end = head->at;
    return head->at < head->end && head->at++;
}

struct steps {
    unsigned count, falls, rises; /* between short stamps */
    bool has_short;
};

static struct steps count_steps(const struct canp_source *source)
{
    union canp_log_store store;
    struct line line = {.store = &store};
    struct canp_text text, head = {(const char *)source->at, (const char *)source->end};
    struct steps steps = {.has_short = false};
    int64_t before_ns = 0;
    while (peek_line(&head, &text)) {
        if (take_line(text, &line) != LINE_FRAME || line.stamp != STAMP_SHORT)
            continue;
        steps.count += steps.has_short;
        steps.falls += steps.has_short && line.time_ns < before_ns;
        steps.rises += steps.has_short && line.time_ns > before_ns;
        steps.has_short = true;
        before_ns = line.time_ns;
    }
    return steps;
}

/* Only a log with short stamps is waited for, up to STEPS_MIN of them. */
int canp_screen_open(struct canp_log_reader *reader, struct canp_why *why)
{
    struct canp_screen_reading *state = reader->state;
    struct canp_source *source = &reader->source;
    struct steps steps = count_steps(source);
    (void)why;
    for (size_t there = canp_source_there(source);
         steps.has_short && steps.count < STEPS_MIN && !source->at_end && there < CANP_SOURCE_HEAD_MAX;) {
        int64_t n = canp_source_fill(source, there + 1);
        if (n <= (int64_t)there) /* the end, or an error that comes again when reading */
            break;
        there = (size_t)n;
        steps = count_steps(source);
    }
    state->is_delta = steps.falls * 8 > steps.count || (steps.count >= 3 && steps.rises <= 1);
    return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* `interface = can0, family = 29, type = 3, proto = 1` */
static void take_interface(struct canp_text t, struct canp_screen_reading *state)
{
    canp_skip_blanks(&t);
    if (!canp_take_text(&t, "interface = "))
        return;
    size_t bytes = 0;
    while (t.at + bytes < t.end && bytes < CANP_IFACE_NAME_BYTES - 1 && (unsigned char)t.at[bytes] > ' ' &&
           t.at[bytes] != ',')
        bytes++;
    memset(state->iface, 0, sizeof(state->iface));
    memcpy(state->iface, t.at, bytes);
}

/* A gap, as our own output tells it: 1, or 0 for other comments. */
static int take_comment(struct canp_log_reader *reader, const char *text, size_t bytes,
                        struct canp_record *out)
{
    struct canp_screen_reading *state = reader->state;
    struct canp_text t = {text, text + bytes};
    canp_skip_blanks(&t);
    int first = canp_peek(&t);
    if ((first != '#' && first != 'D') || canp_candump_parse(text, bytes, &state->comment) != 1 ||
        state->comment.kind != CANP_KIND_GAP)
        return 0;
    int channel = canp_channels_padded(&reader->channels, state->comment.iface);
    if (channel < 0)
        return channel;
    if (state->comment.time_ns == INT64_MIN)
        state->comment.time_ns = state->comment.gap.from_ns = state->comment.gap.to_ns = state->last_ns;
    canp_candump_record(&state->comment, (uint8_t)channel, out);
    return 1;
}

static int channel_of(struct canp_log_reader *reader, struct line *line)
{
    const struct canp_screen_reading *state = reader->state;
    char iface[CANP_IFACE_NAME_BYTES];
    if (line->iface.at != line->iface.end && canp_take_iface(&line->iface, iface) == 0)
        return canp_channels_padded(&reader->channels, iface);
    return state->iface[0] ? canp_channels_padded(&reader->channels, state->iface)
                           : canp_log_channel_numbered(reader, 1);
}

static int lend(struct canp_log_reader *reader, struct line *line, struct canp_record *out)
{
    struct canp_screen_reading *state = reader->state;
    int channel = channel_of(reader, line);
    if (channel < 0)
        return channel;
    if (line->stamp == STAMP_NONE)
        line->time_ns = 0;
    if (line->stamp == STAMP_SHORT && state->is_delta &&
        __builtin_add_overflow(state->last_ns, line->time_ns, &line->time_ns))
        line->time_ns = state->last_ns;
    state->last_ns = line->time_ns;
    state->says_more = line->kind == CANP_KIND_CAN && (reader->store.frame.id & CANP_ID_ERR);
    return canp_log_lend(reader, out, line->time_ns, line->kind, (uint8_t)channel, line->dir);
}

int canp_screen_next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct canp_screen_reading *state = reader->state;
    struct line line = {.store = &reader->store};
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_text t = {text, text + bytes};
        if (state->says_more && canp_peek(&t) == '\t')
            continue;
        int comment = take_comment(reader, text, bytes, out);
        if (comment)
            return comment;
        enum line_kind kind = take_line(t, &line);
        if (kind == LINE_FRAME)
            return lend(reader, &line, out);
        take_interface(t, state);
        if (kind == LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        else
            canp_log_pass(reader, "comments and empty lines");
    }
    return r;
}

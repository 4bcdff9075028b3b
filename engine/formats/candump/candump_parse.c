/*
 * Parses one candump log line. Beyond the lines of canp/candump.h it accepts 6-digit fractions, `.` between
 * bytes, blanks around them, lower case, R/T, trailing comments, and a record that follows a torn one on the
 * same line. Invariant: nothing outside of the line is read, and a length never
 * exceeds the store. Any thread; no state.
 */
#include "candump_text.h"

static bool take_hex_exactly(struct canp_text *t, unsigned digits, uint32_t *value)
{
    return canp_hex_number(&t->at, t->end, value) == digits;
}

/* Pairs of hex digits, with or without '.' between them, up to `max` bytes. Returns their number or an error.
 */
static int take_data(struct canp_text *t, uint8_t *data, int max)
{
    int bytes = 0;
    for (;;) {
        bytes += (int)canp_hex_bytes(&t->at, t->end, data + bytes, (unsigned)(max - bytes));
        if (__builtin_expect(canp_peek(t) == '.', 0)) {
            t->at++;
            if (canp_hex_value(canp_peek(t)) < 0)
                return bytes;
            continue;
        }
        return canp_hex_value(canp_peek(t)) < 0 ? bytes : -CANP_E_SYNTAX; /* half a byte, or too many */
    }
}

/* `_9`..`_F` behind 8 bytes. */
static int take_raw_dlc(struct canp_text *t, struct canp_frame *f)
{
    if (canp_peek(t) != '_')
        return 0;
    t->at++;
    int dlc = canp_hex_value(canp_peek(t));
    if (f->len != 8 || dlc <= 8)
        return -CANP_E_SYNTAX;
    t->at++;
    f->len8_dlc = (uint8_t)dlc;
    return 0;
}

static int take_remote(struct canp_text *t, struct canp_frame *f)
{
    t->at++;
    f->id |= CANP_ID_RTR;
    int len = canp_peek(t);
    if (len >= '0' && len <= '8') {
        f->len = (uint8_t)(len - '0');
        t->at++;
    }
    return take_raw_dlc(t, f);
}

static int take_classic(struct canp_text *t, struct canp_candump_line *out)
{
    struct canp_frame *f = &out->can.frame;
    int next = canp_peek(t);
    out->kind = CANP_KIND_CAN;
    if (next == 'R' || next == 'r')
        return (f->id & CANP_ID_ERR) ? -CANP_E_SYNTAX : take_remote(t, f);
    int len = take_data(t, f->data, 8);
    if (len < 0)
        return len;
    f->len = (uint8_t)len;
    return take_raw_dlc(t, f);
}

static int take_fd(struct canp_text *t, struct canp_candump_line *out)
{
    struct canp_frame *f = &out->can.frame;
    out->kind = CANP_KIND_FD;
    int flags = canp_hex_value(canp_peek(t));
    if (flags < 0 || (f->id & CANP_ID_ERR))
        return -CANP_E_SYNTAX;
    t->at++;
    f->flags = (uint8_t)flags;
    int len = take_data(t, f->data, 64);
    if (len < 0)
        return len;
    f->len = (uint8_t)len;
    return 0;
}

/* FF:SS:AAAAAAAA#data */
static int take_xl(struct canp_text *t, uint32_t prio, struct canp_candump_line *out)
{
    struct canp_xl_frame *f = &out->xl.xl;
    uint32_t flags, sdt, af;
    out->kind = CANP_KIND_XL;
    if ((prio & 0x800) || !take_hex_exactly(t, 2, &flags) || !canp_take_text(t, ":") ||
        !take_hex_exactly(t, 2, &sdt) || !canp_take_text(t, ":") || !take_hex_exactly(t, 8, &af) ||
        !canp_take_text(t, "#") || !(flags & 0x80))
        return -CANP_E_SYNTAX;
    memset(&out->xl, 0, sizeof(out->xl));
    int len = take_data(t, f->data, 2048);
    if (len < 1)
        return -CANP_E_SYNTAX;
    f->prio = (prio & 0x7FF) | (prio >> 12) << 16;
    f->flags = (uint8_t)flags;
    f->sdt = (uint8_t)sdt;
    f->af = af;
    f->len = (uint16_t)len;
    return 0;
}

/* The id's flags follow from how many digits it has: 3 = standard, 8 = extended or error. */
static int check_id(unsigned digits, uint32_t *id)
{
    if (digits == 3)
        return *id <= CANP_ID_SFF_MASK ? 0 : -CANP_E_SYNTAX;
    if (digits != 8 || (*id & CANP_ID_RTR))
        return -CANP_E_SYNTAX;
    *id = (*id & CANP_ID_ERR) ? *id & ~CANP_ID_EFF : *id | CANP_ID_EFF;
    return 0;
}

static int take_frame(struct canp_text *t, struct canp_candump_line *out)
{
    uint32_t id;
    unsigned digits = canp_hex_number(&t->at, t->end, &id);
    if (!canp_take_text(t, "#"))
        return -CANP_E_SYNTAX;
    if (digits == 5)
        return take_xl(t, id, out);
    if (check_id(digits, &id) < 0)
        return -CANP_E_SYNTAX;
    memset(&out->can, 0, sizeof(out->can));
    out->can.frame.id = id;
    return canp_take_text(t, "#") ? take_fd(t, out) : take_classic(t, out);
}

/* Nothing, a direction, a comment. */
static int take_rest(struct canp_text *t, struct canp_candump_line *out)
{
    if (t->at < t->end && *t->at != ' ' && *t->at != '\t')
        return -CANP_E_SYNTAX;
    canp_skip_blanks(t);
    int next = canp_peek(t);
    bool alone = t->end - t->at == 1 || (t->end - t->at > 1 && (t->at[1] == ' ' || t->at[1] == '\t'));
    if (alone && (next == 'R' || next == 'T')) {
        out->dir = next == 'R' ? CANP_DIR_RX : CANP_DIR_TX;
        out->has_dir = true;
        t->at++;
        canp_skip_blanks(t);
        next = canp_peek(t);
    }
    return next == -1 || next == '#' || next == ';' || next == '/' ? 0 : -CANP_E_SYNTAX;
}

/* `(time) IF frame`, from behind the parenthesis. */
static int take_record(struct canp_text *t, struct canp_candump_line *out)
{
    canp_skip_blanks(t);
    if (canp_take_seconds(t, &out->time_ns) < 0 || !canp_take_text(t, ")"))
        return -CANP_E_SYNTAX;
    canp_skip_blanks(t);
    if (canp_take_iface(t, out->iface) < 0)
        return -CANP_E_SYNTAX;
    canp_skip_blanks(t);
    if (take_frame(t, out) < 0 || take_rest(t, out) < 0)
        return -CANP_E_SYNTAX;
    return 1;
}

/* A record cut off, the next one glued behind it: try from each later parenthesis. */
static int resynchronise(struct canp_text t, struct canp_candump_line *out)
{
    const char *paren;
    while ((paren = memchr(t.at, '(', (size_t)(t.end - t.at))) != NULL) {
        struct canp_text rest = {paren + 1, t.end};
        out->has_dir = false;
        out->dir = CANP_DIR_RX;
        if (take_record(&rest, out) == 1) {
            out->torn = true;
            return 1;
        }
        t.at = paren + 1;
    }
    return -CANP_E_SYNTAX;
}

int canp_candump_parse(const char *line, size_t bytes, struct canp_candump_line *out)
{
    struct canp_text t = {line, line + bytes};
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    out->dir = CANP_DIR_RX;
    out->has_dir = out->torn = false;
    int first = canp_peek(&t);
    if (__builtin_expect(first != '(', 0)) {
        if (first == -1 || first == ';' || first == '/')
            return 0;
        if (first == '#')
            return canp_parse_comment(&t, out);
        return first == 'D' ? canp_parse_dropcount(&t, out) : resynchronise(t, out);
    }
    struct canp_text rest = {t.at + 1, t.end};
    if (__builtin_expect(take_record(&rest, out) == 1, 1))
        return 1;
    return resynchronise((struct canp_text){t.at + 1, t.end}, out);
}

void canp_candump_record(const struct canp_candump_line *line, uint8_t channel, struct canp_record *out)
{
    *out = (struct canp_record){
        .time_ns = line->time_ns, .kind = line->kind, .channel = channel, .dir = line->dir};
    out->frame = &line->can.frame; /* the union's members all begin here */
}

/*
 * One candump log line -> a record. The grammar is canp/candump.h's; what is accepted beyond what we print:
 * 6-digit fractions, `.` between bytes, blanks around, lower case, R/T, trailing comments, and a record glued
 * behind the torn remains of another. Invariant: nothing outside of the line is read, and a length never
 * exceeds the store. Any thread; no state.
 */
#include "candump_text.h"

const int8_t canp_hex_values[256] = {
    [0 ... '0' - 1] = -1,
    ['0'] = 0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    ['9' + 1 ... 'A' - 1] = -1,
    ['A'] = 10,
    11,
    12,
    13,
    14,
    15,
    ['F' + 1 ... 'a' - 1] = -1,
    ['a'] = 10,
    11,
    12,
    13,
    14,
    15,
    ['f' + 1 ... 255] = -1,
};

static inline int hex_value(int c)
{
    return c < 0 ? -1 : canp_hex_values[c];
}

bool canp_take_text(struct canp_text *t, const char *text)
{
    size_t bytes = strlen(text);
    if ((size_t)(t->end - t->at) < bytes || memcmp(t->at, text, bytes) != 0)
        return false;
    t->at += bytes;
    return true;
}

int canp_take_decimal(struct canp_text *t, uint64_t *value)
{
    const char *start = t->at;
    uint64_t v = 0;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(*t->at - '0'), &v))
            return -CANP_E_SYNTAX;
    }
    *value = v;
    return t->at == start ? -CANP_E_SYNTAX : 0;
}

int canp_take_time(struct canp_text *t, int64_t *time_ns)
{
    bool negative = canp_take_text(t, "-");
    uint64_t seconds, fraction;
    if (canp_take_decimal(t, &seconds) < 0 || seconds > 9000000000U || !canp_take_text(t, "."))
        return -CANP_E_SYNTAX;
    const char *start = t->at;
    if (canp_take_decimal(t, &fraction) < 0)
        return -CANP_E_SYNTAX;
    if (t->at - start == 6)
        fraction *= 1000;
    else if (t->at - start != 9)
        return -CANP_E_SYNTAX;
    int64_t ns = (int64_t)(seconds * 1000000000U + fraction);
    *time_ns = negative ? -ns : ns;
    return 0;
}

int canp_take_iface(struct canp_text *t, char *iface)
{
    const char *start = t->at;
    while (t->at < t->end && (unsigned char)*t->at > ' ') /* control bytes are no part of a name */
        t->at++;
    size_t bytes = (size_t)(t->at - start);
    if (bytes == 0 || bytes >= CANP_IFACE_NAME_BYTES)
        return -CANP_E_SYNTAX;
    memset(iface, 0, CANP_IFACE_NAME_BYTES);
    memcpy(iface, start, bytes);
    return 0;
}

/* Hex digits, at most 8; returns how many. */
static unsigned take_hex(struct canp_text *t, uint32_t *value)
{
    unsigned digits = 0;
    uint32_t v = 0;
    for (int d; digits < 8 && (d = hex_value(canp_peek(t))) >= 0; digits++, t->at++)
        v = v << 4 | (uint32_t)d;
    *value = v;
    return digits;
}

static bool take_hex_exactly(struct canp_text *t, unsigned digits, uint32_t *value)
{
    return take_hex(t, value) == digits;
}

/* Pairs of hex digits, with or without '.' between them, up to `max` bytes. Returns their number or an error.
 */
static int take_data(struct canp_text *t, uint8_t *data, int max)
{
    int bytes = 0;
    for (;;) {
        if (canp_peek(t) == '.')
            t->at++;
        int high = hex_value(canp_peek(t));
        if (high < 0)
            return bytes;
        int low = t->end - t->at > 1 ? hex_value((unsigned char)t->at[1]) : -1;
        if (low < 0 || bytes == max)
            return -CANP_E_SYNTAX;
        data[bytes++] = (uint8_t)(high << 4 | low);
        t->at += 2;
    }
}

/* `_9`..`_F` behind 8 bytes. */
static int take_raw_dlc(struct canp_text *t, struct canp_frame *f)
{
    if (canp_peek(t) != '_')
        return 0;
    t->at++;
    int dlc = hex_value(canp_peek(t));
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
    int flags = hex_value(canp_peek(t));
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
    unsigned digits = take_hex(t, &id);
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
    if (canp_take_time(t, &out->time_ns) < 0 || !canp_take_text(t, ")"))
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
    while (t.end > t.at && (t.end[-1] == '\r' || t.end[-1] == '\n' || t.end[-1] == ' ' || t.end[-1] == '\t'))
        t.end--;
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

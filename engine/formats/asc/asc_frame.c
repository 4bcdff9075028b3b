/*
 * Frames of ASC lines: classic, CANFD, CANXL and error frames. The grammar is that of Vector's converters as
 * can-utils (asc2log.c) and python-can (asc.py) read it. Invariant: nothing outside of the line is read, and
 * a length never exceeds the store. Any thread; no state.
 */
#include "formats/asc/asc_parts.h"

const uint8_t canp_fd_bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};

uint8_t canp_fd_dlc(unsigned bytes)
{
    uint8_t dlc = (uint8_t)(bytes < 8 ? bytes : 8);
    while (dlc < 15 && canp_fd_bytes[dlc] < bytes)
        dlc++;
    return dlc;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* A whole word that is a number of the base. */
static bool take_number(struct canp_text *t, bool is_decimal, uint32_t *value)
{
    struct canp_text word;
    uint64_t wide;
    if (!canp_take_word(t, &word))
        return false;
    if (!is_decimal)
        return canp_take_hex(&word, value) == 0 && word.at == word.end;
    if (canp_take_decimal(&word, &wide) < 0 || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return word.at == word.end;
}

/* `18FEF100x`, `123`; `0x` is the extended id 0. */
static bool take_id(struct canp_text *t, bool is_decimal, uint32_t *id)
{
    uint64_t wide = 0;
    uint32_t value;
    canp_skip_blanks(t);
    if (!is_decimal) {
        if (canp_take_hex(t, &value) < 0)
            return false;
    } else {
        if (canp_take_decimal(t, &wide) < 0 || wide > CANP_ID_EFF_MASK)
            return false;
        value = (uint32_t)wide;
    }
    bool is_extended = canp_take_char(t, 'x') || canp_take_char(t, 'X');
    if (value > (is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK) || (t->at < t->end && !is_blank(*t->at)))
        return false;
    *id = value | (is_extended ? CANP_ID_EFF : 0);
    return true;
}

enum direction { RX = 0, TX = 1, REQUEST = 2, NO_DIRECTION = -1 };

static enum direction take_direction(struct canp_text *t)
{
    struct canp_text word;
    if (!canp_take_word(t, &word))
        return NO_DIRECTION;
    if (canp_text_is(&word, "Rx"))
        return RX;
    if (canp_text_is(&word, "Tx"))
        return TX;
    return canp_text_is(&word, "TxRq") ? REQUEST : NO_DIRECTION;
}

/* Bytes up to the first word that is none, at most `max`: how many. */
static unsigned take_bytes(struct canp_text *t, bool is_decimal, uint8_t *data, unsigned max)
{
    unsigned n = 0;
    const char *p = t->at, *end = t->end;
    while (n < max) {
        while (p < end && is_blank(*p))
            p++;
        if (is_decimal) {
            struct canp_text word = {p, end};
            uint64_t value;
            if (canp_take_decimal(&word, &value) < 0 || value > 255 || (word.at < end && !is_blank(*word.at)))
                break;
            data[n++] = (uint8_t)value;
            p = word.at;
            continue;
        }
        int byte = end - p >= 2 ? canp_hex_byte(p) : -1;
        if (byte < 0 || (end - p > 2 && !is_blank(p[2])))
            break;
        data[n++] = (uint8_t)byte;
        p += 2;
    }
    t->at = p;
    return n;
}

static enum canp_asc_verdict bad(struct canp_asc_line *line, const char *what)
{
    line->what = what;
    return CANP_ASC_BAD;
}

static enum canp_asc_verdict other(struct canp_asc_line *line, const char *what)
{
    line->what = what;
    return CANP_ASC_OTHER;
}

/* ---- classic lines --------------------------------------------------------------------------------- */

/* A classic frame of this DLC; behind the DLCs 9 to 15 are 8 bytes. */
static void set_classic(struct canp_frame *f, unsigned dlc)
{
    f->len = (uint8_t)(dlc < 8 ? dlc : 8);
    f->len8_dlc = (uint8_t)(dlc > 8 ? dlc : 0);
}

static enum canp_asc_verdict take_remote(struct canp_text t, struct canp_frame *f, struct canp_asc_line *line)
{
    struct canp_text word;
    uint32_t dlc = 0;
    if (canp_take_word(&t, &word) && canp_peek(&word) != 'L') { /* Length = … */
        if (canp_take_hex(&word, &dlc) < 0 || word.at != word.end || dlc > 15)
            return bad(line, "the DLC of a remote frame is none");
    }
    f->id |= CANP_ID_RTR;
    set_classic(f, dlc);
    return CANP_ASC_FRAME;
}

/*
 * Behind a DLC from 9 on: 8 bytes are a classic frame with a raw DLC; more are a CAN FD frame, as some
 * converters write it: the DLC in decimal (9 to 15), or the number of bytes in hex.
 */
static enum canp_asc_verdict take_long(struct canp_text t, struct canp_text word, bool is_decimal,
                                       struct canp_frame *f, struct canp_asc_line *line)
{
    uint64_t decimal = 0;
    uint32_t hex = 0;
    struct canp_text again = word;
    bool has_decimal = canp_take_decimal(&again, &decimal) == 0 && again.at == again.end;
    bool has_hex = canp_take_hex(&word, &hex) == 0 && word.at == word.end;
    unsigned n = take_bytes(&t, is_decimal, f->data, 64);
    unsigned dlc = has_decimal && decimal <= 15 ? (unsigned)decimal : has_hex && hex <= 15 ? hex : 0;
    unsigned len = dlc ? canp_fd_bytes[dlc] : 0;
    if (hex > 8 && hex <= 64 && n == hex && canp_fd_bytes[canp_fd_dlc(hex)] == hex)
        len = hex; /* a number of bytes */
    if (len > 8 && n >= len) {
        memset(f->data + len, 0, 64 - len);
        f->len = (uint8_t)len;
        f->flags = CANP_FD_FDF;
        line->kind = CANP_KIND_FD;
        return CANP_ASC_FRAME;
    }
    if (dlc <= 8 || n < 8)
        return bad(line, "there are fewer bytes than the DLC says");
    memset(f->data + 8, 0, 56);
    set_classic(f, dlc);
    return CANP_ASC_FRAME;
}

/* Behind the direction: `d 8 00 …` or `r`. */
static enum canp_asc_verdict take_classic_data(struct canp_text t, bool is_decimal, struct canp_frame *f,
                                               struct canp_asc_line *line)
{
    struct canp_text word;
    canp_skip_blanks(&t);
    int type = canp_peek(&t);
    t.at += type >= 0;
    if ((type != 'd' && type != 'D' && type != 'r' && type != 'R') || (t.at < t.end && !is_blank(*t.at)))
        return bad(line, "the frame is neither `d` nor `r`");
    if (type == 'r' || type == 'R')
        return take_remote(t, f, line);
    if (!canp_take_word(&t, &word))
        return bad(line, "the DLC is missing");
    unsigned dlc = (unsigned)(*word.at - '0');
    if (__builtin_expect(word.end - word.at != 1 || dlc > 8, 0))
        return take_long(t, word, is_decimal, f, line);
    f->len = (uint8_t)dlc;
    if (take_bytes(&t, is_decimal, f->data, dlc) != dlc)
        return bad(line, "there are fewer bytes than the DLC says");
    return CANP_ASC_FRAME;
}

/* ---- error frames ---------------------------------------------------------------------------------- */

#define ERR_PROT     0x00000008U /* linux/can/error.h */
#define ERR_BUSERROR 0x00000080U

/* The SJA1000's error code capture register, as its driver puts it into an error frame. */
void canp_asc_error_code(struct canp_frame *f, uint32_t ecc)
{
    static const uint8_t types[4] = {0x01, 0x02, 0x04, 0x00}; /* bit, form, stuff */
    f->id |= ERR_PROT;
    f->data[2] = types[ecc >> 6 & 3];
    if (!(ecc & 0x20))
        f->data[2] |= 0x80; /* while sending */
    f->data[3] = ecc & 0x1F;
}

/* `ErrorFrame`, `ErrorFrame ECC: 10100010`, `ErrorFrame Flags = …`. */
static enum canp_asc_verdict take_error(struct canp_text t, struct canp_frame *f, struct canp_asc_line *line)
{
    struct canp_text word;
    memset(f, 0, sizeof(union canp_frame_store));
    f->id = CANP_ID_ERR | ERR_BUSERROR;
    f->len = 8;
    line->is_error = true;
    line->kind = CANP_KIND_CAN;
    if (!canp_take_word(&t, &word) || !canp_text_is(&word, "ECC:") || !canp_take_word(&t, &word))
        return CANP_ASC_FRAME;
    uint32_t ecc = 0;
    for (; word.at < word.end && (*word.at == '0' || *word.at == '1'); word.at++)
        ecc = (ecc << 1 | (*word.at == '1')) & 0xFF;
    canp_asc_error_code(f, ecc);
    return CANP_ASC_FRAME;
}

static bool takes_error_word(struct canp_text *t)
{
    struct canp_text again = *t, word;
    if (!canp_take_word(&again, &word) || !canp_text_is(&word, "ErrorFrame"))
        return false;
    *t = again;
    return true;
}

/* ---- CANFD ----------------------------------------------------------------------------------------- */

static bool take_bit(struct canp_text *t, uint32_t *bit)
{
    struct canp_text word;
    if (!canp_take_word(t, &word) || word.end - word.at != 1 || (*word.at != '0' && *word.at != '1'))
        return false;
    *bit = (uint32_t)(*word.at - '0');
    return true;
}

/* DLC and the number of bytes, which stands in decimal, and the bytes. */
static bool take_payload(struct canp_text *t, bool is_decimal, struct canp_frame *f, uint32_t *dlc)
{
    uint32_t len;
    if (!take_number(t, false, dlc) || *dlc > 15 || !take_number(t, true, &len) || len > 64 ||
        take_bytes(t, is_decimal, f->data, len) != len)
        return false;
    f->len = (uint8_t)len;
    return true;
}

/* What the flags say the frame is; without any it is what it can be. */
static bool apply_flags(struct canp_frame *f, uint32_t dlc, uint32_t flags, struct canp_asc_line *line)
{
    if (flags & CANP_ASC_FDF) {
        f->flags = (uint8_t)(CANP_FD_FDF | (flags & CANP_ASC_BRS ? CANP_FD_BRS : 0) |
                             (flags & CANP_ASC_ESI ? CANP_FD_ESI : 0));
        line->kind = CANP_KIND_FD;
        return true;
    }
    if (f->len > 8)
        return false;
    line->kind = CANP_KIND_CAN;
    if (flags & CANP_ASC_RTR) {
        f->id |= CANP_ID_RTR;
        set_classic(f, dlc);
        memset(f->data, 0, 8);
    } else if (f->len == 8 && dlc > 8) {
        f->len8_dlc = (uint8_t)dlc;
    }
    return true;
}

/* Behind the id and perhaps a name: `brs esi dlc len bytes duration bits flags …`. */
static bool take_fd_tail(struct canp_text t, bool is_decimal, struct canp_frame *f,
                         struct canp_asc_line *line)
{
    uint32_t brs, esi, dlc, duration, bits, flags;
    if (!take_bit(&t, &brs) || !take_bit(&t, &esi) || !take_payload(&t, is_decimal, f, &dlc))
        return false;
    if (!take_number(&t, true, &duration) || !take_number(&t, true, &bits) || !take_number(&t, false, &flags))
        flags = CANP_ASC_FDF; /* cut behind the bytes */
    if (f->len > 8)
        flags |= CANP_ASC_FDF;
    if (flags & CANP_ASC_FDF)
        flags |= (brs ? CANP_ASC_BRS : 0) | (esi ? CANP_ASC_ESI : 0);
    return apply_flags(f, dlc, flags, line);
}

static void skip_word(struct canp_text *t)
{
    struct canp_text word;
    canp_take_word(t, &word);
}

static void clear_data(struct canp_frame *f)
{
    memset(f->data, 0, 64);
}

static enum canp_asc_verdict take_fd_line(struct canp_text t, bool is_decimal, union canp_log_store *store,
                                          struct canp_asc_line *line)
{
    struct canp_frame *f = &store->frame;
    if (!take_number(&t, true, &line->number))
        return other(line, "events of CAN FD");
    enum direction direction = take_direction(&t);
    if (direction == NO_DIRECTION)
        return other(line, "events of CAN FD");
    if (direction == REQUEST)
        return other(line, "requests to send");
    line->dir = direction == TX ? CANP_DIR_TX : CANP_DIR_RX;
    if (takes_error_word(&t))
        return take_error(t, f, line);
    memset(f, 0, sizeof(union canp_frame_store));
    if (!take_id(&t, is_decimal, &f->id))
        return bad(line, "the id is none");
    uint32_t id = f->id;
    if (take_fd_tail(t, is_decimal, f, line))
        return CANP_ASC_FRAME;
    skip_word(&t); /* the name of the message */
    clear_data(f);
    f->id = id;
    f->len = f->len8_dlc = 0;
    return take_fd_tail(t, is_decimal, f, line) ? CANP_ASC_FRAME
                                                : bad(line, "the CAN FD frame cannot be read");
}

/* ---- CANXL ----------------------------------------------------------------------------------------- */

/* Behind the id: `dlc len bytes [stuff count] crc flags …`. */
static bool take_xl_classic_tail(struct canp_text t, bool is_fd, struct canp_frame *f,
                                 struct canp_asc_line *line)
{
    uint32_t dlc, flags;
    if (!take_payload(&t, false, f, &dlc))
        return false;
    skip_word(&t);
    if (is_fd)
        skip_word(&t);
    if (!take_number(&t, false, &flags))
        return false;
    return ((flags & CANP_ASC_FDF) != 0) == is_fd && apply_flags(f, dlc, flags, line);
}

/* Behind the priority: `sdt sec dlc len stuff crc vcid af bytes crc flags …`. */
static bool take_xl_tail(struct canp_text t, struct canp_xl_frame *xl)
{
    uint32_t sdt, sec, dlc, len, vcid, af, flags;
    if (!take_number(&t, false, &sdt) || sdt > 255 || !take_bit(&t, &sec) || !take_number(&t, false, &dlc) ||
        !take_number(&t, true, &len) || len < 1 || len > 2048 || dlc + 1 != len)
        return false;
    skip_word(&t);
    skip_word(&t);
    if (!take_number(&t, false, &vcid) || vcid > 255 || !take_number(&t, false, &af) ||
        take_bytes(&t, false, xl->data, len) != len)
        return false;
    memset(xl->data + len, 0, (8 - (12 + len) % 8) % 8);
    skip_word(&t);
    if (!take_number(&t, false, &flags))
        flags = 0;
    xl->prio |= vcid << 16;
    xl->flags = (uint8_t)(CANP_XL_XLF | (sec ? CANP_XL_SEC : 0) | (flags & CANP_ASC_RRS ? CANP_XL_RRS : 0));
    xl->sdt = (uint8_t)sdt;
    xl->len = (uint16_t)len;
    xl->af = af;
    return true;
}

static enum canp_asc_verdict take_xl_frame(struct canp_text t, union canp_log_store *store,
                                           struct canp_asc_line *line)
{
    uint32_t prio;
    if (!take_number(&t, false, &prio) || prio > CANP_ID_SFF_MASK)
        return bad(line, "the priority is none");
    line->kind = CANP_KIND_XL;
    store->xl.prio = prio;
    if (take_xl_tail(t, &store->xl))
        return CANP_ASC_FRAME;
    skip_word(&t);
    store->xl.prio = prio;
    return take_xl_tail(t, &store->xl) ? CANP_ASC_FRAME : bad(line, "the CAN XL frame cannot be read");
}

static enum canp_asc_verdict take_xl_line(struct canp_text t, union canp_log_store *store,
                                          struct canp_asc_line *line)
{
    struct canp_frame *f = &store->frame;
    struct canp_text format;
    if (!take_number(&t, true, &line->number))
        return other(line, "events of CAN XL");
    enum direction direction = take_direction(&t);
    if (direction == NO_DIRECTION)
        return other(line, "events of CAN XL");
    if (direction == REQUEST)
        return other(line, "requests to send");
    line->dir = direction == TX ? CANP_DIR_TX : CANP_DIR_RX;
    if (takes_error_word(&t))
        return take_error(t, f, line);
    if (!canp_take_word(&t, &format))
        return bad(line, "the frame's format is missing");
    skip_word(&t); /* duration */
    skip_word(&t); /* bits */
    if (canp_text_is(&format, "XLFF"))
        return take_xl_frame(t, store, line);
    bool is_fd = canp_text_is(&format, "FBFF") || canp_text_is(&format, "FEFF");
    if (!is_fd && !canp_text_is(&format, "CBFF") && !canp_text_is(&format, "CEFF"))
        return bad(line, "the frame's format is none of XLFF, FBFF, FEFF, CBFF and CEFF");
    memset(f, 0, sizeof(union canp_frame_store));
    uint32_t id;
    if (!take_id(&t, false, &id))
        return bad(line, "the id is none");
    f->id = id;
    if (take_xl_classic_tail(t, is_fd, f, line))
        return CANP_ASC_FRAME;
    skip_word(&t);
    clear_data(f);
    f->id = id;
    f->len = f->len8_dlc = 0;
    return take_xl_classic_tail(t, is_fd, f, line) ? CANP_ASC_FRAME : bad(line, "the frame cannot be read");
}

/* ---- any line -------------------------------------------------------------------------------------- */

/* What a word in the place of the channel announces. */
static const char *event_of(const struct canp_text *word)
{
    static const struct {
        const char *word, *what;
    } words[] = {
        {"CAN", "bus states"},          {"Start", "begins of measurement"},
        {"Comment:", "comments"},       {"SV:", "system variables"},
        {"Fr", "FlexRay events"},       {"ETH", "Ethernet frames"},
        {"A429", "ARINC 429 messages"}, {"AFDX", "AFDX frames"},
        {"MOST", "MOST events"},        {"GPS-Device:", "GPS events"},
        {"TFS:", "test events"},        {"MTR", "MOST events"},
    };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (canp_text_is(word, words[i].word))
            return words[i].what;
    }
    struct canp_text head = {word->at, word->at + (word->end - word->at > 1 ? 2 : 0)};
    if (canp_text_is(&head, "Li") || (*head.at == 'L' && head.at < head.end && is_digit(head.at[1])))
        return "LIN events";
    return "events";
}

/* Behind a channel's number stands no frame. */
static const char *channel_event_of(const struct canp_text *text)
{
    struct canp_text t = *text, word;
    canp_take_word(&t, &word);
    return canp_text_is(&word, "Statistic:") ? "statistics"
           : canp_text_is(&word, "J1939TP")  ? "J1939 messages"
                                             : "events";
}

enum canp_asc_verdict canp_asc_frame(struct canp_text t, bool is_decimal, union canp_log_store *store,
                                     struct canp_asc_line *line)
{
    struct canp_frame *f = &store->frame;
    struct canp_text word;
    line->is_error = false;
    line->kind = CANP_KIND_CAN;
    line->dir = CANP_DIR_RX;
    if (!canp_take_word(&t, &word))
        return bad(line, "there is nothing behind the stamp");
    line->number = (uint32_t)(*word.at - '0');
    if (__builtin_expect(word.end - word.at != 1 || line->number > 9, 0)) {
        if (canp_text_is(&word, "CANFD"))
            return take_fd_line(t, is_decimal, store, line);
        if (canp_text_is(&word, "CANXL"))
            return take_xl_line(t, store, line);
        struct canp_text number = word;
        if (!take_number(&number, true, &line->number))
            return other(line, event_of(&word));
    }
    memset(f, 0, sizeof(union canp_frame_store));
    struct canp_text behind = t;
    enum direction direction = NO_DIRECTION;
    if (__builtin_expect(take_id(&t, is_decimal, &f->id), 1))
        direction = take_direction(&t);
    else if (takes_error_word(&behind))
        return take_error(behind, f, line);
    if (__builtin_expect(direction == NO_DIRECTION, 0)) {
        struct canp_text after_word = behind;
        skip_word(&after_word);
        if (take_direction(&after_word) != NO_DIRECTION)
            return bad(line, "the id is none");
        return other(line, channel_event_of(&behind));
    }
    if (direction == REQUEST)
        return other(line, "requests to send");
    line->dir = direction == TX ? CANP_DIR_TX : CANP_DIR_RX;
    return take_classic_data(t, is_decimal, f, line);
}

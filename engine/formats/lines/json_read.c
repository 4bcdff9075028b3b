/*
 * Reads JSON lines as json.c writes them, with keys in any order; unknown keys are ignored. Times are whole
 * nanoseconds; a line without "time_ns" and "kind" is not one of canp's.
 *
 * A line is first split into its values, each with the place of its text; a value is parsed when the record
 * needs it. No state; any thread.
 */
#include "formats/lines/json_parts.h"
#include "formats/text/names_in.h"
#include "formats/text/text_in.h"

#define KEYS(X)                                                                                              \
    X(time_ns)                                                                                               \
    X(iface)                                                                                                 \
    X(kind)                                                                                                  \
    X(hw_time_ns)                                                                                            \
    X(dir)                                                                                                   \
    X(id)                                                                                                    \
    X(extended)                                                                                              \
    X(remote)                                                                                                \
    X(error)                                                                                                 \
    X(len)                                                                                                   \
    X(dlc)                                                                                                   \
    X(flags)                                                                                                 \
    X(vcid)                                                                                                  \
    X(sdt)                                                                                                   \
    X(af)                                                                                                    \
    X(data)                                                                                                  \
    X(layer)                                                                                                 \
    X(lost)                                                                                                  \
    X(from_ns)                                                                                               \
    X(to_ns)                                                                                                 \
    X(mtu)                                                                                                   \
    X(bitrate)                                                                                               \
    X(dbitrate)                                                                                              \
    X(ifindex)                                                                                               \
    X(ctrlmode)                                                                                              \
    X(code)                                                                                                  \
    X(state)                                                                                                 \
    X(tx_errors)                                                                                             \
    X(rx_errors)                                                                                             \
    X(name)                                                                                                  \
    X(text)                                                                                                  \
    X(realtime_ns)                                                                                           \
    X(monotonic_ns)                                                                                          \
    X(boot_id)                                                                                               \
    X(boottime_ns)                                                                                           \
    X(suspended_ns)

#define KEY_ENUM(key) KEY_##key,
enum key { KEYS(KEY_ENUM) KEY_COUNT };
#define KEY_NAME(key) {#key, sizeof(#key) - 1},
static const struct {
    const char *name;
    size_t bytes;
} keys[] = {KEYS(KEY_NAME)};

#define MARK_TEXT_MAX 2048

/* The values of a line; of strings without their quotes. `at` is NULL for a key that is not there. */
struct line {
    struct canp_text of[KEY_COUNT];
};

/* ---- cutting a line into values -------------------------------------------------------------------- */

/* Up to the closing quote, which is passed. */
static bool take_string(struct canp_text *t, struct canp_text *value)
{
    if (!canp_take_char(t, '"'))
        return false;
    value->at = t->at;
    for (; t->at < t->end && *t->at != '"'; t->at++)
        t->at += *t->at == '\\' && t->end - t->at > 1;
    value->end = t->at;
    return canp_take_char(t, '"');
}

/* A list, of what kind whatever, passed over. */
static bool skip_list(struct canp_text *t)
{
    struct canp_text element;
    if (!canp_take_char(t, '['))
        return false;
    while (t->at < t->end && *t->at != ']') {
        if (*t->at == '[' || *t->at == '{')
            return false; /* nothing that is ours */
        if (*t->at != '"')
            t->at++;
        else if (!take_string(t, &element))
            return false;
    }
    return canp_take_char(t, ']');
}

static bool take_value(struct canp_text *t, struct canp_text *value)
{
    int c = canp_peek(t);
    if (c == '"')
        return take_string(t, value);
    if (c == '[') {
        *value = (struct canp_text){NULL, NULL};
        return skip_list(t);
    }
    value->at = t->at;
    while ((c = canp_peek(t)) >= 0 && c != ',' && c != '}' && c != ' ' && c != '{')
        t->at++;
    value->end = t->at;
    return c >= 0 && value->end > value->at;
}

/* Keys mostly come in the order of the table: the search goes on where the last one ended. */
static enum key key_of(const struct canp_text *name, unsigned from)
{
    size_t bytes = (size_t)(name->end - name->at);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        unsigned key = from + i < KEY_COUNT ? from + i : from + i - KEY_COUNT;
        if (keys[key].bytes == bytes && memcmp(keys[key].name, name->at, bytes) == 0)
            return (enum key)key;
    }
    return KEY_COUNT;
}

static bool take_line(struct canp_text t, struct line *line)
{
    unsigned from = 0;
    memset(line, 0, sizeof(*line));
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (!canp_take_char(&t, '{'))
        return false;
    do {
        struct canp_text name, value;
        canp_skip_blanks(&t);
        if (!take_string(&t, &name))
            return false;
        canp_skip_blanks(&t);
        if (!canp_take_char(&t, ':'))
            return false;
        canp_skip_blanks(&t);
        if (!take_value(&t, &value))
            return false;
        canp_skip_blanks(&t);
        enum key key = key_of(&name, from);
        if (key == KEY_COUNT)
            continue;
        line->of[key] = value;
        from = key + 1U;
    } while (canp_take_char(&t, ','));
    return canp_take_char(&t, '}') && t.at == t.end && line->of[KEY_time_ns].at && line->of[KEY_kind].at;
}

/* ---- values ------------------------------------------------------------------------------------------ */

/* Whole numbers; what is not there is 0. */
static bool signed_of(const struct line *line, enum key key, int64_t *out)
{
    struct canp_text t = line->of[key];
    uint64_t value;
    *out = 0;
    if (!t.at)
        return true;
    bool is_negative = canp_take_char(&t, '-');
    if (canp_take_decimal(&t, &value) < 0 || t.at != t.end ||
        value > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
        return false;
    *out = (int64_t)(is_negative ? 0 - value : value);
    return true;
}

static bool number_of(const struct line *line, enum key key, uint64_t max, uint64_t *out)
{
    struct canp_text t = line->of[key];
    *out = 0;
    return !t.at || (canp_take_decimal(&t, out) == 0 && t.at == t.end && *out <= max);
}

static bool u32_of(const struct line *line, enum key key, uint32_t max, uint32_t *out)
{
    uint64_t value;
    bool is_right = number_of(line, key, max, &value);
    *out = (uint32_t)value;
    return is_right;
}

static bool flag_of(const struct line *line, enum key key)
{
    return line->of[key].at && canp_text_is(&line->of[key], "true");
}

/* Four hex digits behind \u; or a pair of them, of which the first half is given. */
static bool take_code(struct canp_text *t, uint32_t *code)
{
    uint8_t bytes[2];
    if (canp_hex_bytes(&t->at, t->end, bytes, 2) != 2)
        return false;
    *code = (uint32_t)bytes[0] << 8 | bytes[1];
    return true;
}

static size_t put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(0xF00U >> n | code); /* 110, 1110 or 11110 in front */
    return n;
}

/* One escape, behind its backslash. */
static bool take_escape(struct canp_text *t, char out[4], size_t *bytes)
{
    static const char letters[] = "\"\\/bfnrt", stand_for[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;
    int c = canp_peek(t);
    t->at += c >= 0;
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    if (letter) {
        out[0] = stand_for[letter - letters];
        *bytes = 1;
        return true;
    }
    if (c != 'u' || !take_code(t, &code))
        return false;
    if (code >= 0xD800 && code < 0xDC00) {
        if (!canp_take_text(t, "\\u") || !take_code(t, &low) || low < 0xDC00 || low > 0xDFFF)
            return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *bytes = put_utf8(out, code);
    return true;
}

/* A string's text: its length, negative when it cannot be or is longer than `room`. */
static int text_of(const struct line *line, enum key key, char *out, size_t room)
{
    struct canp_text t = line->of[key];
    size_t used = 0;
    while (t.at < t.end) {
        char piece[4];
        size_t bytes = 1;
        piece[0] = *t.at++;
        if (piece[0] == '\\' && !take_escape(&t, piece, &bytes))
            return -CANP_E_SYNTAX;
        if (bytes > room - used)
            return -CANP_E_SYNTAX;
        memcpy(out + used, piece, bytes);
        used += bytes;
    }
    return (int)used;
}

static bool name_of(const struct line *line, enum key key, char name[CANP_IFACE_NAME_BYTES])
{
    memset(name, 0, CANP_IFACE_NAME_BYTES);
    int bytes = text_of(line, key, name, CANP_IFACE_NAME_BYTES - 1);
    return bytes >= 0 && !memchr(name, 0, (size_t)bytes);
}

/* Exactly so many bytes of hex digits. */
static bool hex_of(const struct line *line, enum key key, uint8_t *out, unsigned bytes)
{
    struct canp_text t = line->of[key];
    if (!t.at)
        return bytes == 0;
    return canp_hex_bytes(&t.at, t.end, out, bytes) == bytes && t.at == t.end;
}

/* ---- records --------------------------------------------------------------------------------------- */

static bool read_frame(const struct line *line, uint8_t kind, struct canp_frame *frame)
{
    uint32_t id, len, dlc, flags;
    bool is_error = flag_of(line, KEY_error), is_fd = kind == CANP_KIND_FD;
    bool is_extended = flag_of(line, KEY_extended), is_remote = flag_of(line, KEY_remote);
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!u32_of(line, KEY_id, is_extended || is_error ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK, &id) ||
        !u32_of(line, KEY_len, is_fd ? 64 : 8, &len) || !u32_of(line, KEY_dlc, 15, &dlc) ||
        !u32_of(line, KEY_flags, 255, &flags) || (is_fd && (is_remote || is_error)) ||
        (dlc && (len != 8 || dlc < 9)))
        return false;
    frame->id = id | (is_error ? CANP_ID_ERR : is_extended ? CANP_ID_EFF : 0);
    frame->id |= is_remote && !is_error ? CANP_ID_RTR : 0;
    frame->len = (uint8_t)len;
    frame->len8_dlc = (uint8_t)dlc;
    frame->flags = is_fd ? (uint8_t)(flags & (CANP_FD_BRS | CANP_FD_ESI | CANP_FD_FDF)) : 0;
    return hex_of(line, KEY_data, frame->data, is_remote ? 0 : len);
}

static bool read_xl(const struct line *line, struct canp_xl_frame *xl)
{
    uint32_t id, vcid, flags, sdt, len;
    memset(xl, 0, sizeof(union canp_xl_frame_store));
    if (!u32_of(line, KEY_id, CANP_ID_SFF_MASK, &id) || !u32_of(line, KEY_vcid, 255, &vcid) ||
        !u32_of(line, KEY_flags, 255, &flags) || !u32_of(line, KEY_sdt, 255, &sdt) ||
        !u32_of(line, KEY_af, UINT32_MAX, &xl->af) || !u32_of(line, KEY_len, 2048, &len) || len == 0)
        return false;
    xl->prio = id | vcid << 16;
    xl->flags = (uint8_t)flags;
    xl->sdt = (uint8_t)sdt;
    xl->len = (uint16_t)len;
    return hex_of(line, KEY_data, xl->data, len);
}

static bool read_gap(const struct line *line, struct canp_gap *gap)
{
    *gap = (struct canp_gap){.bytes = sizeof(*gap), .layer = canp_layer_named(&line->of[KEY_layer])};
    return number_of(line, KEY_lost, UINT64_MAX, &gap->lost) && signed_of(line, KEY_from_ns, &gap->from_ns) &&
           signed_of(line, KEY_to_ns, &gap->to_ns);
}

static bool read_iface(const struct line *line, struct canp_iface *iface)
{
    memset(iface, 0, sizeof(*iface));
    iface->bytes = sizeof(*iface);
    return name_of(line, KEY_iface, iface->name) && u32_of(line, KEY_mtu, UINT32_MAX, &iface->mtu) &&
           u32_of(line, KEY_bitrate, UINT32_MAX, &iface->bitrate) &&
           u32_of(line, KEY_dbitrate, UINT32_MAX, &iface->dbitrate) &&
           u32_of(line, KEY_ifindex, UINT32_MAX, &iface->ifindex) &&
           u32_of(line, KEY_ctrlmode, UINT32_MAX, &iface->ctrlmode);
}

static bool read_link(const struct line *line, struct canp_link_event *link)
{
    int64_t state;
    uint32_t tx, rx;
    memset(link, 0, sizeof(*link));
    link->bytes = sizeof(*link);
    if (!u32_of(line, KEY_code, UINT32_MAX, &link->code) || !signed_of(line, KEY_state, &state) ||
        state < -1 || state > UINT32_MAX || !u32_of(line, KEY_tx_errors, UINT16_MAX, &tx) ||
        !u32_of(line, KEY_rx_errors, UINT16_MAX, &rx))
        return false;
    link->state = state < 0 ? UINT32_MAX : (uint32_t)state;
    link->tx_errors = (uint16_t)tx;
    link->rx_errors = (uint16_t)rx;
    return name_of(line, KEY_name, link->name);
}

static bool read_mark(const struct line *line, struct canp_event *mark)
{
    memset(mark, 0, sizeof(*mark) + 8);
    if (!u32_of(line, KEY_code, UINT32_MAX, &mark->code))
        return false;
    int bytes = text_of(line, KEY_text, (char *)mark->payload, MARK_TEXT_MAX);
    if (bytes < 0)
        return false;
    memset(mark->payload + bytes, 0, 8);
    mark->bytes = (uint16_t)(sizeof(*mark) + (size_t)bytes);
    return true;
}

static bool read_clock(const struct line *line, struct canp_clock *clock)
{
    memset(clock, 0, sizeof(*clock));
    clock->bytes = line->of[KEY_boottime_ns].at ? sizeof(*clock) : CANP_CLOCK_BYTES_MIN;
    return u32_of(line, KEY_code, UINT32_MAX, &clock->code) &&
           signed_of(line, KEY_realtime_ns, &clock->realtime_ns) &&
           signed_of(line, KEY_monotonic_ns, &clock->monotonic_ns) &&
           hex_of(line, KEY_boot_id, clock->boot_id, sizeof(clock->boot_id)) &&
           signed_of(line, KEY_boottime_ns, &clock->boottime_ns) &&
           signed_of(line, KEY_suspended_ns, &clock->suspended_ns);
}

static bool read_record(const struct line *line, uint8_t kind, union canp_log_store *store)
{
    switch (kind) {
    case CANP_KIND_CAN:
    case CANP_KIND_FD:
        return read_frame(line, kind, &store->frame);
    case CANP_KIND_XL:
        return read_xl(line, &store->xl);
    case CANP_KIND_GAP:
        return read_gap(line, &store->gap);
    case CANP_KIND_IFACE:
        return read_iface(line, (struct canp_iface *)store->bytes);
    case CANP_KIND_LINK:
        return read_link(line, &store->link);
    case CANP_KIND_MARK:
        return read_mark(line, &store->event);
    case CANP_KIND_CLOCK:
        return read_clock(line, &store->clock);
    default:
        return false;
    }
}

/* The kind and the direction by their names: -1 for others. */
static int dir_of(const struct line *line)
{
    return line->of[KEY_dir].at ? canp_dir_named(&line->of[KEY_dir]) : CANP_DIR_RX;
}

/* 1: *out and the store are filled; 0: the line cannot be read; or -CANP_E_TOO_MANY. */
static int read_line(struct canp_log_reader *reader, const struct line *line, struct canp_record *out)
{
    char iface[CANP_IFACE_NAME_BYTES];
    int64_t time_ns, hw_time_ns;
    int kind = canp_kind_named(&line->of[KEY_kind]), dir = dir_of(line);
    if (kind < 0 || dir < 0 || !name_of(line, KEY_iface, iface) || !iface[0] ||
        !signed_of(line, KEY_time_ns, &time_ns) || !signed_of(line, KEY_hw_time_ns, &hw_time_ns) ||
        !read_record(line, (uint8_t)kind, &reader->store))
        return 0;
    int channel = canp_channels_padded(&reader->channels, iface);
    if (channel < 0)
        return channel;
    canp_log_lend(reader, out, time_ns, (uint8_t)kind, (uint8_t)channel, (uint8_t)dir);
    out->has_hw_time = line->of[KEY_hw_time_ns].at != NULL;
    out->hw_time_ns = hw_time_ns;
    return 1;
}

enum canp_log_verdict canp_json_probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_begin(head, "{\"time_ns\":");
}

int canp_json_next(struct canp_log_reader *reader, struct canp_record *out)
{
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_text t = {text, text + bytes};
        struct line line;
        canp_skip_blanks(&t);
        canp_trim_end(&t);
        if (t.at == t.end)
            continue;
        r = take_line(t, &line) ? read_line(reader, &line, out) : 0;
        if (r)
            return r;
        canp_log_bad_line(reader, "cannot be read", text, bytes);
    }
    return r;
}

/*
 * CSV with canp's columns, read: what csv.c writes. The columns stand in its order; more of them behind are
 * passed over. Columns that say the same once more (brs and esi beside flags, error_text) are not looked at.
 *
 * A row is cut into its cells first; a frame's last twelve are mostly empty, which is seen at once. No state:
 * one thread at a time.
 */
#include <canp/safe_text.h>

#include "formats/lines/csv_parts.h"
#include "formats/text/cells.h"
#include "formats/text/names_in.h"

enum column {
    TIME,
    IFACE,
    KIND,
    DIR,
    ID,
    EXTENDED,
    REMOTE,
    ERROR,
    BRS,
    ESI,
    LEN,
    DATA,
    LOST,
    LAYER,
    DLC,
    ERROR_TEXT,
    FLAGS,
    VCID,
    SDT,
    AF,
    HW_TIME,
    FROM,
    TO,
    INFO,
    COLUMNS
};

#define INFO_MAX 2112 /* of csv.c */

struct row {
    struct canp_text of[COLUMNS]; /* quoted ones with their quotes */
};

static const char header[] = "time,iface,kind,dir,id,extended,remote,error,brs,esi,len,data,lost,layer,";

/* ---- cutting a row into cells ---------------------------------------------------------------------- */

/* Up to a comma outside of quotes, or the end. Quotes begin with the cell, or are part of it. */
static inline const char *end_of_cell(const char *at, const char *end)
{
    bool is_quoted = false;
    if (at == end || *at != '"') {
        while (at < end && *at != ',')
            at++;
        return at;
    }
    for (; at < end && (is_quoted || *at != ','); at++)
        is_quoted ^= *at == '"';
    return at;
}

static bool take_row(struct canp_text t, struct row *row)
{
    static const char empty[] = ",,,,,,,,,,,,"; /* behind the data */
    memset(row->of + DATA, 0, sizeof(row->of) - DATA * sizeof(row->of[0]));
    for (unsigned c = 0;; c++) {
        const char *end = end_of_cell(t.at, t.end);
        row->of[c] = (struct canp_text){t.at, end};
        if (c == INFO)
            return true;
        if (end == t.end)
            return false;
        if (c == DATA && t.end - end == sizeof(empty) - 1 && memcmp(end, empty, sizeof(empty) - 1) == 0)
            return true;
        t.at = end + 1;
    }
}

static bool is_empty(const struct row *row, enum column column)
{
    return row->of[column].at == row->of[column].end;
}

/* The text that canp_safe_csv() made the cell of: its length, or -1: more than `room`. */
static int text_of(const struct row *row, enum column column, char *out, size_t room)
{
    struct canp_text cell = row->of[column];
    char text[CANP_SAFE_CSV_BYTES(INFO_MAX)];
    size_t used = 0;
    bool is_quoted = canp_take_char(&cell, '"');
    if (is_quoted)
        canp_take_char(&cell, '\'');
    for (; cell.at < cell.end; cell.at++) {
        if (is_quoted && *cell.at == '"' && (++cell.at == cell.end || *cell.at != '"'))
            break;
        if (used == sizeof(text))
            return -1;
        text[used++] = *cell.at;
    }
    used = canp_safe_restore(text, text, used);
    if (used > room)
        return -1;
    memcpy(out, text, used);
    return (int)used;
}

static bool name_of(const struct row *row, char name[CANP_IFACE_NAME_BYTES])
{
    const struct canp_text *cell = &row->of[IFACE];
    size_t bytes = (size_t)(cell->end - cell->at);
    memset(name, 0, CANP_IFACE_NAME_BYTES);
    if (bytes < CANP_IFACE_NAME_BYTES && bytes && *cell->at != '"' && !memchr(cell->at, '\\', bytes)) {
        memcpy(name, cell->at, bytes);
        return true;
    }
    int length = text_of(row, IFACE, name, CANP_IFACE_NAME_BYTES - 1);
    return length > 0 && !memchr(name, '\0', (size_t)length);
}

/* ---- values ------------------------------------------------------------------------------------------ */

static bool number_of(const struct row *row, enum column column, uint64_t max, uint64_t *value)
{
    return canp_cell_decimal(row->of[column], max, value);
}

/* 0 where the cell is empty. */
static bool optional(const struct row *row, enum column column, uint64_t max, uint64_t *value)
{
    *value = 0;
    return is_empty(row, column) || number_of(row, column, max, value);
}

static bool flag_of(const struct row *row, enum column column, bool *value)
{
    struct canp_text cell = row->of[column];
    if (cell.end - cell.at != 1)
        return false;
    *value = *cell.at == '1';
    return *value || *cell.at == '0';
}

static bool time_of(const struct row *row, enum column column, int64_t *time_ns)
{
    struct canp_text cell = row->of[column];
    return canp_take_seconds(&cell, time_ns) == 0 && cell.at == cell.end;
}

static bool data_of(const struct row *row, uint8_t *data, unsigned bytes)
{
    struct canp_text cell = row->of[DATA];
    return canp_hex_bytes(&cell.at, cell.end, data, bytes) == bytes && cell.at == cell.end;
}

static bool take_frame(const struct row *row, uint8_t kind, struct canp_frame *f)
{
    bool is_extended, is_remote, is_error;
    uint64_t len, dlc, flags;
    memset(f, 0, sizeof(union canp_frame_store));
    if (!flag_of(row, EXTENDED, &is_extended) || !flag_of(row, REMOTE, &is_remote) ||
        !flag_of(row, ERROR, &is_error) || !canp_cell_hex(row->of[ID], CANP_ID_EFF_MASK, &f->id) ||
        !number_of(row, LEN, kind == CANP_KIND_FD ? 64 : 8, &len) || !optional(row, DLC, 15, &dlc) ||
        !optional(row, FLAGS, 255, &flags) || !canp_id_fits(f->id, is_extended || is_error))
        return false;
    f->id |= is_error ? CANP_ID_ERR : (is_extended ? CANP_ID_EFF : 0) | (is_remote ? CANP_ID_RTR : 0);
    f->len = (uint8_t)len;
    f->len8_dlc = kind == CANP_KIND_CAN && len == 8 && dlc > 8 ? (uint8_t)dlc : 0;
    f->flags = kind == CANP_KIND_FD ? (uint8_t)flags : 0;
    return data_of(row, f->data, is_remote ? 0 : f->len);
}

static bool take_xl(const struct row *row, struct canp_xl_frame *f)
{
    uint64_t len, flags, vcid, sdt, af;
    memset(f, 0, sizeof(*f));
    if (!canp_cell_hex(row->of[ID], CANP_ID_SFF_MASK, &f->prio) || !number_of(row, LEN, 2048, &len) ||
        len == 0 || !number_of(row, FLAGS, 255, &flags) || !number_of(row, VCID, 255, &vcid) ||
        !number_of(row, SDT, 255, &sdt) || !number_of(row, AF, UINT32_MAX, &af))
        return false;
    f->prio |= (uint32_t)vcid << 16;
    f->flags = (uint8_t)flags;
    f->sdt = (uint8_t)sdt;
    f->af = (uint32_t)af;
    f->len = (uint16_t)len;
    memset(f->data + (len & ~UINT64_C(7)), 0, 8);
    return data_of(row, f->data, f->len);
}

static bool take_gap(const struct row *row, struct canp_gap *gap)
{
    *gap = (struct canp_gap){.bytes = sizeof(*gap), .layer = canp_layer_named(&row->of[LAYER])};
    return number_of(row, LOST, UINT64_MAX, &gap->lost) && time_of(row, FROM, &gap->from_ns) &&
           time_of(row, TO, &gap->to_ns);
}

/* ---- the info cell: KEY=VALUE, in csv.c's order -------------------------------------------------------- */

static bool take_key(struct canp_text *t, const char *key, uint64_t max, uint64_t *value)
{
    return canp_take_text(t, key) && canp_take_decimal(t, value) == 0 && *value <= max;
}

static bool take_u32(struct canp_text *t, const char *key, uint32_t *value)
{
    uint64_t v;
    bool is_there = take_key(t, key, UINT32_MAX, &v);
    *value = is_there ? (uint32_t)v : 0;
    return is_there;
}

static bool take_signed(struct canp_text *t, const char *key, int64_t *value)
{
    uint64_t v;
    if (!canp_take_text(t, key))
        return false;
    bool is_negative = canp_take_char(t, '-');
    if (canp_take_decimal(t, &v) < 0 || v > INT64_MAX)
        return false;
    *value = is_negative ? -(int64_t)v : (int64_t)v;
    return true;
}

static bool take_link(struct canp_text t, struct canp_link_event *link)
{
    int64_t state;
    uint64_t tx, rx;
    *link = (struct canp_link_event){.bytes = sizeof(*link)};
    if (!take_u32(&t, "code=", &link->code) || !take_signed(&t, " state=", &state) || state < -1 ||
        state > UINT32_MAX || !take_key(&t, " tx_errors=", UINT16_MAX, &tx) ||
        !take_key(&t, " rx_errors=", UINT16_MAX, &rx) || !canp_take_text(&t, " name="))
        return false;
    link->state = (uint32_t)state;
    link->tx_errors = (uint16_t)tx;
    link->rx_errors = (uint16_t)rx;
    return t.at == t.end || canp_take_iface(&t, link->name) == 0;
}

static bool take_iface(struct canp_text t, struct canp_iface *iface)
{
    *iface = (struct canp_iface){.bytes = sizeof(*iface)};
    return take_u32(&t, "mtu=", &iface->mtu) && take_u32(&t, " bitrate=", &iface->bitrate) &&
           take_u32(&t, " dbitrate=", &iface->dbitrate) && take_u32(&t, " ifindex=", &iface->ifindex) &&
           take_u32(&t, " ctrlmode=", &iface->ctrlmode);
}

static bool take_clock(struct canp_text t, struct canp_clock *clock)
{
    memset(clock, 0, sizeof(*clock));
    clock->bytes = CANP_CLOCK_BYTES_MIN;
    if (!take_u32(&t, "code=", &clock->code) || !take_signed(&t, " realtime_ns=", &clock->realtime_ns) ||
        !take_signed(&t, " monotonic_ns=", &clock->monotonic_ns) || !canp_take_text(&t, " boot_id=") ||
        canp_hex_bytes(&t.at, t.end, clock->boot_id, sizeof(clock->boot_id)) != sizeof(clock->boot_id))
        return false;
    if (t.at == t.end)
        return true;
    clock->bytes = sizeof(*clock);
    return take_signed(&t, " boottime_ns=", &clock->boottime_ns) &&
           take_signed(&t, " suspended_ns=", &clock->suspended_ns);
}

static bool take_mark(struct canp_text t, struct canp_event *mark)
{
    memset(mark, 0, sizeof(*mark));
    if (!take_u32(&t, "code=", &mark->code) || !canp_take_char(&t, ' '))
        return false;
    size_t bytes = (size_t)(t.end - t.at);
    if (bytes > 2048)
        return false;
    memcpy(mark->payload, t.at, bytes);
    memset(mark->payload + bytes, 0, 8);
    mark->bytes = (uint16_t)(sizeof(*mark) + bytes);
    return true;
}

static bool take_event(const struct row *row, uint8_t kind, union canp_log_store *store)
{
    char info[INFO_MAX];
    int bytes = text_of(row, INFO, info, sizeof(info));
    if (bytes < 0)
        return false;
    struct canp_text t = {info, info + bytes};
    switch (kind) {
    case CANP_KIND_IFACE:
        return take_iface(t, (struct canp_iface *)store->bytes);
    case CANP_KIND_LINK:
        return take_link(t, &store->link);
    case CANP_KIND_MARK:
        return take_mark(t, &store->event);
    default:
        return take_clock(t, &store->clock);
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static bool take_record(const struct row *row, uint8_t kind, union canp_log_store *store)
{
    if (kind == CANP_KIND_XL)
        return take_xl(row, &store->xl);
    if (canp_kind_is_frame(kind))
        return take_frame(row, kind, &store->frame);
    return kind == CANP_KIND_GAP ? take_gap(row, &store->gap) : take_event(row, kind, store);
}

static int dir_of(const struct row *row)
{
    return is_empty(row, DIR) ? CANP_DIR_RX : canp_dir_named(&row->of[DIR]);
}

/* 1: *out and the store are filled; 0: the row cannot be read; or -CANP_E_TOO_MANY. */
static int read_row(struct canp_log_reader *reader, const struct row *row, struct canp_record *out)
{
    char iface[CANP_IFACE_NAME_BYTES];
    int64_t time_ns, hw_time_ns = 0;
    int kind = canp_kind_named(&row->of[KIND]), dir = dir_of(row);
    bool has_hw_time = !is_empty(row, HW_TIME);
    if (kind < 0 || dir < 0 || !name_of(row, iface) || !time_of(row, TIME, &time_ns) ||
        (has_hw_time && !time_of(row, HW_TIME, &hw_time_ns)) ||
        !take_record(row, (uint8_t)kind, &reader->store))
        return 0;
    if (kind == CANP_KIND_IFACE)
        memcpy(((struct canp_iface *)reader->store.bytes)->name, iface, sizeof(iface));
    int channel = canp_channels_padded(&reader->channels, iface);
    if (channel < 0)
        return channel;
    canp_log_lend(reader, out, time_ns, (uint8_t)kind, (uint8_t)channel, (uint8_t)dir);
    out->has_hw_time = has_hw_time;
    out->hw_time_ns = hw_time_ns;
    return 1;
}

enum canp_log_verdict canp_csv_probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_begin(head, header);
}

int canp_csv_next(struct canp_log_reader *reader, struct canp_record *out)
{
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_text t = {text, text + bytes};
        struct row row;
        if (bytes == 0 || canp_take_text(&t, header)) /* tables that were put one behind the other, too */
            continue;
        r = take_row(t, &row) ? read_row(reader, &row, out) : 0;
        if (r)
            return r;
        canp_log_bad_line(reader, "cannot be read", text, bytes);
    }
    return r;
}

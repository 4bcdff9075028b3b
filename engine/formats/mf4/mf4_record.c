/*
 * Reads records of a data group as frames and events (mf4_parts.h). Invariant: nothing outside of a record is
 * read but CANP_MF4_SLACK bytes behind it, and a length never exceeds the store. One thread.
 */
#include <canp/rows.h>

#include "formats/mf4/mf4_parts.h"

#define ERR_PROT     0x00000008U /* linux/can/error.h */
#define ERR_ACK      0x00000020U
#define ERR_BUSERROR 0x00000080U

/* What is known of a record before its payload. */
struct row {
    int64_t time_ns;
    uint64_t place;  /* of messages */
    uint32_t length; /* bytes of payload that it claims */
    uint8_t dlc, channel, dir;
};

static int bad(struct canp_log_reader *reader, const char *reason, uint64_t place)
{
    canp_log_bad_object(reader, reason, place);
    return 0;
}

/* ---- fields ------------------------------------------------------------------------------------------ */

static inline uint64_t take(const struct canp_mf4_field *f, const uint8_t *record)
{
    uint64_t v = canp_load_u64(record + f->byte);
    if (__builtin_expect(f->is_big, 0))
        v = __builtin_bswap64(v);
    return (v >> f->shift & f->mask) + f->constant;
}

static double take_number(const struct canp_mf4_field *f, const uint8_t *record)
{
    uint64_t raw = take(f, record);
    if (f->is_float && f->bits == 32) {
        uint32_t bits = (uint32_t)raw;
        float value;
        memcpy(&value, &bits, sizeof(value));
        return (double)value;
    }
    if (f->is_float) {
        double value;
        memcpy(&value, &raw, sizeof(value));
        return value;
    }
    return f->is_signed ? (double)(int64_t)(raw << (64 - f->bits)) : (double)raw;
}

static inline int64_t take_signed(const struct canp_mf4_field *f, const uint8_t *record)
{
    uint64_t raw = take(f, record);
    unsigned rest = 64U - f->bits;
    return f->is_signed ? (int64_t)(raw << rest) >> rest : raw > INT64_MAX ? INT64_MAX : (int64_t)raw;
}

/* False: no time that there can be. */
static inline bool take_time(const struct canp_mf4_reading *state, const struct canp_mf4_group *g,
                             const uint8_t *record, int64_t *time_ns)
{
    int64_t since_ns;
    if (__builtin_expect(g->time_scale == 0, 0)) {
        double since = take_number(&g->time, record) * g->time_factor_ns + g->time_offset_ns;
        if (!(since < 9.2e18 && since > -9.2e18))
            return false;
        since_ns = canp_mf4_round(since);
    } else if (__builtin_mul_overflow(take_signed(&g->time, record), g->time_scale, &since_ns)) {
        return false;
    }
    return !__builtin_add_overflow(state->start_ns, since_ns, time_ns);
}

static inline uint8_t length_of_dlc(unsigned dlc, bool is_fd)
{
    static const uint8_t lengths[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
    return is_fd || dlc < 8 ? lengths[dlc] : 8;
}

static inline int channel_of(struct canp_log_reader *reader, struct canp_mf4_reading *state, uint64_t number)
{
    if (__builtin_expect(number < 256 && state->channel_of[number] > 0, 1))
        return state->channel_of[number] - 1;
    int channel =
        canp_log_channel_numbered(reader, number < CANP_NO_NUMBER ? (uint32_t)number : CANP_NO_NUMBER - 1);
    if (channel >= 0 && number < 256)
        state->channel_of[number] = channel + 1;
    return channel;
}

/* ---- payloads ---------------------------------------------------------------------------------------- */

/* A payload in records of another group of the same data: the next record, or the last one. */
static int payload_of_group(struct canp_log_reader *reader, struct canp_mf4_lane *lane,
                            struct canp_mf4_group *v, uint64_t place, size_t most, const uint8_t **bytes,
                            size_t *length)
{
    struct canp_mf4_file *file = &((struct canp_mf4_reading *)reader->state)->file;
    struct canp_mf4_stream *s = &lane->data;
    bool by_order = file->unfinished & CANP_MF4_VLSD_OFFSET_MISSING;
    size_t head = lane->id_bytes + 4U;
    if (canp_mf4_need(file, s, head)) {
        const uint8_t *at = s->data + s->at;
        uint64_t id =
            canp_load_u64(at) & (lane->id_bytes < 8 ? (UINT64_C(1) << 8 * lane->id_bytes) - 1 : UINT64_MAX);
        uint32_t n = canp_mf4_u32(at + lane->id_bytes);
        if (id == v->id && (by_order || v->next_place == place)) {
            if (n > most || !canp_mf4_need(file, s, head + n))
                return 0;
            *bytes = s->data + s->at + head;
            *length = n;
            s->at += head + n;
            v->next_place += 4U + n;
            return 1;
        }
    }
    if (v->last_bytes > most || v->last_bytes > sizeof(v->last) || (!by_order && v->last_place != place))
        return 0;
    *bytes = v->last;
    *length = v->last_bytes;
    return 1;
}

/* A payload in blocks of its own. They lie in the order of the records; going back is possible a little. */
static int payload_of_stream(struct canp_log_reader *reader, struct canp_mf4_stream *far, uint64_t place,
                             size_t most, const uint8_t **bytes, size_t *length)
{
    struct canp_mf4_file *file = &((struct canp_mf4_reading *)reader->state)->file;
    uint64_t now = far->passed + far->at;
    if (place < far->passed || (place < now && place - far->passed > far->end))
        return 0;
    if (place < now)
        far->at = (size_t)(place - far->passed);
    else if (place > now && !canp_mf4_skip(file, far, place - now))
        return 0;
    if (!canp_mf4_need(file, far, 4))
        return 0;
    uint32_t n = canp_mf4_u32(far->data + far->at);
    if (n > most || !canp_mf4_need(file, far, 4 + (size_t)n))
        return 0;
    *bytes = far->data + far->at + 4;
    *length = n;
    far->at += 4 + (size_t)n;
    return 1;
}

static inline int payload(struct canp_log_reader *reader, struct canp_mf4_lane *lane,
                          struct canp_mf4_group *g, const uint8_t *record, size_t most, const uint8_t **bytes,
                          size_t *length)
{
    if (g->payload == CANP_MF4_INLINE) {
        *bytes = record + g->bytes_at;
        *length = g->bytes_max;
        return 1;
    }
    *length = 0;
    if (g->payload != CANP_MF4_FAR)
        return 1;
    uint64_t place = take(&g->place, record);
    return g->vlsd ? payload_of_group(reader, lane, g->vlsd, place, most, bytes, length)
                   : payload_of_stream(reader, g->far, place, most, bytes, length);
}

/* ---- frames ------------------------------------------------------------------------------------------ */

static inline uint32_t take_id(const struct canp_mf4_group *g, const uint8_t *record)
{
    uint32_t raw = (uint32_t)take(&g->number, record), id = raw & CANP_ID_EFF_MASK;
    bool is_extended =
        g->extended.is_there ? take(&g->extended, record) & 1 : (raw & CANP_ID_EFF) || id > CANP_ID_SFF_MASK;
    return is_extended ? id | CANP_ID_EFF : id & CANP_ID_SFF_MASK;
}

/* What the record says of its length, by DataLength or the DLC. */
static inline void take_length(const struct canp_mf4_group *g, const uint8_t *record, bool is_fd,
                               struct row *row)
{
    row->dlc = (uint8_t)take(&g->dlc, record) & 15;
    if (g->length.is_there) {
        uint64_t raw = take(&g->length, record);
        row->length = g->has_lengths ? g->lengths[raw & 255] : raw < 255 ? (uint32_t)raw : 255;
    } else {
        row->length = g->dlc.is_there ? length_of_dlc(row->dlc, is_fd) : UINT32_MAX; /* by what is there */
    }
}

static inline int lend(struct canp_mf4_lane *lane, struct canp_record *out, const struct row *row,
                       uint8_t kind)
{
    *out =
        (struct canp_record){.time_ns = row->time_ns, .kind = kind, .channel = row->channel, .dir = row->dir};
    out->frame = &lane->store.frame; /* the union's members all begin here */
    return 1;
}

static inline void copy_few(uint8_t *to, const uint8_t *from, size_t bytes)
{
    uint64_t v = canp_load_u64(from);
    v &= bytes < 8 ? (UINT64_C(1) << 8 * bytes) - 1 : UINT64_MAX;
    memcpy(to, &v, sizeof(v));
}

static inline int take_data(struct canp_log_reader *reader, struct canp_mf4_lane *lane,
                            struct canp_mf4_group *g, const uint8_t *record, struct row *row,
                            struct canp_record *out)
{
    struct canp_frame *f = &lane->store.frame;
    const uint8_t *bytes = record;
    size_t stored;
    bool is_fd = take(&g->edl, record) & 1;
    uint8_t flags = (uint8_t)((take(&g->brs, record) & 1 ? CANP_FD_BRS : 0) |
                              (take(&g->esi, record) & 1 ? CANP_FD_ESI : 0));
    take_length(g, record, is_fd, row);
    f->id = take_id(g, record);
    if (!payload(reader, lane, g, record, 64, &bytes, &stored))
        return bad(reader, "a frame's payload is not where it says", row->place);
    uint32_t length = row->length == UINT32_MAX ? (uint32_t)stored : row->length;
    is_fd |= !g->edl.is_there && length > 8;
    if (length > (is_fd ? 64 : 8))
        return bad(reader, "a frame claims more bytes than it can have", row->place);
    if (__builtin_expect(stored < length, 0))
        canp_log_pass(reader, "frames' ends that are not stored, and read as zeros");
    f->len = (uint8_t)length;
    f->res0 = 0;
    f->flags = is_fd ? flags | CANP_FD_FDF : 0;
    f->len8_dlc = !is_fd && length == 8 && row->dlc > 8 ? row->dlc : 0;
    if (length > 8)
        memset(f->data, 0, 64);
    if (length > 8)
        memcpy(f->data, bytes, stored < length ? stored : length);
    else
        copy_few(f->data, bytes, stored < length ? stored : length);
    return lend(lane, out, row, is_fd ? CANP_KIND_FD : CANP_KIND_CAN);
}

static int take_remote(struct canp_log_reader *reader, struct canp_mf4_lane *lane, struct canp_mf4_group *g,
                       const uint8_t *record, struct row *row, struct canp_record *out)
{
    struct canp_frame *f = &lane->store.frame;
    memset(f, 0, sizeof(union canp_frame_store));
    take_length(g, record, false, row);
    if (row->length == UINT32_MAX)
        row->length = 0;
    if (row->length > 8)
        return bad(reader, "a remote frame claims more bytes than it can have", row->place);
    if (g->dlc.is_there) /* some leave DataLength at 0, as there are none */
        row->length = length_of_dlc(row->dlc, false);
    f->id = take_id(g, record) | CANP_ID_RTR;
    f->len = (uint8_t)row->length;
    f->len8_dlc = row->length == 8 && row->dlc > 8 ? row->dlc : 0;
    return lend(lane, out, row, CANP_KIND_CAN);
}

/* The standard's ErrorType: bit, form, stuff, CRC, acknowledge. */
static void set_error_type(struct canp_frame *f, uint64_t type)
{
    static const uint8_t types[6] = {0, 0x01, 0x02, 0x04, 0, 0};
    static const uint8_t places[6] = {0, 0, 0, 0, 0x08, 0x19}; /* linux/can/error.h */
    if (type == 0 || type > 5)
        return;
    f->id |= ERR_PROT | (type == 5 ? ERR_ACK : 0);
    f->data[2] = types[type];
    f->data[3] = places[type];
}

static int take_error(struct canp_log_reader *reader, struct canp_mf4_lane *lane, struct canp_mf4_group *g,
                      const uint8_t *record, struct row *row, struct canp_record *out)
{
    struct canp_frame *f = &lane->store.frame;
    const uint8_t *bytes = record;
    size_t stored = 0;
    memset(f, 0, sizeof(union canp_frame_store));
    take_length(g, record, false, row);
    if (!payload(reader, lane, g, record, 64, &bytes, &stored))
        stored = 0;
    uint32_t class_of =
        (uint32_t)take(g->class_of.is_there ? &g->class_of : &g->number, record) & CANP_ID_EFF_MASK;
    f->id = CANP_ID_ERR | ERR_BUSERROR;
    f->len = 8;
    if (class_of && (g->class_of.is_there || (!g->error_type.is_there && row->length == 8))) {
        f->id = CANP_ID_ERR | class_of; /* also python-can's files have the class as ID */
        copy_few(f->data, bytes, stored < 8 ? stored : 8);
    } else {
        set_error_type(f, take(&g->error_type, record));
    }
    return lend(lane, out, row, CANP_KIND_CAN);
}

/* ---- events ------------------------------------------------------------------------------------------ */

/* An interface's name; one that another channel has is not given twice. */
static int take_iface(struct canp_log_reader *reader, struct canp_mf4_lane *lane, uint32_t number,
                      struct row *row, struct canp_record *out)
{
    struct canp_iface *iface = (struct canp_iface *)lane->store.bytes;
    int channel = channel_of(reader, reader->state, number);
    if (channel < 0)
        return channel;
    for (unsigned i = 0; i < reader->channels.count; i++) {
        if (i != (unsigned)channel && canp_same_name(reader->channels.of[i].iface.name, iface->name))
            memcpy(iface->name, reader->channels.of[channel].iface.name, sizeof(iface->name));
    }
    row->channel = (uint8_t)channel;
    return lend(lane, out, row, CANP_KIND_IFACE);
}

static int take_event(struct canp_log_reader *reader, struct canp_mf4_lane *lane, struct canp_mf4_group *g,
                      const uint8_t *record, struct row *row, struct canp_record *out)
{
    struct canp_event_text event;
    const uint8_t *bytes = record;
    size_t length = 0;
    if (!payload(reader, lane, g, record, CANP_EVENT_TEXT_BYTES, &bytes, &length))
        return bad(reader, "an event's text is not where it says", row->place);
    while (length && bytes[length - 1] == 0) /* others may end texts by a zero */
        length--;
    struct canp_text text = {(const char *)bytes, (const char *)bytes + length};
    int r = canp_take_event_text(text, &lane->store, &event);
    if (r < 0)
        return bad(reader, "canp's own event is damaged", row->place);
    if (r == 0 || event.what != CANP_EVENT_TEXT_RECORD) {
        canp_log_pass(reader, "events");
        return 0;
    }
    if (event.kind == CANP_KIND_IFACE)
        return take_iface(reader, lane, event.number, row, out);
    int channel = canp_channels_padded(&reader->channels, event.iface);
    if (channel < 0)
        return channel;
    row->channel = (uint8_t)channel;
    return lend(lane, out, row, event.kind);
}

/* ---- a lane's records -------------------------------------------------------------------------------- */

static inline int take_record(struct canp_log_reader *reader, struct canp_mf4_lane *lane,
                              struct canp_mf4_group *g, const uint8_t *record, uint64_t place,
                              struct canp_record *out)
{
    struct canp_mf4_reading *state = reader->state;
    struct row row = {.place = place};
    if (__builtin_expect(!take_time(state, g, record, &row.time_ns), 0))
        return bad(reader, "a record's time cannot be", place);
    if (__builtin_expect(g->kind == CANP_MF4_EVENT, 0))
        return take_event(reader, lane, g, record, &row, out);
    int channel = channel_of(reader, state, g->bus.is_there ? take(&g->bus, record) : 1);
    if (channel < 0)
        return channel;
    row.channel = (uint8_t)channel;
    bool is_tx = g->dir.is_text ? (record[g->dir.byte] | 0x20) == 't' : take(&g->dir, record) & 1;
    row.dir = is_tx ? CANP_DIR_TX : CANP_DIR_RX;
    if (__builtin_expect(g->kind == CANP_MF4_DATA, 1))
        return take_data(reader, lane, g, record, &row, out);
    return g->kind == CANP_MF4_REMOTE ? take_remote(reader, lane, g, record, &row, out)
                                      : take_error(reader, lane, g, record, &row, out);
}

static struct canp_mf4_group *group_of(struct canp_mf4_lane *lane, uint64_t id)
{
    if (__builtin_expect(id < 256, 1))
        return lane->by_id[id] ? &lane->groups[lane->by_id[id] - 1] : NULL;
    unsigned from = 0, to = lane->group_count;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (lane->groups[middle].id < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from < lane->group_count && lane->groups[from].id == id ? &lane->groups[from] : NULL;
}

/* The data end here: by themselves, or for their damage. */
static int end_lane(struct canp_log_reader *reader, struct canp_mf4_lane *lane, const char *reason)
{
    struct canp_mf4_reading *state = reader->state;
    struct canp_mf4_stream *s = &lane->data;
    if (s->error)
        return s->error;
    if (s->reason)
        canp_log_bad_object(reader, s->reason, s->block);
    else if (reason)
        canp_log_bad_object(reader, reason, canp_mf4_where(s));
    for (unsigned i = 0; i < lane->group_count; i++) {
        if (lane->groups[i].far)
            canp_mf4_stream_close(&state->file, lane->groups[i].far);
    }
    canp_mf4_stream_close(&state->file, s);
    return 0;
}

/* A payload that stands before its record, or belongs to nothing here. */
static bool pass_payload(struct canp_mf4_file *file, struct canp_mf4_lane *lane, struct canp_mf4_group *v)
{
    struct canp_mf4_stream *s = &lane->data;
    if (!canp_mf4_need(file, s, lane->id_bytes + 4U))
        return false;
    uint32_t n = canp_mf4_u32(s->data + s->at + lane->id_bytes);
    s->at += lane->id_bytes + 4U;
    v->last_place = v->next_place;
    v->next_place += 4U + (uint64_t)n;
    v->last_bytes = n <= sizeof(v->last) && canp_mf4_need(file, s, n) ? n : UINT32_MAX;
    if (v->last_bytes != UINT32_MAX && n)
        memcpy(v->last, s->data + s->at, n);
    return canp_mf4_skip(file, s, n);
}

int canp_mf4_lane_next(struct canp_log_reader *reader, struct canp_mf4_lane *lane, struct canp_record *out)
{
    struct canp_mf4_file *file = &((struct canp_mf4_reading *)reader->state)->file;
    struct canp_mf4_stream *s = &lane->data;
    const unsigned id_bytes = lane->id_bytes;
    const uint64_t id_mask = id_bytes < 8 ? (UINT64_C(1) << 8 * id_bytes) - 1 : UINT64_MAX;
    for (;;) {
        struct canp_mf4_group *g = lane->groups;
        if (__builtin_expect(!canp_mf4_need(file, s, id_bytes ? id_bytes : 1), 0))
            return end_lane(reader, lane, s->end > s->at ? "the last record is not whole" : NULL);
        if (id_bytes)
            g = group_of(lane, canp_load_u64(s->data + s->at) & id_mask);
        if (__builtin_expect(!g, 0))
            return end_lane(reader, lane,
                            "a record is of no channel group: what follows in this block cannot be read");
        uint64_t whole = (uint64_t)id_bytes + g->bytes;
        if (__builtin_expect(!g->is_usable, 0)) {
            if (whole == 0)
                return end_lane(reader, lane, "records have no bytes");
            bool is_there =
                g->kind == CANP_MF4_VLSD ? pass_payload(file, lane, g) : canp_mf4_skip(file, s, whole);
            if (!is_there)
                return end_lane(reader, lane, "the last record is not whole");
            if (g->kind != CANP_MF4_VLSD)
                canp_log_pass(reader, g->what);
            continue;
        }
        if (__builtin_expect(!canp_mf4_need(file, s, (size_t)whole), 0))
            return end_lane(reader, lane, "the last record is not whole");
        const uint8_t *record = s->data + s->at + id_bytes;
        uint64_t place = canp_mf4_where(s);
        s->at += (size_t)whole;
        int r = take_record(reader, lane, g, record, place, out);
        if (__builtin_expect(r != 0, 1))
            return r;
    }
}

/*
 * Records as text: candump's log lines, candump's screen, JSON lines, CSV (dump_formats.h).
 *
 * JSON keys and CSV columns are stable: scripts depend on them. Main thread; no state.
 */
#include "dump_formats.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <canp/names.h>

#include <canp/error_text.h>
#include <canp/safe_text.h>

#include "text.h"

struct text {
    char *at;
    char *end;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at, (size_t)(t->end - t->at), format, args);
    va_end(args);
    if (n > 0)
        t->at += n < t->end - t->at ? n : t->end - t->at;
}

static void put_bytes(struct text *t, const uint8_t *data, unsigned bytes, const char *before_each)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t gap = strlen(before_each);
    for (unsigned i = 0; i < bytes && (size_t)(t->end - t->at) > gap + 2; i++) {
        memcpy(t->at, before_each, gap);
        t->at += gap;
        *t->at++ = hex[data[i] >> 4];
        *t->at++ = hex[data[i] & 15];
    }
}

/* Seconds, of at least so many digits, and a fraction of 9 or 6 digits. */
static void put_time(struct text *t, int64_t ns, int seconds_digits, int fraction_digits)
{
    uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    put(t, "%s%0*llu.%0*llu", ns < 0 ? "-" : "", seconds_digits,
        (unsigned long long)(magnitude / 1000000000U), fraction_digits,
        (unsigned long long)(magnitude % 1000000000U / (fraction_digits == 6 ? 1000 : 1)));
}

static const char *kind_name(uint8_t kind)
{
    const char *name = canp_kind_name(kind);
    return name ? name : "?";
}

static const char *dir_name(uint8_t dir)
{
    const char *name = canp_dir_name(dir);
    return name ? name : "?";
}

static const char *layer_name(uint32_t layer)
{
    const char *name = canp_layer_name(layer);
    return name ? name : "unknown";
}

/* What the formats show of a frame, whatever its kind. */
struct view {
    uint32_t id; /* without flags */
    bool extended, remote, error, brs, esi;
    unsigned len;
    const uint8_t *data;
    unsigned data_bytes; /* 0 for a remote frame */
};

static struct view view_of(const struct canp_record *r)
{
    if (r->kind == CANP_KIND_XL)
        return (struct view){.id = r->xl->prio & CANP_ID_SFF_MASK,
                             .len = r->xl->len,
                             .data = r->xl->data,
                             .data_bytes = r->xl->len};
    const struct canp_frame *f = r->frame;
    bool error = (f->id & CANP_ID_ERR) != 0;
    bool extended = !error && (f->id & CANP_ID_EFF);
    bool remote = !error && r->kind == CANP_KIND_CAN && (f->id & CANP_ID_RTR);
    return (struct view){.id = f->id & (error || extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK),
                         .extended = extended,
                         .remote = remote,
                         .error = error,
                         .brs = r->kind == CANP_KIND_FD && (f->flags & CANP_FD_BRS),
                         .esi = r->kind == CANP_KIND_FD && (f->flags & CANP_FD_ESI),
                         .len = f->len,
                         .data = f->data,
                         .data_bytes = remote ? 0 : f->len};
}

/* A DLC of 9 to 15, which means 8 bytes. */
static bool has_raw_dlc(const struct canp_frame *f)
{
    return f->len == 8 && f->len8_dlc > 8 && f->len8_dlc <= 15;
}

/* ---- log --------------------------------------------------------------------------------------- */

/* Definitions and clock anchors belong to the recording, not to the bus. */
static bool is_bookkeeping(const struct canp_record *r)
{
    return r->kind == CANP_KIND_IFACE || r->kind == CANP_KIND_CLOCK;
}

static size_t write_log(const struct canp_record *r, const char *iface, unsigned style, char *out)
{
    return is_bookkeeping(r) ? 0 : canp_candump_format(r, iface, style, out);
}

/* ---- candump's screen -------------------------------------------------------------------------- */

/* The length; in braces a raw DLC of more than 8, as `candump -8` prints it. */
static void put_screen_length(struct text *t, const struct canp_frame *f)
{
    if (has_raw_dlc(f))
        put(t, "   {%X} ", f->len8_dlc);
    else
        put(t, "   [%u] ", f->len);
}

static void put_screen_frame(struct text *t, const struct canp_record *r)
{
    struct view v = view_of(r);
    if (r->kind == CANP_KIND_XL)
        put(t, "%03X.%02X  [%04u] (%02X|%02X:%08X) ", v.id, r->xl->prio >> 16 & 0xFF, v.len, r->xl->flags,
            r->xl->sdt, r->xl->af);
    else
        put(t, v.extended || v.error ? "%08X" : "%03X", v.error ? v.id | CANP_ID_ERR : v.id);
    if (r->kind == CANP_KIND_FD)
        put(t, "  [%02u] ", v.len);
    if (r->kind == CANP_KIND_CAN)
        put_screen_length(t, r->frame);
    put_bytes(t, v.data, v.data_bytes, " ");
    if (v.remote)
        put(t, " remote request");
    if (v.error)
        put(t, "%*s", v.len < 8 ? (int)(3 * (8 - v.len) + 13) : 13, "ERRORFRAME");
}

/* What the error frame says, a line for each class. */
static void put_screen_error(struct text *t, const struct canp_record *r)
{
    char said[CANP_ERROR_TEXT_BYTES];
    canp_error_text(r->frame, "\n\t", said);
    put(t, "\n\t%s", said);
}

/* BRS and ESI of an FD frame; of an XL frame SEC and RRS. */
static const char *screen_flags(const struct canp_record *r)
{
    static const char *const fd[] = {"- -", "B -", "- E", "B E"}, *const xl[] = {"- -", "S -", "- R", "S R"};
    if (r->kind == CANP_KIND_XL)
        return xl[r->xl->flags & 3];
    return fd[r->kind == CANP_KIND_FD ? r->frame->flags & 3 : 0];
}

/* As `candump -e -t a`. */
static size_t write_screen(const struct canp_record *r, const char *iface, unsigned style, char *out)
{
    struct text t = {out, out + DUMP_LINE_BYTES};
    if (!canp_kind_is_frame(r->kind))
        return write_log(r, iface, style, out);
    put(&t, " (");
    put_time(&t, r->time_ns, 10, style & CANP_CANDUMP_MICROS ? 6 : 9);
    put(&t, ")  %s", SAFE_WORD(iface));
    if (style & CANP_CANDUMP_DIRECTION)
        put(&t, "  %s %s", r->dir == CANP_DIR_RX ? "RX" : "TX", screen_flags(r));
    put(&t, "  ");
    put_screen_frame(&t, r);
    if (canp_is_error_frame(r))
        put_screen_error(&t, r);
    put(&t, "\n");
    return (size_t)(t.at - out);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void put_json_text(struct text *t, const char *key, const char *value, size_t bytes)
{
    put(t, ",\"%s\":\"", key);
    char out[TEXT_JSON_CHAR_BYTES];
    for (size_t i = 0; i < bytes;) {
        i += text_json_char(value + i, bytes - i, out);
        put(t, "%s", out);
    }
    put(t, "\"");
}

static const char *boolean(bool value)
{
    return value ? "true" : "false";
}

static void put_json_bits(struct text *t, const char *key, uint32_t bits, const char *(*name)(unsigned bit))
{
    const char *comma = "";
    put(t, ",\"%s\":[", key);
    for (unsigned bit = 0; bit < 32; bit++) {
        if (!(bits >> bit & 1) || !name(bit))
            continue;
        put(t, "%s\"%s\"", comma, name(bit));
        comma = ",";
    }
    put(t, "]");
}

/* Keys of what the error frame does not say are left out. */
static void put_json_error(struct text *t, const struct canp_frame *f)
{
    struct canp_error_facts e;
    char said[CANP_ERROR_TEXT_BYTES];
    canp_error_read(f, &e);
    canp_error_text(f, ", ", said);
    put(t, ",\"error_text\":\"%s\"", said);
    put_json_bits(t, "error_classes", e.classes, canp_error_class_name);
    if (e.arbitration_bit)
        put(t, ",\"arbitration_bit\":%u", e.arbitration_bit);
    if (e.controller)
        put_json_bits(t, "controller", e.controller, canp_error_controller_name);
    if (e.protocol)
        put_json_bits(t, "protocol", e.protocol, canp_error_protocol_name);
    if (e.location)
        put(t, ",\"location\":\"%s\"", e.location);
    if (e.can_high)
        put(t, ",\"can_high\":\"%s\"", e.can_high);
    if (e.can_low)
        put(t, ",\"can_low\":\"%s\"", e.can_low);
    if (e.has_counters)
        put(t, ",\"tx_errors\":%u,\"rx_errors\":%u", e.tx_errors, e.rx_errors);
}

static void put_json_frame(struct text *t, const struct canp_record *r)
{
    struct view v = view_of(r);
    put(t, ",\"dir\":\"%s\",\"id\":%u,\"extended\":%s,\"remote\":%s,\"error\":%s,\"len\":%u",
        dir_name(r->dir), v.id, boolean(v.extended), boolean(v.remote), boolean(v.error), v.len);
    if (r->kind == CANP_KIND_CAN && has_raw_dlc(r->frame))
        put(t, ",\"dlc\":%u", r->frame->len8_dlc);
    if (r->kind == CANP_KIND_FD)
        put(t, ",\"brs\":%s,\"esi\":%s", boolean(v.brs), boolean(v.esi));
    if (r->kind == CANP_KIND_XL)
        put(t, ",\"vcid\":%u,\"flags\":%u,\"sdt\":%u,\"af\":%u", r->xl->prio >> 16 & 0xFF, r->xl->flags,
            r->xl->sdt, r->xl->af);
    put(t, ",\"data\":\"");
    put_bytes(t, v.data, v.data_bytes, "");
    put(t, "\"");
    if (v.error)
        put_json_error(t, r->frame);
}

static void put_json_event(struct text *t, const struct canp_record *r)
{
    if (r->kind == CANP_KIND_GAP)
        put(t, ",\"layer\":\"%s\",\"lost\":%llu,\"from_ns\":%lld,\"to_ns\":%lld", layer_name(r->gap->layer),
            (unsigned long long)r->gap->lost, (long long)r->gap->from_ns, (long long)r->gap->to_ns);
    if (r->kind == CANP_KIND_IFACE)
        put(t, ",\"mtu\":%u,\"bitrate\":%u,\"dbitrate\":%u", r->iface->mtu, r->iface->bitrate,
            r->iface->dbitrate);
    if (r->kind == CANP_KIND_LINK) {
        put(t, ",\"code\":%u,\"state\":%lld,\"tx_errors\":%u,\"rx_errors\":%u", r->link->code,
            r->link->state == UINT32_MAX ? -1LL : (long long)r->link->state, r->link->tx_errors,
            r->link->rx_errors);
        put_json_text(t, "name", r->link->name, strnlen(r->link->name, CANP_IFACE_NAME_BYTES));
    }
    if (r->kind == CANP_KIND_MARK)
        put(t, ",\"code\":%u", r->event->code);
    if (r->kind == CANP_KIND_MARK && r->event->bytes > sizeof(*r->event))
        put_json_text(t, "text", (const char *)r->event->payload, r->event->bytes - sizeof(*r->event));
    if (r->kind == CANP_KIND_CLOCK)
        put(t, ",\"realtime_ns\":%lld,\"monotonic_ns\":%lld", (long long)r->clock->realtime_ns,
            (long long)r->clock->monotonic_ns);
    if (r->kind == CANP_KIND_CLOCK && canp_clock_has_boottime(r->clock))
        put(t, ",\"boottime_ns\":%lld,\"suspended_ns\":%lld", (long long)r->clock->boottime_ns,
            (long long)r->clock->suspended_ns);
}

static size_t write_json(const struct canp_record *r, const char *iface, unsigned style, char *out)
{
    struct text t = {out, out + DUMP_LINE_BYTES};
    (void)style;
    put(&t, "{\"time_ns\":%lld", (long long)r->time_ns);
    put_json_text(&t, "iface", iface, strnlen(iface, CANP_IFACE_NAME_BYTES));
    put(&t, ",\"kind\":\"%s\"", kind_name(r->kind));
    if (r->has_hw_time)
        put(&t, ",\"hw_time_ns\":%lld", (long long)r->hw_time_ns);
    if (canp_kind_is_frame(r->kind))
        put_json_frame(&t, r);
    else
        put_json_event(&t, r);
    put(&t, "}\n");
    return (size_t)(t.at - out);
}

/* ---- CSV --------------------------------------------------------------------------------------- */

static const char csv_header[] =
    "time,iface,kind,dir,id,extended,remote,error,brs,esi,len,data,lost,layer,dlc,error_text\n";

static void put_csv_text(struct text *t, const char *text)
{
    char cell[CANP_SAFE_CSV_BYTES(CANP_ERROR_TEXT_BYTES)];
    canp_safe_csv(cell, sizeof(cell), text, strnlen(text, CANP_ERROR_TEXT_BYTES));
    put(t, "%s", cell);
}

/* The raw DLC where there is one, and what an error frame says. */
static void put_csv_rest(struct text *t, const struct canp_record *r)
{
    char said[CANP_ERROR_TEXT_BYTES] = "";
    put(t, ",,,");
    if (r->kind == CANP_KIND_CAN && has_raw_dlc(r->frame))
        put(t, "%u", r->frame->len8_dlc);
    put(t, ",");
    if (canp_is_error_frame(r))
        canp_error_text(r->frame, ", ", said);
    put_csv_text(t, said);
    put(t, "\n");
}

static size_t write_csv(const struct canp_record *r, const char *iface, unsigned style, char *out)
{
    struct text t = {out, out + DUMP_LINE_BYTES};
    (void)style;
    if (!canp_kind_is_frame(r->kind) && r->kind != CANP_KIND_GAP)
        return 0;
    put_time(&t, r->time_ns, 1, 9);
    put(&t, ",");
    put_csv_text(&t, iface);
    put(&t, ",%s,", kind_name(r->kind));
    if (r->kind == CANP_KIND_GAP) {
        put(&t, ",,,,,,,,,%llu,%s,,\n", (unsigned long long)r->gap->lost, layer_name(r->gap->layer));
        return (size_t)(t.at - out);
    }
    struct view v = view_of(r);
    put(&t, "%s,%X,%d,%d,%d,%d,%d,%u,", dir_name(r->dir), v.id, v.extended, v.remote, v.error, v.brs, v.esi,
        v.len);
    put_bytes(&t, v.data, v.data_bytes, "");
    put_csv_rest(&t, r);
    return (size_t)(t.at - out);
}

static const struct dump_format formats[] = {
    {"log", NULL, write_log},
    {"candump", NULL, write_screen},
    {"json", NULL, write_json},
    {"csv", csv_header, write_csv},
};

const struct dump_format *dump_format_find(const char *name)
{
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

/*
 * Writes CSV, which csv_read.c reads: one row for each record, columns separated by commas (RFC 4180), for
 * spreadsheets and scripts. The columns do not change; new ones are appended.
 *
 *   time      seconds and nine digits            len       payload bytes, or what a remote frame asks for
 *   iface     the interface                      data      hex
 *   kind      can, fd, xl, gap, link, mark, …    lost, layer  of a gap
 *   dir       rx, tx or own                      dlc       the raw DLC, 9 to 15, behind 8 bytes
 *                                                error_text  what an error frame says
 *   id        hex; of an error frame its class;  flags     of FD and XL frames
 *             of an XL frame the priority        vcid, sdt, af  of an XL frame
 *   extended, remote, error, brs, esi  0 or 1    hw_time   the adapter's own stamp
 *   from, to  between which a gap lies           info      of an event: KEY=VALUE… or its text
 *
 * Definitions of interfaces and clock anchors get a row with CANP_LOG_EVENTS only. Untrusted texts are
 * spelled by canp_safe_csv(), so that no spreadsheet takes one for a formula. No state; any thread.
 */
#include <canp/error_text.h>
#include <canp/names.h>
#include <canp/safe_text.h>

#include "formats/lines/csv_parts.h"
#include "formats/text/frame_view.h"
#include "formats/text/text_out.h"

#define LINE_BYTES 32768

static const char header[] = "time,iface,kind,dir,id,extended,remote,error,brs,esi,len,data,lost,layer,"
                             "dlc,error_text,flags,vcid,sdt,af,hw_time,from,to,info\n";

static char *put_flag(char *out, bool value)
{
    *out++ = ',';
    *out++ = value ? '1' : '0';
    return out;
}

static char *put_cell(char *out, uint64_t value)
{
    *out++ = ',';
    return canp_put_decimal(out, value);
}

static char *put_id(char *out, uint32_t id)
{
    char digits[8];
    unsigned skip = 0;
    canp_put_hex_u32(digits, id);
    while (skip < 7 && digits[skip] == '0')
        skip++;
    memcpy(out, digits + skip, 8 - skip);
    return out + 8 - skip;
}

static char *put_error(char *out, const struct canp_frame *f)
{
    char said[CANP_ERROR_TEXT_BYTES];
    canp_error_text(f, ", ", said);
    return out + canp_safe_csv(out, CANP_SAFE_CSV_BYTES(CANP_ERROR_TEXT_BYTES), said, strlen(said));
}

/* The cells from dir to af. */
static char *put_frame(char *out, const struct canp_record *r)
{
    struct canp_frame_view v = canp_frame_view_of(r);
    const char *dir = canp_dir_name(r->dir);
    out = canp_put_text(out, dir ? dir : "?");
    *out++ = ',';
    out = put_id(out, v.id);
    out = put_flag(out, v.is_extended);
    out = put_flag(out, v.is_remote);
    out = put_flag(out, v.is_error);
    out = put_flag(out, v.has_brs);
    out = put_flag(out, v.has_esi);
    out = put_cell(out, v.len);
    *out++ = ',';
    out = canp_put_hex_bytes(out, v.data, v.data_bytes);
    out = canp_put_text(out, ",,,");
    if (v.raw_dlc)
        out = canp_put_decimal(out, v.raw_dlc);
    *out++ = ',';
    if (v.is_error)
        out = put_error(out, r->frame);
    if (r->kind == CANP_KIND_FD)
        return canp_put_text(put_cell(out, r->frame->flags), ",,,");
    if (r->kind != CANP_KIND_XL)
        return canp_put_text(out, ",,,,");
    out = put_cell(out, r->xl->flags);
    out = put_cell(out, r->xl->prio >> 16 & 0xFF);
    out = put_cell(out, r->xl->sdt);
    return put_cell(out, r->xl->af);
}

static char *put_hw_time(char *out, const struct canp_record *r)
{
    *out++ = ',';
    return r->has_hw_time ? canp_put_seconds(out, r->hw_time_ns, 1, 9) : out;
}

static char *put_gap(char *out, const struct canp_gap *gap)
{
    const char *layer = canp_layer_name(gap->layer);
    out = canp_put_decimal(canp_put_text(out, ",,,,,,,,,"), gap->lost);
    *out++ = ',';
    out = canp_put_text(canp_put_text(out, layer ? layer : "unknown"), ",,,,,,,,");
    out = canp_put_seconds(out, gap->from_ns, 1, 9);
    *out++ = ',';
    out = canp_put_seconds(out, gap->to_ns, 1, 9);
    *out++ = ',';
    return out;
}

static char *put_key(char *out, const char *key, uint64_t value)
{
    return canp_put_decimal(canp_put_text(out, key), value);
}

static char *put_link(char *out, const struct canp_link_event *link)
{
    char name[CANP_SAFE_EXPANSION * CANP_IFACE_NAME_BYTES + 1];
    canp_safe_text(name, sizeof(name), link->name, strnlen(link->name, CANP_IFACE_NAME_BYTES),
                   CANP_SAFE_WORD);
    out = put_key(out, "code=", link->code);
    out =
        canp_put_signed(canp_put_text(out, " state="), link->state == UINT32_MAX ? -1 : (int64_t)link->state);
    out = put_key(out, " tx_errors=", link->tx_errors);
    out = put_key(out, " rx_errors=", link->rx_errors);
    return canp_put_text(canp_put_text(out, " name="), name);
}

static char *put_iface(char *out, const struct canp_iface *iface)
{
    out = put_key(out, "mtu=", iface->mtu);
    out = put_key(out, " bitrate=", iface->bitrate);
    out = put_key(out, " dbitrate=", iface->dbitrate);
    out = put_key(out, " ifindex=", iface->ifindex);
    return put_key(out, " ctrlmode=", iface->ctrlmode);
}

static char *put_clock(char *out, const struct canp_clock *clock)
{
    out = put_key(out, "code=", clock->code);
    out = canp_put_signed(canp_put_text(out, " realtime_ns="), clock->realtime_ns);
    out = canp_put_signed(canp_put_text(out, " monotonic_ns="), clock->monotonic_ns);
    out = canp_put_hex_bytes(canp_put_text(out, " boot_id="), clock->boot_id, sizeof(clock->boot_id));
    if (canp_clock_has_boottime(clock)) {
        out = canp_put_signed(canp_put_text(out, " boottime_ns="), clock->boottime_ns);
        out = canp_put_signed(canp_put_text(out, " suspended_ns="), clock->suspended_ns);
    }
    return out;
}

/* The info cell of an event. */
static char *put_info(char *out, const struct canp_record *r)
{
    char text[2112];
    size_t bytes = 0;
    if (r->kind == CANP_KIND_LINK)
        bytes = (size_t)(put_link(text, r->link) - text);
    else if (r->kind == CANP_KIND_IFACE)
        bytes = (size_t)(put_iface(text, r->iface) - text);
    else if (r->kind == CANP_KIND_CLOCK)
        bytes = (size_t)(put_clock(text, r->clock) - text);
    else if (r->kind == CANP_KIND_MARK) {
        bytes = (size_t)(put_key(text, "code=", r->event->code) - text);
        text[bytes++] = ' ';
        size_t left = r->event->bytes - sizeof(*r->event);
        left = strnlen((const char *)r->event->payload, left < 2048 ? left : 2048);
        memcpy(text + bytes, r->event->payload, left);
        bytes += left;
    }
    return out + canp_safe_csv(out, CANP_SAFE_CSV_BYTES(bytes), text, bytes);
}

static int create(struct canp_log_writer *writer, struct canp_why *why)
{
    (void)why;
    canp_sink_puts(&writer->sink, header);
    return 0;
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *r)
{
    bool is_bookkeeping = r->kind == CANP_KIND_IFACE || r->kind == CANP_KIND_CLOCK;
    if (is_bookkeeping && !(writer->style & CANP_LOG_EVENTS)) {
        if (r->kind == CANP_KIND_CLOCK)
            canp_log_lose(writer, CANP_LOG_LOSS_CLOCKS);
        else if (r->iface->bitrate)
            canp_log_lose(writer, CANP_LOG_LOSS_IFACES);
        return 0;
    }
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    const char *name = canp_log_name(writer, r->channel), *kind = canp_kind_name(r->kind);
    size_t bytes = strnlen(name, CANP_IFACE_NAME_BYTES);
    at = canp_put_seconds(at, r->time_ns, 1, 9);
    *at++ = ',';
    at += canp_safe_csv(at, CANP_SAFE_CSV_BYTES(bytes), name, bytes);
    *at++ = ',';
    at = canp_put_text(at, kind ? kind : "?");
    *at++ = ',';
    if (canp_kind_is_frame(r->kind))
        at = canp_put_text(put_hw_time(put_frame(at, r), r), ",,,");
    else if (r->kind == CANP_KIND_GAP)
        at = put_gap(at, r->gap);
    else
        at = put_info(canp_put_text(at, ",,,,,,,,,,,,,,,,,,,,"), r);
    *at++ = '\n';
    writer->sink.at = (uint8_t *)at;
    return 0;
}

#define KEEPS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_HW_TIME | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_GAPS | \
     CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_CLOCKS | CANP_LOG_TEXT)

const struct canp_log_format canp_format_csv = {
    .info = {.name = "csv",
             .title = "CSV with canp's columns",
             .suffixes = "csv",
             .reads = CANP_LOG_READ | KEEPS,
             .writes = CANP_LOG_WRITE | KEEPS},
    .probe = canp_csv_probe,
    .next = canp_csv_next,
    .create = create,
    .write = write_record,
};

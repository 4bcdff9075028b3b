/* Disk, clock and bus load beside a recorder (health.h). What cannot be had is left out. */
#include "health.h"

#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include <canp/bustime.h>
#include <canp/pools/clock.h>
#include <canp/reader.h>

#define SPAN_NS   INT64_C(1000000000)
#define MARGIN_NS INT64_C(100000000) /* a flush may be so late */

static void take_disk(const char *dir, struct health *out)
{
    struct statvfs s;
    out->has_disk = dir[0] && statvfs(dir, &s) == 0;
    if (!out->has_disk)
        return;
    out->disk_bytes = (uint64_t)s.f_blocks * s.f_frsize;
    out->disk_free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
}

/* Where a sandbox forbids to ask (systemd's ProtectClock=) it is not known. */
static void take_clock(struct health *out)
{
    struct timex t = {.modes = 0};
    out->has_clock = adjtimex(&t) >= 0;
    if (!out->has_clock)
        return;
    out->clock_synchronised = !(t.status & STA_UNSYNC);
    out->clock_error_s = (double)t.maxerror / 1e6;
}

static int index_of(const struct control_status *status, const char *name)
{
    for (unsigned i = 0; i < status->iface_count; i++) {
        if (strncmp(status->ifaces[i].name, name, CANP_IFACE_NAME_BYTES) == 0)
            return (int)i;
    }
    return -1;
}

static void count(struct canp_reader *reader, struct canp_cursor *cursor, const struct control_status *status,
                  struct health *out)
{
    struct canp_record r;
    while (canp_cursor_next(cursor, &r) == 1) {
        const struct canp_iface *iface = canp_reader_iface(reader, r.channel);
        int i = iface ? index_of(status, iface->name) : -1;
        if (i >= 0 && iface->bitrate)
            out->loads[i] +=
                (double)canp_bits_ns(canp_record_bits(&r), iface->bitrate, iface->dbitrate) / SPAN_NS;
    }
}

static void begin_loads(struct canp_reader *reader, const struct control_status *status, struct health *out)
{
    for (unsigned i = 0; i < status->iface_count; i++)
        out->loads[i] = -1;
    for (unsigned c = 0; c < canp_reader_iface_count(reader); c++) {
        const struct canp_iface *iface = canp_reader_iface(reader, (uint8_t)c);
        int i = iface && iface->bitrate ? index_of(status, iface->name) : -1;
        if (i >= 0)
            out->loads[i] = 0;
    }
}

static void take_loads(const struct control_status *status, struct health *out)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    if (status->by_triggers || !status->dir[0] || canp_reader_open(status->dir, &reader, NULL) < 0)
        return;
    opts.to_ns = canp_realtime_ns() - (int64_t)status->flush_ns - MARGIN_NS;
    opts.from_ns = opts.to_ns - SPAN_NS;
    opts.frames_only = true;
    if (canp_cursor_open(reader, &opts, &cursor) == 0) {
        out->has_load = true;
        begin_loads(reader, status, out);
        count(reader, cursor, status, out);
        canp_cursor_close(cursor);
    }
    canp_reader_close(reader);
}

void health_take(const struct control_status *status, struct health *out)
{
    *out = (struct health){0};
    take_disk(status->dir, out);
    take_clock(out);
    take_loads(status, out);
}

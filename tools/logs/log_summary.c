/* What a log that is no recording holds (log_summary.h). */
#include "log_summary.h"

#include <canp/error_text.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/stop.h"
#include "log_open.h"

#define IDS_BITS_FIRST 10
#define IDS_BITS_MAX   22 /* 4 million: more are not told apart, which no bus has */

/* A set of keys: a table of 2^bits places, at most half full; 0 is a free place. */
struct ids {
    uint64_t *keys;
    unsigned bits;
    uint32_t count;
};

bool log_summary_is_worth_trying(const char *path, int error)
{
    struct stat st;
    const char *dot = strrchr(path, '.');
    if (strcmp(path, "-") == 0)
        return true;
    if (error == -ENOENT || error == -EACCES || (dot && strcmp(dot, ".canp") == 0))
        return false;
    return error != -ECANCELED && stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool insert(struct ids *ids, uint64_t key)
{
    uint32_t mask = (1U << ids->bits) - 1, at = canp_id_slot(key, ids->bits);
    while (ids->keys[at] && ids->keys[at] != key)
        at = (at + 1) & mask;
    bool is_new = !ids->keys[at];
    ids->keys[at] = key;
    ids->count += is_new;
    return is_new;
}

static int resize(struct ids *ids, unsigned bits)
{
    struct ids larger = {.keys = calloc((size_t)1 << bits, sizeof(uint64_t)), .bits = bits};
    if (!larger.keys)
        return -ENOMEM;
    for (size_t i = 0; ids->keys && i < (size_t)1 << ids->bits; i++) {
        if (ids->keys[i])
            insert(&larger, ids->keys[i]);
    }
    free(ids->keys);
    *ids = larger;
    return 0;
}

static int note_id(struct ids *ids, const struct canp_record *r)
{
    if (!ids->keys && resize(ids, IDS_BITS_FIRST) < 0)
        return -ENOMEM;
    if (ids->count >= 1U << (ids->bits - 1)) {
        if (ids->bits == IDS_BITS_MAX)
            return 0;
        int error = resize(ids, ids->bits + 1);
        if (error < 0)
            return error;
    }
    insert(ids, canp_id_key(r->channel, r->kind, canp_record_id(r)));
    return 0;
}

/* `line_ns`: the clock's bus time, which an odd stamp moves until the next record. */
static void note_frame(struct log_summary *s, const struct canp_record *r, int64_t bus_ns, int64_t line_ns)
{
    struct canp_info *i = &s->info;
    bool is_first = i->frames++ == 0;
    if (is_first || r->time_ns < i->first_ns)
        i->first_ns = r->time_ns;
    if (is_first || r->time_ns > i->last_ns)
        i->last_ns = r->time_ns;
    if (is_first || bus_ns < s->span.first_ns)
        s->span.first_ns = bus_ns;
    s->span.last_ns = line_ns;
    s->ifaces[r->channel].frames++;
    s->ifaces[r->channel].error_frames += canp_is_error_frame(r) ? 1 : 0;
}

/* The first definition, which may be completed as long as there is no frame; info_events tells of later ones.
 */
static void note_iface(struct log_summary *s, const struct canp_record *r)
{
    struct canp_iface_info *i = &s->ifaces[r->channel];
    if (!i->iface.bytes || !i->frames)
        i->iface = *r->iface;
}

static int count_all(struct canp_log_reader *reader, struct log_summary *s, struct ids *ids)
{
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct info_events_scan events = {.out = &s->events};
    struct canp_record record;
    int r;
    while ((r = canp_log_next(reader, &record)) == 1) {
        int64_t bus_ns = canp_busclock_time(&clock, NULL, &record);
        s->info.records += record.kind != CANP_KIND_IFACE;
        if (record.kind == CANP_KIND_GAP) {
            s->info.lost += record.gap->lost;
            s->ifaces[record.channel].lost += record.gap->lost;
        }
        if (record.kind == CANP_KIND_IFACE)
            note_iface(s, &record);
        if (!canp_kind_is_frame(record.kind)) {
            info_events_take(&events, &record);
            continue;
        }
        note_frame(s, &record, bus_ns, clock.line_ns);
        r = note_id(ids, &record);
        if (r < 0 || ((s->info.frames & 0xFFF) == 0 && stop_is_requested()))
            return r < 0 ? r : -EINTR;
    }
    s->span.sets = clock.sets;
    s->span.odd = clock.odd;
    return r;
}

int log_summary_read(const char *path, struct log_summary *s, struct canp_why *why)
{
    struct canp_log_reader *reader;
    struct ids ids = {0};
    struct canp_log_read_opts opts = CANP_LOG_READ_OPTS_INIT;
    opts.stop = &stop_wish;
    int r = canp_log_open(path, &opts, &reader, why);
    if (r < 0)
        return r;
    s->format = canp_log_reader_format(reader)->name;
    s->title = canp_log_reader_format(reader)->title;
    r = count_all(reader, s, &ids);
    s->iface_count = canp_log_iface_count(reader);
    for (unsigned c = 0; c < s->iface_count; c++) {
        if (!s->ifaces[c].iface.bytes && canp_log_iface(reader, (uint8_t)c))
            s->ifaces[c].iface = *canp_log_iface(reader, (uint8_t)c);
    }
    s->stats = *canp_log_reader_stats(reader);
    s->info.bytes = s->stats.bytes;
    s->info.ids = ids.count;
    s->info.damaged = s->stats.bad < UINT32_MAX ? (uint32_t)s->stats.bad : UINT32_MAX;
    if (r < 0)
        canp_fail(why, r, "%s", log_why(reader, r));
    free(ids.keys);
    canp_log_close(reader);
    return r;
}

/*
 * The table ids: sums for each id of an interface. They are computed by one pass over the matching frames
 * when a scan of the table begins; memory grows with the number of ids.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/names.h>

#include "sql_table.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define KINDS_FRAMES (1U << CANP_KIND_CAN | 1U << CANP_KIND_FD | 1U << CANP_KIND_XL)
#define BITS_MIN     8U
#define BITS_MAX     28U

enum { RECORDING, IFACE, KIND, ID, ID_HEX, EXTENDED, ERROR, FRAMES, BYTES, FIRST_NS, LAST_NS };
static const char *const columns[] = {"recording", "TEXT",    "iface",   "TEXT",    "kind",     "TEXT",
                                      "id",        "INTEGER", "id_hex",  "TEXT",    "extended", "INTEGER",
                                      "error",     "INTEGER", "frames",  "INTEGER", "bytes",    "INTEGER",
                                      "first_ns",  "INTEGER", "last_ns", "INTEGER", NULL};

struct id_count {
    uint64_t key; /* canp_id_key(); 0: free */
    uint64_t frames, bytes;
    int64_t first_ns, last_ns;
};

/* Of one recording at a time: recordings come one after the other. */
struct ids {
    struct id_count *slots;
    unsigned bits;
    uint32_t count, at; /* at: the next one to be lent */
    unsigned recording; /* that the counts are of */
    char names[256][CANP_IFACE_NAME_BYTES];
    struct canp_record ahead; /* the first record of the next recording */
    bool has_ahead;
    const struct id_count *lent;
};

static struct id_count *slot_of(const struct ids *ids, uint64_t key)
{
    uint32_t mask = (1U << ids->bits) - 1, at = canp_id_slot(key, ids->bits);
    while (ids->slots[at].key && ids->slots[at].key != key)
        at = (at + 1) & mask;
    return &ids->slots[at];
}

static int grow(struct ids *ids)
{
    struct ids bigger = {.bits = ids->bits + 1};
    if (bigger.bits > BITS_MAX)
        return -ENOMEM;
    bigger.slots = calloc((size_t)1 << bigger.bits, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < 1U << ids->bits; i++) {
        if (ids->slots[i].key)
            *slot_of(&bigger, ids->slots[i].key) = ids->slots[i];
    }
    free(ids->slots);
    ids->slots = bigger.slots;
    ids->bits = bigger.bits;
    return 0;
}

static int count(struct sql_cursor *c, struct ids *ids, const struct canp_record *r)
{
    struct id_count *slot = slot_of(ids, canp_id_key(r->channel, r->kind, canp_record_id(r)));
    if (!slot->key) {
        *slot = (struct id_count){canp_id_key(r->channel, r->kind, canp_record_id(r)), 0, 0, r->time_ns,
                                  r->time_ns};
        snprintf(ids->names[r->channel], CANP_IFACE_NAME_BYTES,
                 "%s", /* trusted: a result, spelled when printed */
                 sql_scan_iface(&c->scan, r->channel));
        ids->count++;
    }
    slot->frames++;
    slot->bytes += r->kind == CANP_KIND_XL ? r->xl->len : r->frame->len;
    slot->first_ns = r->time_ns < slot->first_ns ? r->time_ns : slot->first_ns;
    slot->last_ns = r->time_ns > slot->last_ns ? r->time_ns : slot->last_ns;
    return ids->count > (1U << ids->bits) / 2 ? grow(ids) : 0;
}

/* Counts the next recording that has any frame. 0 at the end: nothing was counted. */
static int count_recording(struct sql_cursor *c, struct ids *ids)
{
    int r = 1;
    memset(ids->slots, 0, sizeof(*ids->slots) << ids->bits);
    ids->count = ids->at = 0;
    if (!ids->has_ahead)
        r = sql_scan_next(&c->scan, &ids->ahead);
    ids->has_ahead = false;
    ids->recording = c->scan.at;
    while (r == 1 && c->scan.at == ids->recording) {
        r = canp_kind_is_frame(ids->ahead.kind) ? count(c, ids, &ids->ahead) : 0;
        r = r == 0 ? sql_scan_next(&c->scan, &ids->ahead) : r;
    }
    ids->has_ahead = r == 1;
    return r < 0 ? r : ids->count > 0 || ids->has_ahead;
}

static int begin(struct sql_cursor *c, const struct sql_table *t)
{
    struct canp_filter_set *filter = malloc(sizeof(*filter));
    struct ids *ids = calloc(1, sizeof(*ids));
    c->state = ids;
    if (ids) {
        ids->bits = BITS_MIN;
        ids->slots = calloc((size_t)1 << ids->bits, sizeof(*ids->slots));
    }
    int r = filter && ids && ids->slots ? 0 : -ENOMEM;
    if (r == 0) {
        bool has_filter = sql_wanted_filter(&c->wanted, filter);
        c->wanted.kinds &= KINDS_FRAMES;
        c->wanted.nothing = c->wanted.nothing || c->wanted.kinds == 0;
        r = sql_scan_begin(&c->scan, t->source, &c->wanted, has_filter ? filter : NULL);
    }
    free(filter);
    return r < 0 ? r : 0;
}

static int next(struct sql_cursor *c)
{
    struct ids *ids = c->state;
    for (;;) {
        while (ids->at < 1U << ids->bits && ids->count) {
            const struct id_count *slot = &ids->slots[ids->at++];
            ids->lent = slot;
            if (slot->key)
                return 1;
        }
        int r = count_recording(c, ids);
        if (r <= 0)
            return r;
    }
}

static void end(struct sql_cursor *c)
{
    struct ids *ids = c->state;
    if (ids)
        free(ids->slots);
    free(ids);
}

static void value_id(uint32_t id, uint8_t kind, sqlite3_context *out, int column)
{
    bool is_error = kind != CANP_KIND_XL && (id & CANP_ID_ERR);
    bool is_extended = (id & CANP_ID_EFF) != 0;
    if (column == ID_HEX)
        sql_result_id(out, id);
    else if (column == ERROR && is_error)
        sqlite3_result_int64(out, id & CANP_ID_EFF_MASK);
    else if (column == ID && !is_error)
        sqlite3_result_int64(out, id & (is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK));
    else if (column == EXTENDED && !is_error)
        sqlite3_result_int(out, is_extended);
}

static void value(struct sql_cursor *c, sqlite3_context *out, int column)
{
    const struct ids *ids = c->state;
    const struct id_count *id = ids->lent;
    uint8_t channel = (uint8_t)(id->key >> 40), kind = (uint8_t)(id->key >> 32);
    if (column == RECORDING)
        sql_result_text(out, c->scan.source->recordings[ids->recording].path);
    else if (column == IFACE)
        sql_result_text(out, ids->names[channel]);
    else if (column == KIND)
        sql_result_text(out, canp_kind_name(kind));
    else if (column == FRAMES)
        sqlite3_result_int64(out, (int64_t)id->frames);
    else if (column == BYTES)
        sqlite3_result_int64(out, (int64_t)id->bytes);
    else if (column == FIRST_NS)
        sqlite3_result_int64(out, id->first_ns);
    else if (column == LAST_NS)
        sqlite3_result_int64(out, id->last_ns);
    else
        value_id((uint32_t)id->key, kind, out, column);
}

static uint64_t hash(struct sql_cursor *c)
{
    const struct ids *ids = c->state;
    return sql_hash(ids->recording, &ids->lent->key, sizeof(ids->lent->key));
}

const struct sql_shape sql_shape_ids = {"canp_ids", "ids", columns, false, begin, next, value, hash, end};

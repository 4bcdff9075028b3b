/*
 * The memory of tables (canp/table.h): arrays of their own that grow together by realloc, which moves large
 * ones without copying. A table is freed by its last owner, in any thread.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

static const struct {
    uint32_t field;
    uint32_t item_bytes;
    size_t offset; /* of the array's pointer in struct table_columns */
} arrays[] = {
#define ARRAY(field, name)                                                                                   \
    {                                                                                                        \
        CANP_TABLE_##field, sizeof(*((struct table_columns *)NULL)->name),                                   \
            offsetof(struct table_columns, name)                                                             \
    }
    ARRAY(TIME, times_ns),  ARRAY(IFACE, channels), ARRAY(ID, ids),
    ARRAY(KIND, kinds),     ARRAY(DIR, dirs),       ARRAY(FLAGS, flags),
    ARRAY(LENGTH, lengths), ARRAY(EXTRA, extras),   ARRAY(HW_TIME, hw_times_ns),
    ARRAY(DATA, starts),    ARRAY(SIGNAL, signals), ARRAY(VALUE, values),
    ARRAY(RAW, raw),
#undef ARRAY
};
#define ARRAYS (sizeof(arrays) / sizeof(arrays[0]))

static bool resize(void *place, size_t items, size_t item_bytes)
{
    void *array;
    memcpy(&array, place, sizeof(array));
    void *larger = items <= SIZE_MAX / item_bytes ? realloc(array, items * item_bytes) : NULL;
    if (!larger)
        return false;
    memcpy(place, &larger, sizeof(larger));
    return true;
}

/* Every array to `rows` items; of the starts one more. */
static bool resize_all(struct canp_table *t, size_t rows)
{
    for (unsigned i = 0; i < ARRAYS; i++)
        if (t->fields & arrays[i].field &&
            !resize((char *)&t->columns + arrays[i].offset, rows + 1, arrays[i].item_bytes))
            return false;
    return true;
}

int canp_table_grow(struct canp_table *t, size_t rows, size_t bytes)
{
    if (rows > t->room) {
        if (rows == SIZE_MAX || !resize_all(t, rows))
            return -ENOMEM;
        t->room = rows;
    }
    if (t->fields & CANP_TABLE_DATA && bytes > t->bytes_room) {
        if (!resize(&t->columns.bytes, bytes, 1))
            return -ENOMEM;
        t->bytes_room = bytes;
    }
    return 0;
}

void canp_table_trim(struct canp_table *t)
{
    resize_all(t, t->rows); /* where it fails the array stays larger */
    t->room = t->rows;
    if (t->fields & CANP_TABLE_DATA && resize(&t->columns.bytes, t->bytes + 1, 1))
        t->bytes_room = t->bytes + 1;
}

struct canp_table *canp_table_make(uint32_t fields)
{
    struct canp_table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    atomic_init(&t->owners, 1);
    t->fields = fields;
    if (canp_table_grow(t, 1, 1) < 0) {
        canp_table_release(t);
        return NULL;
    }
    if (t->columns.starts)
        t->columns.starts[0] = 0;
    return t;
}

struct canp_table *canp_table_share(struct canp_table *t)
{
    atomic_fetch_add_explicit(&t->owners, 1, memory_order_relaxed);
    return t;
}

void canp_table_release(struct canp_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->owners, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < ARRAYS; i++) {
        void *array;
        memcpy(&array, (char *)&t->columns + arrays[i].offset, sizeof(array));
        free(array);
    }
    free(t->columns.bytes);
    free(t);
}

void canp_table_name(struct canp_table *t, unsigned channel, const struct canp_iface *iface)
{
    if (channel >= TABLE_IFACES)
        return;
    if (iface && iface->name[0])
        snprintf(t->ifaces[channel], sizeof(t->ifaces[channel]), "%.*s", CANP_IFACE_NAME_BYTES, iface->name);
    else
        snprintf(t->ifaces[channel], sizeof(t->ifaces[channel]), "if%u", channel);
    if (t->iface_count <= channel)
        t->iface_count = channel + 1;
}

const char *canp_table_iface(const struct canp_table *t, uint8_t channel)
{
    return t->ifaces[channel];
}

unsigned canp_table_iface_count(const struct canp_table *t)
{
    return t->iface_count;
}

void canp_table_arrays(const struct canp_table *t, struct canp_table_arrays *out)
{
    const struct table_columns *c = &t->columns;
    *out = (struct canp_table_arrays){
        .rows = t->rows,
        .times_ns = c->times_ns,
        .channels = c->channels,
        .ids = c->ids,
        .kinds = c->kinds,
        .dirs = c->dirs,
        .flags = c->flags,
        .lengths = c->lengths,
        .extras = c->extras,
        .hw_times_ns = c->hw_times_ns,
        .starts = c->starts,
        .bytes = c->bytes,
        .signals = c->signals,
        .values = c->values,
        .raw = c->raw,
    };
}

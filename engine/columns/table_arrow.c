/*
 * Tables by the Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html): a struct
 * array whose children point into the table's arrays. Each child owns the table, so a consumer may move one
 * out and release the others, in any thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/safe_text.h>

#include "table.h"

#define CHILDREN_MAX 13

/* A column: how it is called, what it is, and its buffers behind the validity. */
struct child {
    const char *name;
    const char *format;
    const void *items;
    const void *bytes; /* of large_binary */
    bool is_nullable;
    bool is_ifaces, is_signals; /* items are indexes into names */
};

static unsigned children_of(const struct canp_table *t, bool has_signals, struct child *out)
{
    const struct table_columns *c = &t->columns;
    const struct child all[CHILDREN_MAX] = {
        {"time", "tsn:UTC", c->times_ns, NULL, false, false, false},
        {"interface", "C", c->channels, NULL, false, true, false},
        {"id", "I", c->ids, NULL, false, false, false},
        {"kind", "C", c->kinds, NULL, false, false, false},
        {"direction", "C", c->dirs, NULL, false, false, false},
        {"flags", "C", c->flags, NULL, false, false, false},
        {"length", "S", c->lengths, NULL, false, false, false},
        {"extra", "L", c->extras, NULL, false, false, false},
        {"hw_time", "tsn:UTC", c->hw_times_ns, NULL, true, false, false},
        {"data", "Z", c->starts, c->bytes, false, false, false},
        {"signal", "I", c->signals, NULL, false, false, has_signals},
        {"value", "g", c->values, NULL, false, false, false},
        {"raw", "L", c->raw, NULL, false, false, false},
    };
    unsigned count = 0;
    for (unsigned i = 0; i < CHILDREN_MAX; i++)
        if (all[i].items)
            out[count++] = all[i];
    return count;
}

/* ---- schemas ------------------------------------------------------------------------------------------ */

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++) {
        if (s->children[i]->release)
            s->children[i]->release(s->children[i]);
        free(s->children[i]);
    }
    if (s->dictionary && s->dictionary->release)
        s->dictionary->release(s->dictionary);
    free(s->dictionary);
    free(s->children);
    s->release = NULL;
}

/* Texts are constants of this file. */
static void schema_of(struct ArrowSchema *s, const char *format, const char *name, int64_t flags)
{
    *s = (struct ArrowSchema){.format = format, .name = name, .flags = flags, .release = release_schema};
}

static int add_child(struct ArrowSchema *parent, const struct child *c)
{
    struct ArrowSchema *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    schema_of(s, c->format, c->name, c->is_nullable ? ARROW_FLAG_NULLABLE : 0);
    parent->children[parent->n_children++] = s;
    if (!c->is_ifaces && !c->is_signals)
        return 0;
    s->dictionary = calloc(1, sizeof(*s->dictionary));
    if (!s->dictionary)
        return -ENOMEM;
    schema_of(s->dictionary, "u", "", 0);
    return 0;
}

static int make_schema(const struct child *children, unsigned count, struct ArrowSchema *out)
{
    schema_of(out, "+s", "", 0);
    out->children = calloc(count + 1, sizeof(struct ArrowSchema *));
    int r = out->children ? 0 : -ENOMEM;
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = add_child(out, &children[i]);
    if (r < 0)
        release_schema(out);
    return r;
}

/* ---- arrays ------------------------------------------------------------------------------------------- */

/* What an array owns. */
struct holding {
    struct canp_table *table; /* NULL: of a dictionary */
    void *made[2];            /* buffers that are not the table's */
    const void *buffers[3];
};

static void release_array(struct ArrowArray *a)
{
    struct holding *h = a->private_data;
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release)
            a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    if (a->dictionary && a->dictionary->release)
        a->dictionary->release(a->dictionary);
    free(a->dictionary);
    free(a->children);
    canp_table_release(h->table);
    free(h->made[0]);
    free(h->made[1]);
    free(h);
    a->release = NULL;
}

/* An array that holds the table (NULL: none) and has no buffers yet. */
static struct holding *array_of(struct ArrowArray *a, struct canp_table *table, int64_t length)
{
    struct holding *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->table = table ? canp_table_share(table) : NULL;
    *a = (struct ArrowArray){
        .length = length, .buffers = h->buffers, .release = release_array, .private_data = h};
    return h;
}

/* Bits of the stamps that are there. */
static int mark_missing(struct ArrowArray *a, struct holding *h, const int64_t *times_ns)
{
    uint8_t *bits = calloc((size_t)a->length / 8 + 1, 1);
    if (!bits)
        return -ENOMEM;
    for (int64_t i = 0; i < a->length; i++) {
        bits[i / 8] |= (uint8_t)((times_ns[i] != INT64_MIN) << i % 8);
        a->null_count += times_ns[i] == INT64_MIN;
    }
    h->made[0] = bits;
    h->buffers[0] = bits;
    return 0;
}

/* Texts one after the other with the places where they begin. */
static int make_texts(struct ArrowArray *a, const char *const *texts, uint32_t count)
{
    struct holding *h = array_of(a, NULL, count);
    if (!h)
        return -ENOMEM;
    size_t room = 1;
    for (uint32_t i = 0; i < count; i++)
        room += CANP_SAFE_EXPANSION * strlen(texts[i]) + 1;
    int32_t *starts = calloc(count + 1, sizeof(*starts));
    char *bytes = malloc(room);
    h->made[0] = starts;
    h->made[1] = bytes;
    if (!starts || !bytes || room > INT32_MAX) {
        release_array(a);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)starts[i];
        starts[i + 1] = (int32_t)(at + canp_safe_text(bytes + at, room - at, texts[i], strlen(texts[i]), 0));
    }
    h->buffers[1] = starts;
    h->buffers[2] = bytes;
    a->n_buffers = 3;
    return 0;
}

static int add_texts(struct ArrowArray *a, const char *const *texts, uint32_t count)
{
    struct ArrowArray *dictionary = calloc(1, sizeof(*dictionary));
    if (!dictionary || make_texts(dictionary, texts, count) < 0) {
        free(dictionary);
        return -ENOMEM;
    }
    a->dictionary = dictionary;
    return 0;
}

static int add_ifaces(struct ArrowArray *a, const struct canp_table *t)
{
    const char *names[TABLE_IFACES];
    for (unsigned i = 0; i < t->iface_count; i++)
        names[i] = t->ifaces[i];
    return add_texts(a, names, t->iface_count);
}

struct signal_names {
    const char *const *texts;
    uint32_t count;
};

static int add_array(struct ArrowArray *parent, struct canp_table *t, const struct child *c,
                     const struct signal_names *signals)
{
    struct ArrowArray *a = calloc(1, sizeof(*a));
    struct holding *h = a ? array_of(a, t, (int64_t)t->rows) : NULL;
    if (!h) {
        free(a);
        return -ENOMEM;
    }
    parent->children[parent->n_children++] = a;
    h->buffers[1] = c->items;
    h->buffers[2] = c->bytes;
    a->n_buffers = c->bytes ? 3 : 2;
    if (c->is_nullable)
        return mark_missing(a, h, c->items);
    if (c->is_ifaces)
        return add_ifaces(a, t);
    return c->is_signals ? add_texts(a, signals->texts, signals->count) : 0;
}

static int make_array(struct canp_table *t, const struct child *children, unsigned count,
                      const struct signal_names *signals, struct ArrowArray *out)
{
    if (!array_of(out, t, (int64_t)t->rows))
        return -ENOMEM;
    out->n_buffers = 1;
    out->children = calloc(count + 1, sizeof(struct ArrowArray *));
    int r = out->children ? 0 : -ENOMEM;
    for (unsigned i = 0; r == 0 && i < count; i++)
        r = add_array(out, t, &children[i], signals);
    if (r < 0)
        release_array(out);
    return r;
}

int canp_table_arrow(struct canp_table *t, const char *const *signals, uint32_t signal_count,
                     struct ArrowSchema *schema, struct ArrowArray *array)
{
    struct child children[CHILDREN_MAX];
    struct signal_names names = {signals, signal_count};
    unsigned count = children_of(t, signals != NULL, children);
    int r = make_schema(children, count, schema);
    if (r < 0)
        return r;
    r = make_array(t, children, count, &names, array);
    if (r < 0)
        schema->release(schema);
    return r;
}

/* ---- a stream ----------------------------------------------------------------------------------------- */

/* Made whole when it is opened, so that nothing can fail later but memory. */
struct stream {
    struct canp_table *table;
    bool has_signals;
    struct ArrowArray array; /* released: it was taken */
};

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    const struct stream *s = stream->private_data;
    struct child children[CHILDREN_MAX];
    unsigned count = children_of(s->table, s->has_signals, children);
    return make_schema(children, count, out) < 0 ? ENOMEM : 0;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct stream *s = stream->private_data;
    *out = s->array; /* moved: the consumer releases it */
    s->array.release = NULL;
    return 0;
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "no memory left";
}

static void stream_release(struct ArrowArrayStream *stream)
{
    struct stream *s = stream->private_data;
    if (s->array.release)
        s->array.release(&s->array);
    canp_table_release(s->table);
    free(s);
    stream->release = NULL;
}

int canp_table_arrow_stream(struct canp_table *t, const char *const *signals, uint32_t signal_count,
                            struct ArrowArrayStream *out)
{
    struct ArrowSchema schema;
    struct stream *s = calloc(1, sizeof(*s));
    int r = s ? canp_table_arrow(t, signals, signal_count, &schema, &s->array) : -ENOMEM;
    if (r < 0) {
        free(s);
        return r;
    }
    schema.release(&schema);
    s->table = canp_table_share(t);
    s->has_signals = signals != NULL;
    *out = (struct ArrowArrayStream){stream_schema, stream_next, stream_error, stream_release, s};
    return 0;
}

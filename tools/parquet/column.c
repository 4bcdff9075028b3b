/* Columns and their pages (column.h): parquet-format's README.md and parquet.thrift. One thread. */
#include "column.h"

#include <errno.h>
#ifdef CANP_HAVE_ZSTD
#include <zstd.h>
#endif

#include "encode.h"
#include "thrift.h"

/* parquet.thrift */
#define DATA_PAGE            0
#define DICTIONARY_PAGE      2
#define PLAIN                0
#define RLE                  3
#define DELTA_BINARY_PACKED  5
#define RLE_DICTIONARY       8
#define DICTIONARY_PARTS_MAX 2U /* a dictionary is worth it when each entry occurs so often */

/* ---- values ------------------------------------------------------------------------------------------- */

void parquet_column_put(struct parquet_column *c, uint32_t row, const void *value, size_t bytes)
{
    bytes_put(&c->values, value, bytes);
    bytes_put(&c->rows, &row, sizeof(row));
    c->count++;
}

static uint32_t hash_of(const uint8_t *data, size_t bytes)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325) ^ bytes;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ data[i]) * UINT64_C(0x100000001B3);
    return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t place_of(const struct parquet_column *c, uint32_t entry)
{
    uint32_t place;
    memcpy(&place, c->places.data + (size_t)entry * sizeof(place), sizeof(place));
    return place;
}

static const uint8_t *entry_at(const struct parquet_column *c, uint32_t entry, size_t prefix, size_t *bytes)
{
    uint32_t from = place_of(c, entry) + (uint32_t)prefix;
    *bytes = (entry + 1 < c->entry_count ? place_of(c, entry + 1) : (uint32_t)c->entries.used) - from;
    return c->entries.data + from;
}

static bool grow_slots(struct parquet_column *c, size_t prefix)
{
    uint32_t size = c->slots ? (c->slot_mask + 1) * 2 : 64;
    uint32_t *slots = calloc(size, sizeof(*slots));
    if (!slots)
        return false;
    for (uint32_t i = 0; i < c->entry_count; i++) {
        size_t bytes;
        const uint8_t *data = entry_at(c, i, prefix, &bytes);
        uint32_t at = hash_of(data, bytes) & (size - 1);
        while (slots[at])
            at = (at + 1) & (size - 1);
        slots[at] = i + 1;
    }
    free(c->slots);
    c->slots = slots;
    c->slot_mask = size - 1;
    return true;
}

/* The entry's number; a new one is added, with its length before it where `prefix` is 4. UINT32_MAX: no
 * memory. */
static uint32_t entry_of(struct parquet_column *c, const uint8_t *data, size_t bytes, size_t prefix)
{
    if ((!c->slots || c->entry_count > c->slot_mask / 2) && !grow_slots(c, prefix)) {
        c->values.failed = true;
        return UINT32_MAX;
    }
    for (uint32_t at = hash_of(data, bytes) & c->slot_mask;; at = (at + 1) & c->slot_mask) {
        size_t there;
        if (c->slots[at]) {
            const uint8_t *other = entry_at(c, c->slots[at] - 1, prefix, &there);
            if (there == bytes && memcmp(other, data, bytes) == 0)
                return c->slots[at] - 1;
            continue;
        }
        uint32_t place = (uint32_t)c->entries.used; /* bounded by the row group's size */
        bytes_put(&c->places, &place, sizeof(place));
        if (prefix)
            bytes_put_le32(&c->entries, (uint32_t)bytes);
        bytes_put(&c->entries, data, bytes);
        c->slots[at] = ++c->entry_count;
        return c->entry_count - 1;
    }
}

void parquet_column_put_text(struct parquet_column *c, uint32_t row, const char *text, size_t bytes)
{
    uint32_t entry = entry_of(c, (const uint8_t *)text, bytes, 4);
    if (entry != UINT32_MAX)
        parquet_column_put(c, row, &entry, sizeof(entry));
}

/* ---- pages -------------------------------------------------------------------------------------------- */

bool parquet_is_compressed(void)
{
#ifdef CANP_HAVE_ZSTD
    return true;
#else
    return false;
#endif
}

/* The page's bytes behind `to`. Their number. */
static size_t put_body(struct bytes *to, const struct bytes *body)
{
#ifdef CANP_HAVE_ZSTD
    size_t room = ZSTD_compressBound(body->used);
    uint8_t *at = bytes_room(to, room);
    size_t used = at ? ZSTD_compress(at, room, body->data, body->used, 3) : 0;
    if (!at || ZSTD_isError(used)) {
        to->failed = true;
        return 0;
    }
    to->used += used;
    return used;
#else
    bytes_put(to, body->data, body->used);
    return body->used;
#endif
}

static void put_page(struct bytes *to, int kind, const struct bytes *body, uint32_t values, int32_t encoding,
                     struct parquet_chunk *chunk)
{
    struct bytes header = {0}, packed = {0};
    struct thrift t = {.to = &header, .depth = -1};
    size_t bytes = put_body(&packed, body);
    thrift_begin(&t);
    thrift_i32(&t, 1, kind);
    thrift_i32(&t, 2, (int32_t)body->used);
    thrift_i32(&t, 3, (int32_t)bytes);
    thrift_struct(&t, kind == DATA_PAGE ? 5 : 7);
    thrift_i32(&t, 1, (int32_t)values);
    thrift_i32(&t, 2, encoding);
    if (kind == DATA_PAGE) {
        thrift_i32(&t, 3, RLE);
        thrift_i32(&t, 4, RLE);
    }
    thrift_end(&t);
    thrift_end(&t);
    bytes_put(to, header.data, header.used);
    bytes_put(to, packed.data, packed.used);
    to->failed |= header.failed || packed.failed || body->failed;
    chunk->bytes += (int64_t)(header.used + packed.used);
    chunk->raw_bytes += (int64_t)(header.used + body->used);
    bytes_free(&header);
    bytes_free(&packed);
}

/* Which rows have a value: their bytes, with the length in front. */
static void put_levels(const struct parquet_column *c, uint32_t rows, struct bytes *body)
{
    struct bytes levels = {0}, packed = {0};
    uint32_t *level = (uint32_t *)(void *)bytes_room(&levels, rows * sizeof(*level));
    if (level) {
        memset(level, 0, rows * sizeof(*level));
        for (size_t i = 0; i < c->count; i++) {
            uint32_t row;
            memcpy(&row, c->rows.data + i * sizeof(row), sizeof(row));
            level[row] = 1;
        }
        encode_hybrid(&packed, level, rows, 1);
    }
    bytes_put_le32(body, (uint32_t)packed.used);
    bytes_put(body, packed.data, packed.used);
    body->failed |= levels.failed || packed.failed;
    bytes_free(&levels);
    bytes_free(&packed);
}

/* Doubles as indexes, if they repeat enough: then their entries are a dictionary. */
static bool make_dictionary(struct parquet_column *c, struct bytes *indexes)
{
    for (size_t i = 0; i < c->count; i++) {
        uint32_t entry = entry_of(c, c->values.data + i * sizeof(double), sizeof(double), 0);
        if (entry == UINT32_MAX || c->entry_count > c->count / DICTIONARY_PARTS_MAX + 1)
            return false;
        bytes_put(indexes, &entry, sizeof(entry));
    }
    return c->count > 0;
}

static void put_indexes(const struct parquet_column *c, const struct bytes *indexes, struct bytes *body)
{
    unsigned width = encode_width(c->entry_count ? c->entry_count - 1 : 0);
    bytes_put_byte(body, (uint8_t)width);
    encode_hybrid(body, (const uint32_t *)(const void *)indexes->data, c->count, width);
}

static void note_bounds(const struct parquet_column *c, struct parquet_chunk *chunk)
{
    for (size_t i = 0; i < c->count; i++) {
        int64_t value;
        memcpy(&value, c->values.data + i * sizeof(value), sizeof(value));
        chunk->least = i == 0 || value < chunk->least ? value : chunk->least;
        chunk->most = i == 0 || value > chunk->most ? value : chunk->most;
    }
}

static void clear(struct parquet_column *c)
{
    c->values.used = c->rows.used = c->entries.used = c->places.used = 0;
    c->count = c->entry_count = 0;
    free(c->slots);
    c->slots = NULL;
    c->slot_mask = 0;
}

int parquet_column_write(struct parquet_column *c, uint32_t rows, struct bytes *to, int64_t offset,
                         struct parquet_chunk *chunk)
{
    struct bytes body = {0}, indexes = {0};
    bool repeats = c->type == PARQUET_DOUBLE && make_dictionary(c, &indexes);
    bool has_dictionary = repeats || c->type == PARQUET_TEXT;
    *chunk = (struct parquet_chunk){.dictionary_offset = -1, .values = rows};
    chunk->encoding = has_dictionary              ? RLE_DICTIONARY
                      : c->type == PARQUET_DOUBLE ? PLAIN
                                                  : DELTA_BINARY_PACKED;
    if (has_dictionary) {
        chunk->dictionary_offset = offset + (int64_t)to->used;
        put_page(to, DICTIONARY_PAGE, &c->entries, c->entry_count, PLAIN, chunk);
    }
    chunk->data_offset = offset + (int64_t)to->used;
    if (c->type != PARQUET_TIME)
        put_levels(c, rows, &body);
    if (has_dictionary)
        put_indexes(c, repeats ? &indexes : &c->values, &body);
    else if (c->type == PARQUET_DOUBLE)
        bytes_put(&body, c->values.data, c->values.used);
    else
        encode_delta(&body, (const int64_t *)(const void *)c->values.data, c->count);
    put_page(to, DATA_PAGE, &body, rows, chunk->encoding, chunk);
    if (c->type == PARQUET_TIME)
        note_bounds(c, chunk);
    bool failed = to->failed || indexes.failed || parquet_column_failed(c);
    bytes_free(&body);
    bytes_free(&indexes);
    clear(c);
    return failed ? -ENOMEM : 0;
}

size_t parquet_column_bytes(const struct parquet_column *c)
{
    return c->values.used + c->rows.used + c->entries.used + c->places.used;
}

bool parquet_column_failed(const struct parquet_column *c)
{
    return c->values.failed || c->rows.failed || c->entries.failed || c->places.failed;
}

void parquet_column_free(struct parquet_column *c)
{
    free(c->name);
    free(c->slots);
    bytes_free(&c->values);
    bytes_free(&c->rows);
    bytes_free(&c->entries);
    bytes_free(&c->places);
}

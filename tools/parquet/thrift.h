/*
 * Apache Thrift's compact protocol, as far as Parquet's page headers and footer need it
 * (thrift-compact-protocol.md): fields in rising order, structs within structs. One thread.
 */
#ifndef CANP_TOOLS_PARQUET_THRIFT_H
#define CANP_TOOLS_PARQUET_THRIFT_H

#include "lib/bytes.h"

#define THRIFT_DEPTH_MAX 8

struct thrift {
    struct bytes *to;
    int last[THRIFT_DEPTH_MAX]; /* the field before, of each struct that is open */
    int depth;
};

enum thrift_type {
    THRIFT_TRUE = 1,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_STRUCT = 12
};

static inline void thrift_field(struct thrift *t, int id, enum thrift_type type)
{
    bytes_put_byte(t->to, (uint8_t)((id - t->last[t->depth]) << 4 | (int)type)); /* less than 16 apart */
    t->last[t->depth] = id;
}

static inline void thrift_i32(struct thrift *t, int id, int32_t value)
{
    thrift_field(t, id, THRIFT_I32);
    bytes_put_zigzag(t->to, value);
}

static inline void thrift_i64(struct thrift *t, int id, int64_t value)
{
    thrift_field(t, id, THRIFT_I64);
    bytes_put_zigzag(t->to, value);
}

static inline void thrift_binary_element(struct thrift *t, const void *data, size_t length)
{
    bytes_put_varint(t->to, length);
    bytes_put(t->to, data, length);
}

static inline void thrift_binary(struct thrift *t, int id, const void *data, size_t length)
{
    thrift_field(t, id, THRIFT_BINARY);
    thrift_binary_element(t, data, length);
}

/* Its elements follow: numbers by bytes_put_zigzag(), structs between thrift_begin() and thrift_end(). */
static inline void thrift_list(struct thrift *t, int id, enum thrift_type of, size_t count)
{
    thrift_field(t, id, THRIFT_LIST);
    bytes_put_byte(t->to, (uint8_t)((count < 15 ? count : 15) << 4 | of));
    if (count >= 15)
        bytes_put_varint(t->to, count);
}

/* A struct that is a list's element, or the whole. */
static inline void thrift_begin(struct thrift *t)
{
    t->last[++t->depth] = 0;
}

static inline void thrift_end(struct thrift *t)
{
    bytes_put_byte(t->to, 0);
    t->depth--;
}

/* A struct that is a field. */
static inline void thrift_struct(struct thrift *t, int id)
{
    thrift_field(t, id, THRIFT_STRUCT);
    thrift_begin(t);
}

#endif

/* Row groups and the footer (parquet.h): parquet-format's parquet.thrift. One thread. */
#include "parquet.h"

#include <errno.h>

#include "column.h"
#include "thrift.h"

/* A row group: so many rows, or so many bytes before they are encoded. */
#define GROUP_ROWS  262144U
#define GROUP_BYTES (UINT64_C(128) << 20)
#define LOOK_ROWS   1024U /* between looks at the bytes */

/* parquet.thrift */
#define INT64        2
#define DOUBLE       5
#define BYTE_ARRAY   6
#define REQUIRED     0
#define OPTIONAL     1
#define UTF8         0
#define UNCOMPRESSED 0
#define ZSTD         6
#define VERSION      2

struct group {
    struct parquet_chunk *chunks;
    uint32_t rows;
};

struct parquet {
    FILE *to;
    struct parquet_column *columns;
    unsigned column_count;
    struct group *groups;
    size_t group_count;
    uint32_t rows; /* of the group at hand */
    int64_t rows_before;
    int64_t offset; /* in the file */
    int error;
};

static const char magic[] = {'P', 'A', 'R', '1'};

static int fail(struct parquet *p, int error)
{
    if (!p->error)
        p->error = error;
    return p->error;
}

static int put(struct parquet *p, const void *data, size_t bytes)
{
    errno = 0;
    if (fwrite(data, 1, bytes, p->to) != bytes)
        return fail(p, errno ? -errno : -EIO);
    p->offset += (int64_t)bytes;
    return 0;
}

int parquet_open(FILE *to, struct parquet **out)
{
    struct parquet *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->to = to;
    put(p, magic, sizeof(magic)); /* an error comes with the first row, or at the end */
    *out = p;
    return 0;
}

static bool has_name(const struct parquet *p, const char *name)
{
    for (unsigned i = 0; i < p->column_count; i++)
        if (strcmp(p->columns[i].name, name) == 0)
            return true;
    return false;
}

/* The name, with a number where it is taken. */
static char *own_name(const struct parquet *p, const char *name)
{
    size_t room = strlen(name) + 16;
    char *own = malloc(room);
    if (!own)
        return NULL;
    snprintf(own, room, "%s", name); /* trusted: not printed, a file's own text */
    for (unsigned n = 2; has_name(p, own); n++)
        snprintf(own, room, "%s (%u)", name /* trusted: likewise */, n);
    return own;
}

int parquet_add_column(struct parquet *p, const char *name, enum parquet_type type)
{
    struct parquet_column *more = realloc(p->columns, (p->column_count + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    p->columns = more;
    char *own = own_name(p, name);
    if (!own)
        return -ENOMEM;
    p->columns[p->column_count] = (struct parquet_column){.name = own, .type = type};
    return (int)p->column_count++;
}

void parquet_put_int64(struct parquet *p, unsigned column, int64_t value)
{
    parquet_column_put(&p->columns[column], p->rows, &value, sizeof(value));
}

void parquet_put_double(struct parquet *p, unsigned column, double value)
{
    parquet_column_put(&p->columns[column], p->rows, &value, sizeof(value));
}

void parquet_put_text(struct parquet *p, unsigned column, const char *text, size_t bytes)
{
    parquet_column_put_text(&p->columns[column], p->rows, text, bytes);
}

/* ---- row groups --------------------------------------------------------------------------------------- */

static int end_group(struct parquet *p)
{
    struct bytes out = {0};
    struct group *more = realloc(p->groups, (p->group_count + 1) * sizeof(*more));
    if (!more)
        return fail(p, -ENOMEM);
    p->groups = more;
    struct group *g = &p->groups[p->group_count];
    *g = (struct group){calloc(p->column_count + 1, sizeof(*g->chunks)), p->rows};
    if (!g->chunks)
        return fail(p, -ENOMEM);
    p->group_count++;
    for (unsigned i = 0; i < p->column_count && !p->error; i++) {
        out.used = 0;
        int r = parquet_column_write(&p->columns[i], p->rows, &out, p->offset, &g->chunks[i]);
        if (r < 0)
            fail(p, r);
        else
            put(p, out.data, out.used);
    }
    bytes_free(&out);
    p->rows_before += p->rows;
    p->rows = 0;
    return p->error;
}

static bool is_full(const struct parquet *p)
{
    uint64_t bytes = 0;
    if (p->rows >= GROUP_ROWS)
        return true;
    for (unsigned i = 0; i < p->column_count && p->rows % LOOK_ROWS == 0; i++)
        bytes += parquet_column_bytes(&p->columns[i]);
    return bytes > GROUP_BYTES;
}

int parquet_end_row(struct parquet *p)
{
    p->rows++;
    return p->error || !is_full(p) ? p->error : end_group(p);
}

/* ---- footer ------------------------------------------------------------------------------------------- */

static int32_t type_of(const struct parquet_column *c)
{
    return c->type == PARQUET_TEXT ? BYTE_ARRAY : c->type == PARQUET_DOUBLE ? DOUBLE : INT64;
}

static void put_column_schema(struct thrift *t, const struct parquet_column *c)
{
    thrift_begin(t);
    thrift_i32(t, 1, type_of(c));
    thrift_i32(t, 3, c->type == PARQUET_TIME ? REQUIRED : OPTIONAL);
    thrift_binary(t, 4, c->name, strlen(c->name));
    if (c->type == PARQUET_TEXT) {
        thrift_i32(t, 6, UTF8);
        thrift_struct(t, 10); /* LogicalType */
        thrift_struct(t, 1);  /* StringType */
        thrift_end(t);
        thrift_end(t);
    } else if (c->type == PARQUET_TIME) {
        thrift_struct(t, 10);
        thrift_struct(t, 8); /* TimestampType */
        thrift_field(t, 1, THRIFT_TRUE);
        thrift_struct(t, 2); /* TimeUnit */
        thrift_struct(t, 3); /* NanoSeconds */
        thrift_end(t);
        thrift_end(t);
        thrift_end(t);
        thrift_end(t);
    }
    thrift_end(t);
}

static void put_schema(struct thrift *t, const struct parquet *p)
{
    thrift_list(t, 2, THRIFT_STRUCT, p->column_count + 1);
    thrift_begin(t);
    thrift_binary(t, 4, "schema", 6);
    thrift_i32(t, 5, (int32_t)p->column_count);
    thrift_end(t);
    for (unsigned i = 0; i < p->column_count; i++)
        put_column_schema(t, &p->columns[i]);
}

static void put_chunk(struct thrift *t, const struct parquet_column *c, const struct parquet_chunk *chunk)
{
    bool has_dictionary = chunk->dictionary_offset >= 0;
    thrift_begin(t);
    thrift_i64(t, 2, has_dictionary ? chunk->dictionary_offset : chunk->data_offset);
    thrift_struct(t, 3); /* ColumnMetaData */
    thrift_i32(t, 1, type_of(c));
    thrift_list(t, 2, THRIFT_I32, 3);
    bytes_put_zigzag(t->to, 0); /* PLAIN: a dictionary's own */
    bytes_put_zigzag(t->to, 3); /* RLE: levels */
    bytes_put_zigzag(t->to, chunk->encoding);
    thrift_list(t, 3, THRIFT_BINARY, 1);
    thrift_binary_element(t, c->name, strlen(c->name));
    thrift_i32(t, 4, parquet_is_compressed() ? ZSTD : UNCOMPRESSED);
    thrift_i64(t, 5, chunk->values);
    thrift_i64(t, 6, chunk->raw_bytes);
    thrift_i64(t, 7, chunk->bytes);
    thrift_i64(t, 9, chunk->data_offset);
    if (has_dictionary)
        thrift_i64(t, 11, chunk->dictionary_offset);
    if (c->type == PARQUET_TIME) {
        thrift_struct(t, 12); /* Statistics */
        thrift_binary(t, 5, &chunk->most, sizeof(chunk->most));
        thrift_binary(t, 6, &chunk->least, sizeof(chunk->least));
        thrift_end(t);
    }
    thrift_end(t);
    thrift_end(t);
}

static void put_group(struct thrift *t, const struct parquet *p, const struct group *g)
{
    int64_t bytes = 0;
    thrift_begin(t);
    thrift_list(t, 1, THRIFT_STRUCT, p->column_count);
    for (unsigned i = 0; i < p->column_count; i++) {
        put_chunk(t, &p->columns[i], &g->chunks[i]);
        bytes += g->chunks[i].raw_bytes;
    }
    thrift_i64(t, 2, bytes);
    thrift_i64(t, 3, g->rows);
    thrift_end(t);
}

static void put_footer(struct bytes *out, const struct parquet *p)
{
    static const char creator[] = "canp";
    struct thrift t = {.to = out, .depth = -1};
    thrift_begin(&t);
    thrift_i32(&t, 1, VERSION);
    put_schema(&t, p);
    thrift_i64(&t, 3, p->rows_before);
    thrift_list(&t, 4, THRIFT_STRUCT, p->group_count);
    for (size_t i = 0; i < p->group_count; i++)
        put_group(&t, p, &p->groups[i]);
    thrift_binary(&t, 6, creator, sizeof(creator) - 1);
    thrift_list(&t, 7, THRIFT_STRUCT, p->column_count); /* ColumnOrder: the bounds are those of the type */
    for (unsigned i = 0; i < p->column_count; i++) {
        thrift_begin(&t);
        thrift_struct(&t, 1);
        thrift_end(&t);
        thrift_end(&t);
    }
    thrift_end(&t);
}

int parquet_finish(struct parquet *p)
{
    struct bytes footer = {0};
    if (p->rows && !p->error)
        end_group(p);
    put_footer(&footer, p);
    uint32_t length = (uint32_t)footer.used;
    bytes_put_le32(&footer, length);
    bytes_put(&footer, magic, sizeof(magic));
    if (footer.failed)
        fail(p, -ENOMEM);
    if (!p->error)
        put(p, footer.data, footer.used);
    bytes_free(&footer);
    return p->error;
}

void parquet_close(struct parquet *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->column_count; i++)
        parquet_column_free(&p->columns[i]);
    for (size_t i = 0; i < p->group_count; i++)
        free(p->groups[i].chunks);
    free(p->columns);
    free(p->groups);
    free(p);
}

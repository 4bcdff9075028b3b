/*
 * Groups, rows and the header of a measurement file (mdf.h). A group's rows are gathered and written as data
 * blocks of equal length; the group's own blocks, with the list of these, come at the file's end. One thread.
 */
#include "mdf.h"

#include <errno.h>
#include <fcntl.h>
#ifdef CANP_HAVE_ZLIB
#include <zlib.h>
#endif

#include "mdf_blocks.h"
#include "mdf_channels.h"

#define ROWS_BYTES     65536U /* of a data block, or one row if that is larger */
#define ROWS_BYTES_MIN 1024U
#define DATA_PER_LIST  8192U /* data blocks */
#define ID_BYTES       64U
#define HEADER_BYTES   104U /* the HD block, behind them */
#define NS_PER_S       1000000000
#define DEFLATE_LEVEL  1
#define TRANSPOSED     1 /* dz_zip_type: bytes of equal place in their records stand together */
#define COPY_BYTES     65536U

struct group {
    struct mdf_place *places;
    uint32_t row_bytes, missing_at, missing_bytes;
    size_t data_bytes_max; /* of a data block: whole rows */
    uint8_t *rows;
    size_t used, room;
    uint64_t cycles;
    uint64_t *data; /* offsets of its data blocks */
    size_t data_count;
    uint64_t channels, name, source; /* offsets of blocks */
};

struct mdf {
    FILE *to, *spool; /* spool: a temporary file in place of `to`; NULL: none */
    struct mdf_blocks blocks;
    struct group *groups;
    int group_count;
    int64_t start_ns;
    bool has_start;
    int error;
    uint8_t turned[ROWS_BYTES]; /* a data block transposed */
    uint8_t packed[ROWS_BYTES];
};

static int fail(struct mdf *m, int error)
{
    if (!m->error)
        m->error = error;
    return m->error;
}

static int put(struct mdf *m, FILE *to, const void *data, size_t bytes)
{
    errno = 0;
    if (m->error || fwrite(data, 1, bytes, to) == bytes)
        return m->error;
    return fail(m, errno ? -errno : -EIO);
}

/* Writes the blocks that are in memory. */
static int flush_blocks(struct mdf *m)
{
    struct mdf_blocks *b = &m->blocks;
    if (b->bytes.failed)
        return fail(m, -ENOMEM);
    put(m, m->spool ? m->spool : m->to, b->bytes.data, b->bytes.used);
    b->base += b->bytes.used;
    b->bytes.used = 0;
    return m->error;
}

/* ---- data --------------------------------------------------------------------------------------------- */

#ifdef CANP_HAVE_ZLIB
static void transpose(const uint8_t *rows, size_t bytes, uint32_t row_bytes, uint8_t *out)
{
    size_t count = bytes / row_bytes;
    for (uint32_t column = 0; column < row_bytes; column++)
        for (size_t row = 0; row < count; row++)
            *out++ = rows[row * row_bytes + column];
}

/* The data as a DZ block; 0: they do not get smaller, or are too many. */
static uint64_t add_packed(struct mdf *m, const struct group *g)
{
    uLongf packed = sizeof(m->packed) - 24;
    if (g->used > sizeof(m->turned))
        return 0;
    transpose(g->rows, g->used, g->row_bytes, m->turned);
    if (compress2(m->packed + 24, &packed, m->turned, (uLong)g->used, DEFLATE_LEVEL) != Z_OK)
        return 0;
    memcpy(m->packed, (const uint8_t[4]){'D', 'T', TRANSPOSED}, 4);
    uint8_t *at = mdf_put_le(m->packed + 4, g->row_bytes, 4);
    mdf_put_le(mdf_put_le(at, g->used, 8), packed, 8);
    return mdf_add_block(&m->blocks, "DZ", 0, m->packed, 24 + packed);
}
#else
static uint64_t add_packed(struct mdf *m, const struct group *g)
{
    (void)m, (void)g;
    return 0;
}
#endif

static int end_data(struct mdf *m, struct group *g)
{
    if (!g->used)
        return m->error;
    uint64_t *more = realloc(g->data, (g->data_count + 1) * sizeof(*more));
    if (!more)
        return fail(m, -ENOMEM);
    g->data = more;
    uint64_t block = add_packed(m, g);
    g->data[g->data_count++] = block ? block : mdf_add_block(&m->blocks, "DT", 0, g->rows, g->used);
    g->used = 0;
    return flush_blocks(m);
}

/* ---- rows --------------------------------------------------------------------------------------------- */

static int make_room(struct mdf *m, struct group *g)
{
    size_t room = g->room ? 2 * g->room : ROWS_BYTES_MIN;
    while (room < g->row_bytes)
        room *= 2;
    uint8_t *rows = realloc(g->rows, room);
    if (!rows)
        return fail(m, -ENOMEM);
    g->rows = rows;
    g->room = room;
    return 0;
}

int mdf_begin_row(struct mdf *m, int group, int64_t time_ns)
{
    struct group *g = &m->groups[group];
    if (g->room - g->used < g->row_bytes && make_room(m, g) < 0)
        return -ENOMEM;
    if (!m->has_start) { /* a whole second, so that stamps are small */
        m->start_ns = time_ns > 0 ? time_ns - time_ns % NS_PER_S : 0;
        m->has_start = true;
    }
    uint8_t *row = g->rows + g->used;
    memset(row, 0, g->missing_at);
    memset(row + g->missing_at, 0xFF, g->missing_bytes);
    mdf_put_le(row, (uint64_t)time_ns - (uint64_t)m->start_ns, MDF_TIME_BYTES);
    return 0;
}

static uint8_t *place_of(struct group *g, unsigned channel)
{
    uint8_t *row = g->rows + g->used;
    row[g->missing_at + channel / 8] &= (uint8_t) ~(1U << channel % 8);
    return row + g->places[channel].at;
}

void mdf_put_number(struct mdf *m, int group, unsigned channel, uint64_t raw)
{
    struct group *g = &m->groups[group];
    mdf_put_le(place_of(g, channel), raw, g->places[channel].bytes);
}

void mdf_put_bytes(struct mdf *m, int group, unsigned channel, const void *data, size_t bytes)
{
    struct group *g = &m->groups[group];
    size_t room = g->places[channel].bytes;
    memcpy(place_of(g, channel), data, bytes < room ? bytes : room);
}

int mdf_end_row(struct mdf *m, int group)
{
    struct group *g = &m->groups[group];
    g->used += g->row_bytes;
    g->cycles++;
    return g->used < g->data_bytes_max ? m->error : end_data(m, g);
}

/* ---- groups ------------------------------------------------------------------------------------------- */

static struct group *add_group(struct mdf *m, unsigned channels)
{
    struct group *more = realloc(m->groups, ((size_t)m->group_count + 1) * sizeof(*more));
    if (!more)
        return NULL;
    m->groups = more;
    more[m->group_count] = (struct group){.places = calloc(channels + 1, sizeof(struct mdf_place))};
    return more[m->group_count].places ? &more[m->group_count++] : NULL;
}

static uint64_t add_source(struct mdf *m, const char *iface)
{
    const uint8_t data[8] = {2, 2}; /* a bus: CAN */
    uint64_t name = mdf_add_text(&m->blocks, iface), block = mdf_add_block(&m->blocks, "SI", 3, data, 8);
    mdf_set_link(&m->blocks, block, 0, name);
    mdf_set_link(&m->blocks, block, 1, name);
    return block;
}

int mdf_add_group(struct mdf *m, const char *name, const char *iface, const struct mdf_channel *channels,
                  unsigned count)
{
    struct group *g = add_group(m, count);
    if (!g)
        return fail(m, -ENOMEM);
    g->channels = mdf_add_channels(&m->blocks, channels, count, g->places);
    g->name = mdf_add_text(&m->blocks, name);
    g->source = add_source(m, iface);
    g->missing_at = count ? g->places[count - 1].at + g->places[count - 1].bytes : MDF_TIME_BYTES;
    g->missing_bytes = (count + 7) / 8;
    g->row_bytes = g->missing_at + g->missing_bytes;
    uint32_t rows = ROWS_BYTES / g->row_bytes;
    g->data_bytes_max = (size_t)g->row_bytes * (rows ? rows : 1);
    int r = flush_blocks(m);
    return r < 0 ? r : m->group_count - 1;
}

/* A DL block for some of a group's data blocks, which all but the last have the same length. */
static uint64_t add_list(struct mdf *m, const struct group *g, size_t first)
{
    size_t left = g->data_count - first, count = left < DATA_PER_LIST ? left : DATA_PER_LIST;
    uint8_t data[16] = {1}; /* of equal length */
    mdf_put_le(data + 4, count, 4);
    mdf_put_le(data + 8, g->data_bytes_max, 8);
    uint64_t block = mdf_add_block(&m->blocks, "DL", 1 + (unsigned)count, data, sizeof(data));
    for (size_t i = 0; i < count; i++)
        mdf_set_link(&m->blocks, block, 1 + (unsigned)i, g->data[first + i]);
    return block;
}

/* What a data group refers to: 0, a data block, or a list of them, whose head says that they may be packed.
 */
static uint64_t add_lists(struct mdf *m, const struct group *g)
{
    const uint8_t flags[8] = {1, 0, TRANSPOSED};
    if (g->data_count < 2)
        return g->data_count ? g->data[0] : 0;
    uint64_t first = mdf_add_block(&m->blocks, "HL", 1, flags, sizeof(flags)), last = first;
    for (size_t at = 0; at < g->data_count; at += DATA_PER_LIST) {
        uint64_t list = add_list(m, g, at);
        mdf_set_link(&m->blocks, last, 0, list);
        last = list;
    }
    return first;
}

/* A data group with its channel group. The DG block's offset. */
static uint64_t add_data_group(struct mdf *m, const struct group *g)
{
    uint8_t data[32] = {0};
    mdf_put_le(data + 8, g->cycles, 8);
    mdf_put_le(data + 18, '.', 2);
    mdf_put_le(data + 24, g->missing_at, 4);
    mdf_put_le(data + 28, g->missing_bytes, 4);
    uint64_t channels = mdf_add_block(&m->blocks, "CG", 6, data, sizeof(data));
    mdf_set_link(&m->blocks, channels, 1, g->channels);
    mdf_set_link(&m->blocks, channels, 2, g->name);
    mdf_set_link(&m->blocks, channels, 3, g->source);
    uint64_t list = add_lists(m, g), block = mdf_add_block(&m->blocks, "DG", 4, NULL, 8);
    mdf_set_link(&m->blocks, block, 1, channels);
    mdf_set_link(&m->blocks, block, 2, list);
    return block;
}

/* The DG block of the first group; they are chained from the last one on, so that each fits into memory. */
static uint64_t add_data_groups(struct mdf *m)
{
    uint64_t next = 0;
    for (int i = m->group_count; i-- > 0;) {
        uint64_t block = add_data_group(m, &m->groups[i]);
        mdf_set_link(&m->blocks, block, 0, next);
        next = block;
        flush_blocks(m);
    }
    return next;
}

/* ---- the file ----------------------------------------------------------------------------------------- */

/* Can the header be written when all else is? */
static bool is_file_at_start(FILE *to)
{
    int flags = fcntl(fileno(to), F_GETFL);
    return flags >= 0 && !(flags & O_APPEND) && fseeko(to, 0, SEEK_END) == 0 && ftello(to) == 0;
}

static void put_identification(uint8_t at[ID_BYTES], bool is_finished)
{
    memset(at, 0, ID_BYTES);
    memcpy(at, is_finished ? "MDF     4.11    canp    " : "UnFinMF 4.11    canp    ", 24);
    mdf_put_le(at + 28, 411, 2);
    if (!is_finished)
        mdf_put_le(at + 60, 1, 2); /* cycle counters are missing: as all blocks of groups are */
}

static uint64_t add_history(struct mdf *m)
{
    uint8_t data[16] = {0};
    mdf_put_le(data, (uint64_t)m->start_ns, 8);
    data[12] = 2; /* offsets to UTC are given: none */
    static const char comment[] =
        "<FHcomment><TX>written by canp decode</TX><tool_id>canp</tool_id><tool_vendor>canp</tool_vendor>"
        "<tool_version>0</tool_version></FHcomment>";
    uint64_t words = mdf_add_block(&m->blocks, "MD", 0, comment, sizeof(comment));
    uint64_t block = mdf_add_block(&m->blocks, "FH", 2, data, sizeof(data));
    mdf_set_link(&m->blocks, block, 1, words);
    return block;
}

static int put_header(struct mdf *m, uint64_t first_group, uint64_t history)
{
    struct mdf_blocks head = {.base = ID_BYTES};
    FILE *to = m->spool ? m->spool : m->to;
    uint8_t id[ID_BYTES], data[32] = {0};
    put_identification(id, true);
    mdf_put_le(data, (uint64_t)m->start_ns, 8);
    data[12] = 2; /* as above */
    uint64_t block = mdf_add_block(&head, "HD", 6, data, sizeof(data));
    mdf_set_link(&head, block, 0, first_group);
    mdf_set_link(&head, block, 1, history);
    if (head.bytes.failed)
        fail(m, -ENOMEM);
    else if (fseeko(to, 0, SEEK_SET) != 0)
        fail(m, -errno);
    put(m, to, id, sizeof(id));
    put(m, to, head.bytes.data, head.bytes.used);
    bytes_free(&head.bytes);
    return m->error;
}

static int copy_spool(struct mdf *m)
{
    size_t got;
    rewind(m->spool);
    while (!m->error && (got = fread(m->turned, 1, COPY_BYTES, m->spool)) > 0)
        put(m, m->to, m->turned, got);
    return ferror(m->spool) ? fail(m, -EIO) : m->error;
}

int mdf_open(FILE *to, struct mdf **out)
{
    struct mdf *m = calloc(1, sizeof(*m));
    static const uint8_t room[HEADER_BYTES];
    uint8_t id[ID_BYTES];
    if (!m)
        return -ENOMEM;
    m->to = to;
    if (!is_file_at_start(to) && !(m->spool = tmpfile())) {
        free(m);
        return -errno;
    }
    put_identification(id, false);
    put(m, m->spool ? m->spool : to, id, sizeof(id)); /* an error comes with the first row, or at the end */
    put(m, m->spool ? m->spool : to, room, sizeof(room));
    m->blocks.base = ID_BYTES + HEADER_BYTES;
    *out = m;
    return 0;
}

int mdf_finish(struct mdf *m)
{
    for (int i = 0; i < m->group_count && !m->error; i++)
        end_data(m, &m->groups[i]);
    uint64_t first = m->error ? 0 : add_data_groups(m), history = add_history(m);
    flush_blocks(m);
    put_header(m, first, history);
    return m->spool && !m->error ? copy_spool(m) : m->error;
}

void mdf_close(struct mdf *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->group_count; i++) {
        free(m->groups[i].places);
        free(m->groups[i].rows);
        free(m->groups[i].data);
    }
    free(m->groups);
    bytes_free(&m->blocks.bytes);
    if (m->spool)
        fclose(m->spool);
    free(m);
}

/*
 * Decompresses gzip (source.h): a stage above the file. Consecutive members are read as one file, as gzip
 * does. Without zlib (CANP_HAVE_ZLIB) there is no such stage, and the error says that the file is compressed.
 * One thread. A decompression bomb costs time but no memory, because data is decompressed piece by piece into
 * the caller's window.
 */
#include "formats/bytes/source_stages.h"

#include <errno.h>
#include <stdlib.h>

#ifdef CANP_HAVE_ZLIB
#include <zlib.h>

#define INPUT_BYTES (64U * 1024)

struct gzip_stage {
    struct canp_source_stage stage;
    z_stream z;
    bool is_between; /* a member ended: another may begin, or the file ends */
    bool is_done;
    uint8_t input[INPUT_BYTES];
};

/* More compressed bytes: 1, 0 at the end, or an error. */
static int refill(struct gzip_stage *g)
{
    int64_t n = g->stage.below->pull(g->stage.below, g->input, sizeof(g->input));
    if (n <= 0)
        return (int)n;
    g->z.next_in = g->input;
    g->z.avail_in = (unsigned)n;
    return 1;
}

/* A member ended. What is no member behind it is padding: gzip passes over it, too. */
static int next_member(struct gzip_stage *g)
{
    if (g->z.avail_in == 0) {
        int r = refill(g);
        if (r <= 0)
            return r;
    }
    if (g->z.next_in[0] != 0x1F)
        return 0;
    g->is_between = false;
    return inflateReset(&g->z) == Z_OK ? 1 : -CANP_E_DAMAGED;
}

/* 1: some came out or more input is wanted; 0: the end; or an error. */
static int step(struct gzip_stage *g)
{
    int r = g->is_between ? next_member(g) : 1;
    if (r <= 0)
        return r;
    if (g->z.avail_in == 0) {
        r = refill(g);
        if (r <= 0) /* the end in the middle of a member: the file was cut */
            return r < 0 ? r : -CANP_E_DAMAGED;
    }
    r = inflate(&g->z, Z_NO_FLUSH);
    g->is_between = r == Z_STREAM_END;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 1 : -CANP_E_DAMAGED;
}

static int64_t pull(struct canp_source_stage *stage, uint8_t *to, size_t room)
{
    struct gzip_stage *g = (struct gzip_stage *)stage;
    g->z.next_out = to;
    g->z.avail_out = room < 1U << 30 ? (unsigned)room : 1U << 30;
    while (!g->is_done && g->z.next_out == to) {
        int r = step(g);
        if (r < 0)
            return r;
        g->is_done = r == 0;
    }
    return g->z.next_out - to;
}

static void close_gzip(struct canp_source_stage *stage)
{
    inflateEnd(&((struct gzip_stage *)stage)->z);
    free(stage);
}

struct canp_source_stage *canp_source_gzip(struct canp_source_stage *below)
{
    struct gzip_stage *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
        free(g);
        return NULL;
    }
    g->stage = (struct canp_source_stage){pull, close_gzip, below};
    return &g->stage;
}

bool canp_source_has_gzip(void)
{
    return true;
}

#else

struct canp_source_stage *canp_source_gzip(struct canp_source_stage *below)
{
    (void)below;
    return NULL;
}

bool canp_source_has_gzip(void)
{
    return false;
}

#endif

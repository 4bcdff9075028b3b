/*
 * Decompresses zstd (source.h), as source_gzip.c does for gzip. Without libzstd (CANP_HAVE_ZSTD) there
 * is no such stage. Windows of more than 32 MiB are refused, so that memory stays bounded. One thread.
 */
#include "formats/bytes/source_stages.h"

#include <errno.h>
#include <stdlib.h>

#ifdef CANP_HAVE_ZSTD
#include <zstd.h>

#define INPUT_BYTES    (64U * 1024)
#define WINDOW_LOG_MAX 25

struct zstd_stage {
    struct canp_source_stage stage;
    ZSTD_DStream *z;
    ZSTD_inBuffer in;
    bool is_between; /* a frame ended, or none began yet */
    uint8_t input[INPUT_BYTES];
};

static int64_t pull(struct canp_source_stage *stage, uint8_t *to, size_t room)
{
    struct zstd_stage *s = (struct zstd_stage *)stage;
    ZSTD_outBuffer out = {to, room, 0};
    while (out.pos == 0) {
        if (s->in.pos == s->in.size) {
            int64_t n = stage->below->pull(stage->below, s->input, sizeof(s->input));
            if (n <= 0)
                return n < 0 || s->is_between ? n : -CANP_E_DAMAGED;
            s->in = (ZSTD_inBuffer){s->input, (size_t)n, 0};
        }
        size_t r = ZSTD_decompressStream(s->z, &out, &s->in);
        if (ZSTD_isError(r))
            return -CANP_E_DAMAGED;
        s->is_between = r == 0;
    }
    return (int64_t)out.pos;
}

static void close_zstd(struct canp_source_stage *stage)
{
    ZSTD_freeDStream(((struct zstd_stage *)stage)->z);
    free(stage);
}

struct canp_source_stage *canp_source_zstd(struct canp_source_stage *below)
{
    struct zstd_stage *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->z = ZSTD_createDStream();
    if (!s->z) {
        free(s);
        return NULL;
    }
    ZSTD_DCtx_setParameter(s->z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    s->is_between = true;
    s->stage = (struct canp_source_stage){pull, close_zstd, below};
    return &s->stage;
}

bool canp_source_has_zstd(void)
{
    return true;
}

#else

struct canp_source_stage *canp_source_zstd(struct canp_source_stage *below)
{
    (void)below;
    return NULL;
}

bool canp_source_has_zstd(void)
{
    return false;
}

#endif

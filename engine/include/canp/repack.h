/*
 * Packs the sealed segments of a recording, or unpacks them; their records and the order of these stay the
 * same. Each segment is written to a new file, which is synced and renamed over the old one, so the recording
 * is whole at any moment; a reader that has the old file open can read it to its end. Unsealed and damaged
 * segments are left alone.
 *
 * Any thread, also while others read or write the recording. A segment that somebody else is packing at the
 * moment is refused.
 */
#ifndef CANP_REPACK_H
#define CANP_REPACK_H

#include <stddef.h>

#include <canp/pack.h>
#include <canp/stop.h>

CANP_BEGIN_DECLS

struct canp_repack_opts {
    size_t size; /* canp/export.h */
    bool unpack; /* store plain rows instead */
    enum canp_pack_level level;
    const struct canp_stop *stop; /* ends it with -ECANCELED soon after it is set; borrowed, or NULL */
    unsigned jobs; /* so many threads, the caller's included, take a segment each; 0 = 1, at most 64. The
                      result is the same. Each needs some MB of memory and room on the disk for a segment */
};
#define CANP_REPACK_OPTS_INIT CANP_OPTS_INIT_(canp_repack_opts)

struct canp_repack_stats {
    uint64_t segments; /* looked at */
    uint64_t changed;  /* written anew */
    uint64_t unsealed; /* left alone: being written, or the writer was killed */
    uint64_t damaged;  /* left alone: verify names the places */
    uint64_t frames;   /* in the segments written anew */
    uint64_t bytes_before;
    uint64_t bytes_after;
};

/*
 * `path` is a directory of segments, or one segment file. Segments that have the wanted form already are not
 * written again. 0, or the error that stopped it (-ENOSPC, -EIO, ...; segments done before stay done), of the
 * first segment that had one; `why` names the file.
 */
CANP_API int canp_repack(const char *path, const struct canp_repack_opts *opts,
                         struct canp_repack_stats *stats, struct canp_why *why);

CANP_END_DECLS

#endif

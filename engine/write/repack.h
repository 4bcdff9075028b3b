/*
 * Packing of single segments, for canp_repack() and the background packer. A struct repack is scratch memory
 * for one thread.
 */
#ifndef CANP_ENGINE_REPACK_H
#define CANP_ENGINE_REPACK_H

#include <canp/repack.h>

#include "segment/segment_writer.h"

struct repack {
    struct canp_repack_opts opts;
    struct canp_repack_stats stats;
    struct canp_packer *packer;
    uint8_t *rows;        /* gathered; small blocks become large ones */
    uint32_t block_bytes; /* of rows in a block, at most */
    uint8_t *packed;
    struct canp_rowbuf gather;
    struct index_builder index;
    bool replaced; /* by the last call: the segment is the new file, whatever went wrong afterwards */
};

int canp_repack_open(struct repack *r, const struct canp_repack_opts *opts);
void canp_repack_close(struct repack *r);

/* One segment of a directory. 1 = written anew, 0 = left as it is (counted in stats), or an error. */
int canp_repack_segment(struct repack *r, int dir_fd, uint64_t number);

#endif

/* The writer of MF4 files. One thread. */
#ifndef CANP_FORMATS_MF4_WRITE_H
#define CANP_FORMATS_MF4_WRITE_H

#include "formats/log_format.h"

#define CANP_MF4_WRITTEN_GROUPS 7U           /* by their numbers, from 1 */
#define CANP_MF4_HEADER_MAX     (16U * 1024) /* of all blocks before the data: they are 9 KiB */

struct canp_mf4_writing {
    uint8_t head[CANP_MF4_HEADER_MAX];
    uint32_t head_bytes;
    uint32_t data; /* offset of the DT block */
    uint32_t groups[CANP_MF4_WRITTEN_GROUPS];
    uint64_t counts[CANP_MF4_WRITTEN_GROUPS];
    uint64_t places[CANP_MF4_WRITTEN_GROUPS]; /* of the next payload */
    int64_t start_ns;
    bool has_begun;
};

int canp_mf4_write(struct canp_log_writer *writer, const struct canp_record *record);
int canp_mf4_finish(struct canp_log_writer *writer);

#endif

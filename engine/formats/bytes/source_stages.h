/* The stages between a file and the window of a source (source.h). A stage owns `below` when it was made;
 * NULL: no memory, or not in this build. One thread. */
#ifndef CANP_FORMATS_SOURCE_STAGES_H
#define CANP_FORMATS_SOURCE_STAGES_H

#include <canp/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stage fills `to` with up to `room` bytes: how many, 0 at the end, or a negative error. */
struct canp_source_stage {
    int64_t (*pull)(struct canp_source_stage *stage, uint8_t *to, size_t room);
    void (*close)(struct canp_source_stage *stage);
    struct canp_source_stage *below;
};

bool canp_source_has_gzip(void);
bool canp_source_has_zstd(void);
struct canp_source_stage *canp_source_gzip(struct canp_source_stage *below);
struct canp_source_stage *canp_source_zstd(struct canp_source_stage *below);
struct canp_source_stage *canp_source_utf16(struct canp_source_stage *below, bool is_big_endian);

#endif

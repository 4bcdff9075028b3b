/*
 * A segment file that grows block by block as messages come, in any number of sittings: a process that stores
 * for thousands of vehicles neither maps nor allocates ahead for each.
 *
 * Invariant: bytes in front of `used` are committed blocks, numbered 0 to seq - 1, whose records are the
 * sender's records in front of `position`. Where messages never came there is a block of one gap, whose tail
 * says at which position it ends. One thread at a time.
 */
#ifndef CANP_ENGINE_GROWN_SEGMENT_H
#define CANP_ENGINE_GROWN_SEGMENT_H

#include "rows_store.h"
#include "segment/index.h"

struct grown_segment {
    int fd; /* -1: closed for now */
    uint64_t number;
    uint64_t used;
    uint64_t salt;
    uint64_t position;
    int64_t last_ns; /* of its last block; 0: none */
    uint32_t seq;
    bool sealed;
    bool dirty; /* written since the last sync */
};

/* Memory for all segments of a store. */
struct grown_scratch {
    struct rows_store rows;
    struct index_builder index;
    uint8_t *block; /* BLOCK_ROOM */
};

/* Makes the file and gives it its name. The header takes recording, created_* and boot_id from `like`. */
int canp_grown_create(struct grown_segment *g, int dir_fd, uint64_t number, const struct seg_header *like);

/* Opens the file of a segment made before; what lies behind its last whole block is cut off. 0 or an error;
 * -CANP_E_FOREIGN when it belongs to another recording. */
int canp_grown_open(struct grown_segment *g, int dir_fd, uint64_t number, const uint8_t recording[16],
                    struct grown_scratch *scratch);

/* Opens it again after canp_grown_pause(). */
int canp_grown_continue(struct grown_segment *g, int dir_fd);
void canp_grown_pause(struct grown_segment *g); /* closes the file */

/* Commits a block: `payload` is as long as the header says, whose checksum and number are filled in here.
 * `jump`: for a gap, the position behind it; 0: it holds as many records as it says. */
int canp_grown_commit(struct grown_segment *g, const struct block_header *header, const uint8_t *payload,
                      uint64_t jump, struct grown_scratch *scratch);

int canp_grown_sync(struct grown_segment *g);

/* Writes index and seal, and syncs. The file stays open until canp_grown_pause(). */
int canp_grown_seal(struct grown_segment *g, struct grown_scratch *scratch);

int canp_grown_scratch_init(struct grown_scratch *scratch);
void canp_grown_scratch_release(struct grown_scratch *scratch);

#endif

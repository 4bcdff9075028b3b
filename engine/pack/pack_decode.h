/* The inside of an unpacker, shared by unpack*.c. One thread per unpacker. */
#ifndef CANP_PACK_DECODE_H
#define CANP_PACK_DECODE_H

#include <canp/pack.h>

#include "pack_format.h"

/* A lane as its directory entry tells. */
struct canp_unpack_lane {
    uint64_t head;
    uint64_t first;  /* time of the first row, two's complement */
    uint64_t period; /* units; as follower: its offset from its leader */
    uint64_t pace;   /* typical period, units */
    uint64_t hw_first;
    const uint8_t *stream; /* its times */
    const uint8_t *masks;  /* a plane mask per payload word, NULL when nothing changes */
    uint32_t stream_bytes;
    uint32_t rows;
    uint32_t start;       /* index of its first row among all rows, lane after lane */
    uint32_t plain_bytes; /* its part of its group */
    uint32_t leader;      /* lane, when it follows */
    uint32_t leader_row;  /* before its first row */
    uint32_t stride;      /* leader's rows for each of its own; 0: it follows none */
    uint16_t tag;
    uint16_t row_bytes;
    uint16_t words; /* of payload */
    uint8_t k;
    uint8_t hw_k;
    uint8_t depth;   /* how many leaders are before it */
    bool times_told; /* in times[] and hw_times[] */
};

/* Lanes that share an LZ4 block. */
struct canp_unpack_group {
    const uint8_t *packed;
    uint32_t packed_bytes;
    uint32_t plain_bytes;
    uint32_t first_lane;
    uint32_t lane_count;
};

/* A row whose place in the block is given, not told by its time. */
struct canp_unpack_exception {
    uint32_t position;
    uint32_t index;
};

struct canp_unpacker {
    size_t max_bytes;
    bool loaded; /* a directory has been read and was in order */
    struct canp_pack_header header;
    uint64_t unit; /* of times, ns */
    uint32_t exception_count;
    uint32_t channels;      /* how many there are */
    const uint8_t *column;  /* as stored */
    uint32_t uniform_bytes; /* size of all rows when they are alike, else 0 */
    struct canp_unpack_lane *lanes;
    struct canp_unpack_group *groups;
    struct canp_unpack_exception *exceptions;
    struct canp_lane *public_lanes;
    uint64_t *excepted; /* bit per row index */
    uint64_t *times;    /* by row index: lane after lane */
    uint64_t *hw_times;
    uint64_t *keys; /* of the rows to be sorted */
    uint64_t *keys2;
    uint16_t *buckets;
    uint32_t *sequence; /* row indexes in recorded order */
    uint32_t *sorted;   /* row indexes in order of time, channel after channel */
    uint32_t *next;     /* per lane or channel: where its next row is */
    uint16_t *lane_of;  /* by row index */
    uint32_t *place;    /* by row index: where the row goes in the output */
    uint64_t *words;
    uint8_t *plain; /* a group after LZ4 */
    uint8_t *plain_column;
    uint8_t *row; /* a row for canp_rows_check() */
    void *memory; /* holds all of the arrays */
};

#define CANP_UNPACK_BUCKETS_MAX 16384U

/* Reads and checks everything but times and payload. 0 or -CANP_E_DAMAGED; sets loaded. */
int canp_unpack_load(struct canp_unpacker *u, const uint8_t *packed, size_t packed_bytes);

/* Which rows are wanted: of lanes first <= l < end with chosen == NULL or chosen[l]. */
struct canp_unpack_choice {
    uint32_t first;
    uint32_t end;
    const uint8_t *chosen;
};

static inline bool canp_unpack_wants(const struct canp_unpack_choice *c, uint32_t lane)
{
    return lane >= c->first && lane < c->end && (!c->chosen || c->chosen[lane]);
}

/* Decodes the times of a lane, and before them its leaders', into times[] and hw_times[]. */
int canp_unpack_times(struct canp_unpacker *u, uint32_t l);

/*
 * Fills place[] for the wanted rows: offsets in the output, in recorded order. The times of the lanes that
 * are looked at are decoded here. positions may be NULL. 0 or -CANP_E_DAMAGED.
 */
int canp_unpack_place(struct canp_unpacker *u, const struct canp_unpack_choice *choice, uint32_t *positions);

#endif

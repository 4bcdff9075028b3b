/* The inside of a packer, shared by pack*.c. One thread per packer. */
#ifndef CANP_PACK_ENCODE_H
#define CANP_PACK_ENCODE_H

#include <canp/pack.h>

#include "pack_format.h"

#define CANP_PACK_NUMBERS    32U /* frames of a message */
#define CANP_PACK_SPLIT_ROWS 16U /* of a lane that may be split, at least */

/* What the frames of an id are by the number in their first byte (pack_split.c). */
struct canp_pack_split {
    uint32_t begun;     /* frames that begin another message */
    uint32_t continued; /* frames that come next in theirs */
    uint8_t last;       /* first byte of the frame before */
    uint16_t rows[CANP_PACK_NUMBERS];
    uint16_t lane[CANP_PACK_NUMBERS];
};

/* A lane being gathered. */
struct canp_pack_lane {
    uint64_t head; /* bytes 8..15 of its rows */
    uint64_t sort; /* channel, rest of the tag, id: the lanes' order */
    uint16_t tag;
    uint16_t row_bytes;
    uint16_t words;         /* payload, in words of 8 bytes */
    uint16_t channel_class; /* 0, 1, ...: which of the channels there are */
    uint32_t rows;
    uint32_t start; /* index of its first row among all rows, lane after lane */
    uint32_t next;  /* while gathering: index of its next row */
    uint64_t pace;  /* its typical period, in units */
    uint8_t depth;  /* how many leaders are before it */
    uint8_t last;   /* while gathering: first byte of the latest row, and how often it was one more than */
    uint32_t turns; /* that of the row before */
    struct canp_pack_split *split; /* while splitting */
};

/* A row that is not where the time order puts it. */
struct canp_pack_exception {
    uint32_t position; /* in the block */
    uint32_t index;    /* among all rows, lane after lane */
};

/* The last row in order of those seen so far, of the block or of one channel. */
struct canp_pack_latest {
    int64_t time;
    uint32_t lane;
};

/* Exceptions; beyond the limit the list is given up. */
struct canp_pack_exceptions {
    struct canp_pack_exception *list;
    uint32_t count;
};

struct canp_packer {
    size_t max_bytes;
    enum canp_pack_level level;
    uint32_t table_bits;
    uint16_t epoch;
    uint32_t lane_count;
    uint32_t row_count;
    uint32_t unit;                          /* ns: all distances between times are multiples of it */
    bool follows;                           /* a lane does */
    uint32_t *table;                        /* hash -> epoch << 16 | lane by first appearance */
    struct canp_pack_lane *lanes;           /* by first appearance */
    struct canp_pack_lane *sorted;          /* in directory order */
    struct canp_pack_split *splits;         /* of lanes that may be split */
    uint16_t *lane_of_row;                  /* by first appearance, later in directory order */
    uint16_t *rank;                         /* lane by first appearance -> directory order */
    uint16_t *rank2;                        /* scratch for sorting */
    uint32_t *source;                       /* where the rows are, lane after lane */
    struct canp_pack_exceptions by_time;    /* if ordered by time */
    struct canp_pack_exceptions by_channel; /* if ordered by time within each channel */
    struct canp_pack_latest *latest;        /* of the block, and of each channel class */
    uint64_t *words;                        /* one column of payload words of a lane */
    uint64_t *row_times;                    /* of the rows, lane after lane */
    uint16_t *position;                     /* of the rows in the block, lane after lane */
    uint16_t *votes;                        /* lanes that come before another, all zero between lanes */
    uint64_t *steps;                        /* differences of times of a lane */
    uint64_t *follow_steps;                 /* the same, from its leader's */
    uint8_t *directory;                     /* the sections as they grow */
    uint8_t *exceptions;
    uint8_t *column;
    uint8_t *column_packed;
    uint8_t *times;
    uint8_t *group_table;
    uint8_t *groups;
    uint8_t *plain; /* a group before LZ4 */
    void *lz4_state;
    void *memory; /* holds all of the arrays */
};

/* Finds the lanes and gathers the rows by lane, in directory order. 0, 1 when the block is better left raw,
 * or -CANP_E_DAMAGED. */
int canp_pack_gather(struct canp_packer *p, const uint8_t *rows, size_t rows_bytes);

/* Parts lanes whose frames are numbered in messages; before they are sorted. */
void canp_pack_split_lanes(struct canp_packer *p, const uint8_t *rows);

/* How the recorded order is to be stored. */
struct canp_pack_order_plan {
    enum canp_pack_order order;
    uint8_t column_bits;
    uint32_t exception_bytes; /* in p->exceptions */
    uint32_t column_bytes;    /* stored size */
    const uint8_t *column;    /* what is stored */
};

/* Chooses the cheapest and encodes it. */
void canp_pack_order(struct canp_packer *p, const uint8_t *rows, struct canp_pack_order_plan *plan);

/* LZ4 by the packer's level; 0 when it does not fit. */
uint32_t canp_pack_lz4(struct canp_packer *p, const uint8_t *from, size_t bytes, uint8_t *to,
                       size_t capacity);

/* What all distances between times are multiples of, ns. */
uint32_t canp_pack_unit(const struct canp_packer *p);

/* How a lane follows another. */
struct canp_pack_follow {
    uint32_t leader;
    uint32_t start; /* the leader's row before the lane's first */
    uint32_t stride;
    int64_t offset; /* units */
};

/* Finds a leader for lane l whose times tell those of lane l in fewer bits than steps[] does. Then fills
 * follow_steps[] and the lane's depth and pace. */
bool canp_pack_follow(struct canp_packer *p, uint32_t l, struct canp_pack_follow *out);

/* Bits that a number takes, without what the code adds. */
static inline unsigned canp_number_bits(uint64_t number)
{
    return 64U - (unsigned)__builtin_clzll(number | 1);
}

/* Codes the times (and hardware stamps) of one lane: the lane's directory fields and its bit stream. */
struct canp_pack_times {
    bool follows;
    struct canp_pack_follow follow;
    int64_t first_ns;
    int64_t period;    /* units */
    uint64_t hw_first; /* hardware stamp of the first row minus first_ns */
    uint8_t k;
    uint8_t hw_k;
    uint32_t stream_bytes;
};
void canp_pack_lane_times(struct canp_packer *p, const uint8_t *rows, uint32_t l, uint8_t *stream,
                          struct canp_pack_times *out);

#endif

/*
 * What each ID of a log does, fed frame by frame: how often it comes, which bits change and how often, what
 * looks like a counter or a checksum. Pure arithmetic; memory bounded by ID_STATS_MAX IDs. One thread.
 */
#ifndef CANP_TOOLS_ID_STATS_H
#define CANP_TOOLS_ID_STATS_H

#include <canp/frame.h>

#define ID_STATS_MAX   16384U /* more IDs are counted together */
#define ID_STATS_BYTES 64U    /* of a payload that are looked at */

/* X(name, words): checksums that are tried, each at the first and at the last byte. With frames of one length
 * a CRC's start value, final XOR and a hidden data ID only add a constant, so each polynomial stands for all
 * its variants. */
#define ID_CHECKSUMS(X)                                                                                      \
    X(XOR, "XOR")                                                                                            \
    X(SUM, "sum")                                                                                            \
    X(MINUS_SUM, "negative sum")                                                                             \
    X(CRC_1D, "CRC-8 0x1D")                                                                                  \
    X(CRC_2F, "CRC-8 0x2F")                                                                                  \
    X(CRC_07, "CRC-8 0x07")                                                                                  \
    X(CRC_31, "CRC-8 0x31")
#define ID_CHECKSUM_ENUM(name, words) ID_CHECKSUM_##name,
enum id_checksum { ID_CHECKSUMS(ID_CHECKSUM_ENUM) ID_CHECKSUM_COUNT };
#undef ID_CHECKSUM_ENUM

struct id_stats {
    uint32_t id; /* with flags EFF and RTR; XL: the priority */
    uint8_t channel, kind;
    bool used;
    uint8_t bytes;       /* longest payload, ID_STATS_BYTES at most */
    uint8_t last_length; /* likewise */
    uint64_t count;
    uint64_t lengths[2]; /* bit n: payloads of n bytes occurred; 127: longer ones */
    int64_t first_ns, last_ns;
    uint64_t gap_count;         /* between frames in order; below, of these */
    double gap_mean_ns, gap_m2; /* Welford's */
    double gap_min_ns, gap_max_ns;
    int64_t gap_max_at_ns; /* the frame behind the longest gap */
    uint8_t last[ID_STATS_BYTES];
    uint8_t ones[ID_STATS_BYTES];       /* bits that were 1 in some frame, */
    uint8_t zeros[ID_STATS_BYTES];      /* and those that were 0 */
    uint32_t flips[ID_STATS_BYTES * 8]; /* byte * 8 + bit (0 = least): changed from one frame to the next */
    uint32_t steps[ID_STATS_BYTES]
                  [3]; /* times that low nibble, high nibble, byte went up by one (or began anew) */
    uint8_t sums[2][ID_CHECKSUM_COUNT]; /* first byte, last byte: the constant so far */
    uint16_t sums_out[2];               /* bits of those that cannot be */
};

struct id_table {
    struct id_stats *slots; /* 2 * ID_STATS_MAX at most, grown by doubling */
    unsigned bits;
    unsigned count;
    uint64_t unlisted; /* frames of IDs beyond ID_STATS_MAX */
    bool by_channel;   /* else one ID is one entry, whatever interface it came from */
};

/* A frame, at its bus time; error frames are left out. 0 or -ENOMEM. */
int id_table_feed(struct id_table *table, const struct canp_record *frame, int64_t bus_ns);
void id_table_release(struct id_table *table);

/* The entries by channel and ID. Borrowed: NULL-terminated, freed by free(); NULL: no memory. */
struct id_stats **id_table_sorted(const struct id_table *table);
/* Their order: negative, 0, positive. */
int id_compare(const struct id_stats *a, const struct id_stats *b);
/* NULL: there is none. */
struct id_stats *id_table_find(const struct id_table *table, uint8_t channel, uint8_t kind, uint32_t id);

/* Standard deviation of the gaps. */
double id_jitter_ns(const struct id_stats *s);

/* How far a byte is a counter: 0 none, 1 low nibble, 2 high nibble, 3 the whole. */
unsigned id_counter_at(const struct id_stats *s, unsigned byte);
/* What the byte seems to be a checksum of the others by; NULL: none that is known here. Static. */
const char *id_checksum_at(const struct id_stats *s, unsigned byte);

/* "123", "18FEF100", as candump writes it; "XL 123" */
#define ID_TEXT_BYTES 16
const char *id_text(const struct id_stats *s, char out[ID_TEXT_BYTES]);

#endif

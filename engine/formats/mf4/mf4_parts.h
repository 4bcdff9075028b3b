/*
 * Shared by the files of ASAM's MDF 4: the blocks (little-endian, layout as published by the asammdf and
 * mdflib projects), and the parts of the reader.
 *
 * A file consists of blocks that refer to each other by offset. HD leads to data groups (DG), each with
 * channel groups (CG) of channels (CN) that say where in a record a value lies, and to data: one block (DT,
 * DV, SD), a packed one (DZ), or lists of them (HL, DL, LD). In a sorted data group all records are of one
 * channel group; else each begins with its group's number, and payloads of variable length are in records of
 * their own (VLSD). One thread per reader.
 */
#ifndef CANP_FORMATS_MF4_PARTS_H
#define CANP_FORMATS_MF4_PARTS_H

#include <string.h>

#include "formats/log_format.h"
#include "formats/text/event_text.h"

#define CANP_MF4_HEAD_BYTES   24U /* of any block: type, bytes, number of links */
#define CANP_MF4_NAME_BYTES   64U
#define CANP_MF4_GROUPS_MAX   4096U
#define CANP_MF4_LANES_MAX    512U
#define CANP_MF4_RECORD_MAX   4096U               /* of a record of CAN frames */
#define CANP_MF4_UNPACKED_MAX (8U * 1024 * 1024)  /* of a packed block; the standard says 4 MiB */
#define CANP_MF4_HELD_MAX     (32U * 1024 * 1024) /* of all packed blocks that are in memory at once */

/* The names that canp gives to what others do not have. */
#define CANP_MF4_EVENT_GROUP "canp_Event"
#define CANP_MF4_ERROR_CLASS "SocketCANClass"

enum canp_mf4_unfinished {
    CANP_MF4_CYCLES_MISSING = 0x01,
    CANP_MF4_LENGTH_MISSING = 0x04,      /* of the last DT block: it goes on to the file's end */
    CANP_MF4_VLSD_BYTES_MISSING = 0x20,  /* of VLSD channel groups */
    CANP_MF4_VLSD_OFFSET_MISSING = 0x40, /* payloads belong to records by their order */
};

/* ---- blocks ------------------------------------------------------------------------------------------ */

struct canp_mf4_file {
    struct canp_source *source;
    int copy; /* of a pipe or compressed file, unnamed; -1: the source itself */
    uint64_t begin, bytes;
    uint64_t to_walk;       /* bytes of blocks that may still be walked: no block is twice in a sound file */
    uint16_t unfinished;    /* enum canp_mf4_unfinished */
    unsigned streams;       /* how many are read at once */
    size_t held;            /* bytes of unpacked blocks in memory */
    int pages;              /* unpacked blocks beyond CANP_MF4_HELD_MAX, unnamed; -1: none yet */
    unsigned page_count;    /* places given there */
    uint8_t *packed, *flat; /* one block each; NULL: none needed yet */
};

struct canp_mf4_block {
    uint64_t offset, bytes, links;
    char type[4]; /* "##CG": not terminated */
};

/* The source as a file in which one can go to and fro. 0 or an error with reader->why. */
int canp_mf4_file_open(struct canp_log_reader *reader, struct canp_mf4_file *file);
void canp_mf4_file_close(struct canp_mf4_file *file);
/* How many bytes there are, fewer at the end, or an error. */
int64_t canp_mf4_read(struct canp_mf4_file *file, uint64_t offset, void *to, size_t bytes);
/* A file without a name, for what does not fit into memory, or an error. */
int canp_mf4_unnamed_file(void);

/* A block's head: 0; -CANP_E_DAMAGED: none is there, or the blocks lead in a circle. */
int canp_mf4_block_at(struct canp_mf4_file *file, uint64_t offset, struct canp_mf4_block *out);
static inline bool canp_mf4_is(const struct canp_mf4_block *block, const char type[2])
{
    return memcmp(block->type, "##", 2) == 0 && memcmp(block->type + 2, type, 2) == 0;
}
/* A block of the given type with so many links and bytes behind them at least, whose links and first bytes
 * are copied. More links and bytes are left. */
int canp_mf4_take(struct canp_mf4_file *file, uint64_t offset, const char type[2], uint64_t *links,
                  unsigned link_count, uint8_t *data, size_t data_bytes);
/* A text's beginning, terminated; "" where there is none. Does not count as a block walked: texts may be
 * shared. */
void canp_mf4_text(struct canp_mf4_file *file, uint64_t offset, char out[CANP_MF4_NAME_BYTES]);

static inline uint16_t canp_mf4_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}
static inline uint32_t canp_mf4_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint64_t canp_mf4_u64(const uint8_t *at)
{
    return canp_mf4_u32(at) | (uint64_t)canp_mf4_u32(at + 4) << 32;
}
static inline double canp_mf4_double(const uint8_t *at)
{
    uint64_t bits = canp_mf4_u64(at);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* To the nearest whole number, of numbers within int64_t: without libm. */
static inline int64_t canp_mf4_round(double value)
{
    return (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* ---- streams: the data of blocks, one behind the other ----------------------------------------------- */

/* data[at..end) is in memory and unread; CANP_MF4_SLACK bytes behind it can be read. */
#define CANP_MF4_SLACK 8U
struct canp_mf4_stream {
    uint8_t *data;
    size_t capacity, at, end;
    size_t held;         /* of file->held, this stream's part */
    uint64_t passed;     /* bytes of the stream before data[0] */
    bool is_plain;       /* what is in memory ends at `from` in the file */
    bool is_paged;       /* what is left lies in file->pages, not in the file */
    uint64_t from, left; /* of the block that is read: not in memory yet */
    uint64_t block;      /* the block's offset, of messages */
    uint64_t list;       /* the DL or LD block: its offset, 0 = none */
    uint64_t list_at, list_count, list_next;
    unsigned page; /* 1 + its place in file->pages; 0: none yet */
    bool is_over;
    int error;          /* of reading, negative */
    const char *reason; /* static: why it ended before its end; of file offset `block` */
};

/* Does the data lie in columns (LD, DV), so that records have no bytes of invalidation? */
bool canp_mf4_is_column(struct canp_mf4_file *file, uint64_t root);
/* Begins with the block or list at `root`; 0: there are no data. */
void canp_mf4_stream_open(struct canp_mf4_file *file, struct canp_mf4_stream *stream, uint64_t root);
void canp_mf4_stream_close(struct canp_mf4_file *file, struct canp_mf4_stream *stream);
/* How many bytes are in memory, up to `bytes` or more; fewer at the end; or an error. */
int64_t canp_mf4_fill(struct canp_mf4_file *file, struct canp_mf4_stream *stream, size_t bytes);
static inline bool canp_mf4_need(struct canp_mf4_file *file, struct canp_mf4_stream *stream, size_t bytes)
{
    return __builtin_expect(stream->end - stream->at >= bytes, 1) ||
           canp_mf4_fill(file, stream, bytes) >= (int64_t)bytes;
}
/* Where in the file the unread bytes are, of messages: of packed data, the block. */
static inline uint64_t canp_mf4_where(const struct canp_mf4_stream *stream)
{
    return stream->is_plain ? stream->from - (stream->end - stream->at) : stream->block;
}
/* Passes over so many bytes: false where the data end before. */
bool canp_mf4_skip(struct canp_mf4_file *file, struct canp_mf4_stream *stream, uint64_t bytes);

/* ---- plans: where in a record the values are --------------------------------------------------------- */

/* A value of up to 64 bits: ((the 8 bytes at `byte`, swapped when is_big) >> shift & mask) + constant. */
struct canp_mf4_field {
    uint64_t mask, constant;
    uint16_t byte;
    uint8_t shift, bits;
    bool is_there, is_big, is_text, is_signed, is_float;
};

enum canp_mf4_kind {
    CANP_MF4_OTHER, /* no CAN: passed over */
    CANP_MF4_DATA,
    CANP_MF4_REMOTE,
    CANP_MF4_ERROR,
    CANP_MF4_EVENT, /* canp's own: what is no frame, as text */
    CANP_MF4_VLSD,  /* payloads of another group */
};

enum canp_mf4_payload {
    CANP_MF4_NO_BYTES,
    CANP_MF4_INLINE,
    CANP_MF4_FAR, /* the record has an offset: into the group `vlsd`, or the stream `far` */
};

struct canp_mf4_group {
    uint64_t offset; /* of the CG block */
    uint64_t id, cycles;
    uint32_t bytes; /* of a record, behind its number */
    uint32_t data_bytes;
    uint8_t kind;    /* enum canp_mf4_kind */
    uint8_t payload; /* enum canp_mf4_payload */
    bool has_lengths, is_usable;
    const char *what; /* static, in plural: of CANP_MF4_OTHER */
    struct canp_mf4_field time, bus, number, extended, dlc, length, dir, edl, brs, esi, error_type, class_of;
    struct canp_mf4_field place;  /* of a payload elsewhere */
    uint32_t bytes_at, bytes_max; /* of a payload here */
    int64_t time_scale;           /* ns of one step; 0: by the doubles */
    double time_factor_ns, time_offset_ns;
    uint8_t lengths[256]; /* has_lengths: what stands for a DataLength */
    uint64_t far_link;
    struct canp_mf4_group *vlsd;
    struct canp_mf4_stream *far;
    /* Of CANP_MF4_VLSD: the place of the next payload, and the last one, which may stand before its record.
     */
    uint64_t next_place, last_place;
    uint32_t last_bytes; /* UINT32_MAX: none */
    uint8_t last[64];
};

/* A data group whose records are read: the next one waits in `head`. */
struct canp_mf4_lane {
    struct canp_mf4_stream data;
    struct canp_mf4_group *groups;
    unsigned group_count;
    unsigned id_bytes;
    uint16_t by_id[256]; /* 1 + which group has this number, of numbers below 256 */
    struct canp_record head;
    union canp_log_store store;
};

struct canp_mf4_reading {
    struct canp_mf4_file file;
    int64_t start_ns;
    struct canp_mf4_lane **lanes; /* a heap by the heads' times where there are several */
    unsigned lane_count;
    bool is_merged;      /* lanes[] is a heap */
    int channel_of[256]; /* 1 + the channel of a bus's number; 0: not met yet */
};

/* Reads the blocks up to the channels, and makes the lanes. 0 or an error with reader->why. */
int canp_mf4_open_groups(struct canp_log_reader *reader, uint64_t first_dg);
void canp_mf4_free_lane(struct canp_mf4_file *file, struct canp_mf4_lane *lane);
/* What a channel says of its group. `name` is whole: CAN_DataFrame.ID. */
int canp_mf4_plan_channel(struct canp_mf4_file *file, struct canp_mf4_group *group, const char *name,
                          const uint8_t *data, const uint64_t *links);
/* All channels are known: is the plan whole? */
void canp_mf4_plan_end(struct canp_mf4_group *group);

/* The lane's next record: 1; 0 at the end; or an error. It lies in lane->store. */
int canp_mf4_lane_next(struct canp_log_reader *reader, struct canp_mf4_lane *lane, struct canp_record *out);
#endif

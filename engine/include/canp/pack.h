/*
 * The packed form of a block's rows: a pure codec, no I/O.
 *
 * Packing gathers the rows of a block into lanes (same channel, kind, direction, id, length and flags: every
 * row byte but time, payload and hardware stamp is common), stores a lane's times as differences from its
 * period, its payload as byte planes of differences from the row before, and compresses groups of lanes with
 * LZ4. The recorded order is restored from the times and a list of exceptions. engine/FORMAT.md has every
 * byte of it. What comes out of canp_unpack() is byte for byte what went into canp_pack().
 *
 * Threads: a packer or unpacker is scratch memory; it belongs to one thread at a time. All memory is taken by
 * the open functions; nothing allocates afterwards.
 */
#ifndef CANP_PACK_H
#define CANP_PACK_H

#include <stddef.h>

#include <canp/error.h>
#include <canp/rows.h>

CANP_BEGIN_DECLS

/* A block with more rows than this is never packed. */
#define CANP_PACK_ROWS_MAX 65535U

/* Largest block a packer or unpacker can be opened for. */
#define CANP_PACK_BYTES_MAX (16U << 20)

/* How hard to compress; any unpacker reads all of them. */
enum canp_pack_level {
    CANP_PACK_FAST = 0,    /* LZ4: keeps up with any bus */
    CANP_PACK_ARCHIVE = 1, /* LZ4HC: some per cent smaller, several times slower to pack, as fast to unpack */
};

struct canp_packer;
struct canp_unpacker;

/*
 * Owned: *out, freed by canp_packer_close(). Packs blocks of up to max_rows_bytes of rows.
 * Errors: -ENOMEM, -EINVAL (a level that does not exist, a size of 0 or above CANP_PACK_BYTES_MAX).
 */
CANP_API int canp_packer_open(size_t max_rows_bytes, enum canp_pack_level level, struct canp_packer **out);
CANP_API void canp_packer_close(struct canp_packer *packer); /* NULL is allowed */

/*
 * Packs `rows_bytes` bytes of rows into `out`. Returns the packed size, a multiple of 8, below rows_bytes and
 * within out_capacity; 0 when packing does not gain (then keep the rows); -CANP_E_DAMAGED when the rows are
 * malformed; -EINVAL when there are more bytes than the packer was opened for. After anything but a size,
 * what `out` holds is unspecified.
 */
CANP_API int64_t canp_pack(struct canp_packer *packer, const uint8_t *rows, size_t rows_bytes, uint8_t *out,
                           size_t out_capacity);

/* Owned: *out, freed by canp_unpacker_close(). Unpacks blocks of up to max_rows_bytes of rows. -ENOMEM,
 * -EINVAL.
 */
CANP_API int canp_unpacker_open(size_t max_rows_bytes, struct canp_unpacker **out);
CANP_API void canp_unpacker_close(struct canp_unpacker *unpacker); /* NULL is allowed */

/*
 * Restores the rows: bytes written, or -CANP_E_DAMAGED (also when they exceed rows_capacity or what the
 * unpacker was opened for). `packed` may be anything: nothing outside of packed[0..packed_bytes) is read,
 * nothing outside of rows[0..rows_capacity) written, the time is bounded by the sizes, and rows that are
 * returned pass canp_rows_check(). Whether they are the right ones is for the block's checksum to say.
 */
CANP_API int64_t canp_unpack(struct canp_unpacker *unpacker, const uint8_t *packed, size_t packed_bytes,
                             uint8_t *rows, size_t rows_capacity);

/* One lane of a packed block: rows alike in everything but time, payload and hardware stamp. */
struct canp_lane {
    uint32_t rows;      /* how many, at least 1 */
    uint32_t row_bytes; /* size of each */
    uint32_t id;        /* frames: id with its CANP_ID_* flags (XL: prio); events: code */
    uint16_t tag;       /* as in the rows: canp/rows.h */
    uint8_t channel;    /* parts of the tag */
    uint8_t kind;       /* enum canp_kind */
    uint8_t dir;        /* enum canp_dir */
    bool has_hw_time;   /* each row ends with a hardware stamp */
    int64_t first_ns;   /* time of its first row, relative to the block's base time */
    uint8_t head[8];    /* the 8 bytes behind the stamp of each row: id, len, flags, ... */
};

/*
 * Reads the directory of a packed block, not its rows. Returns the number of lanes or -CANP_E_DAMAGED.
 * Borrowed: *lanes stays valid until the next call on this unpacker other than canp_unpack_lanes() and
 * canp_unpack_lane(). The order of lanes is by channel, kind and direction, id.
 */
CANP_API int64_t canp_packed_lanes(struct canp_unpacker *unpacker, const uint8_t *packed, size_t packed_bytes,
                                   const struct canp_lane **lanes);

/*
 * Restores the rows of the lanes l with chosen[l] != 0, in recorded order, of the block last given to
 * canp_packed_lanes() (`packed` must still be there, unchanged). Lanes that are not chosen are not decoded,
 * except as far as LZ4 groups hold several and where the recorded order cannot be told from the chosen lanes
 * alone. positions, when not NULL, has room for the chosen rows and receives each one's index in the whole
 * block; this needs the times of all lanes and takes about half as long as unpacking everything.
 * Returns bytes written or -CANP_E_DAMAGED, also when rows_capacity does not suffice.
 */
CANP_API int64_t canp_unpack_lanes(struct canp_unpacker *unpacker, const uint8_t *chosen, uint8_t *rows,
                                   size_t rows_capacity, uint32_t *positions);

/* The same for one lane, -EINVAL for one that does not exist. */
CANP_API int64_t canp_unpack_lane(struct canp_unpacker *unpacker, size_t lane, uint8_t *rows,
                                  size_t rows_capacity, uint32_t *positions);

CANP_END_DECLS

#endif

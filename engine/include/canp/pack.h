/*
 * Packs and unpacks the rows of a block: a codec without I/O.
 *
 * Packing gathers the rows of a block into lanes (same channel, kind, direction, id, length and flags: every
 * row byte but time, payload and hardware stamp is common), stores a lane's times as differences from its
 * period, its payload as byte planes of differences from the row before, and compresses groups of lanes with
 * LZ4. The recorded order is restored from the times and a list of exceptions. engine/FORMAT.md describes
 * every byte. canp_unpack() restores exactly the bytes that canp_pack() got.
 *
 * Threads: a packer or unpacker is scratch memory and belongs to one thread at a time. The open functions
 * allocate it all; nothing else allocates.
 */
#ifndef CANP_PACK_H
#define CANP_PACK_H

#include <stddef.h>

#include <canp/error.h>
#include <canp/rows.h>

CANP_BEGIN_DECLS

/* A block with more rows than this is never packed. */
#define CANP_PACK_ROWS_MAX 65535U

/* The largest block that a packer or unpacker can be opened for. */
#define CANP_PACK_BYTES_MAX (16U << 20)

/* How hard to compress; an unpacker reads all levels. */
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
 * within out_capacity; 0 when packing saves nothing (then keep the rows); -CANP_E_DAMAGED when the rows are
 * malformed; -EINVAL when there are more bytes than the packer was opened for. Unless it returns a size, the
 * content of `out` is unspecified.
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
 * unpacker was opened for). `packed` need not be trusted: nothing outside of packed[0..packed_bytes) is read
 * and nothing outside of rows[0..rows_capacity) written, the time is bounded by the sizes, and the returned
 * rows pass canp_rows_check(). That they are the original rows, only the block's checksum can tell.
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
 * canp_unpack_lane(). Lanes are in order of channel, then kind and direction, then id.
 */
CANP_API int64_t canp_packed_lanes(struct canp_unpacker *unpacker, const uint8_t *packed, size_t packed_bytes,
                                   const struct canp_lane **lanes);

/*
 * Restores the rows of the lanes l with chosen[l] != 0, in recorded order, of the block last given to
 * canp_packed_lanes() (`packed` must still be there, unchanged). Other lanes are decoded only when they share
 * an LZ4 group with a chosen one, or when the recorded order depends on their times. positions, when not
 * NULL, has room for the chosen rows and receives the index of each in the whole block; this decodes the
 * times of all lanes and takes about half as long as unpacking everything.
 * Returns bytes written or -CANP_E_DAMAGED, also when rows_capacity is too small.
 */
CANP_API int64_t canp_unpack_lanes(struct canp_unpacker *unpacker, const uint8_t *chosen, uint8_t *rows,
                                   size_t rows_capacity, uint32_t *positions);

/* The same for one lane; -EINVAL when it does not exist. */
CANP_API int64_t canp_unpack_lane(struct canp_unpacker *unpacker, size_t lane, uint8_t *rows,
                                  size_t rows_capacity, uint32_t *positions);

CANP_END_DECLS

#endif

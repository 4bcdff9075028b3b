/*
 * A segment opened for reading: its header, its seal when there is one, and its blocks by offset.
 *
 * Invariant: only blocks whose header was found in the file are touched in the mapping. A writer truncates a
 * segment only behind its last block, so the truncation cannot hurt a reader. One thread at a time.
 *
 * Bytes must not change between their check and their use. Therefore a mapping is used only when nobody but
 * this user and root may write to the file: another user could change a length after the check. Other files,
 * and files that cannot be mapped (FUSE with direct_io, 9p, no address space left), are read block by block
 * into a buffer.
 */
#ifndef CANP_ENGINE_SEGMENT_READER_H
#define CANP_ENGINE_SEGMENT_READER_H

#include <canp/pools/buf.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mapped.h>
#include <canp/pools/mempool.h>

#include "format.h"
#include "index.h"

struct segment_reader {
    int fd;
    bool sealed;
    uint64_t file_bytes;
    uint64_t map_bytes;
    struct canp_mapped *mapped; /* our reference; map is its memory */
    struct canp_mapcache *maps; /* where sealed segments stay mapped; NULL: nowhere */
    const uint8_t *map;
    uint64_t chain_end; /* blocks were met one by one, from the first up to here */
    uint64_t run_end;   /* behind the block met last, */
    unsigned run;       /* and how many were met one behind the other before it */
    uint64_t at_hand;   /* up to here pages were mapped ahead */
    bool by_copy; /* blocks are read into memory of our own: others may write to the file, or it cannot be
                     mapped */
    struct canp_mempool *buffers; /* for that; borrowed */
    struct canp_mbuf copy;        /* the block read last */
    uint8_t *index_copy;          /* owned */
    struct seg_header header;
    bool header_mended;   /* a bit of it is wrong in the file */
    struct seg_seal seal; /* when sealed */
};

/* Opens dir_fd/name (or name alone with AT_FDCWD). 0, -errno, -CANP_E_FORMAT, -CANP_E_DAMAGED,
 * -CANP_E_VERSION. */
int canp_segment_reader_open(struct segment_reader *s, int dir_fd, const char *name);
void canp_segment_reader_close(struct segment_reader *s);

/* Is what the mapping shows still the file's? -CANP_E_LOST once the file was cut, or could not be read (told
 * where canp_sigbus_guard_install() was called; elsewhere SIGBUS comes instead). */
static inline int segment_reader_status(const struct segment_reader *s)
{
    return s->mapped ? canp_mapped_status(s->mapped) : 0;
}

/* Looks again at the size and the seal. */
int canp_segment_reader_refresh(struct segment_reader *s);

struct segment_block {
    uint64_t offset;
    uint64_t end; /* where the next block begins */
    struct block_header header;
    const uint8_t *payload; /* in the mapping, until canp_segment_reader_close(); when by_copy until the next
                             * block is read, or as long as somebody shares segment_reader.copy */
    bool chained;           /* the blocks from the first on lead here: no leap to anywhere */
    bool checked;           /* canp_segment_reader_note_checked() was told of it since the file was mapped */
};

/*
 * The block at this offset, its checksum tested; not again where canp_segment_reader_note_checked() was told
 * of it. 1 and *out; 0 when there is none (the end, or not yet); -CANP_E_DAMAGED when there is something that
 * is no block; -CANP_E_LOST when the file was cut under us.
 */
int canp_segment_reader_block_at(struct segment_reader *s, uint64_t offset, struct segment_block *out);

/*
 * All of this block is in order: checksum, rows. Kept with the mapping, and so forgotten with it, or when the
 * file is another one or was changed. It counts where all blocks in front were, too.
 */
void canp_segment_reader_note_checked(struct segment_reader *s, const struct segment_block *b);

/* The header at an offset, unchecked. 1, 0 when the file ends before, or an error. */
int canp_segment_reader_header_at(const struct segment_reader *s, uint64_t offset, struct block_header *h);

/* The index of a sealed segment, checked. In the mapping, until canp_segment_reader_close(). False when there
 * is none to rely on. */
bool canp_segment_reader_index(struct segment_reader *s, struct index_view *out);

/* The rows' bytes of all blocks, by their headers. 0, or -CANP_E_DAMAGED when they do not lead to the end. */
int canp_segment_reader_rows_bytes(const struct segment_reader *s, uint64_t *out);

/* The first whole block behind a damaged place, with a sequence number of at least seq_min. 1, 0 or an error.
 */
int canp_segment_reader_block_after(struct segment_reader *s, uint64_t offset, uint32_t seq_min,
                                    struct segment_block *out);

#endif

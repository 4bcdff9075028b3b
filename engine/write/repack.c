/*
 * Packs or unpacks one segment: reads its blocks, gathers the rows into blocks of full size, writes these to
 * a new file and renames it over the old one (canp/repack.h). One thread per struct repack; a segment that
 * another process packs is refused.
 */
#include "repack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "read/cursor_priv.h"
#include "segment/block_counts.h"
#include "segment/segment_file.h"

/* Rows of a block, at most: 21,845 classic frames of 8 bytes; twice that where reading may take longer. */
#define BLOCK_ROWS_BYTES   (512U << 10)
#define ARCHIVE_ROWS_BYTES (1U << 20)
#define BLOCK_SLACK_BYTES  4096U /* more than a row: blocks of equal size end as rows do */

static uint32_t rows_bytes_max(const struct repack *r)
{
    return r->opts.level == CANP_PACK_ARCHIVE && !r->opts.unpack ? ARCHIVE_ROWS_BYTES : BLOCK_ROWS_BYTES;
}

static void gather_begin(struct repack *r)
{
    canp_rowbuf_init(&r->gather, r->rows, r->block_bytes);
}

int canp_repack_open(struct repack *r, const struct canp_repack_opts *opts)
{
    memset(r, 0, sizeof(*r));
    r->opts = *opts;
    r->block_bytes = rows_bytes_max(r);
    r->rows = aligned_alloc(64, r->block_bytes);
    r->packed = aligned_alloc(64, r->block_bytes);
    if (!r->rows || !r->packed || canp_packer_open(r->block_bytes, opts->level, &r->packer) < 0) {
        canp_repack_close(r);
        return -ENOMEM;
    }
    gather_begin(r);
    return 0;
}

void canp_repack_close(struct repack *r)
{
    canp_packer_close(r->packer);
    free(r->rows);
    free(r->packed);
    canp_index_release(&r->index);

    memset(r, 0, sizeof(*r));
}

/* Packed when that gains; raw for a reader's quick look when it names channels. */
static int commit_gathered(struct repack *r, struct segment_writer *out)
{
    struct canp_rowbuf *g = &r->gather;
    if (g->records == 0)
        return 0;
    int64_t packed = 0;
    if (!r->opts.unpack && !(g->flags & CANP_BLOCK_HAS_IFACES))
        packed = canp_pack(r->packer, g->data, g->used_bytes, r->packed, r->block_bytes - 8);
    if (packed < 0)
        return (int)packed;
    int error = packed > 0 ? canp_segment_writer_commit_packed(out, g, r->packed, (uint32_t)packed)
                           : canp_segment_writer_commit(out, g);
    gather_begin(r);
    return error;
}

static int gather_record(struct repack *r, struct segment_writer *out, const struct canp_record *record)
{
    int error = canp_rowbuf_put_record(&r->gather, record);
    if (error != -ENOSPC)
        return error;
    error = commit_gathered(r, out);
    return error < 0 ? error : canp_rowbuf_put_record(&r->gather, record);
}

static int gather_block(struct repack *r, struct segment_writer *out, const struct canp_cursor *c)
{
    bool alone = c->block.header.flags & CANP_BLOCK_HAS_IFACES;
    int error = alone ? commit_gathered(r, out) : 0;
    for (size_t at = 0; error == 0 && at < c->rows_bytes;) {
        struct canp_record record;
        canp_row_read(c->head.rows + at, c->head.base_ns, &record);
        error = gather_record(r, out, &record);
        at += record.row_bytes;
    }
    return error == 0 && alone ? commit_gathered(r, out) : error;
}

static int copy_blocks(struct repack *r, struct segment_writer *out, struct canp_cursor *c)
{
    int error;
    while ((error = canp_cursor_next_block(c)) == 1) {
        error = gather_block(r, out, c);
        if (error < 0)
            return error;
    }
    return error < 0 ? error : commit_gathered(r, out);
}

/* Is there anything to be done? Packed segments have packed blocks, or none that gain. */
static bool is_as_wanted(const struct repack *r, const struct segment_reader *s)
{
    return r->opts.unpack ? s->seal.packed_bytes == 0 : s->seal.packed_bytes != 0 || s->seal.frames == 0;
}

/* Blocks of equal size, so that none is small: a small block costs more bytes a frame. */
static void set_block_bytes(struct repack *r, uint64_t rows_bytes)
{
    uint32_t most = rows_bytes_max(r), least = most / 4;
    uint64_t blocks = rows_bytes / (most - BLOCK_SLACK_BYTES) + 1;
    uint64_t even = (rows_bytes / blocks + BLOCK_SLACK_BYTES) & ~UINT64_C(7);
    r->block_bytes = even < least ? least : even > most ? most : (uint32_t)even;
}

/* Counts by channel never take more than half of the rows: there is one of 16 bytes or more for each. */
static uint64_t file_bytes_max(uint64_t rows_bytes, uint64_t blocks, uint32_t counts_bytes)
{
    uint64_t counts = 2 * blocks * counts_bytes;
    uint64_t bytes = SEG_HEADER_BYTES + rows_bytes + 2 * blocks * sizeof(struct block_header) +
                     (counts < rows_bytes / 2 ? counts : rows_bytes / 2);
    return (bytes + 8191) & ~UINT64_C(4095);
}

/* Beside the file of that number: its header may say another one, which is another file's name. */
static int write_beside(struct repack *r, int dir_fd, uint64_t number, const struct segment_reader *s,
                        struct canp_cursor *c, struct segment_writer **out)
{
    struct segment_writer_identity identity = {.created_realtime_ns = s->header.created_realtime_ns,
                                               .created_monotonic_ns = s->header.created_monotonic_ns};
    memcpy(identity.recording, s->header.recording, sizeof(identity.recording));
    memcpy(identity.boot_id, s->header.boot_id, sizeof(identity.boot_id));
    if (!r->opts.unpack) {
        identity.incompat = SEG_INCOMPAT_SHORT | SEG_INCOMPAT_FOLLOW;
        identity.header_bytes = SEG_BLOCKS_MIN;
    }
    /* Rows of one block may need a few blocks' headers more; where times are far apart each block stays one;
     * unpacked, some 8 times the packed size is not enough. */
    uint64_t rows_bytes = 0;
    int error = canp_segment_reader_rows_bytes(s, &rows_bytes);
    if (error < 0)
        return error;
    set_block_bytes(r, rows_bytes);
    uint64_t blocks_max = s->file_bytes / sizeof(struct block_header);
    uint64_t blocks = s->seal.blocks < blocks_max ? s->seal.blocks : blocks_max;
    uint64_t size = file_bytes_max(rows_bytes, rows_bytes / r->block_bytes + blocks + 64,
                                   block_counts_bytes(s->seal.channel_mask));
    error = canp_segment_writer_create(dir_fd, number, size, size, &identity, out);
    if (error == 0)
        error = canp_segment_file_take_after((*out)->fd, s->fd);
    if (error < 0)
        return error;
    gather_begin(r);
    canp_index_begin(&r->index);
    (*out)->index = &r->index;
    error = copy_blocks(r, *out, c);
    return error < 0 ? error : canp_segment_writer_seal(*out, false, NULL);
}

/* The new file must hold what the old one holds; then it takes its name. */
static int swap_in(struct repack *r, int dir_fd, const struct segment_reader *s, struct segment_writer *out,
                   uint32_t damaged)
{
    if (damaged || out->seal.records != s->seal.records || out->seal.frames != s->seal.frames) {
        r->stats.damaged++;
        return 0;
    }
    r->stats.bytes_before += s->file_bytes;
    r->stats.bytes_after += out->seal.blocks_end + out->seal.index_bytes;
    r->stats.frames += s->seal.frames;
    int error = canp_segment_writer_replace(out);
    if (error < 0)
        return error;
    r->replaced = true;
    r->stats.changed++;
    return fsync(dir_fd) < 0 && errno != EINVAL ? -errno : 1;
}

static int repack_open_segment(struct repack *r, struct canp_reader *reader, int dir_fd, uint64_t number)
{
    struct canp_cursor *c;
    struct segment_reader s;
    int error = canp_reader_open_segment(reader, number, &s);
    if (error < 0)
        return error;
    if (!s.sealed || is_as_wanted(r, &s)) {
        r->stats.unsealed += !s.sealed;
        canp_segment_reader_close(&s);
        return 0;
    }
    struct segment_writer *out = NULL;
    error = canp_cursor_open(reader, NULL, &c);
    if (error == 0) {
        error = write_beside(r, dir_fd, number, &s, c, &out);
        if (error == 0)
            error = swap_in(r, dir_fd, &s, out, c->damaged);
        canp_cursor_close(c);
    }
    canp_segment_writer_free(out);
    canp_segment_reader_close(&s);
    return error;
}

int canp_repack_segment(struct repack *r, int dir_fd, uint64_t number)
{
    struct canp_reader *reader;
    int error = canp_reader_of_segment(dir_fd, number, &reader);
    r->stats.segments++;
    r->replaced = false;
    if (error == 0) {
        reader->stop = r->opts.stop;
        error = repack_open_segment(r, reader, dir_fd, number);
        canp_reader_close(reader);
    }
    if (error == -CANP_E_DAMAGED || error == -CANP_E_FORMAT) {
        r->stats.damaged++;
        return 0;
    }
    return error;
}

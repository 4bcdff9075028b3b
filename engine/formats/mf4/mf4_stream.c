/*
 * The data of a group as one stream of bytes, whatever blocks hold them (mf4_parts.h). Invariant: at <= end
 * <= capacity, and CANP_MF4_SLACK bytes behind `end` belong to the buffer. Memory: for plain blocks a piece
 * of the file; for packed blocks one unpacked block per stream, as long as all together stay below
 * CANP_MF4_HELD_MAX; more are kept in an unnamed file. One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "formats/blf/blf_parts.h"
#include "formats/mf4/mf4_parts.h"

#define PIECE_MAX    (256U * 1024)
#define PIECE_MIN    (16U * 1024)
#define PIECES_ALL   (8U * 1024 * 1024) /* of all streams together */
#define DEPTH_MAX    4U                 /* HL leads to DL, which leads to data */
#define ROWS_AT_ONCE 64U

/* ---- memory ------------------------------------------------------------------------------------------ */

static size_t piece_bytes(const struct canp_mf4_file *file)
{
    size_t piece = PIECES_ALL / (file->streams ? file->streams : 1);
    return piece > PIECE_MAX ? PIECE_MAX : piece < PIECE_MIN ? PIECE_MIN : piece;
}

/* Room for so many bytes behind `end`; what is unread moves to the beginning. */
static int make_room(struct canp_mf4_stream *stream, size_t bytes)
{
    size_t there = stream->end - stream->at;
    if (stream->data && stream->at) {
        memmove(stream->data, stream->data + stream->at, there);
        stream->passed += stream->at;
        stream->at = 0;
        stream->end = there;
    }
    if (stream->data && stream->capacity - there >= bytes)
        return 0;
    uint8_t *data = realloc(stream->data, there + bytes + CANP_MF4_SLACK);
    if (!data)
        return -ENOMEM;
    stream->data = data;
    stream->capacity = there + bytes;
    memset(data + stream->capacity, 0, CANP_MF4_SLACK);
    return 0;
}

static int stop(struct canp_mf4_stream *stream, const char *reason, uint64_t block)
{
    stream->is_over = true;
    stream->left = 0;
    stream->reason = reason;
    stream->block = block;
    return 0;
}

/* ---- packed blocks ----------------------------------------------------------------------------------- */

struct packed {
    uint64_t offset;
    size_t packed, unpacked;
    uint32_t columns; /* 0: not transposed */
    bool is_sound;
};

/* A table that was stored column by column, for better packing. What is no whole row stands behind it. */
static void turn_back(const uint8_t *from, uint8_t *to, size_t bytes, size_t columns)
{
    size_t rows = bytes / columns;
    for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        size_t last = rows - first < ROWS_AT_ONCE ? rows : first + ROWS_AT_ONCE;
        for (size_t column = 0; column < columns; column++) {
            for (size_t row = first; row < last; row++)
                to[row * columns + column] = from[column * rows + row];
        }
    }
    memcpy(to + rows * columns, from + rows * columns, bytes - rows * columns);
}

static uint8_t *scratch(uint8_t **buffer)
{
    if (!*buffer)
        *buffer = malloc(CANP_MF4_UNPACKED_MAX + CANP_MF4_SLACK);
    return *buffer;
}

/* How many bytes came out, all that are good; or an error. */
static int64_t unpack(struct canp_mf4_file *file, struct packed *p, uint8_t *to)
{
    uint8_t *from = scratch(&file->packed);
    uint8_t *first = p->columns > 1 ? scratch(&file->flat) : to;
    if (!from || !first)
        return -ENOMEM;
    int64_t n = canp_mf4_read(file, p->offset, from, p->packed);
    if (n < 0)
        return n;
    int64_t got = canp_blf_unpack(from, (size_t)n, first, p->unpacked, &p->is_sound);
    if (got < 0)
        return got;
    p->is_sound &= got == (int64_t)p->unpacked;
    if (p->columns <= 1)
        return got;
    if (got < (int64_t)p->unpacked)
        return 0; /* a part of the columns tells nothing */
    turn_back(first, to, p->unpacked, p->columns);
    return got;
}

/* Into a place of its own in file->pages, to be read from there piece by piece. */
static int unpack_to_pages(struct canp_mf4_file *file, struct canp_mf4_stream *stream, struct packed *p)
{
    uint8_t *whole = malloc(p->unpacked);
    if (!whole)
        return -ENOMEM;
    int64_t got = unpack(file, p, whole);
    if (got > 0 && file->pages < 0)
        file->pages = canp_mf4_unnamed_file();
    if (got > 0 && file->pages < 0)
        got = file->pages;
    if (!stream->page)
        stream->page = ++file->page_count;
    stream->from = (uint64_t)(stream->page - 1) * CANP_MF4_UNPACKED_MAX;
    for (int64_t done = 0; done < got;) {
        ssize_t n = pwrite(file->pages, whole + done, (size_t)(got - done), (off_t)stream->from + done);
        if (n < 0 && errno != EINTR)
            got = -errno;
        done += n > 0 ? n : 0;
    }
    free(whole);
    if (got < 0)
        return (int)got;
    stream->left = (uint64_t)got;
    stream->is_paged = true;
    if (!p->is_sound)
        stream->reason = "a ##DZ block cannot be unpacked as a whole";
    return 0;
}

static int unpack_here(struct canp_mf4_file *file, struct canp_mf4_stream *stream, struct packed *p)
{
    int r = make_room(stream, p->unpacked);
    if (r < 0)
        return r;
    file->held -= stream->held;
    stream->held = stream->capacity;
    file->held += stream->held;
    int64_t got = unpack(file, p, stream->data + stream->end);
    if (got < 0)
        return (int)got;
    stream->end += (size_t)got;
    stream->is_plain = false;
    if (!p->is_sound)
        stop(stream, "a ##DZ block cannot be unpacked as a whole", stream->block);
    return 0;
}

static int open_packed(struct canp_mf4_file *file, struct canp_mf4_stream *stream,
                       const struct canp_mf4_block *block)
{
    uint8_t head[24];
    uint64_t behind = CANP_MF4_HEAD_BYTES + 8 * block->links;
    if (block->bytes - behind < sizeof(head) ||
        canp_mf4_read(file, block->offset + behind, head, sizeof(head)) < (int64_t)sizeof(head))
        return stop(stream, "a ##DZ block is shorter than its head", block->offset);
    uint64_t unpacked = canp_mf4_u64(head + 8), packed = canp_mf4_u64(head + 16);
    if (head[2] > 1)
        return stop(stream, "a ##DZ block is packed by a method that is not known", block->offset);
    if (unpacked > CANP_MF4_UNPACKED_MAX || packed > CANP_MF4_UNPACKED_MAX)
        return stop(stream, "a ##DZ block claims more than 8 MiB", block->offset);
    if (packed > block->bytes - behind - sizeof(head))
        return stop(stream, "a ##DZ block is shorter than what it holds", block->offset);
    struct packed p = {block->offset + behind + sizeof(head), (size_t)packed, (size_t)unpacked, 0, false};
    if (head[2] == 1)
        p.columns = canp_mf4_u32(head + 4);
    if (p.columns > unpacked)
        return stop(stream, "a ##DZ block's rows are longer than the block", block->offset);
    if (unpacked == 0)
        return 0;
    size_t room = stream->end - stream->at + p.unpacked;
    bool is_much = room > stream->held && file->held + room - stream->held > CANP_MF4_HELD_MAX;
    int r = is_much ? unpack_to_pages(file, stream, &p) : unpack_here(file, stream, &p);
    return r == -CANP_E_FORMAT
               ? stop(stream, "a ##DZ block is packed by deflate, which this build cannot undo",
                      block->offset)
               : r;
}

/* ---- blocks and lists -------------------------------------------------------------------------------- */

static int open_list(struct canp_mf4_file *file, struct canp_mf4_stream *stream,
                     const struct canp_mf4_block *block)
{
    uint8_t raw[8];
    bool is_column = canp_mf4_is(block, "LD");
    uint64_t behind = CANP_MF4_HEAD_BYTES + 8 * block->links;
    if (block->links < 1 || block->bytes - behind < 8 ||
        canp_mf4_read(file, block->offset + behind, raw, 8) < 8)
        return stop(stream, "a list of data blocks is shorter than its head", block->offset);
    uint32_t count = canp_mf4_u32(raw + 4);
    if (canp_mf4_read(file, block->offset + CANP_MF4_HEAD_BYTES, raw, 8) < 8)
        return stop(stream, "a list of data blocks cannot be read", block->offset);
    stream->list = block->offset;
    stream->list_at = 0;
    stream->list_next = canp_mf4_u64(raw);
    stream->list_count = block->links - 1;
    if (count < stream->list_count && (is_column || !(file->unfinished & 0x10)))
        stream->list_count = count; /* an LD block has links to invalidation behind those to data */
    return 0;
}

static int open_plain(struct canp_mf4_file *file, struct canp_mf4_stream *stream,
                      const struct canp_mf4_block *block)
{
    uint64_t behind = CANP_MF4_HEAD_BYTES + 8 * block->links, there = file->bytes - block->offset;
    stream->from = block->offset + behind;
    stream->is_paged = false;
    bool is_open = block->bytes <= behind || block->bytes > there;
    if ((file->unfinished & CANP_MF4_LENGTH_MISSING) && is_open && canp_mf4_is(block, "DT")) {
        stream->left = there - behind;
        return 0;
    }
    stream->left = block->bytes - behind;
    if (block->bytes > there) {
        stream->left = there > behind ? there - behind : 0;
        stream->reason = "a block of data reaches beyond the end of the file";
    }
    return 0;
}

/* Whatever a link leads to. */
static int open_block(struct canp_mf4_file *file, struct canp_mf4_stream *stream, uint64_t offset)
{
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        struct canp_mf4_block block;
        uint8_t raw[8];
        int r = canp_mf4_block_at(file, offset, &block);
        if (r == -CANP_E_DAMAGED)
            return stop(stream, "a link to data leads nowhere, or in a circle", offset);
        if (r < 0)
            return r;
        stream->block = offset;
        if (canp_mf4_is(&block, "DT") || canp_mf4_is(&block, "DV") || canp_mf4_is(&block, "SD"))
            return open_plain(file, stream, &block);
        if (canp_mf4_is(&block, "DZ"))
            return open_packed(file, stream, &block);
        if (canp_mf4_is(&block, "DL") || canp_mf4_is(&block, "LD"))
            return open_list(file, stream, &block);
        if (!canp_mf4_is(&block, "HL") || block.links < 1 ||
            canp_mf4_read(file, offset + CANP_MF4_HEAD_BYTES, raw, 8) < 8)
            break;
        offset = canp_mf4_u64(raw);
        if (!offset)
            return 0;
    }
    return stop(stream, "a link to data leads to a block that holds none", offset);
}

/* The next block of the list: 1, 0 where there is none; or an error. */
static int next_block(struct canp_mf4_file *file, struct canp_mf4_stream *stream)
{
    uint8_t raw[8];
    uint64_t offset = 0;
    if (stream->reason) /* what could be had of a damaged block is read */
        return stop(stream, stream->reason, stream->block);
    while (!offset && stream->list && stream->list_at < stream->list_count) {
        if (canp_mf4_read(file, stream->list + CANP_MF4_HEAD_BYTES + 8 * ++stream->list_at, raw, 8) < 8)
            return stop(stream, "a list of data blocks is cut", stream->list);
        offset = canp_mf4_u64(raw);
    }
    if (!offset && stream->list) {
        offset = stream->list_next;
        stream->list = 0;
    }
    if (!offset) {
        stream->is_over = true;
        return 0;
    }
    int r = open_block(file, stream, offset);
    return r < 0 ? r : 1;
}

bool canp_mf4_is_column(struct canp_mf4_file *file, uint64_t root)
{
    uint8_t raw[CANP_MF4_HEAD_BYTES + 8] = {0};
    for (unsigned depth = 0; depth < 2; depth++) {
        if (canp_mf4_read(file, root, raw, sizeof(raw)) < (int64_t)sizeof(raw))
            return false;
        if (memcmp(raw, "##HL", 4) != 0)
            break;
        root = canp_mf4_u64(raw + CANP_MF4_HEAD_BYTES);
    }
    return memcmp(raw, "##LD", 4) == 0 || memcmp(raw, "##DV", 4) == 0;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

void canp_mf4_stream_open(struct canp_mf4_file *file, struct canp_mf4_stream *stream, uint64_t root)
{
    (void)file;
    *stream = (struct canp_mf4_stream){.list_next = root, .list = root ? 1 : 0, .is_over = root == 0};
}

void canp_mf4_stream_close(struct canp_mf4_file *file, struct canp_mf4_stream *stream)
{
    file->held -= stream->held;
    stream->held = 0;
    free(stream->data);
    stream->data = NULL;
    stream->at = stream->end = stream->capacity = 0;
    stream->is_over = true;
    stream->left = 0;
}

static int64_t read_piece(struct canp_mf4_file *file, struct canp_mf4_stream *stream)
{
    size_t bytes = piece_bytes(file);
    if (bytes > stream->left)
        bytes = (size_t)stream->left;
    int r = make_room(stream, bytes);
    if (r < 0)
        return r;
    stream->is_plain = !stream->is_paged;
    int64_t n = stream->is_paged ? pread(file->pages, stream->data + stream->end, bytes, (off_t)stream->from)
                                 : canp_mf4_read(file, stream->from, stream->data + stream->end, bytes);
    if (n < 0)
        return stream->is_paged ? -errno : n;
    if (n == 0) { /* the file was cut meanwhile */
        stop(stream, "a block of data cannot be read as a whole", stream->block);
        return 0;
    }
    stream->end += (size_t)n;
    stream->from += (uint64_t)n;
    stream->left -= (uint64_t)n;
    return n;
}

int64_t canp_mf4_fill(struct canp_mf4_file *file, struct canp_mf4_stream *stream, size_t bytes)
{
    while (stream->end - stream->at < bytes && !stream->error) {
        int64_t r = stream->left ? read_piece(file, stream) : stream->is_over ? 0 : next_block(file, stream);
        if (r < 0)
            return stream->error = (int)r;
        if (r == 0 && stream->is_over && !stream->left)
            break;
    }
    return (int64_t)(stream->end - stream->at);
}

bool canp_mf4_skip(struct canp_mf4_file *file, struct canp_mf4_stream *stream, uint64_t bytes)
{
    for (;;) {
        uint64_t there = stream->end - stream->at;
        uint64_t part = there < bytes ? there : bytes;
        stream->at += (size_t)part;
        bytes -= part;
        if (!bytes)
            return true;
        part = stream->left < bytes ? stream->left : bytes;
        stream->from += part;
        stream->left -= part;
        stream->passed += part;
        bytes -= part;
        if (bytes && canp_mf4_fill(file, stream, 1) <= 0)
            return false;
    }
}

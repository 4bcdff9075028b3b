/*
 * Fuzz target: anything as the index of a segment, with a right checksum. A whole sealed segment is there in
 * front of it; the reader must come through, and what is in the blocks must be found, whatever the index
 * says.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <canp/reader.h>
#include <canp/rows.h>

#include "segment/crc32c.h"
#include "segment/format.h" /* engine's own: the layout and the checksums */
#include "segment/index.h"

#define BLOCKS       3U
#define BLOCK_FRAMES 10U
#define SALT         UINT64_C(0x1122334455667788)
#define INDEX_MAX    (64U << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t file[SEG_HEADER_BYTES + 4096 + INDEX_MAX];
static size_t blocks_end;

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_index: %s\n", what);
    abort();
}

static void put_block(uint32_t seq)
{
    uint64_t rows[BLOCK_FRAMES * 3];
    struct canp_rowbuf rb;
    canp_rowbuf_init(&rb, rows, sizeof(rows));
    for (uint32_t i = 0; i < BLOCK_FRAMES; i++) {
        union canp_frame_store f = {{.id = 0x100 + i % 3, .len = 8}};
        must(canp_rowbuf_put_frame(&rb, 1000 * seq + i, canp_tag((uint8_t)(i % 2), CANP_KIND_CAN, 0),
                                   &f.frame) == 0,
             "a row");
    }
    struct block_header h = {.magic = BLOCK_MAGIC, .seq = seq, .stride = rb.stride, .records = rb.records};
    h.stored_bytes = h.rows_bytes = (uint32_t)rb.used_bytes;
    h.frames = rb.frames;
    h.base_ns = rb.base_ns;
    h.first_ns = rb.first_ns;
    h.last_ns = rb.last_ns;
    h.channel_mask = rb.channel_mask;
    h.id_filter = rb.id_filter;
    h.crc = canp_block_crc(&h, rows, SALT);
    memcpy(file + blocks_end, &h, sizeof(h));
    memcpy(file + blocks_end + sizeof(h), rows, rb.used_bytes);
    blocks_end += sizeof(h) + rb.used_bytes;
}

static void make_blocks(void)
{
    struct seg_header header = {
        .version = SEG_VERSION, .header_bytes = SEG_HEADER_BYTES, .salt = SALT, .number = 1};
    memcpy(header.magic, SEG_MAGIC, sizeof(header.magic));
    header.crc = canp_seg_header_crc(&header);
    memcpy(file, &header, sizeof(header));
    blocks_end = SEG_HEADER_BYTES;
    for (uint32_t seq = 0; seq < BLOCKS; seq++)
        put_block(seq);
}

static void put_index(const uint8_t *data, size_t size)
{
    struct index_header h;
    memcpy(file + blocks_end, data, size);
    if (size >= sizeof(h)) {
        memcpy(&h, data, sizeof(h));
        h.magic = INDEX_MAGIC;
        h.crc = canp_crc32c(0, &(uint64_t){SALT}, 8);
        h.crc = canp_crc32c(h.crc, data + offsetof(struct index_header, blocks),
                            size - offsetof(struct index_header, blocks));
        memcpy(file + blocks_end, &h, sizeof(h));
    }
    struct seg_seal seal = {.magic = SEAL_MAGIC,
                            .blocks_end = blocks_end,
                            .index_offset = blocks_end,
                            .index_bytes = size,
                            .blocks = BLOCKS,
                            .records = BLOCKS * BLOCK_FRAMES,
                            .frames = BLOCKS * BLOCK_FRAMES,
                            .last_ns = 1000 * BLOCKS,
                            .channel_mask = 3,
                            .id_filter = UINT64_MAX};
    seal.crc = canp_seg_seal_crc(&seal, SALT);
    memcpy(file + SEG_SEAL_OFFSET, &seal, sizeof(seal));
}

static void read_file(const char *path)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_info info;
    struct canp_record r;
    unsigned frames = 0;
    must(canp_reader_open(path, &reader, NULL) == 0, "it does not open");
    must(canp_reader_info(reader, &info) == 0, "no info");
    must(info.frames == BLOCKS * BLOCK_FRAMES, "the index is believed over the seal");
    must(canp_cursor_open(reader, NULL, &c) == 0, "no cursor");
    while (canp_cursor_next(c, &r) == 1)
        frames++;
    must(frames == BLOCKS * BLOCK_FRAMES, "frames are hidden by the index");
    canp_cursor_close(c);
    canp_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    if (size > INDEX_MAX)
        return 0;
    if (blocks_end == 0)
        make_blocks();
    put_index(data, size);
    int fd = memfd_create("segment", 0);
    must(fd >= 0 && write(fd, file, blocks_end + size) == (ssize_t)(blocks_end + size), "no file");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    read_file(path);
    close(fd);
    return 0;
}

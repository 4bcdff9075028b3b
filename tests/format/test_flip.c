/*
 * Every truncation and every single-bit flip of golden files, raw, packed and with an index: never a crash,
 * never a wrong record, always all records of the blocks that are whole, and damage is told. usage: flip_test
 * FILE...
 */
#include <canp/reader.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "segment/format.h" /* engine's own: where the blocks are */

#define FILE_MAX    16384U
#define RECORDS_MAX 2000U
#define BLOCKS_MAX  64U

static uint8_t good[FILE_MAX], copy[FILE_MAX];
static size_t good_bytes, header_bytes;
static struct {
    size_t from, to;       /* in the file */
    unsigned first, count; /* records */
} blocks[BLOCKS_MAX];
static unsigned block_count;
static uint64_t records[RECORDS_MAX]; /* hashes */
static unsigned record_count;
static uint32_t damaged_places; /* told by the last read_all(); one when it was refused */

static uint64_t hash(const struct canp_record *r)
{
    uint64_t h =
        (uint64_t)r->time_ns * 31 + (uint64_t)r->hw_time_ns * 17 + r->kind * 7U + r->channel * 3U + r->dir;
    for (uint32_t i = 0; i < r->row_bytes - 8 - (r->has_hw_time ? 8U : 0U); i++)
        h = (h ^ ((const uint8_t *)r->event)[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* The records of a file of these bytes, as hashes; how many. */
static unsigned read_all(const uint8_t *data, size_t bytes, uint64_t out[RECORDS_MAX])
{
    static int fd = -1;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    unsigned n = 0;
    char path[40];
    if (fd >= 0)
        close(fd);
    fd = memfd_create("segment", 0);
    if (fd < 0 || (bytes && pwrite(fd, data, bytes, 0) != (ssize_t)bytes))
        exit(1);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    damaged_places = 1;
    if (canp_reader_open(path, &reader, NULL) < 0)
        return 0;
    damaged_places = 0;
    if (canp_cursor_open(reader, NULL, &c) == 0) {
        while (n < RECORDS_MAX && canp_cursor_next(c, &r) == 1)
            out[n++] = hash(&r);
        damaged_places = canp_cursor_damaged(c);
        canp_cursor_close(c);
    }
    canp_reader_close(reader);
    return n;
}

static void find_blocks(void)
{
    struct block_header h;
    struct seg_header header;
    memcpy(&header, good, sizeof(header));
    header_bytes = header.header_bytes;
    block_count = 0;
    for (size_t at = header_bytes; at + sizeof(h) <= good_bytes && block_count < BLOCKS_MAX; block_count++) {
        memcpy(&h, good + at, sizeof(h));
        if (h.magic != BLOCK_MAGIC)
            break;
        blocks[block_count].from = at;
        at += sizeof(h) + h.stored_bytes;
        blocks[block_count].to = at;
        blocks[block_count].first =
            block_count ? blocks[block_count - 1].first + blocks[block_count - 1].count : 0;
        blocks[block_count].count = h.records;
    }
}

static int complain(const char *what, size_t at, unsigned bit)
{
    fprintf(stderr, "%s: byte %zu, bit %u\n", what, at, bit);
    return -1;
}

/* Exactly the records of all blocks but those from `hurt` up to `end`, which are told as damage. */
static int expect(size_t bytes, unsigned hurt, unsigned end, size_t at, unsigned bit)
{
    static uint64_t got[RECORDS_MAX];
    unsigned n = read_all(copy, bytes, got), i = 0;
    for (unsigned b = 0; b < block_count; b++) {
        for (unsigned k = 0; k < blocks[b].count && (b < hurt || b >= end); k++, i++) {
            if (i >= n || got[i] != records[blocks[b].first + k])
                return complain("a record of a whole block is missing, or a wrong one there", at, bit);
        }
    }
    if ((damaged_places > 0) != (hurt < end))
        return complain("damage that is not told, or none that is", at, bit);
    return i == n ? 0 : complain("more records than there are", at, bit);
}

static int flip(size_t at, unsigned bit)
{
    static uint64_t got[RECORDS_MAX];
    unsigned b = 0;
    if (at < SEG_SEAL_OFFSET) { /* the header, which its checksum mends */
        unsigned n = read_all(copy, good_bytes, got);
        return n == record_count && memcmp(got, records, n * sizeof(got[0])) == 0
                   ? 0
                   : complain("a bit of the header costs records", at, bit);
    }
    while (b < block_count && !(at >= blocks[b].from && at < blocks[b].to))
        b++;
    return expect(good_bytes, b, b < block_count ? b + 1 : b, at, bit);
}

static int flip_all(void)
{
    int r = 0;
    memcpy(copy, good, good_bytes);
    for (size_t at = 0; r == 0 && at < good_bytes; at++) {
        /* between the seal and the blocks there is nothing: a sample will do */
        if (at >= SEG_SEAL_OFFSET + 128 && at < header_bytes && at % 64 != 0)
            continue;
        for (unsigned bit = 0; r == 0 && bit < 8; bit++) {
            copy[at] ^= (uint8_t)(1U << bit);
            r = flip(at, bit);
            copy[at] ^= (uint8_t)(1U << bit);
        }
    }
    return r;
}

static int cut_all(void)
{
    int r = 0;
    memcpy(copy, good, good_bytes);
    for (size_t bytes = 0; r == 0 && bytes < good_bytes; bytes++) {
        unsigned whole = 0;
        while (whole < block_count && blocks[whole].to <= bytes)
            whole++;
        r = expect(bytes, whole, block_count, bytes, 0);
    }
    return r;
}

static int test_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return complain(path, 0, 0);
    good_bytes = fread(good, 1, sizeof(good), f);
    fclose(f);
    record_count = read_all(good, good_bytes, records);
    find_blocks();
    if (block_count == 0 || record_count != blocks[block_count - 1].first + blocks[block_count - 1].count)
        return complain("cannot read it as it is", 0, 0);
    int r = flip_all();
    if (r == 0)
        r = cut_all();
    printf("%s: %zu bytes, %u blocks, %u records: %s\n", path, good_bytes, block_count, record_count,
           r == 0 ? "every cut and every bit" : "failed");
    return r;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= test_file(argv[i]) < 0;
    return failed;
}

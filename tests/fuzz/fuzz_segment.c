/*
 * Fuzz target: anything as a segment file. Opened, summed up and read to the end, record by record and batch
 * by batch, touching all that is lent; once as it is, and once with its checksums put right, because memory
 * safety must not rest on a checksum that anyone can compute.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <canp/reader.h>
#include <canp/rows.h>

#include "put_right.h"
#include "segment/format.h" /* engine's own: the layout and the checksums */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_segment: %s\n", what);
    abort();
}

static void touch(const void *data, size_t bytes)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum ^= ((const uint8_t *)data)[i];
    sink = sum;
}

static size_t body_bytes(const struct canp_record *r)
{
    if (r->kind == CANP_KIND_XL)
        return 12U + r->xl->len;
    return canp_kind_is_frame(r->kind) ? 8U + r->frame->len : r->event->bytes;
}

static size_t least_bytes(uint8_t kind)
{
    static const size_t sizes[16] = {[CANP_KIND_CAN] = 8,
                                     [CANP_KIND_FD] = 8,
                                     [CANP_KIND_XL] = 13,
                                     [CANP_KIND_GAP] = sizeof(struct canp_gap),
                                     [CANP_KIND_IFACE] = sizeof(struct canp_iface),
                                     [CANP_KIND_LINK] = sizeof(struct canp_link_event),
                                     [CANP_KIND_MARK] = sizeof(struct canp_event),
                                     [CANP_KIND_CLOCK] = CANP_CLOCK_BYTES_MIN};
    return sizes[kind & 15];
}

static uint64_t read_records(struct canp_reader *reader)
{
    struct canp_cursor *c;
    struct canp_record r;
    uint64_t records = 0;
    must(canp_cursor_open(reader, NULL, &c) == 0, "no cursor");
    while (canp_cursor_next(c, &r) == 1) {
        size_t bytes = body_bytes(&r);
        must(least_bytes(r.kind) && bytes >= least_bytes(r.kind) && bytes + 8 <= r.row_bytes, "a bad record");
        touch(r.event, bytes);
        records++;
    }
    canp_cursor_close(c);
    return records;
}

/* As a program would that trusts what is lent: by the stride when there is one. */
static uint64_t read_batches(struct canp_reader *reader)
{
    struct canp_cursor *c;
    struct canp_batch b;
    uint64_t records = 0;
    must(canp_cursor_open(reader, NULL, &c) == 0, "no cursor");
    while (canp_cursor_next_batch(c, &b) == 1) {
        size_t at = 0, count = 0;
        for (; at < b.bytes; count++) {
            struct canp_record r;
            canp_row_read(b.rows + at, b.base_ns, &r);
            must(b.stride == 0 || b.stride == r.row_bytes, "a stride that is none");
            at += b.stride ? b.stride : r.row_bytes;
        }
        must(at == b.bytes && count == b.records, "a batch that does not add up");
        touch(b.rows, b.bytes);
        records += count;
    }
    canp_cursor_close(c);
    return records;
}

/* What blocks say of their rows may be wrong: no crash, and never more than there is. */
static void read_thoroughly(struct canp_reader *reader)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *c;
    struct canp_batch b;
    opts.thorough = true;
    must(canp_cursor_open(reader, &opts, &c) == 0, "no cursor");
    while (canp_cursor_next_batch(c, &b) == 1)
        touch(b.rows, b.bytes);
    canp_cursor_close(c);
}

static void read_file(const uint8_t *data, size_t size)
{
    struct canp_reader *reader;
    struct canp_info info;
    char path[64];
    int fd = memfd_create("segment", 0);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "no file");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (canp_reader_open(path, &reader, NULL) == 0) {
        uint64_t records = read_records(reader);
        must(read_batches(reader) == records, "records and batches differ");
        must(canp_reader_info(reader, &info) == 0, "no info");
        must(canp_reader_info_quick(reader, &info) == 0, "no quick info");
        read_thoroughly(reader);
        canp_reader_close(reader);
    }
    close(fd);
}

static void put_checksums_right(uint8_t *data, size_t size)
{
    struct seg_header header;
    memcpy(&header, data, sizeof(header));
    put_header_right(data, &header);
    put_seal_right(data, header.salt);
    put_blocks_right(data, size, &header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_file(data, size);
    if (size < SEG_BLOCKS_MIN)
        return 0;
    uint8_t *copy = malloc(size);
    must(copy != NULL, "no memory");
    memcpy(copy, data, size);
    put_checksums_right(copy, size);
    read_file(copy, size);
    free(copy);
    return 0;
}

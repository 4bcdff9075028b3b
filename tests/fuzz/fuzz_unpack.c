/*
 * Fuzz target: anything as a packed payload. What is accepted has to be well-formed rows, each lane alone has
 * to be what it is in the whole, and packing the rows again has to bring them back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/pack.h>

#define BLOCK_BYTES (64U << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct canp_packer *packer;
static struct canp_unpacker *unpacker;
static uint8_t *rows, *again, *packed;
static uint32_t positions[BLOCK_BYTES / 16];

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_unpack: %s\n", what);
    abort();
}

static void open_once(void)
{
    if (packer)
        return;
    must(canp_packer_open(BLOCK_BYTES, CANP_PACK_FAST, &packer) == 0, "open");
    must(canp_unpacker_open(BLOCK_BYTES, &unpacker) == 0, "open");
    rows = malloc(BLOCK_BYTES);
    again = malloc(BLOCK_BYTES);
    packed = malloc(BLOCK_BYTES);
    must(rows && again && packed, "memory");
}

/* Rows of several lanes can look alike only when lanes repeat, which no packer writes: so only one is
 * compared. */
static void try_lanes(const uint8_t *data, size_t size, int64_t whole)
{
    const struct canp_lane *lanes;
    int64_t count = canp_packed_lanes(unpacker, data, size, &lanes);
    must(count > 0, "a payload that unpacks has lanes");
    static uint8_t chosen[BLOCK_BYTES / 16];
    memset(chosen, 1, (size_t)count);
    must(canp_unpack_lanes(unpacker, chosen, again, BLOCK_BYTES, positions) == whole,
         "all lanes are the whole");
    must(memcmp(rows, again, (size_t)whole) == 0, "all lanes are the whole, byte for byte");
    for (int64_t l = 0; l < count; l += 1 + count / 8) {
        int64_t n = canp_unpack_lane(unpacker, (size_t)l, again, BLOCK_BYTES, NULL);
        must(n == (int64_t)lanes[l].rows * lanes[l].row_bytes, "a lane's size");
        must(canp_rows_check(again, (size_t)n) == lanes[l].rows, "a lane's rows");
    }
    for (int64_t l = 0; l < count; l++)
        chosen[l] = (uint8_t)(l % 3 == 0);
    int64_t n = canp_unpack_lanes(unpacker, chosen, again, BLOCK_BYTES, NULL);
    must(n > 0 && canp_rows_check(again, (size_t)n) > 0, "some lanes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_once();
    int64_t n = canp_unpack(unpacker, data, size, rows, BLOCK_BYTES);
    if (n < 0) {
        const struct canp_lane *lanes; /* the directory may be in order though the rest is not */
        int64_t count = canp_packed_lanes(unpacker, data, size, &lanes);
        if (count > 0)
            canp_unpack_lane(unpacker, size % (size_t)count, again, BLOCK_BYTES, positions);
        return 0;
    }
    must(n > 0 && canp_rows_check(rows, (size_t)n) > 0, "accepted rows are well-formed");
    try_lanes(data, size, n);
    int64_t m = canp_pack(packer, rows, (size_t)n, packed, BLOCK_BYTES);
    must(m >= 0, "accepted rows can be packed");
    if (m > 0) {
        must(canp_unpack(unpacker, packed, (size_t)m, again, BLOCK_BYTES) == n, "packed again");
        must(memcmp(rows, again, (size_t)n) == 0, "packed again, byte for byte");
    }
    return 0;
}

/*
 * Packing and unpacking take memory when they are opened and never again: random blocks of every kind, at
 * both levels, whole and by lane.
 */
#include <canp/pack.h>

#include "malloc_count.h"
#include "random_rows.h"

#define BLOCK_BYTES (256U << 10)
#define BLOCKS      500

static uint8_t rows[BLOCK_BYTES], packed[BLOCK_BYTES], back[BLOCK_BYTES];
static uint32_t positions[BLOCK_BYTES / 16];

static bool one_block(struct canp_packer *packer, struct canp_unpacker *unpacker, size_t bytes)
{
    const struct canp_lane *lanes;
    int64_t n = canp_pack(packer, rows, bytes, packed, BLOCK_BYTES);
    if (n <= 0)
        return n == 0;
    if (canp_unpack(unpacker, packed, (size_t)n, back, BLOCK_BYTES) != (int64_t)bytes ||
        canp_packed_lanes(unpacker, packed, (size_t)n, &lanes) <= 0)
        return false;
    return canp_unpack_lane(unpacker, 0, back, BLOCK_BYTES, NULL) > 0 &&
           canp_unpack_lane(unpacker, 0, back, BLOCK_BYTES, positions) > 0;
}

int main(void)
{
    struct test_random r = test_random_start("pack_no_malloc");
    struct canp_packer *packer[2];
    struct canp_unpacker *unpacker;
    if (!malloc_count_works()) {
        puts("malloc cannot be counted here");
        return 1;
    }
    for (unsigned level = 0; level < 2; level++) {
        if (canp_packer_open(BLOCK_BYTES, (enum canp_pack_level)level, &packer[level]) < 0)
            return 1;
    }
    if (canp_unpacker_open(BLOCK_BYTES, &unpacker) < 0)
        return 1;
    bool good = true;
    void *caller = NULL;
    malloc_count_start();
    for (unsigned i = 0; i < BLOCKS && good; i++) {
        struct random_rows_style style = random_rows_style_draw(&r, i % 20 ? 200 : 12000);
        good = one_block(packer[i % 2], unpacker, random_rows_fill(&r, &style, rows, BLOCK_BYTES));
    }
    unsigned long count = malloc_count_stop(&caller);
    printf("%u blocks, %lu allocations (the first from %p)\n", BLOCKS, count, caller);
    canp_packer_close(packer[0]);
    canp_packer_close(packer[1]);
    canp_unpacker_close(unpacker);
    return !good || count != 0;
}

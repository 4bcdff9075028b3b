/*
 * Writes packed blocks of random rows for the independent reader, tests/format/canp_unpack.py: for each block
 * u32 packed size, packed payload, u32 row bytes, rows. usage: pack_samples FILE BLOCKS ROWS_MAX [SEED]
 */
#include <stdio.h>
#include <string.h>

#include <canp/pack.h>

#include "random_rows.h"

#define BLOCK_BYTES (256U << 10)

static bool write_part(FILE *out, const uint8_t *bytes, size_t count)
{
    uint32_t size = (uint32_t)count;
    return fwrite(&size, sizeof(size), 1, out) == 1 && fwrite(bytes, 1, count, out) == count;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct test_random r =
        argc > 4 ? (struct test_random){strtoull(argv[4], NULL, 0)} : test_random_start(argv[0]);
    FILE *out = fopen(argv[1], "wb");
    struct canp_packer *packer;
    uint8_t *rows = malloc(BLOCK_BYTES), *packed = malloc(BLOCK_BYTES);
    if (!out || canp_packer_open(BLOCK_BYTES, CANP_PACK_FAST, &packer) < 0 || !rows || !packed)
        return 3;
    bool good = true;
    for (unsigned long wanted = strtoul(argv[2], NULL, 0); wanted > 0 && good;) {
        struct random_rows_style style = random_rows_style_draw(&r, (uint32_t)strtoul(argv[3], NULL, 0));
        size_t bytes = random_rows_fill(&r, &style, rows, BLOCK_BYTES);
        int64_t n = canp_pack(packer, rows, bytes, packed, BLOCK_BYTES);
        good = n >= 0;
        if (n <= 0)
            continue;
        good = write_part(out, packed, (size_t)n) && write_part(out, rows, bytes);
        wanted--;
    }
    good &= fclose(out) == 0;
    canp_packer_close(packer);
    free(rows);
    free(packed);
    return good ? 0 : 1;
}

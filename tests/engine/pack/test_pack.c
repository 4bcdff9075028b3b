/* Packing: every block comes back byte for byte; a lane alone is what it is in the whole; nothing bites. */
#include <criterion/criterion.h>

#include <canp/error.h>
#include <canp/pack.h>

#include "random_rows.h"

#define BLOCK_BYTES (256U << 10)

static struct canp_packer *packer;
static struct canp_unpacker *unpacker;
static uint8_t *rows, *packed, *back;
static uint32_t *positions;

static void setup(void)
{
    cr_assert_eq(canp_packer_open(BLOCK_BYTES, CANP_PACK_FAST, &packer), 0);
    cr_assert_eq(canp_unpacker_open(BLOCK_BYTES, &unpacker), 0);
    rows = malloc(BLOCK_BYTES);
    packed = malloc(BLOCK_BYTES);
    back = malloc(BLOCK_BYTES);
    positions = malloc(BLOCK_BYTES / 16 * sizeof(*positions));
}

static void teardown(void)
{
    canp_packer_close(packer);
    canp_unpacker_close(unpacker);
    free(rows);
    free(packed);
    free(back);
    free(positions);
}

TestSuite(pack, .init = setup, .fini = teardown, .timeout = 280);

/* Packs rows[0..bytes) and compares what comes back. Returns the packed size, 0 for a block that stays raw.
 */
static int64_t round_trip(size_t bytes)
{
    int64_t n = canp_pack(packer, rows, bytes, packed, BLOCK_BYTES);
    cr_assert_geq(n, 0, "pack: %lld", (long long)n);
    if (n == 0)
        return 0;
    cr_assert_lt((size_t)n, bytes);
    memset(back, 0xA5, bytes);
    int64_t m = canp_unpack(unpacker, packed, (size_t)n, back, bytes);
    cr_assert_eq(m, (int64_t)bytes, "unpack: %lld", (long long)m);
    cr_assert_eq(memcmp(rows, back, bytes), 0);
    return n;
}

static size_t put_frame(size_t at, int64_t time, uint16_t tag, uint32_t id, uint8_t len, uint8_t first)
{
    uint8_t *row = rows + at;
    uint64_t stamp = ((uint64_t)time << 16) | tag;
    memset(row, 0, 16 + canp_align8(len));
    memcpy(row, &stamp, 8);
    memcpy(row + 8, &id, 4);
    row[12] = len;
    if (len)
        row[16] = first;
    return at + canp_row_bytes(row);
}

/* ---- what every block must survive ------------------------------------------------------------- */

Test(pack, an_empty_block_stays_raw)
{
    cr_assert_eq(canp_pack(packer, rows, 0, packed, BLOCK_BYTES), 0);
}

Test(pack, one_row)
{
    size_t bytes = put_frame(0, 0, 0, 0x123, 8, 1);
    cr_assert_eq(round_trip(bytes), 0, "a single frame cannot gain");
    struct test_random r = {1};
    struct random_rows_style s = {.rows = 1, .ids = 1, .channels = 1, .kinds = 4, .payload = 0};
    for (unsigned i = 0; i < 50; i++)
        round_trip(random_rows_fill(&r, &s, rows, BLOCK_BYTES));
    memset(rows, 0, CANP_ROW_BYTES_MAX);
    rows[1] = CANP_KIND_XL;
    rows[12] = 0x80;
    rows[15] = 8; /* 2048 bytes */
    cr_assert_gt(round_trip(canp_row_bytes(rows)), 0, "a row of zeros does");
}

Test(pack, a_full_block_of_periodic_frames_shrinks_to_a_sixth)
{
    struct test_random r = {2};
    size_t bytes = 0;
    for (unsigned i = 0; i < 10900; i++) {
        int64_t time = (int64_t)i * 200000 + (int64_t)test_random_below(&r, 50000);
        bytes = put_frame(bytes, time, 0, i % 60, 8, (uint8_t)(i / 60));
    }
    int64_t n = round_trip(bytes);
    cr_assert(n > 0 && (size_t)n < bytes / 6, "%lld bytes", (long long)n);
    struct canp_packer *fast = packer;
    cr_assert_eq(canp_packer_open(BLOCK_BYTES, CANP_PACK_ARCHIVE, &packer), 0);
    int64_t archived = round_trip(bytes);
    cr_assert(archived > 0 && archived <= n);
    canp_packer_close(packer);
    packer = fast;
}

Test(pack, every_kind_of_record)
{
    struct test_random r = {3};
    for (uint32_t kinds = 1; kinds < 16; kinds++) {
        struct random_rows_style s = {
            .rows = 800, .ids = 20, .channels = 3, .kinds = kinds, .hw_times = true};
        size_t bytes = random_rows_fill(&r, &s, rows, BLOCK_BYTES);
        cr_assert_gt(round_trip(bytes), 0, "kinds %x", kinds);
    }
}

Test(pack, times_at_the_ends_of_their_range)
{
    size_t at = 0;
    for (unsigned i = 0; i < 200; i++)
        at = put_frame(at, (i & 1) ? CANP_ROW_OFFSET_MAX - i / 7 : CANP_ROW_OFFSET_MIN + i / 5, 0, 1, 8, 0);
    cr_assert_gt(round_trip(at), 0);
}

/* Bytes taken by 600 messages of five frames under one id, and how many lanes; the first byte by `first`. */
static int64_t pack_messages(uint8_t (*first)(unsigned i), int64_t *lanes)
{
    const struct canp_lane *list;
    size_t bytes = 0;
    for (unsigned i = 0; i < 3000; i++) {
        int64_t time = (int64_t)(i / 5) * 100000000 + i % 5 * 600000 + (int64_t)(i * 2654435761U >> 20);
        size_t at = bytes;
        bytes = put_frame(bytes, time, 0, 0x0DFF081A | CANP_ID_EFF, 8, first(i));
        memset(rows + at + 17, (int)(i % 5 * 0x11), 6);
        rows[at + 23] = (uint8_t)(i % 5 == 2 ? i / 5 : 0);
    }
    int64_t n = round_trip(bytes);
    cr_assert_gt(n, 0);
    *lanes = canp_packed_lanes(unpacker, packed, (size_t)n, &list);
    return n;
}

static uint8_t fast_packet(unsigned i)
{
    return (uint8_t)(i / 5 << 5 | i % 5);
}

static uint8_t counter(unsigned i)
{
    return (uint8_t)i;
}

Test(pack, frames_of_a_fast_packet_have_a_lane_for_each_number)
{
    int64_t lanes, with, without;
    with = pack_messages(fast_packet, &lanes);
    cr_assert_eq(lanes, 5);
    without = pack_messages(counter, &lanes);
    cr_assert_eq(lanes, 1, "a counter is none");
    cr_assert_lt(10 * with, 9 * without, "%d and %d", (int)with, (int)without);
}

Test(pack, ties_in_any_order)
{
    size_t at = 0;
    for (unsigned i = 0; i < 3000; i++)
        at = put_frame(at, i / 50, 0, (i * 7919) % 31, 8, 0);
    cr_assert_gt(round_trip(at), 0);
    at = 0;
    for (unsigned i = 0; i < 3000; i++)
        at = put_frame(at, 5, 0, 30 - i % 31, 8, 0);
    cr_assert_gt(round_trip(at), 0);
}

Test(pack, two_clocks_interleaved)
{
    size_t at = 0;
    for (unsigned i = 0; i < 3000; i++)
        at = put_frame(at, (int64_t)i * 1000 - ((i % 3) ? 0 : 90000), (i % 3) == 0, i % 20, 8, 0);
    int64_t n = round_trip(at);
    cr_assert(n > 0 && n < 3000 * 3, "%lld bytes", (long long)n);
}

Test(pack, one_step_back_costs_a_few_bytes)
{
    size_t at = 0, moved = 0;
    for (unsigned i = 0; i < 3000; i++) {
        if (i == 1500)
            moved = at;
        at = put_frame(at, (int64_t)i * 1000000, 0, i % 50, 8, 0);
    }
    int64_t n = round_trip(at);
    put_frame(moved, 1490 * 1000000, 0, 1500 % 50, 8, 0);
    int64_t with_step = round_trip(at);
    cr_assert_leq(with_step, n + 24);
}

Test(pack, ten_thousand_ids)
{
    size_t at = 0;
    for (unsigned i = 0; i < 10000; i++)
        at = put_frame(at, (int64_t)i * 130000, 0, CANP_ID_EFF | (i * 20011), 8, 0);
    cr_assert_gt(round_trip(at), 0);
    const struct canp_lane *lanes;
    int64_t n = canp_pack(packer, rows, at, packed, BLOCK_BYTES);
    cr_assert_eq(canp_packed_lanes(unpacker, packed, (size_t)n, &lanes), 10000);
}

Test(pack, all_xl)
{
    struct test_random r = {5};
    struct random_rows_style s = {.rows = 300, .ids = 4, .channels = 1, .kinds = 4, .payload = 1};
    cr_assert_gt(round_trip(random_rows_fill(&r, &s, rows, BLOCK_BYTES)), 0);
    s.payload = 2;
    round_trip(random_rows_fill(&r, &s, rows, BLOCK_BYTES));
}

Test(pack, more_rows_than_a_packed_block_holds_stay_raw)
{
    struct canp_packer *big;
    cr_assert_eq(canp_packer_open(2U << 20, CANP_PACK_FAST, &big), 0);
    uint8_t *many = calloc(70000, 16), *out = malloc(2U << 20);
    struct canp_unpacker *big_unpacker;
    cr_assert_eq(canp_unpacker_open(2U << 20, &big_unpacker), 0);
    int64_t n = canp_pack(big, many, 65535 * 16, out, 2U << 20);
    cr_assert_gt(n, 0);
    uint8_t *many_back = malloc(65535 * 16);
    cr_assert_eq(canp_unpack(big_unpacker, out, (size_t)n, many_back, 65535 * 16), 65535 * 16);
    cr_assert_eq(memcmp(many, many_back, 65535 * 16), 0);
    cr_assert_eq(canp_pack(big, many, 65536 * 16, out, 2U << 20), 0);
    cr_assert_eq(canp_pack(big, many, (2U << 20) + 16, out, 2U << 20), -EINVAL);
    canp_packer_close(big);
    canp_unpacker_close(big_unpacker);
    free(many);
    free(many_back);
    free(out);
}

Test(pack, opening_refuses_what_it_cannot_do)
{
    struct canp_packer *p = NULL;
    struct canp_unpacker *u = NULL;
    cr_assert_eq(canp_packer_open(0, CANP_PACK_FAST, &p), -EINVAL);
    cr_assert_eq(canp_packer_open(CANP_PACK_BYTES_MAX + 1, CANP_PACK_FAST, &p), -EINVAL);
    cr_assert_eq(canp_packer_open(1000, (enum canp_pack_level)7, &p), -EINVAL);
    cr_assert_eq(canp_unpacker_open(0, &u), -EINVAL);
    cr_assert_null(p);
    cr_assert_null(u);
    canp_packer_close(NULL);
    canp_unpacker_close(NULL);
    cr_assert_eq(canp_unpack_lane(unpacker, 0, back, BLOCK_BYTES, NULL), -CANP_E_DAMAGED, "nothing loaded");
}

Test(pack, malformed_rows_are_refused)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < 100; i++)
        bytes = put_frame(bytes, i, 0, i % 3, 8, 0);
    for (size_t cut = bytes - 23; cut < bytes; cut++) {
        uint8_t *exact = malloc(cut);
        memcpy(exact, rows, cut);
        cr_assert_eq(canp_pack(packer, exact, cut, packed, BLOCK_BYTES), -CANP_E_DAMAGED, "cut at %zu", cut);
        free(exact);
    }
    rows[24 * 50 + 12] = 9;
    cr_assert_eq(canp_pack(packer, rows, bytes, packed, BLOCK_BYTES), -CANP_E_DAMAGED);
}

Test(pack, too_little_room_means_no_gain)
{
    struct test_random r = {6};
    struct random_rows_style s = {.rows = 500, .ids = 20, .channels = 1, .kinds = 1};
    size_t bytes = random_rows_fill(&r, &s, rows, BLOCK_BYTES);
    int64_t n = canp_pack(packer, rows, bytes, packed, BLOCK_BYTES);
    cr_assert_gt(n, 0);
    uint8_t *exact = malloc((size_t)n);
    cr_assert_eq(canp_pack(packer, rows, bytes, exact, (size_t)n), n);
    cr_assert_eq(memcmp(exact, packed, (size_t)n), 0, "packing is deterministic");
    cr_assert_eq(canp_pack(packer, rows, bytes, exact, (size_t)n - 1), 0);
    cr_assert_eq(canp_unpack(unpacker, packed, (size_t)n, back, bytes - 1), -CANP_E_DAMAGED);
    free(exact);
}

/* ---- lanes ------------------------------------------------------------------------------------- */

static bool in_lane(const uint8_t *row, const struct canp_lane *lane)
{
    return canp_load_u16(row) == lane->tag && memcmp(row + 8, lane->head, 8) == 0;
}

static uint32_t lane_at[BLOCK_BYTES / 16]; /* of each row of the block */

/* Which row is in which lane, as the lanes say: each in one, of its own tag and head, in recorded order. */
static void map_lanes(size_t bytes, const struct canp_lane *lanes, int64_t lane_count)
{
    static uint32_t begins[BLOCK_BYTES / 16];
    uint32_t count = 0;
    for (size_t at = 0; at < bytes; at += canp_row_bytes(rows + at)) {
        begins[count] = (uint32_t)at;
        lane_at[count++] = UINT32_MAX;
    }
    for (uint32_t l = 0; l < lane_count; l++) {
        int64_t n = canp_unpack_lane(unpacker, l, back, BLOCK_BYTES, positions);
        cr_assert_eq(n, (int64_t)(lanes[l].rows * lanes[l].row_bytes));
        for (uint32_t i = 0; i < lanes[l].rows; i++) {
            cr_assert(positions[i] < count && lane_at[positions[i]] == UINT32_MAX);
            cr_assert(i == 0 || positions[i] > positions[i - 1]);
            cr_assert(in_lane(rows + begins[positions[i]], &lanes[l]));
            lane_at[positions[i]] = l;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        cr_assert_lt(lane_at[i], lane_count);
}

/* The rows of the chosen lanes as the block has them, to be compared with what unpacking lanes gives. */
static size_t pick_rows(size_t bytes, const uint8_t *chosen, uint8_t *out, uint32_t *where)
{
    size_t used = 0;
    uint32_t position = 0;
    for (size_t at = 0; at < bytes; at += canp_row_bytes(rows + at), position++) {
        if (!chosen[lane_at[position]])
            continue;
        memcpy(out + used, rows + at, canp_row_bytes(rows + at));
        used += canp_row_bytes(rows + at);
        *where++ = position;
    }
    return used;
}

static void check_choice(size_t bytes, const struct canp_lane *lanes, int64_t count, const uint8_t *chosen)
{
    uint8_t *wanted = malloc(BLOCK_BYTES);
    uint32_t *where = malloc(BLOCK_BYTES / 16 * sizeof(*where));
    size_t wanted_bytes = pick_rows(bytes, chosen, wanted, where);
    uint32_t wanted_rows = 0;
    for (int64_t l = 0; l < count; l++)
        wanted_rows += chosen[l] ? lanes[l].rows : 0;
    int64_t n = canp_unpack_lanes(unpacker, chosen, back, BLOCK_BYTES, NULL);
    cr_assert_eq(n, (int64_t)wanted_bytes);
    cr_assert_eq(memcmp(back, wanted, wanted_bytes), 0);
    n = canp_unpack_lanes(unpacker, chosen, back, BLOCK_BYTES, positions);
    cr_assert_eq(n, (int64_t)wanted_bytes);
    cr_assert_eq(memcmp(back, wanted, wanted_bytes), 0);
    cr_assert_eq(memcmp(positions, where, wanted_rows * sizeof(*where)), 0);
    free(wanted);
    free(where);
}

static void check_lanes(size_t bytes, int64_t packed_bytes, struct test_random *r)
{
    const struct canp_lane *lanes;
    int64_t count = canp_packed_lanes(unpacker, packed, (size_t)packed_bytes, &lanes);
    cr_assert_gt(count, 0);
    uint8_t *chosen = calloc((size_t)count, 1);
    map_lanes(bytes, lanes, count);
    for (unsigned round = 0; round < 4; round++) {
        for (int64_t l = 0; l < count; l++)
            chosen[l] = test_random_below(r, round + 1) == 0;
        check_choice(bytes, lanes, count, chosen);
    }
    memset(chosen, 0, (size_t)count);
    int64_t one = (int64_t)test_random_below(r, (uint64_t)count);
    cr_assert_eq(canp_unpack_lanes(unpacker, chosen, back, BLOCK_BYTES, NULL), 0, "none chosen");
    chosen[one] = 1;
    uint8_t *wanted = malloc(BLOCK_BYTES);
    uint32_t *where = malloc(BLOCK_BYTES / 16 * sizeof(*where));
    size_t wanted_bytes = pick_rows(bytes, chosen, wanted, where);
    cr_assert_eq(canp_unpack_lane(unpacker, (size_t)one, back, wanted_bytes, NULL), (int64_t)wanted_bytes);
    cr_assert_eq(memcmp(back, wanted, wanted_bytes), 0);
    cr_assert_eq(canp_unpack_lane(unpacker, (size_t)one, back, wanted_bytes, positions),
                 (int64_t)wanted_bytes);
    cr_assert_eq(memcmp(positions, where, lanes[one].rows * sizeof(*where)), 0);
    cr_assert_eq(canp_unpack_lane(unpacker, (size_t)one, back, wanted_bytes - 1, NULL), -CANP_E_DAMAGED);
    cr_assert_eq(canp_unpack_lane(unpacker, (size_t)count, back, BLOCK_BYTES, NULL), -EINVAL);
    free(wanted);
    free(where);
    free(chosen);
}

Test(pack, lanes_alone_are_what_they_are_in_the_block)
{
    struct test_random r = test_random_start("pack lanes");
    for (uint64_t i = 0, steps = test_steps(400); i < steps; i++) {
        struct random_rows_style s = random_rows_style_draw(&r, 600);
        if (s.ids > 150)
            s.ids = 150;
        size_t bytes = random_rows_fill(&r, &s, rows, BLOCK_BYTES);
        int64_t n = round_trip(bytes);
        if (n > 0)
            check_lanes(bytes, n, &r);
    }
}

/* ---- anything ---------------------------------------------------------------------------------- */

Test(pack, random_blocks_come_back)
{
    struct test_random r = test_random_start("pack blocks");
    uint64_t gained = 0, steps = test_steps(120000);
    for (uint64_t i = 0; i < steps; i++) {
        uint32_t rows_max = i % 1000 == 0 ? 12000 : i % 50 == 0 ? 700 : 40;
        struct random_rows_style s = random_rows_style_draw(&r, rows_max);
        size_t bytes = random_rows_fill(&r, &s, rows, BLOCK_BYTES);
        cr_assert_gt(canp_rows_check(rows, bytes), 0, "the test itself");
        gained += round_trip(bytes) > 0;
    }
    cr_assert_gt(gained, steps / 4, "only %llu blocks were packed at all", (unsigned long long)gained);
}

/* Reads a size and so many bytes; false at the end of the file. */
static bool read_part(FILE *in, uint8_t *bytes, size_t *count)
{
    uint32_t size;
    if (fread(&size, sizeof(size), 1, in) != 1)
        return false;
    cr_assert_leq(size, BLOCK_BYTES);
    cr_assert_eq(fread(bytes, 1, size, in), size);
    *count = size;
    return true;
}

/* Versions 1 and 2 as they were when they were fixed: these files are never made anew. */
Test(pack, golden_blocks_unpack_to_their_rows)
{
    static const char *const names[] = {CANP_GOLDEN_PACKED "/small-blocks",
                                        CANP_GOLDEN_PACKED "/large-blocks",
                                        CANP_GOLDEN_PACKED "/following-blocks"};
    unsigned blocks = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        FILE *in = fopen(names[i], "rb");
        cr_assert_not_null(in, "%s", names[i]);
        size_t packed_bytes, rows_bytes;
        for (; read_part(in, packed, &packed_bytes); blocks++) {
            cr_assert(read_part(in, rows, &rows_bytes));
            cr_assert_eq(canp_unpack(unpacker, packed, packed_bytes, back, BLOCK_BYTES), (int64_t)rows_bytes);
            cr_assert_eq(memcmp(rows, back, rows_bytes), 0);
        }
        fclose(in);
    }
    cr_assert_eq(blocks, 50);
}

/* ---- damage ------------------------------------------------------------------------------------ */

/* Unpacks from memory of the exact size, so that a sanitizer sees any step outside. */
static void try_damaged(const uint8_t *bytes, size_t size, size_t capacity)
{
    uint8_t *exact = malloc(size), *out = malloc(capacity);
    memcpy(exact, bytes, size);
    int64_t n = canp_unpack(unpacker, exact, size, out, capacity);
    cr_assert(n == -CANP_E_DAMAGED ||
              (n > 0 && n <= (int64_t)capacity && canp_rows_check(out, (size_t)n) > 0));
    const struct canp_lane *lanes;
    int64_t count = canp_packed_lanes(unpacker, exact, size, &lanes);
    if (count > 0) {
        size_t lane = size % (size_t)count;
        int64_t m = canp_unpack_lane(unpacker, lane, out, capacity, NULL);
        cr_assert(m == -CANP_E_DAMAGED || (m > 0 && canp_rows_check(out, (size_t)m) == lanes[lane].rows));
        canp_unpack_lane(unpacker, lane, out, capacity, positions);
    }
    free(exact);
    free(out);
}

static void try_all_damage(const struct random_rows_style *s)
{
    struct test_random r = {11};
    size_t bytes = random_rows_fill(&r, s, rows, BLOCK_BYTES);
    int64_t n = canp_pack(packer, rows, bytes, packed, BLOCK_BYTES);
    cr_assert_gt(n, 0);
    for (size_t cut = 0; cut < (size_t)n; cut++)
        try_damaged(packed, cut, bytes);
    for (size_t bit = 0; bit < 8 * (size_t)n; bit++) {
        packed[bit / 8] ^= (uint8_t)(1U << (bit & 7));
        try_damaged(packed, (size_t)n, bytes);
        packed[bit / 8] ^= (uint8_t)(1U << (bit & 7));
    }
}

Test(pack, every_truncation_and_bit_flip_is_survived)
{
    static const struct random_rows_style styles[] = {
        {.rows = 150, .ids = 5, .channels = 1, .kinds = 1, .times = 0, .payload = 1},
        {.rows = 150, .ids = 5, .channels = 3, .kinds = 15, .times = 3, .payload = 0, .hw_times = true},
        {.rows = 150, .ids = 5, .channels = 2, .kinds = 3, .times = 5, .payload = 1},
        {.rows = 300, .ids = 20, .channels = 1, .kinds = 1, .times = 2, .payload = 0},
        {.rows = 100, .ids = 2, .channels = 1, .kinds = 4, .times = 1, .payload = 0},
        {.rows = 150, .ids = 6, .channels = 1, .kinds = 1, .times = 6, .payload = 0},
        {.rows = 150, .ids = 6, .channels = 2, .kinds = 3, .times = 7, .payload = 0, .hw_times = true},
    };
    for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
        try_all_damage(&styles[i]);
}

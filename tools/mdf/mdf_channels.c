/* CN and CC blocks (mdf_channels.h): what a channel's number means. One thread. */
#include "mdf_channels.h"

#include <math.h>

/* cn_data_type */
#define UNSIGNED_LE 0
#define SIGNED_LE   2
#define FLOAT_LE    4
#define UTF8        7
#define BYTE_ARRAY  10

/* cc_type, cn_type, cn_sync_type, cn_flags */
#define LINEAR        1
#define WORDS         7
#define MASTER        2
#define OF_TIME       1
#define CAN_BE_MISSED 2 /* it has an invalidation bit */

#define CN_BYTES 72U
#define CC_BYTES 24U /* before the numbers */

static const uint8_t data_types[] = {
    [MDF_UNSIGNED] = UNSIGNED_LE, [MDF_SIGNED] = SIGNED_LE, [MDF_FLOAT] = FLOAT_LE, [MDF_TEXT] = UTF8,
    [MDF_BYTES] = BYTE_ARRAY,
};

/* value = offset + factor * raw */
static uint64_t add_linear(struct mdf_blocks *blocks, double factor, double offset)
{
    uint8_t data[CC_BYTES + 16] = {LINEAR};
    mdf_put_le(data + 6, 2, 2);
    mdf_put_double(mdf_put_double(data + CC_BYTES, offset), factor);
    return mdf_add_block(blocks, "CC", 4, data, sizeof(data));
}

/* Texts of some values; the others are scaled. */
static uint64_t add_words(struct mdf_blocks *blocks, const struct mdf_channel *c)
{
    uint32_t count = c->word_count < MDF_WORDS_MAX ? c->word_count : MDF_WORDS_MAX;
    uint64_t block = mdf_add_block(blocks, "CC", 4 + count + 1, NULL, CC_BYTES + 8U * (size_t)count);
    if (blocks->bytes.failed)
        return 0;
    uint8_t *at = blocks->bytes.data + blocks->bytes.used - CC_BYTES - 8U * (size_t)count;
    at[0] = WORDS;
    mdf_put_le(at + 4, count + 1, 2);
    mdf_put_le(at + 6, count, 2);
    at += CC_BYTES;
    for (uint32_t i = 0; i < count; i++)
        at = mdf_put_double(at, (double)c->words[i].value);
    for (uint32_t i = 0; i < count; i++)
        mdf_set_link(blocks, block, 4 + i, mdf_add_text(blocks, c->words[i].text));
    mdf_set_link(blocks, block, 4 + count, add_linear(blocks, c->factor, c->offset));
    return block;
}

static uint64_t add_conversion(struct mdf_blocks *blocks, const struct mdf_channel *c)
{
    bool is_number = c->type == MDF_UNSIGNED || c->type == MDF_SIGNED || c->type == MDF_FLOAT;
    if (is_number && c->word_count)
        return add_words(blocks, c);
    bool is_plain = fpclassify(c->offset) == FP_ZERO && c->factor >= 1 && c->factor <= 1;
    return is_number && !is_plain ? add_linear(blocks, c->factor, c->offset) : 0;
}

static uint64_t add_channel(struct mdf_blocks *blocks, const struct mdf_channel *c, uint32_t at, unsigned bit)
{
    uint8_t data[CN_BYTES] = {0, 0, data_types[c->type]};
    mdf_put_le(data + 4, at, 4);
    mdf_put_le(data + 8, 8 * (uint64_t)c->bytes, 4);
    mdf_put_le(data + 12, CAN_BE_MISSED, 4);
    mdf_put_le(data + 16, bit, 4);
    uint64_t block = mdf_add_block(blocks, "CN", 8, data, sizeof(data));
    mdf_set_link(blocks, block, 2, mdf_add_text(blocks, c->name));
    mdf_set_link(blocks, block, 4, add_conversion(blocks, c));
    mdf_set_link(blocks, block, 6, mdf_add_text(blocks, c->unit));
    mdf_set_link(blocks, block, 7, mdf_add_text(blocks, c->comment));
    return block;
}

static uint64_t add_time(struct mdf_blocks *blocks)
{
    uint8_t data[CN_BYTES] = {MASTER, OF_TIME, SIGNED_LE};
    mdf_put_le(data + 8, 8U * MDF_TIME_BYTES, 4);
    uint64_t block = mdf_add_block(blocks, "CN", 8, data, sizeof(data));
    mdf_set_link(blocks, block, 2, mdf_add_text(blocks, "Timestamp"));
    mdf_set_link(blocks, block, 4, add_linear(blocks, 1e-9, 0));
    mdf_set_link(blocks, block, 6, mdf_add_text(blocks, "s"));
    return block;
}

uint64_t mdf_add_channels(struct mdf_blocks *blocks, const struct mdf_channel *channels, unsigned count,
                          struct mdf_place *places)
{
    uint64_t first = add_time(blocks), last = first;
    uint32_t at = MDF_TIME_BYTES;
    for (unsigned i = 0; i < count; i++) {
        uint64_t block = add_channel(blocks, &channels[i], at, i);
        mdf_set_link(blocks, last, 0, block);
        places[i] = (struct mdf_place){.at = at, .bytes = channels[i].bytes};
        at += channels[i].bytes;
        last = block;
    }
    return first;
}

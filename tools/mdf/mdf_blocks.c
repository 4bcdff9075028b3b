/* Blocks of MDF 4 in memory (mdf_blocks.h). One thread. */
#include "mdf_blocks.h"

#define HEAD_BYTES 24U

uint64_t mdf_add_block(struct mdf_blocks *blocks, const char type[2], unsigned links, const void *data,
                       size_t bytes)
{
    size_t head = HEAD_BYTES + 8U * (size_t)links, whole = head + bytes, padded = (whole + 7) & ~(size_t)7;
    uint8_t *at = bytes_room(&blocks->bytes, padded);
    uint64_t offset = blocks->base + blocks->bytes.used;
    if (!at)
        return 0;
    memset(at, 0, padded);
    memcpy(at, "##", 2);
    memcpy(at + 2, type, 2);
    mdf_put_le(at + 8, whole, 8);
    mdf_put_le(at + 16, links, 8);
    if (data && bytes)
        memcpy(at + head, data, bytes);
    blocks->bytes.used += padded;
    return offset;
}

void mdf_set_link(struct mdf_blocks *blocks, uint64_t block, unsigned link, uint64_t to)
{
    if (!blocks->bytes.failed)
        mdf_put_le(blocks->bytes.data + (block - blocks->base) + HEAD_BYTES + 8U * (size_t)link, to, 8);
}

uint64_t mdf_add_text(struct mdf_blocks *blocks, const char *text)
{
    return text && *text ? mdf_add_block(blocks, "TX", 0, text, strlen(text) + 1) : 0;
}

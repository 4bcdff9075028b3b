/* LZ4 for packers: fast, or better and slower, by the packer's level. One thread per packer. */
#include <lz4.h>
#include <lz4hc.h>

#include "pack_encode.h"

#define HC_LEVEL 9

uint32_t canp_pack_lz4(struct canp_packer *p, const uint8_t *from, size_t bytes, uint8_t *to, size_t capacity)
{
    if (capacity == 0 || bytes == 0)
        return 0;
    int cap = capacity < INT32_MAX ? (int)capacity : INT32_MAX;
    int r = p->level == CANP_PACK_ARCHIVE ? LZ4_compress_HC_extStateHC(p->lz4_state, (const char *)from,
                                                                       (char *)to, (int)bytes, cap, HC_LEVEL)
                                          : LZ4_compress_fast_extState(p->lz4_state, (const char *)from,
                                                                       (char *)to, (int)bytes, cap, 1);
    return r > 0 ? (uint32_t)r : 0;
}

/*
 * Deflate for BLF: libdeflate where this build has it, else zlib. It uses level 1: CANoe's default level
 * compresses only a little better and takes several times as long. One thread for each packer.
 */
#include "formats/blf/blf_parts.h"

#ifdef CANP_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef CANP_HAVE_ZLIB
#include <zlib.h>
#endif

#define LEVEL 1

#ifdef CANP_HAVE_ZLIB
/* Also of data that end too early, or are damaged: what came before. */
static int64_t inflate_some(const uint8_t *from, size_t bytes, uint8_t *to, size_t room, bool *is_sound)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)bytes};
    if (inflateInit(&z) != Z_OK)
        return 0;
    z.next_out = to;
    z.avail_out = (uInt)room;
    *is_sound = inflate(&z, Z_SYNC_FLUSH) == Z_STREAM_END;
    int64_t got = (int64_t)(room - z.avail_out);
    inflateEnd(&z);
    return got;
}
#endif

int64_t canp_blf_unpack(const uint8_t *from, size_t bytes, uint8_t *to, size_t room, bool *is_sound)
{
    *is_sound = false;
    (void)from, (void)bytes, (void)to, (void)room;
#ifdef CANP_HAVE_LIBDEFLATE
    size_t got = 0;
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    enum libdeflate_result result =
        d ? libdeflate_zlib_decompress(d, from, bytes, to, room, &got) : LIBDEFLATE_BAD_DATA;
    libdeflate_free_decompressor(d);
    *is_sound = result == LIBDEFLATE_SUCCESS;
    if (*is_sound)
        return (int64_t)got;
#endif
#ifdef CANP_HAVE_ZLIB
    return inflate_some(from, bytes, to, room, is_sound);
#elif defined CANP_HAVE_LIBDEFLATE
    return 0;
#else
    return -CANP_E_FORMAT;
#endif
}

bool canp_blf_can_pack(void)
{
#if defined CANP_HAVE_LIBDEFLATE || defined CANP_HAVE_ZLIB
    return true;
#else
    return false;
#endif
}

size_t canp_blf_pack(void **packer, const uint8_t *from, size_t bytes, uint8_t *to, size_t room)
{
#if defined CANP_HAVE_LIBDEFLATE
    if (!*packer)
        *packer = libdeflate_alloc_compressor(LEVEL);
    return *packer ? libdeflate_zlib_compress(*packer, from, bytes, to, room) : 0;
#elif defined CANP_HAVE_ZLIB
    uLongf got = (uLongf)room;
    (void)packer;
    return compress2(to, &got, from, (uLong)bytes, LEVEL) == Z_OK ? got : 0;
#else
    (void)packer, (void)from, (void)bytes, (void)to, (void)room;
    return 0;
#endif
}

void canp_blf_pack_end(void *packer)
{
    (void)packer;
#if defined CANP_HAVE_LIBDEFLATE
    if (packer)
        libdeflate_free_compressor(packer);
#endif
}

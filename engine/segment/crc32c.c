/*
 * CRC-32C. The instruction has a latency of three cycles and a throughput of one, so long runs are split into
 * three streams. Their checksums are combined with a table that advances a checksum over STREAM_BYTES zeros.
 * The tables are filled once, before main(), and never change afterwards. Any thread.
 */
#include "crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL   0x82F63B78U
#define STREAM_BYTES 1024U
#define LINE_BYTES   64U /* of the processor's cache; another size costs time only */

static uint32_t byte_table[8][256];  /* slicing by 8, for machines without the instruction */
static uint32_t shift_table[4][256]; /* a checksum moved over STREAM_BYTES zero bytes */
static bool has_instruction;

static uint32_t update_by_table(uint32_t crc, const uint8_t *p, size_t bytes)
{
    while (bytes >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = 0;
        for (unsigned i = 0; i < 8; i++)
            crc ^= byte_table[7 - i][(word >> (8 * i)) & 0xFF];
        p += 8;
        bytes -= 8;
    }
    while (bytes--)
        crc = byte_table[0][(crc ^ *p++) & 0xFF] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TARGET            __attribute__((target("sse4.2")))
#define STEP8(crc, word)  _mm_crc32_u64((crc), (word)) /* the upper half stays zero */
#define STEP1(crc, byte)  _mm_crc32_u8((crc), (byte))
#define HAS_INSTRUCTION() __builtin_cpu_supports("sse4.2")
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define TARGET            __attribute__((target("+crc")))
#define STEP8(crc, word)  __crc32cd((uint32_t)(crc), (word))
#define STEP1(crc, byte)  __crc32cb((crc), (byte))
#define HAS_INSTRUCTION() ((getauxval(AT_HWCAP) & (1UL << 7)) != 0) /* HWCAP_CRC32 */
#endif

#ifdef TARGET
static uint32_t shift_over_stream(uint32_t crc)
{
    return shift_table[0][crc & 0xFF] ^ shift_table[1][(crc >> 8) & 0xFF] ^
           shift_table[2][(crc >> 16) & 0xFF] ^ shift_table[3][crc >> 24];
}

static inline uint64_t load(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* What the next run's streams begin with; the processor does not see it coming by itself. May lie behind the
 * end: a hint never faults. */
static inline void prefetch_three(const uint8_t *p)
{
    __builtin_prefetch(p);
    __builtin_prefetch(p + LINE_BYTES);
    __builtin_prefetch(p + 2 * LINE_BYTES);
}

/* Three streams side by side over 3 * STREAM_BYTES. */
TARGET static uint32_t update_three(uint32_t crc, const uint8_t *p)
{
    uint64_t a = crc, b = 0, c = 0; /* as wide as the instruction's registers: nothing is cut off between */
    for (size_t line = 0; line < STREAM_BYTES; line += LINE_BYTES) {
        prefetch_three(p + 3 * STREAM_BYTES + 3 * line);
#pragma GCC unroll 8
        for (size_t i = line; i < line + LINE_BYTES; i += 8) {
            a = STEP8(a, load(p + i));
            b = STEP8(b, load(p + STREAM_BYTES + i));
            c = STEP8(c, load(p + 2 * STREAM_BYTES + i));
        }
    }
    return shift_over_stream(shift_over_stream((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
}

TARGET static uint32_t update_by_instruction(uint32_t crc, const uint8_t *p, size_t bytes)
{
    for (; bytes >= 3 * STREAM_BYTES; bytes -= 3 * STREAM_BYTES, p += 3 * STREAM_BYTES)
        crc = update_three(crc, p);
    for (; bytes >= 8; bytes -= 8, p += 8)
        crc = (uint32_t)STEP8(crc, load(p));
    while (bytes--)
        crc = STEP1(crc, *p++);
    return crc;
}
#else
#define HAS_INSTRUCTION() false
static uint32_t update_by_instruction(uint32_t crc, const uint8_t *p, size_t bytes)
{
    return update_by_table(crc, p, bytes);
}
#endif

static void fill_byte_tables(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
        byte_table[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; i++) {
        for (unsigned k = 1; k < 8; k++)
            byte_table[k][i] = byte_table[0][byte_table[k - 1][i] & 0xFF] ^ (byte_table[k - 1][i] >> 8);
    }
}

/* The checksum is linear: the shift of any value is the XOR of the shifts of its bits. */
static void fill_shift_table(void)
{
    static const uint8_t zeros[STREAM_BYTES];
    uint32_t bit_shifted[32];
    for (unsigned bit = 0; bit < 32; bit++)
        bit_shifted[bit] = update_by_table(1U << bit, zeros, STREAM_BYTES);
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned i = 0; i < 256; i++) {
            uint32_t value = 0;
            for (unsigned bit = 0; bit < 8; bit++)
                value ^= (i >> bit & 1) ? bit_shifted[8 * k + bit] : 0;
            shift_table[k][i] = value;
        }
    }
}

__attribute__((constructor)) static void prepare(void)
{
    fill_byte_tables();
    fill_shift_table();
    has_instruction = HAS_INSTRUCTION();
}

uint32_t canp_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    crc = ~crc;
    return ~(has_instruction ? update_by_instruction(crc, data, bytes) : update_by_table(crc, data, bytes));
}

/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where there is one. Any thread.
 */
#ifndef CANP_ENGINE_CRC32C_H
#define CANP_ENGINE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum: crc is 0 at first, then what the call before returned. */
uint32_t canp_crc32c(uint32_t crc, const void *data, size_t bytes);

#endif

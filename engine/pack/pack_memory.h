/* Scratch memory of packer and unpacker: arrays handed out of one allocation, each on its own cache line. */
#ifndef CANP_PACK_MEMORY_H
#define CANP_PACK_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define CANP_CARVE_ALIGN 64U

/* With memory == NULL it only counts what is needed. */
struct canp_carver {
    uint8_t *memory;
    size_t used_bytes;
};

static inline void *canp_carve(struct canp_carver *c, size_t count, size_t each)
{
    void *part = c->memory ? c->memory + c->used_bytes : NULL;
    c->used_bytes += (count * each + CANP_CARVE_ALIGN - 1) & ~(size_t)(CANP_CARVE_ALIGN - 1);
    return part;
}

#endif

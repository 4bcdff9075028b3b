/* For buffers: the place beside a layered pool's block where their reference count is. Any thread. */
#ifndef CANP_POOLS_MEMPOOL_PRIVATE_H
#define CANP_POOLS_MEMPOOL_PRIVATE_H

#include <canp/pools/buf.h>
#include <canp/pools/mempool.h>

#include "objpool_private.h"

/* In the sidecar of each block's header, written when the block is handed out. */
struct canp_block {
    struct canp_bufstore store; /* the buffers' */
    struct canp_mempool *pool;  /* its class is in the header, as batch_count */
};
_Static_assert(sizeof(struct canp_block) <= CANP_OBJ_SIDECAR_BYTES, "fits beside the block");

static inline struct canp_block *canp_block_of(const void *data)
{
    return (struct canp_block *)(void *)canp_obj_before(data)->sidecar;
}

static inline void *canp_block_data(struct canp_block *block)
{
    return (unsigned char *)block - offsetof(struct canp_obj, sidecar) + sizeof(struct canp_obj);
}

#endif

/* Inside a mapped block: for mapped.c, and for the mapping cache, which embeds it. Any thread. */
#ifndef CANP_POOLS_MAPPED_PRIVATE_H
#define CANP_POOLS_MAPPED_PRIVATE_H

#include <canp/pools/mapped.h>

struct canp_mapped {
    struct canp_bufstore store; /* its references; first, so that a store is a mapping */
    const uint8_t *data;        /* constant while mapped */
    size_t bytes;
    int watch; /* of the SIGBUS guard; -1: none (an empty file) */
    /* canp_mapped_mark(). Changed atomically, so it must not lie across two cache lines, where i386 would put
     * it: there each change halts all processors, and Linux delays the thread by milliseconds (split locks).
     */
    _Alignas(8) uint64_t mark;
};

/* Maps `bytes` of the file into *mapped: 0, -EMFILE, -EFBIG (more than the address space), or a negative
 * errno of mmap. Leaves the store alone. */
int canp_mapped_map(struct canp_mapped *mapped, int fd, uint64_t bytes);
void canp_mapped_unmap(struct canp_mapped *mapped);

/* fstat of a regular file: 0, -EINVAL, or a negative errno. */
int canp_mapped_regular(int fd, struct canp_file_id *out);

#endif

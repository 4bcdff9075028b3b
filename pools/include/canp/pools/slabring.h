/*
 * Slab ring: the memory of the capture path.
 *
 * A fixed number of equal slots in one mapping, which is prefaulted as a whole or, with ready_slots, a few
 * slots ahead of what is used, by a thread of the ring. One producer fills slabs, one consumer takes them in
 * order and frees them. The producer never waits and never allocates: when no slot is free it gets NULL, and
 * the ring counts the stall.
 *
 * A slot changes its state in this order only: free -> filling -> full -> spilling -> free.
 *
 * Threads: one producer thread (acquire, commit), one consumer thread (take, give_back, wait); stats and
 * wake from any thread; open and close while nobody else uses the ring.
 */
#ifndef CANP_POOLS_SLABRING_H
#define CANP_POOLS_SLABRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <canp/export.h>

CANP_BEGIN_DECLS

/* Bounds of canp_slabring_open(); outside of them it returns -EINVAL. */
#define CANP_SLABRING_SLOTS_MAX      65536u
#define CANP_SLABRING_SLOT_BYTES_MAX ((size_t)1 << 30)

/* Bytes of a slab's user area. */
#define CANP_SLAB_USER_BYTES 256

struct canp_slabring;

/* Size and kind of the ring's memory. Start from CANP_SLABRING_OPTS_INIT and set the two sizes. */
struct canp_slabring_opts {
    size_t size;         /* canp/export.h */
    size_t slot_bytes;   /* 1 .. CANP_SLABRING_SLOT_BYTES_MAX, rounded up to whole pages */
    unsigned slot_count; /* 1 .. CANP_SLABRING_SLOTS_MAX */
    bool lock_memory;    /* mlock(); refusal is no error, see stats.lock_error */
    bool huge_pages;     /* tries hugetlb pages, then transparent ones, then plain ones: see stats.backing */
    /* So many free slots are kept ready: prefaulted, and locked where that is permitted. The others are
     * address space until they are needed, and again once they have not been for a second. When more are
     * needed at once, acquire lends memory that has yet to be faulted in; but where a limit of memory (of a
     * control group, or the machine's) is near it returns NULL instead. 0 = all slots are ready from the
     * start. */
    unsigned ready_slots;
};
#define CANP_SLABRING_OPTS_INIT CANP_OPTS_INIT_(canp_slabring_opts)

/* One slab, lent by the ring. Its fields belong to the side that holds it: the producer between acquire
 * and commit, the consumer between take and give_back. */
struct canp_slab {
    uint8_t *data;         /* page-aligned; valid until give_back; NULL while the slab is free */
    size_t capacity_bytes; /* the same for every slab of a ring */
    size_t used_bytes;     /* 0 after acquire; the holder sets it, at most capacity_bytes */
    unsigned index;        /* 0 .. slot_count - 1, fixed */
    /* For the caller: passed from producer to consumer. Acquire leaves it as it was; all zero the first time.
     */
    unsigned char user[CANP_SLAB_USER_BYTES] __attribute__((aligned(64)));
};

enum canp_slabring_backing {
    CANP_SLABRING_PLAIN_PAGES = 0,
    CANP_SLABRING_TRANSPARENT_HUGE_PAGES = 1, /* advised; the kernel may still use plain ones */
    CANP_SLABRING_HUGETLB_PAGES = 2,
};

/* A snapshot. Counters are each exact; read together while both sides run, they may be one step apart. */
struct canp_slabring_stats {
    unsigned slot_count;
    unsigned free_slots; /* the four states sum up to slot_count */
    unsigned filling_slots;
    unsigned full_slots;
    unsigned spilling_slots;
    unsigned full_slots_max; /* high-water mark of full slots, as the producer saw it at a commit */
    size_t slot_bytes;       /* a slab's capacity */
    size_t mapped_bytes;     /* data of all slots */
    uint64_t committed;      /* slabs handed to the consumer */
    uint64_t taken;          /* slabs the consumer took */
    uint64_t stalls;       /* times that the producer found no free slot (consecutive refusals count once) */
    uint64_t refusals;     /* acquires that returned NULL */
    uint64_t stall_ns;     /* from a stall's first refusal to the next successful acquire; a current stall
                              counts up to now */
    uint64_t stall_ns_max; /* the longest stall that has ended */
    uint64_t wakes;        /* wake system calls made by commits to the consumer */
    size_t resident_bytes; /* of mapped_bytes, what takes memory: with ready_slots mostly a small part */
    uint64_t unready;      /* slabs lent before their memory was faulted in */
    bool locked;           /* memory is locked, what is not ready once it is touched */
    int lock_error;        /* asked for and refused: a negative errno (-EPERM, -ENOMEM), else 0 */
    enum canp_slabring_backing backing;
};

/* Maps the slots and prefaults those that are to be ready. *out is owned: canp_slabring_close().
 * 0; -EINVAL (a size out of its bounds); -E2BIG; -ENOMEM. */
CANP_API int canp_slabring_open(const struct canp_slabring_opts *opts, struct canp_slabring **out);

/* Unmaps everything; slabs that somebody still holds become invalid. NULL is allowed. */
CANP_API void canp_slabring_close(struct canp_slabring *ring);

/* Producer: the next slot in order, now filling; NULL (and a counted refusal) if that slot is not free, or
 * there is no memory for it. Several slabs may be held at once. No system call but a clock read during a
 * stall and, with ready_slots, the wake of the thread that gets memory ready, when few slots are. */
CANP_API struct canp_slab *canp_slabring_acquire(struct canp_slabring *ring);

/* Producer: hands a filling slab to the consumer. Wakes it by a system call only if it sleeps.
 * Slabs reach the consumer in the order of their acquire, whatever the order of their commits. */
CANP_API void canp_slabring_commit(struct canp_slabring *ring, struct canp_slab *slab);

/* Consumer: the oldest full slab, now spilling; NULL if there is none. Never waits.
 * Several slabs may be held at once. */
CANP_API struct canp_slab *canp_slabring_take(struct canp_slabring *ring);

/* Consumer: frees a spilling slab, in any order. The producer gets slots in ring order, so a slab that is not
 * given back blocks those after it. */
CANP_API void canp_slabring_give_back(struct canp_slabring *ring, struct canp_slab *slab);

/* Consumer: sleeps until a slab can be taken. timeout_ns < 0: no limit; 0: does not sleep. Returns 1:
 * canp_slabring_take() will succeed; 0: canp_slabring_wake() was called since the last return of 0;
 * -ETIMEDOUT. 1 goes before 0. */
CANP_API int canp_slabring_wait(struct canp_slabring *ring, int64_t timeout_ns);

/* Any thread, and signal handlers: makes the current or the next canp_slabring_wait() return. Several wakes
 * between two waits count as one. */
CANP_API void canp_slabring_wake(struct canp_slabring *ring);

/* Any thread. */
CANP_API void canp_slabring_stats(const struct canp_slabring *ring, struct canp_slabring_stats *out);

/* Whether the ring's invariants hold. For assertions; O(slots). Call it only while neither side is inside a
 * call: otherwise the result means nothing. */
CANP_API bool canp_slabring_is_valid(const struct canp_slabring *ring);

CANP_END_DECLS

#endif

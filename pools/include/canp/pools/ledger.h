/*
 * Leak ledger: a list of what is held, by whom and for how long.
 *
 * Pools, direct blocks and mapped files enter themselves, with the call site that acquired them. For a pooled
 * object this costs two stores and no clock read: the object gets the number of the ledger's current
 * generation, and every tick begins a new generation. Its age is therefore a lower bound: the time since the
 * first tick after its acquire.
 *
 * Debug modes cost more and tell more: one records a stack trace and the exact time of each acquire, the
 * other gives each object guarded pages of its own, so that an overrun or a use after release faults at once.
 * They are off in every build until canp_ledger_set_modes() turns them on.
 *
 * Any thread may call anything here.
 */
#ifndef CANP_POOLS_LEDGER_H
#define CANP_POOLS_LEDGER_H

#include <canp/export.h>
#include <canp/pools/memstats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* A place in the source. Static, never freed. */
struct canp_site {
    const char *file;
    const char *function;
    int line;
};

/* The place in the source where this macro stands. */
#define CANP_SITE_HERE                                                                                       \
    (__extension__({                                                                                         \
        static const struct canp_site canp_site_here_ = {__FILE__, __func__, __LINE__};                      \
        &canp_site_here_;                                                                                    \
    }))

/* Modes, to be or-ed. They affect only what is created afterwards: set them before opening the first pool. */
#define CANP_LEDGER_STACKS 1u /* a stack trace and an exact time for each object */
#define CANP_LEDGER_GUARDS 2u /* each pooled object gets pages of its own, ending at a guard page */

#define CANP_LEDGER_FRAMES_MAX 16

struct canp_ledger_item {
    const void *object;
    size_t bytes;
    enum canp_memtag tag;
    const struct canp_site *site;
    uint64_t age_ns;      /* a lower bound for pooled objects; exact for all else, and in the stacks mode */
    unsigned frame_count; /* 0 without CANP_LEDGER_STACKS, or where the C library has no backtrace() */
    void *const *frames;  /* borrowed until the visitor returns; for backtrace_symbols_fd() or addr2line */
};

typedef void canp_ledger_visit(void *user, const struct canp_ledger_item *item);

/* Sets the modes for what is created from now on; returns the previous ones. */
CANP_API unsigned canp_ledger_set_modes(unsigned modes);
CANP_API unsigned canp_ledger_modes(void);

/* A write that reaches the guard page, and any use after the release, faults at once. A write that ends in
 * the few bytes which alignment leaves between the object and that page is found at the release: it is
 * counted, and `report` (NULL: nothing) is called with the object's item. It is called without a lock by the
 * thread that releases, which need not be the one that wrote. It may end the process, which the library
 * itself never does. The item's frames, if it has any, are those of the acquire. */
CANP_API void canp_ledger_on_overrun(canp_ledger_visit *report, void *user);
CANP_API uint64_t canp_ledger_overruns(void); /* found so far; 0 without CANP_LEDGER_GUARDS */

/* Begins a new generation. The monitor does this with each report, and canp_ledger_each() does it too. The
 * ledger remembers the times of the last 1024 ticks, and of every 1024th tick for 1024 times as long; an age
 * between two remembered ticks is rounded down.
 */
CANP_API void canp_ledger_tick(void);

/* Calls visit (NULL: only counts) for everything that has been held for min_age_ns or longer (0: everything);
 * returns how many items that are. The visitor runs under the ledger's lock: it must not create, free, map or
 * list anything. */
CANP_API size_t canp_ledger_each(uint64_t min_age_ns, canp_ledger_visit *visit, void *user);

/* The same as a JSON array of {"site","function","tag","bytes","age_ns"}. Like snprintf: returns the length
 * needed, cut (and terminated) if that is text_bytes or more. */
CANP_API size_t canp_ledger_json(uint64_t min_age_ns, char *text, size_t text_bytes);

/* For memory that the library does not hand out itself: a node in the holder's own struct. Its fields are
 * private. */
struct canp_ledger_node {
    struct canp_ledger_node *next, *prev;
    const void *object;
    size_t bytes;
    const struct canp_site *site;
    uint64_t since_ns;
    struct canp_ledger_trace *trace;
    enum canp_memtag tag;
};

/* The node must not move until canp_ledger_leave(). Takes a lock: not for hot paths. */
CANP_API void canp_ledger_enter(struct canp_ledger_node *node, enum canp_memtag tag, const void *object,
                                size_t bytes, const struct canp_site *site);
/* A zeroed node, or one that has left already, is allowed. */
CANP_API void canp_ledger_leave(struct canp_ledger_node *node);

CANP_END_DECLS

#endif

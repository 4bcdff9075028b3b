/*
 * Mapping cache: keeps the files that were mapped last mapped, within a budget.
 *
 * A file is recognized by its identity (device, inode, size, time of change), not by its path. A mapping in
 * use is never unmapped. When room is needed, mappings not in use are unmapped, least recently released
 * first; get, release and evict are O(1). When the budget is reached and everything is in use, a get is
 * refused.
 *
 * Threads: everything from any thread (one lock, held for a hash look-up, or for mmap and munmap on a miss);
 * open and close while nobody else uses the cache.
 */
#ifndef CANP_POOLS_MAPCACHE_H
#define CANP_POOLS_MAPCACHE_H

#include <canp/export.h>
#include <canp/pools/mapped.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

struct canp_mapcache;

struct canp_mapcache_opts {
    size_t size;                 /* canp/export.h */
    unsigned count_max;          /* mappings, in use or not, up to CANP_MAPPED_MAX; 0: 256 */
    uint64_t bytes_max;          /* of all of them; 0: 256 MiB */
    unsigned high_water_percent; /* canp_mapcache_trim() goes down to this part of both, up to 100; 0: 80 */
};
#define CANP_MAPCACHE_OPTS_INIT CANP_OPTS_INIT_(canp_mapcache_opts)

/* Statistics of look-ups, for any cache. */
struct canp_cachestats {
    uint64_t hits;
    uint64_t misses;    /* look-ups that did not find the file, refused ones included */
    uint64_t evictions; /* unmapped for room, or by a trim; leaves out files found changed or lost */
};

/* 0 .. 1; 1 before the first look-up. */
static inline double canp_cachestats_hit_rate(const struct canp_cachestats *stats)
{
    uint64_t lookups = stats->hits + stats->misses;

    return lookups > 0 ? (double)stats->hits / (double)lookups : 1.0;
}

struct canp_mapcache_stats {
    struct canp_cachestats lookups;
    uint64_t refusals; /* gets that failed because there was no room */
    uint64_t lost;     /* mappings dropped because they could not be read any more */
    unsigned count;    /* mapped now */
    unsigned in_use;   /* of them */
    unsigned count_max;
    uint64_t bytes; /* mapped now */
    uint64_t bytes_peak;
    uint64_t bytes_max;
};

/* *out is owned: canp_mapcache_close(). 0; -EINVAL; -E2BIG; -ENOMEM. */
CANP_API int canp_mapcache_open(const struct canp_mapcache_opts *opts, struct canp_mapcache **out);

/* All mappings must have been released. NULL is allowed. */
CANP_API void canp_mapcache_close(struct canp_mapcache *cache);

/* The mapping of the file with this identity, in use until canp_mapped_release(). When the cache does not
 * have it, it is made from fd (which may be closed afterwards). 0; -ENOENT: the cache does not have it, and
 * fd is -1; -ESTALE: fd is another file, or it has changed; -EFBIG: larger than
 * the whole budget; -EBUSY: no room, everything is in use; or an error of canp_mapped_open_fd(). */
#define canp_mapcache_get(cache, id, fd, out) canp_mapcache_get_at((cache), (id), (fd), (out), CANP_SITE_HERE)
CANP_API int canp_mapcache_get_at(struct canp_mapcache *cache, const struct canp_file_id *id, int fd,
                                  struct canp_mapped **out, const struct canp_site *site);

/* The same by path: a stat for a hit, an open for a miss. */
#define canp_mapcache_get_path(cache, dir_fd, path, out)                                                     \
    canp_mapcache_get_path_at((cache), (dir_fd), (path), (out), CANP_SITE_HERE)
CANP_API int canp_mapcache_get_path_at(struct canp_mapcache *cache, int dir_fd, const char *path,
                                       struct canp_mapped **out, const struct canp_site *site);

/* Maintenance: unmaps mappings that are not in use, least recently released first, until at most
 * high_water_percent of both budgets are used. Returns how many it unmapped. */
CANP_API unsigned canp_mapcache_trim(struct canp_mapcache *cache);

CANP_API void canp_mapcache_stats(struct canp_mapcache *cache, struct canp_mapcache_stats *out);

/* Whether list, table and sums agree. For assertions; O(mappings). */
CANP_API bool canp_mapcache_is_valid(struct canp_mapcache *cache);

CANP_END_DECLS

#endif

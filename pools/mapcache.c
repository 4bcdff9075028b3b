/*
 * The mapping cache (canp/pools/mapcache.h).
 *
 * Invariant, under the lock: an entry is free, or it is mapped and found by the table, or it is mapped and
 * doomed (not found, unmapped by its last release). It is on the idle list exactly if it is mapped, not
 * doomed, and its last release has run to its end. The sums count all mapped entries.
 *
 * The last reference is dropped without the lock. end_use() then takes the lock and checks again, because
 * another thread may have taken the entry, or even released it, in between. Any thread.
 */
#include <assert.h>
#include <canp/pools/mapcache.h>
#include <canp/private/opts.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diagnostics/ledger_private.h"
#include "mapped_private.h"

struct entry {
    struct canp_mapped mapped; /* first: a mapping is an entry */
    struct canp_mapcache *cache;
    struct canp_file_id id;
    struct entry *hash_next;      /* in the table, or the next free one */
    struct entry *newer, *older;  /* on the idle list; NULL: not on it */
    const struct canp_site *site; /* of the get that put it into use */
    uint32_t generation;
    enum { ENTRY_FREE, ENTRY_FOUND, ENTRY_DOOMED } state;
};

struct canp_mapcache {
    pthread_mutex_t lock;
    struct canp_mapcache_opts opts;
    struct canp_ledger_source source;
    struct entry *entries; /* count_max of them */
    struct entry *first_free;
    struct entry idle; /* the list's head: newer is the oldest, older the newest */
    struct entry **table;
    uint64_t table_mask;
    struct canp_mapcache_stats stats; /* all but in_use */
};

/* ------------------------------------------------------------------ the idle list */

static bool is_idle(const struct entry *entry)
{
    return entry->newer != NULL;
}

static void join_idle(struct entry *entry)
{
    struct entry *head = &entry->cache->idle;

    entry->newer = head;
    entry->older = head->older;
    head->older->newer = entry;
    head->older = entry;
}

static void leave_idle(struct entry *entry)
{
    entry->newer->older = entry->older;
    entry->older->newer = entry->newer;
    entry->newer = entry->older = NULL;
}

/* ------------------------------------------------------------------ the table */

static struct entry **bucket_of(const struct canp_mapcache *cache, const struct canp_file_id *id)
{
    uint64_t hash = (id->inode ^ id->device << 32) * UINT64_C(0x9e3779b97f4a7c15);

    return &cache->table[(hash >> 32) & cache->table_mask];
}

static bool is_same(const struct canp_file_id *wanted, const struct canp_file_id *id)
{
    return wanted->inode == id->inode && wanted->device == id->device && wanted->bytes == id->bytes &&
           (wanted->mtime_ns == CANP_FILE_ANY_MTIME ||
            (wanted->mtime_ns == id->mtime_ns && wanted->ctime_ns == id->ctime_ns));
}

static struct entry *find(const struct canp_mapcache *cache, const struct canp_file_id *id)
{
    struct entry *entry = *bucket_of(cache, id);

    while (entry != NULL && !is_same(id, &entry->id))
        entry = entry->hash_next;
    return entry;
}

static void leave_table(struct entry *entry)
{
    struct entry **link = bucket_of(entry->cache, &entry->id);

    while (*link != entry) /* it is there */
        link = &(*link)->hash_next;
    *link = entry->hash_next;
    entry->state = ENTRY_DOOMED;
}

/* ------------------------------------------------------------------ entries */

static void free_entry(struct entry *entry)
{
    struct canp_mapcache *cache = entry->cache;

    cache->stats.count--;
    cache->stats.bytes -= entry->id.bytes;
    canp_mapped_unmap(&entry->mapped);
    entry->state = ENTRY_FREE;
    entry->hash_next = cache->first_free;
    cache->first_free = entry;
}

static void evict_oldest(struct canp_mapcache *cache)
{
    struct entry *oldest = cache->idle.newer;

    leave_idle(oldest);
    leave_table(oldest);
    free_entry(oldest);
    cache->stats.lookups.evictions++;
}

static bool has_idle(const struct canp_mapcache *cache)
{
    return cache->idle.newer != &cache->idle;
}

/* Not found from now on. An idle one goes at once, one in use with its last release. */
static void doom(struct entry *entry)
{
    entry->cache->stats.lost++;
    leave_table(entry);
    if (is_idle(entry)) {
        leave_idle(entry);
        free_entry(entry);
    }
}

/* The mapping's `last`: no reference was left when its caller dropped one. */
static void end_use(struct canp_bufstore *store)
{
    struct entry *entry = (struct entry *)(void *)store;
    struct canp_mapcache *cache = entry->cache;

    pthread_mutex_lock(&cache->lock);
    bool unused = __atomic_load_n(&store->refs, __ATOMIC_ACQUIRE) == 0 && !is_idle(entry);
    if (unused && entry->state == ENTRY_FOUND && canp_mapped_status(&entry->mapped) < 0) {
        cache->stats.lost++;
        leave_table(entry);
    }
    if (unused && entry->state == ENTRY_FOUND)
        join_idle(entry);
    else if (unused && entry->state == ENTRY_DOOMED)
        free_entry(entry);
    pthread_mutex_unlock(&cache->lock);
}

/* ------------------------------------------------------------------ get */

static int make_room(struct canp_mapcache *cache, uint64_t bytes)
{
    if (bytes > cache->opts.bytes_max)
        return -EFBIG;
    while (cache->stats.count == cache->opts.count_max ||
           cache->stats.bytes > cache->opts.bytes_max - bytes) {
        if (!has_idle(cache)) /* ends here at the latest */
            return -EBUSY;
        evict_oldest(cache);
    }
    return 0;
}

static int map_entry(struct canp_mapcache *cache, const struct canp_file_id *id, int fd, struct entry **out)
{
    int r = make_room(cache, id->bytes);

    if (r < 0) {
        cache->stats.refusals++;
        return r;
    }
    struct entry *entry = cache->first_free;
    r = canp_mapped_map(&entry->mapped, fd, id->bytes);
    if (r < 0)
        return r;
    cache->first_free = entry->hash_next;
    canp_bufstore_share(&entry->mapped.store);
    entry->id = *id;
    entry->state = ENTRY_FOUND;
    entry->hash_next = *bucket_of(cache, id);
    *bucket_of(cache, id) = entry;
    cache->stats.count++;
    cache->stats.bytes += id->bytes;
    if (cache->stats.bytes > cache->stats.bytes_peak)
        cache->stats.bytes_peak = cache->stats.bytes;
    *out = entry;
    return 0;
}

/* Not in the cache: from the file, if it is the one that is meant. */
static int get_from_file(struct canp_mapcache *cache, const struct canp_file_id *id, int fd,
                         struct entry **out)
{
    struct canp_file_id actual;

    cache->stats.lookups.misses++;
    if (fd < 0)
        return -ENOENT;
    int r = canp_mapped_regular(fd, &actual);
    if (r < 0)
        return r;
    return is_same(id, &actual) ? map_entry(cache, &actual, fd, out) : -ESTALE;
}

static void hit(struct entry *entry)
{
    entry->cache->stats.lookups.hits++;
    if (is_idle(entry)) { /* nobody has a reference, and who wants one waits for the lock */
        leave_idle(entry);
        __atomic_store_n(&entry->mapped.store.refs, 1, __ATOMIC_RELAXED);
    } else {
        canp_bufstore_share(&entry->mapped.store);
    }
}

int canp_mapcache_get_at(struct canp_mapcache *cache, const struct canp_file_id *id, int fd,
                         struct canp_mapped **out, const struct canp_site *site)
{
    struct entry *entry;
    int r = 0;

    pthread_mutex_lock(&cache->lock);
    entry = find(cache, id);
    if (entry != NULL && canp_mapped_status(&entry->mapped) < 0) {
        doom(entry);
        entry = NULL;
    }
    if (entry != NULL)
        hit(entry);
    else
        r = get_from_file(cache, id, fd, &entry);
    if (r == 0) {
        entry->site = site;
        entry->generation = canp_ledger_generation();
    }
    pthread_mutex_unlock(&cache->lock);
    if (r == 0)
        *out = &entry->mapped;
    return r;
}

int canp_mapcache_get_path_at(struct canp_mapcache *cache, int dir_fd, const char *path,
                              struct canp_mapped **out, const struct canp_site *site)
{
    struct canp_file_id id;
    int r = canp_file_id_at(dir_fd, path, &id);

    if (r < 0)
        return r;
    r = canp_mapcache_get_at(cache, &id, -1, out, site);
    if (r != -ENOENT)
        return r;
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    pthread_mutex_lock(&cache->lock);
    cache->stats.lookups.misses--; /* the second look-up is not another one */
    pthread_mutex_unlock(&cache->lock);
    r = canp_mapcache_get_at(cache, &id, fd, out, site);
    close(fd);
    return r;
}

/* ------------------------------------------------------------------ looking in */

unsigned canp_mapcache_trim(struct canp_mapcache *cache)
{
    uint64_t percent = cache->opts.high_water_percent;
    uint64_t count_goal = cache->opts.count_max * percent / 100;
    uint64_t bytes_goal = (uint64_t)((double)cache->opts.bytes_max / 100.0 * (double)percent);
    unsigned trimmed = 0;

    pthread_mutex_lock(&cache->lock);
    while (has_idle(cache) && (cache->stats.count > count_goal || cache->stats.bytes > bytes_goal)) {
        evict_oldest(cache);
        trimmed++;
    }
    pthread_mutex_unlock(&cache->lock);
    return trimmed;
}

static bool is_in_use(const struct entry *entry)
{
    return entry->state != ENTRY_FREE && !is_idle(entry);
}

void canp_mapcache_stats(struct canp_mapcache *cache, struct canp_mapcache_stats *out)
{
    pthread_mutex_lock(&cache->lock);
    struct canp_mapcache_stats stats = cache->stats;
    stats.in_use = 0;
    for (unsigned i = 0; i < cache->opts.count_max; i++)
        stats.in_use += is_in_use(&cache->entries[i]);
    pthread_mutex_unlock(&cache->lock);
    *out = stats;
}

/* The ledger lists what is in use; what only rests here is nobody's leak. */
static void walk(struct canp_ledger_source *source, struct canp_ledger_walk *ledger_walk)
{
    struct canp_mapcache *cache =
        (struct canp_mapcache *)(void *)((char *)source - offsetof(struct canp_mapcache, source));

    pthread_mutex_lock(&cache->lock);
    for (unsigned i = 0; i < cache->opts.count_max; i++) {
        const struct entry *entry = &cache->entries[i];
        if (!is_in_use(entry))
            continue;
        struct canp_ledger_item item = {
            .object = entry->mapped.data,
            .bytes = entry->mapped.bytes,
            .tag = CANP_MEMTAG_MAPPINGS,
            .site = entry->site,
            .age_ns = canp_ledger_generation_age_ns(entry->generation, canp_ledger_walk_now_ns(ledger_walk)),
        };
        canp_ledger_meet(ledger_walk, &item);
    }
    pthread_mutex_unlock(&cache->lock);
}

bool canp_mapcache_is_valid(struct canp_mapcache *cache)
{
    unsigned count = 0, idle = 0, listed = 0;
    uint64_t bytes = 0;
    bool valid = true;

    pthread_mutex_lock(&cache->lock);
    for (unsigned i = 0; i < cache->opts.count_max; i++) {
        const struct entry *entry = &cache->entries[i];
        count += entry->state != ENTRY_FREE;
        bytes += entry->state != ENTRY_FREE ? entry->id.bytes : 0;
        idle += is_idle(entry);
        valid = valid && (entry->state != ENTRY_FOUND || find(cache, &entry->id) == entry) &&
                (!is_idle(entry) || entry->state == ENTRY_FOUND);
    }
    for (const struct entry *at = cache->idle.newer; at != &cache->idle && listed <= count; at = at->newer)
        listed++;
    valid = valid && listed == idle && count == cache->stats.count && bytes == cache->stats.bytes &&
            count <= cache->opts.count_max && bytes <= cache->opts.bytes_max;
    pthread_mutex_unlock(&cache->lock);
    return valid;
}

/* ------------------------------------------------------------------ creation */

static int allocate(struct canp_mapcache *cache)
{
    unsigned count_max = cache->opts.count_max;
    uint64_t buckets = 1;

    while (buckets < 2 * (uint64_t)count_max)
        buckets *= 2;
    cache->table_mask = buckets - 1;
    cache->table = calloc((size_t)buckets, sizeof(void *));
    cache->entries = calloc(count_max, sizeof(cache->entries[0]));
    if (cache->table == NULL || cache->entries == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count_max; i++) {
        /* Constant from here on: a late release reads them without the lock. */
        cache->entries[i].cache = cache;
        canp_bufstore_init(&cache->entries[i].mapped.store, 0, end_use);
        __atomic_store_n(&cache->entries[i].mapped.store.refs, 0, __ATOMIC_RELAXED);
        cache->entries[i].hash_next = i + 1 < count_max ? &cache->entries[i + 1] : NULL;
    }
    cache->first_free = cache->entries;
    return 0;
}

/* Says what zeros mean. */
static int take_opts(const struct canp_mapcache_opts *opts, struct canp_mapcache_opts *taken)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);

    if (r < 0)
        return r;
    if (taken->count_max == 0)
        taken->count_max = 256;
    if (taken->bytes_max == 0)
        taken->bytes_max = (uint64_t)256 << 20;
    if (taken->high_water_percent == 0)
        taken->high_water_percent = 80;
    return taken->count_max > CANP_MAPPED_MAX || taken->high_water_percent > 100 ? -EINVAL : 0;
}

int canp_mapcache_open(const struct canp_mapcache_opts *opts, struct canp_mapcache **out)
{
    struct canp_mapcache_opts taken;
    int r = take_opts(opts, &taken);

    if (r < 0)
        return r;
    struct canp_mapcache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return -ENOMEM;
    pthread_mutex_init(&cache->lock, NULL);
    cache->opts = taken;
    cache->stats.count_max = taken.count_max;
    cache->stats.bytes_max = taken.bytes_max;
    cache->idle.newer = cache->idle.older = &cache->idle;
    if (allocate(cache) < 0) {
        canp_mapcache_close(cache);
        return -ENOMEM;
    }
    cache->source.walk = walk;
    canp_ledger_add_source(&cache->source);
    *out = cache;
    return 0;
}

void canp_mapcache_close(struct canp_mapcache *cache)
{
    if (cache == NULL)
        return;
    canp_ledger_remove_source(&cache->source);
    while (has_idle(cache))
        evict_oldest(cache);
    assert(cache->stats.count == 0); /* else somebody holds a mapping */
    pthread_mutex_destroy(&cache->lock);
    free(cache->entries);
    free(cache->table);
    free(cache);
}

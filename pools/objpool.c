/*
 * Object pool (canp/pools/objpool.h). An acquire costs a few loads and stores:
 *
 * Invariant: every object ever created is in exactly one place: held (it has a site), in one thread's
 * cache, in a batch on `free_batches`, or, if its create failed, on `raw`. Only the owner of that place
 * touches the plain fields of its header. A thread's cache is touched by that thread alone, so the fast path
 * has no atomic read-modify-write; batches change owner by one compare-and-swap.
 *
 * A cache holds a hot object and up to two batches. It gets one batch when it is empty and gives one away
 * when it is full; with two, alternating acquires and releases never move a batch each time.
 *
 * Against false sharing each cache, header and object, the stacks and the creation counters have cache lines
 * of their own. Any thread.
 */
#include "objpool_fast.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "diagnostics/memstats_private.h"

/* ------------------------------------------------------------------ the stacks */

static inline uint64_t pack_top(uint32_t index, uint32_t tag)
{
    return (uint64_t)tag << 32 | index;
}

static void push(struct canp_obj_stack *stack, struct canp_obj *head, uint32_t count)
{
    uint64_t top = atomic_load_explicit(&stack->top, memory_order_relaxed);
    uint64_t after;

    head->batch_count = count;
    do { /* ends: a failed exchange means that another thread moved on */
        atomic_store_explicit(&head->next_batch, (uint32_t)top, memory_order_relaxed);
        after = pack_top(head->index, (uint32_t)(top >> 32));
        /* release: pairs with the acquire in pop() */
    } while (!atomic_compare_exchange_weak_explicit(&stack->top, &top, after, memory_order_release,
                                                    memory_order_relaxed));
}

static struct canp_obj *pop(const struct canp_objpool *pool, struct canp_obj_stack *stack)
{
    uint64_t top = atomic_load_explicit(&stack->top, memory_order_acquire);

    while ((uint32_t)top != CANP_OBJ_NO_INDEX) { /* as in push() */
        struct canp_obj *head = canp_obj_at(pool, (uint32_t)top);
        uint32_t next = atomic_load_explicit(&head->next_batch, memory_order_relaxed);
        uint64_t after = pack_top(next, (uint32_t)(top >> 32) + 1);
        if (atomic_compare_exchange_weak_explicit(&stack->top, &top, after, memory_order_acquire,
                                                  memory_order_acquire))
            return head;
    }
    return NULL;
}

static void move_level(const struct canp_objpool *pool, int64_t objects)
{
    canp_memstats_move_level(pool->opts.tag, objects * (int64_t)pool->opts.object_bytes);
}

/* A batch leaves the shared store, or comes back to it. */
static struct canp_obj *pop_free(struct canp_objpool *pool)
{
    struct canp_obj *head = pop(pool, &pool->free_batches);

    if (head != NULL)
        move_level(pool, head->batch_count);
    return head;
}

static void push_free(struct canp_objpool *pool, struct canp_obj *head, uint32_t count)
{
    push(&pool->free_batches, head, count);
    move_level(pool, -(int64_t)count);
}

/* ------------------------------------------------------------------ caches and counters */

static struct canp_obj_cache *own_cache(const struct canp_objpool *pool)
{
    unsigned slot = canp_thread_slot();

    if (slot == 0 && pool->cached)
        slot = canp_thread_slot_assign();
    return canp_obj_cache_of(pool, slot);
}

/* The one that keeps nothing, and is shared. */
static bool is_shared(const struct canp_obj_cache *cache)
{
    return cache->limit == 0;
}

_Static_assert(offsetof(struct canp_obj_cache, acquires) % 8 == 0 &&
                   offsetof(struct canp_obj_cache, misses) % 8 == 0,
               "atomic");

static void count(const struct canp_obj_cache *cache, uint64_t *counter)
{
    if (is_shared(cache))
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    else
        canp_objpool_count(counter);
}

/* ------------------------------------------------------------------ objects */

static void *object_of(struct canp_obj *obj)
{
    return obj + 1;
}

static int make_object(struct canp_objpool *pool, void *object)
{
    canp_unpoison(object, pool->opts.object_bytes);
    return pool->opts.create != NULL ? pool->opts.create(object, pool->opts.user) : 0;
}

/* A header whose object was never in use; NULL at the bound. */
static struct canp_obj *next_index(struct canp_objpool *pool)
{
    uint32_t index = atomic_load_explicit(&pool->index_count, memory_order_relaxed);

    do { /* ends at the bound at the latest */
        if (index == pool->opts.object_count_max)
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&pool->index_count, &index, index + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    struct canp_obj *obj = canp_obj_at(pool, index);
    obj->index = index;
    return obj;
}

/* A new object; NULL at the bound, or when create failed (*failure then says how). */
static struct canp_obj *create_one(struct canp_objpool *pool, int *failure)
{
    struct canp_obj *obj = pop(pool, &pool->raw);

    if (obj == NULL)
        obj = next_index(pool);
    if (obj == NULL)
        return NULL;
    *failure = pool->guarded != NULL ? 0 : make_object(pool, object_of(obj));
    if (*failure < 0) {
        push(&pool->raw, obj, 1);
        return NULL;
    }
    obj->next = NULL;
    atomic_fetch_add_explicit(&pool->created, 1, memory_order_relaxed);
    return obj;
}

static bool has_debug(const struct canp_objpool *pool)
{
    return pool->traces != NULL || pool->guarded != NULL;
}

/* ------------------------------------------------------------------ acquire */

static void put_back(struct canp_objpool *pool, struct canp_obj *obj)
{
    obj->next = NULL;
    push_free(pool, obj, 1);
}

/* Without a cache: one object from the first batch, the rest of it goes back. */
static struct canp_obj *take_one(struct canp_objpool *pool)
{
    struct canp_obj *obj = pop_free(pool);

    if (obj != NULL && obj->batch_count > 1)
        push_free(pool, obj->next, obj->batch_count - 1);
    return obj;
}

/* The first object of a batch; the rest of it fills the cache, which is empty. */
static struct canp_obj *refill(struct canp_objpool *pool, struct canp_obj_cache *cache)
{
    struct canp_obj *batch = pop_free(pool);
    uint32_t filled = 0;

    if (batch == NULL)
        return NULL;
    for (struct canp_obj *obj = batch->next; obj != NULL; obj = obj->next) /* at most batch_count */
        cache->objects[filled++] = object_of(obj);
    cache->count = filled;
    canp_objpool_count(&cache->batches);
    return batch;
}

/* From the shared store, or a new one; NULL if there is none. */
static struct canp_obj *find_one(struct canp_objpool *pool, struct canp_obj_cache *cache, bool may_create)
{
    struct canp_obj *obj = is_shared(cache) ? take_one(pool) : refill(pool, cache);
    int failure;

    if (obj != NULL || !may_create)
        return obj;
    obj = create_one(pool, &failure);
    if (obj != NULL) {
        move_level(pool, 1);
        count(cache, &cache->misses);
    }
    return obj;
}

static __attribute__((noinline)) void *acquire_slowly(struct canp_objpool *pool, const struct canp_site *site,
                                                      bool may_create)
{
    struct canp_obj_cache *cache = own_cache(pool);
    struct canp_obj *obj = find_one(pool, cache, may_create);
    void *object = NULL;

    if (obj != NULL && has_debug(pool)) {
        object = canp_objpool_enter_debug(pool, obj, site);
        if (object == NULL)
            put_back(pool, obj);
    } else if (obj != NULL) {
        object = object_of(obj);
        canp_unpoison(object, pool->opts.object_bytes);
        canp_obj_mark(obj, site);
    }
    count(cache, object != NULL ? &cache->acquires : &cache->refusals);
    return object;
}

static inline void *acquire(struct canp_objpool *pool, const struct canp_site *site, bool may_create)
{
    struct canp_obj_cache *cache = canp_obj_cache_of(pool, canp_thread_slot());
    void *object = canp_objpool_take_hot(pool, cache, site);

    if (object != NULL)
        return object;
    if (cache->count == 0)
        return acquire_slowly(pool, site, may_create);
    object = cache->objects[--cache->count];
    canp_objpool_count(&cache->acquires);
    canp_obj_mark(canp_obj_before(object), site);
    canp_unpoison(object, pool->opts.object_bytes);
    return object;
}

void *canp_objpool_try_acquire_at(struct canp_objpool *pool, const struct canp_site *site)
{
    return acquire(pool, site, false);
}

void *canp_objpool_acquire_at(struct canp_objpool *pool, const struct canp_site *site)
{
    return acquire(pool, site, true);
}

/* ------------------------------------------------------------------ release */

/* The objects that rest longest in the cache go to where all threads get at them. */
static void spill(struct canp_objpool *pool, struct canp_obj_cache *cache, uint32_t spill_count)
{
    struct canp_obj *chain = NULL;

    for (uint32_t i = 0; i < spill_count; i++) {
        struct canp_obj *obj = canp_obj_before(cache->objects[i]);
        obj->next = chain;
        chain = obj;
    }
    cache->count -= spill_count;
    memmove(&cache->objects[0], &cache->objects[spill_count], cache->count * sizeof(cache->objects[0]));
    push_free(pool, chain, spill_count);
    canp_objpool_count(&cache->batches);
}

/* The hot object goes to the others in the cache, which has room. */
static inline void displace_hot(struct canp_obj_cache *cache)
{
    if (cache->hot != NULL)
        cache->objects[cache->count++] = cache->hot;
    cache->hot = NULL;
}

static void release_to_store(struct canp_objpool *pool, struct canp_obj_cache *cache, void *object)
{
    struct canp_obj *obj = canp_obj_before(object);

    if (has_debug(pool))
        obj = canp_objpool_leave_debug(pool, object);
    else
        __atomic_store_n(&obj->site, NULL, __ATOMIC_RELAXED);
    if (pool->guarded == NULL)
        canp_poison(object, pool->opts.object_bytes);
    put_back(pool, obj);
    count(cache, &cache->releases);
}

/* Without a cache (yet), or with a full one. */
static __attribute__((noinline)) void release_slowly(struct canp_objpool *pool, void *object)
{
    struct canp_obj_cache *cache = own_cache(pool);

    if (is_shared(cache)) {
        release_to_store(pool, cache, object);
        return;
    }
    if (cache->count == cache->limit)
        spill(pool, cache, pool->opts.batch_count);
    displace_hot(cache);
    canp_objpool_keep_hot(pool, cache, object);
}

void canp_objpool_release(struct canp_objpool *pool, void *object)
{
    if (object == NULL)
        return;
    struct canp_obj_cache *cache = canp_obj_cache_of(pool, canp_thread_slot());

    /* Fails where an object is released twice, was never acquired, or is another pool's. */
    assert(pool->guarded != NULL || canp_objpool_owns(pool, object));
    assert(__atomic_load_n(&canp_obj_before(object)->site, __ATOMIC_RELAXED) != NULL);
    if (canp_objpool_keep_hot(pool, cache, object))
        return;
    if (cache->count == cache->limit) { /* also in a cache that keeps nothing */
        release_slowly(pool, object);
        return;
    }
    displace_hot(cache);
    canp_objpool_keep_hot(pool, cache, object);
}

void canp_objpool_flush_cache(struct canp_objpool *pool, struct canp_obj_cache *cache)
{
    uint32_t batch_count = pool->opts.batch_count;

    if (cache->count == cache->limit)
        spill(pool, cache, batch_count);
    displace_hot(cache);
    while (cache->count > 0) /* twice at most */
        spill(pool, cache, cache->count < batch_count ? cache->count : batch_count);
}

void canp_objpool_flush(struct canp_objpool *pool)
{
    if (pool->cached && canp_thread_slot() != 0)
        canp_objpool_flush_cache(pool, canp_obj_cache_of(pool, canp_thread_slot()));
}

/* ------------------------------------------------------------------ for creation and end */

int canp_objpool_fill(struct canp_objpool *pool)
{
    uint32_t batch_count = pool->cached ? pool->opts.batch_count : 1;
    struct canp_obj *chain = NULL;
    uint32_t chained = 0;
    int failure = 0;

    for (uint32_t i = 0; i < pool->opts.ready_count; i++) {
        struct canp_obj *obj = create_one(pool, &failure);
        if (obj == NULL)
            return failure;
        canp_poison(object_of(obj), pool->opts.object_bytes);
        obj->next = chain;
        chain = obj;
        if (++chained == batch_count || i + 1 == pool->opts.ready_count) {
            push(&pool->free_batches, chain, chained);
            chain = NULL;
            chained = 0;
        }
    }
    return 0;
}

void canp_objpool_mark_raw(struct canp_objpool *pool)
{
    struct canp_obj *obj;

    while ((obj = pop(pool, &pool->raw)) != NULL) /* ends: nobody else uses the pool */
        obj->batch_count = CANP_OBJ_RAW;
}

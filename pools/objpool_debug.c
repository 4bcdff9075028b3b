/*
 * Object pools in the ledger's debug modes (canp/pools/ledger.h): stack traces, and for each object its own
 * memory in front of a guard page.
 *
 * Invariant: pools in these modes have no thread caches, so every acquire and release comes through here, and
 * `lock` covers an object's trace and address together with the site that says it is held: a walk through the
 * pool under the lock sees each object whole. In the guards mode a held object's header is a proxy in front
 * of the guarded memory, with the index of the real one. Any thread.
 */
#include "objpool_private.h"

#include <canp/pools/clock.h>
#include <pthread.h>

#include "guard.h"
#include "poison.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int canp_objpool_map_debug(struct canp_objpool *pool)
{
    unsigned modes = canp_ledger_modes();
    size_t object_count = pool->opts.object_count_max;
    int r = 0;

    if (modes & CANP_LEDGER_STACKS)
        r = canp_pages_map(object_count * sizeof(*pool->traces), 0, false, false, &pool->trace_pages);
    if (r == 0 && modes & CANP_LEDGER_GUARDS)
        r = canp_pages_map(object_count * sizeof(*pool->guarded), 0, false, false, &pool->guarded_pages);
    pool->traces = pool->trace_pages.base;
    pool->guarded = pool->guarded_pages.base;
    return r;
}

void canp_objpool_unmap_debug(struct canp_objpool *pool)
{
    canp_pages_unmap(&pool->guarded_pages);
    canp_pages_unmap(&pool->trace_pages);
}

/* ------------------------------------------------------------------ guarded memory */

/* Made, and created, anew for each acquire. */
static void *make_guarded(struct canp_objpool *pool, uint32_t index)
{
    struct canp_obj *proxy =
        canp_guard_alloc(sizeof(*proxy) + pool->opts.object_bytes, pool->opts.align_bytes);

    if (proxy == NULL)
        return NULL;
    proxy->index = index;
    if (pool->opts.create == NULL || pool->opts.create(proxy + 1, pool->opts.user) == 0)
        return proxy + 1;
    canp_guard_free(proxy);
    return NULL;
}

/* The object was held until now, and its trace and site are still those of who acquired it. */
static void report_overrun(const struct canp_objpool *pool, const struct canp_obj *obj, const void *object)
{
    uint64_t now_ns = canp_monotonic_ns();
    struct canp_ledger_item item = {
        .object = object,
        .bytes = pool->opts.object_bytes,
        .tag = pool->opts.tag,
        .site = canp_obj_site(canp_obj_before(object)),
    };

    canp_objpool_complete_item(pool, obj->index, now_ns, &item);
    canp_ledger_report_overrun(&item);
}

static void free_guarded(struct canp_objpool *pool, const struct canp_obj *obj, void *object)
{
    struct canp_obj *proxy = canp_obj_before(object);

    if (pool->opts.destroy != NULL)
        pool->opts.destroy(object, pool->opts.user);
    if (!canp_guard_is_intact(proxy, sizeof(*proxy) + pool->opts.object_bytes))
        report_overrun(pool, obj, object);
    canp_guard_free(proxy);
}

/* ------------------------------------------------------------------ out and back */

void *canp_objpool_enter_debug(struct canp_objpool *pool, struct canp_obj *obj, const struct canp_site *site)
{
    void *object = pool->guarded != NULL ? make_guarded(pool, obj->index) : obj + 1;

    if (object == NULL)
        return NULL;
    canp_unpoison(object, pool->opts.object_bytes);
    canp_objpool_debug_lock();
    if (pool->traces != NULL)
        canp_ledger_take_trace(&pool->traces[obj->index]);
    if (pool->guarded != NULL)
        pool->guarded[obj->index] = object;
    canp_obj_mark(obj, site);
    canp_obj_mark(canp_obj_before(object), site);
    canp_objpool_debug_unlock();
    return object;
}

struct canp_obj *canp_objpool_leave_debug(struct canp_objpool *pool, void *object)
{
    struct canp_obj *obj = canp_obj_at(pool, canp_obj_before(object)->index);

    canp_objpool_debug_lock();
    __atomic_store_n(&obj->site, NULL, __ATOMIC_RELAXED);
    canp_objpool_debug_unlock();
    if (pool->guarded != NULL)
        free_guarded(pool, obj, object);
    return obj;
}

/* ------------------------------------------------------------------ for the walk */

void canp_objpool_debug_lock(void)
{
    pthread_mutex_lock(&lock);
}

void canp_objpool_debug_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

void canp_objpool_complete_item(const struct canp_objpool *pool, uint32_t index, uint64_t now_ns,
                                struct canp_ledger_item *item)
{
    if (pool->guarded != NULL)
        item->object = pool->guarded[index];
    if (pool->traces != NULL) {
        const struct canp_ledger_trace *trace = &pool->traces[index];
        item->age_ns = now_ns > trace->since_ns ? now_ns - trace->since_ns : 0;
        item->frame_count = trace->frame_count;
        item->frames = trace->frames;
    }
}

/*
 * The leak ledger (canp/pools/ledger.h): a list of nodes for things that are acquired rarely, and a walk
 * through its sources (object pools, mapping caches) for all others.
 *
 * Invariant: tick_ns[g] is when generation g began; an object stamped g was acquired before g + 1 began.
 * Locks: `lock` guards list, sources and ticks; a source's own locks are taken inside of it, never around it.
 */
#include <canp/pools/clock.h>
#include <canp/pools/ledger.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAS_BACKTRACE 1
#endif
#endif

#include "json.h"
#include "ledger_private.h"

#define TICKS 1024u /* a power of two */

struct canp_ledger_walk {
    uint64_t now_ns;
    uint64_t min_age_ns;
    canp_ledger_visit *visit;
    void *user;
    size_t count;
};

/* Read by every acquire, written by ticks: a line of its own. */
uint32_t canp_ledger_generation_ __attribute__((aligned(64)));
static _Alignas(64) _Atomic unsigned modes_now; /* 0: nothing of the debug modes unless asked for */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct canp_ledger_node list = {.next = &list, .prev = &list};
static struct canp_ledger_source *sources;
static canp_ledger_visit *on_overrun;
static void *on_overrun_user;
static _Atomic uint64_t overruns;
static uint64_t tick_ns[TICKS];        /* of the last TICKS generations, by number modulo TICKS */
static uint64_t coarse_tick_ns[TICKS]; /* of every TICKS-th generation */

unsigned canp_ledger_set_modes(unsigned modes)
{
    return atomic_exchange(&modes_now, modes);
}

unsigned canp_ledger_modes(void)
{
    return atomic_load(&modes_now);
}

/* ------------------------------------------------------------------ overruns */

void canp_ledger_on_overrun(canp_ledger_visit *report, void *user)
{
    pthread_mutex_lock(&lock);
    on_overrun = report;
    on_overrun_user = user;
    pthread_mutex_unlock(&lock);
}

void canp_ledger_report_overrun(const struct canp_ledger_item *item)
{
    atomic_fetch_add(&overruns, 1);
    pthread_mutex_lock(&lock);
    canp_ledger_visit *report = on_overrun;
    void *user = on_overrun_user;
    pthread_mutex_unlock(&lock);
    if (report != NULL)
        report(user, item);
}

uint64_t canp_ledger_overruns(void)
{
    return atomic_load(&overruns);
}

/* ------------------------------------------------------------------ generations */

static void tick_locked(uint64_t now_ns)
{
    uint32_t next = canp_ledger_generation() + 1;

    tick_ns[next % TICKS] = now_ns;
    if (next % TICKS == 0)
        coarse_tick_ns[next / TICKS % TICKS] = now_ns;
    __atomic_store_n(&canp_ledger_generation_, next, __ATOMIC_RELAXED);
}

void canp_ledger_tick(void)
{
    pthread_mutex_lock(&lock);
    tick_locked(canp_monotonic_ns());
    pthread_mutex_unlock(&lock);
}

/* Caller holds the lock. The tick that ended the generation, or else the next one still remembered. */
uint64_t canp_ledger_generation_age_ns(uint32_t generation, uint64_t now_ns)
{
    uint32_t current = canp_ledger_generation();
    uint32_t end = generation + 1; /* wraps after 136 years of one tick per second */

    if (generation == current)
        return 0;
    if (current - end < TICKS)
        return now_ns - tick_ns[end % TICKS];
    uint32_t coarse = (end + TICKS - 1) / TICKS;
    if (current / TICKS - coarse >= TICKS)
        coarse = current / TICKS - TICKS + 1;
    return now_ns - coarse_tick_ns[coarse % TICKS];
}

/* ------------------------------------------------------------------ traces and nodes */

void canp_ledger_take_trace(struct canp_ledger_trace *trace)
{
    trace->since_ns = canp_monotonic_ns();
    trace->frame_count = 0;
#ifdef HAS_BACKTRACE /* musl has none */
    int count = backtrace(trace->frames, CANP_LEDGER_FRAMES_MAX);
    trace->frame_count = count > 0 ? (unsigned)count : 0;
#endif
}

void canp_ledger_enter(struct canp_ledger_node *node, enum canp_memtag tag, const void *object, size_t bytes,
                       const struct canp_site *site)
{
    struct canp_ledger_trace *trace = NULL;

    if (canp_ledger_modes() & CANP_LEDGER_STACKS)
        trace = malloc(sizeof(*trace)); /* without memory for it there is no trace */
    if (trace != NULL)
        canp_ledger_take_trace(trace);
    *node = (struct canp_ledger_node){.next = &list,
                                      .object = object,
                                      .bytes = bytes,
                                      .site = site,
                                      .since_ns = canp_monotonic_ns(),
                                      .trace = trace,
                                      .tag = tag};
    pthread_mutex_lock(&lock);
    node->prev = list.prev;
    node->prev->next = node;
    list.prev = node;
    pthread_mutex_unlock(&lock);
}

void canp_ledger_leave(struct canp_ledger_node *node)
{
    if (node->site == NULL) /* the holder's own field; the links belong to the lock */
        return;
    pthread_mutex_lock(&lock);
    node->prev->next = node->next;
    node->next->prev = node->prev;
    pthread_mutex_unlock(&lock);
    free(node->trace);
    *node = (struct canp_ledger_node){.site = NULL};
}

/* ------------------------------------------------------------------ sources */

void canp_ledger_add_source(struct canp_ledger_source *source)
{
    pthread_mutex_lock(&lock);
    source->prev = NULL;
    source->next = sources;
    if (sources != NULL)
        sources->prev = source;
    sources = source;
    pthread_mutex_unlock(&lock);
}

void canp_ledger_remove_source(struct canp_ledger_source *source)
{
    if (source->walk == NULL)
        return;
    pthread_mutex_lock(&lock);
    if (source->prev != NULL)
        source->prev->next = source->next;
    else
        sources = source->next;
    if (source->next != NULL)
        source->next->prev = source->prev;
    pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ listing */

uint64_t canp_ledger_walk_now_ns(const struct canp_ledger_walk *walk)
{
    return walk->now_ns;
}

void canp_ledger_meet(struct canp_ledger_walk *walk, const struct canp_ledger_item *item)
{
    if (item->age_ns < walk->min_age_ns)
        return;
    walk->count++;
    if (walk->visit != NULL)
        walk->visit(walk->user, item);
}

static void meet_node(struct canp_ledger_walk *walk, const struct canp_ledger_node *node)
{
    struct canp_ledger_item item = {
        .object = node->object,
        .bytes = node->bytes,
        .tag = node->tag,
        .site = node->site,
        .age_ns = walk->now_ns > node->since_ns ? walk->now_ns - node->since_ns : 0,
    };

    if (node->trace != NULL) {
        item.frame_count = node->trace->frame_count;
        item.frames = node->trace->frames;
    }
    canp_ledger_meet(walk, &item);
}

size_t canp_ledger_each(uint64_t min_age_ns, canp_ledger_visit *visit, void *user)
{
    struct canp_ledger_walk walk = {.min_age_ns = min_age_ns, .visit = visit, .user = user};

    pthread_mutex_lock(&lock);
    walk.now_ns = canp_monotonic_ns();
    for (const struct canp_ledger_node *node = list.next; node != &list; node = node->next)
        meet_node(&walk, node);
    for (struct canp_ledger_source *source = sources; source != NULL; source = source->next)
        source->walk(source, &walk);
    tick_locked(walk.now_ns);
    pthread_mutex_unlock(&lock);
    return walk.count;
}

static void write_item(void *user, const struct canp_ledger_item *item)
{
    struct canp_json *json = user;
    char site[256];

    snprintf(site, sizeof(site), "%s:%d", item->site->file, item->site->line);
    canp_json_open(json, NULL, '{');
    canp_json_string(json, "site", site);
    canp_json_string(json, "function", item->site->function);
    canp_json_string(json, "tag", canp_memtag_name(item->tag));
    canp_json_u64(json, "bytes", item->bytes);
    canp_json_u64(json, "age_ns", item->age_ns);
    canp_json_close(json, '}');
}

size_t canp_ledger_json(uint64_t min_age_ns, char *text, size_t text_bytes)
{
    struct canp_json json;

    canp_json_start(&json, text, text_bytes);
    canp_json_open(&json, NULL, '[');
    canp_ledger_each(min_age_ns, write_item, &json);
    canp_json_close(&json, ']');
    return json.length;
}

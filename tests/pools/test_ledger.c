/* Memory statistics and leak ledger: sums, peaks, tags, call sites, ages, JSON. */
#include <canp/pools/ledger.h>
#include <canp/pools/memstats.h>
#include <canp/pools/objpool.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void plain_modes(void)
{
    canp_ledger_set_modes(0);
}

TestSuite(memstats, .init = plain_modes, .timeout = 60);
TestSuite(ledger, .init = plain_modes, .timeout = 60);

static struct canp_memcount count_of(enum canp_memtag tag)
{
    struct canp_memstats stats;

    canp_memstats_read(&stats);
    return stats.tag[tag];
}

static struct canp_objpool *make_pool(enum canp_memtag tag)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_objpool *pool = NULL;

    opts.object_bytes = 1000;
    opts.object_count_max = 100;
    opts.tag = tag;
    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    return pool;
}

Test(memstats, each_tag_counts_for_itself)
{
    canp_memstats_alloc(CANP_MEMTAG_INDEX, 300000);
    canp_memstats_alloc(CANP_MEMTAG_INDEX, 10);
    canp_memstats_free(CANP_MEMTAG_INDEX, 300000);
    canp_memstats_alloc(CANP_MEMTAG_OTHER, 5);
    struct canp_memcount index = count_of(CANP_MEMTAG_INDEX);
    cr_expect_eq(index.allocated_bytes, 300010);
    cr_expect_eq(index.freed_bytes, 300000);
    cr_expect_eq(index.current_bytes, 10);
    cr_expect_eq(index.allocs, 2);
    cr_expect_eq(index.frees, 1);
    cr_expect_eq(index.peak_bytes, 300000, "10 bytes are below what is brought to the peak");
    struct canp_memstats stats;
    canp_memstats_read(&stats);
    cr_expect_eq(stats.total.current_bytes, 15);
    cr_expect_eq(stats.total.allocs, 3);
    cr_expect_geq(stats.total.peak_bytes, 300000);
    cr_expect_str_eq(canp_memtag_name(CANP_MEMTAG_SLABS), "slabs");
    cr_expect_str_eq(canp_memtag_name(CANP_MEMTAG_COUNT), "?");
}

Test(memstats, a_peak_is_at_least_the_current)
{
    canp_memstats_alloc(CANP_MEMTAG_OTHER, 100);
    cr_expect_eq(count_of(CANP_MEMTAG_OTHER).peak_bytes, 100);
}

Test(memstats, pools_count_what_they_hand_out)
{
    struct canp_objpool *pool = make_pool(CANP_MEMTAG_OBJECTS);
    void *object[50];

    for (int i = 0; i < 50; i++)
        object[i] = canp_objpool_acquire(pool);
    cr_expect_eq(count_of(CANP_MEMTAG_OBJECTS).current_bytes, 50000);
    cr_expect_eq(count_of(CANP_MEMTAG_OBJECTS).peak_bytes, 50000);
    for (int i = 0; i < 49; i++)
        canp_objpool_release(pool, object[i]);
    struct canp_memcount count = count_of(CANP_MEMTAG_OBJECTS);
    cr_expect_eq(count.current_bytes, 1000);
    cr_expect_eq(count.allocs, 50);
    cr_expect_eq(count.frees, 49);
    canp_objpool_close(pool);
    count = count_of(CANP_MEMTAG_OBJECTS);
    cr_expect_eq(count.allocated_bytes, 50000, "a pool's counts outlive it");
    cr_expect_eq(count.current_bytes, 0);
    cr_expect_eq(count.peak_bytes, 50000);
}

static void *allocate_some(void *arg)
{
    struct canp_memstats before, after;

    canp_memstats_read_thread(&before);
    canp_memstats_alloc(CANP_MEMTAG_BUFFERS, 1 << 20);
    canp_memstats_read_thread(&after);
    *(uint64_t *)arg =
        after.tag[CANP_MEMTAG_BUFFERS].allocated_bytes - before.tag[CANP_MEMTAG_BUFFERS].allocated_bytes;
    return NULL;
}

Test(memstats, threads_are_summed_up_and_told_apart)
{
    uint64_t own_bytes[4];

    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, allocate_some, &own_bytes[i]);
        pthread_join(thread, NULL);
        cr_expect_eq(own_bytes[i], 1 << 20);
    }
    cr_expect_eq(count_of(CANP_MEMTAG_BUFFERS).allocated_bytes, 4 << 20);
    cr_expect_eq(count_of(CANP_MEMTAG_BUFFERS).peak_bytes, 4 << 20);
}

Test(memstats, json_is_cut_where_the_buffer_ends)
{
    struct canp_memstats stats;
    char text[4096], small[10];

    canp_memstats_alloc(CANP_MEMTAG_SLABS, 7);
    canp_memstats_read(&stats);
    size_t length = canp_memstats_json(&stats, text, sizeof(text));
    cr_assert_lt(length, sizeof(text));
    cr_expect_eq(strlen(text), length);
    cr_expect_not_null(
        strstr(text, "\"slabs\":{\"allocated_bytes\":7,\"freed_bytes\":0,\"current_bytes\":7,"));
    cr_expect_eq(canp_memstats_json(&stats, small, sizeof(small)), length);
    cr_expect_eq(strlen(small), 9);
    cr_expect_eq(memcmp(small, text, 9), 0);
    cr_expect_eq(canp_memstats_json(&stats, NULL, 0), length);
}

/* ---- ledger */

Test(ledger_modes, are_off_in_every_build_until_asked_for)
{
    cr_expect_eq(canp_ledger_modes(), 0);
    cr_expect_eq(canp_ledger_set_modes(CANP_LEDGER_STACKS), 0);
    cr_expect_eq(canp_ledger_modes(), CANP_LEDGER_STACKS);
}

struct found {
    size_t count;
    struct canp_ledger_item last;
    unsigned frame_count;
};

static void note(void *user, const struct canp_ledger_item *item)
{
    struct found *found = user;

    found->count++;
    found->last = *item;
    found->frame_count = item->frame_count;
}

static struct found look(uint64_t min_age_ns)
{
    struct found found = {0};

    cr_expect_eq(canp_ledger_each(min_age_ns, note, &found), found.count);
    return found;
}

Test(ledger, lists_who_holds_what)
{
    struct canp_objpool *pool = make_pool(CANP_MEMTAG_OBJECTS);
    void *object = canp_objpool_acquire(pool);
    int line = __LINE__ - 1;
    struct found found = look(0);

    cr_assert_eq(found.count, 1);
    cr_expect_eq(found.last.object, object);
    cr_expect_eq(found.last.bytes, 1000);
    cr_expect_eq(found.last.tag, CANP_MEMTAG_OBJECTS);
    cr_expect_eq(found.last.site->line, line);
    cr_expect_not_null(strstr(found.last.site->file, "test_ledger.c"));
    cr_expect_not_null(found.last.site->function);
    canp_objpool_release(pool, object);
    cr_expect_eq(look(0).count, 0);
    canp_objpool_close(pool);
}

Test(ledger, ages_are_lower_bounds_from_the_next_tick)
{
    struct canp_objpool *pool = make_pool(CANP_MEMTAG_OBJECTS);

    canp_ledger_tick();
    usleep(30000);
    void *object = canp_objpool_acquire(pool);
    cr_expect_eq(look(1).count, 0, "nothing proves its age yet: a tick before it does not count");
    usleep(20000);
    struct found found = look(10000000);
    cr_expect_eq(found.count, 1);
    cr_expect_geq(found.last.age_ns, 20000000u);
    cr_expect_lt(found.last.age_ns, 30000000000u);
    cr_expect_eq(look(60000000000u).count, 0);
    canp_objpool_release(pool, object);
    canp_objpool_close(pool);
}

Test(ledger, ages_stay_lower_bounds_beyond_the_ticks_remembered)
{
    struct canp_objpool *pool = make_pool(CANP_MEMTAG_OBJECTS);

    canp_objpool_acquire(pool);
    canp_ledger_tick();
    usleep(5000);
    for (int i = 0; i < 1023; i++)
        canp_ledger_tick();
    cr_expect_geq(look(0).last.age_ns, 5000000u, "at the last tick remembered");
    for (int i = 0; i < 3000; i++)
        canp_ledger_tick();
    usleep(5000);
    struct found found = look(0);
    cr_expect_geq(found.last.age_ns, 5000000u);
    cr_expect_lt(found.last.age_ns, 60000000000u);
    canp_objpool_close(pool);
}

Test(ledger, stacks_and_exact_times)
{
    canp_ledger_set_modes(CANP_LEDGER_STACKS);
    struct canp_objpool *pool = make_pool(CANP_MEMTAG_OBJECTS);
    void *object = canp_objpool_acquire(pool);

    usleep(2000);
    struct found found = look(1000000);
    cr_expect_eq(found.count, 1, "exact times need no tick");
#if defined(__GLIBC__) && !defined(__arm__) /* musl has no backtrace(), on ARM glibc's sees one frame */
    cr_expect_gt(found.frame_count, 1u);
#endif
    canp_objpool_release(pool, object);
    cr_expect_eq(look(0).count, 0);
    canp_objpool_close(pool);
}

static void nodes(void)
{
    struct canp_ledger_node node[3] = {0};

    for (int i = 0; i < 3; i++)
        canp_ledger_enter(&node[i], CANP_MEMTAG_INDEX, &node[i], 10, CANP_SITE_HERE);
    cr_expect_eq(look(0).count, 3);
    canp_ledger_leave(&node[1]);
    canp_ledger_leave(&node[1]);
    cr_expect_eq(look(0).count, 2);
    cr_expect_eq(look(0).last.tag, CANP_MEMTAG_INDEX);
    usleep(1000);
    cr_expect_eq(look(1000000).count, 2, "their times are exact");
    canp_ledger_leave(&node[0]);
    canp_ledger_leave(&node[2]);
    cr_expect_eq(look(0).count, 0);
}

Test(ledger, nodes_enter_and_leave)
{
    nodes();
    canp_ledger_set_modes(CANP_LEDGER_STACKS);
    nodes();
}

Test(ledger, json_names_the_sites)
{
    struct canp_objpool *pool = make_pool(CANP_MEMTAG_BUFFERS);
    char text[1000];

    cr_expect_eq(canp_ledger_json(0, text, sizeof(text)), 2);
    cr_expect_str_eq(text, "[]");
    canp_objpool_acquire(pool);
    canp_objpool_acquire(pool);
    size_t length = canp_ledger_json(0, text, sizeof(text));
    cr_assert_lt(length, sizeof(text));
    cr_expect_eq(text[length - 1], ']');
    cr_expect_not_null(strstr(text, "test_ledger.c:"));
    cr_expect_not_null(strstr(text, "\"tag\":\"buffers\",\"bytes\":1000,\"age_ns\":0},{\"site\""));
    canp_objpool_close(pool);
}

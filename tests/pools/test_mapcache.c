/* Mapping cache: budgets, order of eviction, pins, identity, lost files, trimming, and a model. */
#include <canp/pools/mapcache.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "emulated.h"
#include "seed.h"
#include "temp_file.h"

TestSuite(mapcache, .timeout = 120);

#define KIB 1024

static struct canp_mapcache *make_cache(unsigned count_max, uint64_t bytes_max)
{
    struct canp_mapcache_opts opts = CANP_MAPCACHE_OPTS_INIT;
    struct canp_mapcache *cache = NULL;

    opts.count_max = count_max;
    opts.bytes_max = bytes_max;
    cr_assert_eq(canp_mapcache_open(&opts, &cache), 0);
    return cache;
}

static struct canp_mapcache_stats stats_of(struct canp_mapcache *cache)
{
    struct canp_mapcache_stats stats;

    cr_assert(canp_mapcache_is_valid(cache));
    canp_mapcache_stats(cache, &stats);
    return stats;
}

struct file {
    int fd;
    struct canp_file_id id;
};

static struct file make_file(uint32_t number, size_t bytes)
{
    struct file file = {.fd = temp_file(number, bytes)};

    cr_assert_eq(canp_file_id_of(file.fd, &file.id), 0);
    return file;
}

static struct canp_mapped *get(struct canp_mapcache *cache, const struct file *file)
{
    struct canp_mapped *mapped = NULL;

    cr_assert_eq(canp_mapcache_get(cache, &file->id, file->fd, &mapped), 0);
    return mapped;
}

static bool is_cached(struct canp_mapcache *cache, const struct file *file)
{
    struct canp_mapped *mapped = NULL;
    int r = canp_mapcache_get(cache, &file->id, -1, &mapped);

    cr_assert(r == 0 || r == -ENOENT);
    canp_mapped_release(mapped);
    return r == 0;
}

static uint32_t number_in(struct canp_mapped *mapped)
{
    const uint8_t *data;
    uint64_t word;

    cr_assert_eq(canp_mapped_borrow(mapped, 0, 8, &data), 0);
    memcpy(&word, data, 8);
    return (uint32_t)(word >> 32);
}

static void expect_refused(unsigned count_max, uint64_t bytes_max, unsigned percent)
{
    struct canp_mapcache_opts opts = {sizeof(opts), count_max, bytes_max, percent};
    struct canp_mapcache *cache = NULL;

    cr_expect_eq(canp_mapcache_open(&opts, &cache), -EINVAL);
    cr_expect_null(cache);
}

Test(mapcache, options_at_their_bounds)
{
    expect_refused(CANP_MAPPED_MAX + 1, 1, 80);
    expect_refused(1, 1, 101);
    canp_mapcache_close(make_cache(CANP_MAPPED_MAX, UINT64_MAX));
    canp_mapcache_close(NULL);
}

Test(mapcache, a_hit_is_the_same_mapping)
{
    struct canp_mapcache *cache = make_cache(4, 100 * KIB);
    struct file file = make_file(5, KIB);
    struct canp_mapped *first = get(cache, &file), *second = get(cache, &file);

    cr_expect_eq(first, second);
    cr_expect_eq(number_in(first), 5);
    canp_mapped_release(first);
    cr_expect_eq(stats_of(cache).in_use, 1);
    canp_mapped_release(second);
    cr_expect_eq(get(cache, &file), first, "it stayed mapped");
    canp_mapped_release(first);
    struct canp_mapcache_stats stats = stats_of(cache);
    cr_expect_eq(stats.lookups.hits, 2);
    cr_expect_eq(stats.lookups.misses, 1);
    cr_expect_eq(stats.count, 1);
    cr_expect_eq(stats.in_use, 0);
    cr_expect_eq(stats.bytes, KIB);
    cr_expect_float_eq(canp_cachestats_hit_rate(&stats.lookups), 2.0 / 3, 1e-9);
    canp_mapcache_close(cache);
}

Test(mapcache, the_count_budget_evicts_the_least_recently_released)
{
    struct canp_mapcache *cache = make_cache(3, 100 * KIB);
    struct file file[4];

    for (uint32_t i = 0; i < 4; i++)
        file[i] = make_file(i, KIB);
    for (int i = 0; i < 3; i++)
        canp_mapped_release(get(cache, &file[i]));
    canp_mapped_release(get(cache, &file[0]));
    canp_mapped_release(get(cache, &file[3]));
    cr_expect(is_cached(cache, &file[0]));
    cr_expect_not(is_cached(cache, &file[1]));
    cr_expect(is_cached(cache, &file[2]));
    cr_expect(is_cached(cache, &file[3]));
    cr_expect_eq(stats_of(cache).lookups.evictions, 1);
    canp_mapcache_close(cache);
}

Test(mapcache, the_byte_budget_is_kept_exactly)
{
    struct canp_mapcache *cache = make_cache(100, 10 * KIB);
    struct file small[9], big = make_file(50, 9 * KIB), exact = make_file(51, 10 * KIB),
                          more = make_file(52, 10 * KIB + 1);
    struct canp_mapped *mapped = NULL;

    for (uint32_t i = 0; i < 9; i++) {
        small[i] = make_file(i, KIB);
        canp_mapped_release(get(cache, &small[i]));
    }
    canp_mapped_release(get(cache, &big));
    struct canp_mapcache_stats stats = stats_of(cache);
    cr_expect_eq(stats.count, 2);
    cr_expect_eq(stats.bytes, 10 * KIB);
    cr_expect(is_cached(cache, &small[8]));
    canp_mapped_release(get(cache, &exact));
    cr_expect_eq(stats_of(cache).count, 1);
    cr_expect_eq(canp_mapcache_get(cache, &more.id, more.fd, &mapped), -EFBIG);
    cr_expect(is_cached(cache, &exact), "a get that is refused evicts nothing");
    cr_expect_eq(stats_of(cache).refusals, 1);
    cr_expect_eq(stats_of(cache).bytes_peak, 10 * KIB);
    canp_mapcache_close(cache);
}

Test(mapcache, what_is_in_use_is_never_unmapped)
{
    struct canp_mapcache *cache = make_cache(2, 100 * KIB);
    struct file file[3] = {make_file(0, KIB), make_file(1, KIB), make_file(2, KIB)};
    struct canp_mapped *first = get(cache, &file[0]), *second = get(cache, &file[1]), *third = NULL;
    struct canp_buf slice;

    cr_expect_eq(canp_mapcache_get(cache, &file[2].id, file[2].fd, &third), -EBUSY);
    cr_expect_null(third);
    canp_mapped_slice(first, 0, KIB, &slice);
    canp_mapped_release(first);
    cr_expect_eq(canp_mapcache_get(cache, &file[2].id, file[2].fd, &third), -EBUSY, "a slice is a use");
    cr_expect_eq(canp_mapcache_trim(cache), 0);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 2, "the ledger lists what is in use");
    canp_buf_release(&slice);
    cr_expect_eq(canp_mapcache_get(cache, &file[2].id, file[2].fd, &third), 0);
    cr_expect_eq(number_in(second), 1);
    canp_mapped_release(second);
    canp_mapped_release(third);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 0, "and not what only rests");
    canp_mapcache_close(cache);
}

Test(mapcache, a_file_is_known_by_what_it_is)
{
    struct canp_mapcache *cache = make_cache(4, 100 * KIB);
    struct file file = make_file(0, KIB), other = make_file(1, KIB);
    struct file any = file;
    struct canp_mapped *mapped = NULL;

    cr_expect_eq(canp_mapcache_get(cache, &file.id, other.fd, &mapped), -ESTALE, "another file");
    canp_mapped_release(get(cache, &file));
    any.id.mtime_ns = CANP_FILE_ANY_MTIME;
    cr_expect(is_cached(cache, &any));
    struct file touched = file;
    struct timespec times[2] = {{1, 0}, {1, 0}};
    cr_assert_eq(futimens(file.fd, times), 0);
    cr_expect_eq(canp_file_id_of(file.fd, &touched.id), 0);
    cr_expect_not(is_cached(cache, &touched), "changed meanwhile");
    canp_mapped_release(get(cache, &touched));
    struct canp_file_id grown = touched.id;
    grown.bytes++;
    cr_expect_eq(canp_mapcache_get(cache, &grown, file.fd, &mapped), -ESTALE);
    cr_expect_eq(canp_mapcache_get(cache, &file.id, 1000, &mapped), 0, "the old state is still cached");
    canp_mapped_release(mapped);
    cr_expect_eq(stats_of(cache).count, 2);
    canp_mapcache_close(cache);
}

Test(mapcache, by_path)
{
    struct canp_mapcache *cache = make_cache(4, 100 * KIB);
    char path[] = "/tmp/canp-mapcache-XXXXXX";
    int fd = mkstemp(path);
    struct canp_mapped *mapped = NULL, *again = NULL;

    cr_assert_eq(write(fd, "12345678", 8), 8);
    cr_assert_eq(canp_mapcache_get_path(cache, AT_FDCWD, path, &mapped), 0);
    cr_assert_eq(canp_mapcache_get_path(cache, AT_FDCWD, path, &again), 0);
    cr_expect_eq(mapped, again);
    canp_mapped_release(again);
    unlink(path);
    cr_expect_eq(canp_mapcache_get_path(cache, AT_FDCWD, path, &again), -ENOENT);
    canp_mapped_release(mapped);
    cr_expect_eq(stats_of(cache).lookups.hits, 1);
    cr_expect_eq(stats_of(cache).lookups.misses, 1);
    canp_mapcache_close(cache);
    close(fd);
}

Test(mapcache, a_lost_mapping_is_not_handed_out_again)
{
    SKIP_WHEN_EMULATED("MADV_POPULATE_READ");
    struct canp_mapcache *cache = make_cache(4, 100 * KIB);
    struct file in_use = make_file(0, 8 * KIB), idle = make_file(1, 8 * KIB);
    struct canp_mapped *mapped = get(cache, &in_use), *again = NULL;

    canp_mapped_release(get(cache, &idle));
    cr_assert_eq(ftruncate(in_use.fd, 0), 0);
    cr_expect_eq(canp_mapped_prefault(mapped, 0, 8 * KIB), -CANP_E_LOST);
    cr_expect_eq(canp_mapcache_get(cache, &in_use.id, -1, &again), -ENOENT);
    cr_expect_eq(stats_of(cache).lost, 1);
    cr_expect_eq(stats_of(cache).count, 2, "it stays mapped for those who hold it");
    canp_mapped_release(mapped);
    cr_expect_eq(stats_of(cache).count, 1);
    mapped = get(cache, &idle);
    cr_assert_eq(ftruncate(idle.fd, 0), 0);
    cr_expect_eq(canp_mapped_prefault(mapped, 0, 8 * KIB), -CANP_E_LOST);
    canp_mapped_release(mapped);
    cr_expect_eq(stats_of(cache).count, 0, "its last release drops it");
    cr_expect_eq(stats_of(cache).lost, 2);
    canp_mapcache_close(cache);
}

Test(mapcache, trimming_goes_down_to_the_high_water_mark)
{
    struct canp_mapcache *cache = make_cache(10, 100 * KIB);
    struct file file[10];

    for (uint32_t i = 0; i < 10; i++) {
        file[i] = make_file(i, KIB);
        canp_mapped_release(get(cache, &file[i]));
    }
    cr_expect_eq(canp_mapcache_trim(cache), 2);
    cr_expect_eq(canp_mapcache_trim(cache), 0);
    cr_expect_not(is_cached(cache, &file[1]), "the oldest go");
    cr_expect(is_cached(cache, &file[2]));
    cr_expect_eq(stats_of(cache).lookups.evictions, 2);
    canp_mapcache_close(cache);

    cache = make_cache(100, 10 * KIB);
    for (int i = 0; i < 10; i++)
        canp_mapped_release(get(cache, &file[i]));
    cr_expect_eq(canp_mapcache_trim(cache), 2, "by bytes");
    canp_mapcache_close(cache);
}

/* ---- against a model: an array in the order of releases */

#define FILES     24
#define COUNT_MAX 10
#define BYTES_MAX (40 * KIB)

struct model {
    unsigned refs[FILES];
    uint64_t released[FILES]; /* when last; 0: not cached */
    bool cached[FILES];
    uint64_t hits, misses, evictions, refusals;
};

static unsigned model_count(const struct model *model)
{
    unsigned count = 0;

    for (int i = 0; i < FILES; i++)
        count += model->cached[i];
    return count;
}

static uint64_t model_bytes(const struct model *model, const struct file *file)
{
    uint64_t bytes = 0;

    for (int i = 0; i < FILES; i++)
        bytes += model->cached[i] ? file[i].id.bytes : 0;
    return bytes;
}

/* The result that get should have. */
static int model_get(struct model *model, const struct file *file, int wanted)
{
    if (model->cached[wanted]) {
        model->hits++;
        model->refs[wanted]++;
        return 0;
    }
    model->misses++;
    while (model_count(model) == COUNT_MAX || model_bytes(model, file) + file[wanted].id.bytes > BYTES_MAX) {
        int oldest = -1;
        for (int i = 0; i < FILES; i++) {
            if (model->cached[i] && model->refs[i] == 0 &&
                (oldest < 0 || model->released[i] < model->released[oldest]))
                oldest = i;
        }
        if (oldest < 0) {
            model->refusals++;
            return -EBUSY;
        }
        model->cached[oldest] = false;
        model->evictions++;
    }
    model->cached[wanted] = true;
    model->refs[wanted] = 1;
    return 0;
}

Test(mapcache, a_million_random_steps_match_the_model)
{
    struct test_random random = test_random_start("mapcache");
    struct canp_mapcache *cache = make_cache(COUNT_MAX, BYTES_MAX);
    struct canp_mapped *mapped[FILES] = {NULL};
    struct model model = {.hits = 0};
    struct file file[FILES];

    for (uint32_t i = 0; i < FILES; i++)
        file[i] = make_file(i, 8 + test_random_below(&random, 8 * KIB));
    for (uint64_t step = 1; step <= test_steps(1000000); step++) {
        /* Most of the time the first few files, so that there are hits. */
        int i = (int)test_random_below(&random, test_random_below(&random, 4) > 0 ? 6 : FILES);
        if (test_random_below(&random, 20) < 11 && model.refs[i] > 0) {
            canp_mapped_release(mapped[i]);
            if (--model.refs[i] == 0)
                model.released[i] = step;
            continue;
        }
        int expected = model_get(&model, file, i);
        cr_assert_eq(canp_mapcache_get(cache, &file[i].id, file[i].fd, &mapped[i]), expected);
        if (expected == 0)
            cr_assert_eq(number_in(mapped[i]), (uint32_t)i);
        if (step % 9973 == 0)
            cr_assert(canp_mapcache_is_valid(cache));
    }
    struct canp_mapcache_stats stats = stats_of(cache);
    cr_expect_eq(stats.lookups.hits, model.hits);
    cr_expect_eq(stats.lookups.misses, model.misses);
    cr_expect_eq(stats.lookups.evictions, model.evictions);
    cr_expect_eq(stats.refusals, model.refusals);
    cr_expect_eq(stats.bytes, model_bytes(&model, file));
    cr_expect(model.hits > 0 && model.evictions > 0 && model.refusals > 0, "the run met no bound");
    for (int i = 0; i < FILES; i++) {
        while (model.refs[i]-- > 0)
            canp_mapped_release(mapped[i]);
    }
    canp_mapcache_close(cache);
}

Test(mapcache, zeros_and_null_are_the_usual_options)
{
    const struct canp_mapcache_opts zeros = {0}, *cases[] = {NULL, &zeros};

    for (size_t i = 0; i < 2; i++) {
        struct canp_mapcache *cache = NULL;
        cr_assert_eq(canp_mapcache_open(cases[i], &cache), 0);
        cr_expect_eq(stats_of(cache).count_max, 256);
        cr_expect_eq(stats_of(cache).bytes_max, (uint64_t)256 << 20);
        canp_mapcache_close(cache);
    }
}

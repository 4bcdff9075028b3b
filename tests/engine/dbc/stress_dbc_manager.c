/*
 * The manager of signal databases: hits, changes, budget, and many threads at once; each file is parsed once.
 * A plain program: it also runs under ThreadSanitizer. Prints what failed; status 1.
 */
#include <canp/dbc.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILES   8
#define THREADS 4
#define ROUNDS  2000

static char dir[] = "/tmp/canp-dbc-XXXXXX";
static unsigned failed;

#define CHECK(what)                                                                                          \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            __atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);                                                \
            printf("not ok line %d: %s\n", __LINE__, #what);                                                 \
        }                                                                                                    \
    } while (0)

static void path_of(char path[64], unsigned number)
{
    snprintf(path, 64, "%s/%u.dbc", dir, number);
}

static void write_file(unsigned number, unsigned id)
{
    char path[64];
    path_of(path, number);
    FILE *out = fopen(path, "w");
    if (!out) {
        perror(path);
        exit(99);
    }
    fprintf(out, "BO_ %u M%u: 8 N\n SG_ S : 0|8@1+ (1,0) [0|0] \"\" N\n", id, number);
    fclose(out);
}

/* Until files written so far are older than the clock's tick. */
static void let_files_age(void)
{
    struct timespec pause = {0, 40000000};
    nanosleep(&pause, NULL);
}

static uint32_t id_in(struct canp_dbc_manager *m, unsigned number)
{
    struct canp_dbc *dbc;
    char path[64];
    path_of(path, number);
    if (canp_dbc_manager_get(m, path, &dbc, NULL) < 0)
        return 0;
    uint32_t id = canp_dbc_contents(dbc)->messages[0]->id;
    canp_dbc_release(dbc);
    return id;
}

static void one_after_the_other(void)
{
    struct canp_dbc_manager *m;
    struct canp_dbc_manager_stats s;
    struct canp_dbc *kept, *dbc;
    struct canp_why why;
    char path[64];
    CHECK(canp_dbc_manager_open(NULL, &m) == 0);
    path_of(path, 0);
    CHECK(canp_dbc_manager_get(m, path, &kept, &why) == 0);
    CHECK(canp_dbc_manager_get(m, path, &dbc, &why) == 0 && dbc == kept);
    canp_dbc_release(dbc);
    canp_dbc_manager_stats(m, &s);
    CHECK(s.hits == 1 && s.misses == 1 && s.count == 1 && s.bytes > 0 && s.parse_ns > 0 && s.rereads == 0);
    write_file(0, 77); /* the same size maybe, another time */
    CHECK(id_in(m, 0) == 77);
    CHECK(id_in(m, 0) == 77); /* in doubt: read again */
    canp_dbc_manager_stats(m, &s);
    CHECK(s.hits == 1 && s.misses == 3 && s.rereads == 2 && s.count == 1);
    CHECK(canp_dbc_contents(kept)->messages[0]->id == 100); /* the old one lives on */
    CHECK(canp_dbc_manager_get(m, "/nonexistent.dbc", &dbc, &why) == -ENOENT &&
          strstr(why.text, "/nonexistent.dbc"));
    CHECK(canp_dbc_manager_get(m, "/dev/null", &dbc, &why) == -EINVAL);
    canp_dbc_manager_stats(m, &s);
    CHECK(s.failures == 1 && s.count == 1);
    canp_dbc_manager_close(m);
    CHECK(strcmp(canp_dbc_contents(kept)->messages[0]->name, "M0") == 0);
    canp_dbc_release(kept);
    canp_dbc_manager_close(NULL);
    write_file(0, 100);
}

static void under_a_budget(void)
{
    struct canp_dbc_manager_opts opts = CANP_DBC_MANAGER_OPTS_INIT;
    struct canp_dbc_manager *m;
    struct canp_dbc_manager_stats s;
    opts.count_max = 2;
    CHECK(canp_dbc_manager_open(&opts, &m) == 0);
    let_files_age();
    CHECK(id_in(m, 1) == 101 && id_in(m, 2) == 102 && id_in(m, 1) == 101 && id_in(m, 3) == 103);
    CHECK(id_in(m, 1) == 101); /* used later than 2, so 2 went */
    canp_dbc_manager_stats(m, &s);
    CHECK(s.hits == 2 && s.misses == 3 && s.evictions == 1 && s.count == 2);
    uint64_t each = s.bytes / 2;
    canp_dbc_manager_close(m);
    opts.count_max = 100;
    opts.bytes_max = each - 1; /* none can be kept */
    CHECK(canp_dbc_manager_open(&opts, &m) == 0);
    CHECK(id_in(m, 1) == 101 && id_in(m, 1) == 101);
    canp_dbc_manager_stats(m, &s);
    CHECK(s.hits == 0 && s.evictions == 2 && s.bytes == 0);
    canp_dbc_manager_close(m);
    opts.size = 1;
    CHECK(canp_dbc_manager_open(&opts, &m) == -EINVAL);
}

static void *use_files(void *user)
{
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned number = (unsigned)rand_r(&seed) % FILES;
        CHECK(id_in(user, number) == 100 + number);
    }
    return NULL;
}

static void by_many_threads(uint32_t count_max)
{
    struct canp_dbc_manager_opts opts = CANP_DBC_MANAGER_OPTS_INIT;
    struct canp_dbc_manager *m;
    struct canp_dbc_manager_stats s;
    pthread_t threads[THREADS];
    opts.count_max = count_max;
    CHECK(canp_dbc_manager_open(&opts, &m) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, use_files, m);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    canp_dbc_manager_stats(m, &s);
    CHECK(s.hits + s.misses == THREADS * ROUNDS && s.failures == 0);
    CHECK(count_max < FILES || s.misses == FILES); /* each parsed once, however many wanted it first */
    CHECK(s.count <= count_max);
    canp_dbc_manager_close(m);
}

int main(void)
{
    char path[64];
    if (!mkdtemp(dir)) {
        perror(dir);
        return 99;
    }
    for (unsigned i = 0; i < FILES; i++)
        write_file(i, 100 + i);
    let_files_age();
    one_after_the_other();
    under_a_budget();
    let_files_age();
    by_many_threads(FILES);
    by_many_threads(3);
    for (unsigned i = 0; i < FILES; i++) {
        path_of(path, i);
        unlink(path);
    }
    rmdir(dir);
    printf("%u failures\n", failed);
    return failed != 0;
}

/*
 * kill -9 at a random moment of writing, rotating, syncing, sealing, packing, removing: afterwards the
 * recording opens at once, nothing that canp_writer_flush() acknowledged is missing but the oldest segments
 * where only so much is kept, what is kept has no hole, and no frame is wrong. In every other run a reader
 * follows the recording while it is written.
 *
 * CANP_KILLS: how many (50). The child reports through shared memory what was acknowledged. Nothing is
 * measured in time: a child that the parent leaves alone for long, on a busy machine, pauses at FRAMES_MAX.
 */
#include "drive.h"
#include "seed.h"

#include <canp/writer.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES_MAX 1000000U

/* How a child writes, by its seed. */
struct plan {
    struct canp_writer_opts opts;
    bool keeps_all;
};

struct shared {
    _Atomic uint64_t committed; /* frames acknowledged; release in the child, acquire in the parent */
    _Atomic int error;          /* the child's writer failed */
};

static char dir[128];
static uint64_t frames_removed;

/* Ring by number, ring by bytes, or all. */
static void plan_keeping(struct plan *plan, struct test_random *random)
{
    struct canp_writer_opts *o = &plan->opts;
    uint64_t kind = test_random_below(random, 4);
    if (kind == 0)
        o->keep_segments = 1 + test_random_below(random, 6);
    else if (kind == 1)
        o->keep_bytes = o->segment_bytes * (5 + test_random_below(random, 6));
    plan->keeps_all = kind > 1;
}

static struct plan make_plan(uint64_t seed, struct test_random *random)
{
    struct plan plan = {.opts = CANP_WRITER_OPTS_INIT};
    plan.opts.segment_bytes = (64U << 10) << test_random_below(random, 4);
    plan.opts.pack = (seed >> 2) % 3 != 0;
    plan.opts.no_sync = seed & 1;
    plan.opts.sync_ns = test_random_below(random, 5) * 1000000;
    plan_keeping(&plan, random);
    return plan;
}

static int put_frames(struct canp_writer *w, struct drive *d, uint64_t count)
{
    struct canp_record r;
    int error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        drive_next(d, &r);
        error = canp_writer_put(w, &r);
    }
    return error;
}

static int write_on(struct canp_writer *w, struct drive *d, struct shared *shared, struct test_random *random)
{
    int r = 0;
    while (r == 0 && d->next < FRAMES_MAX) {
        r = put_frames(w, d, test_random_below(random, 500));
        if (r == 0)
            r = canp_writer_flush(w);
        if (r < 0)
            break;
        atomic_store_explicit(&shared->committed, d->next, memory_order_release);
        uint64_t dice = test_random_below(random, 64);
        if (dice == 0)
            r = canp_writer_rotate(w);
        else if (dice == 1)
            r = canp_writer_sync(w);
    }
    return r;
}

/* The child: writes until it is killed. */
static void write_for_ever(struct shared *shared, uint64_t seed)
{
    struct test_random random = {seed};
    struct plan plan = make_plan(seed, &random);
    struct canp_iface iface = {.mtu = 72, .name = "vcan0"};
    struct canp_writer *w;
    struct drive d;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    drive_start(&d, seed);
    int r = canp_writer_open(dir, &plan.opts, &w, NULL);
    if (r == 0)
        r = canp_writer_add_iface(w, 0, &iface, DRIVE_START_NS);
    if (r == 0)
        r = write_on(w, &d, shared, &random);
    atomic_store(&shared->error, r);
    for (;;)
        pause();
}

static int fail(const char *what, uint64_t seed)
{
    fprintf(stderr, "%s (seed %" PRIu64 ", %s)\n", what, seed, dir);
    return -1;
}

/* While the child writes: whatever is there is right. */
static int follow(uint64_t seed, bool keeps_all, uint64_t rounds)
{
    struct canp_reader *reader = NULL;
    struct canp_cursor *c = NULL;
    struct drive d;
    uint64_t missing = 0;
    int r = 0;
    drive_start(&d, seed);
    for (uint64_t i = 0; i < rounds && r == 0; i++) {
        if (!reader && canp_reader_open(dir, &reader, NULL) < 0) {
            reader = NULL;
            usleep(100);
            continue;
        }
        canp_reader_refresh(reader);
        if (!c)
            r = canp_cursor_open(reader, NULL, &c);
        if (r == 0)
            r = drive_compare(&d, c, &missing);
        usleep(50);
    }
    if (c && canp_cursor_damaged(c))
        r = -1;
    canp_cursor_close(c);
    canp_reader_close(reader);
    drive_end(&d);
    return r != 0 || (missing && keeps_all) ? fail("the follower saw damage or a hole", seed) : 0;
}

/* How many frames the drive has in front of the first one that is there; 0 when none is. */
static uint64_t frames_in_front(struct canp_reader *reader, uint64_t seed)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_record first, r;
    struct canp_cursor *c;
    struct drive d;
    opts.frames_only = true;
    if (canp_cursor_open(reader, &opts, &c) < 0)
        abort();
    bool any = canp_cursor_next(c, &first) == 1;
    drive_start(&d, seed);
    if (any)
        for (drive_next(&d, &r); r.time_ns < first.time_ns; drive_next(&d, &r))
            ;
    uint64_t n = any ? d.next - 1 : 0;
    canp_cursor_close(c);
    drive_end(&d);
    return n;
}

/* With one segment kept, the one before goes as soon as the next is there: it may hold nothing yet. */
static bool is_begun_anew(struct canp_reader *reader, const struct plan *plan)
{
    struct canp_info info;
    char first[sizeof(dir) + 16];
    snprintf(first, sizeof(first), "%s/00000001.canp", dir);
    return plan->opts.keep_segments == 1 && access(first, F_OK) != 0 &&
           canp_reader_info(reader, &info) == 0 && info.frames == 0;
}

static int check_cursor(struct canp_reader *reader, uint64_t seed, const struct plan *plan,
                        uint64_t committed)
{
    struct canp_cursor *c;
    struct drive d;
    uint64_t missing = 0, removed = plan->keeps_all ? 0 : frames_in_front(reader, seed);
    drive_start(&d, seed);
    if (canp_cursor_open(reader, NULL, &c) < 0)
        return fail("no cursor", seed);
    int r = drive_compare(&d, c, &missing);
    uint32_t damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    drive_end(&d);
    if (r != 0 || missing != removed || damaged)
        return fail("wrong, missing or damaged", seed);
    frames_removed += removed;
    if (d.next < committed && is_begun_anew(reader, plan)) {
        frames_removed += committed;
        return 0;
    }
    if (d.next < committed) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " acknowledged frames\n", d.next, committed);
        return fail("acknowledged frames are missing", seed);
    }
    return 0;
}

static int check(uint64_t seed, const struct plan *plan, uint64_t committed)
{
    struct canp_reader *reader;
    struct canp_why why = {""};
    struct canp_info info;
    int r = canp_reader_open(dir, &reader, &why);
    if (r < 0)
        return committed ? fail(why.text, seed) : 0; /* killed before there was a recording */
    r = check_cursor(reader, seed, plan, committed);
    if (r == 0 &&
        (canp_reader_info(reader, &info) < 0 || info.damaged || (plan->keeps_all && info.frames < committed)))
        r = fail("info says otherwise", seed);
    canp_reader_close(reader);
    return r;
}

static void remove_dir(void)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        fputs("cannot remove the directory\n", stderr);
}

static int kill_once(struct shared *shared, struct test_random *random)
{
    uint64_t seed = test_random_u64(random) >> 1;
    struct test_random of_plan = {seed};
    struct plan plan = make_plan(seed, &of_plan);
    atomic_store(&shared->committed, 0);
    pid_t child = fork();
    if (child < 0)
        return fail("cannot fork", seed);
    if (child == 0)
        write_for_ever(shared, seed);
    int r = 0, status;
    if (seed % 4 < 2)
        r = follow(seed, plan.keeps_all, test_random_below(random, 100));
    else
        usleep((useconds_t)test_random_below(random, 25000));
    kill(child, SIGKILL);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
        r = fail("the writer ended before it was killed", seed);
    if (atomic_load(&shared->error))
        r = fail(canp_strerror(atomic_load(&shared->error)), seed);
    if (r == 0)
        r = check(seed, &plan, atomic_load_explicit(&shared->committed, memory_order_acquire));
    if (r == 0)
        remove_dir();
    return r;
}

int main(void)
{
    const char *text = getenv("CANP_KILLS");
    unsigned kills = text ? (unsigned)atoi(text) : 50;
    struct test_random random = test_random_start("kill9");
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const char *tmp = getenv("TMPDIR");
    uint64_t frames = 0;
    snprintf(dir, sizeof(dir), "%s/canp-kill9-%d", tmp ? tmp : "/tmp", (int)getpid());
    for (unsigned i = 0; i < kills; i++) {
        if (kill_once(shared, &random) != 0)
            return 1;
        frames += atomic_load(&shared->committed);
    }
    printf("%u kills, %" PRIu64 " acknowledged frames, none wrong, none missing but %" PRIu64
           " in removed segments\n",
           kills, frames, frames_removed);
    return kills > 0 && frames > 0 ? 0 : 1;
}

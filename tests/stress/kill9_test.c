/*
 * kill -9 at a random moment of writing, rotating, syncing, sealing, packing: afterwards the recording opens
 * at once, nothing that canp_writer_flush() acknowledged is missing, and no frame is wrong. In every other
 * run a reader follows the recording while it is written.
 *
 * CANP_KILLS: how many (50). The child reports through shared memory what was acknowledged.
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

struct shared {
    _Atomic uint64_t committed; /* frames acknowledged; release in the child, acquire in the parent */
    _Atomic bool failed;
};

static char dir[128];

static void put_frames(struct canp_writer *w, struct drive *d, struct shared *shared, uint64_t count)
{
    struct canp_record r;
    for (uint64_t i = 0; i < count; i++) {
        drive_next(d, &r);
        if (canp_writer_put(w, &r) < 0)
            atomic_store(&shared->failed, true);
    }
}

/* The child: writes until it is killed. */
static void write_for_ever(struct shared *shared, uint64_t seed)
{
    struct test_random random = {seed};
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.mtu = 72, .name = "vcan0"};
    struct canp_writer *w;
    struct drive d;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    opts.segment_bytes = (64U << 10) << test_random_below(&random, 4);
    opts.pack = (seed >> 2) % 3 != 0;
    opts.no_sync = seed & 1;
    opts.sync_ns = test_random_below(&random, 5) * 1000000;
    drive_start(&d, seed);
    if (canp_writer_open(dir, &opts, &w, NULL) < 0 || canp_writer_add_iface(w, 0, &iface, DRIVE_START_NS) < 0)
        _exit(1);
    while (!atomic_load(&shared->failed)) {
        put_frames(w, &d, shared, test_random_below(&random, 500));
        if (canp_writer_flush(w) < 0)
            break;
        atomic_store_explicit(&shared->committed, d.next, memory_order_release);
        uint64_t dice = test_random_below(&random, 64);
        if ((dice == 0 && canp_writer_rotate(w) < 0) || (dice == 1 && canp_writer_sync(w) < 0))
            break;
    }
    _exit(1);
}

static int fail(const char *what, uint64_t seed)
{
    fprintf(stderr, "%s (seed %" PRIu64 ", %s)\n", what, seed, dir);
    return -1;
}

/* While the child writes: whatever is there is right. Ends when the child has written enough or time is up.
 */
static int follow(uint64_t seed, uint64_t rounds)
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
    return r != 0 || missing ? fail("the follower saw damage or a hole", seed) : 0;
}

static int check_cursor(struct canp_reader *reader, uint64_t seed, uint64_t committed)
{
    struct canp_cursor *c;
    struct drive d;
    uint64_t missing = 0;
    drive_start(&d, seed);
    int r = canp_cursor_open(reader, NULL, &c);
    if (r == 0)
        r = drive_compare(&d, c, &missing);
    uint32_t damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    drive_end(&d);
    if (r != 0 || missing || damaged)
        return fail("wrong, missing or damaged", seed);
    if (d.next < committed) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " acknowledged frames\n", d.next, committed);
        return fail("acknowledged frames are missing", seed);
    }
    return 0;
}

static int check(uint64_t seed, uint64_t committed)
{
    struct canp_reader *reader;
    struct canp_why why = {""};
    struct canp_info info;
    int r = canp_reader_open(dir, &reader, &why);
    if (r < 0)
        return committed ? fail(why.text, seed) : 0; /* killed before there was a recording */
    r = check_cursor(reader, seed, committed);
    if (r == 0 && (canp_reader_info(reader, &info) < 0 || info.damaged || info.frames < committed))
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
    atomic_store(&shared->committed, 0);
    pid_t child = fork();
    if (child == 0)
        write_for_ever(shared, seed);
    int r = 0;
    if (seed % 4 < 2)
        r = follow(seed, test_random_below(random, 100));
    else
        usleep((useconds_t)test_random_below(random, 25000));
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status) || atomic_load(&shared->failed))
        r = fail("the writer failed before it was killed", seed);
    if (r == 0)
        r = check(seed, atomic_load_explicit(&shared->committed, memory_order_acquire));
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
    printf("%u kills, %" PRIu64 " acknowledged frames, none missing, none wrong\n", kills, frames);
    return kills > 0 && frames > 0 ? 0 : 1;
}

/* What a running recorder tells of itself, and the line that `canp top` makes of it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_recorder.h"
#include "live/live.h"
#include "live/record_live.h"
#include "temp_dir.h"
#include "top/top_recorders.h"

#define T0 INT64_C(1700000000000000000)

static struct canp_recorder *rec;

static int start_live(void)
{
    struct canp_recorder_opts opts = CANP_RECORDER_OPTS_INIT;
    opts.dir = dir;
    return record_live_start(rec, &opts);
}

static void begin(const char *second)
{
    temp_dir_make();
    rec = fake_open(&(struct fake_opts){.chan_count = 2, .slab_count = 4, .slab_bytes = 4096});
    strcpy(rec->in.chans[0].first_name, "vcan0");
    strcpy(rec->in.chans[1].first_name, second);
    atomic_store(&rec->io, "fake");
    cr_assert_eq(start_live(), 0);
}

static void end(void)
{
    record_live_stop();
    fake_close(rec);
    temp_dir_remove();
}

static void fill_slabs(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fake_receive_number(rec, 0, T0 + i, 0, i);
        canp_intake_commit(&rec->in);
    }
    atomic_store(&rec->in.chans[0].frames_seen, rec->in.chans[0].taken);
}

Test(live, nobody_records_there)
{
    struct live_state state;
    cr_assert_eq(live_ask("/tmp", &state), -ECONNREFUSED);
    cr_assert_eq(live_ask("/nowhere/at/all", &state), -ENOENT);
}

Test(live, tells_its_counters)
{
    struct live_state state, all[64];
    begin("can10");
    fill_slabs(3);
    for (unsigned i = 0; i < 100; i++) /* more than wait in line */
        cr_assert_eq(live_ask(dir, &state), 0);
    cr_assert(state.slabs_full == 3 && state.slab_count == 4 && state.slabs_full_max == 3);
    cr_assert(state.pid == (uint32_t)getpid() && state.frames == 3 && state.lost == 0);
    cr_assert(live_has_iface(&state, "vcan0") && live_has_iface(&state, "can10"));
    cr_assert(!live_has_iface(&state, "can1") && !live_has_iface(&state, "can") &&
              !live_has_iface(&state, "an10"));
    unsigned found = live_ask_all(all, 64), mine = 0;
    for (unsigned i = 0; i < found; i++)
        mine += all[i].pid == state.pid;
    cr_assert_eq(mine, 1);
    end();
    cr_assert_eq(live_ask(dir, &state), -ENOENT);
}

Test(live, top_has_a_line_of_it)
{
    static struct top_stats stats;
    static struct top_recorders by_dir, by_iface, of_others;
    struct top_view view = {.source = ""};
    char mine[16]; /* the other tests run beside this one, and other recorders may */
    snprintf(mine, sizeof(mine), "of%u", (unsigned)getpid());
    begin(mine);
    fill_slabs(2);
    top_init(&stats);
    top_recorders_look(&by_dir, dir, &stats, 1, &view);
    cr_assert(strstr(view.recorders[0], "slabs 2 of 4 full (most 2), spills ") && !view.recorders[1][0], "%s",
              view.recorders[0]);
    atomic_store(&rec->in.chans[0].lost_socket, 1234);
    top_recorders_look(&by_dir, dir, &stats, 1000, &view);
    cr_assert_null(strstr(view.recorders[0], "1,234"), "a second has not passed");
    top_recorders_look(&by_dir, dir, &stats, 2000000000, &view);
    cr_assert_not_null(strstr(view.recorders[0], "1,234 lost"), "%s", view.recorders[0]);
    top_name(&stats, 0, "nope0", 0, 0);
    top_recorders_look(&of_others, NULL, &stats, 1, &view);
    cr_assert_eq(view.recorders[0][0], '\0');
    top_name(&stats, 1, mine, 0, 0);
    top_recorders_look(&by_iface, NULL, &stats, 1, &view);
    cr_assert_not_null(strstr(view.recorders[0], "slabs 2 of 4"), "%s", view.recorders[0]);
    end();
}

/* A page that cannot be had raises SIGBUS in the thread that touches it: blocked, it would kill the process
 * past every handler. */
Test(live, its_thread_takes_no_signals_but_its_own)
{
    struct live_state state;
    begin("vcan1");
    cr_assert_eq(live_ask(dir, &state), 0); /* it runs: glibc starts threads with all signals blocked */
    unsigned threads = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    while ((task = readdir(tasks)) != NULL) {
        char path[300], line[256], comm[32] = "";
        unsigned long long blocked = 0;
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task->d_name);
        FILE *f = fopen(path, "re");
        if (!f || !fgets(comm, sizeof(comm), f) || strcmp(comm, "canp-live\n") != 0) {
            if (f)
                fclose(f);
            continue;
        }
        fclose(f);
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
            sscanf(line, "SigBlk: %llx", &blocked);
        fclose(f);
        cr_assert(blocked & 1ULL << (SIGINT - 1));
        cr_assert_not(blocked & 1ULL << (SIGBUS - 1));
        cr_assert_not(blocked & 1ULL << (SIGSEGV - 1));
        threads++;
    }
    closedir(tasks);
    cr_assert_eq(threads, 1);
    end();
}

/* Sockets that anybody binds and that never answer cost the one who asks one wait, not one each; and an
 * answer cannot claim another's process. */
Test(live, silent_sockets_cost_one_wait)
{
    int fds[40];
    struct live_state all[64];
    begin("vcan1");
    for (unsigned i = 0; i < 40; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "canp-record-%x-%x", 0xdead, i);
        fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(fds[i], (struct sockaddr *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
                     0);
        cr_assert_eq(listen(fds[i], 4), 0);
    }
    uint64_t start_ns = canp_monotonic_ns();
    unsigned found = live_ask_all(all, 64), mine = 0;
    uint64_t took_ms = (canp_monotonic_ns() - start_ns) / 1000000;
    for (unsigned i = 0; i < found; i++)
        mine += all[i].pid == (uint32_t)getpid() && all[i].slab_count == 4;
    cr_assert_eq(mine, 1);
    cr_assert_lt(took_ms, 40 * LIVE_WAIT_MS, "%llu ms", (unsigned long long)took_ms);
    for (unsigned i = 0; i < 40; i++)
        close(fds[i]);
    end();
}

Test(live, a_name_that_is_taken_is_told)
{
    uint32_t pid, uid;
    begin("vcan1");
    cr_assert_eq(start_live(), -EADDRINUSE);
    cr_assert_eq(live_holder(dir, &pid, &uid), 0);
    cr_assert(pid == (uint32_t)getpid() && uid == geteuid());
    end();
}

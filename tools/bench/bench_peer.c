/*
 * Other programs, as PATH has them, started and timed (bench_peer.h). Their processor time is the kernel's,
 * of the whole process, less that of the same program asked for its version; Python measures its own loop.
 */
#include "bench_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* Of those for one format and direction the fastest comes first. */
static const struct bench_peer all[] = {
    {"log2asc", "candump", true, false, "log2asc", {"-I", "FILE", "-O", "/dev/null", "vcan0"}},
    {"capinfos", "pcapng", true, false, "capinfos", {"-c", "FILE"}},
    {"capinfos", "blf", true, false, "capinfos", {"-c", "FILE"}},
    {"editcap", "pcapng", false, false, "editcap", {"FILE", "OUT"}},
    {"python-can", "candump", true, true, NULL, {NULL}},
    {"python-can", "asc", true, true, NULL, {NULL}},
    {"python-can", "blf", true, true, NULL, {NULL}},
    {"python-can", "trc", true, true, NULL, {NULL}},
    {"python-can", "db", true, true, NULL, {NULL}},
    {"python-can", "candump", false, true, NULL, {NULL}},
    {"python-can", "asc", false, true, NULL, {NULL}},
    {"python-can", "blf", false, true, NULL, {NULL}},
    {"python-can", "trc", false, true, NULL, {NULL}},
    {"python-can", "csv", false, true, NULL, {NULL}},
    {"python-can", "db", false, true, NULL, {NULL}},
};
#define START_RUNS 5U
#define COUNT      ((unsigned)(sizeof(all) / sizeof(all[0])))

/* Prints the microseconds of processor time for each frame. */
static const char script[] =
    "import sys, time, can\n"
    "what, path, log = sys.argv[1:]\n"
    "if what == 'read':\n"
    "    options = {'relative_timestamp': False} if path.endswith('.asc') else {}\n"
    "    start, n = time.process_time(), 0\n"
    "    for m in can.LogReader(path, **options):\n"
    "        n += 1\n"
    "else:\n"
    "    messages = list(can.LogReader(log))\n"
    "    start, n = time.process_time(), len(messages)\n"
    "    out = can.Logger(path)\n"
    "    for m in messages:\n"
    "        out(m)\n"
    "    while hasattr(out, 'buffer') and not out.buffer.empty():\n" /* its thread for SQLite */
    "        time.sleep(0.01)\n"
    "    out.stop()\n"
    "print((time.process_time() - start) * 1e6 / n)\n";

static double of_timeval(const struct timeval *t)
{
    return (double)t->tv_sec * 1e6 + (double)t->tv_usec;
}

/* Runs it, its standard output into a file. Processor time in us, or a negative errno; -EIO: it failed. */
static double run(const char *const *argv, const char *out)
{
    char *const *arguments; /* as POSIX has it: they are not written to */
    memcpy(&arguments, &argv, sizeof(arguments));
    posix_spawn_file_actions_t actions;
    struct rusage used;
    int status;
    pid_t pid;
    int r = posix_spawn_file_actions_init(&actions);
    if (r)
        return -r;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    r = posix_spawnp(&pid, argv[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r)
        return -r;
    while (wait4(pid, &status, 0, &used) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return status == 0 ? of_timeval(&used.ru_utime) + of_timeval(&used.ru_stime) : -EIO;
}

/* The least of a few, and how far they differ: what is left when it is taken off must be more than that. */
static double run_for_start(const char *const *argv, double *noise_us)
{
    double least = run(argv, "/dev/null"), most = least;
    for (unsigned i = 1; i < START_RUNS && least >= 0; i++) {
        double us = run(argv, "/dev/null");
        most = us > most ? us : most;
        least = us < least ? us : least;
    }
    *noise_us = most - least;
    return least;
}

static int write_script(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -errno;
    fputs(script, f);
    return fclose(f) == 0 ? 0 : -errno;
}

int bench_peers_find(struct bench_peers *peers, const char *dir)
{
    const char *const python[] = {"python3", "-c", "import can", NULL};
    peers->has_python_can = run(python, "/dev/null") >= 0;
    for (unsigned i = 0; i < COUNT && !all[i].is_python; i++) {
        const char *argv[] = {all[i].program, "-v", NULL};
        double us = run_for_start(argv, &peers->start_noise_us[i]);
        if (us == -EIO && strcmp(all[i].program, "log2asc") == 0) /* has no option for it, and says so */
            us = 0;
        peers->start_us[i] = us;
    }
    snprintf(peers->script, sizeof(peers->script), "%s/peer.py", dir);
    return write_script(peers->script);
}

const struct bench_peer *bench_peer_for(const struct bench_peers *peers, const char *format, bool is_reading)
{
    for (unsigned i = 0; i < COUNT; i++) {
        const struct bench_peer *p = &all[i];
        bool is_there = p->is_python ? peers->has_python_can : peers->start_us[i] >= 0;
        if (is_there && p->is_reading == is_reading && strcmp(p->format, format) == 0)
            return p;
    }
    return NULL;
}

/* The one number that Python printed. */
static double number_in(const char *path)
{
    char text[64], *end;
    FILE *f = fopen(path, "r");
    if (!f)
        return -errno;
    size_t bytes = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[bytes] = '\0';
    double value = strtod(text, &end);
    return end == text ? -EIO : value;
}

static double run_python(const struct bench_peers *peers, const struct bench_peer *peer, const char *file,
                         const char *log, const char *out)
{
    char said[168];
    snprintf(said, sizeof(said), "%s.out", peers->script);
    const char *argv[] = {
        "python3", peers->script, peer->is_reading ? "read" : "write", peer->is_reading ? file : out,
        log,       NULL};
    double us = run(argv, said);
    return us < 0 ? us : number_in(said);
}

double bench_peer_run(const struct bench_peers *peers, const struct bench_peer *peer, const char *file,
                      const char *log, const char *out, uint64_t frames)
{
    const char *argv[8] = {peer->program};
    if (peer->is_python)
        return run_python(peers, peer, file, log, out);
    for (unsigned i = 0; i < 6 && peer->arguments[i]; i++) {
        const char *word = peer->arguments[i];
        argv[i + 1] = strcmp(word, "FILE") == 0 ? file : strcmp(word, "OUT") == 0 ? out : word;
    }
    double whole_us = run(argv, "/dev/null"), us = whole_us - peers->start_us[peer - all];
    if (whole_us < 0)
        return whole_us;
    return us > 2 * peers->start_noise_us[peer - all] ? us / (double)frames : BENCH_NOISE;
}

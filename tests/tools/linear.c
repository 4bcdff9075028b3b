/*
 * Commands cost no more than in proportion to their input: for recordings made to be costly, each command's
 * CPU time and memory at one size and at four times of it. What grows with the square costs 16 times as much,
 * what is linear 4; up to 8, and 0.2 s beside it for the noise of a busy machine, is let pass. The
 * sizes are such that what was found in the field (checksums of nested headers: seconds) is far beyond.
 *
 * usage: linear CANP_PROGRAM
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <canp/writer.h>

#include "segment/format.h" /* engine's own */

#define SMALL_BYTES (1U << 20)
#define TIMES       4U
#define START_NS    INT64_C(1700000000000000000)
#define MS          INT64_C(1000000)
#define CPU_S_MAX   120 /* what hangs is ended */
#define NOISE_S     0.2
#define NOISE_KIB   (24L << 10)

static const char *program;
static char database[256];
static unsigned failures;

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(3);
}

/* ---- costly recordings
 * -------------------------------------------------------------------------------------------- */

static void put(struct canp_writer *w, int64_t time_ns, uint32_t id, uint64_t value)
{
    union canp_frame_store store = {.bytes = {0}};
    store.frame.id = id;
    store.frame.len = 8;
    memcpy(store.bytes + 8, &value, sizeof(value));
    struct canp_record r = {.time_ns = time_ns, .kind = CANP_KIND_CAN, .frame = &store.frame};
    must(canp_writer_put(w, &r) >= 0, "put");
}

/* A block for each frame. */
static void put_small_block(struct canp_writer *w, unsigned n)
{
    put(w, START_NS + n * MS, 0x100 + n % 8, n);
    must(canp_writer_flush(w) >= 0, "flush");
}

/* Every second stamp is minutes off, now early, now late. */
static void put_odd_stamp(struct canp_writer *w, unsigned n)
{
    static const int64_t off_s[] = {0, 300, 0, -300, 0, 7200, 0, -1};
    put(w, START_NS + n * MS + off_s[n % 8] * 1000 * MS, 0x100 + n % 8, n);
}

/* No ID comes twice. */
static void put_new_id(struct canp_writer *w, unsigned n)
{
    put(w, START_NS + n * MS, CANP_ID_EFF | (n * 2654435761U & CANP_ID_EFF_MASK), n);
}

/* The clock is set before each frame. */
static void put_clock_step(struct canp_writer *w, unsigned n)
{
    int64_t set_ns = (n % 2 ? 1 : -1) * (int64_t)(n % 1000) * 1000 * MS;
    struct canp_clock clock = {
        .bytes = sizeof(clock), .realtime_ns = START_NS + n * MS + set_ns, .monotonic_ns = n * MS};
    struct canp_record r = {.time_ns = clock.realtime_ns, .kind = CANP_KIND_CLOCK, .clock = &clock};
    must(canp_writer_put(w, &r) >= 0, "put");
    put(w, clock.realtime_ns, 0x100, n);
}

static void write_recording(const char *dir, uint64_t bytes, unsigned frame_bytes,
                            void (*put_one)(struct canp_writer *w, unsigned n))
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface can0 = {.mtu = 16, .bytes = sizeof(can0), .name = "can0"};
    struct canp_writer *w;
    opts.no_sync = true;
    opts.segment_bytes = 16U << 20;
    must(canp_writer_open(dir, &opts, &w, NULL) >= 0, dir);
    must(canp_writer_add_iface(w, 0, &can0, START_NS) >= 0, "interface");
    for (unsigned n = 0; n < bytes / frame_bytes; n++)
        put_one(w, n);
    must(canp_writer_finish(w) >= 0, "finish");
    canp_writer_close(w);
}

/* Headers of blocks, each of which claims all that follows: whoever looks for the next intact block behind
 * damage must not compute the checksum of the rest for each. The segment is not sealed. */
static void write_nested_headers(const char *dir, uint64_t bytes)
{
    char path[512];
    struct seg_header header;
    uint8_t *data = calloc(1, bytes);
    must(data != NULL, "memory");
    write_recording(dir, 4096, 64, put_small_block);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    int fd = open(path, O_RDWR);
    must(fd >= 0 && pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header), path);
    memcpy(data, &header, sizeof(header));
    uint32_t seq = 0;
    for (uint64_t at = header.header_bytes; at + sizeof(struct block_header) + 64 <= bytes;
         at += sizeof(struct block_header)) {
        struct block_header h = {.magic = BLOCK_MAGIC,
                                 .crc = 1,
                                 .seq = seq++,
                                 .records = 1,
                                 .frames = 1,
                                 .base_ns = START_NS,
                                 .first_ns = START_NS,
                                 .last_ns = START_NS,
                                 .channel_mask = 1};
        h.stored_bytes = (uint32_t)(bytes - at - sizeof(h)) & ~7U;
        h.rows_bytes = h.stored_bytes;
        memcpy(data + at, &h, sizeof(h));
    }
    must(pwrite(fd, data, bytes, 0) == (ssize_t)bytes && ftruncate(fd, (off_t)bytes) == 0, path);
    close(fd);
    free(data);
    snprintf(path, sizeof(path), "%s/catalogue.canpx", dir);
    unlink(path);
}

static void write_database(const char *dir)
{
    static const char text[] = "VERSION \"\"\nBU_: X\nBO_ 257 A: 8 X\n SG_ N : 0|32@1+ (1,0) [0|0] \"\" X\n";
    snprintf(database, sizeof(database), "%s/signals.dbc", dir);
    int fd = open(database, O_WRONLY | O_CREAT | O_EXCL, 0666);
    must(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)(sizeof(text) - 1), database);
    close(fd);
}

static void write_small_blocks(const char *dir, uint64_t bytes)
{
    write_recording(dir, bytes, 104, put_small_block);
}
static void write_odd_stamps(const char *dir, uint64_t bytes)
{
    write_recording(dir, bytes, 24, put_odd_stamp);
}
static void write_new_ids(const char *dir, uint64_t bytes)
{
    write_recording(dir, bytes, 24, put_new_id);
}
static void write_clock_steps(const char *dir, uint64_t bytes)
{
    write_recording(dir, bytes, 96, put_clock_step);
}

static const struct {
    const char *name;
    void (*write)(const char *dir, uint64_t bytes);
} kinds[] = {{"nested headers", write_nested_headers},
             {"small blocks", write_small_blocks},
             {"odd stamps", write_odd_stamps},
             {"an ID a frame", write_new_ids},
             {"clock steps", write_clock_steps}};

/* R: the recording; N: a new one; D: a database. pack comes last: it changes the recording. */
static const char *const commands[][6] = {
    {"info", "R"},
    {"info", "--quick", "R"},
    {"dump", "R"},
    {"dump", "--follow", "-f", "json", "R"},
    {"verify", "R"},
    {"repair", "R", "-o", "N"},
    {"merge", "R", "-o", "N"},
    {"convert", "-f", "asc", "R", "N"},
    {"convert", "-f", "mf4", "R", "N"},
    {"convert", "-f", "db", "R", "N"},
    {"decode", "--dbc", "D", "R"},
    {"diff", "R", "R"},
    {"report", "R", "-o", "N"},
    {"sql", "R", "SELECT count(*), max(len) FROM frames WHERE id = 257"},
    {"sql", "R", "SELECT * FROM ids"},
    {"pack", "R"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* ---- their cost
 * ---------------------------------------------------------------------------------------------------- */

struct cost {
    double cpu_s;
    long memory_kib;
    int status;
};

static void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    if (rmdir(path) < 0)
        unlink(path);
}

_Noreturn static void be_command(const char *const *words, const char *recording, const char *output)
{
    char *argv[8] = {(char *)(uintptr_t) "canp"};
    struct rlimit cpu = {CPU_S_MAX, CPU_S_MAX};
    int nothing = open("/dev/null", O_RDWR);
    for (int i = 0; words[i]; i++) {
        const char *word = strcmp(words[i], "R") == 0   ? recording
                           : strcmp(words[i], "N") == 0 ? output
                           : strcmp(words[i], "D") == 0 ? database
                                                        : words[i];
        argv[i + 1] = (char *)(uintptr_t)word;
    }
    setrlimit(RLIMIT_CPU, &cpu);
    dup2(nothing, 0);
    dup2(nothing, 1);
    dup2(nothing, 2);
    execv(program, argv);
    _exit(127);
}

static struct cost cost_of(const char *const *words, const char *recording, const char *output)
{
    struct rusage used;
    struct cost cost;
    int status;
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        be_command(words, recording, output);
    must(wait4(pid, &status, 0, &used) == pid, "wait");
    cost.cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    cost.memory_kib = used.ru_maxrss;
    cost.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    remove_all(output);
    return cost;
}

static void judge(const char *kind, const char *const *words, struct cost small, struct cost large)
{
    long more_kib = (long)(SMALL_BYTES * (TIMES - 1) >> 10);
    bool cheap = large.cpu_s <= 2 * TIMES * small.cpu_s + NOISE_S;
    bool lean = large.memory_kib <= small.memory_kib + 16 * more_kib + NOISE_KIB;
    bool ended = small.status <= 3 && large.status <= 3;
    printf("%s %s %s %s of %s: %.3f s and %.3f s, %ld and %ld KiB, status %d and %d\n",
           cheap && lean && ended ? "ok" : "not ok", words[0], words[1], words[2] ? words[2] : "", kind,
           small.cpu_s, large.cpu_s, small.memory_kib, large.memory_kib, small.status, large.status);
    failures += !(cheap && lean && ended);
}

int main(int argc, char **argv)
{
    must(argc == 2, "usage: linear CANP_PROGRAM");
    program = argv[1];
    char dir[] = "/tmp/canp-linear-XXXXXX";
    must(mkdtemp(dir) != NULL, dir);
    write_database(dir);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        char small[256], large[256], output[256];
        snprintf(small, sizeof(small), "%s/small", dir);
        snprintf(large, sizeof(large), "%s/large", dir);
        snprintf(output, sizeof(output), "%s/new", dir);
        kinds[k].write(small, SMALL_BYTES);
        kinds[k].write(large, TIMES * SMALL_BYTES);
        for (size_t c = 0; c < COMMANDS; c++) {
            struct cost s = cost_of(commands[c], small, output);
            judge(kinds[k].name, commands[c], s, cost_of(commands[c], large, output));
        }
        remove_all(small);
        remove_all(large);
    }
    unlink(database);
    rmdir(dir);
    return failures > 0;
}

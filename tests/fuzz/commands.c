/*
 * Whole commands over hostile recordings: takes recordings, changes them (most often with all checksums put
 * right, for anyone can compute these), and runs canp's commands on them, each in a child of its own: info,
 * dump in every format, follow, verify, repair, merge, pack, convert, and top on a terminal. No command may
 * be ended by a signal or by a sanitizer, hang, or take more memory than its input is worth.
 *
 * usage: fuzz_commands [-s SEED] [-t SECONDS | -n RUNS] [-c COMMAND] [-k KEPT_DIR] RECORDING_FILE...
 * A seed and a run's number make the same recording again; what fails is kept in KEPT_DIR, with the
 * sanitizer's word.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "put_right.h"
#include "seed.h"
#include "segment/crc32c.h"
#include "segment/format.h" /* engine's own: the layout and the checksums */
#include "segment/index.h"

#define FILE_BYTES_MAX   (96U << 10)
#define SEGMENTS_MAX     3U
#define WAIT_S           20
#define CPU_S_MAX        2.0 /* for at most 288 KiB, under AddressSanitizer, too */
#define SLOW_TRIES       4U
#define MEMORY_KIB_MAX   (320U << 10) /* of a process under AddressSanitizer, which has 60 MiB at its start */
#define SANITIZER_SAYS   99
#define OUTPUT_BYTES_MAX (256U << 20)

int canp_tool_main(int argc, char **argv); /* tools/main.c */

/* A sanitizer's verdict has an exit status of its own. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__ubsan_default_options(void);
const char *__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=0:quarantine_size_mb=8:allocator_may_return_null=1:handle_sigbus=0";
}
const char *__ubsan_default_options(void)
{
    return "halt_on_error=1:exitcode=99:print_stacktrace=1";
}

/* What is done with a recording; R stands for its directory, N for a new one, F for a new file, D for a
 * database of signals. */
static const char *const commands[][8] = {
    {"info", "R"},
    {"info", "--quick", "R"},
    {"info", "--json", "R"},
    {"dump", "R"},
    {"dump", "-f", "json", "R"},
    {"dump", "-f", "csv", "R"},
    {"dump", "-f", "candump", "-x", "R"},
    {"dump", "--micros", "--from", "+0.5", "--to", "+30", "R"},
    {"dump", "R", "123:7FF", "error", "rx"},
    {"dump", "--follow", "R"},
    {"verify", "R"},
    {"verify", "--json", "R"},
    {"repair", "R", "-o", "N"},
    {"merge", "R", "-o", "N"},
    {"merge", "R", "R", "--pack", "-o", "N"},
    {"pack", "R"},
    {"pack", "--unpack", "R"},
    {"pack", "--archive", "R"},
    {"convert", "-f", "asc", "R", "F"},
    {"convert", "-f", "blf", "R", "F"},
    {"convert", "-f", "pcapng", "R", "F"},
    {"convert", "-f", "candump", "--events", "R", "F"},
    {"convert", "-f", "csv", "--events", "R", "F"},
    {"convert", "-f", "mf4", "R", "F"},
    {"convert", "-f", "db", "R", "F"},
    {"dump", "--dbc", "D", "R"},
    {"decode", "--dbc", "D", "--j1939", "R"},
    {"decode", "--dbc", "D", "--wide", "-f", "csv", "R"},
    {"diff", "R", "R"},
    {"report", "--dbc", "D", "R", "-o", "F"},
    {"sql", "R", "SELECT * FROM frames; SELECT * FROM gaps; SELECT * FROM events; SELECT * FROM ids"},
    {"sql", "R", "SELECT count(*), max(time_ns) FROM frames WHERE id IN (291, 256) AND time_ns > 0"},
    {"top", "R"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Messages of the golden recordings and others; signals of either order, multiplexed ones and floats. */
static const char database_text[] =
    "VERSION \"\"\nBU_: X\n"
    "BO_ 291 A: 8 X\n SG_ Level : 0|16@1+ (0.1,-5) [0|0] \"V\" X\n SG_ Turn : 23|12@0- (1,0) [0|0] \"\" X\n"
    "BO_ 256 B: 8 X\n SG_ Which M : 0|8@1+ (1,0) [0|0] \"\" X\n SG_ One m0 : 8|32@1+ (1,0) [0|0] \"\" X\n"
    " SG_ Two m1 : 8|56@1- (1e9,0) [0|0] \"\" X\n"
    "BO_ 2147484280 C: 64 X\n SG_ F : 0|32@1- (1,0) [0|0] \"\" X\n"
    "SIG_VALTYPE_ 2147484280 F : 1;\n";

struct input {
    uint8_t *data;
    size_t bytes;
};

struct fuzz {
    struct input *inputs;
    unsigned input_count;
    char dir[64], recording[80], output[80], said[80], database[80];
    const char *kept;
    unsigned long runs, failures, by_command[COMMANDS], by_status[4], slowest_run[COMMANDS];
    double slowest_s[COMMANDS]; /* of the processor's time */
    uint64_t seed;
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_commands: %s: %s\n", what, strerror(errno));
    exit(3);
}

/* ---- changing
 * ------------------------------------------------------------------------------------------------------- */

static uint32_t draw(struct test_random *r, size_t below)
{
    return below ? (uint32_t)(test_random_u64(r) % below) : 0;
}

/* Where a change is likely to matter: a field of the header, the seal, a block's header or the index. */
static size_t draw_place(struct test_random *r, const uint8_t *data, size_t bytes)
{
    struct seg_header header;
    struct block_header block;
    size_t at = draw(r, bytes);
    if (bytes < SEG_BLOCKS_MIN || draw(r, 3) == 0)
        return at;
    if (draw(r, 6) == 0)
        return draw(r, 2) ? draw(r, 96) : SEG_SEAL_OFFSET + draw(r, sizeof(struct seg_seal));
    memcpy(&header, data, sizeof(header));
    size_t next = header.header_bytes;
    for (unsigned left = 1 + draw(r, 12); left && next + sizeof(block) <= bytes; left--) {
        at = next;
        memcpy(&block, data + at, sizeof(block));
        if (block.stored_bytes > bytes - at - sizeof(block))
            break;
        next += sizeof(block) + block.stored_bytes;
    }
    at += draw(r, 2) ? draw(r, sizeof(block)) : sizeof(block) + draw(r, 64); /* or where its payload begins */
    return at < bytes ? at : bytes - 1;
}

static uint64_t draw_value(struct test_random *r, const uint8_t *data, size_t at, size_t width)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   7,
                                   8,
                                   0x7F,
                                   0x80,
                                   0xFF,
                                   0x7FFF,
                                   0xFFFF,
                                   0x10000,
                                   0x7FFFFFFF,
                                   0x80000000,
                                   0xFFFFFFFF,
                                   INT64_MAX,
                                   (uint64_t)INT64_MIN,
                                   UINT64_MAX,
                                   1000000000000000000};
    uint64_t value = 0;
    memcpy(&value, data + at, width);
    switch (draw(r, 4)) {
    case 0:
        return odd[draw(r, sizeof(odd) / sizeof(odd[0]))];
    case 1:
        return value + 1 - 2 * (uint64_t)draw(r, 2);
    case 2:
        return value + 8 - 16 * (uint64_t)draw(r, 2);
    default:
        return test_random_u64(r);
    }
}

static void change_once(struct test_random *r, uint8_t *data, size_t *bytes)
{
    size_t at = draw_place(r, data, *bytes), width = (size_t)1 << draw(r, 4), length = 8 * (1 + draw(r, 32));
    if (width > 1 && draw(r, 4))
        at &= ~(width - 1);
    switch (draw(r, 8)) {
    case 0:
        data[at] ^= (uint8_t)(1U << draw(r, 8));
        break;
    case 1: /* a piece of it, elsewhere */
        if (*bytes > 2 * length)
            memmove(data + draw(r, *bytes - length), data + draw(r, *bytes - length), length);
        break;
    case 2: /* a piece missing, or twice */
        at &= ~(size_t)7;
        if (draw(r, 2) && at + length < *bytes) {
            memmove(data + at, data + at + length, *bytes - at - length);
            *bytes -= length;
        } else if (*bytes + length <= FILE_BYTES_MAX && at + length <= *bytes) {
            memmove(data + at + length, data + at, *bytes - at);
            *bytes += length;
        }
        break;
    case 3:
        if (draw(r, 4) == 0)
            *bytes = 1 + draw(r, *bytes);
        break;
    default:
        if (at + width <= *bytes) {
            uint64_t value = draw_value(r, data, at, width);
            memcpy(data + at, &value, width);
        }
    }
}

static void put_index_right(uint8_t *data, size_t bytes, const struct seg_seal *seal, uint64_t salt)
{
    struct index_header index;
    if (seal->index_bytes < sizeof(index) || seal->index_offset > bytes ||
        seal->index_bytes > bytes - seal->index_offset)
        return;
    uint8_t *at = data + seal->index_offset;
    memcpy(&index, at, sizeof(index));
    index.crc = canp_crc32c(canp_crc32c(0, &salt, sizeof(salt)), at + 8, seal->index_bytes - 8);
    memcpy(at, &index, sizeof(index));
}

/* Segment `number` of the one recording that all files of a run are. */
static void put_right(uint8_t *data, size_t bytes, uint64_t number)
{
    struct seg_header header;
    struct seg_seal seal;
    if (bytes < SEG_BLOCKS_MIN)
        return;
    memcpy(&header, data, sizeof(header));
    memset(header.recording, 7, sizeof(header.recording));
    header.number = number;
    put_header_right(data, &header);
    memcpy(&seal, data + SEG_SEAL_OFFSET, sizeof(seal));
    put_index_right(data, bytes, &seal, header.salt);
    put_seal_right(data, header.salt);
    put_blocks_right(data, bytes, &header);
}

/* ---- a recording of one to three changed segments --------------------------------------------- */

static void empty(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

static void write_file(const char *path, const uint8_t *data, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    must(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes, path);
    close(fd);
}

static void make_recording(struct fuzz *f, struct test_random *r)
{
    static uint8_t data[FILE_BYTES_MAX];
    char path[128];
    must(mkdir(f->recording, 0777) == 0 || errno == EEXIST, f->recording);
    empty(f->recording);
    unsigned segments = 1 + draw(r, 2) * draw(r, SEGMENTS_MAX);
    for (unsigned i = 1; i <= segments; i++) {
        const struct input *in = &f->inputs[draw(r, f->input_count)];
        size_t bytes = in->bytes;
        memcpy(data, in->data, bytes);
        bool right = draw(r, 16) != 0;
        if (right && draw(r, 4) == 0)
            put_right(data, bytes, i);
        for (unsigned changes = draw(r, 6); changes; changes--)
            change_once(r, data, &bytes);
        if (right)
            put_right(data, bytes, i);
        snprintf(path, sizeof(path), "%s/%08u.canp", f->recording, i);
        write_file(path, data, bytes);
    }
}

/* ---- running a command
 * ------------------------------------------------------------------------------------------------ */

static const char *word_of(const struct fuzz *f, const char *word)
{
    if (strcmp(word, "R") == 0)
        return f->recording;
    if (strcmp(word, "D") == 0)
        return f->database;
    return strcmp(word, "N") == 0 || strcmp(word, "F") == 0 ? f->output : word;
}

static void remove_output(const struct fuzz *f)
{
    empty(f->output);
    rmdir(f->output);
    unlink(f->output);
}

_Noreturn static void be_command(const struct fuzz *f, unsigned which, int terminal)
{
    char words[10][128] = {"canp"}, *argv[12] = {words[0]};
    int argc = 1;
    for (const char *const *word = commands[which]; *word; word++, argc++) {
        snprintf(words[argc], sizeof(words[argc]), "%s", word_of(f, *word));
        argv[argc] = words[argc];
    }
    struct rlimit none = {0, 0}, output = {OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX};
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &output);
    int said = open(f->said, O_WRONLY | O_CREAT | O_TRUNC, 0666), out = open("/dev/null", O_WRONLY);
    dup2(said, 2);
    if (terminal < 0) {
        dup2(out, 1);
        dup2(open("/dev/null", O_RDONLY), 0);
    }
    exit(canp_tool_main(argc, argv));
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reads what top shows, and presses q until it ends. False when it has to be killed. */
static bool wait_for(pid_t pid, int terminal, int *status, struct rusage *used)
{
    double end = now_s() + WAIT_S;
    while (wait4(pid, status, WNOHANG, used) == 0) {
        char shown[4096];
        struct pollfd poll_fd = {terminal, POLLIN, 0};
        if (terminal >= 0 && poll(&poll_fd, 1, 5) > 0 && read(terminal, shown, sizeof(shown)) > 0 &&
            write(terminal, "q", 1) < 0)
            terminal = -1;
        else
            usleep(500);
        if (now_s() > end) {
            kill(pid, SIGKILL);
            wait4(pid, status, 0, used);
            return false;
        }
    }
    return true;
}

static void keep(struct fuzz *f, const char *why, unsigned which)
{
    char command[512];
    printf("not ok %s %s: %s (seed %llu, run %lu)\n", commands[which][0], commands[which][1], why,
           (unsigned long long)f->seed, f->runs);
    fflush(stdout);
    int n = snprintf(command, sizeof(command), "head -n 25 %s", f->said);
    if (f->kept)
        snprintf(command + n, sizeof(command) - (size_t)n, "; mkdir -p %s && cp -r %s %s/%s-%llu-%lu",
                 f->kept, f->recording, f->kept, commands[which][0], (unsigned long long)f->seed, f->runs);
    if (system(command) != 0)
        printf("(not kept)\n");
    f->failures++;
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

struct outcome {
    int status;
    double cpu_s;
    long kib;
    bool ended;
};

static struct outcome run_command(const struct fuzz *f, unsigned which)
{
    bool on_terminal = strcmp(commands[which][0], "top") == 0;
    int terminal = -1;
    struct outcome out = {0};
    struct rusage used = {0};
    remove_output(f);
    fflush(NULL);
    pid_t pid = on_terminal ? forkpty(&terminal, NULL, NULL, NULL) : fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        be_command(f, which, on_terminal ? 0 : -1);
    out.ended = wait_for(pid, terminal, &out.status, &used);
    out.cpu_s = seconds(&used.ru_utime) + seconds(&used.ru_stime);
    out.kib = used.ru_maxrss;
    if (terminal >= 0)
        close(terminal);
    return out;
}

static bool is_slow(const struct outcome *out)
{
    return !out->ended || out->cpu_s > CPU_S_MAX;
}

static void judge(struct fuzz *f, unsigned which, const struct outcome *out)
{
    char why[96] = "";
    if (!out->ended)
        snprintf(why, sizeof(why), "hangs: killed after %d s, %.1f s of them on the processor", WAIT_S,
                 out->cpu_s);
    else if (WIFSIGNALED(out->status))
        snprintf(why, sizeof(why), "ended by signal %d", WTERMSIG(out->status));
    else if (WEXITSTATUS(out->status) == SANITIZER_SAYS || WEXITSTATUS(out->status) > 3)
        snprintf(why, sizeof(why), "status %d", WEXITSTATUS(out->status));
    else if (out->kib > (long)MEMORY_KIB_MAX)
        snprintf(why, sizeof(why), "%ld MiB of memory", out->kib >> 10);
    else if (is_slow(out))
        snprintf(why, sizeof(why), "%.1f s of processor time", out->cpu_s);
    if (out->cpu_s > f->slowest_s[which]) {
        f->slowest_s[which] = out->cpu_s;
        f->slowest_run[which] = f->runs;
    }
    if (*why)
        keep(f, why, which);
    else
        f->by_status[WEXITSTATUS(out->status)]++;
    f->by_command[which]++;
}

/* ---- the whole
 * ----------------------------------------------------------------------------------------------------------
 */

static void take_input(struct fuzz *f, const char *path)
{
    struct input in = {malloc(FILE_BYTES_MAX), 0};
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 || !in.data ? -1 : read(fd, in.data, FILE_BYTES_MAX);
    must(n >= 0, path);
    in.bytes = (size_t)n;
    close(fd);
    f->inputs = realloc(f->inputs, (f->input_count + 1) * sizeof(in));
    must(f->inputs != NULL, "memory");
    if (n > 0)
        f->inputs[f->input_count++] = in;
}

static void open_place(struct fuzz *f)
{
    snprintf(f->dir, sizeof(f->dir), "%s/canp-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(f->dir) != NULL, f->dir);
    snprintf(f->recording, sizeof(f->recording), "%s/r", f->dir);
    snprintf(f->output, sizeof(f->output), "%s/new", f->dir);
    snprintf(f->said, sizeof(f->said), "%s/said", f->dir);
    snprintf(f->database, sizeof(f->database), "%s/signals.dbc", f->dir);
    write_file(f->database, (const uint8_t *)database_text, sizeof(database_text) - 1);
    setenv("TERM", "xterm", 1);
}

static void close_place(struct fuzz *f)
{
    remove_output(f);
    empty(f->recording);
    rmdir(f->recording);
    empty(f->dir);
    rmdir(f->dir);
    for (unsigned i = 0; i < f->input_count; i++)
        free(f->inputs[i].data);
    free(f->inputs);
}

/*
 * One recording, one command after the other, or all those with that name. A virtual machine whose host is
 * busy charges a process for time in which it did not run, so what is slow has to be so each time.
 */
static void run_once(struct fuzz *f, const char *only)
{
    struct outcome out;
    unsigned which = 0, tries = 0;
    do {
        struct test_random r = {f->seed * 1000003 + f->runs};
        which = (unsigned)(f->runs % COMMANDS);
        make_recording(f, &r);
        while (only && strcmp(commands[which][0], only) != 0)
            which = draw(&r, COMMANDS);
        out = run_command(f, which);
    } while (is_slow(&out) && ++tries < SLOW_TRIES);
    judge(f, which, &out);
    f->runs++;
}

static int say_result(const struct fuzz *f)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (f->by_command[i])
            printf("%8lu %s %s %s (at most %.2f s of processor time, run %lu)\n", f->by_command[i],
                   commands[i][0], commands[i][1], commands[i][2] ? commands[i][2] : "", f->slowest_s[i],
                   f->slowest_run[i]);
    }
    printf("seed %llu: %lu runs, %lu failed; status 0: %lu, 1: %lu, 2: %lu, 3: %lu\n",
           (unsigned long long)f->seed, f->runs, f->failures, f->by_status[0], f->by_status[1],
           f->by_status[2], f->by_status[3]);
    return f->failures || !f->runs;
}

static bool is_command(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i][0], name) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct fuzz f = {.seed = 1};
    const char *only = NULL;
    unsigned long runs_max = 0;
    double end = 0;
    for (int option; (option = getopt(argc, argv, "s:t:n:c:k:r:")) != -1;) {
        switch (option) {
        case 's':
            f.seed = strtoull(optarg, NULL, 0);
            break;
        case 't':
            end = now_s() + strtod(optarg, NULL);
            break;
        case 'n':
            runs_max = strtoul(optarg, NULL, 0);
            break;
        case 'r':
            f.runs = strtoul(optarg, NULL, 0), runs_max = f.runs + 1;
            break; /* that run alone */
        case 'c':
            only = optarg;
            break;
        case 'k':
            f.kept = optarg;
            break;
        default:
            return 2;
        }
    }
    if (only && !is_command(only)) {
        fprintf(stderr, "fuzz_commands: no command '%s' is run here\n", only);
        return 2;
    }
    for (int i = optind; i < argc; i++)
        take_input(&f, argv[i]);
    if (!f.input_count || (!runs_max && end == 0)) {
        fprintf(
            stderr,
            "usage: fuzz_commands [-s SEED] [-t SECONDS | -n RUNS | -r RUN] [-c COMMAND] [-k DIR] FILE...\n");
        return 2;
    }
    open_place(&f);
    while ((!runs_max || f.runs < runs_max) && (end == 0 || now_s() < end))
        run_once(&f, only);
    close_place(&f);
    return say_result(&f);
}

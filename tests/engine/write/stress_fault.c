/*
 * Every call into the system fails, once or for a while, with each plausible errno: the first call, the
 * second, ... until a run meets no fault any more. No crash, no hang, no silent loss: what was acknowledged
 * is there, an operation that failed can be tried again, and a reader never takes an error for the end.
 */
#include "drive.h"
#include "faults.h"

#include <canp/repack.h>
#include <canp/writer.h>

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES       6000U
#define FLUSH_FRAMES 250U
#define TRIES        60 /* of one operation; a fault of several calls ends before */
#define SEED         1

struct fault {
    enum fault_call call;
    int error;
    unsigned nth;
    unsigned more;
};

static char top[64], dir[96];
static struct fault now;
static bool packing; /* in the background, while it is written */

static int complain(const char *what, int64_t detail)
{
    fprintf(stderr, "%s, call %u to fail with %s, %u more: %s (%" PRId64 ")\n", fault_name(now.call), now.nth,
            now.error == FAULT_SHORT ? "a short count" : strerror(now.error), now.more, what, detail);
    return -1;
}

static void remove_dir(void)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        fputs("cannot remove the directory\n", stderr);
}

/* ---- the writer -------------------------------------------------------------------------------------- */

struct run {
    struct canp_writer *w;
    unsigned errors; /* told by any call */
    int result;
};

/* Tries again until it works; what never works is a failure of the test. */
#define UNTIL_DONE(run, call)                                                                                \
    do {                                                                                                     \
        int done_ = -1;                                                                                      \
        for (int try_ = 0; try_ < TRIES && (done_ = (call)) < 0; try_++)                                     \
            (run)->errors++;                                                                                 \
        if (done_ < 0 && (run)->result == 0)                                                                 \
            (run)->result = complain("never works: " #call, done_);                                          \
    } while (0)

static int open_writer(struct canp_writer **out)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    opts.segment_bytes = 64 << 10;
    opts.pack = packing;
    int r = canp_writer_open(dir, &opts, out, &why);
    if (r < 0 && why.text[0] == '\0')
        complain("an error without a word", r);
    return r;
}

static void write_all_frames(struct run *run, struct drive *d)
{
    struct canp_iface iface = {.mtu = 72, .name = "vcan0"};
    struct canp_record r;
    canp_writer_add_iface(run->w, 0, &iface, DRIVE_START_NS);
    while (d->next < FRAMES && run->result == 0) {
        drive_next(d, &r);
        UNTIL_DONE(run, canp_writer_put(run->w, &r));
        if (d->next % FLUSH_FRAMES == 0)
            UNTIL_DONE(run, canp_writer_flush(run->w));
        if (d->next == FRAMES / 2 && canp_writer_sync(run->w) < 0)
            run->errors++;
        if (d->next == FRAMES / 3)
            UNTIL_DONE(run, canp_writer_rotate(run->w));
    }
}

static bool is_sealed(const char *path)
{
    char seal[5] = "";
    FILE *f = fopen(path, "rb");
    bool sealed = f && fseek(f, 512, SEEK_SET) == 0 && fread(seal, 4, 1, f) == 1 && strcmp(seal, "SEAL") == 0;
    if (f)
        fclose(f);
    return sealed;
}

/* The number of the first segment without a seal, 0 when there is none. */
static unsigned first_unsealed(void)
{
    char path[160];
    for (unsigned i = 1; i < 100; i++) {
        snprintf(path, sizeof(path), "%s/%08u.canp", dir, i);
        if (access(path, F_OK) != 0)
            return 0;
        if (!is_sealed(path))
            return i;
    }
    return 0;
}

/* Behind a segment that could not be synced there must be one. Of the first segment that is known for sure
 * when canp_writer_sync() returns, so it comes with the next block. */
static bool has_gap(struct canp_reader *reader)
{
    struct canp_cursor *c;
    struct canp_record r;
    bool found = false;
    if (canp_cursor_open(reader, NULL, &c) < 0)
        return false;
    while (canp_cursor_next(c, &r) == 1)
        found |= r.kind == CANP_KIND_GAP && r.gap->layer == CANP_LAYER_STORE && r.gap->lost == 0;
    canp_cursor_close(c);
    return found;
}

/* Everything must be there; sealed, too, when nobody was told of an error. */
static int check_recording(unsigned errors)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_why why = {""};
    struct drive d;
    uint64_t missing = 0;
    if (canp_reader_open(dir, &reader, &why) < 0)
        return complain(why.text, 0);
    drive_start(&d, SEED);
    canp_cursor_open(reader, NULL, &c);
    int r = drive_compare(&d, c, &missing);
    if (r != 0 || missing || d.next != FRAMES)
        r = complain("frames are missing or wrong", (int64_t)(r ? r : (int64_t)(FRAMES - d.next)));
    else if (canp_cursor_damaged(c))
        r = complain("damaged places", canp_cursor_damaged(c));
    else if (now.call == FAULT_fdatasync && first_unsealed() == 1 && !has_gap(reader))
        r = complain("a poisoned segment, and no gap says so", 1);
    else if (errors == 0 && first_unsealed())
        r = complain("not sealed, and nobody was told", first_unsealed());
    canp_cursor_close(c);
    canp_reader_close(reader);
    drive_end(&d);
    return r;
}

/* 1 when the fault was met, 0 when not, -1 when something is wrong. */
static int fail_writer(const struct fault *f)
{
    struct run run = {NULL, 0, 0};
    struct drive d; /* its memory is not what is to fail */
    drive_start(&d, SEED);
    fault_arm(f->call, f->nth, f->more, f->error);
    UNTIL_DONE(&run, open_writer(&run.w));
    if (run.result == 0) {
        write_all_frames(&run, &d);
        int r = canp_writer_finish(run.w);
        if (r < 0) {
            run.errors++;
            canp_writer_finish(run.w);
        }
        canp_writer_close(run.w);
    }
    bool met = fault_disarm();
    drive_end(&d);
    if (run.result == 0)
        run.result = check_recording(run.errors);
    if (run.result == 0 && met && f->call == FAULT_fsync && !packing && run.errors == 0)
        run.result = complain("a sync failed and nobody was told", 0);
    remove_dir();
    return run.result < 0 ? -1 : met;
}

/* ---- the reader -------------------------------------------------------------------------------------- */

/* Three sealed segments and one whose writer was killed. */
static int make_recording(void)
{
    struct run run = {NULL, 0, 0};
    if (open_writer(&run.w) < 0)
        return -1;
    struct drive d;
    drive_start(&d, SEED);
    write_all_frames(&run, &d);
    drive_end(&d);
    canp_writer_close(run.w);
    return run.result;
}

static bool is_passing(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR || error == FAULT_SHORT;
}

/* Reads on behind each error; damage may hide frames, but only when it is counted. */
static int read_all(struct canp_reader *reader, struct drive *d)
{
    struct canp_cursor *c;
    uint64_t missing = 0;
    int r = -1;
    for (int i = 0; i < TRIES && (r = canp_cursor_open(reader, NULL, &c)) < 0; i++)
        ;
    if (r < 0)
        return complain("no cursor", r);
    r = -1;
    for (int i = 0; i < TRIES && r < 0; i++)
        r = drive_compare(d, c, &missing);
    uint32_t damaged = canp_cursor_damaged(c);
    if (r != 0)
        r = complain("reading never ends well", r);
    else if (damaged && is_passing(now.error))
        r = complain("a passing error taken for damage", damaged);
    else if (!damaged && (missing || d->next != FRAMES))
        r = complain("frames are missing, and nobody was told", (int64_t)(missing + FRAMES - d->next));
    else if (!damaged && canp_reader_iface_count(reader) != 1)
        r = complain("the interface has no name", 0);
    canp_cursor_close(c);
    return r;
}

static int get_info(struct canp_reader *reader)
{
    struct canp_info info = {0};
    int r = -1;
    for (int i = 0; i < TRIES && r < 0; i++)
        r = canp_reader_info(reader, &info);
    if (r < 0)
        return complain("never an info", r);
    if (info.damaged && is_passing(now.error))
        return complain("info takes a passing error for damage", info.damaged);
    return info.damaged || info.frames == FRAMES ? 0 : complain("info is short", (int64_t)info.frames);
}

static int open_reader(struct canp_reader **out)
{
    struct canp_why why = {""};
    int r = -1;
    for (int i = 0; i < TRIES && (r = canp_reader_open(dir, out, &why)) < 0; i++)
        ;
    return r < 0 ? complain(why.text, r) : 0;
}

static int fail_reader(const struct fault *f)
{
    struct canp_reader *reader;
    struct drive d;
    drive_start(&d, SEED);
    fault_arm(f->call, f->nth, f->more, f->error);
    int r = open_reader(&reader);
    if (r == 0) {
        canp_reader_refresh(reader);
        r = read_all(reader, &d);
        if (r == 0)
            r = get_info(reader);
        canp_reader_close(reader);
    }
    bool met = fault_disarm();
    drive_end(&d);
    return r < 0 ? -1 : met;
}

/* ---- packing and unpacking a recording ---------------------------------------------------------------- */

static bool unpacking;

/* What an error said of the segment it names. */
static unsigned told_old, told_new;

static ino_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* The files before, by number. */
static ino_t inodes[100];

static void note_inodes(void)
{
    char path[160];
    for (unsigned i = 1; i < 100; i++) {
        snprintf(path, sizeof(path), "%s/%08u.canp", dir, i);
        inodes[i] = inode_of(path);
    }
}

/* Whether the file is the old or the new one: when the directory's sync fails, the new one has the name
 * already. */
static int check_what_was_said(const char *text)
{
    char path[160];
    const char *file = strstr(text, dir);
    unsigned number = file && file[strlen(dir)] == '/' ? (unsigned)atoi(file + strlen(dir) + 1) : 0;
    bool says_old = strstr(text, "; it is as it was"), says_new = strstr(text, "was written anew, but");
    if (!number || number >= 100 || (!says_old && !says_new))
        return 0;
    snprintf(path, sizeof(path), "%s/%08u.canp", dir, number);
    bool is_new = inode_of(path) != inodes[number];
    told_old += says_old;
    told_new += says_new;
    return is_new == says_new ? 0 : complain(text, is_new);
}

static int repack_why(bool unpack, struct canp_repack_stats *stats, struct canp_why *why)
{
    struct canp_repack_opts opts = CANP_REPACK_OPTS_INIT;
    opts.unpack = unpack;
    *stats = (struct canp_repack_stats){0};
    *why = (struct canp_why){""};
    int r = canp_repack(dir, &opts, stats, why);
    return r < 0 && why->text[0] == '\0' ? complain("an error without a word", r) : r;
}

static int repack(bool unpack, struct canp_repack_stats *stats)
{
    struct canp_why why;
    return repack_why(unpack, stats, &why);
}

/* Under the fault, and back again without. Whatever happens, every frame is there at every time, and a
 * segment that was left as it was is told. */
static int fail_repack(const struct fault *f)
{
    struct canp_repack_stats stats;
    struct canp_why why;
    unsigned sealed = first_unsealed() - 1;
    note_inodes();
    fault_arm(f->call, f->nth, f->more, f->error);
    int r = repack_why(unpacking, &stats, &why);
    bool met = fault_disarm();
    if (check_what_was_said(why.text) < 0)
        return -1;
    if (r == 0 && stats.damaged && is_passing(f->error))
        return complain("a passing error taken for damage", (int64_t)stats.damaged);
    if (r == 0 && stats.changed + stats.damaged != sealed)
        return complain("a segment was left out, and nobody was told", (int64_t)stats.changed);
    if (check_recording(1) < 0)
        return -1;
    if (repack(!unpacking, &stats) < 0 || stats.damaged)
        return complain("cannot be taken back", (int64_t)stats.damaged);
    return check_recording(1) < 0 ? -1 : met;
}

/* ---- all of them ------------------------------------------------------------------------------------- */

static const int errors_of_files[] = {EIO, ENOSPC, EDQUOT, EINTR, EMFILE, ENOMEM, FAULT_SHORT, 0};
static const int errors_of_memory[] = {ENOMEM, 0};
static const int errors_of_threads[] = {EAGAIN, 0};

static bool is_plausible(enum fault_call call, int error)
{
    if (error == FAULT_SHORT)
        return call == FAULT_pread || call == FAULT_pwrite;
    if (error == EMFILE)
        return call == FAULT_open || call == FAULT_openat;
    if (error == EINTR)
        return call == FAULT_open || call == FAULT_openat || call == FAULT_pread || call == FAULT_pwrite ||
               call == FAULT_fallocate || call == FAULT_ftruncate || call == FAULT_fdatasync ||
               call == FAULT_flock;
    if (error == ENOSPC || error == EDQUOT)
        return call != FAULT_pread && call != FAULT_stat && call != FAULT_fstat && call != FAULT_readdir;
    return true;
}

static const int *errors_of(enum fault_call call)
{
    if (call >= FAULT_malloc)
        return errors_of_memory;
    return call == FAULT_pthread_create ? errors_of_threads : errors_of_files;
}

static void on_hang(int sig)
{
    (void)sig;
    complain("a hang", 0);
    abort(); /* for the stack of it */
}

/* Under AddressSanitizer, where they take minutes, a third of the faults, others for each call and error. */
#ifdef __SANITIZE_ADDRESS__
#define STEP 3U
#else
#define STEP 1U
#endif

/* Returns how many faults were met, or -1. */
static int fail_each(int (*run)(const struct fault *), const struct fault *f)
{
    int met = 0, r = 1;
    now = *f;
    for (now.nth = 1 + ((unsigned)f->call + (unsigned)f->error) % STEP; r == 1; now.nth += STEP) {
        alarm(30); /* a hang ends the test */
        struct fault one = now;
        r = run(&one);
        met += r == 1;
    }
    return r < 0 ? -1 : met;
}

static int fail_all(const char *what, int (*run)(const struct fault *), unsigned more)
{
    int sum = 0, calls = 0;
    for (unsigned call = 0; call < FAULT_COUNT; call++) {
        int of_call = 0;
        for (const int *error = errors_of(call); *error; error++) {
            struct fault f = {call, *error, 0, more};
            int met = is_plausible(call, *error) ? fail_each(run, &f) : 0;
            if (met < 0)
                return -1;
            of_call += met;
        }
        if (call == FAULT_openat &&
            of_call == 0) { /* all of them open files: the library calls by another name */
            printf("%s: no call of openat() was met: the wrappers are blind\n", what);
            return -1;
        }
        sum += of_call;
        calls += of_call > 0;
    }
    printf("%s: %d faults in %d different calls, each with the %u behind it\n", what, sum, calls, more);
    return sum > 0 ? 0 : -1;
}

int main(void)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(top, sizeof(top), "%s/canp-fault-%d", tmp, (int)getpid());
    snprintf(dir, sizeof(dir), "%s/a/recording", top);
    signal(SIGALRM, on_hang);
    int r = mkdir(top, 0777) == 0 ? 0 : -1;
    for (unsigned more = 0; r == 0 && more <= 7; more += 7)
        r = fail_all("writer", fail_writer, more);
    packing = true;
    if (r == 0)
        r = fail_all("writer and packer", fail_writer, 0);
    for (unsigned i = 0; r == 0 && i < 2; i++, packing = false) {
        r = make_recording();
        for (unsigned more = 0; r == 0 && more <= 7; more += 7)
            r = fail_all(packing ? "reader of packed segments" : "reader", fail_reader, more);
        remove_dir();
    }
    packing = false;
    if (r == 0)
        r = make_recording();
    for (unsigned i = 0; r == 0 && i < 4; i++) {
        struct canp_repack_stats stats;
        unpacking = i >= 2;
        if (i == 2)
            r = repack(false, &stats);
        if (r == 0)
            r = fail_all(unpacking ? "unpacking" : "packing", fail_repack, i % 2 * 7);
    }
    printf("packing said of %u segments that they are as they were, of %u that they were written anew\n",
           told_old, told_new);
    if (r == 0 && (told_old == 0 || told_new == 0))
        r = -1;
    snprintf(dir, sizeof(dir), "%s", top);
    remove_dir();
    return r == 0 ? 0 : 1;
}

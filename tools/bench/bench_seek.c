/*
 * canp-bench seek: a recording of 10,000 small segments. `seek_warm` goes to random times, 256 of the
 * segments being mapped at a time; `seek_cold` and its page faults are of a segment that is neither mapped
 * nor in the page cache. `open_segments` opens the recording, beside listing its directory and asking for
 * each file's state.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_recording.h"

#define SEGMENTS       10000U
#define SEGMENT_FRAMES 1000U
#define BLOCK_FRAMES   500U
#define SEEKS          500U
#define COLD_SEEKS     20U

struct seek {
    char dir[128];
    uint64_t segments;
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    int64_t first_ns, last_ns;
    uint64_t random;
};

/* splitmix64: the same places in every run. */
static uint64_t draw(struct seek *s)
{
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int64_t draw_time(struct seek *s)
{
    return s->first_ns + (int64_t)(draw(s) % (uint64_t)(s->last_ns - s->first_ns));
}

static int seek_to(struct canp_cursor *cursor, int64_t time_ns)
{
    struct canp_record record = {.time_ns = INT64_MIN};
    int r = canp_cursor_seek(cursor, time_ns);

    if (r == 0)
        r = canp_cursor_next(cursor, &record);
    if (r < 0)
        return r;
    return r == 1 && record.time_ns >= time_ns ? 0 : -EIO;
}

static double seek_warm(void *user)
{
    struct seek *s = user;
    uint64_t start_ns = bench_cpu_ns();
    int r = 0;

    for (unsigned i = 0; r == 0 && i < SEEKS; i++)
        r = seek_to(s->cursor, draw_time(s));
    return r < 0 ? r : (double)(bench_cpu_ns() - start_ns) / SEEKS / 1e3;
}

/* ------------------------------------------------------------------ cold */

/* Lets go of a file's pages. They must be on disk for that. */
static int drop_pages(const struct seek *s, uint64_t number)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%08u.canp", s->dir, (unsigned)number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return r;
}

static uint64_t faults(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_minflt + usage.ru_majflt);
}

struct cold {
    double us;
    double faults;
};

/* The times of segments follow from their numbers, about: what is dropped is a few around the one that is
 * met. */
static int seek_cold_once(struct seek *s, struct cold *cold)
{
    int64_t span_ns = s->last_ns - s->first_ns, time_ns = draw_time(s);
    int64_t number = (int64_t)((double)(time_ns - s->first_ns) / (double)span_ns * (double)s->segments);
    int r = 0;

    for (int64_t n = number - 4; r == 0 && n <= number + 5; n++)
        r = n >= 1 && n <= (int64_t)s->segments ? drop_pages(s, (uint64_t)n) : 0;
    uint64_t start_faults = faults(), start_ns = bench_now_ns();
    if (r == 0)
        r = seek_to(s->cursor, time_ns);
    cold->us += (double)(bench_now_ns() - start_ns) / 1e3;
    cold->faults += (double)(faults() - start_faults);
    return r;
}

static int seek_cold_all(struct seek *s, struct cold *cold)
{
    int r = 0;

    *cold = (struct cold){0};
    for (unsigned i = 0; r == 0 && i < COLD_SEEKS; i++)
        r = seek_cold_once(s, cold);
    return r;
}

static double seek_cold(void *user)
{
    struct cold cold;
    int r = seek_cold_all(user, &cold);

    return r < 0 ? r : cold.us / COLD_SEEKS;
}

static double seek_cold_faults(void *user)
{
    struct cold cold;
    int r = seek_cold_all(user, &cold);

    return r < 0 ? r : cold.faults / COLD_SEEKS;
}

/* ------------------------------------------------------------------ opening */

static double open_segments(void *user)
{
    const struct seek *s = user;
    struct canp_reader *reader;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_reader_open(s->dir, &reader, NULL);

    if (r < 0)
        return r;
    double value = (double)(bench_cpu_ns() - start_ns) / 1e6;
    canp_reader_close(reader);
    return value;
}

/* Opens it and goes to a time, all seals being read because nobody has written them together. */
static double open_without_catalogue(void *user)
{
    struct seek *s = user;
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    char path[160];
    snprintf(path, sizeof(path), "%s/catalogue.canpx", s->dir);
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_reader_open(s->dir, &reader, NULL);

    if (r < 0)
        return r;
    r = canp_cursor_open(reader, NULL, &cursor);
    if (r == 0)
        r = seek_to(cursor, draw_time(s));
    double value = (double)(bench_cpu_ns() - start_ns) / 1e6;
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return r < 0 ? r : value;
}

static double list_directory(void *user)
{
    const struct seek *s = user;
    uint64_t start_ns = bench_cpu_ns();
    DIR *dir = opendir(s->dir);
    const struct dirent *e;
    struct stat st;

    if (dir == NULL)
        return -errno;
    while ((e = readdir(dir)) != NULL) {
        fstatat(dirfd(dir), e->d_name, &st, 0);
        bench_use(&st);
    }
    closedir(dir);
    return (double)(bench_cpu_ns() - start_ns) / 1e6;
}

/* ------------------------------------------------------------------ set-up */

static int seek_open(struct seek *s, const char *dir)
{
    const struct bench_drive drive = {.frames = s->segments * SEGMENT_FRAMES,
                                      .segment_bytes = 64 << 10,
                                      .segment_frames = SEGMENT_FRAMES,
                                      .block_frames = BLOCK_FRAMES};
    struct canp_info info = {0};
    snprintf(s->dir, sizeof(s->dir), "%s/segments", dir);
    int r = bench_drive_record(s->dir, &drive);

    if (r == 0)
        r = canp_reader_open(s->dir, &s->reader, NULL);
    if (r == 0)
        r = canp_reader_info(s->reader, &info);
    if (r == 0)
        r = canp_cursor_open(s->reader, NULL, &s->cursor);
    if (r < 0)
        return r;
    s->first_ns = info.first_ns;
    s->last_ns = info.last_ns;
    return info.segments == s->segments && info.frames == drive.frames ? 0 : -EIO;
}

static int run(struct bench *bench, const char *dir)
{
    static const struct bench_case cases[] = {
        {"seek_warm", "us", seek_warm, NULL, NULL, 0, NULL},
        {"seek_cold", "us", seek_cold, NULL, NULL, 0, NULL},
        {"seek_cold_faults", "faults", seek_cold_faults, NULL, NULL, 0, NULL},
        {"open_segments", "ms", open_segments, "list_directory", list_directory, 0, NULL},
        {"open_without_catalogue", "ms", open_without_catalogue, "list_directory", list_directory, 0, NULL},
    };
    struct seek s = {.segments = bench_size(bench, SEGMENTS), .random = 1};
    int r = seek_open(&s, dir);

    if (r == 0)
        r = bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), &s);
    canp_cursor_close(s.cursor);
    canp_reader_close(s.reader);
    return r;
}

int bench_seek(struct bench *bench)
{
    return bench_in_directory(bench, run);
}

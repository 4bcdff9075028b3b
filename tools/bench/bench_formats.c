/*
 * canp-bench formats: reading and writing each log format, beside the fastest program for it that is
 * installed: python3-can, Wireshark's capinfos and editcap, can-utils' log2asc. Processor time of one thread
 * for each frame of a generated drive; of other programs without their start.
 */
#include "bench.h"

#include <canp/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench_peer.h"
#include "bench_recording.h"

#define FRAMES UINT64_C(100000)

struct formats {
    struct bench *bench;
    const char *dir;
    struct bench_peers peers;
};

/* One format: what is measured. */
struct job {
    const struct canp_log_format_info *format;
    const struct formats *of;
    const struct bench_peer *peer;
    char recording[160], log[160], file[160], scratch[160];
};

static int read_frames(const char *path, uint64_t *frames)
{
    struct canp_log_reader *reader;
    struct canp_record record;
    int r = canp_log_open(path, NULL, &reader, NULL);
    if (r < 0)
        return r;
    while ((r = canp_log_next(reader, &record)) == 1) {
        bench_use(record.frame);
        *frames += canp_kind_is_frame(record.kind);
    }
    canp_log_close(reader);
    return r;
}

static int copy(const char *from, const char *to, const char *format, uint64_t *frames)
{
    struct canp_log_copy_result result = {0};
    struct canp_log_reader *reader;
    struct canp_log_writer *writer;
    int r = canp_log_open(from, NULL, &reader, NULL);
    if (r < 0)
        return r;
    r = canp_log_writer_open(to, format, NULL, &writer, NULL);
    if (r == 0) {
        r = canp_log_copy(reader, writer, NULL, &result, NULL);
        int finished = canp_log_finish(writer, NULL);
        r = r < 0 ? r : finished;
    }
    canp_log_close(reader);
    *frames = result.frames;
    return r;
}

static double us_each(uint64_t start_ns, uint64_t frames)
{
    return frames ? (double)(bench_cpu_ns() - start_ns) / 1e3 / (double)frames : -ENODATA;
}

static double read_ours(void *user)
{
    const struct job *job = user;
    uint64_t frames = 0, start_ns = bench_cpu_ns();
    int r = read_frames(job->file, &frames);
    return r < 0 ? r : us_each(start_ns, frames);
}

static double write_ours(void *user)
{
    const struct job *job = user;
    uint64_t frames = 0, start_ns = bench_cpu_ns();
    int r = copy(job->recording, job->scratch, job->format->name, &frames);
    double us = us_each(start_ns, frames);
    unlink(job->scratch);
    return r < 0 ? r : us;
}

static double run_peer(void *user)
{
    const struct job *job = user;
    double us = bench_peer_run(&job->of->peers, job->peer, job->file, job->log, job->scratch,
                               bench_size(job->of->bench, FRAMES));
    unlink(job->scratch);
    return us;
}

static int run_side(struct job *job, bool is_reading)
{
    char name[48];
    job->peer = bench_peer_for(&job->of->peers, job->format->name, is_reading);
    snprintf(name, sizeof(name), "%s_%s", is_reading ? "read" : "write", job->format->name);
    const struct bench_case one = {.name = name,
                                   .unit = "us/frame",
                                   .measure = is_reading ? read_ours : write_ours,
                                   .reference = job->peer ? job->peer->name : NULL,
                                   .measure_reference = run_peer,
                                   .goal = job->peer ? 0.2 : 0,
                                   .user = job};
    return bench_run(job->of->bench, &one);
}

/* With the suffix that other programs know a file of the format by. */
static void name_files(struct job *job)
{
    const char *suffix = job->format->suffixes[0] ? job->format->suffixes : "txt";
    int length = (int)strcspn(suffix, " ");
    const char *dir = job->of->dir;
    snprintf(job->recording, sizeof(job->recording), "%s/drive", dir);
    snprintf(job->log, sizeof(job->log), "%s/drive.log", dir);
    snprintf(job->file, sizeof(job->file), "%s/%s.%.*s", dir, job->format->name, length, suffix);
    snprintf(job->scratch, sizeof(job->scratch), "%s/out.%.*s", dir, length, suffix);
}

static int run_format(const struct formats *of, const struct canp_log_format_info *format)
{
    struct job job = {.format = format, .of = of};
    uint64_t frames;
    name_files(&job);
    int r = copy(job.recording, job.file, format->name, &frames);
    if (r == 0 && format->reads)
        r = run_side(&job, true);
    if (r == 0)
        r = run_side(&job, false);
    unlink(job.file);
    return r;
}

static int run_in(struct bench *bench, const char *dir)
{
    struct formats of = {.bench = bench, .dir = dir};
    const struct bench_drive drive = {.frames = bench_size(bench, FRAMES)};
    const struct canp_log_format_info *format;
    char recording[160], log[160];
    uint64_t frames;
    snprintf(recording, sizeof(recording), "%s/drive", dir);
    snprintf(log, sizeof(log), "%s/drive.log", dir);
    int r = bench_drive_record(recording, &drive);
    if (r == 0)
        r = copy(recording, log, "candump", &frames);
    if (r == 0)
        r = bench_peers_find(&of.peers, dir);
    for (unsigned i = 0; r == 0 && (format = canp_log_format_at(i)) != NULL; i++) {
        if (format->writes && strcmp(format->name, "canp") != 0) /* recordings have modes of their own */
            r = run_format(&of, format);
    }
    return r;
}

int bench_formats(struct bench *bench)
{
    return bench_in_directory(bench, run_in);
}

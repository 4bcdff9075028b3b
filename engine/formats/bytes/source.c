/*
 * Bytes of a log file (source.h). Invariant: window <= at <= end <= window + window_bytes, or, for a source
 * in memory, both are in the caller's bytes; end_offset is the offset of `end` in the decompressed data. One
 * thread.
 */
#include "formats/bytes/source.h"
#include "formats/bytes/source_stages.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/error.h>
#include <canp/private/read_at.h>

#define STAGES_MAX 3 /* a gzip'd file of UTF-16 has two */

/* ---- the lowest stage: a descriptor -------------------------------------------------------------- */

#define LOOK_MS      50 /* a pipe that has nothing to say: the stop is looked at so often */
#define SILENT_LOOKS 10 /* behind a stop a drained pipe is given up after so many */

struct file_stage {
    struct canp_source_stage stage;
    int fd;
    const struct canp_stop *stop;
    bool is_file; /* never waits for anybody */
    bool drain;
    bool has_begun; /* something was read */
};

/* Until there is something to read, or who wrote has gone. A named pipe that nobody has opened for writing
 * yet is waited for, too: poll(2) says so only once there was a writer. 0 or an error. */
static int wait_for_bytes(const struct file_stage *f)
{
    struct pollfd in = {.fd = f->fd, .events = POLLIN};
    for (unsigned silent = 0;;) {
        bool is_stopped = canp_stop_is_set(f->stop);
        if (is_stopped && (!f->drain || !f->has_begun || silent >= SILENT_LOOKS))
            return -ECANCELED;
        int n = poll(&in, 1, f->stop ? LOOK_MS : -1);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        silent += is_stopped;
    }
}

static int64_t pull_file(struct canp_source_stage *stage, uint8_t *to, size_t room)
{
    struct file_stage *f = (struct file_stage *)stage;
    ssize_t n;
    do {
        int r = f->is_file ? 0 : wait_for_bytes(f);
        if (r < 0)
            return r;
        if (f->is_file && canp_stop_is_set(f->stop))
            return -ECANCELED;
        n = read(f->fd, to, room);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    f->has_begun = f->has_begun || n > 0;
    return n < 0 ? -errno : n;
}

static void close_file(struct canp_source_stage *stage)
{
    free(stage);
}

static struct canp_source_stage *file_stage(const struct file_stage *as)
{
    struct file_stage *f = malloc(sizeof(*f));
    if (!f)
        return NULL;
    *f = *as;
    f->stage = (struct canp_source_stage){pull_file, close_file, NULL};
    return &f->stage;
}

/* Bytes that were read already stand in front of what is below: what a stage on top must see first. */
struct ahead_stage {
    struct canp_source_stage stage;
    size_t at, length;
    uint8_t bytes[];
};

static int64_t pull_ahead(struct canp_source_stage *stage, uint8_t *to, size_t room)
{
    struct ahead_stage *a = (struct ahead_stage *)stage;
    size_t part = a->length - a->at < room ? a->length - a->at : room;
    if (part == 0)
        return stage->below->pull(stage->below, to, room);
    memcpy(to, a->bytes + a->at, part);
    a->at += part;
    return (int64_t)part;
}

static struct canp_source_stage *ahead_stage(struct canp_source_stage *below, const uint8_t *bytes,
                                             size_t length)
{
    struct ahead_stage *a = malloc(sizeof(*a) + length);
    if (!a)
        return NULL;
    a->stage = (struct canp_source_stage){pull_ahead, close_file, below};
    a->at = 0;
    a->length = length;
    memcpy(a->bytes, bytes, length);
    return &a->stage;
}

/* ---- the window ---------------------------------------------------------------------------------- */

/* A window of at least so many bytes, what is unread at its beginning. */
static int make_room(struct canp_source *source, size_t bytes)
{
    size_t there = canp_source_there(source);
    size_t want = source->window_bytes ? source->window_bytes : CANP_SOURCE_WINDOW;
    while (want < bytes)
        want *= 2;
    uint8_t *window = source->window;
    if (want != source->window_bytes) {
        window = malloc(want);
        if (!window)
            return -ENOMEM;
    }
    if (there)
        memmove(window, source->at, there);
    if (window != source->window)
        free(source->window);
    source->window = window;
    source->window_bytes = want;
    source->at = window;
    source->end = window + there;
    return 0;
}

/* Is there too little room behind `end`, or so little that it is better to move the few unread bytes? */
static bool is_cramped(const struct canp_source *source, size_t bytes)
{
    size_t there = canp_source_there(source);
    size_t used = source->window ? (size_t)(source->end - source->window) : 0;
    size_t left = source->window_bytes - used;
    return left < bytes - there || (left < source->window_bytes / 2 && there < source->window_bytes / 4) ||
           !source->window;
}

int64_t canp_source_fill(struct canp_source *source, size_t bytes)
{
    if (bytes > CANP_SOURCE_NEED_MAX)
        return -EFBIG;
    if (source->top && !source->at_end && canp_source_there(source) < bytes && is_cramped(source, bytes)) {
        int r = make_room(source, bytes);
        if (r < 0)
            return source->error = r;
    }
    while (source->top && !source->at_end && canp_source_there(source) < bytes) {
        uint8_t *to = source->window + (source->end - source->window); /* `end` without its const */
        int64_t n = source->top->pull(source->top, to, (size_t)(source->window + source->window_bytes - to));
        if (n < 0)
            source->error = (int)n;
        source->at_end = n <= 0;
        source->end += n > 0 ? n : 0;
        source->end_offset += n > 0 ? (uint64_t)n : 0;
    }
    if (source->error && canp_source_there(source) < bytes)
        return source->error;
    return (int64_t)canp_source_there(source);
}

int canp_source_skip(struct canp_source *source, uint64_t bytes)
{
    uint64_t there = canp_source_there(source);
    if (bytes > there && source->is_seekable) {
        int r = canp_source_seek(source, canp_source_offset(source) + bytes);
        return r < 0 ? r : canp_source_offset(source) > canp_source_size(source);
    }
    while (bytes > canp_source_there(source)) {
        bytes -= canp_source_there(source);
        source->at = source->end;
        int64_t n = canp_source_fill(source, 1);
        if (n <= 0)
            return n < 0 ? (int)n : 1;
    }
    source->at += bytes;
    return 0;
}

int canp_source_seek(struct canp_source *source, uint64_t offset)
{
    uint64_t start = source->window ? source->end_offset - (uint64_t)(source->end - source->window) : 0;
    if (offset <= source->end_offset && offset >= start) {
        source->at = source->end - (source->end_offset - offset);
        return 0;
    }
    if (!source->is_seekable || offset > INT64_MAX)
        return -ESPIPE;
    if (lseek(source->fd, (off_t)offset, SEEK_SET) < 0)
        return -errno;
    source->at = source->end = source->window;
    source->end_offset = offset;
    source->at_end = false;
    return 0;
}

uint64_t canp_source_size(const struct canp_source *source)
{
    struct stat st;
    return source->is_seekable && fstat(source->fd, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
}

int64_t canp_source_read_at(struct canp_source *source, uint64_t offset, void *to, size_t bytes)
{
    if (!source->is_seekable || offset > INT64_MAX)
        return -ESPIPE;
    return canp_read_at(source->fd, to, bytes, offset);
}

int canp_source_refresh(struct canp_source *source)
{
    if (!source->is_seekable || source->error)
        return source->error;
    source->at_end = false;
    int64_t n = canp_source_fill(source, canp_source_there(source) + 1);
    return n < 0 ? (int)n : !source->at_end;
}

/* ---- lines ----------------------------------------------------------------------------------------- */

/* Which byte ends lines: a CR only where no LF follows the first one. */
static int find_line_end(struct canp_source *source)
{
    for (size_t seen = 0;;) {
        const uint8_t *p = source->at + seen;
        while (p < source->end && *p != '\n' && *p != '\r')
            p++;
        seen = (size_t)(p - source->at);
        bool is_told = p < source->end && (*p == '\n' || source->end - p > 1);
        if (is_told || seen > CANP_SOURCE_LINE_MAX) {
            source->line_end = is_told && *p == '\r' && p[1] != '\n' ? '\r' : '\n';
            return 0;
        }
        int64_t n = canp_source_fill(source, canp_source_there(source) + 1);
        if (n < 0)
            return (int)n;
        if (source->at_end) {
            source->line_end = '\n';
            return 0;
        }
    }
}

/* The rest of a line that was cut. */
static int skip_rest(struct canp_source *source)
{
    source->is_cut = false;
    for (;;) {
        const uint8_t *end = memchr(source->at, source->line_end, canp_source_there(source));
        if (end) {
            source->at = end + 1;
            return 0;
        }
        source->at = source->end;
        int64_t n = canp_source_fill(source, 1);
        if (n <= 0)
            return (int)n;
    }
}

/* The line that begins at `at` is not whole in memory: brings more. 1: *end is where it ends; 0: there is no
 * line any more; or an error. */
static int find_far_end(struct canp_source *source, const uint8_t **end)
{
    size_t seen = canp_source_there(source);
    for (;;) {
        int64_t n = canp_source_fill(source, seen + 1);
        if (n < 0 && seen == 0)
            return (int)n;
        *end = memchr(source->at + seen, source->line_end, canp_source_there(source) - seen);
        seen = canp_source_there(source);
        source->is_cut = !*end && seen > CANP_SOURCE_LINE_MAX;
        if (*end || source->is_cut)
            return 1;
        if (source->at_end) {
            *end = source->end;
            return seen > 0;
        }
    }
}

int canp_source_line(struct canp_source *source, const char **line, size_t *bytes)
{
    int r = source->line_end ? 0 : find_line_end(source);
    if (__builtin_expect(source->is_cut, 0))
        r = skip_rest(source);
    if (r < 0)
        return r;
    const uint8_t *end = memchr(source->at, source->line_end, canp_source_there(source));
    if (__builtin_expect(!end, 0) && (r = find_far_end(source, &end)) <= 0)
        return r;
    if (source->is_cut)
        end = source->at + CANP_SOURCE_LINE_MAX;
    source->line++;
    source->line_offset = canp_source_offset(source);
    *line = (const char *)source->at;
    size_t length = (size_t)(end - source->at);
    source->at = end < source->end && !source->is_cut ? end + 1 : end;
    *bytes = length && (*line)[length - 1] == '\r' ? length - 1 : length;
    return 1;
}

/* ---- open ------------------------------------------------------------------------------------------ */

int canp_source_open_memory(struct canp_source *source, const void *bytes, size_t length)
{
    *source = (struct canp_source){.fd = -1, .at_end = true, .end_offset = length};
    source->at = bytes;
    source->end = source->at + length;
    return 0;
}

/* What the bytes at hand are packed in, if this build can undo it: the stage that does, above `below`. */
static struct canp_source_stage *stage_for(const struct canp_source *source, bool *is_wanted,
                                           struct canp_source_stage *below)
{
    const uint8_t *at = source->at;
    size_t there = canp_source_there(source);
    bool is_gzip = there >= 3 && memcmp(at, "\x1F\x8B\x08", 3) == 0 && canp_source_has_gzip();
    bool is_zstd = there >= 4 && memcmp(at, "\x28\xB5\x2F\xFD", 4) == 0 && canp_source_has_zstd();
    bool is_utf16 = there >= 2 && ((at[0] == 0xFF && at[1] == 0xFE) || (at[0] == 0xFE && at[1] == 0xFF));
    *is_wanted = is_gzip || is_zstd || is_utf16;
    if (!below || !*is_wanted)
        return NULL;
    return is_gzip   ? canp_source_gzip(below)
           : is_zstd ? canp_source_zstd(below)
                     : canp_source_utf16(below, at[0] == 0xFE);
}

/* Puts a stage on top for each way in which the bytes are packed. 0 or an error. */
static int stack_stages(struct canp_source *source)
{
    bool is_wanted = true;
    for (unsigned depth = 0; depth < STAGES_MAX; depth++) {
        int64_t n = canp_source_fill(source, 4);
        if (n < 0)
            return (int)n;
        stage_for(source, &is_wanted, NULL);
        if (!is_wanted)
            return 0;
        struct canp_source_stage *ahead = ahead_stage(source->top, source->at, canp_source_there(source));
        struct canp_source_stage *stage = ahead ? stage_for(source, &is_wanted, ahead) : NULL;
        if (!stage) {
            free(ahead);
            return -ENOMEM;
        }
        source->top = stage;
        source->at = source->end = source->window;
        source->end_offset = 0;
        source->at_end = source->is_seekable = false;
    }
    return 0;
}

int canp_source_open(struct canp_source *source, int fd, const char *name, const struct canp_stop *stop,
                     bool drain, struct canp_why *why)
{
    struct stat st;
    *source = (struct canp_source){.fd = fd};
    if (fstat(fd, &st) < 0)
        return canp_fail(why, -errno, "cannot read %s: %s", name, canp_strerror(errno));
    off_t start = S_ISREG(st.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
    source->is_seekable = start >= 0;
    source->end_offset = start > 0 ? (uint64_t)start : 0;
    struct file_stage lowest = {.fd = fd, .stop = stop, .drain = drain, .is_file = S_ISREG(st.st_mode)};
    source->top = file_stage(&lowest);
    if (!source->top)
        return canp_fail(why, -ENOMEM, "no memory to read %s", name);
    int r = stack_stages(source);
    if (r < 0) {
        canp_source_close(source);
        return canp_fail(why, r, "cannot read %s: %s", name, canp_strerror(r));
    }
    if (canp_source_there(source) >= 3 && memcmp(source->at, "\xEF\xBB\xBF", 3) == 0)
        source->at += 3;
    return 0;
}

void canp_source_close(struct canp_source *source)
{
    for (struct canp_source_stage *stage = source->top; stage;) {
        struct canp_source_stage *below = stage->below;
        stage->close(stage);
        stage = below;
    }
    free(source->window);
    *source = (struct canp_source){.fd = -1};
}

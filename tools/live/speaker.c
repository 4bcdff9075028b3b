/*
 * The queue of lines and its thread (speaker.h).
 *
 * Invariant: `lock` is held for copying bytes only, never over a write(2). `text` holds `used` bytes of whole
 * lines, of which the thread takes all at once into its own buffer.
 */
#include "speaker.h"

#include <canp/pools/clock.h>
#include <canp/private/threads.h>
#include <canp/safe_text.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/manners.h"

#define STOP_NS 1000000000U

static struct {
    pthread_mutex_t lock;
    pthread_cond_t come; /* something was queued, or the end */
    pthread_cond_t gone; /* all was written */
    pthread_t thread;
    bool is_journal; /* set before the thread starts */
    bool runs;
    bool ending;
    bool writing;
    size_t used;
    uint64_t dropped;
    uint64_t told; /* of the dropped ones */
    char text[SPEAKER_BYTES];
} self = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Line by line, so that each is one write(2). */
static void write_out(const char *text, size_t bytes)
{
    while (bytes > 0) {
        size_t line = (size_t)((const char *)memchr(text, '\n', bytes) - text) + 1; /* each line has one */
        ssize_t n = write(STDERR_FILENO, text /* trusted: speaker_say() spelled it */, line);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            n = (ssize_t)line; /* nobody can be told that nobody is there */
        if (n > 0) {
            text += n;
            bytes -= (size_t)n;
        }
    }
}

/* Locked. The number of bytes taken into `out`. */
static size_t take(char *out)
{
    size_t bytes = self.used;
    memcpy(out, self.text, bytes);
    self.used = 0;
    uint64_t dropped = self.dropped - self.told;
    if (dropped)
        bytes += (size_t)snprintf(out + bytes, 100, "canp: %llu lines were left out: stderr took none\n",
                                  (unsigned long long)dropped);
    self.told = self.dropped;
    return bytes;
}

static void *run(void *arg)
{
    static char out[SPEAKER_BYTES + 100];
    pthread_mutex_lock(&self.lock);
    while (!self.ending || self.used > 0) {
        size_t bytes = take(out);
        self.writing = bytes > 0;
        if (bytes > 0) {
            pthread_mutex_unlock(&self.lock);
            write_out(out, bytes);
            pthread_mutex_lock(&self.lock);
            self.writing = false;
        } else {
            pthread_cond_wait(&self.come, &self.lock);
        }
    }
    self.writing = false;
    pthread_cond_signal(&self.gone);
    pthread_mutex_unlock(&self.lock);
    return arg;
}

/* "DEVICE:INODE" of the stream that goes to the journal. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char name[64];
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, name) == 0;
}

int speaker_start(void)
{
    pthread_condattr_t attributes;
    self.is_journal = stderr_is_journal();
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self.come, NULL);
    pthread_cond_init(&self.gone, &attributes);
    pthread_condattr_destroy(&attributes);
    int r = canp_thread_start_quiet(&self.thread, run, NULL);
    if (r == 0)
        pthread_setname_np(self.thread, "canp-speaker");
    pthread_mutex_lock(&self.lock);
    self.runs = r == 0;
    pthread_mutex_unlock(&self.lock);
    return r;
}

static void queue(const char *line, size_t bytes)
{
    pthread_mutex_lock(&self.lock);
    bool queued = self.runs;
    if (queued && self.used + bytes > SPEAKER_BYTES) {
        self.dropped++;
    } else if (queued) {
        memcpy(self.text + self.used, line, bytes);
        self.used += bytes;
        pthread_cond_signal(&self.come);
    }
    pthread_mutex_unlock(&self.lock);
    if (!queued)
        write_out(line, bytes);
}

__attribute__((format(printf, 2, 0))) static void say(const char *priority, const char *format, va_list args)
{
    static _Thread_local char raw[SPEAKER_LINE_BYTES + 1], line[SPEAKER_LINE_BYTES + 5];
    if (vsnprintf(raw, sizeof(raw), format, args) < 0)
        return;
    size_t bytes = self.is_journal ? strlen(priority) : 0;
    memcpy(line, priority, bytes);
    /* names and paths in it are anybody's; no newline is left */
    bytes += canp_safe_text(line + bytes, SPEAKER_LINE_BYTES + 1, raw, strlen(raw), 0);
    line[bytes++] = '\n';
    queue(line, bytes);
}

void speaker_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("<4>", format, args);
    va_end(args);
}

void speaker_inform(const char *format, ...)
{
    va_list args;
    if (manners.quiet)
        return;
    va_start(args, format);
    say("<6>", format, args);
    va_end(args);
}

void speaker_stop(void)
{
    struct timespec limit = canp_timespec_of_ns((int64_t)(canp_monotonic_ns() + STOP_NS));
    int r = 0;
    pthread_mutex_lock(&self.lock);
    if (self.runs) {
        self.ending = true;
        pthread_cond_signal(&self.come);
        while ((self.writing || self.used > 0) && r == 0)
            r = pthread_cond_timedwait(&self.gone, &self.lock, &limit);
        self.runs = false;
    }
    pthread_mutex_unlock(&self.lock);
    if (r != 0)
        pthread_detach(self.thread); /* it still waits for stderr; the process' end ends it */
    else if (self.ending)
        pthread_join(self.thread, NULL);
    self.ending = false;
}

uint64_t speaker_dropped(void)
{
    pthread_mutex_lock(&self.lock);
    uint64_t n = self.dropped;
    pthread_mutex_unlock(&self.lock);
    return n;
}

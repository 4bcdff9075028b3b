/* Lines on stderr that nobody waits for: a pipe that is full must stop nobody, and loses whole lines only. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live/speaker.h"

#define THREADS 4
#define LINES   3000

static int pipe_fds[2], before;

static void begin(void)
{
    cr_assert_eq(pipe(pipe_fds), 0);
    before = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    close(pipe_fds[1]);
    cr_assert_eq(speaker_start(), 0);
}

static void *talk(void *arg)
{
    for (unsigned i = 0; i < LINES; i++)
        speaker_say("%c%0*u.", (char)('a' + (int)(size_t)arg), 60, i);
    return NULL;
}

/* Reads to the end; each line must be one that was said, whole. The number of lines; *left_out: as told. */
static unsigned read_all(unsigned long *left_out)
{
    FILE *f = fdopen(pipe_fds[0], "r");
    char line[256], last[THREADS][256] = {""};
    unsigned lines = 0;
    *left_out = 0;
    while (fgets(line, sizeof(line), f)) {
        unsigned long n;
        if (sscanf(line, "canp: %lu lines were left out", &n) == 1) {
            *left_out += n;
            continue;
        }
        cr_assert_eq(strlen(line), 63, "torn: %s", line);
        cr_assert(line[0] >= 'a' && line[0] < 'a' + THREADS && line[61] == '.', "torn: %s", line);
        cr_assert_gt(strcmp(line, last[line[0] - 'a']), 0, "each thread's lines are in order");
        strcpy(last[line[0] - 'a'], line);
        lines++;
    }
    fclose(f);
    return lines;
}

static void *read_later(void *left_out)
{
    usleep(100000); /* by then the speaker is being stopped */
    return (void *)(size_t)read_all(left_out);
}

Test(speaker, a_full_pipe_stops_nobody)
{
    pthread_t threads[THREADS], reader;
    unsigned long left_out;
    void *lines;
    begin();
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, talk, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL); /* nobody reads: this ends because nobody waits */
    uint64_t dropped = speaker_dropped();
    cr_assert_gt(dropped, 0);
    pthread_create(&reader, NULL, read_later, &left_out);
    speaker_stop();
    dup2(before, STDERR_FILENO); /* the pipe's last writing end */
    pthread_join(reader, &lines);
    cr_assert_eq((size_t)lines + dropped, THREADS * LINES, "%zu written, %llu dropped", (size_t)lines,
                 (unsigned long long)dropped);
    cr_assert_eq(left_out, dropped);
}

Test(speaker, the_end_does_not_wait_for_ever)
{
    begin();
    for (unsigned i = 0; i < 2000; i++)
        speaker_say("%0*u", 60, i);
    speaker_stop(); /* nobody reads, ever */
    dup2(before, STDERR_FILENO);
}

Test(speaker, a_line_is_one_line)
{
    char text[64] = "";
    begin();
    speaker_say("one\ntwo");
    speaker_stop();
    cr_assert_eq(read(pipe_fds[0], text, sizeof(text) - 1), 11);
    cr_assert_str_eq(text, "one\\x0Atwo\n");
    dup2(before, STDERR_FILENO);
}

/* As systemd names its journal's stream; a stream of another name gets no priorities. */
Test(speaker, lines_to_the_journal_have_a_priority)
{
    for (unsigned other = 0; other < 2; other++) {
        char stream[64], text[256] = "";
        struct stat st;
        cr_assert_eq(pipe(pipe_fds), 0);
        cr_assert_eq(fstat(pipe_fds[1], &st), 0);
        snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + other);
        setenv("JOURNAL_STREAM", stream, 1);
        before = dup(STDERR_FILENO);
        dup2(pipe_fds[1], STDERR_FILENO);
        close(pipe_fds[1]);
        cr_assert_eq(speaker_start(), 0);
        speaker_say("a worry");
        speaker_inform("none");
        speaker_stop();
        dup2(before, STDERR_FILENO);
        close(before);
        FILE *f = fdopen(pipe_fds[0], "r");
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        cr_assert_str_eq(text, other ? "a worry\nnone\n" : "<4>a worry\n<6>none\n");
    }
    unsetenv("JOURNAL_STREAM");
}

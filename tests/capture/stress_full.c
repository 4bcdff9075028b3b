/*
 * The disk gets full or fails while it is recorded, and works again, or not before the end: what could not be
 * stored is counted, to the frame, and told by gaps; gaps and link events that stood in between are told,
 * too; each is said once. And a segment that cannot be synced costs nothing that can be read, is said, and a
 * gap stands behind it. The recorder is real but for its sockets; fallocate() and fdatasync() are what fails.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <canp/reader.h>

#include "fake_recorder.h"
#include "faults.h"

#define T0     INT64_C(1700000000000000000)
#define CHANS  2U
#define SLABS  64U
#define FRAMES 240000U /* 5.8 MB in all, in segments of 1 MiB, one of which is always ready */

static uint64_t failures_told; /* of syncs: by a gap, or as the error at the end */

struct said {
    unsigned full, poisoned, other;
    _Atomic unsigned again; /* looked at while the flush thread speaks */
};

struct sums {
    uint64_t frames, links, gaps_recorder, gaps_socket, gaps_store;
    bool in_order;
};

static void hear(void *user, const char *text)
{
    struct said *said = user;
    if (strstr(text, "until there is room") || strstr(text, "until it can be written again"))
        said->full++;
    else if (strstr(text, "there is room again") || strstr(text, "it can be written again;"))
        said->again++;
    else if (strstr(text, "could not be written out"))
        said->poisoned++;
    else
        said->other++;
    printf("  says: %s\n", text);
}

/* Until the flush thread has taken all but `left` slabs. */
static void settle(struct canp_recorder *rec, uint64_t left)
{
    while (rec->in.slabs_committed - atomic_load(&rec->in.slabs_flushed) > left)
        usleep(1000);
}

/* Frames from `from` on, no faster than the flush thread takes them: what is lost the disk has lost. Every
 * 1000th with three that the socket dropped before it. */
static void receive(struct canp_recorder *rec, unsigned from, unsigned to, uint32_t drops[CHANS])
{
    for (unsigned i = from; i < to; i++) {
        unsigned c = i % CHANS;
        if (i % 1000 < CHANS)
            drops[c] += 3;
        fake_receive_number(rec, c, T0 + i, drops[c], i);
        if (i % 500 != 499)
            continue;
        rec->in.now_ns = canp_monotonic_ns();
        for (unsigned k = 0; k < CHANS; k++)
            atomic_store_explicit(&rec->in.chans[k].frames_seen, rec->in.chans[k].taken,
                                  memory_order_relaxed);
        if (rec->in.gaps_pending)
            canp_intake_gaps(&rec->in);
        canp_intake_commit(&rec->in);
        settle(rec, SLABS / 2);
    }
}

static void receive_link(struct canp_recorder *rec, unsigned code)
{
    settle(rec, 0); /* so that there is a slab for it */
    struct canp_link_event event = {.code = code, .bytes = sizeof(event), .name = "fake"};
    canp_intake_event(&rec->in, 1, CANP_KIND_LINK, T0, &event);
    canp_intake_commit(&rec->in);
}

static int read_back(const char *dir, struct sums *sums)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t next[CHANS] = {0}, number;
    *sums = (struct sums){.in_order = true};
    if (canp_reader_open(dir, &reader, NULL) < 0 || canp_cursor_open(reader, NULL, &cursor) < 0)
        return -1;
    while (canp_cursor_next(cursor, &r) == 1) {
        if (r.kind == CANP_KIND_GAP && r.gap->layer == CANP_LAYER_RECORDER)
            sums->gaps_recorder += r.gap->lost;
        else if (r.kind == CANP_KIND_GAP && r.gap->layer == CANP_LAYER_SOCKET)
            sums->gaps_socket += r.gap->lost;
        sums->gaps_store += r.kind == CANP_KIND_GAP && r.gap->layer == CANP_LAYER_STORE;
        sums->links += r.kind == CANP_KIND_LINK;
        if (!canp_kind_is_frame(r.kind))
            continue;
        memcpy(&number, r.frame->data, 8);
        sums->in_order &= number >= next[r.channel] && number % CHANS == r.channel;
        next[r.channel] = number + 1;
        sums->frames++;
    }
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return 0;
}

static int complain(const char *what, uint64_t is, uint64_t should)
{
    fprintf(stderr, "%s: %llu instead of %llu\n", what, (unsigned long long)is, (unsigned long long)should);
    return 1;
}

static int judge(const char *dir, const struct canp_recorder_stats *stats, uint64_t socket, bool told)
{
    struct sums sums;
    uint64_t unstored = stats->ifaces[0].lost.recorder + stats->ifaces[1].lost.recorder;
    if (read_back(dir, &sums) < 0)
        return complain("not readable", 1, 0);
    printf("  %llu stored, %llu lost, of which gaps tell %llu; the socket lost %llu\n",
           (unsigned long long)sums.frames, (unsigned long long)unstored,
           (unsigned long long)sums.gaps_recorder, (unsigned long long)sums.gaps_socket);
    if (sums.frames + unstored != FRAMES || stats->frames != sums.frames || unstored == 0)
        return complain("stored + lost", sums.frames + unstored, FRAMES);
    if (told && sums.gaps_recorder != unstored)
        return complain("told by gaps", sums.gaps_recorder, unstored);
    if (told && sums.gaps_socket != socket)
        return complain("told by gaps of the socket", sums.gaps_socket, socket);
    if (told && sums.links != 2)
        return complain("link events", sums.links, 2);
    return sums.in_order ? 0 : complain("in order", 0, 1);
}

/* Full for the middle third, or from there to the end. */
static int fill_disk(const char *dir, int error, bool again)
{
    struct said said = {0};
    uint32_t drops[CHANS] = {0};
    struct fake_opts opts = {.dir = dir, .chan_count = CHANS, .slab_count = SLABS, .slab_bytes = 65536};
    opts.notice = hear;
    opts.user = &said;
    struct canp_recorder *rec = fake_open(&opts);
    struct canp_recorder_stats stats;
    receive(rec, 0, FRAMES / 3, drops);
    settle(rec, 0);
    fault_arm(FAULT_fallocate, 1, 1000000, error);
    receive(rec, FRAMES / 3, FRAMES / 2, drops);
    receive_link(rec, CANP_LINK_DOWN);
    receive(rec, FRAMES / 2, FRAMES / 4 * 3, drops);
    receive_link(rec, CANP_LINK_UP);
    settle(rec, 0);
    if (again)
        fault_disarm();
    for (unsigned i = 0; again && !said.again && i < 6000; i++)
        usleep(10000); /* the flush thread looks for room on its own, once a second */
    receive(rec, FRAMES / 4 * 3, FRAMES, drops);
    canp_intake_finish(&rec->in);
    canp_flush_join(rec);
    fault_disarm();
    int result = rec->store_error;
    canp_recorder_stats(rec, &stats);
    fake_close(rec);
    if (result != (again ? 0 : -error))
        return complain("result", (uint64_t)-result, (uint64_t)error);
    if (said.full + said.again + said.other != (again ? 2 : 1))
        return complain("lines said", said.full + said.again + said.other, again ? 2 : 1);
    return judge(dir, &stats, drops[0] + drops[1], again);
}

/* The nth sync fails. Nothing that was received is missing; a poisoned segment is said, and told by a gap. */
static int fail_sync(const char *dir, unsigned nth)
{
    struct said said = {0};
    struct sums sums;
    uint32_t drops[CHANS] = {0};
    struct fake_opts opts = {.dir = dir, .chan_count = CHANS, .slab_count = SLABS, .slab_bytes = 65536};
    opts.notice = hear;
    opts.user = &said;
    struct canp_recorder *rec = fake_open(&opts);
    fault_arm(FAULT_fdatasync, nth, 0, EIO);
    for (unsigned i = 0; i < FRAMES; i += FRAMES / 16) {
        receive(rec, i, i + FRAMES / 16, drops);
        settle(rec, 0);
    }
    canp_intake_finish(&rec->in);
    canp_flush_join(rec);
    bool met = fault_disarm();
    int result = rec->store_error;
    fake_close(rec);
    if (read_back(dir, &sums) < 0 || sums.frames != FRAMES || !sums.in_order)
        return complain("frames", sums.frames, FRAMES);
    if (said.poisoned != sums.gaps_store || said.full || said.again || said.other)
        return complain("poisoned segments that were said", said.poisoned, sums.gaps_store);
    failures_told += sums.gaps_store + (result < 0);
    return met ? 0 : -1;
}

static int fail_syncs(const char *dir)
{
    char sub[96];
    int r = 0;
    for (unsigned nth = 1; r == 0; nth++) {
        snprintf(sub, sizeof(sub), "%s/%u", dir, nth);
        r = fail_sync(sub, nth);
    }
    return r < 0 && failures_told > 0 ? 0 : 1; /* -1: there is no nth sync any more */
}

static int in_new_dir(int error, bool again, bool syncs)
{
    char dir[] = "/tmp/canp-full-XXXXXX", command[64];
    printf("%s%s, %s\n", syncs ? "syncs: " : "", strerror(error), again ? "then none" : "to the end");
    if (!mkdtemp(dir))
        return 1;
    int r = syncs ? fail_syncs(dir) : fill_disk(dir, error, again);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? r : 1;
}

int main(void)
{
    int r = in_new_dir(ENOSPC, true, false);
    if (r == 0)
        r = in_new_dir(ENOSPC, false, false);
    if (r == 0)
        r = in_new_dir(EDQUOT, true, false);
    if (r == 0)
        r = in_new_dir(EIO, true, false); /* no next segment can be made */
    if (r == 0)
        r = in_new_dir(EROFS, false, false);
    if (r == 0)
        r = in_new_dir(EIO, true, true);
    return r;
}

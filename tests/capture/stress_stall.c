/*
 * The promise of the slabs' default size, at its real rate: eight buses bring 170,000 frames a second, and
 * the disk takes nothing for 10 s. Nothing is lost, under 64 MiB, and before and after the stall a few MiB
 * are enough. A longer stall loses what came later, counted to the frame and told by a gap, and the recorder
 * goes on. The recorder is real but for its sockets; time is what the test says it is, so that a slow machine
 * sees the same: harvests of 20 ms, and a spill thread that is stuck with a slab in its hands.
 */
#include <stdio.h>
#include <unistd.h>

#include <canp/pools/memstats.h>
#include <canp/reader.h>

#include "fake_recorder.h"
#include "record/state/slab_sizes.h"

#define T0         INT64_C(1700000000000000000)
#define CHANS      8U
#define RATE       170000U
#define HARVEST_NS INT64_C(20000000)
#define PER_ROUND  (RATE / 50)
#define MEMORY_MAX (64U << 20)
#define MEMORY_FEW (8U << 20)

static int failures;

static void expect(int right, const char *what, uint64_t value)
{
    printf("%s %s (%llu)\n", right ? "ok  " : "FAIL", what, (unsigned long long)value);
    failures += !right;
}

static struct canp_recorder *open_recorder(const char *dir)
{
    struct canp_recorder_opts sized = CANP_RECORDER_OPTS_INIT; /* the defaults */
    struct canp_writer_opts writer = CANP_WRITER_OPTS_INIT;
    size_t block_bytes;
    if (canp_slab_sizes(&sized, &writer, &block_bytes, NULL) < 0)
        abort();
    return fake_open(&(struct fake_opts){.dir = dir,
                                         .no_spill = true,
                                         .chan_count = CHANS,
                                         .slab_count = sized.slab_count,
                                         .slab_bytes = sized.slab_bytes,
                                         .ready_slots = slab_ready_slots(sized.slab_bytes)});
}

/* So many seconds of the buses. */
static uint64_t receive(struct canp_recorder *rec, unsigned seconds, uint64_t number)
{
    for (unsigned round = 0; round < seconds * 50; round++) {
        for (unsigned i = 0; i < PER_ROUND; i++, number++)
            fake_receive_number(rec, (unsigned)(number % CHANS), T0 + (int64_t)(number * 1000000000 / RATE),
                                0, number);
        rec->in.now_ns += HARVEST_NS;
        if (rec->in.gaps_pending)
            canp_intake_gaps(&rec->in);
        canp_intake_flush_if_due(&rec->in);
    }
    return number;
}

static void drain(struct canp_recorder *rec)
{
    while (atomic_load(&rec->in.slabs_flushed) != rec->in.slabs_committed)
        usleep(1000);
}

/* What the stall needed is given back; else this ends by the test's time limit. */
static void await_few(const struct canp_recorder *rec)
{
    struct canp_slabring_stats stats;
    do {
        usleep(1000);
        canp_slabring_stats(rec->in.ring, &stats);
    } while (stats.resident_bytes > MEMORY_FEW);
}

static uint64_t lost_of(const struct canp_recorder *rec)
{
    uint64_t lost = 0;
    for (unsigned c = 0; c < CHANS; c++)
        lost += counter_get(&rec->in.chans[c].lost_unslabbed) + counter_get(&rec->in.chans[c].lost_unstored);
    return lost;
}

static void read_back(const char *dir, uint64_t sent, uint64_t lost)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t frames = 0, told = 0, number, last = 0, wrong = 0;
    if (canp_reader_open(dir, &reader, NULL) < 0 || canp_cursor_open(reader, NULL, &cursor) < 0)
        abort();
    while (canp_cursor_next(cursor, &r) == 1) {
        told += r.kind == CANP_KIND_GAP ? r.gap->lost : 0;
        if (!canp_kind_is_frame(r.kind))
            continue;
        memcpy(&number, r.frame->data, 8);
        wrong += (frames && number <= last) || r.channel != number % CHANS;
        last = number;
        frames++;
    }
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    expect(frames + lost == sent, "frames in the recording", frames);
    expect(told == lost, "told as lost", told);
    expect(wrong == 0, "in order, each on its channel", wrong);
    expect(last == sent - 1, "the last one is there", last);
}

static void stall(unsigned seconds, int loses)
{
    char dir[] = "/tmp/canp-stall-XXXXXX", command[64];
    struct canp_memstats memory;
    if (!mkdtemp(dir))
        abort();
    printf("a stall of %u s\n", seconds);
    struct canp_recorder *rec = open_recorder(dir);
    canp_memstats_read(&memory);
    expect(memory.total.current_bytes < MEMORY_FEW, "bytes of memory", memory.total.current_bytes);
    uint64_t sent = receive(rec, 1, 0);
    struct canp_slab *stuck = canp_slabring_take(rec->in.ring);
    sent = receive(rec, seconds, sent);
    uint64_t lost = lost_of(rec);
    canp_memstats_read(&memory);
    expect(memory.total.current_bytes < MEMORY_MAX, "bytes of memory in the stall",
           memory.total.current_bytes);
    expect((lost > 0) == loses, "lost", lost);
    canp_flush_store(rec, &((struct slab_head *)stuck->user)->rows); /* the disk is back */
    canp_slabring_give_back(rec->in.ring, stuck);
    atomic_store(&rec->in.slabs_flushed, 1);
    if (canp_flush_start(rec) < 0)
        abort();
    drain(rec);
    sent = receive(rec, 1, sent);
    canp_intake_finish(&rec->in);
    await_few(rec);
    expect(lost_of(rec) == lost, "lost later", lost_of(rec) - lost);
    fake_close(rec);
    read_back(dir, sent, lost);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        abort();
}

int main(void)
{
    stall(10, 0);
    stall(20, 1);
    return failures != 0;
}

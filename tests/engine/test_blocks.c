/* Messages of a recording, from the source to the store: whatever is cut off, repeated or reordered on the
 * way, what is stored is what was recorded, or a gap says what is missing. */
#include <criterion/criterion.h>

#include <canp/blocks.h>
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "seed.h"
#include "segment/format.h"
#include "temp_dir.h"

static char source_dir[64], store_dir[64];

static void make_dirs(void)
{
    temp_dir_make();
    snprintf(source_dir, sizeof(source_dir), "%s/source", dir);
    snprintf(store_dir, sizeof(store_dir), "%s/store", dir);
}

TestSuite(blocks, .init = make_dirs, .fini = temp_dir_remove);

static struct canp_writer *begin(uint64_t segment_bytes)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.name = "can0"};
    struct canp_writer *w;
    opts.segment_bytes = segment_bytes;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(source_dir, &opts, &w, NULL), 0);
    for (uint8_t channel = 0; channel < 2; channel++)
        cr_assert_eq(canp_writer_add_iface(w, channel, &iface, 1), 0);
    return w;
}

static void put(struct canp_writer *w, unsigned from, unsigned frames)
{
    for (unsigned i = from; i < from + frames; i++) {
        union canp_frame_store f = {.frame = {.id = 0x100 + i % 40, .len = 8}};
        struct canp_record r = {.time_ns = 1700000000000000000 + i * INT64_C(1000000) + i * 7 % 1000,
                                .channel = i % 2,
                                .frame = &f.frame};
        memcpy(f.frame.data, &i, sizeof(i));
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % 500 == 499)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_flush(w), 0);
}

static void finish(struct canp_writer *w)
{
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

struct digest {
    uint64_t hash, records, gaps, lost;
    uint32_t damaged;
};

/* The interfaces' definitions, which each segment repeats, are records, too. */
static struct digest digest_of(const char *path)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    struct digest d = {1469598103934665603U, 0, 0, 0, 0};
    opts.thorough = true;
    cr_assert_eq(canp_reader_open(path, &reader, NULL), 0, "%s", path);
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        if (r.kind == CANP_KIND_GAP) {
            d.gaps++;
            d.lost += r.gap->lost;
            continue;
        }
        const uint8_t *body = (const uint8_t *)r.event;
        d.hash = (d.hash ^ (uint64_t)r.time_ns ^ (uint64_t)r.kind << 60 ^ r.channel) * 1099511628211U;
        for (uint32_t i = 0; i < r.row_bytes - 8; i++)
            d.hash = (d.hash ^ body[i]) * 1099511628211U;
        d.records++;
    }
    d.damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return d;
}

static const char *stored_path(const uint8_t recording[16])
{
    static char path[192];
    int n = snprintf(path, sizeof(path), "%s/car/", store_dir);
    for (unsigned i = 0; i < 16; i++)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", recording[i]);
    return path;
}

/* Messages that were cut, kept. */
#define KEPT_MAX 4000U
struct kept {
    struct canp_block_message m[KEPT_MAX];
    unsigned count;
    uint8_t recording[16];
};

static struct canp_block_source *open_source(uint32_t message_bytes)
{
    struct canp_block_source_opts opts = CANP_BLOCK_SOURCE_OPTS_INIT;
    struct canp_block_source *source;
    struct canp_why why = {""};
    opts.message_bytes_max = message_bytes;
    cr_assert_eq(canp_block_source_open(source_dir, &opts, &source, &why), 0, "%s", why.text);
    return source;
}

static void keep(struct kept *k, const struct canp_block_message *m)
{
    uint8_t *copy = malloc(m->size);
    cr_assert(copy && k->count < KEPT_MAX);
    memcpy(copy, m->bytes, m->size);
    k->m[k->count] = *m;
    k->m[k->count++].bytes = copy;
}

static void cut(struct canp_block_source *source, struct kept *k, unsigned most)
{
    struct canp_block_message m;
    int r = 0;
    canp_block_source_recording(source, k->recording);
    while (k->count < most && (r = canp_block_source_next(source, true, &m)) == 1)
        keep(k, &m);
    cr_assert(r >= 0, "%d", r);
}

static struct kept *cut_all(uint32_t message_bytes)
{
    struct kept *k = calloc(1, sizeof(*k));
    struct canp_block_source *source = open_source(message_bytes);
    cut(source, k, KEPT_MAX);
    cr_assert(canp_block_source_is_done(source));
    canp_block_source_close(source);
    return k;
}

static void kept_free(struct kept *k)
{
    for (unsigned i = 0; i < k->count; i++)
        free((void *)(uintptr_t)k->m[i].bytes);
    free(k);
}

static struct canp_block_store *open_store(void)
{
    struct canp_block_store *store;
    struct canp_why why = {""};
    cr_assert_eq(canp_block_store_open(store_dir, NULL, &store, &why), 0, "%s", why.text);
    return store;
}

static int give(struct canp_block_store *store, const struct kept *k, unsigned i)
{
    struct canp_why why = {""};
    int r = canp_block_store_put(store, "car", k->recording, i + 1, k->m[i].bytes, k->m[i].size, &why);
    cr_assert(r >= 0, "message %u: %s", i, why.text);
    return r;
}

static void expect_same(const struct kept *k)
{
    struct digest a = digest_of(source_dir), b = digest_of(stored_path(k->recording));
    cr_expect_eq(a.records, b.records, "%llu records, %llu were recorded", (unsigned long long)b.records,
                 (unsigned long long)a.records);
    cr_expect_eq(a.hash, b.hash, "what is stored differs");
    cr_expect_eq(a.gaps, b.gaps, "%llu gaps, %llu were recorded", (unsigned long long)b.gaps,
                 (unsigned long long)a.gaps);
    cr_expect_eq(b.damaged, 0U, "%u damaged places", b.damaged);
}

Test(blocks, stored_is_recorded)
{
    struct canp_writer *w = begin(256 << 10);
    put(w, 0, 40000);
    finish(w);
    struct kept *k = cut_all(0);
    struct canp_block_store *store = open_store();
    for (unsigned i = 0; i < k->count; i++)
        cr_assert_eq(give(store, k, i), 1);
    cr_assert_eq(canp_block_store_sync(store), 0);
    canp_block_store_close(store);
    expect_same(k);
    cr_expect_eq(k->m[k->count - 1].kind, CANP_BLOCK_SEAL);
    kept_free(k);
}

Test(blocks, packed_segments_go_as_they_are)
{
    struct canp_writer *w = begin(256 << 10);
    struct canp_repack_stats stats;
    put(w, 0, 40000);
    finish(w);
    struct kept *before = cut_all(0);
    cr_assert_eq(canp_repack(source_dir, NULL, &stats, NULL), 0);
    cr_assert(stats.changed > 0);
    struct kept *k = cut_all(0);
    struct canp_block_store *store = open_store();
    /* The first half from the plain segments, the rest from the packed ones: blocks lie across. */
    for (unsigned i = 0; i < before->count / 2; i++)
        give(store, before, i);
    for (unsigned i = 0; i < k->count; i++)
        give(store, k, i);
    canp_block_store_close(store);
    expect_same(k);
    kept_free(k);
    kept_free(before);
}

Test(blocks, resumes_behind_any_message)
{
    struct canp_writer *w = begin(64 << 10);
    struct canp_repack_stats stats;
    put(w, 0, 12000);
    finish(w);
    struct kept *k = cut_all(16 << 10);
    for (unsigned at = 0; at < k->count; at += 5) {
        if (at == k->count / 2 / 5 * 5) /* other blocks, the same records */
            cr_assert_eq(canp_repack(source_dir, NULL, &stats, NULL), 0);
        struct canp_block_source *source = open_source(0);
        struct canp_block_message m;
        canp_block_source_resume(source, &k->m[at]);
        bool is_seal = k->m[at].kind == CANP_BLOCK_SEAL;
        int r = canp_block_source_next(source, true, &m);
        if (at == k->count - 1) {
            cr_expect_eq(r, 0);
        } else {
            cr_assert_eq(r, 1);
            cr_expect_eq(m.segment, k->m[at].segment + is_seal);
            cr_expect_eq(m.record, is_seal ? 0 : k->m[at].record + k->m[at].records);
        }
        canp_block_source_close(source);
    }
    kept_free(k);
}

Test(blocks, follows_a_recorder)
{
    struct canp_writer *w = begin(256 << 10);
    struct kept *k = calloc(1, sizeof(*k));
    put(w, 0, 10);
    struct canp_block_source *source = open_source(0);
    for (unsigned i = 10; i < 30000; i += 777) {
        put(w, i, 777);
        cut(source, k, KEPT_MAX);
        cr_expect_not(canp_block_source_is_done(source));
    }
    finish(w);
    cut(source, k, KEPT_MAX);
    cr_expect(canp_block_source_is_done(source));
    struct canp_block_store *store = open_store();
    for (unsigned i = 0; i < k->count; i++)
        cr_assert_eq(give(store, k, i), 1);
    canp_block_store_close(store);
    expect_same(k);
    canp_block_source_close(source);
    kept_free(k);
}

/* The index is written when the next segment is there already, and before the seal: a source that looks in
 * that moment meets bytes that are no block, behind the last one. */
Test(blocks, an_index_without_a_seal_is_no_loss)
{
    static const struct seg_seal none;
    struct canp_writer *w = begin(256 << 10);
    char first[96];
    put(w, 0, 30000);
    finish(w);
    snprintf(first, sizeof(first), "%s/00000001.canp", source_dir);
    int fd = open(first, O_WRONLY);
    cr_assert_eq(pwrite(fd, &none, sizeof(none), SEG_SEAL_OFFSET), (ssize_t)sizeof(none));
    close(fd);
    struct kept *k = cut_all(0);
    for (unsigned i = 0; i < k->count; i++)
        cr_expect_neq(k->m[i].kind, CANP_BLOCK_LOSS, "message %u tells of a loss", i);
    kept_free(k);
}

/* Any order within a window, each message once to three times, and a store that is closed in between. */
Test(blocks, reordered_and_repeated)
{
    struct canp_writer *w = begin(64 << 10);
    struct test_random random = test_random_start("blocks");
    put(w, 0, 12000);
    finish(w);
    struct kept *k = cut_all(8 << 10);
    struct canp_block_store *store = open_store();
    for (unsigned from = 0; from < k->count; from += 16) {
        unsigned order[48], n = 0;
        for (unsigned i = from; i < k->count && i < from + 16; i++) {
            for (unsigned times = 1 + (unsigned)test_random_below(&random, 3); times > 0; times--)
                order[n++] = i;
        }
        for (unsigned i = 0; i < n; i++) {
            unsigned j = i + (unsigned)test_random_below(&random, n - i), swapped = order[j];
            order[j] = order[i];
            order[i] = swapped;
            give(store, k, swapped);
        }
        cr_expect_eq(canp_block_store_safe(store), UINT64_MAX);
        if (test_random_below(&random, 3) == 0) {
            canp_block_store_close(store);
            store = open_store();
        }
    }
    canp_block_store_close(store);
    expect_same(k);
    kept_free(k);
}

/* What never comes is a gap; what was there stays, and nothing is damaged. */
Test(blocks, missing_messages_are_gaps)
{
    struct canp_writer *w = begin(64 << 10);
    struct canp_block_store_stats stats;
    put(w, 0, 12000);
    finish(w);
    struct digest all = digest_of(source_dir);
    struct kept *k = cut_all(8 << 10);
    struct canp_block_store *store = open_store();
    uint64_t left_out = 0;
    cr_assert(k->count > 20);
    for (unsigned i = 0; i < k->count; i++) {
        if (i == 3 || i == 4 || i == 9)
            left_out += k->m[i].records;
        else
            give(store, k, i);
    }
    cr_expect_eq(canp_block_store_safe(store), 6);
    cr_expect(canp_block_store_settle(store) > 0);
    canp_block_store_stats(store, &stats);
    canp_block_store_close(store);
    struct digest d = digest_of(stored_path(k->recording));
    cr_expect_eq(d.records, all.records - left_out);
    cr_expect(d.gaps >= 1 && d.damaged == 0);
    store = open_store(); /* and it knows where it was */
    for (unsigned i = 0; i < k->count; i++)
        cr_expect_eq(give(store, k, i), 0);
    canp_block_store_close(store);
    kept_free(k);
}

Test(blocks, whole_segments_missing)
{
    struct canp_writer *w = begin(64 << 10);
    put(w, 0, 12000);
    finish(w);
    struct kept *k = cut_all(0);
    struct canp_block_store *store = open_store();
    for (unsigned i = 0; i < k->count; i++) {
        if (k->m[i].segment < 2 || k->m[i].segment > 3)
            give(store, k, i);
    }
    cr_expect(canp_block_store_settle(store) > 0);
    canp_block_store_close(store);
    struct digest d = digest_of(stored_path(k->recording));
    cr_expect(d.gaps == 2 && d.damaged == 0, "%llu gaps, %u damaged", (unsigned long long)d.gaps, d.damaged);
    kept_free(k);
}

/* Retention removed segments before they were read. */
Test(blocks, removed_at_the_source)
{
    struct canp_writer *w = begin(64 << 10);
    char command[160];
    put(w, 0, 12000);
    finish(w);
    struct kept *k = calloc(1, sizeof(*k));
    struct canp_block_source *source = open_source(8 << 10);
    cut(source, k, 5);
    cr_assert_eq(k->m[4].segment, 1);
    snprintf(command, sizeof(command), "rm %s/0000000[23].canp", source_dir);
    cr_assert_eq(system(command), 0);
    cut(source, k, KEPT_MAX);
    canp_block_source_close(source);
    struct canp_block_store *store = open_store();
    for (unsigned i = 0; i < k->count; i++)
        cr_assert_eq(give(store, k, i), 1);
    canp_block_store_close(store);
    struct digest d = digest_of(stored_path(k->recording));
    cr_expect(d.gaps == 2 && d.damaged == 0, "%llu gaps, %u damaged", (unsigned long long)d.gaps, d.damaged);
    kept_free(k);
}

/* The segment being sent was removed while nobody sent: its rest is one gap, told once. */
Test(blocks, removed_while_nobody_sent)
{
    struct canp_writer *w = begin(64 << 10);
    struct canp_block_message m;
    char command[160];
    put(w, 0, 12000);
    finish(w);
    struct kept *k = calloc(1, sizeof(*k));
    struct canp_block_source *source = open_source(8 << 10);
    cut(source, k, 5);
    snprintf(command, sizeof(command), "rm %s/00000001.canp", source_dir);
    cr_assert_eq(system(command), 0);
    canp_block_source_close(source);
    source = open_source(8 << 10);
    canp_block_source_resume(source, &k->m[4]);
    cr_assert_eq(canp_block_source_next(source, true, &m), 1);
    cr_expect(m.kind == CANP_BLOCK_LOSS && m.segment == 1 && m.record == k->m[4].record + k->m[4].records);
    keep(k, &m);
    canp_block_source_resume(source, &k->m[5]);
    cr_assert_eq(canp_block_source_next(source, true, &m), 1);
    cr_expect(m.kind == CANP_BLOCK_SEAL && m.segment == 1);
    canp_block_source_close(source);
    kept_free(k);
}

/* Only what is sealed and was returned may be removed. */
Test(blocks, segments_are_removed_when_safe)
{
    struct canp_writer *w = begin(64 << 10);
    put(w, 0, 12000);
    struct kept *k = calloc(1, sizeof(*k));
    struct canp_block_source *source = open_source(0);
    cr_expect_eq(canp_block_source_remove_segment(source, 1), -EBUSY);
    cut(source, k, KEPT_MAX);
    uint64_t last = k->m[k->count - 1].segment;
    cr_assert(last > 3);
    cr_expect_eq(canp_block_source_remove_segment(source, 1), 0);
    cr_expect_eq(canp_block_source_remove_segment(source, last + 1), -EBUSY);
    put(w, 12000, 5000);
    finish(w);
    cut(source, k, KEPT_MAX);
    struct canp_block_store *store = open_store();
    for (unsigned i = 0; i < k->count; i++)
        cr_assert_eq(give(store, k, i), 1);
    canp_block_store_close(store);
    struct digest d = digest_of(stored_path(k->recording));
    cr_expect(d.gaps == 0 && d.damaged == 0);
    canp_block_source_close(source);
    kept_free(k);
}

/* Any bit that flips on the way is found; so is a message of another recording, or of no vehicle. */
Test(blocks, hostile_messages_are_refused)
{
    struct canp_writer *w = begin(64 << 10);
    struct canp_block_store_stats stats;
    put(w, 0, 3000);
    finish(w);
    struct kept *k = cut_all(8 << 10);
    struct canp_block_store *store = open_store();
    const struct canp_block_message *m = &k->m[1];
    uint8_t *bytes = malloc(m->size), other[16] = {1};
    cr_assert(bytes);
    for (size_t bit = 0; bit < m->size * 8; bit += bit < 1600 ? 1 : 211) {
        memcpy(bytes, m->bytes, m->size);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(canp_block_store_put(store, "car", k->recording, 1, bytes, m->size, NULL) < 0);
    }
    for (size_t size = 0; size < m->size; size += 13)
        cr_assert(canp_block_store_put(store, "car", k->recording, 1, m->bytes, size, NULL) < 0);
    cr_expect_eq(canp_block_store_put(store, "car", other, 1, m->bytes, m->size, NULL), -CANP_E_FOREIGN);
    static const char *const names[] = {"", ".", "..", "a/b", "../x", "a b", "ä", "a\n"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_eq(canp_block_store_put(store, names[i], k->recording, 1, m->bytes, m->size, NULL),
                     -EINVAL);
    canp_block_store_stats(store, &stats);
    cr_expect_eq(stats.refused, stats.messages);
    cr_expect_eq(stats.records, 0);
    canp_block_store_close(store);
    free(bytes);
    kept_free(k);
}

Test(blocks, a_vehicle_has_limits)
{
    struct canp_writer *w = begin(64 << 10);
    struct canp_block_store_opts opts = CANP_BLOCK_STORE_OPTS_INIT;
    struct canp_block_store *store;
    put(w, 0, 12000);
    finish(w);
    struct kept *k = cut_all(8 << 10);
    opts.vehicle_bytes = 20000;
    for (unsigned turn = 0; turn < 2; turn++) { /* what is on the disk counts */
        unsigned taken = 0;
        cr_assert_eq(canp_block_store_open(store_dir, &opts, &store, NULL), 0);
        for (unsigned i = 0; i < k->count; i++) {
            int r = canp_block_store_put(store, "car", k->recording, i, k->m[i].bytes, k->m[i].size, NULL);
            cr_assert(r >= 0 || r == -CANP_E_TOO_MANY);
            taken += r == 1;
        }
        cr_expect(turn ? taken == 0 : taken > 0 && taken < k->count, "%u", taken);
        canp_block_store_close(store);
    }
    kept_free(k);
}

/* A sender that keeps everything waiting is bounded, and gets its gaps. */
Test(blocks, waiting_is_bounded)
{
    struct canp_writer *w = begin(64 << 10);
    struct canp_block_store_opts opts = CANP_BLOCK_STORE_OPTS_INIT;
    struct canp_block_store_stats stats;
    struct canp_block_store *store;
    put(w, 0, 12000);
    finish(w);
    struct kept *k = cut_all(8 << 10);
    opts.hold_bytes = 20000;
    cr_assert_eq(canp_block_store_open(store_dir, &opts, &store, NULL), 0);
    for (unsigned i = 1; i < k->count; i++)
        give(store, k, i);
    canp_block_store_stats(store, &stats);
    cr_expect(stats.waiting < 10 && stats.records > 5000, "%llu wait", (unsigned long long)stats.waiting);
    canp_block_store_close(store);
    cr_expect_eq(digest_of(stored_path(k->recording)).damaged, 0);
    kept_free(k);
}

Test(blocks, one_process_stores)
{
    struct canp_block_store *store = open_store(), *second;
    cr_expect_eq(canp_block_store_open(store_dir, NULL, &second, NULL), -EBUSY);
    canp_block_store_close(store);
}

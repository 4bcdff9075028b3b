/* The list of a recording's segments (segment_list.h). The caller holds the reader's lock. */
#include "segment_list.h"

#include <canp/private/cleanup.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segment/segment_reader.h"

#define LEARN_STEP 16U /* a catalogue that misses fewer, or less than a sixteenth, is left as it is */

/* ---- the directory ----------------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = ((const struct segment_entry *)a)->entry.number,
             y = ((const struct segment_entry *)b)->entry.number;
    return (x > y) - (x < y);
}

static int add_number(struct segment_list *l, uint64_t number, uint64_t inode)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 64;
        struct segment_entry *segments = realloc(l->segments, capacity * sizeof(*segments));
        if (!segments)
            return -ENOMEM;
        l->segments = segments;
        l->capacity = capacity;
    }
    l->segments[l->count++] = (struct segment_entry){.entry = {.number = number}, .name_inode = inode};
    return 0;
}

bool canp_segment_list_dir_has(int dir_fd, uint64_t number)
{
    char name[SEG_NAME_BYTES];
    canp_seg_name(name, number);
    return faccessat(dir_fd, name, F_OK, 0) == 0;
}

/* The directory, opened anew: a DIR of its own, so that dir_fd's place in it stays. */
static DIR *open_dir(int dir_fd)
{
    CANP_CLEANUP(canp_fd_close) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir)
        canp_take_fd(&fd);
    return dir;
}

static int add_numbers(struct segment_list *l, DIR *dir)
{
    int r = 0;
    while (r == 0) {
        errno = 0; /* only this tells readdir()'s errors from the end */
        struct dirent *e = readdir(dir);
        if (!e)
            return -errno;
        uint64_t number = canp_seg_number(e->d_name);
        r = number ? add_number(l, number, e->d_ino) : 0;
    }
    return r;
}

uint64_t canp_segment_list_dir_last(int dir_fd)
{
    uint64_t last = 0;
    DIR *dir = open_dir(dir_fd);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        uint64_t number = canp_seg_number(e->d_name);
        last = number > last ? number : last;
    }
    if (dir)
        closedir(dir);
    return last;
}

static void sort_numbers(struct segment_list *l)
{
    if (l->count > 1)
        qsort(l->segments, l->count, sizeof(*l->segments), compare_numbers);
}

/* A directory that is written to while it is listed may leave a name out, which a rename moved to where the
 * listing had passed already: what is missing in front of a segment is looked for by its name. */
static int add_passed_over(struct segment_list *l, int dir_fd)
{
    size_t listed = l->count;
    int r = 0;
    for (size_t i = 0; i < listed && r == 0; i++) {
        uint64_t before = i ? l->segments[i - 1].entry.number : 0;
        for (uint64_t n = l->segments[i].entry.number - 1;
             n > before && canp_segment_list_dir_has(dir_fd, n) && r == 0; n--)
            r = add_number(l, n, 0);
    }
    if (l->count > listed)
        sort_numbers(l);
    return r;
}

static int list_dir(struct segment_list *l, int dir_fd)
{
    DIR *dir = open_dir(dir_fd);
    if (!dir)
        return -errno;
    int r = add_numbers(l, dir);
    closedir(dir);
    sort_numbers(l);
    return r < 0 ? r : add_passed_over(l, dir_fd);
}

/* ---- what is known ----------------------------------------------------------------------------------- */

/* Of the files that are in the old list as well. */
static void carry_over(struct segment_list *l, const struct segment_list *old)
{
    size_t o = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct segment_entry *s = &l->segments[i];
        while (o < old->count && old->segments[o].entry.number < s->entry.number)
            o++;
        if (o == old->count)
            return;
        const struct segment_entry *was = &old->segments[o];
        if (was->known && was->entry.number == s->entry.number && was->name_inode == s->name_inode)
            *s = *was;
    }
}

bool canp_segment_list_recording(const struct segment_list *l, int dir_fd, uint8_t out[16])
{
    uint8_t before[16];
    bool found = false, agreed = false;
    for (size_t i = 0; i < l->count && !agreed; i++) {
        struct segment_reader segment;
        char name[SEG_NAME_BYTES];
        canp_seg_name(name, l->segments[i].entry.number);
        if (canp_segment_reader_open(&segment, dir_fd, name) < 0)
            continue;
        agreed = found && memcmp(before, segment.header.recording, sizeof(before)) == 0;
        memcpy(before, segment.header.recording, sizeof(before));
        if (!found || agreed)
            memcpy(out, before, sizeof(before));
        found = true;
        canp_segment_reader_close(&segment);
    }
    return found;
}

static void know_by_catalogue(struct segment_list *l, int dir_fd)
{
    struct catalogue c;
    uint8_t recording[16];
    if (canp_catalogue_read(dir_fd, &c) < 0) /* no memory: it goes without, too */
        return;
    bool ours = c.count && canp_segment_list_recording(l, dir_fd, recording) &&
                memcmp(recording, c.recording, sizeof(recording)) == 0;
    for (size_t i = 0; ours && i < l->count; i++) {
        struct catalogue_entry identity;
        struct segment_entry *s = &l->segments[i];
        const struct catalogue_entry *entry =
            !s->known && canp_catalogue_identify(dir_fd, s->entry.number, &identity) == 0
                ? canp_catalogue_find(&c, &identity)
                : NULL;
        if (entry) {
            s->entry = *entry;
            s->known = true;
        }
    }
    canp_catalogue_free(&c);
}

static void sum_up(struct segment_list *l)
{
    int64_t last_max_ns = INT64_MIN, first_min_ns = INT64_MAX;
    for (size_t i = 0; i < l->count; i++) {
        struct segment_entry *s = &l->segments[i];
        int64_t last_ns = s->known ? s->entry.last_ns : INT64_MAX;
        s->last_max_ns = last_max_ns = last_ns > last_max_ns ? last_ns : last_max_ns;
    }
    for (size_t i = l->count; i-- > 0;) {
        struct segment_entry *s = &l->segments[i];
        int64_t first_ns = s->known ? s->entry.first_ns : INT64_MIN;
        s->first_min_ns = first_min_ns = first_ns < first_min_ns ? first_ns : first_min_ns;
    }
}

int canp_segment_list_read(struct segment_list *l, int dir_fd)
{
    struct segment_list fresh = {.catalogue_read = true};
    int r = list_dir(&fresh, dir_fd);
    if (r < 0) {
        canp_segment_list_free(&fresh);
        return r;
    }
    carry_over(&fresh, l);
    if (!l->catalogue_read && fresh.count >= CATALOGUE_SEGMENTS_MIN)
        know_by_catalogue(&fresh, dir_fd);
    sum_up(&fresh);
    canp_segment_list_free(l);
    *l = fresh;
    return 0;
}

int canp_segment_list_set_one(struct segment_list *l, uint64_t number)
{
    l->learned = true;
    int r = add_number(l, number, 0);
    sum_up(l);
    return r;
}

void canp_segment_list_free(struct segment_list *l)
{
    free(l->segments);
    *l = (struct segment_list){0};
}

/* ---- learning ---------------------------------------------------------------------------------------- */

/* What the seal of a segment says, and of which file. */
static bool learn_one(struct segment_entry *s, int dir_fd)
{
    struct catalogue_entry entry;
    struct segment_reader segment;
    char name[SEG_NAME_BYTES];
    canp_seg_name(name, s->entry.number);
    if (canp_catalogue_identify(dir_fd, s->entry.number, &entry) < 0 ||
        canp_segment_reader_open(&segment, dir_fd, name) < 0)
        return false;
    s->known = segment.sealed;
    if (segment.sealed) {
        entry.first_ns = segment.seal.first_ns;
        entry.last_ns = segment.seal.last_ns;
        entry.channel_mask = segment.seal.channel_mask;
        entry.id_filter = segment.seal.id_filter;
        s->entry = entry;
    }
    canp_segment_reader_close(&segment);
    return s->known;
}

static uint32_t count_known(const struct segment_list *l)
{
    uint32_t known = 0;
    for (size_t i = 0; i < l->count; i++)
        known += l->segments[i].known;
    return known;
}

/* A cache: where it cannot be written, it goes without. */
static void write_catalogue(const struct segment_list *l, int dir_fd)
{
    struct catalogue_draft draft;
    uint8_t recording[16];
    uint32_t count = count_known(l);
    if (count < CATALOGUE_SEGMENTS_MIN || !canp_segment_list_recording(l, dir_fd, recording) ||
        canp_catalogue_begin(&draft, recording, count) < 0)
        return;
    int r = 0;
    for (size_t i = 0; i < l->count && r == 0; i++)
        r = l->segments[i].known ? canp_catalogue_add(&draft, &l->segments[i].entry) : 0;
    if (r == 0)
        canp_catalogue_write(dir_fd, &draft);
    canp_catalogue_drop(&draft);
}

void canp_segment_list_learn(struct segment_list *l, int dir_fd, bool always)
{
    size_t learned = 0;
    if (l->learned)
        return;
    for (size_t i = 0; i < l->count; i++)
        learned += !l->segments[i].known && learn_one(&l->segments[i], dir_fd);
    l->learned = true;
    sum_up(l);
    if (learned >= (always ? 1 : LEARN_STEP + l->count / LEARN_STEP))
        write_catalogue(l, dir_fd);
}

void canp_segment_list_update_catalogue(int dir_fd)
{
    struct segment_list l = {0};
    if (canp_segment_list_read(&l, dir_fd) == 0)
        canp_segment_list_learn(&l, dir_fd, true);
    canp_segment_list_free(&l);
}

/* ---- looking up -------------------------------------------------------------------------------------- */

/* Place of the first segment above `after`. */
static size_t place_above(const struct segment_list *l, uint64_t after)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->segments[middle].entry.number > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint64_t canp_segment_list_next(const struct segment_list *l, uint64_t after)
{
    size_t i = place_above(l, after);
    return i < l->count ? l->segments[i].entry.number : 0;
}

uint64_t canp_segment_list_before(const struct segment_list *l, uint64_t number)
{
    size_t i = number ? place_above(l, number - 1) : 0;
    return i ? l->segments[i - 1].entry.number : 0;
}

/* Place of the first segment, from `low` on, at which or in front of which a time of from_ns or later may be.
 */
static size_t place_of_time(const struct segment_list *l, size_t low, int64_t from_ns)
{
    size_t high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->segments[middle].last_max_ns >= from_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint64_t canp_segment_list_next_match(const struct segment_list *l, uint64_t after, const struct query *w,
                                      uint64_t *before)
{
    size_t i = place_of_time(l, place_above(l, after), w->from_ns);
    for (; i < l->count && l->segments[i].first_min_ns <= w->to_ns; i++) {
        const struct catalogue_entry *e = &l->segments[i].entry;
        if (l->segments[i].known &&
            !canp_query_span(w, e->first_ns, e->last_ns, e->channel_mask, e->id_filter))
            continue;
        *before = i ? l->segments[i - 1].entry.number : 0;
        return e->number;
    }
    return 0;
}

/*
 * The segments of a recording by number, with what the catalogue or their seals say about their times and
 * channels. A reader holds the list and guards it with its lock.
 *
 * Invariant: segments are in ascending order; a segment's times and channels are those of its seal when the
 * directory was listed. A segment without them may hold anything.
 */
#ifndef CANP_ENGINE_SEGMENT_LIST_H
#define CANP_ENGINE_SEGMENT_LIST_H

#include "catalogue.h"
#include "query.h"

struct segment_entry {
    struct catalogue_entry entry; /* its number always, the rest when known */
    uint64_t name_inode;          /* as the directory says: another one is another file */
    bool known;
    int64_t last_max_ns;  /* highest time in this segment and all in front; INT64_MAX: not known of all */
    int64_t first_min_ns; /* lowest time in this segment and all behind; INT64_MIN: not known of all */
};

struct segment_list {
    struct segment_entry *segments;
    size_t count;
    size_t capacity;
    bool catalogue_read;
    bool learned; /* of all segments in this list, what there is to be known */
};

/* Lists the directory anew; what is known of segments that are still the same file stays. On an error the
 * list stays as it was. */
int canp_segment_list_read(struct segment_list *l, int dir_fd);

/* A list of this segment alone, of which nothing is known. 0 or -ENOMEM. */
int canp_segment_list_set_one(struct segment_list *l, uint64_t number);
void canp_segment_list_free(struct segment_list *l);

/*
 * Opens the segments of which nothing is known, to see what their seals say, and writes the catalogue when it
 * missed enough of them (always: when it missed any) and the directory lets it. What cannot be opened, or is
 * not sealed, stays unknown.
 */
void canp_segment_list_learn(struct segment_list *l, int dir_fd, bool always);

/* Which recording it is: what the headers of two segments, one behind the other, agree on, else what that of
 * the first one says. So a segment that was put here from elsewhere does not decide it. False when none can
 * be read. */
bool canp_segment_list_recording(const struct segment_list *l, int dir_fd, uint8_t out[16]);

/* For who has written segments: writes the directory's catalogue anew if it misses any. */
void canp_segment_list_update_catalogue(int dir_fd);

/* The number of the first segment above `after`; 0 = none. */
uint64_t canp_segment_list_next(const struct segment_list *l, uint64_t after);

/* The number of the last segment below `number`; 0 = none. */
uint64_t canp_segment_list_before(const struct segment_list *l, uint64_t number);

/* As canp_segment_list_next(), without those known to hold nothing that is wanted; *before is what is listed
 * in front of it, or 0. */
uint64_t canp_segment_list_next_match(const struct segment_list *l, uint64_t after, const struct query *w,
                                      uint64_t *before);

static inline uint64_t segment_list_first(const struct segment_list *l)
{
    return l->count ? l->segments[0].entry.number : 0;
}

static inline uint64_t segment_list_last(const struct segment_list *l)
{
    return l->count ? l->segments[l->count - 1].entry.number : 0;
}

bool canp_segment_list_dir_has(int dir_fd, uint64_t number);

/* The highest number that the directory holds now; 0 = none, or it cannot be listed. */
uint64_t canp_segment_list_dir_last(int dir_fd);

#endif

/*
 * Windows around triggers (window.h).
 *
 * Invariants: every block is stored or discarded once, and stored in its order; the blocks held are the
 * newest ones without a hole, in one ring of bytes, the oldest at `head`. Flush thread only.
 */
#include "window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LONG_NS UINT64_C(10000000000) /* a window is told to be long no sooner */

/* A block held: this, then its rows. */
struct held {
    uint64_t bytes; /* with this header; 0 = the ring goes on at its start */
    struct slab_time closed;
    struct canp_rowbuf rows; /* data: set anew when it is handed out */
};

struct window {
    struct window_opts opts;
    struct trigger *triggers;
    uint8_t *memory;
    size_t head, tail; /* oldest block; where the next one goes */
    unsigned held;
    bool open;               /* begun, and nothing was let go since: what comes may still belong to it */
    bool short_of_memory;    /* blocks were let go that were young enough */
    bool told_long;          /* of this window: that it goes on and on */
    int64_t opened_ns;       /* CLOCK_MONOTONIC of its first trigger */
    int64_t until_ns;        /* CLOCK_MONOTONIC: blocks that begin by then are stored */
    int64_t until_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC then */
    int64_t last_closed_ns;  /* of the block fed last */
    int64_t last_row_ns;     /* of the block stored last */
    uint64_t count;
};

/* ---- the ring ----------------------------------------------------------------------------------- */

static struct held *at(const struct window *w, size_t offset) __attribute__((returns_nonnull));

static struct held *at(const struct window *w, size_t offset)
{
    return (struct held *)(w->memory + offset);
}

static struct held *oldest(struct window *w)
{
    struct held *h = at(w, w->head);
    if (w->opts.memory_bytes - w->head < sizeof(*h) || h->bytes == 0) {
        w->head = 0;
        h = at(w, 0);
    }
    h->rows.data = (uint8_t *)(h + 1);
    return h;
}

static void drop_oldest(struct window *w)
{
    w->head += (size_t)oldest(w)->bytes;
    if (--w->held == 0)
        w->head = w->tail = 0;
}

/* Where a block of so many bytes can go, or NULL. */
static struct held *room_for(struct window *w, size_t bytes)
{
    size_t end = w->opts.memory_bytes;
    if (w->held == 0)
        return at(w, 0);
    if (w->tail > w->head) {
        if (end - w->tail >= bytes)
            return at(w, w->tail);
        if (bytes > w->head)
            return NULL;
        if (end - w->tail >= sizeof(struct held))
            at(w, w->tail)->bytes = 0;
        w->tail = 0;
        return at(w, 0);
    }
    return w->head - w->tail >= bytes ? at(w, w->tail) : NULL;
}

/* ---- storing and letting go --------------------------------------------------------------------- */

static void mark(struct window *w, enum canp_mark_code code, int64_t time_ns, const char *text)
{
    _Alignas(8) uint8_t room[512];
    union {
        struct canp_event event;
        uint8_t bytes[256];
    } body = {.event = {.code = code}};
    struct canp_rowbuf rows;
    size_t n = strlen(text);
    memcpy(body.bytes + sizeof(body.event), text, n);
    body.event.bytes = (uint16_t)(sizeof(body.event) + n);
    canp_rowbuf_init(&rows, room, sizeof(room));
    canp_rowbuf_put_event(&rows, time_ns, 0, CANP_KIND_MARK, &body);
    w->opts.store(w->opts.user, &rows);
}

/* When the window ended: its time was over, or what came last of it reaches beyond. */
static int64_t end_ns(const struct window *w)
{
    int64_t ns;
    if (__builtin_add_overflow(w->until_ns, w->until_offset_ns, &ns))
        return w->last_row_ns;
    return ns > w->last_row_ns ? ns : w->last_row_ns;
}

static void end_window(struct window *w, int64_t time_ns)
{
    if (w->open)
        mark(w, CANP_MARK_WINDOW_END, time_ns, "");
    w->open = false;
}

static void store(struct window *w, const struct canp_rowbuf *rows)
{
    w->opts.store(w->opts.user, rows);
    w->last_row_ns = rows->last_ns;
}

static void let_go_oldest(struct window *w)
{
    end_window(w, end_ns(w)); /* from here on there is a hole behind it */
    w->opts.let_go(w->opts.user, &oldest(w)->rows);
    drop_oldest(w);
}

static void hold(struct window *w, const struct canp_rowbuf *rows, struct slab_time closed)
{
    size_t bytes = sizeof(struct held) + canp_align8((uint32_t)rows->used_bytes);
    struct held *h;
    while (w->held > 0 && oldest(w)->closed.monotonic_ns < closed.monotonic_ns - (int64_t)w->opts.pre_ns) {
        let_go_oldest(w);
        w->short_of_memory = false;
    }
    while (w->held > 0 && !room_for(w, bytes)) {
        let_go_oldest(w);
        w->short_of_memory = true;
    }
    h = room_for(w, bytes); /* there is: the largest block fits twice */
    *h = (struct held){.bytes = bytes, .closed = closed, .rows = *rows};
    memcpy(h + 1, rows->data, rows->used_bytes);
    w->tail = (size_t)((uint8_t *)h - w->memory) + bytes;
    w->held++;
}

static void store_held(struct window *w)
{
    while (w->held > 0) {
        store(w, &oldest(w)->rows);
        drop_oldest(w);
    }
}

/* A trigger at these times: what is older than pre_ns goes, the rest is stored. first_ns: of what comes with
 * it. */
static void begin_window(struct window *w, const char *name, struct slab_time at, int64_t realtime_ns,
                         int64_t first_ns)
{
    char text[200];
    int64_t from_ns = at.monotonic_ns - (int64_t)w->opts.pre_ns;
    while (w->held > 0 && oldest(w)->closed.monotonic_ns < from_ns)
        let_go_oldest(w);
    if (!w->open) {
        first_ns = w->held ? oldest(w)->rows.first_ns : first_ns;
        int64_t held_ns = realtime_ns - first_ns;
        w->count++;
        if (w->opts.begins)
            w->opts.begins(w->opts.user);
        snprintf(text, sizeof(text), "trigger %s at %lld.%09lld", name, (long long)(realtime_ns / 1000000000),
                 (long long)(realtime_ns % 1000000000));
        mark(w, CANP_MARK_WINDOW_BEGIN, first_ns, text);
        w->last_row_ns = first_ns;
        w->opened_ns = at.monotonic_ns;
        w->told_long = false;
        if (w->short_of_memory && held_ns >= 0 && (uint64_t)held_ns < w->opts.pre_ns)
            w->opts.short_of_memory(w->opts.user, (uint64_t)held_ns);
    }
    w->open = true;
    w->short_of_memory = false;
    store_held(w);
}

static void extend(struct window *w, struct slab_time trigger)
{
    int64_t until_ns;
    if (__builtin_add_overflow(trigger.monotonic_ns, (int64_t)w->opts.post_ns, &until_ns))
        until_ns = INT64_MAX;
    if (until_ns > w->until_ns) {
        w->until_ns = until_ns;
        w->until_offset_ns = trigger.offset_ns;
    }
}

/* A flood of triggers: somebody who wanted a window gets all of the traffic, and is told. */
static void tell_if_long(struct window *w, const char *trigger, int64_t now_ns)
{
    uint64_t open_ns = (uint64_t)(now_ns - w->opened_ns);
    if (w->told_long || !w->opts.goes_on || open_ns < LONG_NS || open_ns / 10 < w->opts.post_ns)
        return;
    w->told_long = true;
    w->opts.goes_on(w->opts.user, trigger, open_ns);
}

/* Ends a window that nothing which begins now, or a trigger now, can belong to. */
static void end_if_over(struct window *w, int64_t now_ns)
{
    int64_t met_until_ns;
    if (__builtin_add_overflow(w->until_ns, (int64_t)w->opts.pre_ns, &met_until_ns))
        met_until_ns = INT64_MAX;
    if (w->open && now_ns > met_until_ns)
        end_window(w, end_ns(w));
}

/* ---- triggers ----------------------------------------------------------------------------------- */

#define NAME_BYTES 128

struct found {
    char first[NAME_BYTES];    /* empty: none */
    int64_t first_ns, last_ns; /* CLOCK_REALTIME */
};

/* The trigger's name, or NULL. Who is asked sees all records, whatever matches before. */
static const char *match(const struct window *w, const struct canp_record *r)
{
    const char *asked = w->opts.ask ? w->opts.ask(w->opts.user, r) : NULL;
    for (unsigned i = 0; i < w->opts.trigger_count; i++) {
        if (canp_trigger_matches(&w->triggers[i], r))
            return w->triggers[i].text;
    }
    return asked;
}

static struct found look(const struct window *w, const struct canp_rowbuf *rows)
{
    struct found f = {"", 0, 0};
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        const char *name = match(w, &r);
        if (!name)
            continue;
        if (!f.first[0]) {
            snprintf(f.first, sizeof(f.first), "%s", name[0] ? name : "?");
            f.first_ns = r.time_ns;
        }
        f.last_ns = r.time_ns;
    }
    return f;
}

/* A row's CLOCK_MONOTONIC; a clock that was set within the block cannot take it out of the block. */
static int64_t monotonic_of(const struct window *w, int64_t realtime_ns, struct slab_time closed)
{
    int64_t ns = realtime_ns - closed.offset_ns;
    if (ns > closed.monotonic_ns)
        return closed.monotonic_ns;
    return ns < w->last_closed_ns ? w->last_closed_ns : ns;
}

void canp_window_feed(struct window *w, const struct canp_rowbuf *rows, struct slab_time closed)
{
    struct found f = look(w, rows);
    int64_t begin_ns = monotonic_of(w, rows->first_ns, closed);
    end_if_over(w, begin_ns);
    if (f.first[0]) {
        struct slab_time at = {monotonic_of(w, f.first_ns, closed), closed.offset_ns};
        begin_window(w, f.first, at, f.first_ns, rows->first_ns);
        struct slab_time last = {monotonic_of(w, f.last_ns, closed), closed.offset_ns};
        extend(w, last);
        tell_if_long(w, f.first, last.monotonic_ns);
        store(w, rows);
    } else if (w->open && w->held == 0 && begin_ns <= w->until_ns) {
        store(w, rows);
    } else {
        hold(w, rows, closed);
    }
    w->last_closed_ns = closed.monotonic_ns;
}

void canp_window_trigger(struct window *w, struct slab_time now)
{
    int64_t realtime_ns = now.monotonic_ns + now.offset_ns;
    end_if_over(w, now.monotonic_ns);
    begin_window(w, "by signal", now, realtime_ns, realtime_ns);
    extend(w, now);
}

uint64_t canp_window_count(const struct window *w)
{
    return w->count;
}

/* ---- life --------------------------------------------------------------------------------------- */

static int parse_triggers(struct window *w, struct canp_why *why)
{
    int r = 0;
    for (unsigned i = 0; i < w->opts.trigger_count && r == 0; i++)
        r = canp_trigger_parse(w->opts.triggers[i], &w->triggers[i], why);
    return r;
}

static int set_up(struct window *w, struct canp_why *why)
{
    size_t least = (2 * (sizeof(struct held) + w->opts.block_bytes) + 63) & ~(size_t)63;
    if (w->opts.memory_bytes < least) {
        canp_fail(why, -EINVAL, "memory before a trigger: %zu bytes are too few, the least is %zu",
                  w->opts.memory_bytes, least);
        return -EINVAL;
    }
    w->opts.memory_bytes &= ~(size_t)63;
    w->triggers = calloc(w->opts.trigger_count + 1, sizeof(*w->triggers));
    w->memory = aligned_alloc(64, w->opts.memory_bytes);
    if (!w->triggers || !w->memory) {
        canp_fail(why, -ENOMEM, "memory before a trigger: no %zu bytes free", w->opts.memory_bytes);
        return -ENOMEM;
    }
    memset(w->memory, 0, w->opts.memory_bytes); /* now, not while recording */
    return parse_triggers(w, why);
}

int canp_window_open(const struct window_opts *opts, struct window **out, struct canp_why *why)
{
    struct window *w = calloc(1, sizeof(*w));
    if (!w)
        return canp_fail(why, -ENOMEM, "out of memory");
    w->opts = *opts;
    w->until_ns = w->last_closed_ns = INT64_MIN;
    int r = set_up(w, why);
    if (r < 0) {
        canp_window_close(w);
        return r;
    }
    *out = w;
    return 0;
}

void canp_window_finish(struct window *w)
{
    end_window(w, w->last_closed_ns < w->until_ns ? w->last_row_ns : end_ns(w));
    while (w->held > 0)
        let_go_oldest(w);
}

void canp_window_close(struct window *w)
{
    if (!w)
        return;
    free(w->triggers);
    free(w->memory);
    free(w);
}

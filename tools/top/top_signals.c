/* The signals of canp top (top_signals.h). One thread. */
#include "top_signals.h"

#include <canp/safe_text.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (TOP_SIGNALS_MAX * 2) /* half of them stay empty */

static int64_t stretch_of(int64_t time_ns)
{
    return time_ns / TOP_STRETCH_NS - (time_ns % TOP_STRETCH_NS < 0);
}

static unsigned place_in_history(int64_t stretch)
{
    int64_t place = stretch % (int64_t)TOP_HISTORY;
    return (unsigned)(place < 0 ? place + (int64_t)TOP_HISTORY : place);
}

/* ---- values ------------------------------------------------------------------------------------------- */

static void begin_history(struct top_signal *t, int64_t stretch)
{
    for (unsigned i = 0; i < TOP_HISTORY; i++)
        t->history[i] = NAN;
    t->stretch = stretch;
}

/* A value behind the last one's stretch: what lies between keeps the level. One from before it is no history.
 */
static void note_history(struct top_signal *t, int64_t stretch, double number)
{
    int64_t missed = stretch - t->stretch;
    if (t->count == 0 || missed < -(int64_t)TOP_HISTORY || missed > (int64_t)TOP_HISTORY)
        begin_history(t, stretch);
    if (stretch < t->stretch)
        return;
    double before = t->history[place_in_history(t->stretch)];
    while (t->stretch < stretch)
        t->history[place_in_history(++t->stretch)] = before;
    t->history[place_in_history(stretch)] = number;
}

static void note_words(struct top_signal *t, const struct decode_row *row, const struct canp_value *v)
{
    size_t bytes;
    const char *words = canp_value_text(v);
    if (v->flags & CANP_VALUE_BYTES)
        words = decode_characters(row, v, &bytes);
    else
        bytes = words ? strlen(words) : 0;
    canp_safe_text(t->words, sizeof(t->words), words ? words : "", bytes, 0);
}

static struct top_signal *find(struct top_signals *s, const struct canp_dbc_signal *signal, uint32_t id)
{
    uint32_t from = (uint32_t)s->channel << 9 | (id & CANP_ID_EFF ? 0x100 | (id & 0xFF) : 0);
    uint64_t hash = ((uint64_t)(uintptr_t)signal + from) * UINT64_C(0x9E3779B97F4A7C15);
    for (uint32_t at = (uint32_t)(hash >> 32) % SLOTS;; at = (at + 1) % SLOTS) {
        struct top_signal *t = &s->slots[at];
        if (t->signal == signal && t->from == from)
            return t;
        if (t->signal)
            continue;
        if (s->count == TOP_SIGNALS_MAX)
            return NULL;
        s->count++;
        *t = (struct top_signal){.signal = signal, .id = id, .channel = s->channel, .from = from};
        return t;
    }
}

static int take_row(void *user, const struct decode_row *row)
{
    struct top_signals *s = user;
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        struct top_signal *t = find(s, v->signal, row->id);
        if (!t) {
            s->unlisted++;
            continue;
        }
        note_history(t, stretch_of(row->time_ns), decode_has_number(v) ? v->value : NAN);
        note_words(t, row, v);
        t->last = *v;
        t->count++;
    }
    return 0;
}

int top_signals_feed(struct top_signals *s, const char *iface, const struct canp_record *record)
{
    int r = decode_bus_name(&s->bus, record->channel, iface);
    s->channel = record->channel;
    s->last_ns = record->time_ns;
    return r < 0 ? r : decode_bus_frame(&s->bus, record);
}

/* ---- what is shown ------------------------------------------------------------------------------------ */

static int by_place(const void *x, const void *y)
{
    const struct top_signal *a = *(const struct top_signal *const *)x,
                            *b = *(const struct top_signal *const *)y;
    if (a->channel != b->channel)
        return a->channel - b->channel;
    if (a->signal->message != b->signal->message)
        return a->signal->message->line < b->signal->message->line ? -1 : 1;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->signal > b->signal) - (a->signal < b->signal); /* one message's signals are one array */
}

unsigned top_signals_sorted(struct top_signals *s, const struct top_signal *const **out)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (s->slots[i].signal)
            s->sorted[count++] = &s->slots[i];
    }
    qsort(s->sorted, count, sizeof(*s->sorted), by_place);
    *out = s->sorted;
    return count;
}

static double number_at(const struct top_signal *t, int64_t stretch)
{
    return stretch > t->stretch || stretch <= t->stretch - (int64_t)TOP_HISTORY
               ? NAN
               : t->history[place_in_history(stretch)];
}

void top_signal_levels(const struct top_signal *t, int64_t now_ns, uint8_t *levels, unsigned columns)
{
    int64_t first = stretch_of(now_ns) - (int64_t)columns + 1;
    double least = INFINITY, most = -INFINITY;
    for (unsigned i = 0; i < columns; i++) {
        double number = number_at(t, first + i);
        least = number < least ? number : least;
        most = number > most ? number : most;
    }
    for (unsigned i = 0; i < columns; i++) {
        double number = number_at(t, first + i), share = (number - least) / (most - least);
        if (isnan(number) || isinf(number))
            levels[i] = 0;
        else
            levels[i] = isnan(share) ? 4 : (uint8_t)(1 + (int)(share * 7 + 0.5));
    }
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

int top_signals_open(struct top_signals *s)
{
    s->bus.choice = &s->choice;
    s->bus.take = take_row;
    s->bus.user = s;
    s->slots = calloc(SLOTS, sizeof(*s->slots));
    s->sorted =
        calloc(TOP_SIGNALS_MAX, sizeof(*s->sorted)); /* NOLINT(bugprone-sizeof-expression): of pointers */
    return s->slots && s->sorted ? decode_bus_open(&s->bus) : -ENOMEM;
}

void top_signals_reset(struct top_signals *s)
{
    memset(s->slots, 0, SLOTS * sizeof(*s->slots));
    s->count = 0;
    s->unlisted = 0;
}

void top_signals_close(struct top_signals *s)
{
    decode_bus_close(&s->bus);
    decode_choice_close(&s->choice);
    free(s->slots);
    free(s->sorted);
}

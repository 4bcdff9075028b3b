/*
 * Compiles plans, once per decoder. All their memory is in one arena of the decoder. The tables of ids and
 * groups are at most half full, and their hash is seeded because the ids come from a file that may be
 * hostile. One thread; afterwards nothing changes.
 */
#include "plan.h"
#include <canp/private/opts.h>

#include <canp/frame.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dbc/base/dbc_arena.h"
#include "dbc/base/dbc_mux.h"
#include "dbc/base/dbc_names.h"

/* The decoder and what it stands on. */
struct whole {
    struct canp_decoder decoder; /* first: what callers hold */
    struct dbc_arena arena;
};

struct compiler {
    struct dbc_arena *arena;
    struct canp_plan *plan;
    const struct canp_dbc_message *message;
    struct children *children; /* per signal of the message: those that it multiplexes */
    bool is_j1939;
    bool out_of_memory;
};

/* The signals below a muxer, as a list of indices + 1. */
struct children {
    uint32_t first, last;     /* 0: none */
    uint32_t next;            /* of this signal, below its own muxer */
    struct plan_muxer *muxer; /* compiled once, however many groups it is in */
};

/* ---- one signal --------------------------------------------------------------------------------------- */

/* J1939-71: unsigned parameters of up to 32 bits. From eight bits on the highest byte tells, below all bits
 * do. */
static uint64_t first_special(const struct canp_dbc_signal *s, bool is_j1939)
{
    if (!is_j1939 || s->is_signed || s->number != CANP_DBC_INTEGER || s->bits < 2 || s->bits > 32)
        return UINT64_MAX;
    return s->bits >= 8 ? (uint64_t)0xFE << (s->bits - 8) : (UINT64_C(1) << s->bits) - 2;
}

static enum plan_kind kind_of(const struct canp_dbc_signal *s)
{
    if (s->bits > 64)
        return PLAN_BYTES;
    if (s->number == CANP_DBC_FLOAT32)
        return PLAN_FLOAT32;
    if (s->number == CANP_DBC_FLOAT64)
        return PLAN_FLOAT64;
    return s->bits == 64 && !s->is_signed ? PLAN_UNSIGNED : PLAN_SIGNED;
}

static struct plan_op compile_signal(const struct canp_dbc_signal *s, bool is_j1939)
{
    uint32_t first = canp_dbc_first_bit(s), in_word = first % 64;
    bool bounded = s->minimum != 0 || s->maximum != 0;
    struct plan_op op = {
        .kind = (uint8_t)kind_of(s),
        .end_bytes = canp_dbc_last_bit(s) / 8 + 1,
        .factor = s->factor,
        .offset = s->offset,
        .minimum = bounded ? s->minimum : -HUGE_VAL,
        .maximum = bounded ? s->maximum : HUGE_VAL,
        .special = first_special(s, is_j1939),
        .signal = s,
    };
    if (s->bits > 64)
        return op;
    op.word = (uint8_t)(first / 64 < PLAN_WORDS ? first / 64 * 2 + s->big_endian : 0);
    op.right = (uint8_t)(64 - s->bits);
    op.left = (uint8_t)(s->big_endian ? in_word : op.right - in_word); /* means nothing beyond one word */
    op.mask = s->is_signed || s->bits == 64 ? UINT64_MAX : (UINT64_C(1) << s->bits) - 1;
    return op;
}

static bool is_short(const struct plan_op *op)
{
    uint32_t first = canp_dbc_first_bit(op->signal), last = canp_dbc_last_bit(op->signal);
    return op->kind == PLAN_SIGNED && first / 64 == last / 64 && last < PLAN_WORDS * 64;
}

bool canp_plan_single(const struct canp_plan *plan, const struct canp_dbc_signal *signal,
                      struct plan_single *out)
{
    out->op = compile_signal(signal, plan->is_j1939);
    out->is_short = is_short(&out->op);
    out->muxed_count = 0;
    for (const struct canp_dbc_signal *s = signal; s->is_muxed; s = s->muxer) {
        if ((s->marks & CANP_DBC_NO_MUXER) || !s->muxer || out->muxed_count == DBC_MUX_DEPTH_MAX)
            return false;
        out->muxed[out->muxed_count++] = s;
    }
    return true;
}

/* ---- groups ------------------------------------------------------------------------------------------- */

static void *take(struct compiler *c, size_t bytes)
{
    void *taken = canp_dbc_arena_take(c->arena, bytes);
    c->out_of_memory |= taken == NULL;
    return taken;
}

static void add_op(struct compiler *c, struct plan_group *group, const struct canp_dbc_signal *s)
{
    struct plan_op op = compile_signal(s, c->is_j1939);
    if (is_short(&op)) { /* in front of the odd ones */
        group->ops[group->op_count] = group->ops[group->short_count];
        group->ops[group->short_count++] = op;
        if (group->short_end_bytes < op.end_bytes)
            group->short_end_bytes = op.end_bytes;
        if (c->plan->words < (op.end_bytes + 7) / 8)
            c->plan->words = (op.end_bytes + 7) / 8;
    } else {
        group->ops[group->op_count] = op;
    }
    group->op_count++;
}

static bool compile_group(struct compiler *c, struct plan_group *group, const uint32_t *members,
                          uint32_t count);

/* One range of one signal below a muxer. */
struct entry {
    uint64_t first, last;
    uint32_t signal;
};

static int by_range(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->last != y->last)
        return x->last < y->last ? -1 : 1;
    return (x->signal > y->signal) - (x->signal < y->signal);
}

/* Sorts one signal's ranges and joins those that meet, so that no value selects it twice. Returns how many
 * are left. */
static uint32_t join_ranges(struct entry *entries, uint32_t count)
{
    uint32_t kept = 0;
    qsort(entries, count, sizeof(*entries), by_range);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || entries[i].first > entries[kept - 1].last)
            entries[kept++] = entries[i];
        else if (entries[kept - 1].last < entries[i].last)
            entries[kept - 1].last = entries[i].last;
    }
    return kept;
}

static uint32_t add_ranges(struct entry *entries, const struct canp_dbc_signal *s, uint32_t signal)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < s->range_count; k++)
        if (s->ranges[k].first <= s->ranges[k].last)
            entries[count++] = (struct entry){s->ranges[k].first, s->ranges[k].last, signal};
    return join_ranges(entries, count);
}

/* All ranges of all signals below this muxer, sorted; malloc'ed. */
static struct entry *entries_of(struct compiler *c, uint32_t muxer, uint32_t *count)
{
    const struct canp_dbc_signal *signals = c->message->signals;
    size_t total = 1;
    uint32_t at = 0;
    for (uint32_t i = c->children[muxer].first; i; i = c->children[i - 1].next)
        total += signals[i - 1].range_count;
    struct entry *entries = malloc(total * sizeof(*entries));
    if (!entries) {
        c->out_of_memory = true;
        return NULL;
    }
    for (uint32_t i = c->children[muxer].first; i; i = c->children[i - 1].next)
        at += add_ranges(entries + at, &signals[i - 1], i - 1);
    qsort(entries, at, sizeof(*entries), by_range);
    *count = at;
    return entries;
}

/* Signals with the same range share a case. */
static bool compile_cases(struct compiler *c, struct plan_muxer *muxer, const struct entry *entries,
                          uint32_t count)
{
    uint32_t *members = malloc((count ? count : 1) * sizeof(*members));
    muxer->cases = members ? take(c, count * sizeof(*muxer->cases)) : NULL;
    c->out_of_memory |= !muxer->cases;
    for (uint32_t from = 0, to; from < count && !c->out_of_memory; from = to) {
        struct plan_case *one = &muxer->cases[muxer->case_count++];
        uint32_t member_count = 0;
        for (to = from;
             to < count && entries[to].first == entries[from].first && entries[to].last == entries[from].last;
             to++)
            members[member_count++] = entries[to].signal;
        one->first = entries[from].first;
        one->last = entries[from].last;
        one->highest = from && one[-1].highest > one->last ? one[-1].highest : one->last;
        one->group = take(c, sizeof(*one->group));
        if (one->group)
            compile_group(c, one->group, members, member_count);
    }
    free(members);
    return !c->out_of_memory;
}

static struct plan_muxer *compile_muxer(struct compiler *c, uint32_t signal)
{
    uint32_t count;
    if (c->children[signal].muxer)
        return c->children[signal].muxer;
    struct plan_muxer *muxer = take(c, sizeof(*muxer));
    struct entry *entries = muxer ? entries_of(c, signal, &count) : NULL;
    if (!entries)
        return NULL;
    c->children[signal].muxer = muxer;
    muxer->signal = &c->message->signals[signal];
    bool good = compile_cases(c, muxer, entries, count);
    free(entries);
    return good ? muxer : NULL;
}

/* Depth is bounded: canp_dbc_link() has cut what is deeper than DBC_MUX_DEPTH_MAX. */
static bool compile_group(struct compiler *c, struct plan_group *group, const uint32_t *members,
                          uint32_t count)
{
    uint32_t muxers = 0;
    group->ops = take(c, (count + 1) * sizeof(*group->ops));
    for (uint32_t i = 0; i < count && group->ops; i++) {
        add_op(c, group, &c->message->signals[members[i]]);
        muxers += c->children[members[i]].first != 0;
    }
    group->muxers = group->ops && muxers ? take(c, muxers * sizeof(*group->muxers)) : NULL;
    for (uint32_t i = 0; i < count && group->muxers && !c->out_of_memory; i++)
        if (c->children[members[i]].first != 0)
            group->muxers[group->muxer_count++] = compile_muxer(c, members[i]);
    return !c->out_of_memory;
}

/* ---- messages ----------------------------------------------------------------------------------------- */

/* Fills c->children, and `members` with the signals that are always there; returns their number. */
static uint32_t sort_out(struct compiler *c, uint32_t *members)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->message->signal_count; i++) {
        const struct canp_dbc_signal *s = &c->message->signals[i];
        if (s->marks & CANP_DBC_NO_MUXER)
            continue; /* nobody knows when it is there */
        if (!s->muxer) {
            members[count++] = i;
            continue;
        }
        struct children *above = &c->children[s->muxer - c->message->signals];
        if (above->last)
            c->children[above->last - 1].next = i + 1;
        else
            above->first = i + 1;
        above->last = i + 1;
    }
    return count;
}

static int compile_message(struct compiler *c)
{
    uint32_t count = c->message->signal_count;
    c->plan->message = c->message;
    c->plan->values_max = count;
    c->plan->is_j1939 = c->is_j1939;
    if (count == 0 || c->message->independent) {
        static struct plan_op none; /* so that the decoder needs not ask whether there is an array */
        c->plan->always.ops = &none;
        return 0;
    }
    uint32_t *members = malloc(count * sizeof(*members));
    c->children = calloc(count, sizeof(*c->children));
    if (members && c->children)
        compile_group(c, &c->plan->always, members, sort_out(c, members));
    else
        c->out_of_memory = true;
    free(members);
    free(c->children);
    c->children = NULL;
    return c->out_of_memory ? -ENOMEM : 0;
}

uint32_t canp_j1939_pgn(uint32_t can_id)
{
    uint32_t group = can_id >> 8 & 0x3FFFF; /* extended data page, data page, format, specific */
    return (group & 0xFF00) < 0xF000 ? group & 0x3FF00 : group;
}

static bool is_j1939(const struct canp_dbc_message *m, enum canp_decode_j1939 mode)
{
    if (!(m->id & CANP_ID_EFF) || mode == CANP_J1939_NEVER)
        return false;
    return mode == CANP_J1939_ALWAYS || m->format == CANP_DBC_J1939;
}

static void table_add(const struct canp_decoder *d, struct plan_table *table, uint32_t key, uint32_t plan)
{
    uint32_t at = plan_hash(key, d->seed) & table->mask;
    while (table->slots[at].plan && table->slots[at].key != key)
        at = (at + 1) & table->mask;
    if (!table->slots[at].plan)
        table->slots[at] = (struct plan_slot){key, plan + 1};
}

static int make_tables(struct whole *w, uint32_t messages)
{
    struct canp_decoder *d = &w->decoder;
    uint32_t slots = 16;
    while (slots < messages * 2)
        slots *= 2;
    struct dbc_names seeded;
    canp_dbc_names_seed(&seeded);
    d->seed = seeded.seed | 1;
    d->by_id.mask = d->by_pgn.mask = slots - 1;
    d->by_id.slots = canp_dbc_arena_take(&w->arena, slots * sizeof(*d->by_id.slots));
    d->by_pgn.slots = canp_dbc_arena_take(&w->arena, slots * sizeof(*d->by_pgn.slots));
    d->plans = canp_dbc_arena_take(&w->arena, (messages + 1) * sizeof(*d->plans));
    return d->by_id.slots && d->by_pgn.slots && d->plans ? 0 : -ENOMEM;
}

static int compile_all(struct whole *w, const struct canp_dbc_contents *contents, enum canp_decode_j1939 mode)
{
    struct canp_decoder *d = &w->decoder;
    int r = make_tables(w, contents->message_count);
    for (uint32_t i = 0; i < contents->message_count && r == 0; i++) {
        const struct canp_dbc_message *m = contents->messages[i];
        struct compiler c = {&w->arena, &d->plans[i], m, NULL, is_j1939(m, mode), false};
        r = compile_message(&c);
        if (m->independent)
            continue;
        if (d->values_max < m->signal_count)
            d->values_max = m->signal_count;
        table_add(d, &d->by_id, m->id, i);
        if (c.is_j1939)
            table_add(d, &d->by_pgn, canp_j1939_pgn(m->id), i);
    }
    return r;
}

int canp_decoder_open(struct canp_dbc *dbc, const struct canp_decoder_opts *opts, struct canp_decoder **out,
                      struct canp_why *why)
{
    struct canp_decoder_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "decoder: options that this release of libcanp does not know");
    struct whole *w = calloc(1, sizeof(*w));
    r = w ? compile_all(w, canp_dbc_contents(dbc), taken.j1939) : -ENOMEM;
    if (r < 0) {
        if (w)
            canp_dbc_arena_free(&w->arena);
        free(w);
        return canp_fail(why, r, "no memory left for the plans of %u messages",
                         canp_dbc_contents(dbc)->message_count);
    }
    w->decoder.dbc = canp_dbc_share(dbc);
    *out = &w->decoder;
    return 0;
}

void canp_decoder_close(struct canp_decoder *decoder)
{
    struct whole *w = (struct whole *)decoder;
    if (!w)
        return;
    canp_dbc_release(w->decoder.dbc);
    canp_dbc_arena_free(&w->arena);
    free(w);
}

const struct canp_dbc_message *canp_plan_message(const struct canp_plan *plan)
{
    return plan->message;
}

uint32_t canp_plan_values(const struct canp_plan *plan)
{
    return plan->values_max;
}

uint32_t canp_decoder_values_max(const struct canp_decoder *decoder)
{
    return decoder->values_max;
}

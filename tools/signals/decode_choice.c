/* Databases and patterns of canp decode (decode_choice.h). Main thread. */
#include "decode_choice.h"

#include <canp/frame.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

#define NAME_BYTES 1024

/* ---- databases ---------------------------------------------------------------------------------------- */

/* `can0=FILE`; a path with a slash before the equals sign is a path alone. */
static void split(struct decode_base *base, const char *text)
{
    const char *path = text_take_name(text, base->iface_room, sizeof(base->iface_room));
    base->path = text;
    if (!path || strchr(base->iface_room, '/'))
        return;
    base->iface = base->iface_room;
    base->path = path;
}

static bool has_j1939(const struct canp_dbc *dbc)
{
    const struct canp_dbc_contents *contents = canp_dbc_contents(dbc);
    for (uint32_t i = 0; i < contents->message_count; i++)
        if (contents->messages[i]->format == CANP_DBC_J1939)
            return true;
    return false;
}

int decode_choice_add(struct decode_choice *c, const char *text, struct canp_why *why)
{
    struct canp_decoder_opts opts = CANP_DECODER_OPTS_INIT;
    if (c->base_count == DECODE_BASES_MAX)
        return canp_fail(why, -CANP_E_TOO_MANY, "%s: more than %d databases", text, DECODE_BASES_MAX);
    int r = c->manager ? 0 : canp_dbc_manager_open(NULL, &c->manager);
    if (r < 0)
        return canp_fail(why, r, "no memory for the databases");
    struct decode_base *base = &c->bases[c->base_count++];
    split(base, text);
    opts.j1939 = c->j1939 ? CANP_J1939_ALWAYS : CANP_J1939_AUTO;
    r = canp_dbc_manager_get(c->manager, base->path, &base->dbc, why);
    if (r == 0)
        r = canp_decoder_open(base->dbc, &opts, &base->decoder, why);
    if (r < 0)
        return r;
    base->is_j1939 = c->j1939 || has_j1939(base->dbc);
    uint32_t most = canp_decoder_values_max(base->decoder);
    c->values_max = most > c->values_max ? most : c->values_max;
    return 0;
}

uint64_t decode_choice_bases(const struct decode_choice *c, const char *iface)
{
    uint64_t bases = 0;
    for (unsigned i = 0; i < c->base_count; i++) {
        if (!c->bases[i].iface || strcmp(c->bases[i].iface, iface) == 0)
            bases |= UINT64_C(1) << i;
    }
    return bases;
}

bool decode_choice_is_j1939(const struct decode_choice *c, uint64_t bases)
{
    for (unsigned i = 0; i < c->base_count; i++)
        if ((bases >> i & 1) && c->bases[i].is_j1939)
            return true;
    return false;
}

const struct canp_plan *decode_choice_plan(const struct decode_choice *c, uint64_t bases, uint32_t id)
{
    for (int named = 1; named >= 0; named--) {
        for (unsigned i = 0; i < c->base_count; i++) {
            if (!(bases >> i & 1) || (c->bases[i].iface != NULL) != (named == 1))
                continue;
            const struct canp_plan *plan = canp_decoder_plan(c->bases[i].decoder, id);
            if (plan)
                return plan;
        }
    }
    return NULL;
}

/* ---- patterns ----------------------------------------------------------------------------------------- */

/* With a dot it is MESSAGE.SIGNAL, else the name of either. */
static bool matches(const char *pattern, const char *message, const char *signal)
{
    char both[NAME_BYTES];
    if (!strchr(pattern, '.'))
        return fnmatch(pattern, message, 0) == 0 || fnmatch(pattern, signal, 0) == 0;
    snprintf(both, sizeof(both), "%s.%s", message, signal);
    return fnmatch(pattern, both, 0) == 0;
}

bool decode_choice_matches(const char *pattern, const struct canp_dbc_signal *s)
{
    const struct canp_dbc_message *m = s->message;
    return matches(pattern, m->name, s->name) || matches(pattern, m->long_name, s->long_name);
}

static bool is_wanted(const struct canp_dbc_signal *s, char *const *patterns, bool *used, int count)
{
    bool wanted = count == 0;
    for (int i = 0; i < count; i++) {
        if (decode_choice_matches(patterns[i], s))
            wanted = used[i] = true;
    }
    return wanted;
}

/* Its place, or the free one. */
static uint32_t place_of(const struct decode_choice *c, const struct canp_dbc_message *message)
{
    uint64_t hash = (uint64_t)(uintptr_t)message * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t at = (uint32_t)(hash >> 32) & c->slot_mask;
    while (c->slots[at] && c->messages[c->slots[at] - 1].message != message)
        at = (at + 1) & c->slot_mask;
    return at;
}

const struct decode_message *decode_choice_message(const struct decode_choice *c,
                                                   const struct canp_dbc_message *message)
{
    uint32_t found = c->slots[place_of(c, message)];
    return found ? &c->messages[found - 1] : NULL;
}

static int choose_of(struct decode_choice *c, const struct canp_dbc_message *m, char *const *patterns,
                     bool *used, int count)
{
    uint32_t place = place_of(c, m);
    struct decode_message *chosen = &c->messages[c->message_count];
    if (c->slots[place]) /* the same database for another interface */
        return 0;
    *chosen = (struct decode_message){.message = m};
    chosen->columns = malloc(sizeof(*chosen->columns) * (m->signal_count + 1));
    if (!chosen->columns)
        return -1;
    for (uint32_t i = 0; i < m->signal_count; i++) {
        bool wanted = is_wanted(&m->signals[i], patterns, used, count);
        chosen->columns[i] = wanted ? c->column_count++ : DECODE_UNWANTED;
        chosen->wanted += wanted;
    }
    c->slots[place] = ++c->message_count;
    return 0;
}

static int choose(struct decode_choice *c, char *const *patterns, bool *used, int count)
{
    for (unsigned b = 0; b < c->base_count; b++) {
        const struct canp_dbc_contents *contents = canp_dbc_contents(c->bases[b].dbc);
        for (uint32_t i = 0; i < contents->message_count; i++) {
            if (choose_of(c, contents->messages[i], patterns, used, count) < 0)
                return -1;
        }
    }
    return 0;
}

static int make_room(struct decode_choice *c)
{
    size_t messages = 1, slots = 16;
    for (unsigned b = 0; b < c->base_count; b++)
        messages += canp_dbc_contents(c->bases[b].dbc)->message_count;
    while (slots < 2 * messages)
        slots *= 2;
    c->messages = calloc(messages, sizeof(*c->messages));
    c->slots = calloc(slots, sizeof(*c->slots));
    c->slot_mask = (uint32_t)(slots - 1);
    return c->messages && c->slots ? 0 : -1;
}

/* Trouble codes are in no database. */
static void choose_codes(struct decode_choice *c, char *const *patterns, bool *used, int count)
{
    static const char *const names[] = {"DM1", "DM2"};
    bool is_j1939 = decode_choice_is_j1939(c, UINT64_MAX);
    for (unsigned dm = 0; dm < 2 && is_j1939; dm++) {
        c->codes[dm] = count == 0;
        for (int i = 0; i < count; i++)
            if (fnmatch(patterns[i], names[dm], 0) == 0)
                c->codes[dm] = used[i] = true;
    }
}

int decode_choice_match(struct decode_choice *c, char *const *patterns, int count, struct canp_why *why)
{
    bool *used = calloc((size_t)count + 1, sizeof(*used));
    int r = 0;
    if (!used || make_room(c) < 0 || choose(c, patterns, used, count) < 0)
        r = canp_fail(why, -ENOMEM, "no memory for the databases");
    else
        choose_codes(c, patterns, used, count);
    for (int i = 0; i < count && r == 0; i++) {
        if (!used[i]) /* NOLINT(clang-analyzer-core.NullDereference): r is 0 with memory only */
            r = canp_fail(why, -ENOENT, "no signal '%s' in the databases; `canp dbc` lists them",
                          patterns[i]);
    }
    free(used);
    return r;
}

void decode_choice_close(struct decode_choice *c)
{
    for (uint32_t i = 0; i < c->message_count; i++)
        free(c->messages[i].columns);
    free(c->messages);
    free(c->slots);
    for (unsigned i = 0; i < c->base_count; i++) {
        canp_decoder_close(c->bases[i].decoder);
        canp_dbc_release(c->bases[i].dbc);
    }
    canp_dbc_manager_close(c->manager);
}

/* Rows of values as records of a measurement file (decode_mf4.h). Main thread. */
#include "decode_mf4.h"

#include <canp/frame.h>
#include <canp/safe_text.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OCCURRENCES_NOT_AVAILABLE 127
#define ID_CHANNEL                0 /* the frame's ID, which J1939's messages have many of; signals follow */

struct decode_mf4_group {
    struct decode_mf4_group *next;
    const char *message; /* of trouble codes */
    char *iface;
    int number;
    uint32_t first_column; /* the first signal's */
};

/* ---- groups ------------------------------------------------------------------------------------------- */

static uint32_t bytes_of(const struct canp_dbc_signal *s, bool raw)
{
    if (s->bits > 64)
        return (s->bits + 7U) / 8 * (raw ? 1 : CANP_SAFE_EXPANSION);
    return s->bits <= 8 ? 1 : s->bits <= 16 ? 2 : s->bits <= 32 ? 4 : 8;
}

static enum mdf_type type_of(const struct canp_dbc_signal *s, bool raw)
{
    if (s->bits > 64)
        return raw ? MDF_BYTES : MDF_TEXT;
    if (s->number != CANP_DBC_INTEGER)
        return s->marks & CANP_DBC_BAD_FLOAT ? MDF_UNSIGNED : MDF_FLOAT;
    return s->is_signed ? MDF_SIGNED : MDF_UNSIGNED;
}

/* Of numbers with texts. NULL: none, or no memory, which leaves out only the texts. */
static struct mdf_word *words_of(const struct canp_dbc_signal *s, uint32_t *count)
{
    bool has_words = s->values && s->values->count && s->bits <= 64 && s->number == CANP_DBC_INTEGER;
    struct mdf_word *words = has_words ? malloc(s->values->count * sizeof(*words)) : NULL;
    *count = words ? s->values->count : 0;
    for (uint32_t i = 0; i < *count; i++)
        words[i] = (struct mdf_word){s->values->texts[i].value, s->values->texts[i].text};
    return words;
}

static struct mdf_channel channel_of(const struct canp_dbc_signal *s, bool raw)
{
    struct mdf_channel c = {.name = s->long_name, .comment = s->comment, .type = type_of(s, raw)};
    c.bytes = bytes_of(s, raw);
    c.unit = raw ? NULL : s->unit;
    c.factor = raw ? 1 : s->factor;
    c.offset = raw ? 0 : s->offset;
    if (!raw)
        c.words = words_of(s, &c.word_count);
    return c;
}

static int add_message(struct decode_mf4 *d, const struct decode_message *m, const char *iface)
{
    struct mdf_channel *channels = calloc(m->wanted + 1, sizeof(*channels));
    unsigned count = 0;
    if (!channels)
        return -ENOMEM;
    channels[count++] = (struct mdf_channel){"CAN_ID", NULL, NULL, MDF_UNSIGNED, 4, 1, 0, NULL, 0};
    for (uint32_t i = 0; i < m->message->signal_count; i++)
        if (m->columns[i] != DECODE_UNWANTED)
            channels[count++] = channel_of(&m->message->signals[i], d->raw);
    int number = mdf_add_group(d->file, m->message->long_name, iface, channels, count);
    for (unsigned i = 0; i < count; i++)
        free((void *)(uintptr_t)channels[i].words);
    free(channels);
    return number;
}

static int add_codes(struct decode_mf4 *d, const char *message, const char *iface)
{
    static const struct mdf_channel channels[] = {
        {"CAN_ID", NULL, NULL, MDF_UNSIGNED, 4, 1, 0, NULL, 0},
        {"SPN", NULL, NULL, MDF_UNSIGNED, 4, 1, 0, NULL, 0},
        {"FMI", NULL, NULL, MDF_UNSIGNED, 1, 1, 0, NULL, 0},
        {"Occurrences", NULL, NULL, MDF_UNSIGNED, 1, 1, 0, NULL, 0},
        {"OldConversion", NULL, NULL, MDF_UNSIGNED, 1, 1, 0, NULL, 0},
    };
    return mdf_add_group(d->file, message, iface, channels, sizeof(channels) / sizeof(channels[0]));
}

/* The name of an interface is what a log says. */
static int make_group(struct decode_mf4 *d, const struct decode_message *m, const char *codes,
                      const char *iface, struct decode_mf4_group **out)
{
    char spelled[CANP_SAFE_EXPANSION * CANP_IFACE_NAME_BYTES + 1];
    struct decode_mf4_group *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    *out = g;
    g->iface = strdup(iface);
    g->message = codes;
    canp_safe_text(spelled, sizeof(spelled), iface, strlen(iface), 0);
    for (uint32_t i = m ? m->message->signal_count : 0; i-- > 0;)
        g->first_column = m->columns[i] != DECODE_UNWANTED ? m->columns[i] : g->first_column;
    g->number = m ? add_message(d, m, spelled) : add_codes(d, codes, spelled);
    return g->iface ? g->number : -ENOMEM;
}

/* The group of a message, or of trouble codes, by the name of its interface. */
static int find_group(struct decode_mf4 *d, const struct decode_message *m, const char *codes,
                      const char *iface, struct decode_mf4_group **out)
{
    struct decode_mf4_group **at =
        &d->groups[m ? (size_t)(m - d->choice->messages) : d->choice->message_count];
    while (*at && (strcmp((*at)->iface, iface) != 0 || (codes && strcmp((*at)->message, codes) != 0)))
        at = &(*at)->next;
    int r = *at ? 0 : make_group(d, m, codes, iface, at);
    *out = *at;
    return r < 0 ? r : 0;
}

int decode_mf4_open(struct decode_mf4 *d, FILE *to, const struct decode_choice *choice)
{
    d->choice = choice;
    d->groups = calloc((size_t)choice->message_count + 1, sizeof(struct decode_mf4_group *));
    return d->groups ? mdf_open(to, &d->file) : -ENOMEM;
}

/* ---- records ------------------------------------------------------------------------------------------ */

static void put_text_or_bytes(struct decode_mf4 *d, const struct decode_mf4_group *g, unsigned channel,
                              const struct decode_row *row, const struct canp_value *v)
{
    char spelled[2048];
    size_t bytes;
    const void *data =
        d->raw ? (const void *)decode_bytes(row, v, &bytes) : decode_characters(row, v, &bytes);
    if (!d->raw) { /* characters of the frame may be anything; a text has to be UTF-8 */
        bytes = canp_safe_text(spelled, sizeof(spelled), data, bytes, 0);
        data = spelled;
    }
    mdf_put_bytes(d->file, g->number, channel, data, bytes);
}

int decode_mf4_row(struct decode_mf4 *d, const struct decode_row *row)
{
    const struct decode_message *m = row->message;
    struct decode_mf4_group *g;
    int r = find_group(d, m, NULL, row->iface, &g);
    if (r == 0)
        r = mdf_begin_row(d->file, g->number, row->time_ns);
    if (r < 0)
        return r;
    mdf_put_number(d->file, g->number, ID_CHANNEL, row->id & CANP_ID_EFF_MASK);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        unsigned channel = m->columns[v->signal - m->message->signals] - g->first_column + ID_CHANNEL + 1;
        if (v->flags & CANP_VALUE_BYTES)
            put_text_or_bytes(d, g, channel, row, v);
        else if (d->raw || decode_has_number(v))
            mdf_put_number(d->file, g->number, channel, v->raw);
    }
    return mdf_end_row(d->file, g->number);
}

int decode_mf4_codes(struct decode_mf4 *d, const struct decode_codes *row)
{
    struct decode_mf4_group *g;
    int r = find_group(d, NULL, row->message, row->iface, &g);
    for (uint32_t i = 0; i < row->count && r == 0; i++) {
        const struct canp_j1939_dtc *c = &row->codes[i];
        r = mdf_begin_row(d->file, g->number, row->time_ns);
        if (r < 0)
            break;
        mdf_put_number(d->file, g->number, ID_CHANNEL, row->id & CANP_ID_EFF_MASK);
        mdf_put_number(d->file, g->number, 1, c->spn);
        mdf_put_number(d->file, g->number, 2, c->fmi);
        if (c->occurrences != OCCURRENCES_NOT_AVAILABLE)
            mdf_put_number(d->file, g->number, 3, c->occurrences);
        mdf_put_number(d->file, g->number, 4, c->old_conversion);
        r = mdf_end_row(d->file, g->number);
    }
    return r;
}

int decode_mf4_finish(struct decode_mf4 *d)
{
    return mdf_finish(d->file);
}

static void free_groups(struct decode_mf4_group *g)
{
    while (g) {
        struct decode_mf4_group *next = g->next;
        free(g->iface);
        free(g);
        g = next;
    }
}

void decode_mf4_close(struct decode_mf4 *d)
{
    for (uint32_t i = 0; d->groups && i <= d->choice->message_count; i++)
        free_groups(d->groups[i]);
    free(d->groups);
    mdf_close(d->file);
}

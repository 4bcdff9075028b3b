/*
 * Computes what needs all statements: which signal multiplexes which, the values of known attributes and
 * their defaults, and which signals are wrong. One thread; afterwards the database does not change.
 */
#include "dbc_priv.h"

#include <canp/frame.h>
#include <string.h>

#include "dbc/base/dbc_mux.h"

/* ---- lists turned round -----------------------------------------------------------------------------------
 */

static const struct canp_dbc_attribute *reversed(const struct canp_dbc_attribute *list)
{
    const struct canp_dbc_attribute *done = NULL;
    while (list) {
        const struct canp_dbc_attribute *next = list->next;
        struct canp_dbc_attribute *item = dbc_writable(list);
        item->next = done;
        done = list;
        list = next;
    }
    return done;
}

static const struct canp_dbc_group *reversed_groups(const struct canp_dbc_group *list)
{
    const struct canp_dbc_group *done = NULL;
    while (list) {
        const struct canp_dbc_group *next = list->next;
        struct canp_dbc_group *item = dbc_writable(list);
        item->next = done;
        done = list;
        list = next;
    }
    return done;
}

/* ---- known attributes ------------------------------------------------------------------------------------
 */

struct known {
    const struct canp_dbc_attribute_definition *format, *cycle, *message_name, *signal_name, *spn, *start;
    bool is_j1939; /* ProtocolType of the network */
};

static const struct canp_dbc_attribute_definition *definition(const struct dbc_parser *p,
                                                              enum canp_dbc_object object, const char *name)
{
    return canp_dbc_names_find(&p->dbc->names, DBC_NAMES_DEFINITION, (uint32_t)object, dbc_word_of(name));
}

/* What is set last, else the default, else NULL. */
static const struct canp_dbc_attribute_value *value_of(const struct canp_dbc_attribute *list,
                                                       const struct canp_dbc_attribute_definition *d)
{
    const struct canp_dbc_attribute_value *value = d && d->has_default ? &d->by_default : NULL;
    for (; d && list; list = list->next)
        if (list->definition == d)
            value = &list->value;
    return value;
}

static struct known known_attributes(const struct dbc_parser *p)
{
    const struct canp_dbc_attribute_value *protocol =
        value_of(p->dbc->contents.attributes, definition(p, CANP_DBC_NETWORK, "ProtocolType"));
    return (struct known){
        .format = definition(p, CANP_DBC_MESSAGE, "VFrameFormat"),
        .cycle = definition(p, CANP_DBC_MESSAGE, "GenMsgCycleTime"),
        .message_name = definition(p, CANP_DBC_MESSAGE, "SystemMessageLongSymbol"),
        .signal_name = definition(p, CANP_DBC_SIGNAL, "SystemSignalLongSymbol"),
        .spn = definition(p, CANP_DBC_SIGNAL, "SPN"),
        .start = definition(p, CANP_DBC_SIGNAL, "GenSigStartValue"),
        .is_j1939 = protocol && protocol->text && strncmp(protocol->text, "J1939", 5) == 0,
    };
}

static uint32_t as_u32(const struct canp_dbc_attribute_value *value)
{
    return value && value->number > 0 && value->number < 4294967296.0 ? (uint32_t)value->number : 0;
}

static const char *long_name(const struct canp_dbc_attribute_value *value, const char *name)
{
    return value && value->text && *value->text ? value->text : name;
}

static enum canp_dbc_format format_of(const struct canp_dbc_message *m, const struct known *known)
{
    static const struct {
        const char *text;
        int index; /* where the list of texts is cut */
        enum canp_dbc_format format;
    } rows[] = {
        {"StandardCAN", 0, CANP_DBC_STANDARD},
        {"ExtendedCAN", 1, CANP_DBC_EXTENDED},
        {"J1939PG", 3, CANP_DBC_J1939},
        {"StandardCAN_FD", 14, CANP_DBC_STANDARD_FD},
        {"ExtendedCAN_FD", 15, CANP_DBC_EXTENDED_FD},
    };
    bool extended = (m->id & CANP_ID_EFF) != 0;
    const struct canp_dbc_attribute_value *value = value_of(m->attributes, known->format);
    for (size_t i = 0; value && i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_it = value->text ? strcmp(value->text, rows[i].text) == 0 : value->integer == rows[i].index;
        if (is_it && extended == (rows[i].index & 1))
            return rows[i].format;
    }
    if (known->is_j1939 && extended && !value)
        return CANP_DBC_J1939;
    return (enum canp_dbc_format)((extended ? CANP_DBC_EXTENDED : CANP_DBC_STANDARD) +
                                  (m->bytes > 8 ? 2 : 0));
}

/* ---- signals ----------------------------------------------------------------------------------------------
 */

static bool reaches_beyond(const struct canp_dbc_signal *s, uint32_t message_bytes)
{
    return canp_dbc_last_bit(s) >= message_bytes * 8;
}

static void finish_signal(struct canp_dbc_signal *s, const struct canp_dbc_message *m,
                          const struct known *known)
{
    s->attributes = reversed(s->attributes);
    s->long_name = long_name(value_of(s->attributes, known->signal_name), s->name);
    s->spn = as_u32(value_of(s->attributes, known->spn));
    const struct canp_dbc_attribute_value *start = value_of(s->attributes, known->start);
    s->has_start = start != NULL;
    s->start_value = start ? start->number : 0;
    if (!m->independent && reaches_beyond(s, m->bytes))
        s->marks |= CANP_DBC_BEYOND;
    if ((s->number == CANP_DBC_FLOAT32 && s->bits != 32) ||
        (s->number == CANP_DBC_FLOAT64 && s->bits != 64)) {
        s->marks |= CANP_DBC_BAD_FLOAT;
        s->number = CANP_DBC_INTEGER;
    }
}

/* The one signal that multiplexes those of which nothing further is said: the only `M` that is not
 * multiplexed itself. */
static const struct canp_dbc_signal *only_muxer(const struct canp_dbc_message *m)
{
    const struct canp_dbc_signal *found = NULL;
    for (uint32_t i = 0; i < m->signal_count; i++) {
        const struct canp_dbc_signal *s = &m->signals[i];
        if (!s->is_muxer || s->is_muxed)
            continue;
        if (found)
            return NULL;
        found = s;
    }
    return found;
}

static bool muxer_is_sound(const struct canp_dbc_signal *s)
{
    unsigned depth = 0;
    for (; s->is_muxed; s = s->muxer)
        if (!s->muxer || s->muxer->bits > 64 || ++depth > DBC_MUX_DEPTH_MAX)
            return false;
    return true;
}

static void link_muxers(const struct canp_dbc_message *m)
{
    struct canp_dbc_signal *signals = dbc_writable(m->signals);
    const struct canp_dbc_signal *usual = only_muxer(m);
    for (uint32_t i = 0; i < m->signal_count; i++)
        if (signals[i].is_muxed && !signals[i].muxer)
            signals[i].muxer = usual;
    for (uint32_t i = 0; i < m->signal_count; i++)
        if (!muxer_is_sound(&signals[i]))
            signals[i].marks |= CANP_DBC_NO_MUXER;
    for (uint32_t i = 0; i < m->signal_count; i++)
        if (signals[i].marks & CANP_DBC_NO_MUXER)
            signals[i].muxer = NULL;
}

static void finish_message(struct canp_dbc_message *m, const struct known *known)
{
    m->attributes = reversed(m->attributes);
    m->groups = reversed_groups(m->groups);
    m->long_name = long_name(value_of(m->attributes, known->message_name), m->name);
    m->cycle_ms = as_u32(value_of(m->attributes, known->cycle));
    m->format = format_of(m, known);
    for (uint32_t i = 0; i < m->signal_count; i++)
        finish_signal(dbc_writable(&m->signals[i]), m, known);
    link_muxers(m);
}

int canp_dbc_link(struct dbc_parser *p)
{
    p->dbc->contents.attributes = reversed(p->dbc->contents.attributes);
    struct known known = known_attributes(p);
    for (uint32_t i = 0; i < p->messages.count; i++)
        finish_message(dbc_writable(p->messages.items[i]), &known);
    for (uint32_t i = 0; i < p->nodes.count; i++) {
        struct canp_dbc_node *node = dbc_writable(p->nodes.items[i]);
        node->attributes = reversed(node->attributes);
    }
    for (uint32_t i = 0; i < p->environments.count; i++) {
        struct canp_dbc_environment *e = dbc_writable(p->environments.items[i]);
        e->attributes = reversed(e->attributes);
    }
    return 0;
}

/*
 * Parses the statements for nodes, messages, signals and multiplexing.
 * The signals of one message are collected in an array that grows, and move to the arena together when the
 * next statement begins; so a signal's address is final before any statement can refer to it. One thread.
 */
#include "dbc_priv.h"

#include <canp/frame.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEPENDENT_ID 0xC0000000U /* of VECTOR__INDEPENDENT_SIG_MSG */

/* Is there one more word of a list that may end with its line's end, or a semicolon? */
static bool more_words(struct dbc_parser *p)
{
    return canp_dbc_lex_peek(&p->lex).bytes != 0 && !canp_dbc_lex_at_statement(&p->lex);
}

/* A node's name as the file has it already, else a copy. */
static const char *node_name(struct dbc_parser *p, struct dbc_word word)
{
    if (canp_dbc_word_is(word, "Vector__XXX"))
        return "Vector__XXX";
    const struct canp_dbc_node *node = canp_dbc_names_find(&p->dbc->names, DBC_NAMES_NODE, 0, word);
    return node ? node->name : canp_dbc_lex_copy(&p->lex, word);
}

/* Words with commas between, to the first one that is missing; at least one when `what` is given. */
static bool read_names(struct dbc_parser *p, const char *what, const char *const **names, uint32_t *count)
{
    struct dbc_list list = {0};
    struct dbc_word word;
    if (!what && !more_words(p))
        return true;
    do {
        if (!canp_dbc_lex_word(&p->lex, &word, what ? what : "a node's name"))
            return false;
        const char *name = node_name(p, word);
        if (!name || !dbc_list_add(p, &list, name))
            return false;
    } while (canp_dbc_lex_maybe(&p->lex, ',') || (!what && more_words(p)));
    *names = (const char *const *)list.items;
    *count = list.count;
    return true;
}

bool canp_dbc_read_nodes(struct dbc_parser *p)
{
    struct dbc_word word;
    if (!canp_dbc_lex_char(&p->lex, ':', "':' behind BU_"))
        return false;
    while (more_words(p)) {
        struct canp_dbc_node *node;
        if (!canp_dbc_lex_word(&p->lex, &word, "a node's name") || !(node = dbc_take(p, sizeof(*node))) ||
            !(node->name = canp_dbc_lex_copy(&p->lex, word)))
            return false;
        if (dbc_names_add(p, DBC_NAMES_NODE, 0, node->name, node) && !dbc_list_add(p, &p->nodes, node))
            return false;
        canp_dbc_lex_maybe(&p->lex, ',');
    }
    canp_dbc_lex_maybe(&p->lex, ';');
    return true;
}

/* ---- messages ----------------------------------------------------------------------------------------- */

static bool read_message_head(struct dbc_parser *p, struct canp_dbc_message *m)
{
    struct dbc_lex *lex = &p->lex;
    struct dbc_word name, sender = {"", 0};
    uint64_t id, bytes;
    canp_dbc_lex_blanks(lex);
    m->line = lex->line;
    if (!canp_dbc_lex_uint(lex, UINT32_MAX, &id, "a message's id") ||
        !canp_dbc_lex_word(lex, &name, "a message's name") ||
        !canp_dbc_lex_char(lex, ':', "':' behind the message's name") ||
        !canp_dbc_lex_uint(lex, UINT16_MAX, &bytes, "the message's size in bytes"))
        return false;
    if (more_words(p) && !canp_dbc_lex_word(lex, &sender, "the sender's name"))
        return false;
    m->id = (uint32_t)id;
    m->bytes = (uint16_t)bytes;
    m->name = canp_dbc_lex_copy(lex, name);
    m->sender = node_name(p, sender);
    return m->name && m->sender;
}

bool canp_dbc_read_message(struct dbc_parser *p)
{
    struct canp_dbc_message *m = dbc_take(p, sizeof(*m));
    if (!m || !read_message_head(p, m) || !dbc_list_add(p, &p->messages, m))
        return false;
    int r = canp_dbc_names_add(&p->dbc->names, DBC_NAMES_MESSAGE_ID, m->id, (struct dbc_word){"", 0}, m);
    p->lex.out_of_memory |= r < 0;
    m->duplicate = r == 0;
    m->independent = m->id == INDEPENDENT_ID;
    dbc_names_add(p, DBC_NAMES_MESSAGE, 0, m->name, m);
    p->message = m;
    return true;
}

/* Of messages with one id only the first one's signals can be referred to. */
static void name_signal(struct dbc_parser *p, struct canp_dbc_signal *s)
{
    if (s->message->duplicate || dbc_names_add(p, DBC_NAMES_SIGNAL, s->message->id, s->name, s) ||
        p->lex.out_of_memory)
        return;
    s->marks |= CANP_DBC_DUPLICATE;
}

int canp_dbc_end_message(struct dbc_parser *p)
{
    struct canp_dbc_message *m = p->message;
    p->message = NULL;
    if (!m || p->signal_count == 0)
        return 0;
    struct canp_dbc_signal *signals = dbc_take(p, p->signal_count * sizeof(*signals));
    if (!signals)
        return -ENOMEM;
    memcpy(signals, p->signals, p->signal_count * sizeof(*signals));
    m->signals = signals;
    m->signal_count = p->signal_count;
    p->dbc->contents.signal_count += p->signal_count;
    for (uint32_t i = 0; i < p->signal_count; i++) {
        signals[i].message = m;
        name_signal(p, &signals[i]);
    }
    p->signal_count = 0;
    return p->lex.out_of_memory ? -ENOMEM : 0;
}

/* ---- signals ------------------------------------------------------------------------------------------ */

static bool add_range(struct dbc_parser *p, struct canp_dbc_signal *s, uint64_t first, uint64_t last)
{
    uint32_t count = s->range_count;
    struct canp_dbc_range *ranges = dbc_writable(s->ranges);
    if ((count & (count - 1)) == 0) { /* full, at powers of two */
        ranges = dbc_take(p, (count ? count * 2 : 1) * sizeof(*ranges));
        if (!ranges)
            return false;
        if (count)
            memcpy(ranges, s->ranges, count * sizeof(*ranges));
        s->ranges = ranges;
    }
    ranges[count] = (struct canp_dbc_range){first, last};
    s->range_count++;
    return true;
}

/* `M`, `m12` or `m12M` between the name and the colon, or nothing. */
static bool read_multiplex(struct dbc_parser *p, struct canp_dbc_signal *s)
{
    struct dbc_word word = canp_dbc_lex_peek(&p->lex);
    const char *at = word.text, *end = word.text + word.bytes;
    uint64_t value = 0;
    if (word.bytes == 0)
        return true;
    if (*at == 'm') {
        const char *digits = ++at;
        for (; at < end && *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
            value = value * 10 + (uint64_t)(*at - '0');
        if (at == digits)
            return canp_dbc_lex_fail(&p->lex, "M, m and a number, or ':'");
        s->is_muxed = true;
    }
    if (at < end && *at == 'M') {
        s->is_muxer = true;
        at++;
    }
    if (at != end)
        return canp_dbc_lex_fail(&p->lex, "M, m and a number, or ':'");
    p->lex.at = end;
    return !s->is_muxed || add_range(p, s, value, value);
}

/* `24|8@1-` */
static bool read_bits(struct dbc_parser *p, struct canp_dbc_signal *s)
{
    struct dbc_lex *lex = &p->lex;
    uint64_t start, bits, order;
    if (!canp_dbc_lex_uint(lex, UINT16_MAX, &start, "the signal's start bit") ||
        !canp_dbc_lex_char(lex, '|', "'|' behind the start bit") ||
        !canp_dbc_lex_uint(lex, UINT16_MAX, &bits, "the signal's length in bits") ||
        !canp_dbc_lex_char(lex, '@', "'@' behind the length") ||
        !canp_dbc_lex_uint(lex, 1, &order, "the byte order, 0 or 1"))
        return false;
    if (bits == 0)
        return canp_dbc_lex_fail(lex, "a signal of one bit at least");
    if (canp_dbc_lex_maybe(lex, '-'))
        s->is_signed = true;
    else if (!canp_dbc_lex_char(lex, '+', "'+' or '-' behind the byte order"))
        return false;
    s->start_bit = (uint16_t)start;
    s->bits = (uint16_t)bits;
    s->big_endian = order == 0;
    return true;
}

/* `(0.1,-40) [0|250]` */
static bool read_scale(struct dbc_parser *p, struct canp_dbc_signal *s)
{
    struct dbc_lex *lex = &p->lex;
    return canp_dbc_lex_char(lex, '(', "'(' in front of the factor") &&
           canp_dbc_lex_number(lex, &s->factor, NULL, "the factor") &&
           canp_dbc_lex_char(lex, ',', "',' behind the factor") &&
           canp_dbc_lex_number(lex, &s->offset, NULL, "the offset") &&
           canp_dbc_lex_char(lex, ')', "')' behind the offset") &&
           canp_dbc_lex_char(lex, '[', "'[' in front of the minimum") &&
           canp_dbc_lex_number(lex, &s->minimum, NULL, "the minimum") &&
           canp_dbc_lex_char(lex, '|', "'|' behind the minimum") &&
           canp_dbc_lex_number(lex, &s->maximum, NULL, "the maximum") &&
           canp_dbc_lex_char(lex, ']', "']' behind the maximum");
}

static struct canp_dbc_signal *next_signal(struct dbc_parser *p)
{
    if (p->signal_count == p->signal_capacity) {
        uint32_t capacity = p->signal_capacity ? p->signal_capacity * 2 : 64;
        struct canp_dbc_signal *more = realloc(p->signals, capacity * sizeof(*more));
        if (!more) {
            p->lex.out_of_memory = true;
            return NULL;
        }
        p->signals = more;
        p->signal_capacity = capacity;
    }
    struct canp_dbc_signal *s = &p->signals[p->signal_count];
    memset(s, 0, sizeof(*s));
    return s;
}

bool canp_dbc_read_signal(struct dbc_parser *p)
{
    struct dbc_lex *lex = &p->lex;
    struct dbc_word name;
    if (!p->message)
        return canp_dbc_lex_fail(lex, "a message (BO_) in front of its signals");
    struct canp_dbc_signal *s = next_signal(p);
    canp_dbc_lex_blanks(lex);
    if (!s || !canp_dbc_lex_word(lex, &name, "a signal's name"))
        return false;
    s->line = lex->line;
    if (!read_multiplex(p, s) || !canp_dbc_lex_char(lex, ':', "':' behind the signal's name") ||
        !read_bits(p, s) || !read_scale(p, s) ||
        !canp_dbc_lex_line_string(lex, &s->unit, "the unit in quotes") ||
        !read_names(p, NULL, &s->receivers, &s->receiver_count))
        return false;
    s->name = canp_dbc_lex_copy(lex, name);
    p->signal_count += s->name != NULL;
    return s->name != NULL;
}

/* ---- what further statements say of messages and signals --------------------------------------------------
 */

static bool end_statement(struct dbc_parser *p)
{
    return canp_dbc_lex_char(&p->lex, ';', "';' at the statement's end");
}

bool canp_dbc_read_transmitters(struct dbc_parser *p)
{
    struct canp_dbc_message *m = canp_dbc_named_message(p);
    return m && canp_dbc_lex_char(&p->lex, ':', "':' behind the message's id") &&
           read_names(p, "a node's name", &m->transmitters, &m->transmitter_count) && end_statement(p);
}

bool canp_dbc_read_group(struct dbc_parser *p)
{
    struct dbc_lex *lex = &p->lex;
    struct dbc_list signals = {0};
    struct dbc_word name;
    uint64_t repetitions;
    struct canp_dbc_message *m = canp_dbc_named_message(p);
    struct canp_dbc_group *group = m ? dbc_take(p, sizeof(*group)) : NULL;
    if (!group || !canp_dbc_lex_word(lex, &name, "the signal group's name") ||
        !canp_dbc_lex_uint(lex, UINT32_MAX, &repetitions, "the repetitions") ||
        !canp_dbc_lex_char(lex, ':', "':' behind the repetitions"))
        return false;
    while (more_words(p)) {
        struct dbc_word word;
        const void *signal;
        if (!canp_dbc_lex_word(lex, &word, "a signal's name"))
            return false;
        signal = canp_dbc_names_find(&p->dbc->names, DBC_NAMES_SIGNAL, m->id, word);
        if (signal && !dbc_list_add(p, &signals, signal))
            return false;
    }
    group->name = canp_dbc_lex_copy(lex, name);
    group->repetitions = (uint32_t)repetitions;
    group->signals = (const struct canp_dbc_signal *const *)signals.items;
    group->signal_count = signals.count;
    if (!group->name || !end_statement(p))
        return false;
    group->next = m->groups; /* reversed; canp_dbc_link() turns it round */
    m->groups = group;
    return true;
}

bool canp_dbc_read_value_type(struct dbc_parser *p)
{
    uint64_t type;
    struct canp_dbc_signal *s = canp_dbc_named_signal(p);
    if (!s)
        return false;
    canp_dbc_lex_maybe(&p->lex, ':'); /* some tools leave it out */
    if (!canp_dbc_lex_uint(&p->lex, 3, &type, "the value type, 0 to 3") || !end_statement(p))
        return false;
    s->number = type == 1 ? CANP_DBC_FLOAT32 : type == 2 ? CANP_DBC_FLOAT64 : CANP_DBC_INTEGER;
    return true;
}

static bool read_ranges(struct dbc_parser *p, struct canp_dbc_signal *s)
{
    do {
        uint64_t first, last;
        if (!canp_dbc_lex_uint(&p->lex, UINT64_MAX, &first, "a multiplexer value") ||
            !canp_dbc_lex_char(&p->lex, '-', "'-' between two multiplexer values") ||
            !canp_dbc_lex_uint(&p->lex, UINT64_MAX, &last, "a multiplexer value"))
            return false;
        if (!add_range(p, s, first, last))
            return false;
    } while (canp_dbc_lex_maybe(&p->lex, ','));
    return true;
}

bool canp_dbc_read_mux_values(struct dbc_parser *p)
{
    struct dbc_word name;
    struct canp_dbc_signal *s = canp_dbc_named_signal(p);
    if (!s || !canp_dbc_lex_word(&p->lex, &name, "the multiplexer's name"))
        return false;
    const struct canp_dbc_signal *muxer =
        canp_dbc_names_find(&p->dbc->names, DBC_NAMES_SIGNAL, s->message->id, name);
    if (!muxer)
        return canp_dbc_lex_fail(&p->lex, "in front of this, the multiplexer's name");
    struct canp_dbc_signal ranges = {0};
    if (s->muxer == muxer)
        ranges = *s;
    if (!read_ranges(p, &ranges) || !end_statement(p))
        return false;
    s->is_muxed = true;
    s->muxer = muxer;
    s->ranges = ranges.ranges;
    s->range_count = ranges.range_count;
    struct canp_dbc_signal *selecting = dbc_writable(muxer);
    selecting->is_muxer = true;
    return true;
}

/* ---- environment variables ---------------------------------------------------------------------------- */

static bool read_environment_numbers(struct dbc_parser *p, struct canp_dbc_environment *e)
{
    struct dbc_lex *lex = &p->lex;
    uint64_t type, id;
    if (!canp_dbc_lex_uint(lex, UINT32_MAX, &type, "the variable's type") ||
        !canp_dbc_lex_char(lex, '[', "'[' in front of the minimum") ||
        !canp_dbc_lex_number(lex, &e->minimum, NULL, "the minimum") ||
        !canp_dbc_lex_char(lex, '|', "'|' behind the minimum") ||
        !canp_dbc_lex_number(lex, &e->maximum, NULL, "the maximum") ||
        !canp_dbc_lex_char(lex, ']', "']' behind the maximum") ||
        !canp_dbc_lex_line_string(lex, &e->unit, "the unit in quotes") ||
        !canp_dbc_lex_number(lex, &e->initial, NULL, "the initial value") ||
        !canp_dbc_lex_uint(lex, UINT32_MAX, &id, "the variable's id"))
        return false;
    e->type = (uint32_t)type;
    e->id = (uint32_t)id;
    return true;
}

bool canp_dbc_read_environment(struct dbc_parser *p)
{
    struct dbc_word name, access;
    const char *const *nodes = NULL;
    uint32_t node_count = 0;
    struct canp_dbc_environment *e = dbc_take(p, sizeof(*e));
    if (!e || !canp_dbc_lex_word(&p->lex, &name, "an environment variable's name") ||
        !canp_dbc_lex_char(&p->lex, ':', "':' behind the variable's name") ||
        !read_environment_numbers(p, e) || !canp_dbc_lex_word(&p->lex, &access, "who may access it") ||
        !read_names(p, "a node's name", &nodes, &node_count) || !end_statement(p))
        return false;
    e->name = canp_dbc_lex_copy(&p->lex, name);
    if (!e->name)
        return false;
    if (canp_dbc_word_is(access, "DUMMY_NODE_VECTOR8000"))
        e->type = 2; /* how texts are told from numbers */
    return !dbc_names_add(p, DBC_NAMES_ENVIRONMENT, 0, e->name, e) || dbc_list_add(p, &p->environments, e);
}

bool canp_dbc_read_environment_data(struct dbc_parser *p)
{
    uint64_t bytes;
    struct canp_dbc_environment *e = canp_dbc_named_environment(p);
    if (!e || !canp_dbc_lex_char(&p->lex, ':', "':' behind the variable's name") ||
        !canp_dbc_lex_uint(&p->lex, UINT32_MAX, &bytes, "its size in bytes") || !end_statement(p))
        return false;
    e->type = 3;
    e->data_bytes = (uint32_t)bytes;
    return true;
}

/*
 * Parses the statements that describe other objects: comments, value texts, attributes. Lists of attributes
 * are built in reverse, because that is cheap; canp_dbc_link() reverses them. One thread.
 */
#include "dbc/base/dbc_number.h"
#include "dbc_priv.h"

#include <stdlib.h>
#include <string.h>

static bool end_statement(struct dbc_parser *p)
{
    return canp_dbc_lex_char(&p->lex, ';', "';' at the statement's end");
}

/* An object that a statement names: `BU_ node`, `BO_ id`, `SG_ id signal`, `EV_ variable`, or nothing. */
struct object {
    enum canp_dbc_object kind;
    const char **comment;
    const struct canp_dbc_attribute **attributes;
};

static bool take_keyword(struct dbc_parser *p, const char *keyword)
{
    struct dbc_word word = canp_dbc_lex_peek(&p->lex);
    if (!canp_dbc_word_is(word, keyword))
        return false;
    p->lex.at += word.bytes;
    return true;
}

static bool read_object(struct dbc_parser *p, struct object *object)
{
    struct canp_dbc_contents *c = &p->dbc->contents;
#define DBC_OBJECT(kind_, from)                                                                              \
    if (!from)                                                                                               \
        return false;                                                                                        \
    *object = (struct object)                                                                                \
    {                                                                                                        \
        kind_, &from->comment, &from->attributes                                                             \
    }
    if (take_keyword(p, "SG_")) {
        struct canp_dbc_signal *s = canp_dbc_named_signal(p);
        DBC_OBJECT(CANP_DBC_SIGNAL, s);
    } else if (take_keyword(p, "BO_")) {
        struct canp_dbc_message *m = canp_dbc_named_message(p);
        DBC_OBJECT(CANP_DBC_MESSAGE, m);
    } else if (take_keyword(p, "BU_")) {
        struct canp_dbc_node *n = canp_dbc_named_node(p);
        DBC_OBJECT(CANP_DBC_NODE, n);
    } else if (take_keyword(p, "EV_")) {
        struct canp_dbc_environment *e = canp_dbc_named_environment(p);
        DBC_OBJECT(CANP_DBC_ENVIRONMENT, e);
    } else {
        DBC_OBJECT(CANP_DBC_NETWORK, c);
    }
#undef DBC_OBJECT
    return true;
}

bool canp_dbc_read_comment(struct dbc_parser *p)
{
    struct object object;
    const char *text;
    if (!read_object(p, &object) || !canp_dbc_lex_string(&p->lex, &text, "the comment in quotes") ||
        !end_statement(p))
        return false;
    *object.comment = text;
    return true;
}

/* ---- value texts ----------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    int64_t x = ((const struct canp_dbc_value_text *)a)->value,
            y = ((const struct canp_dbc_value_text *)b)->value;
    return (x > y) - (x < y);
}

/* Merges two sorted halves by way of `space`; of equal values the file's first stays in front. */
static void merge_halves(struct canp_dbc_value_text *texts, uint32_t middle, uint32_t count,
                         struct canp_dbc_value_text *space)
{
    uint32_t left = 0, right = middle, to = 0;
    while (left < middle || right < count) {
        bool take_left = right == count || (left < middle && by_value(&texts[left], &texts[right]) <= 0);
        space[to++] = take_left ? texts[left++] : texts[right++];
    }
    memcpy(texts, space, count * sizeof(*texts));
}

static void sort_texts(struct canp_dbc_value_text *texts, uint32_t count, struct canp_dbc_value_text *space)
{
    if (count < 2)
        return;
    sort_texts(texts, count / 2, space);
    sort_texts(texts + count / 2, count - count / 2, space);
    merge_halves(texts, count / 2, count, space);
}

static void reverse_texts(struct canp_dbc_value_text *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        struct canp_dbc_value_text swapped = texts[i];
        texts[i] = texts[count - 1 - i];
        texts[count - 1 - i] = swapped;
    }
}

/* What was read, by rising value and without repetitions. Files mostly have it rising or falling. */
static bool take_sorted(struct dbc_parser *p, struct canp_dbc_value_table *table)
{
    struct canp_dbc_value_text *read = p->texts;
    struct canp_dbc_value_text *texts = dbc_take(p, p->text_count * sizeof(*texts));
    bool rising = true, falling = true;
    if (!texts)
        return false;
    for (uint32_t i = 1; i < p->text_count; i++) {
        rising &= read[i].value > read[i - 1].value;
        falling &= read[i].value < read[i - 1].value;
    }
    if (falling)
        reverse_texts(read, p->text_count);
    else if (!rising)
        sort_texts(read, p->text_count, texts);
    for (uint32_t i = 0; i < p->text_count; i++)
        if (table->count == 0 || texts[table->count - 1].value != read[i].value)
            texts[table->count++] = read[i];
    table->texts = texts;
    return true;
}

static struct canp_dbc_value_text *next_text(struct dbc_parser *p)
{
    if (p->text_count == p->text_capacity) {
        uint32_t capacity = p->text_capacity ? p->text_capacity * 2 : 64;
        struct canp_dbc_value_text *more = realloc(p->texts, capacity * sizeof(*more));
        if (!more) {
            p->lex.out_of_memory = true;
            return NULL;
        }
        p->texts = more;
        p->text_capacity = capacity;
    }
    return &p->texts[p->text_count];
}

bool canp_dbc_read_value_texts(struct dbc_parser *p, struct canp_dbc_value_table *table)
{
    p->text_count = 0;
    while (!canp_dbc_lex_maybe(&p->lex, ';')) {
        double unused;
        struct canp_dbc_value_text *text = next_text(p);
        if (!text || canp_dbc_lex_at_statement(&p->lex) ||
            !canp_dbc_lex_number(&p->lex, &unused, &text->value, "a value, or ';'") ||
            !canp_dbc_lex_string(&p->lex, &text->text, "the value's text in quotes"))
            return canp_dbc_lex_fail(&p->lex, "a value, or ';'");
        p->text_count++;
    }
    return take_sorted(p, table);
}

bool canp_dbc_read_table(struct dbc_parser *p)
{
    struct dbc_word name;
    struct canp_dbc_value_table *table = dbc_take(p, sizeof(*table));
    if (!table || !canp_dbc_lex_word(&p->lex, &name, "the value table's name") ||
        !(table->name = canp_dbc_lex_copy(&p->lex, name)) || !canp_dbc_read_value_texts(p, table))
        return false;
    return !dbc_names_add(p, DBC_NAMES_TABLE, 0, table->name, table) || dbc_list_add(p, &p->tables, table);
}

/* Own texts, or a value table's name. */
static bool read_texts_or_table(struct dbc_parser *p, const struct canp_dbc_value_table **out)
{
    struct dbc_word word = canp_dbc_lex_peek(&p->lex);
    const struct canp_dbc_value_table *named =
        word.bytes ? canp_dbc_names_find(&p->dbc->names, DBC_NAMES_TABLE, 0, word) : NULL;
    if (named) {
        p->lex.at += word.bytes;
        *out = named;
        return end_statement(p);
    }
    struct canp_dbc_value_table *table = dbc_take(p, sizeof(*table));
    if (!table || !canp_dbc_read_value_texts(p, table))
        return false;
    *out = table;
    return true;
}

bool canp_dbc_read_values(struct dbc_parser *p)
{
    struct dbc_word word = canp_dbc_lex_peek(&p->lex);
    if (word.bytes && *word.text >= '0' && *word.text <= '9') {
        struct canp_dbc_signal *s = canp_dbc_named_signal(p);
        return s && read_texts_or_table(p, &s->values);
    }
    struct canp_dbc_environment *e = canp_dbc_named_environment(p);
    return e && read_texts_or_table(p, &e->values);
}

/* ---- attributes -----------------------------------------------------------------------------------------
 */

static enum canp_dbc_object object_kind(struct dbc_parser *p)
{
    static const struct {
        const char *keyword;
        enum canp_dbc_object kind;
    } rows[] = {
        {"SG_", CANP_DBC_SIGNAL},
        {"BO_", CANP_DBC_MESSAGE},
        {"BU_", CANP_DBC_NODE},
        {"EV_", CANP_DBC_ENVIRONMENT},
        {"BU_SG_REL_", CANP_DBC_NODE_SIGNAL},
        {"BU_BO_REL_", CANP_DBC_NODE_MESSAGE},
        {"BU_EV_REL_", CANP_DBC_NODE_ENVIRONMENT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (take_keyword(p, rows[i].keyword))
            return rows[i].kind;
    return CANP_DBC_NETWORK;
}

static bool read_texts(struct dbc_parser *p, struct canp_dbc_attribute_definition *d)
{
    struct dbc_list texts = {0};
    do {
        const char *text;
        if (!canp_dbc_lex_line_string(&p->lex, &text, "a text of the list") || !dbc_list_add(p, &texts, text))
            return false;
    } while (canp_dbc_lex_maybe(&p->lex, ','));
    d->texts = (const char *const *)texts.items;
    d->text_count = texts.count;
    return true;
}

static bool read_bounds(struct dbc_parser *p, struct canp_dbc_attribute_definition *d)
{
    canp_dbc_lex_blanks(&p->lex);
    if (p->lex.at < p->lex.end && *p->lex.at == ';')
        return true; /* some tools leave them out */
    return canp_dbc_lex_number(&p->lex, &d->minimum, NULL, "the attribute's minimum") &&
           canp_dbc_lex_number(&p->lex, &d->maximum, NULL, "the attribute's maximum");
}

static bool read_type(struct dbc_parser *p, struct canp_dbc_attribute_definition *d)
{
    static const char *const names[] = {"INT", "HEX", "FLOAT", "STRING", "ENUM"};
    for (int i = CANP_DBC_INT; i <= CANP_DBC_ENUM; i++) {
        if (!take_keyword(p, names[i]))
            continue;
        d->type = (enum canp_dbc_attribute_type)i;
        if (i == CANP_DBC_ENUM)
            return read_texts(p, d);
        return i == CANP_DBC_STRING || read_bounds(p, d);
    }
    return canp_dbc_lex_fail(&p->lex, "INT, HEX, FLOAT, STRING or ENUM");
}

bool canp_dbc_read_definition(struct dbc_parser *p)
{
    struct canp_dbc_attribute_definition *d = dbc_take(p, sizeof(*d));
    if (!d)
        return false;
    d->object = object_kind(p);
    if (!canp_dbc_lex_line_string(&p->lex, &d->name, "the attribute's name in quotes") || !read_type(p, d) ||
        !end_statement(p))
        return false;
    return !dbc_names_add(p, DBC_NAMES_DEFINITION, d->object, d->name, d) ||
           dbc_list_add(p, &p->definitions, d);
}

/* A value as its definition's type wants it. */
static bool read_value(struct dbc_parser *p, const struct canp_dbc_attribute_definition *d,
                       struct canp_dbc_attribute_value *value)
{
    canp_dbc_lex_blanks(&p->lex);
    bool quoted = p->lex.at < p->lex.end && *p->lex.at == '"';
    if (!quoted) {
        if (!canp_dbc_lex_number(&p->lex, &value->number, &value->integer, "the attribute's value"))
            return false;
        if (d->type == CANP_DBC_ENUM && value->integer >= 0 && value->integer < (int64_t)d->text_count)
            value->text = d->texts[value->integer];
        return true;
    }
    if (!canp_dbc_lex_string(&p->lex, &value->text, "the attribute's value"))
        return false;
    if (d->type == CANP_DBC_ENUM) {
        value->integer = -1;
        for (uint32_t i = 0; i < d->text_count && value->integer < 0; i++)
            if (strcmp(d->texts[i], value->text) == 0)
                value->integer = i;
        value->number = (double)value->integer;
    } else if (d->type != CANP_DBC_STRING) { /* a number in quotes */
        const char *end;
        (void)canp_dbc_number(value->text, value->text + strlen(value->text), &value->number, &value->integer,
                              &end);
    }
    return true;
}

static struct canp_dbc_attribute_definition *definition_of(struct dbc_parser *p, enum canp_dbc_object object,
                                                           const char *name)
{
    return dbc_writable(
        canp_dbc_names_find(&p->dbc->names, DBC_NAMES_DEFINITION, (uint32_t)object, dbc_word_of(name)));
}

/* A default is for all definitions of that name between two kinds of object. */
static bool read_default_of(struct dbc_parser *p, enum canp_dbc_object first, enum canp_dbc_object last)
{
    const char *name;
    bool known = false;
    if (!canp_dbc_lex_line_string(&p->lex, &name, "the attribute's name in quotes"))
        return false;
    struct dbc_lex value_at = p->lex;
    for (enum canp_dbc_object object = first; object <= last; object++) {
        struct canp_dbc_attribute_definition *d = definition_of(p, object, name);
        if (!d)
            continue;
        known = true;
        p->lex = value_at;
        if (!read_value(p, d, &d->by_default))
            return false;
        d->has_default = true;
    }
    return known ? end_statement(p)
                 : canp_dbc_lex_fail(&p->lex, "in front of this, an attribute that BA_DEF_ defines");
}

bool canp_dbc_read_default(struct dbc_parser *p)
{
    return read_default_of(p, CANP_DBC_NETWORK, CANP_DBC_ENVIRONMENT);
}

bool canp_dbc_read_relation_default(struct dbc_parser *p)
{
    return read_default_of(p, CANP_DBC_NODE_MESSAGE, CANP_DBC_NODE_ENVIRONMENT);
}

bool canp_dbc_read_attribute(struct dbc_parser *p)
{
    struct object object;
    const char *name;
    struct canp_dbc_attribute *a = dbc_take(p, sizeof(*a));
    if (!a || !canp_dbc_lex_line_string(&p->lex, &name, "the attribute's name in quotes") ||
        !read_object(p, &object))
        return false;
    a->definition = definition_of(p, object.kind, name);
    if (!a->definition)
        return canp_dbc_lex_fail(&p->lex,
                                 "in front of this, an attribute that BA_DEF_ defines for such an object");
    if (!read_value(p, a->definition, &a->value) || !end_statement(p))
        return false;
    a->next = *object.attributes;
    *object.attributes = a;
    return true;
}

bool canp_dbc_read_relation_definition(struct dbc_parser *p)
{
    return canp_dbc_read_definition(p);
}

static bool read_related(struct dbc_parser *p, enum canp_dbc_object kind, struct canp_dbc_relation *r)
{
    r->node = canp_dbc_named_node(p);
    if (!r->node)
        return false;
    if (kind == CANP_DBC_NODE_SIGNAL) {
        take_keyword(p, "SG_");
        r->signal = canp_dbc_named_signal(p);
        r->message = r->signal ? r->signal->message : NULL;
        return r->signal != NULL;
    }
    if (kind == CANP_DBC_NODE_MESSAGE) {
        r->message = canp_dbc_named_message(p);
        return r->message != NULL;
    }
    r->environment = canp_dbc_named_environment(p);
    return r->environment != NULL;
}

bool canp_dbc_read_relation(struct dbc_parser *p)
{
    const char *name;
    struct canp_dbc_relation *r = dbc_take(p, sizeof(*r));
    if (!r || !canp_dbc_lex_line_string(&p->lex, &name, "the attribute's name in quotes"))
        return false;
    enum canp_dbc_object kind = object_kind(p);
    if (kind < CANP_DBC_NODE_MESSAGE)
        return canp_dbc_lex_fail(&p->lex, "BU_SG_REL_, BU_BO_REL_ or BU_EV_REL_");
    r->attribute.definition = definition_of(p, kind, name);
    if (!r->attribute.definition)
        return canp_dbc_lex_fail(&p->lex, "in front of this, an attribute that BA_DEF_REL_ defines");
    return read_related(p, kind, r) && read_value(p, r->attribute.definition, &r->attribute.value) &&
           end_statement(p) && dbc_list_add(p, &p->relations, r);
}

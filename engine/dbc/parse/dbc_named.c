/* Finds the objects to which statements of a DBC file refer by id or name. One thread at a time, as the
 * parser. */
#include "dbc_priv.h"

static void *find(struct dbc_parser *p, enum dbc_names_kind kind, uint32_t id, struct dbc_word name)
{
    return dbc_writable(canp_dbc_names_find(&p->dbc->names, kind, id, name));
}

/* Moves back to where the reference is, so that the error names its place. */
static void *unknown(struct dbc_parser *p, const char *at, const char *what)
{
    if (at >= p->lex.line_start)
        p->lex.at = at;
    canp_dbc_lex_fail(&p->lex, what);
    return NULL;
}

struct canp_dbc_message *canp_dbc_named_message(struct dbc_parser *p)
{
    uint64_t id;
    if (!canp_dbc_lex_uint(&p->lex, UINT32_MAX, &id, "a message's id"))
        return NULL;
    const char *at = p->lex.at;
    void *found = find(p, DBC_NAMES_MESSAGE_ID, (uint32_t)id, (struct dbc_word){"", 0});
    return found ? found : unknown(p, at, "in front of this, the id of a message of this file");
}

struct canp_dbc_signal *canp_dbc_named_signal(struct dbc_parser *p)
{
    struct dbc_word name;
    struct canp_dbc_message *message = canp_dbc_named_message(p);
    if (!message || !canp_dbc_lex_word(&p->lex, &name, "a signal's name"))
        return NULL;
    void *found = find(p, DBC_NAMES_SIGNAL, message->id, name);
    return found ? found : unknown(p, name.text, "the name of a signal of this message");
}

struct canp_dbc_node *canp_dbc_named_node(struct dbc_parser *p)
{
    struct dbc_word name;
    if (!canp_dbc_lex_word(&p->lex, &name, "a node's name"))
        return NULL;
    void *found = find(p, DBC_NAMES_NODE, 0, name);
    return found ? found : unknown(p, name.text, "the name of a node of this file");
}

struct canp_dbc_environment *canp_dbc_named_environment(struct dbc_parser *p)
{
    struct dbc_word name;
    if (!canp_dbc_lex_word(&p->lex, &name, "an environment variable's name"))
        return NULL;
    void *found = find(p, DBC_NAMES_ENVIRONMENT, 0, name);
    return found ? found : unknown(p, name.text, "the name of an environment variable of this file");
}

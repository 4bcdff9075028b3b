/* The inside of a database, and what the files of the parser share. One thread while it is parsed; constant
 * afterwards. */
#ifndef CANP_DBC_PRIV_H
#define CANP_DBC_PRIV_H

#include <canp/dbc.h>
#include <stdatomic.h>

#include "dbc/base/dbc_arena.h"
#include "dbc/base/dbc_lex.h"
#include "dbc/base/dbc_names.h"

struct canp_dbc {
    struct canp_dbc_contents contents;
    _Atomic uint32_t owners;
    const char *name; /* the path, for sentences */
    struct dbc_arena arena;
    struct dbc_names names;
    uint64_t error_count;
    uint32_t kept_count;
    struct canp_dbc_error *errors; /* malloc'ed */
};

struct dbc_parser {
    struct dbc_lex lex;
    struct canp_dbc *dbc;
    const struct canp_dbc_opts *opts;
    struct canp_why *why;
    struct canp_dbc_message *message; /* whose SG_ statements follow, or NULL */
    struct canp_dbc_signal *signals;  /* its signals so far; malloc'ed, reused */
    uint32_t signal_count, signal_capacity;
    struct canp_dbc_value_text *texts; /* of the list being read; malloc'ed, reused */
    uint32_t text_count, text_capacity;
    struct dbc_list messages, nodes, tables, environments, definitions, relations;
    uint64_t statements; /* that were read */
    int failed;          /* -ENOMEM or -CANP_E_SYNTAX: the end */
};

/* Says what zeros mean. 0, -E2BIG or -EINVAL with its sentence. */
int canp_dbc_take_opts(const struct canp_dbc_opts *opts, struct canp_dbc_opts *taken, struct canp_why *why);

/* Reads one statement behind its keyword. False: lex says what was expected. */
typedef bool dbc_statement(struct dbc_parser *p);

dbc_statement canp_dbc_read_version, canp_dbc_read_nodes, canp_dbc_read_message, canp_dbc_read_signal;
dbc_statement canp_dbc_read_transmitters, canp_dbc_read_group, canp_dbc_read_value_type,
    canp_dbc_read_mux_values;
dbc_statement canp_dbc_read_environment, canp_dbc_read_environment_data;
dbc_statement canp_dbc_read_comment, canp_dbc_read_values, canp_dbc_read_table;
dbc_statement canp_dbc_read_definition, canp_dbc_read_default, canp_dbc_read_attribute;
dbc_statement canp_dbc_read_relation_definition, canp_dbc_read_relation_default, canp_dbc_read_relation;

/* The message whose signals were collected is complete. 0 or -ENOMEM. */
int canp_dbc_end_message(struct dbc_parser *p);

/* All statements are read: multiplexers are linked, defaults put, marks set. 0 or -ENOMEM. */
int canp_dbc_link(struct dbc_parser *p);

/* What a name refers to; NULL: noted as an error. The id as it stands in the file. */
struct canp_dbc_message *canp_dbc_named_message(struct dbc_parser *p);
struct canp_dbc_signal *canp_dbc_named_signal(struct dbc_parser *p); /* message id and signal */
struct canp_dbc_node *canp_dbc_named_node(struct dbc_parser *p);
struct canp_dbc_environment *canp_dbc_named_environment(struct dbc_parser *p);

/* `1 "one" 0 "zero" ;` up to and with the semicolon, into a table (its name is left). */
bool canp_dbc_read_value_texts(struct dbc_parser *p, struct canp_dbc_value_table *table);

static inline struct dbc_word dbc_word_of(const char *text)
{
    return (struct dbc_word){text, __builtin_strlen(text)};
}

/* The parser's own object for what the public structs hold as const: they are all its own until it is done.
 */
static inline void *dbc_writable(const void *object)
{
    return (void *)(uintptr_t)object;
}

/* Arena memory for one, or NULL with lex.out_of_memory set. */
static inline void *dbc_take(struct dbc_parser *p, size_t bytes)
{
    void *taken = canp_dbc_arena_take(&p->dbc->arena, bytes);
    p->lex.out_of_memory |= taken == NULL;
    return taken;
}

static inline bool dbc_list_add(struct dbc_parser *p, struct dbc_list *list, const void *item)
{
    if (canp_dbc_list_add(&p->dbc->arena, list, item) == 0)
        return true;
    p->lex.out_of_memory = true;
    return false;
}

/* True when the key is new; a second one of the same name is not an error here. */
static inline bool dbc_names_add(struct dbc_parser *p, enum dbc_names_kind kind, uint32_t id,
                                 const char *name, const void *object)
{
    int r = canp_dbc_names_add(&p->dbc->names, kind, id, dbc_word_of(name), object);
    p->lex.out_of_memory |= r < 0;
    return r == 1;
}

#endif

/* Names and ids -> objects of a database: one hash table, seeded, so that no file can make it slow. One
 * thread at a time while it is filled; any number of threads afterwards. */
#ifndef CANP_DBC_NAMES_H
#define CANP_DBC_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "dbc_lex.h"

/* What a key stands for. */
enum dbc_names_kind {
    DBC_NAMES_MESSAGE_ID,  /* id; no name */
    DBC_NAMES_MESSAGE,     /* name */
    DBC_NAMES_SIGNAL,      /* message id and name */
    DBC_NAMES_NODE,        /* name */
    DBC_NAMES_TABLE,       /* name */
    DBC_NAMES_ENVIRONMENT, /* name */
    DBC_NAMES_DEFINITION,  /* enum canp_dbc_object as the id, and name */
};

struct dbc_names_entry {
    uint64_t hash; /* 0: empty */
    uint32_t id;
    uint32_t kind;
    const void *object; /* its first member is `const char *name`, unless the kind has no name */
};

/* Zero it before use, but for the seed. */
struct dbc_names {
    struct dbc_names_entry *entries;
    uint32_t count, capacity; /* capacity: a power of two, or 0 */
    uint64_t seed;
};

void canp_dbc_names_seed(struct dbc_names *names);

/* The object first added under this key, or NULL. */
const void *canp_dbc_names_find(const struct dbc_names *names, enum dbc_names_kind kind, uint32_t id,
                                struct dbc_word name);

/* 1 added; 0: the key is there already, nothing changes; -ENOMEM. */
int canp_dbc_names_add(struct dbc_names *names, enum dbc_names_kind kind, uint32_t id, struct dbc_word name,
                       const void *object);

void canp_dbc_names_free(struct dbc_names *names);

#endif

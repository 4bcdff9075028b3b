/*
 * Reads the terminals of the DBC grammar from left to right. Each function skips blanks, newlines and `//`
 * comments, then reads one terminal and moves behind it; otherwise it stays and notes what it expected. One
 * thread at a time.
 */
#ifndef CANP_DBC_LEX_H
#define CANP_DBC_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbc_arena.h"

struct dbc_lex {
    const char *at, *end;
    const char *line_start;
    uint32_t line;
    bool is_utf8;         /* else Windows-1252 */
    bool has_nul;         /* somewhere in the text */
    bool out_of_memory;   /* set for good */
    const char *expected; /* what the failed reader wanted; NULL: nothing failed yet */
    const char *failed_at;
    uint32_t failed_line, failed_column;
    struct dbc_arena *arena;
};

/* A word as it lies in the text. */
struct dbc_word {
    const char *text;
    size_t bytes;
};

void canp_dbc_lex_skip(struct dbc_lex *lex);
static inline void canp_dbc_lex_blanks(struct dbc_lex *lex)
{
    if (lex->at < lex->end && (unsigned char)*lex->at <= '/') /* blanks and comments alone are below */
        canp_dbc_lex_skip(lex);
}

/* Notes what was expected here, once per statement; returns false. */
bool canp_dbc_lex_fail(struct dbc_lex *lex, const char *expected);

/* Is this the next character? It is taken then; nothing is noted otherwise. */
bool canp_dbc_lex_maybe(struct dbc_lex *lex, char c);

/* These note `what` when they fail. */
bool canp_dbc_lex_char(struct dbc_lex *lex, char c, const char *what);
bool canp_dbc_lex_word(struct dbc_lex *lex, struct dbc_word *word, const char *what);
bool canp_dbc_lex_uint(struct dbc_lex *lex, uint64_t max, uint64_t *value, const char *what);
/* A number; *integer is exact where it is one within 64 bits, else saturated. integer may be NULL. */
bool canp_dbc_lex_number(struct dbc_lex *lex, double *value, int64_t *integer, const char *what);
/* A text in quotes, `\"` unescaped, as UTF-8 in the arena. */
bool canp_dbc_lex_string(struct dbc_lex *lex, const char **text, const char *what);
/* The same for what ends in its line: a quote left open costs no further line. */
bool canp_dbc_lex_line_string(struct dbc_lex *lex, const char **text, const char *what);

/* A word's copy in the arena, as UTF-8, terminated. NULL without memory (noted). */
const char *canp_dbc_lex_copy(struct dbc_lex *lex, struct dbc_word word);

/* Does a statement begin here: a keyword as a line's first word? Blanks have been skipped. */
bool canp_dbc_lex_at_statement(const struct dbc_lex *lex);

/* The next word without moving; empty when none is there. */
struct dbc_word canp_dbc_lex_peek(struct dbc_lex *lex);

static inline bool canp_dbc_word_is(struct dbc_word word, const char *text)
{
    size_t i = 0;
    while (i < word.bytes && text[i] == word.text[i] && text[i] != '\0')
        i++;
    return i == word.bytes && text[i] == '\0';
}

/* The statements, by their keyword. X(enum, keyword) */
#define DBC_KEYWORDS(X)                                                                                      \
    X(SG, "SG_")                                                                                             \
    X(BO, "BO_")                                                                                             \
    X(VAL, "VAL_")                                                                                           \
    X(BA, "BA_")                                                                                             \
    X(CM, "CM_")                                                                                             \
    X(SG_MUL_VAL, "SG_MUL_VAL_")                                                                             \
    X(SIG_VALTYPE, "SIG_VALTYPE_")                                                                           \
    X(BA_DEF, "BA_DEF_")                                                                                     \
    X(BA_DEF_DEF, "BA_DEF_DEF_")                                                                             \
    X(BO_TX_BU, "BO_TX_BU_")                                                                                 \
    X(VAL_TABLE, "VAL_TABLE_")                                                                               \
    X(SIG_GROUP, "SIG_GROUP_")                                                                               \
    X(BU, "BU_")                                                                                             \
    X(BS, "BS_")                                                                                             \
    X(NS, "NS_")                                                                                             \
    X(VERSION, "VERSION")                                                                                    \
    X(EV, "EV_")                                                                                             \
    X(ENVVAR_DATA, "ENVVAR_DATA_")                                                                           \
    X(BA_REL, "BA_REL_")                                                                                     \
    X(BA_DEF_REL, "BA_DEF_REL_")                                                                             \
    X(BA_DEF_DEF_REL, "BA_DEF_DEF_REL_")                                                                     \
    X(EV_DATA, "EV_DATA_")                                                                                   \
    X(SGTYPE, "SGTYPE_")                                                                                     \
    X(SGTYPE_VAL, "SGTYPE_VAL_")                                                                             \
    X(BA_DEF_SGTYPE, "BA_DEF_SGTYPE_")                                                                       \
    X(BA_SGTYPE, "BA_SGTYPE_")                                                                               \
    X(SIG_TYPE_REF, "SIG_TYPE_REF_")                                                                         \
    X(SIGTYPE_VALTYPE, "SIGTYPE_VALTYPE_")                                                                   \
    X(CAT_DEF, "CAT_DEF_")                                                                                   \
    X(CAT, "CAT_")                                                                                           \
    X(FILTER, "FILTER")

#define DBC_KEYWORD_ENUM(name, text) DBC_KEY_##name,
enum dbc_keyword { DBC_KEYWORDS(DBC_KEYWORD_ENUM) DBC_KEY_NONE };
#undef DBC_KEYWORD_ENUM

enum dbc_keyword canp_dbc_keyword(struct dbc_word word);

#endif

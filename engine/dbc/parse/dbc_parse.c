/*
 * Parses the statements of a DBC file one after the other, each by its keyword. A statement that cannot be
 * read is noted, and parsing continues at the next line, after the statement's first one, that begins with a
 * keyword. So a quote that was left open costs only its own statement. The search for the end of a statement
 * stops at such a line, too, so the time is linear. One thread.
 */
#include "dbc_priv.h"

#include <canp/frame.h>
#include <canp/pools/clock.h>
#include <canp/private/opts.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- statements without meaning for decoding ---------------------------------------------------------- */

/* The lines of an NS_ section hold one word each, and are keywords: the first line that is more is the next
 * statement's. */
static bool read_new_symbols(struct dbc_parser *p)
{
    struct dbc_lex *lex = &p->lex;
    canp_dbc_lex_maybe(lex, ':');
    for (;;) {
        struct dbc_word word = canp_dbc_lex_peek(lex);
        const char *q = word.text + word.bytes;
        while (q < lex->end && (*q == ' ' || *q == '\t' || *q == '\r'))
            q++;
        if (word.bytes == 0 || (q < lex->end && *q != '\n'))
            return true;
        lex->at = q;
    }
}

/* Up to the semicolon, or to the next statement. */
static bool skip_statement(struct dbc_parser *p)
{
    struct dbc_lex *lex = &p->lex;
    const char *unused;
    for (;;) {
        canp_dbc_lex_blanks(lex);
        if (lex->at >= lex->end || canp_dbc_lex_at_statement(lex))
            return true;
        if (*lex->at == '"') {
            if (!canp_dbc_lex_string(lex, &unused, "a text"))
                return false;
        } else if (*lex->at++ == ';') {
            return true;
        }
    }
}

bool canp_dbc_read_version(struct dbc_parser *p)
{
    return canp_dbc_lex_string(&p->lex, &p->dbc->contents.version, "the version in quotes");
}

/* ---- errors ---------------------------------------------------------------------------------------------
 */

/* What stands there, printable and short. */
static void found_text(const struct dbc_lex *lex, char out[48])
{
    const char *p = lex->failed_at;
    size_t n = 0;
    if (p >= lex->end || *p == '\n' || *p == '\r') {
        snprintf(out, 48, "%s", p >= lex->end ? "the end of the file" : "the end of the line");
        return;
    }
    out[n++] = '\'';
    for (; p < lex->end && n < 24 && *p != '\n' && *p != '\r'; p++)
        out[n++] = *p >= ' ' && *p < 127 ? *p : '?';
    out[n++] = '\'';
    out[n] = '\0';
}

static int keep_error(struct dbc_parser *p, const char *sentence)
{
    struct canp_dbc *dbc = p->dbc;
    uint32_t kept = dbc->kept_count;
    if ((kept & (kept - 1)) == 0) {
        struct canp_dbc_error *more = realloc(dbc->errors, (kept ? kept * 2 : 1) * sizeof(*more));
        if (!more)
            return -ENOMEM;
        dbc->errors = more;
    }
    const char *text = canp_dbc_lex_copy(&p->lex, dbc_word_of(sentence));
    if (!text)
        return -ENOMEM;
    dbc->errors[dbc->kept_count++] = (struct canp_dbc_error){p->lex.failed_line, p->lex.failed_column, text};
    return 0;
}

static int note_error(struct dbc_parser *p)
{
    char found[48], sentence[256];
    p->dbc->error_count++;
    if (!p->opts->strict && p->dbc->kept_count >= p->opts->errors_kept)
        return 0;
    found_text(&p->lex, found);
    snprintf(sentence, sizeof(sentence), "expected %s, found %s", p->lex.expected, found);
    if (p->opts->strict)
        return canp_fail(p->why, -CANP_E_SYNTAX,
                         "%s:%u:%u: %s; correct it, or read the file without being strict", p->dbc->name,
                         p->lex.failed_line, p->lex.failed_column, sentence);
    return keep_error(p, sentence);
}

/* ---- the loop -------------------------------------------------------------------------------------------
 */

static dbc_statement *const statements[DBC_KEY_NONE + 1] = {
    [DBC_KEY_SG] = canp_dbc_read_signal,
    [DBC_KEY_BO] = canp_dbc_read_message,
    [DBC_KEY_VAL] = canp_dbc_read_values,
    [DBC_KEY_BA] = canp_dbc_read_attribute,
    [DBC_KEY_CM] = canp_dbc_read_comment,
    [DBC_KEY_SG_MUL_VAL] = canp_dbc_read_mux_values,
    [DBC_KEY_SIG_VALTYPE] = canp_dbc_read_value_type,
    [DBC_KEY_BA_DEF] = canp_dbc_read_definition,
    [DBC_KEY_BA_DEF_DEF] = canp_dbc_read_default,
    [DBC_KEY_BO_TX_BU] = canp_dbc_read_transmitters,
    [DBC_KEY_VAL_TABLE] = canp_dbc_read_table,
    [DBC_KEY_SIG_GROUP] = canp_dbc_read_group,
    [DBC_KEY_BU] = canp_dbc_read_nodes,
    [DBC_KEY_NS] = read_new_symbols,
    [DBC_KEY_VERSION] = canp_dbc_read_version,
    [DBC_KEY_EV] = canp_dbc_read_environment,
    [DBC_KEY_ENVVAR_DATA] = canp_dbc_read_environment_data,
    [DBC_KEY_BA_REL] = canp_dbc_read_relation,
    [DBC_KEY_BA_DEF_REL] = canp_dbc_read_relation_definition,
    [DBC_KEY_BA_DEF_DEF_REL] = canp_dbc_read_relation_default,
};

/* On to the next line that begins with a keyword, from the line behind `first`; `line` is that line's number.
 */
static void resynchronise(struct dbc_lex *lex, const char *first, uint32_t line)
{
    lex->at = first;
    lex->line = line;
    for (;;) {
        const char *newline = memchr(lex->at, '\n', (size_t)(lex->end - lex->at));
        lex->at = newline ? newline + 1 : lex->end;
        lex->line += newline != NULL;
        lex->line_start = lex->at;
        while (lex->at < lex->end && (*lex->at == ' ' || *lex->at == '\t'))
            lex->at++;
        if (!newline || canp_dbc_lex_at_statement(lex))
            return;
    }
}

static bool read_statement(struct dbc_parser *p)
{
    struct dbc_word word = canp_dbc_lex_peek(&p->lex);
    enum dbc_keyword key = canp_dbc_keyword(word);
    if (key == DBC_KEY_NONE)
        return canp_dbc_lex_maybe(&p->lex, ';') ||
               canp_dbc_lex_fail(&p->lex, "a keyword such as BO_, SG_ or CM_");
    p->lex.at += word.bytes;
    if (key != DBC_KEY_SG && canp_dbc_end_message(p) < 0)
        return false;
    bool good = statements[key] ? statements[key](p) : skip_statement(p);
    p->statements += good;
    return good;
}

/* 0 or the reason to end. */
static int parse(struct dbc_parser *p)
{
    int r = 0;
    for (canp_dbc_lex_blanks(&p->lex); p->lex.at < p->lex.end && r == 0; canp_dbc_lex_blanks(&p->lex)) {
        const char *first = p->lex.at;
        uint32_t line = p->lex.line;
        p->lex.expected = NULL;
        if (read_statement(p) && !p->lex.out_of_memory)
            continue;
        r = p->lex.out_of_memory ? -ENOMEM : note_error(p);
        resynchronise(&p->lex, first, line);
    }
    if (r == 0)
        r = canp_dbc_end_message(p);
    return r;
}

static bool valid_utf8_sequence(const unsigned char *p, size_t left, size_t *bytes)
{
    size_t more = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
    if (*p < 0xC2 || *p > 0xF4 || more >= left)
        return false;
    unsigned lowest = *p == 0xE0 ? 0xA0 : *p == 0xF0 ? 0x90 : 0x80;
    unsigned highest = *p == 0xED ? 0x9F : *p == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < lowest || p[1] > highest)
        return false;
    for (size_t i = 2; i <= more; i++)
        if ((p[i] & 0xC0) != 0x80)
            return false;
    *bytes = more + 1;
    return true;
}

static bool is_utf8(const char *text, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t at = 0, step; at < bytes; at += step) {
        uint64_t eight;
        step = 1;
        if (bytes - at >= 8 && (memcpy(&eight, p + at, 8), (eight & UINT64_C(0x8080808080808080)) == 0))
            step = 8;
        else if (p[at] >= 0x80 && !valid_utf8_sequence(p + at, bytes - at, &step))
            return false;
    }
    return true;
}

static void publish(struct dbc_parser *p)
{
    struct canp_dbc_contents *c = &p->dbc->contents;
    c->messages = (const struct canp_dbc_message *const *)p->messages.items;
    c->message_count = p->messages.count;
    c->nodes = (const struct canp_dbc_node *const *)p->nodes.items;
    c->node_count = p->nodes.count;
    c->tables = (const struct canp_dbc_value_table *const *)p->tables.items;
    c->table_count = p->tables.count;
    c->environments = (const struct canp_dbc_environment *const *)p->environments.items;
    c->environment_count = p->environments.count;
    c->definitions = (const struct canp_dbc_attribute_definition *const *)p->definitions.items;
    c->definition_count = p->definitions.count;
    c->relations = (const struct canp_dbc_relation *const *)p->relations.items;
    c->relation_count = p->relations.count;
    c->memory_bytes = sizeof(*p->dbc) + p->dbc->arena.total_bytes +
                      p->dbc->names.capacity * sizeof(*p->dbc->names.entries) +
                      p->dbc->kept_count * sizeof(*p->dbc->errors);
}

static int parse_into(struct canp_dbc *dbc, const char *text, size_t bytes, const struct canp_dbc_opts *opts,
                      struct canp_why *why)
{
    struct dbc_parser p = {.dbc = dbc, .opts = opts, .why = why};
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
        text += 3;
        bytes -= 3;
    }
    p.lex = (struct dbc_lex){
        .at = text, .end = text + bytes, .line_start = text, .line = 1, .arena = &dbc->arena};
    p.lex.has_nul = memchr(text, '\0', bytes) != NULL;
    p.lex.is_utf8 = dbc->contents.was_utf8 = is_utf8(text, bytes);
    int r = parse(&p);
    if (r == 0)
        r = canp_dbc_link(&p);
    free(p.signals);
    free(p.texts);
    if (r == -ENOMEM)
        return canp_fail(why, r, "no memory left to read %s", dbc->name);
    if (r == 0 && p.statements == 0)
        return canp_fail(why, -CANP_E_SYNTAX, "%s is no DBC file: not one statement of it could be read",
                         dbc->name);
    publish(&p);
    return r;
}

int canp_dbc_take_opts(const struct canp_dbc_opts *opts, struct canp_dbc_opts *taken, struct canp_why *why)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
    if (r < 0)
        return canp_fail(why, r, "signal database: options that this release of libcanp does not know");
    if (taken->errors_kept == 0)
        taken->errors_kept = 100;
    else if (taken->errors_kept == CANP_DBC_KEEP_NO_ERRORS)
        taken->errors_kept = 0;
    if (taken->file_bytes_max == 0)
        taken->file_bytes_max = UINT64_C(64) << 20;
    return 0;
}

int canp_dbc_parse(const char *text, size_t bytes, const char *name, const struct canp_dbc_opts *opts,
                   struct canp_dbc **out, struct canp_why *why)
{
    struct canp_dbc_opts taken;
    uint64_t start_ns = canp_monotonic_ns();
    int r = canp_dbc_take_opts(opts, &taken, why);
    if (r < 0)
        return r;
    opts = &taken;
    if (bytes > opts->file_bytes_max)
        return canp_fail(why, -EFBIG,
                         "%s has %zu bytes, and at most %llu may be read: is it a signal database?", name,
                         bytes, (unsigned long long)opts->file_bytes_max);
    struct canp_dbc *dbc = calloc(1, sizeof(*dbc));
    size_t name_bytes = strlen(name) + 1;
    char *copy = dbc ? canp_dbc_arena_text(&dbc->arena, name_bytes) : NULL;
    if (!copy) {
        free(dbc);
        return canp_fail(why, -ENOMEM, "no memory left to read %s", name);
    }
    dbc->name = memcpy(copy, name, name_bytes);
    dbc->owners = 1;
    dbc->contents.version = "";
    dbc->contents.file_bytes = bytes;
    canp_dbc_names_seed(&dbc->names);
    r = parse_into(dbc, text, bytes, opts, why);
    if (r < 0) {
        canp_dbc_release(dbc);
        return r;
    }
    dbc->contents.parse_ns = canp_monotonic_ns() - start_ns;
    *out = dbc;
    return 0;
}

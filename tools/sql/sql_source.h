/*
 * What tables read: recordings and logs, and signal databases. Tables with the same arguments share one, so
 * that hundreds of tables open a recording once. Owned by its tables; the connection's thread.
 */
#ifndef CANP_TOOLS_SQL_SOURCE_H
#define CANP_TOOLS_SQL_SOURCE_H

#include <canp/reader.h>

#include "signals/decode_choice.h"
#include "sql.h"

#define SQL_RECORDINGS_MAX 64
#define SQL_TEXTS_MAX      160

/* What a table is made of, as texts: recordings, `dbc=[IFACE=]FILE`, `j1939`; and of one message's table
 * `message=NAME`, with `number=N` for the Nth message of that name. */
struct sql_args {
    const char *texts[SQL_TEXTS_MAX]; /* all but message and number */
    unsigned count;
    const char *message; /* NULL: none */
    unsigned number;     /* from 1 */
};

struct sql_recording {
    const char *path;
    struct canp_reader *reader; /* NULL: a log, opened for each pass */
};

struct sql_source {
    struct sql_source *next;
    struct sql_context *context;
    unsigned owners;
    unsigned recording_count;
    struct sql_recording recordings[SQL_RECORDINGS_MAX];
    struct decode_choice choice;
    unsigned text_count;
    char *texts[SQL_TEXTS_MAX]; /* the arguments, copied: the databases' names lie in them */
};

/* Adds one argument, which is borrowed. 0 or a negative error. */
int sql_args_add(struct sql_args *args, const char *text, struct canp_why *why);

/* One more owner of the source with these arguments, or a new one. 0 or a negative error. */
int sql_source_open(struct sql_context *context, const struct sql_args *args, struct sql_source **out,
                    struct canp_why *why);
void sql_source_release(struct sql_source *source); /* NULL is fine */

/* A message of the databases by its name, the Nth of that name. NULL: none. */
const struct decode_message *sql_source_message(const struct sql_source *source, const char *name,
                                                unsigned number);

#endif

/* Recordings and databases that tables share (sql_source.h). */
#include "sql_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/log.h>

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

static const char *value_of(const char *text, const char *key)
{
    size_t length = strlen(key);
    return strncmp(text, key, length) == 0 ? text + length : NULL;
}

int sql_args_add(struct sql_args *args, const char *text, struct canp_why *why)
{
    const char *message = value_of(text, "message="), *number = value_of(text, "number=");
    if (message) {
        args->message = message;
        return 0;
    }
    if (number) {
        args->number = (unsigned)strtoul(number, NULL, 10);
        return 0;
    }
    if (text[0] == '\0')
        return canp_fail(why, -EINVAL, "an argument is empty: give a recording, or dbc=FILE");
    if (args->count == SQL_TEXTS_MAX)
        return canp_fail(why, -E2BIG, "more than %d recordings and databases", SQL_TEXTS_MAX);
    args->texts[args->count++] = text;
    return 0;
}

/* ---- opening ------------------------------------------------------------------------------------------ */

static bool is_recording(const char *text)
{
    return !value_of(text, "dbc=") && strcmp(text, "j1939") != 0;
}

/* Is it a log in another format? It is opened once to see. */
static int try_log(const char *path, struct canp_why *why)
{
    struct canp_log_reader *log;
    int r = canp_log_open(path, NULL, &log, why);
    if (r == 0)
        canp_log_close(log);
    return r;
}

static int open_recording(struct sql_source *s, const char *path, struct canp_why *why)
{
    struct canp_reader_opts opts = CANP_READER_OPTS_INIT;
    if (strcmp(path, "-") == 0)
        return canp_fail(why, -EINVAL,
                         "stdin can be read once only, tables are read again and again: convert it to a "
                         "recording first");
    if (s->recording_count == SQL_RECORDINGS_MAX)
        return canp_fail(why, -E2BIG, "%s: more than %d recordings", path, SQL_RECORDINGS_MAX);
    struct sql_recording *recording = &s->recordings[s->recording_count++];
    recording->path = path;
    opts.stop = s->context->stop;
    int r = canp_reader_open_opts(path, &opts, &recording->reader, why);
    if (r == -CANP_E_FORMAT || r == -CANP_E_EMPTY)
        return try_log(path, why);
    return r;
}

static int open_texts(struct sql_source *s, struct canp_why *why)
{
    int r = 0;
    for (unsigned i = 0; i < s->text_count && r == 0; i++)
        s->choice.j1939 = s->choice.j1939 || strcmp(s->texts[i], "j1939") == 0;
    for (unsigned i = 0; i < s->text_count && r == 0; i++) {
        const char *dbc = value_of(s->texts[i], "dbc=");
        if (dbc)
            r = decode_choice_add(&s->choice, dbc, why);
        else if (is_recording(s->texts[i]))
            r = open_recording(s, s->texts[i], why);
    }
    if (r == 0 && s->recording_count == 0)
        r = canp_fail(why, -EINVAL, "which recording? Give its path as an argument");
    return r == 0 ? decode_choice_match(&s->choice, NULL, 0, why) : r;
}

static int copy_texts(struct sql_source *s, const struct sql_args *args)
{
    for (; s->text_count < args->count; s->text_count++) {
        s->texts[s->text_count] = strdup(args->texts[s->text_count]);
        if (!s->texts[s->text_count])
            return -ENOMEM;
    }
    return 0;
}

static bool has_texts(const struct sql_source *s, const struct sql_args *args)
{
    bool same = s->text_count == args->count;
    for (unsigned i = 0; i < args->count && same; i++)
        same = strcmp(s->texts[i], args->texts[i]) == 0;
    return same;
}

int sql_source_open(struct sql_context *context, const struct sql_args *args, struct sql_source **out,
                    struct canp_why *why)
{
    for (struct sql_source *s = context->sources; s; s = s->next) {
        if (has_texts(s, args)) {
            s->owners++;
            *out = s;
            return 0;
        }
    }
    struct sql_source *s = calloc(1, sizeof(*s));
    if (!s)
        return canp_fail(why, -ENOMEM, "no memory for a table");
    s->context = context;
    s->owners = 1;
    s->next = context->sources;
    context->sources = s;
    int r = copy_texts(s, args);
    r = r < 0 ? canp_fail(why, r, "no memory for a table") : open_texts(s, why);
    if (r < 0) {
        sql_source_release(s);
        return r;
    }
    *out = s;
    return 0;
}

void sql_source_release(struct sql_source *s)
{
    if (!s || --s->owners)
        return;
    struct sql_source **at = &s->context->sources;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    decode_choice_close(&s->choice);
    for (unsigned i = 0; i < s->recording_count; i++)
        canp_reader_close(s->recordings[i].reader);
    for (unsigned i = 0; i < s->text_count; i++)
        free(s->texts[i]);
    free(s);
}

const struct decode_message *sql_source_message(const struct sql_source *s, const char *name, unsigned number)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < s->choice.message_count; i++) {
        const struct decode_message *m = &s->choice.messages[i];
        if (strcmp(m->message->long_name, name) == 0 && ++found >= number)
            return m;
    }
    return NULL;
}

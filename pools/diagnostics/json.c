/* JSON into a fixed buffer (json.h). Invariant: the text is zero-terminated, and length counts all that
 * should have been written. One thread at a time for each text. */
#include "json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void canp_json_start(struct canp_json *json, char *text, size_t text_bytes)
{
    *json = (struct canp_json){.text = text, .text_bytes = text_bytes};
    if (text_bytes > 0)
        text[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static void append(struct canp_json *json, const char *format, ...)
{
    size_t left_bytes = json->length < json->text_bytes ? json->text_bytes - json->length : 0;
    va_list args;

    va_start(args, format);
    int wanted = vsnprintf(left_bytes > 0 ? json->text + json->length : NULL, left_bytes, format, args);
    va_end(args);
    if (wanted > 0)
        json->length += (size_t)wanted;
}

static void append_key(struct canp_json *json, const char *key)
{
    if (json->comma)
        append(json, ",");
    if (key != NULL)
        append(json, "\"%s\":", key);
    json->comma = 1;
}

void canp_json_open(struct canp_json *json, const char *key, char bracket)
{
    append_key(json, key);
    append(json, "%c", bracket);
    json->comma = 0;
}

void canp_json_close(struct canp_json *json, char bracket)
{
    append(json, "%c", bracket);
    json->comma = 1;
}

void canp_json_u64(struct canp_json *json, const char *key, uint64_t value)
{
    append_key(json, key);
    append(json, "%" PRIu64, value);
}

void canp_json_double(struct canp_json *json, const char *key, double value)
{
    append_key(json, key);
    append(json, "%.6g", value);
}

void canp_json_string(struct canp_json *json, const char *key, const char *value)
{
    append_key(json, key);
    append(json, "\"");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            append(json, "\\%c", *at);
        else if ((unsigned char)*at < 0x20)
            append(json, "\\u%04x", (unsigned)(unsigned char)*at);
        else
            append(json, "%c", *at);
    }
    append(json, "\"");
}

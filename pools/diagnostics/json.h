/*
 * Appends JSON to a caller's buffer of fixed size. Like snprintf it never writes beyond the buffer, always
 * terminates the text, and counts the length that would have been needed. Texts of others are escaped by
 * canp_json_string(). One thread per text.
 */
#ifndef CANP_POOLS_JSON_H
#define CANP_POOLS_JSON_H

#include <stddef.h>
#include <stdint.h>

struct canp_json {
    char *text;
    size_t text_bytes;
    size_t length; /* needed so far, without the terminator */
    int comma;     /* the next key or element needs one before it */
};

void canp_json_start(struct canp_json *json, char *text, size_t text_bytes);

/* key NULL: an element of an array or the outermost value. */
void canp_json_open(struct canp_json *json, const char *key, char bracket);
void canp_json_close(struct canp_json *json, char bracket);
void canp_json_u64(struct canp_json *json, const char *key, uint64_t value);
void canp_json_double(struct canp_json *json, const char *key, double value);
void canp_json_string(struct canp_json *json, const char *key, const char *value);

#endif

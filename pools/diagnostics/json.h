/*
 * Appends JSON to a caller's buffer of fixed size, as snprintf does: never beyond it, always terminated, and
 * the length it would have needed is counted on. Names and texts written here are this library's own or are
 * escaped by canp_json_string(). One writer per thread.
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

/* Text that several commands print: JSON strings, numbers and times for people. Main thread. */
#ifndef CANP_TOOLS_TEXT_H
#define CANP_TOOLS_TEXT_H

#include <stdint.h>
#include <stdio.h>

#define TEXT_JSON_CHAR_BYTES 8

/* The next character of a text, as it stands in a JSON string: into out, zero-terminated. What is no UTF-8 (a
 * name may be any bytes) becomes U+FFFD. Returns how many of the `bytes` (at least one) it took. */
size_t text_json_char(const char *text, size_t bytes, char out[TEXT_JSON_CHAR_BYTES]);

/* A JSON string, quotes included. */
void text_json_string(FILE *to, const char *text);

#define TEXT_BYTES 48
/* "12.3 MB" (powers of 1000), "1,234,567", "12.345 s" or "1 h 02 min 03 s", "2026-01-31 12:00:00.123456789
 * UTC". */
const char *text_bytes(char out[TEXT_BYTES], uint64_t bytes);
const char *text_count(char out[TEXT_BYTES], uint64_t count);
const char *text_duration(char out[TEXT_BYTES], int64_t ns);
const char *text_time(char out[TEXT_BYTES], int64_t ns);

#endif

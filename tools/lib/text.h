/* Text that several commands print: JSON strings, numbers and times for people. Main thread. */
#ifndef CANP_TOOLS_TEXT_H
#define CANP_TOOLS_TEXT_H

#include <stdint.h>
#include <stdio.h>

#include <canp/frame.h>
#include <canp/safe_text.h>

/*
 * Text that others wrote (names of interfaces, notes, names of files) reaches a terminal or a log through
 * these alone, or as an argument of opts_fail() and opts_say(), which do it themselves;
 * tests/house/test_untrusted_text.sh looks. The spelling is that of canp/safe_text.h.
 */
#define TEXT_SAFE_BYTES 512
/* As it may be shown, cut to what fits: into out. A word has no blank. */
const char *text_safe(char out[TEXT_SAFE_BYTES], const char *text);
const char *text_safe_word(char out[TEXT_SAFE_BYTES], const char *text);
/* The same as an argument of a printf: valid to the end of the block around it. */
#define SAFE(text)      text_safe((char[TEXT_SAFE_BYTES]){0}, text)
#define SAFE_WORD(text) text_safe_word((char[TEXT_SAFE_BYTES]){0}, text)
/* However long it is. */
void text_put_safe(FILE *to, const char *text);

/* "NAME=REST", where == stands for a = of the name: copies the name, returns REST; NULL when there is no such
 * sign, or no name, or too long a one. */
const char *text_take_name(const char *text, char *name, size_t size);

/* How many bytes at the text's beginning stand for themselves in any JSON string: no quote, backslash,
 * control nor anything beyond ASCII. */
size_t text_plain_run(const char *text, size_t bytes);

/* A JSON string, quotes included. */
void text_json_string(FILE *to, const char *text);
void text_json_bytes(FILE *to, const char *text, size_t bytes);

#define TEXT_BYTES 48
/* "12.3 MB" (powers of 1000), "1,234,567", "12.345 s" or "1 h 02 min 03 s", "2026-01-31 12:00:00.123456789
 * UTC". */
const char *text_bytes(char out[TEXT_BYTES], uint64_t bytes);
const char *text_count(char out[TEXT_BYTES], uint64_t count);
const char *text_duration(char out[TEXT_BYTES], int64_t ns);
const char *text_time(char out[TEXT_BYTES], int64_t ns);

/* The interface's name; where it has none (NULL, or empty) its channel's number, as canp dump prints it:
 * "if3", written to `out`. */
const char *text_iface(char out[CANP_IFACE_NAME_BYTES], const char *name, unsigned channel);

#endif

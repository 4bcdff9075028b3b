/*
 * Untrusted text for terminals, logs, JSON and CSV: names of interfaces, notes and comments of a recording,
 * lines of a foreign file, names of files. Whoever wrote them may have put escape sequences, newlines or
 * characters that turn the direction of writing into them. These functions let through what only shows, and
 * spell out the rest.
 *
 * The spelling, which canp_safe_restore() undoes:
 *   \xHH  one byte (two hex digits, upper case): bytes 00..1F and 7F; bytes that are no UTF-8; each byte of
 *         U+0080..U+009F (C1), of characters without width or that turn the direction (U+061C, U+200B,
 *         U+200E, U+200F, U+2028..U+202E, U+2060..U+206F, U+FEFF, U+FFF9..U+FFFB, U+E0000..U+E007F);
 *         in a word also the blank
 *   \\    a backslash
 * Everything else stands for itself, so usual text looks as it is. U+200C and U+200D stay: scripts need them.
 *
 * Any thread; no state, nothing allocated.
 */
#ifndef CANP_SAFE_TEXT_H
#define CANP_SAFE_TEXT_H

#include <stddef.h>

#include <canp/export.h>

CANP_BEGIN_DECLS

/* No byte becomes more than so many. */
#define CANP_SAFE_EXPANSION 4

/* Blanks are spelled out, too: for a name within a line whose columns are separated by blanks. */
#define CANP_SAFE_WORD 1U

/*
 * Writes `bytes` bytes of text as they may be shown, and a zero behind them. Returns the length without the
 * zero. What does not fit `room` (at least 1) is left out, never half a character or half a spelling;
 * CANP_SAFE_EXPANSION * bytes + 1 always suffice. `how` is 0 or CANP_SAFE_WORD.
 */
CANP_API size_t canp_safe_text(char *out, size_t room, const char *text, size_t bytes, unsigned how);

/*
 * Undoes it: `out` needs `bytes` bytes and may be `text` itself. Returns the length; no zero is appended.
 * A backslash that begins none of the spellings stands for itself.
 */
CANP_API size_t canp_safe_restore(char *out, const char *text, size_t bytes);

#define CANP_SAFE_JSON_BYTES 16

/*
 * The next character of a text, as it stands in a JSON string (RFC 8259): into out, zero-terminated. The
 * characters named above become \uXXXX, what is no UTF-8 U+FFFD. Returns how many of the `bytes` (at least
 * one) it took.
 */
CANP_API size_t canp_safe_json_char(const char *text, size_t bytes, char out[CANP_SAFE_JSON_BYTES]);

/* Room that canp_safe_csv() may need for so many bytes. */
#define CANP_SAFE_CSV_BYTES(bytes) (CANP_SAFE_EXPANSION * (bytes) + 4)

/*
 * The text as one cell of a CSV file (RFC 4180): spelled as by canp_safe_text(), with an apostrophe before a
 * first = + - @ or apostrophe, which a spreadsheet would take for the beginning of a formula; in quotes,
 * quotes doubled, where there is a comma, a quote or that apostrophe. Who reads the cell takes the apostrophe
 * off again. Returns the length and appends a zero; `room` is at least CANP_SAFE_CSV_BYTES(bytes).
 */
CANP_API size_t canp_safe_csv(char *out, size_t room, const char *text, size_t bytes);

CANP_END_DECLS

#endif

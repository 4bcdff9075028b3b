/*
 * Untrusted text for terminals, logs, JSON and CSV: names of interfaces, notes and comments of a recording,
 * lines of a foreign file, names of files. They may contain escape sequences, newlines or characters that
 * change the direction of writing, put there on purpose. These functions keep the characters that are only
 * displayed and spell out all others.
 *
 * The spelling, which canp_safe_restore() undoes:
 *   \xHH  one byte (two hex digits, upper case): bytes 00..1F and 7F; bytes that are no UTF-8; each byte of
 *         U+0080..U+009F (C1), of characters that have no width or change the direction (U+061C, U+200B,
 *         U+200E, U+200F, U+2028..U+202E, U+2060..U+206F, U+FEFF, U+FFF9..U+FFFB, U+E0000..U+E007F);
 *         with CANP_SAFE_WORD the blank, too
 *   \\    a backslash
 * Everything else stands for itself, so ordinary text stays as it is. U+200C and U+200D are kept: some
 * scripts need them.
 *
 * Any thread; the functions keep no state and allocate nothing.
 */
#ifndef CANP_SAFE_TEXT_H
#define CANP_SAFE_TEXT_H

#include <stddef.h>

#include <canp/export.h>

CANP_BEGIN_DECLS

/* One byte becomes at most this many. */
#define CANP_SAFE_EXPANSION 4

/* Spells out blanks, too: for a name in a line whose columns are separated by blanks. */
#define CANP_SAFE_WORD 1U

/*
 * Writes `bytes` bytes of text so that they can be shown, and a zero behind them. Returns the length without
 * the zero. Text that does not fit into `room` (at least 1) is cut, never within a character or a spelling;
 * CANP_SAFE_EXPANSION * bytes + 1 is always enough. `how` is 0 or CANP_SAFE_WORD.
 */
CANP_API size_t canp_safe_text(char *out, size_t room, const char *text, size_t bytes, unsigned how);

/*
 * Undoes canp_safe_text(): `out` needs `bytes` bytes and may be `text` itself. Returns the length; no zero is
 * appended. A backslash that begins no spelling stands for itself.
 */
CANP_API size_t canp_safe_restore(char *out, const char *text, size_t bytes);

#define CANP_SAFE_JSON_BYTES 16

/*
 * Writes the next character of a text as it is written in a JSON string (RFC 8259) into out, zero-terminated.
 * The characters named above become \uXXXX, bytes that are no UTF-8 become U+FFFD. Returns how many of the
 * `bytes` (at least one) it read.
 */
CANP_API size_t canp_safe_json_char(const char *text, size_t bytes, char out[CANP_SAFE_JSON_BYTES]);

/* Room that canp_safe_csv() may need for so many bytes. */
#define CANP_SAFE_CSV_BYTES(bytes) (CANP_SAFE_EXPANSION * (bytes) + 4)

/*
 * The text as one cell of a CSV file (RFC 4180): spelled as by canp_safe_text(), with an apostrophe before a
 * first = + - @ or apostrophe, which a spreadsheet would take for the beginning of a formula. A text with a
 * comma, a quote or that apostrophe is put in quotes, with its quotes doubled. A program that reads the cell
 * removes the apostrophe. Returns the length and appends a zero; `room` must be at least
 * CANP_SAFE_CSV_BYTES(bytes).
 */
CANP_API size_t canp_safe_csv(char *out, size_t room, const char *text, size_t bytes);

CANP_END_DECLS

#endif

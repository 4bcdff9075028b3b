/* Points in time as the tables' column `time` writes them: 2026-01-31 12:00:00.123456789, UTC. Any thread. */
#ifndef CANP_TOOLS_SQL_TIME_H
#define CANP_TOOLS_SQL_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define SQL_TIME_BYTES 32

/* Writes it, 29 characters for every 64 bit time; returns `out`. */
const char *sql_time_text(char out[SQL_TIME_BYTES], int64_t ns);

/*
 * Reads it; the end may be missing from behind the date on, which means the begin of that day, hour or
 * second. With `is_lenient` a T may stand for the blank, a Z behind it, and @SECONDS is a time, too. False:
 * it is none, or beyond 64 bits of nanoseconds.
 */
bool sql_time_parse(const char *text, bool is_lenient, int64_t *ns);

#endif

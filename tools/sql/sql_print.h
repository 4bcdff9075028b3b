/* Prints results of statements as text, CSV or JSON. Untrusted text is spelled by canp/safe_text.h. Main
 * thread. */
#ifndef CANP_TOOLS_SQL_PRINT_H
#define CANP_TOOLS_SQL_PRINT_H

#include <stdio.h>

#include "sql.h"

enum sql_format { SQL_TEXT, SQL_CSV, SQL_JSON };

/* Runs the statement to its end. SQLITE_DONE, or the error of sqlite3_step(); SQLITE_IOERR_WRITE: nobody
 * reads, or the disk is full. */
int sql_print(FILE *to, enum sql_format format, sqlite3_stmt *statement);

#endif

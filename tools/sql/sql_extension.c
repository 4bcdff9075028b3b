/*
 * The loadable extension: `.load canp_sql` in sqlite3, enable_load_extension() and load_extension() in
 * Python. It links libcanp, and calls SQLite through the table that the program hands it, so it works with
 * whatever SQLite that is.
 */
#include <stddef.h>

#include "sql.h"

SQLITE_EXTENSION_INIT1

/* The names by which SQLite looks for it: any extension's, and one made of this file's name. */
__attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3 *db, char **error,
                                                                  const sqlite3_api_routines *api);
__attribute__((visibility("default"))) int sqlite3_canpsql_init(sqlite3 *db, char **error,
                                                                const sqlite3_api_routines *api);

int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
    struct sql_context *context;
    SQLITE_EXTENSION_INIT2(api)
    if (sqlite3_libversion_number() < 3030000) { /* sqlite3_str, SQLITE_DIRECTONLY */
        *error = sqlite3_mprintf("canp_sql needs SQLite 3.30 or newer, this is %s", sqlite3_libversion());
        return SQLITE_ERROR;
    }
    return sql_register(db, NULL, &context);
}

int sqlite3_canpsql_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
    return sqlite3_extension_init(db, error, api);
}

/* Opens a database from an open file, for the manager, which first reads the file's state. Any thread. */
#ifndef CANP_DBC_OPEN_H
#define CANP_DBC_OPEN_H

#include <canp/dbc.h>

struct stat;

/* As canp_dbc_open(); the descriptor stays the caller's. */
int canp_dbc_open_fd(int fd, const struct stat *st, const char *path, const struct canp_dbc_opts *opts,
                     struct canp_dbc **out, struct canp_why *why);

#endif

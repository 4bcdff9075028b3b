/*
 * Row ids. For an OR SQLite makes several passes and tells rows that it met before by their ids, so a row
 * must have the same id in every pass, whatever else the pass leaves out, and no two rows the same. Records
 * have no number that is cheap to know, so an id is a hash of what the row holds, and rows that are alike in
 * all are counted: a pass that lends one of them lends them all. It costs only the statements that ask for
 * ids. The connection's thread.
 */
#ifndef CANP_TOOLS_SQL_ROWID_H
#define CANP_TOOLS_SQL_ROWID_H

#include <stddef.h>

#include <canp/frame.h>

/* Zero it for each pass. */
struct sql_rowids {
    struct sql_rowid_slot {
        uint64_t hash, alike; /* alike: rows of this hash so far; 0: free */
    } * slots;
    unsigned bits;
    uint64_t count;
};

/* Mixes so many bytes into a hash. */
uint64_t sql_hash(uint64_t hash, const void *data, size_t bytes);

/* Of a record as a whole. */
uint64_t sql_hash_record(uint64_t hash, const struct canp_record *record);

/* The next row's id. 0 or -ENOMEM. */
int sql_rowids_next(struct sql_rowids *rowids, uint64_t hash, int64_t *rowid);

void sql_rowids_free(struct sql_rowids *rowids);

#endif

/*
 * Row ids. For an OR SQLite makes several passes and recognises rows that it met before by their ids. So a
 * row must have the same id in every pass, whatever rows the pass leaves out, and no two rows may have the
 * same id. The number of a record is not cheap to know, so the id is a hash of the row's content and of its
 * number among equal rows; this works because a pass returns all equal rows or none. Only statements that use
 * ids pay for them. The connection's thread.
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

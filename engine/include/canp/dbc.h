/*
 * Signal databases: how DBC files describe the bytes of messages. A database does not change once it is read:
 * any number of threads may use it at the same time, and everything in it is valid until the last
 * canp_dbc_release().
 *
 * All texts are UTF-8 and terminated; a file that is not valid UTF-8 is read as Windows-1252. Names that the
 * file omits are empty texts or NULL, see each field. Bit numbers are the file's own: bit 0 is the
 * least significant one of byte 0, and a signal of big-endian order (Motorola) starts at its most significant
 * bit.
 *
 * A statement that cannot be read is left out and counted; the rest of the file is read. The first such
 * statements are kept with line, column and what was expected there. Nothing in the database refers to them.
 */
#ifndef CANP_DBC_H
#define CANP_DBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <canp/error.h>

CANP_BEGIN_DECLS

struct canp_dbc;

/* ---- attributes --------------------------------------------------------------------------------------- */

enum canp_dbc_object {
    CANP_DBC_NETWORK, /* the database itself */
    CANP_DBC_NODE,
    CANP_DBC_MESSAGE,
    CANP_DBC_SIGNAL,
    CANP_DBC_ENVIRONMENT,
    CANP_DBC_NODE_MESSAGE,     /* BU_BO_REL_ */
    CANP_DBC_NODE_SIGNAL,      /* BU_SG_REL_ */
    CANP_DBC_NODE_ENVIRONMENT, /* BU_EV_REL_ */
    CANP_DBC_OBJECTS
};

enum canp_dbc_attribute_type {
    CANP_DBC_INT,
    CANP_DBC_HEX,
    CANP_DBC_FLOAT,
    CANP_DBC_STRING,
    CANP_DBC_ENUM,
};

/* A value of an attribute. Its type says which of the three forms are set. */
struct canp_dbc_attribute_value {
    double number;    /* INT, HEX, FLOAT; ENUM: the index, -1 when the text is not in the list */
    int64_t integer;  /* INT, HEX, ENUM: exact; FLOAT: 0 */
    const char *text; /* STRING, ENUM; else NULL */
};

struct canp_dbc_attribute_definition {
    const char *name;
    enum canp_dbc_object object;
    enum canp_dbc_attribute_type type;
    double minimum, maximum;  /* both 0: no bounds given */
    const char *const *texts; /* of an ENUM, in order */
    uint32_t text_count;
    bool has_default;
    struct canp_dbc_attribute_value by_default;
};

/* An attribute that is set on an object, in the file's order; the list ends with NULL. */
struct canp_dbc_attribute {
    const struct canp_dbc_attribute_definition *definition;
    struct canp_dbc_attribute_value value;
    const struct canp_dbc_attribute *next;
};

/* ---- value texts -------------------------------------------------------------------------------------- */

struct canp_dbc_value_text {
    int64_t value; /* the raw value; for an unsigned 64 bit signal its bits */
    const char *text;
};

struct canp_dbc_value_table {
    const char *name; /* name of a VAL_TABLE_; NULL for the list of one signal */
    const struct canp_dbc_value_text
        *texts; /* in order of value, each value once (the first text in the file) */
    uint32_t count;
};

/* ---- messages ----------------------------------------------------------------------------------------- */

enum canp_dbc_number {
    CANP_DBC_INTEGER,
    CANP_DBC_FLOAT32, /* IEEE 754 */
    CANP_DBC_FLOAT64,
};

enum canp_dbc_format { /* by VFrameFormat, else by the id's bit 31 and the size */
                       CANP_DBC_STANDARD,
                       CANP_DBC_EXTENDED,
                       CANP_DBC_STANDARD_FD,
                       CANP_DBC_EXTENDED_FD,
                       CANP_DBC_J1939, /* J1939PG: priority and addresses in the id are ignored */
};

/* A multiplexed signal is present when its muxer's raw value lies in one of its ranges. */
struct canp_dbc_range {
    uint64_t first, last;
};

/* In canp_dbc_signal.marks: what is wrong with the signal. Such signals are kept. */
#define CANP_DBC_BEYOND 0x01U /* reaches beyond its message's size */
#define CANP_DBC_NO_MUXER                                                                                    \
    0x02U /* multiplexed, by a signal that is missing, ambiguous, or depends on this one */
#define CANP_DBC_DUPLICATE                                                                                   \
    0x04U /* an earlier signal of its message has the same name; nothing refers to this one                  \
           */
#define CANP_DBC_BAD_FLOAT                                                                                   \
    0x08U /* a float without 32 bits, or a double without 64: it is read as an integer */

struct canp_dbc_message;

struct canp_dbc_signal {
    const char *name;      /* the name that statements use */
    const char *long_name; /* SystemSignalLongSymbol, else the name */
    const char *unit;      /* may be empty */
    const char *comment;   /* NULL: none */
    const struct canp_dbc_message *message;
    uint16_t start_bit;
    uint16_t bits; /* 1 .. 65535; more than 64: text or bytes, not a number */
    bool big_endian;
    bool is_signed;
    bool is_muxer;
    bool is_muxed; /* muxer and ranges are set; with CANP_DBC_NO_MUXER muxer is NULL */
    uint8_t marks; /* CANP_DBC_BEYOND ... */
    enum canp_dbc_number number;
    double factor, offset;   /* value = raw * factor + offset */
    double minimum, maximum; /* of the value; both 0: no bounds given */
    const struct canp_dbc_signal *muxer;
    const struct canp_dbc_range *ranges;
    uint32_t range_count;
    uint32_t receiver_count;
    const char *const *receivers;              /* names as in the file; Vector__XXX means none */
    const struct canp_dbc_value_table *values; /* NULL: none */
    const struct canp_dbc_attribute *attributes;
    uint32_t spn;       /* attribute SPN; 0: none */
    bool has_start;     /* GenSigStartValue is given */
    double start_value; /* raw */
    uint32_t line;
};

struct canp_dbc_group {
    const char *name;
    uint32_t repetitions;
    uint32_t signal_count;
    const struct canp_dbc_signal *const *signals;
    const struct canp_dbc_group *next;
};

struct canp_dbc_message {
    const char *name;
    const char *long_name; /* SystemMessageLongSymbol, else the name */
    const char *comment;   /* NULL: none */
    const char *sender;    /* Vector__XXX means none */
    uint32_t id;           /* CANP_ID_EFF in bit 31, as in canp_frame.id */
    uint16_t bytes;        /* 0 .. 65535 */
    bool duplicate;        /* an earlier message has this id; only that one is found by id */
    bool independent;      /* VECTOR__INDEPENDENT_SIG_MSG: holds the signals that are in no message */
    enum canp_dbc_format format;
    const struct canp_dbc_signal *signals;
    uint32_t signal_count;
    uint32_t transmitter_count;
    const char *const *transmitters; /* further ones: BO_TX_BU_ */
    const struct canp_dbc_group *groups;
    const struct canp_dbc_attribute *attributes;
    uint32_t cycle_ms; /* GenMsgCycleTime; 0: none */
    uint32_t line;
};

struct canp_dbc_node {
    const char *name;
    const char *comment; /* NULL: none */
    const struct canp_dbc_attribute *attributes;
};

struct canp_dbc_environment {
    const char *name;
    const char *comment; /* NULL: none */
    const char *unit;
    uint32_t type; /* 0 integer, 1 float, 2 string, 3 data; as the file says */
    uint32_t id;
    uint32_t data_bytes; /* ENVVAR_DATA_ */
    double minimum, maximum, initial;
    const struct canp_dbc_value_table *values;
    const struct canp_dbc_attribute *attributes;
};

/* BA_REL_: an attribute of a node in connection with a message, signal or variable. */
struct canp_dbc_relation {
    const struct canp_dbc_node *node;
    const struct canp_dbc_message *message;         /* or NULL */
    const struct canp_dbc_signal *signal;           /* or NULL */
    const struct canp_dbc_environment *environment; /* or NULL */
    struct canp_dbc_attribute attribute;
};

/* The whole database. Messages keep the file's order. */
struct canp_dbc_contents {
    const char *version;
    const char *comment; /* NULL: none */
    bool was_utf8;       /* false: Windows-1252 */
    const struct canp_dbc_message *const *messages;
    const struct canp_dbc_node *const *nodes;
    const struct canp_dbc_value_table *const *tables;
    const struct canp_dbc_environment *const *environments;
    const struct canp_dbc_attribute_definition *const *definitions;
    const struct canp_dbc_relation *const *relations;
    uint32_t message_count, node_count, table_count, environment_count, definition_count, relation_count;
    uint32_t signal_count;                       /* of all messages */
    const struct canp_dbc_attribute *attributes; /* of the database itself */
    uint64_t file_bytes;
    uint64_t memory_bytes; /* held by the database */
    uint64_t parse_ns;     /* time that reading took */
};

/* ---- reading ------------------------------------------------------------------------------------------ */

#define CANP_DBC_KEEP_NO_ERRORS UINT32_MAX /* as errors_kept */

struct canp_dbc_opts {
    size_t size;             /* canp/export.h */
    bool strict;             /* the first statement that cannot be read is an error: -CANP_E_SYNTAX */
    uint32_t errors_kept;    /* how many errors are kept with their texts; 0: 100 */
    uint64_t file_bytes_max; /* larger files are refused: -EFBIG; 0: 64 MiB. Memory is at most about 30 times
                                this. */
};
#define CANP_DBC_OPTS_INIT CANP_OPTS_INIT_(canp_dbc_opts)

/* One statement that could not be read. */
struct canp_dbc_error {
    uint32_t line, column; /* from 1; columns count bytes */
    const char *text;      /* what was expected, and what is there */
};

/*
 * Reads a file. 0 and *out, owned by the caller until canp_dbc_release(); a negative errno (-ENOENT, -EFBIG,
 * -ENOMEM...), -E2BIG among them (canp/export.h); or -CANP_E_SYNTAX: the file holds no DBC statement, or with
 * opts.strict one that cannot be read. opts NULL: CANP_DBC_OPTS_INIT.
 */
CANP_API int canp_dbc_open(const char *path, const struct canp_dbc_opts *opts, struct canp_dbc **out,
                           struct canp_why *why);

/* The same from memory, which may be freed afterwards; `name` is used in messages in place of a path. */
CANP_API int canp_dbc_parse(const char *text, size_t bytes, const char *name,
                            const struct canp_dbc_opts *opts, struct canp_dbc **out, struct canp_why *why);

/* Adds an owner and returns dbc. Any thread. */
CANP_API struct canp_dbc *canp_dbc_share(struct canp_dbc *dbc);

/* Removes an owner; the last one frees the database. NULL is allowed. Any thread. */
CANP_API void canp_dbc_release(struct canp_dbc *dbc);

/* Valid as long as the database; always the same pointer. */
CANP_API const struct canp_dbc_contents *canp_dbc_contents(const struct canp_dbc *dbc);

/* Returns the number of statements that could not be read. *kept, unless NULL, is set to the first ones and
 * *kept_count to their number.
 */
CANP_API uint64_t canp_dbc_errors(const struct canp_dbc *dbc, const struct canp_dbc_error **kept,
                                  uint32_t *kept_count);

/* ---- finding ------------------------------------------------------------------------------------------ */

/* The message with exactly this id, CANP_ID_EFF in bit 31 for 29 bit ids. NULL: none. */
CANP_API const struct canp_dbc_message *canp_dbc_message_by_id(const struct canp_dbc *dbc, uint32_t id);

/* By name: the first one of that name in the file. NULL: none. */
CANP_API const struct canp_dbc_message *canp_dbc_message_by_name(const struct canp_dbc *dbc,
                                                                 const char *name);
CANP_API const struct canp_dbc_signal *
canp_dbc_signal_by_name(const struct canp_dbc *dbc, const struct canp_dbc_message *message, const char *name);
CANP_API const struct canp_dbc_node *canp_dbc_node_by_name(const struct canp_dbc *dbc, const char *name);

/*
 * The value of an attribute of an object: the one set in the object's `list` (may be NULL), else the
 * definition's default for that kind of object; NULL when there is neither.
 */
CANP_API const struct canp_dbc_attribute_value *canp_dbc_attribute(const struct canp_dbc *dbc,
                                                                   enum canp_dbc_object object,
                                                                   const struct canp_dbc_attribute *list,
                                                                   const char *name);

/* The text for a raw value, or NULL. `table` may be NULL. */
CANP_API const char *canp_dbc_value_text(const struct canp_dbc_value_table *table, int64_t raw);

/* ---- checking ----------------------------------------------------------------------------------------- */

enum canp_dbc_finding_kind {
    CANP_DBC_FINDS_SYNTAX,         /* a statement that could not be read; message and signals NULL */
    CANP_DBC_FINDS_DUPLICATE_ID,   /* an earlier message has this id */
    CANP_DBC_FINDS_DUPLICATE_NAME, /* a message, or a signal of one message, has a name twice */
    CANP_DBC_FINDS_BEYOND,         /* a signal reaches beyond its message */
    CANP_DBC_FINDS_NO_MUXER,       /* a multiplexed signal whose muxer is missing */
    CANP_DBC_FINDS_OVERLAP,        /* two signals that can be present at the same time share bits */
    CANP_DBC_FINDS_RANGE,          /* minimum above maximum, or bounds that the bits cannot reach */
    CANP_DBC_FINDS_VALUE_TEXT,     /* a text for a raw value that the bits cannot hold */
    CANP_DBC_FINDS_FLOAT,          /* a float or double of another length */
    CANP_DBC_FINDS_ID,             /* an id of more than 11 or 29 bits */
};

struct canp_dbc_finding {
    enum canp_dbc_finding_kind kind;
    uint32_t line;
    const struct canp_dbc_message *message;
    const struct canp_dbc_signal *signal; /* or NULL */
    const struct canp_dbc_signal *other;  /* of an overlap, or NULL */
    char text[320];                       /* a sentence */
};

/* "overlap", "duplicate_id"...: stable words. */
CANP_API const char *canp_dbc_finding_name(enum canp_dbc_finding_kind kind);

/*
 * Calls `found` for each finding: syntax errors first, then in the file's order of messages. The finding is
 * lent for the call. Returns the number of findings, or -ENOMEM. At most a million pairs of signals are
 * compared per message.
 */
CANP_API int64_t canp_dbc_check(const struct canp_dbc *dbc,
                                void (*found)(void *user, const struct canp_dbc_finding *finding),
                                void *user);

/* ---- a manager of many -------------------------------------------------------------------------------- */

/*
 * Databases by path, each parsed once. A file is recognised by device, inode, size and times of change, and
 * is read again when it has changed. The databases are kept within a budget; the least recently used one is
 * dropped first. A database that the manager has given out stays valid until its owner releases it.
 *
 * Any number of threads at the same time: one thread reads a file while others that want the same file wait;
 * those that want another file do not wait. Open and close while nobody else uses the manager.
 */
struct canp_dbc_manager;

struct canp_dbc_manager_opts {
    size_t size;        /* canp/export.h */
    uint64_t bytes_max; /* of the databases that it keeps; dropped ones that others still own do not count. 0:
                           256 MiB */
    uint32_t count_max; /* databases that it keeps; 0: 64 */
    const struct canp_dbc_opts *reading; /* copied; may be NULL */
};
#define CANP_DBC_MANAGER_OPTS_INIT CANP_OPTS_INIT_(canp_dbc_manager_opts)

/* Counters only grow. */
struct canp_dbc_manager_stats {
    uint64_t hits;
    uint64_t misses;    /* files read, or that it tried to read */
    uint64_t rereads;   /* of these: files that had changed, or may have changed within the clock's tick */
    uint64_t failures;  /* of these: files that could not be read */
    uint64_t evictions; /* dropped for room; those of changed files do not count */
    uint64_t parse_ns;  /* time of all parsing */
    uint64_t bytes;     /* kept now */
    uint64_t bytes_peak;
    uint64_t bytes_max;
    uint32_t count; /* kept now */
};

/* 0 and *out: canp_dbc_manager_close(). -E2BIG, -EINVAL; -ENOMEM. opts NULL:
 * CANP_DBC_MANAGER_OPTS_INIT. */
CANP_API int canp_dbc_manager_open(const struct canp_dbc_manager_opts *opts, struct canp_dbc_manager **out);

/* NULL is fine. */
CANP_API void canp_dbc_manager_close(struct canp_dbc_manager *manager);

/* 0 and *out, owned by the caller until canp_dbc_release(). Errors of canp_dbc_open(); -EAGAIN: the file
 * changed at each attempt to read it. */
CANP_API int canp_dbc_manager_get(struct canp_dbc_manager *manager, const char *path, struct canp_dbc **out,
                                  struct canp_why *why);

CANP_API void canp_dbc_manager_stats(struct canp_dbc_manager *manager, struct canp_dbc_manager_stats *out);

CANP_END_DECLS

#endif

/*
 * How all functions of libcanp report errors: they return 0 or a count, else a negative errno value or a
 * negative canp_error. canp_strerror() has a text for both.
 */
#ifndef CANP_ERROR_H
#define CANP_ERROR_H

#include <canp/export.h>

CANP_BEGIN_DECLS

/* X(name, value, text). The values lie beyond the range of errno (1..4095), so that one int can hold either.
 */
#define CANP_ERRORS(X)                                                                                       \
    X(CANP_E_FORMAT, 4201, "not a canp recording")                                                           \
    X(CANP_E_VERSION, 4202, "written by a newer version of canp, with features this one does not know")      \
    X(CANP_E_DAMAGED, 4203, "damaged: the checksum or a field of the file is wrong")                         \
    X(CANP_E_EMPTY, 4204, "holds no segment")                                                                \
    X(CANP_E_EXISTS, 4205, "already holds a recording")                                                      \
    X(CANP_E_SYNTAX, 4206, "cannot be parsed")                                                               \
    X(CANP_E_LOST, 4207, "the mapping of the file broke under the reader (truncated or unreadable)")         \
    X(CANP_E_TOO_MANY, 4208, "a stated limit is exceeded")                                                   \
    X(CANP_E_POISONED, 4209, "an earlier write error made this segment unusable")                            \
    X(CANP_E_FOREIGN, 4210, "a segment of another recording")

#define CANP_ERROR_ENUM(name, value, text) name = value,
enum canp_error { CANP_ERRORS(CANP_ERROR_ENUM) CANP_ERROR_END_ };
#undef CANP_ERROR_ENUM

/*
 * A sentence for people: which object failed and what to do about it. Functions that take a `struct canp_why
 * *` fill it when they fail; NULL is allowed. The text has no newline at its end.
 */
struct canp_why {
    char text[320];
};

/* Thread-safe. Returns a static text for a canp_error and the C library's text for an errno value, of either
 * sign. */
CANP_API const char *canp_strerror(int err);

/* Formats a why (printf style) and returns err unchanged, so that `return canp_fail(why, r, ...)` is
 * possible.
 */
CANP_API int canp_fail(struct canp_why *why, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

CANP_END_DECLS

#endif

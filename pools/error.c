/* The texts of errors (canp/error.h). Any thread. */
#include <canp/error.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C library's own description, which no locale changes where it is glibc's. */
static const char *describe_errno(int code)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    return strerrordesc_np(code);
#else
    return strerror(code); /* in musl static text, thread-safe */
#endif
}

const char *canp_strerror(int err)
{
#define CANP_ERROR_CASE(name, value, text)                                                                   \
    case value:                                                                                              \
        return text;
    int code = err == INT_MIN ? 0 : abs(err);
    switch (code) {
        CANP_ERRORS(CANP_ERROR_CASE)
    default: {
        const char *text = describe_errno(code);
        return text ? text : "unknown error";
    }
    }
#undef CANP_ERROR_CASE
}

int canp_fail(struct canp_why *why, int err, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof(why->text), format, args);
        va_end(args);
    }
    return err;
}

/*
 * As much of Criterion as the unit tests use, for processors that Debian has no Criterion for (armhf, s390x):
 * scripts/cross builds with it. A test is a process of its own; the program prints each failed assertion and
 * ends with 1 when a test failed. No threads but the tests' own.
 */
#ifndef CANP_CRITERION_SMALL_H
#define CANP_CRITERION_SMALL_H

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct small_options {
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* seconds; 0 = 1200 */
    int signal;     /* that ends the test when it is right */
};

struct small_suite {
    const char *name;
    struct small_options options;
    struct small_suite *next;
};

struct small_test {
    const char *suite, *name;
    void (*run)(void);
    struct small_options options;
    struct small_test *next;
};

static struct small_suite *small_suites;
static struct small_test *small_tests;
static bool small_failed;

#define TestSuite(suite_name, ...)                                                                           \
    static struct small_suite suite_##suite_name = {#suite_name, {__VA_ARGS__}, NULL};                       \
    __attribute__((constructor)) static void add_suite_##suite_name(void)                                    \
    {                                                                                                        \
        suite_##suite_name.next = small_suites;                                                              \
        small_suites = &suite_##suite_name;                                                                  \
    }                                                                                                        \
    _Static_assert(1, "")

#define Test(suite_name, test_name, ...)                                                                     \
    static void run_##suite_name##_##test_name(void);                                                        \
    static struct small_test test_##suite_name##_##test_name = {                                             \
        #suite_name, #test_name, run_##suite_name##_##test_name, {__VA_ARGS__}, NULL};                       \
    __attribute__((constructor)) static void add_test_##suite_name##_##test_name(void)                       \
    {                                                                                                        \
        test_##suite_name##_##test_name.next = small_tests;                                                  \
        small_tests = &test_##suite_name##_##test_name;                                                      \
    }                                                                                                        \
    static void run_##suite_name##_##test_name(void)

#define SMALL_CHECK(fatal, ok, text, ...)                                                                    \
    do {                                                                                                     \
        if (!(ok)) {                                                                                         \
            fprintf(stderr, "%s:%d: failed: %s ", __FILE__, __LINE__, text);                                 \
            fprintf(stderr, " " __VA_ARGS__);                                                                \
            fputc('\n', stderr);                                                                             \
            small_failed = true;                                                                             \
            if (fatal)                                                                                       \
                _exit(1);                                                                                    \
        }                                                                                                    \
    } while (0)

#define cr_assert(a, ...)     SMALL_CHECK(true, (a), #a, __VA_ARGS__)
#define cr_expect(a, ...)     SMALL_CHECK(false, (a), #a, __VA_ARGS__)
#define cr_assert_not(a, ...) SMALL_CHECK(true, !(a), "!" #a, __VA_ARGS__)
#define cr_expect_not(a, ...) SMALL_CHECK(false, !(a), "!" #a, __VA_ARGS__)
#define cr_assert_fail(...)   SMALL_CHECK(true, false, "fail", __VA_ARGS__)
#define cr_skip_test(...)                                                                                    \
    do {                                                                                                     \
        fprintf(stderr, "%s:%d: skipped " __VA_ARGS__, __FILE__, __LINE__);                                  \
        _exit(0);                                                                                            \
    } while (0)
#define cr_assert_null(a, ...)     SMALL_CHECK(true, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_expect_null(a, ...)     SMALL_CHECK(false, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) SMALL_CHECK(true, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_expect_not_null(a, ...) SMALL_CHECK(false, (a) != NULL, #a " != NULL", __VA_ARGS__)

#define SMALL_OP(fatal, a, op, b, ...) SMALL_CHECK(fatal, (a)op(b), #a " " #op " " #b, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)        SMALL_OP(true, a, ==, b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)        SMALL_OP(false, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)       SMALL_OP(true, a, !=, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)       SMALL_OP(false, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)        SMALL_OP(true, a, <, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)        SMALL_OP(false, a, <, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)       SMALL_OP(true, a, <=, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)       SMALL_OP(false, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)        SMALL_OP(true, a, >, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)        SMALL_OP(false, a, >, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)       SMALL_OP(true, a, >=, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)       SMALL_OP(false, a, >=, b, __VA_ARGS__)

#define SMALL_STR(fatal, a, b, ...)                                                                          \
    do {                                                                                                     \
        const char *small_a = (a), *small_b = (b);                                                           \
        if (strcmp(small_a, small_b) != 0)                                                                   \
            fprintf(stderr, "'%s' is not '%s'\n", small_a, small_b);                                         \
        SMALL_CHECK(fatal, strcmp(small_a, small_b) == 0, #a " is " #b, __VA_ARGS__);                        \
    } while (0)
#define cr_assert_str_eq(a, b, ...) SMALL_STR(true, a, b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) SMALL_STR(false, a, b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) SMALL_STR(false, a, "", __VA_ARGS__)

#define cr_assert_arr_eq(a, b, n, ...)                                                                       \
    SMALL_CHECK(true, memcmp((a), (b), (n)) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)                                                                       \
    SMALL_CHECK(false, memcmp((a), (b), (n)) == 0, #a " is " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...)                                                                     \
    SMALL_CHECK(true, fabs((double)(a) - (double)(b)) <= (double)(e), #a " is about " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...)                                                                     \
    SMALL_CHECK(false, fabs((double)(a) - (double)(b)) <= (double)(e), #a " is about " #b, __VA_ARGS__)

static struct small_options small_options_of(const struct small_test *test)
{
    struct small_options o = test->options;
    for (const struct small_suite *s = small_suites; s; s = s->next) {
        if (strcmp(s->name, test->suite) != 0)
            continue;
        o.init = o.init ? o.init : s->options.init;
        o.fini = o.fini ? o.fini : s->options.fini;
        o.timeout = o.timeout > 0 ? o.timeout : s->options.timeout;
    }
    return o;
}

/* True when it passed. */
static bool small_run(const struct small_test *test)
{
    struct small_options o = small_options_of(test);
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(1200);
        if (o.init)
            o.init();
        test->run();
        if (o.fini)
            o.fini();
        exit(small_failed);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return false;
    bool passed = o.signal ? WIFSIGNALED(status) && WTERMSIG(status) == o.signal : status == 0;
    if (!passed)
        fprintf(stderr, "not ok %s.%s: status %#x\n", test->suite, test->name, (unsigned)status);
    return passed;
}

int main(void)
{
    unsigned passed = 0, failed = 0;
    for (const struct small_test *test = small_tests; test; test = test->next) {
        if (small_run(test))
            passed++;
        else
            failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed;
}

#endif

/*
 * The harness of `canp-bench`: a mode is a file bench_MODE.c with one function that runs its cases. A case
 * compares a function of canp with what a user would do without it: both run alternately in one process, and
 * the medians are compared. Main thread; a case may use threads of its own.
 */
#ifndef CANP_TOOLS_BENCH_H
#define CANP_TOOLS_BENCH_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, summary): the modes, each an int bench_NAME(struct bench *) in bench_NAME.c. */
#ifdef CANP_WITH_CAPTURE
#define BENCH_CAPTURE_MODES(X) X(spill, "received message to committed record, the recorder's own part")
#else
#define BENCH_CAPTURE_MODES(X)
#endif
#ifdef CANP_WITH_SQL
#define BENCH_SQL_MODES(X) X(sql, "one id and one signal by SQL, beside the same through the library")
#else
#define BENCH_SQL_MODES(X)
#endif
#define BENCH_MODES(X)                                                                                       \
    X(pools, "the memory layer: pools, buffers, mapping cache")                                              \
    BENCH_CAPTURE_MODES(X)                                                                                   \
    X(pack, "blocks packed, beside plain LZ4 of their rows")                                                 \
    X(unpack, "packed blocks back into rows, beside plain LZ4's decoder; and one lane alone")                \
    X(scan, "a recording read through: rows and packed, beside a bare loop over the rows")                   \
    X(seek, "to any time in a recording of 10,000 segments; opening it")                                     \
    X(query, "one id out of a packed recording, beside reading all of it")                                   \
    X(decode, "signals by a database: all of rows, one out of a packed recording; reading a database")       \
    BENCH_SQL_MODES(X)                                                                                       \
    X(formats, "log formats read and written, beside python-can, Wireshark's and can-utils' tools")          \
    X(recover, "opening a recording whose writer was killed, beside a checksum pass over its end")           \
    X(replay, "how late frames are put, with the spin and without")

struct bench {
    bool json;
    bool quick;       /* a tenth of the data */
    unsigned runs;    /* of each side of a case, 1 .. BENCH_RUNS_MAX */
    const char *mode; /* the one that runs */
};
#define BENCH_RUNS_MAX 1001
#define BENCH_NOISE    (-ERANGE) /* of a measurement: it is a difference smaller than its noise */

/* One measurement: a value in the case's unit, or a negative errno. */
typedef double bench_measure(void *user);

struct bench_case {
    const char *name;
    const char *unit; /* e.g. "ns" */
    bench_measure *measure;
    const char *reference; /* NULL: there is none */
    bench_measure *measure_reference;
    double goal; /* the ratio that it should stay under; 0: none. Text output only. */
    void *user;
};

/* Runs a case and prints its row. 0, or the first negative value that a measurement returned. */
int bench_run(struct bench *bench, const struct bench_case *one);

/* Runs cases one after the other, all with this user. 0, or the first negative value. */
int bench_run_cases(struct bench *bench, const struct bench_case *cases, size_t count, void *user);

/* Runs with a directory of its own below TMPDIR, which goes afterwards with all that is in it. What run
 * returns, or a negative errno. */
int bench_in_directory(struct bench *bench, int (*run)(struct bench *bench, const char *dir));

/* How much data a mode takes that would take `full`. */
static inline uint64_t bench_size(const struct bench *bench, uint64_t full)
{
    return bench->quick ? full / 10 : full;
}

/* CLOCK_MONOTONIC. */
uint64_t bench_now_ns(void);

/* Processor time of this thread: on a busy machine, waiting for a processor does not count. For work that
 * never waits for anything else. */
uint64_t bench_cpu_ns(void);

/* Makes the compiler believe that the pointer's target is used. */
static inline void bench_use(const void *pointer)
{
    __asm__ volatile("" : : "r"(pointer) : "memory");
}

#define BENCH_MODE_DECLARE(name, summary) int bench_##name(struct bench *bench);
BENCH_MODES(BENCH_MODE_DECLARE)
#undef BENCH_MODE_DECLARE

#endif

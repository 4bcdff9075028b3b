/* Other programs that read and write log formats, for `canp-bench formats`. Main thread. */
#ifndef CANP_TOOLS_BENCH_PEER_H
#define CANP_TOOLS_BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct bench_peer {
    const char *name; /* as a reference of a case */
    const char *format;
    bool is_reading;
    bool is_python;           /* it measures itself, its start apart */
    const char *program;      /* else: this, */
    const char *arguments[6]; /* with these; FILE and OUT stand for the files */
};

struct bench_peers {
    bool has_python_can;      /* python3 has it */
    char script[160];         /* of python-can */
    double start_noise_us[8]; /* how far that differs */
    double start_us[8]; /* of peer i that is no Python: what its start takes; < 0: it is not installed */
};

/* Which are installed. 0 or a negative errno. */
int bench_peers_find(struct bench_peers *peers, const char *dir);

/* The fastest that is installed; NULL: none. */
const struct bench_peer *bench_peer_for(const struct bench_peers *peers, const char *format, bool is_reading);

/* Processor time in us for each frame: reading `file`, or writing `log`'s (as the peer can read it) into
 * `out`. Or a negative errno. */
double bench_peer_run(const struct bench_peers *peers, const struct bench_peer *peer, const char *file,
                      const char *log, const char *out, uint64_t frames);

#endif

/* The inside of a connection, and how libnats's errors become ours. Private to tools/stream. */
#ifndef CANP_STREAM_PRIV_H
#define CANP_STREAM_PRIV_H

#include <canp/stream.h>

#include <nats/nats.h>
#include <stdatomic.h>

#define STREAM_TEXT_BYTES    64U
#define STREAM_SUBJECT_BYTES 192U
#define STREAM_HEX_BYTES     33U

struct canp_stream {
    natsConnection *nc;
    jsCtx *js;
    char name[STREAM_TEXT_BYTES];
    char api[STREAM_TEXT_BYTES + 16];   /* prefix of JetStream's subjects */
    char inbox[STREAM_TEXT_BYTES + 16]; /* prefix of replies' */
    _Atomic bool forbidden;             /* the server said that something is not permitted */
    uint64_t rate;                      /* bytes a second; 0: no limit */
    double tokens;                      /* bytes that may be sent at once */
    uint64_t tokens_ns;
};

/* A negative errno; `why` gets libnats's own words. */
int canp_stream_fail(struct canp_why *why, natsStatus status, const char *what);

void canp_stream_hex(const uint8_t recording[16], char out[STREAM_HEX_BYTES]);
/* A subject for replies that nobody else has. 0 or a negative errno. */
int canp_stream_inbox(const struct canp_stream *stream, char out[STREAM_SUBJECT_BYTES]);
bool canp_stream_unhex(const char *hex, uint8_t out[16]);

#endif

/*
 * Commands for a running `canp record`, over the socket on which it tells its counters (live.h). Whoever may
 * command (by the kernel's word: the recorder's own user, and root) gets the counters as anybody does, and
 * then may send one request; the answer says whether it was taken, and how the recording is.
 */
#ifndef CANP_TOOLS_CONTROL_H
#define CANP_TOOLS_CONTROL_H

#include <canp/error.h>
#include <canp/recorder.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define CONTROL_MAGIC      0x4C544343U /* "CCTL" */
#define CONTROL_TEXT_BYTES 1024U
#define CONTROL_DIR_BYTES  1024U
#define CONTROL_WAIT_MS    2000 /* for an answer: a recorder that stands still gives none */
#define CONTROL_ASK_MS     1000 /* so long a recorder waits for a request */

/* X(name, summary): the verbs of `canp ctl`. */
#define CONTROL_VERBS(X)                                                                                     \
    X(status, "how the recording goes")                                                                      \
    X(metrics, "the same as OpenMetrics text")                                                               \
    X(rotate, "close the segment, begin the next")                                                           \
    X(trigger, "a trigger, for a recording by triggers")                                                     \
    X(stop, "end the recording")                                                                             \
    X(note, "store a text with its time")

#define CONTROL_VERB_ENUM(name, summary) CONTROL_##name,
enum control_verb { CONTROL_VERBS(CONTROL_VERB_ENUM) CONTROL_VERB_COUNT };
#undef CONTROL_VERB_ENUM

/* One message. Later versions may be longer: `bytes` says what there is; likewise below. */
struct control_request {
    uint32_t magic;
    uint32_t bytes;
    uint32_t verb; /* enum control_verb; metrics and status are one question */
    uint32_t zero;
    char text[CONTROL_TEXT_BYTES]; /* of a note, zero-terminated */
};

/* How a recording is. Numbers as in canp/recorder.h, texts zero-terminated. */
struct control_status {
    uint64_t duration_ns, frames, lost, undone, outside, windows, segments, removed, stored_bytes, blocks,
        harvests;
    uint64_t quiet_harvests, quiet_p50_ns, quiet_p99_ns, quiet_max_ns;
    uint64_t slabs_full, slab_count, slabs_full_max, slab_stalls;
    uint64_t flush_ns; /* what was received so long ago can be read */
    uint32_t pid;
    uint32_t iface_count;
    uint8_t by_triggers; /* what lies outside of windows is not stored */
    uint8_t ended;
    char io[22];
    char dir[CONTROL_DIR_BYTES]; /* absolute; empty when it is longer */
    struct control_iface {
        char name[CANP_IFACE_NAME_BYTES];
        uint64_t frames, outside, lost_socket, lost_device, lost_recorder;
    } ifaces[CANP_RECORDER_IFACES_MAX];
};

struct control_answer {
    uint32_t magic;
    uint32_t bytes;
    int32_t error; /* 0, or a negative error with `why` */
    uint32_t zero;
    char why[CONTROL_TEXT_BYTES];
    struct control_status status;
};

/* Recorder's side. Any thread. */
struct control_facts {
    const struct canp_recorder *rec;
    char dir[4096]; /* absolute; empty when that cannot be known */
    uint64_t flush_ns;
    bool by_triggers;
};
/* Of an opened recorder, with these options. */
void control_facts_init(struct control_facts *facts, const struct canp_recorder *rec,
                        const struct canp_recorder_opts *opts);
void control_status_take(const struct control_facts *facts, struct control_status *out);

/* Who is at the other end of a connection may command this process. */
bool control_is_permitted(int fd);

/*
 * Sends a request to the recorder of `dir`, or with NULL to the one that the caller may command. 0 with the
 * answer, which may hold an error of its own; or a negative errno with `why`: -ECONNREFUSED (nobody records
 * there), -EPERM, -ENOTUNIQ (several: `why` names them), -ETIMEDOUT.
 */
int control_send(const char *dir, const struct control_request *request, struct control_answer *out,
                 struct canp_why *why);

#endif

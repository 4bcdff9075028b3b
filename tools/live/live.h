/*
 * The state that a running `canp record` reports to programs of its machine and network namespace: how full
 * its slabs are, and what it has stored and lost. Programs ask through an abstract Unix socket named after
 * the recording's directory (device and inode). The kernel removes it with the process, and it answers also
 * while the disk stalls. Any user may ask, since the answer is only a few counters. Any user may also take
 * such a name first: the kernel tells the asking program whose process answers, and a recorder says when its
 * name is taken.
 */
#ifndef CANP_TOOLS_LIVE_H
#define CANP_TOOLS_LIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#define LIVE_MAGIC        0x56494C43U /* "CLIV" */
#define LIVE_IFACES_BYTES 192U
#define LIVE_WAIT_MS      100 /* for all answers together: a recorder that stands still gives none */

/* One message. Later versions may be longer: `bytes` says what there is. */
struct live_state {
    uint32_t magic;
    uint32_t bytes;
    uint32_t pid;
    uint32_t slabs_full; /* wait for the disk */
    uint32_t slab_count;
    uint32_t
        foreign_uid; /* 0 as sent; set by who asks: the answer is of this other user, who may tell anything */
    uint64_t slabs_full_max;
    uint64_t slab_stalls; /* times that no slab was free */
    uint64_t duration_ns;
    uint64_t frames;
    uint64_t lost;
    uint64_t stored_bytes;          /* committed to segment files */
    char ifaces[LIVE_IFACES_BYTES]; /* names with a blank behind each, as many as fit, zero-terminated */
};

/* Who holds a recorder's name, as the kernel says. */
struct live_peer {
    struct sockaddr_un address;
    int address_bytes;
    uint32_t pid, uid;
};

/* The socket's address for this directory: its length, or a negative errno. */
int live_address(const char *dir, struct sockaddr_un *out);

/* Asks the recorder that records into this directory. 0, -ECONNREFUSED (there is none), or another negative
 * errno. */
int live_ask(const char *dir, struct live_state *out);

/* Who holds the socket of this directory, as the kernel says. 0 or a negative errno. */
int live_holder(const char *dir, uint32_t *pid, uint32_t *uid);

/* Recorders of this user, or for root those of everybody: fills at most `count`, returns how many. */
unsigned live_list(struct live_peer *out, unsigned count);

/* Asks all recorders of this machine: fills at most `count`, returns how many. Those of root and of the
 * caller's user come first; pid is as the kernel says. */
unsigned live_ask_all(struct live_state *out, unsigned count);

/* Does the recorder record this interface? */
bool live_has_iface(const struct live_state *state, const char *name);

#endif

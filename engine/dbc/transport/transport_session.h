/* Sessions: unfinished messages, in sets of eight by the hash of their key. One thread at a time. */
#ifndef CANP_DBC_TRANSPORT_SESSION_H
#define CANP_DBC_TRANSPORT_SESSION_H

#include <canp/transport.h>
#include <string.h>

#define TRANSPORT_WAYS     8
#define TRANSPORT_GROUPS   0x40000U /* of 18 bits */
#define TRANSPORT_EXTENDED 4U       /* messages of the extended protocol at one time */

struct transport_session {
    uint64_t key; /* 0: free */
    int64_t first_ns, last_ns;
    uint32_t frames;
    uint32_t bytes; /* of the whole message */
    uint32_t got;   /* packets (J1939, fast packets) or bytes (ISO-TP) */
    uint32_t packets;
    uint32_t pgn;
    uint32_t offset;  /* ETP: of the packets' numbers */
    uint8_t next;     /* ISO-TP: sequence number */
    uint64_t seen[4]; /* packets, by their number */
    uint8_t *data;    /* bytes_max; of the extended protocol extended_bytes_max */
};

struct canp_transport {
    struct canp_transport_opts opts;
    struct canp_transport_stats stats;
    struct transport_session *sessions;
    uint32_t sets;
    uint8_t *memory; /* of all sessions' data */
    struct transport_session extended[TRANSPORT_EXTENDED];
    uint8_t *extended_memory;
    struct canp_isotp_ids *isotp;
    uint32_t isotp_count;
    uint8_t fast[TRANSPORT_GROUPS / 8]; /* a bit per group */
};

/* The id of a message of this group: what a plan is looked up with. */
static inline uint32_t canp_transport_id(uint32_t pgn, uint8_t destination, uint8_t source)
{
    uint32_t specific = (pgn & 0xFF00) < 0xF000 ? destination : 0;
    return CANP_ID_EFF | 6U << 26 | (pgn & 0x3FFFF) << 8 | specific << 8 | source;
}

void canp_transport_know_fast_groups(struct canp_transport *t);

/* A frame on its way. */
struct transport_frame {
    int64_t time_ns;
    uint8_t channel;
    const struct canp_frame *frame;
};

/* The session of this key, or NULL; one that was silent too long is given up. */
struct transport_session *canp_transport_find(struct canp_transport *t, uint64_t key, int64_t time_ns);

/* The same of a session that was found. */
struct transport_session *canp_transport_look(struct canp_transport *t, struct transport_session *s,
                                              int64_t time_ns);

/* A new session of this key; an old one is given up. */
struct transport_session *canp_transport_begin(struct canp_transport *t, uint64_t key, int64_t time_ns);

/* The session is over: its message goes out. Returns 1. */
int canp_transport_end(struct canp_transport *t, struct transport_session *s, const struct transport_frame *f,
                       struct canp_transport_message *out);

static inline void canp_transport_forget(struct transport_session *s)
{
    s->key = 0;
}

/* One packet by its number from 0; its bytes go where they belong. 1: it was the last one that was missing.
 */
int canp_transport_packet(struct transport_session *s, uint32_t number, uint32_t place, const uint8_t *data,
                          uint32_t bytes);

int canp_transport_j1939(struct canp_transport *t, const struct transport_frame *f,
                         struct canp_transport_message *out);
int canp_transport_etp(struct canp_transport *t, const struct transport_frame *f,
                       struct canp_transport_message *out);
int canp_transport_fast(struct canp_transport *t, const struct transport_frame *f,
                        struct canp_transport_message *out);
int canp_transport_isotp(struct canp_transport *t, const struct transport_frame *f,
                         enum canp_isotp_addressing addressing, struct canp_transport_message *out);

/* Keys: what tells messages under way apart. Never 0. */
static inline uint64_t canp_transport_key(unsigned protocol, uint8_t channel, uint32_t id, uint32_t further)
{
    return (uint64_t)protocol << 60 | (uint64_t)further << 40 | (uint64_t)channel << 32 | id;
}

#endif

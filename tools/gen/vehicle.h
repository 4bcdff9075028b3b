/*
 * A seeded generator of CAN traffic, so that demo, tests and benchmarks need no foreign data.
 *
 * `vehicle` is a simulated drive: some fifty periodic identifiers from 10 ms to 1 s with jitter, J1939-like
 * extended ones among them, with message counters, checksums and slowly moving signals that belong together
 * (speed, gear, engine speed, wheel speeds, temperatures, fuel), and a few messages sent on change. `fd` is
 * the same drive in FD frames of many lengths with bit rate switching. `flood` and `flood-fd` are frames back
 * to back with a 64 bit big-endian sequence number from 0 as the first 8 data bytes, so that a test sees
 * order and loss; their id is 0x100 + seed % 256, so that it sees the sender as well.
 *
 * The same options give the same frames on every machine and at every rate: the rate only scales time.
 *
 * A generator belongs to one thread at a time; canp_vehicle_next() neither allocates nor calls the system.
 */
#ifndef CANP_TOOLS_VEHICLE_H
#define CANP_TOOLS_VEHICLE_H

#include <canp/bustime.h>
#include <canp/frame.h>

struct canp_vehicle;

/* X(NAME, text) */
#define CANP_PROFILES(X)                                                                                     \
    X(VEHICLE, "vehicle")                                                                                    \
    X(FD, "fd")                                                                                              \
    X(FLOOD, "flood")                                                                                        \
    X(FLOOD_FD, "flood-fd")

#define CANP_PROFILE_ENUM(name, text) CANP_PROFILE_##name,
enum canp_profile { CANP_PROFILES(CANP_PROFILE_ENUM) CANP_PROFILE_COUNT };
#undef CANP_PROFILE_ENUM

/* The profile of that name, or -EINVAL. */
int canp_profile_find(const char *name);

struct canp_vehicle_opts {
    enum canp_profile profile;
    uint64_t seed;
    int64_t start_ns;         /* time of the first frame, about */
    double frames_per_second; /* mean rate; 0: by load */
    double load;              /* share of the bus, 0.4 = 40 %; 0: as the profile is, flood: 1 */
    uint32_t bitrate;         /* for the load, and for the least distance of two frames; 0 = 500 kbit/s */
    uint32_t dbitrate;        /* 0 = 2 Mbit/s */
};

#define CANP_VEHICLE_OPTS_INIT                                                                               \
    {                                                                                                        \
        CANP_PROFILE_VEHICLE, 1, 0, 0, 0, 0, 0                                                               \
    }

/* Owned: *out. 0, -EINVAL (negative or absurd rate or load), -ENOMEM. */
int canp_vehicle_open(const struct canp_vehicle_opts *opts, struct canp_vehicle **out);
void canp_vehicle_close(struct canp_vehicle *v); /* NULL is allowed */

/*
 * The next frame, in the order of time; there is always one. Returns its kind (CANP_KIND_CAN or _FD). All of
 * *frame behind its length is zero.
 */
uint8_t canp_vehicle_next(struct canp_vehicle *v, int64_t *time_ns, union canp_frame_store *frame);

/* Mean frames per second of what canp_vehicle_next() makes, by its own times. */
double canp_vehicle_rate(const struct canp_vehicle *v);

#endif

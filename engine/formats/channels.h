/*
 * The channels of one log: a number from 0 for each interface, which the log knows by name or by a number of
 * its own.
 *
 * Invariant: in a reader's table channels are numbered from 0 without holes, and each has a name that no
 * other one has. One thread at a time; nothing is allocated.
 */
#ifndef CANP_FORMATS_CHANNELS_H
#define CANP_FORMATS_CHANNELS_H

#include <canp/error.h>
#include <canp/frame.h>
#include <string.h>

#define CANP_CHANNELS_MAX 256 /* any channel of a record is an index; a recording holds 255 */
#define CANP_NO_NUMBER    UINT32_MAX

struct canp_channel {
    struct canp_iface iface; /* name is never empty where is_there */
    uint32_t number;         /* the log's own; CANP_NO_NUMBER = none */
    bool is_there;
    bool is_changed; /* its definition was not lent since it changed */
};

struct canp_channels {
    unsigned count; /* up to the last that is there */
    unsigned last;  /* where the last search ended */
    struct canp_channel of[CANP_CHANNELS_MAX];
};

int canp_channels_search(struct canp_channels *channels, const char name[CANP_IFACE_NAME_BYTES]);

static inline bool canp_same_name(const char a[CANP_IFACE_NAME_BYTES], const char b[CANP_IFACE_NAME_BYTES])
{
    uint64_t x[2], y[2];
    memcpy(x, a, sizeof(x));
    memcpy(y, b, sizeof(y));
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* The channel of that name, made when it is new; or -CANP_E_TOO_MANY. Of a name padded with zeros, or of any
 * number of bytes, of which 15 count. */
static inline int canp_channels_padded(struct canp_channels *channels, const char name[CANP_IFACE_NAME_BYTES])
{
    if (channels->count && canp_same_name(channels->of[channels->last].iface.name, name))
        return (int)channels->last;
    return canp_channels_search(channels, name);
}

static inline int canp_channels_named(struct canp_channels *channels, const char *name, size_t bytes)
{
    char padded[CANP_IFACE_NAME_BYTES] = {0};
    memcpy(padded, name, bytes < sizeof(padded) - 1 ? bytes : sizeof(padded) - 1);
    return canp_channels_padded(channels, padded);
}

/* By the log's number: can0 for 1, can1 for 2 and so on, as other programs count; "can-0" for 0. */
int canp_channels_numbered(struct canp_channels *channels, uint32_t number);

/* Defines a channel under a given index, or anew. */
void canp_channels_define(struct canp_channels *channels, uint8_t channel, const struct canp_iface *iface);

/* Gives a written channel its number: by `map` ("can0=1,vcan0=2", may be NULL), else canN is N + 1 where that
 * is free, else the lowest free. */
void canp_channels_give_number(struct canp_channels *channels, uint8_t channel, const char *map);

#endif

/* The channels of one log (channels.h). One thread at a time. */
#include "formats/channels.h"

#include <stdio.h>

static int add(struct canp_channels *channels, const char *name, uint32_t number)
{
    if (channels->count == CANP_CHANNELS_MAX)
        return -CANP_E_TOO_MANY;
    struct canp_channel *c = &channels->of[channels->count];
    *c = (struct canp_channel){
        .iface = {.bytes = sizeof(c->iface)}, .number = number, .is_there = true, .is_changed = true};
    memcpy(c->iface.name, name, CANP_IFACE_NAME_BYTES);
    channels->last = channels->count;
    return (int)channels->count++;
}

int canp_channels_search(struct canp_channels *channels, const char name[CANP_IFACE_NAME_BYTES])
{
    for (unsigned i = 0; i < channels->count; i++) {
        if (channels->of[i].is_there && canp_same_name(channels->of[i].iface.name, name)) {
            channels->last = i;
            return (int)i;
        }
    }
    return add(channels, name, CANP_NO_NUMBER);
}

int canp_channels_numbered(struct canp_channels *channels, uint32_t number)
{
    if (channels->count && channels->of[channels->last].number == number)
        return (int)channels->last;
    for (unsigned i = 0; i < channels->count; i++) {
        if (channels->of[i].is_there && channels->of[i].number == number) {
            channels->last = i;
            return (int)i;
        }
    }
    char name[CANP_IFACE_NAME_BYTES] = {0};
    if (number)
        snprintf(name, sizeof(name), "can%u", number - 1);
    else
        snprintf(name, sizeof(name), "can-0");
    return add(channels, name, number);
}

void canp_channels_define(struct canp_channels *channels, uint8_t channel, const struct canp_iface *iface)
{
    struct canp_channel *c = &channels->of[channel];
    if (!c->is_there)
        *c = (struct canp_channel){.number = CANP_NO_NUMBER, .is_there = true};
    memcpy(&c->iface, iface, sizeof(c->iface));
    c->iface.name[sizeof(c->iface.name) - 1] = '\0';
    c->is_changed = true;
    size_t used = strlen(c->iface.name);
    memset(c->iface.name + used, 0, sizeof(c->iface.name) - used);
    if (used == 0)
        snprintf(c->iface.name, sizeof(c->iface.name), "if%u", channel);
    if (channel >= channels->count)
        channels->count = channel + 1U;
}

static bool is_taken(const struct canp_channels *channels, uint32_t number)
{
    for (unsigned i = 0; i < channels->count; i++) {
        if (channels->of[i].is_there && channels->of[i].number == number)
            return true;
    }
    return false;
}

/* Digits up to the end or a comma: the number, or CANP_NO_NUMBER. */
static uint32_t number_at(const char *text)
{
    uint32_t number = 0;
    if (*text < '0' || *text > '9')
        return CANP_NO_NUMBER;
    for (; *text >= '0' && *text <= '9' && number < 100000; text++)
        number = number * 10 + (uint32_t)(*text - '0');
    return *text && *text != ',' ? CANP_NO_NUMBER : number;
}

static uint32_t number_in_map(const char *map, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *at = map; at && *at;) {
        if (strncmp(at, name, bytes) == 0 && at[bytes] == '=')
            return number_at(at + bytes + 1);
        at = strchr(at, ',');
        at += at != NULL;
    }
    return CANP_NO_NUMBER;
}

static bool is_in_map(const char *map, uint32_t number)
{
    for (const char *at = map; (at = strchr(at, '=')) != NULL;) {
        if (number_at(++at) == number)
            return true;
    }
    return false;
}

void canp_channels_give_number(struct canp_channels *channels, uint8_t channel, const char *map)
{
    struct canp_channel *c = &channels->of[channel];
    uint32_t number = number_in_map(map, c->iface.name);
    if (number != CANP_NO_NUMBER) { /* asked for: may be shared */
        c->number = number;
        return;
    }
    if (strncmp(c->iface.name, "can", 3) == 0)
        number = number_at(c->iface.name + 3);
    if (number != CANP_NO_NUMBER)
        number++;
    bool is_free = number < 255 && !is_taken(channels, number) && !(map && is_in_map(map, number));
    for (uint32_t n = 1; !is_free; n++) {
        number = n;
        is_free = !is_taken(channels, n) && !(map && is_in_map(map, n));
    }
    c->number = number;
}

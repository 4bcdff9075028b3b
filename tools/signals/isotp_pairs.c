/* Pairs of ISO-TP (isotp_pairs.h). Main thread. */
#include "isotp_pairs.h"

#include <canp/frame.h>
#include <stdlib.h>
#include <string.h>

#include "lib/commands.h"

#define DIGITS_EXTENDED 8

/* One id of hex digits, eight of them for 29 bits. The end of what it read, NULL when it is none. */
static const char *take_id(const char *text, uint32_t *id)
{
    char *end;
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > DIGITS_EXTENDED)
        return NULL;
    unsigned long value = strtoul(text, &end, 16);
    bool is_extended = digits == DIGITS_EXTENDED;
    if (value > (is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK))
        return NULL;
    *id = (uint32_t)value | (is_extended ? CANP_ID_EFF : 0);
    return end;
}

/* The addressing behind the ids; negative: there is no such. */
static int addressing_of(const char *text)
{
    if (*text == '\0')
        return CANP_ISOTP_NORMAL;
    if (strcmp(text, ",extended") == 0)
        return CANP_ISOTP_EXTENDED;
    return strcmp(text, ",mixed") == 0 ? CANP_ISOTP_MIXED : -1;
}

static bool add(struct isotp_pairs *pairs, const char *text)
{
    uint32_t ids[2];
    unsigned count = 1;
    const char *at = take_id(text, &ids[0]);
    if (at && *at == ':') {
        at = take_id(at + 1, &ids[1]);
        count = 2;
    }
    int addressing = at ? addressing_of(at) : -1;
    for (unsigned i = 0; i < count && addressing >= 0; i++)
        pairs->ids[pairs->count++] =
            (struct canp_isotp_ids){ids[i], CANP_ID_EFF_MASK, (enum canp_isotp_addressing)addressing};
    return addressing >= 0;
}

int isotp_pairs_add(struct isotp_pairs *pairs, const char *command, const struct opt_list *typed)
{
    for (unsigned i = 0; i < typed->count; i++) {
        if (!add(pairs, typed->texts[i]))
            return opts_fail(command, CANP_EXIT_USAGE,
                             "option --isotp: '%s' is not " ISOTP_PAIRS_HELP
                             ", as 6B0:6B8 or 18DA10F1:18DAF110",
                             typed->texts[i]);
    }
    return 0;
}

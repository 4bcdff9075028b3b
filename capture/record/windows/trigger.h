/*
 * Triggers: each begins a window of a recording that keeps only windows (window.h).
 *   123:7FF 123~7FF 123:7FF,456:7FF 12345678:9FFFFFFF    candump's filters: such a frame
 *   #40                                                  an error frame of such a class
 *   123:7FF#11.22   123:7FF#11.22/FF.0F                  such a frame whose data begins like this (/ mask)
 *   error   bus-off   gap                                any error frame; bus-off; lost frames
 * No state but the parsed trigger; any thread.
 */
#ifndef CANP_CAPTURE_TRIGGER_H
#define CANP_CAPTURE_TRIGGER_H

#include <canp/error.h>
#include <canp/filter.h>

#define TRIGGER_DATA_MAX 64U
#define TRIGGER_TEXT_MAX 64U

enum trigger_kind { TRIGGER_FRAME, TRIGGER_ERROR, TRIGGER_BUS_OFF, TRIGGER_GAP };

struct trigger {
    enum trigger_kind kind;
    char text[TRIGGER_TEXT_MAX]; /* as typed, cut */
    unsigned data_bytes;
    uint8_t data[TRIGGER_DATA_MAX]; /* already masked */
    uint8_t mask[TRIGGER_DATA_MAX];
    struct canp_filter_set filters; /* TRIGGER_FRAME */
};

/* 0, or -EINVAL with `why`. *out is zeroed first. */
int canp_trigger_parse(const char *text, struct trigger *out, struct canp_why *why);

bool canp_trigger_matches(const struct trigger *trigger, const struct canp_record *record);

#endif

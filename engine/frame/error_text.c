/*
 * Error frames in words (canp/error_text.h). Sources: linux/can/error.h for the bits, can-utils' lib.c,
 * snprintf_can_error_frame(), for the words and their brackets. Invariant: the text fits
 * CANP_ERROR_TEXT_BYTES; unit.error_text tests a frame with all bits set. Any thread; no state.
 */
#include <canp/error_text.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* linux/can/error.h */
enum {
    CLASS_ARBITRATION = 1U << 1,
    CLASS_CONTROLLER = 1U << 2,
    CLASS_PROTOCOL = 1U << 3,
    CLASS_TRANSCEIVER = 1U << 4,
    CLASS_COUNTERS = 1U << 9,
    CLASS_KNOWN = (1U << 10) - 1,
};

static const char *const classes[] = {"tx-timeout",
                                      "lost-arbitration",
                                      "controller-problem",
                                      "protocol-violation",
                                      "transceiver-status",
                                      "no-acknowledgement-on-tx",
                                      "bus-off",
                                      "bus-error",
                                      "restarted-after-bus-off",
                                      "error-counter-tx-rx"};
static const char *const controller_states[] = {"rx-overflow",         "tx-overflow",      "rx-error-warning",
                                                "tx-error-warning",    "rx-error-passive", "tx-error-passive",
                                                "back-to-error-active"};
static const char *const violations[] = {
    "single-bit-error",       "frame-format-error", "bit-stuffing-error", "tx-dominant-bit-error",
    "tx-recessive-bit-error", "bus-overload",       "active-error",       "error-on-tx"};
/* CAN_ERR_PROT_LOC_*, which are those of the SJA1000's error code capture register. */
static const char *const locations[32] = {[0x02] = "id.28-to-id.21",
                                          [0x03] = "start-of-frame",
                                          [0x04] = "bit-srtr",
                                          [0x05] = "bit-ide",
                                          [0x06] = "id.20-to-id.18",
                                          [0x07] = "id.17-to-id.13",
                                          [0x08] = "crc-sequence",
                                          [0x09] = "reserved-bit-0",
                                          [0x0A] = "data-field",
                                          [0x0B] = "data-length-code",
                                          [0x0C] = "bit-rtr",
                                          [0x0D] = "reserved-bit-1",
                                          [0x0E] = "id.4-to-id.0",
                                          [0x0F] = "id.12-to-id.5",
                                          [0x11] = "active-error-flag",
                                          [0x12] = "intermission",
                                          [0x13] = "tolerate-dominant-bits",
                                          [0x16] = "passive-error-flag",
                                          [0x17] = "error-delimiter",
                                          [0x18] = "crc-delimiter",
                                          [0x19] = "acknowledge-slot",
                                          [0x1A] = "end-of-frame",
                                          [0x1B] = "acknowledge-delimiter",
                                          [0x1C] = "overload-flag"};
/* CAN_ERR_TRX_CANH_*, the low half of data[4]; CAN_ERR_TRX_CANL_*, the high half. */
static const char *const high_faults[16] = {
    [4] = "no-wire", [5] = "short-to-battery", [6] = "short-to-vcc", [7] = "short-to-ground"};
static const char *const low_faults[16] = {[4] = "no-wire",
                                           [5] = "short-to-battery",
                                           [6] = "short-to-vcc",
                                           [7] = "short-to-ground",
                                           [8] = "short-to-can-high"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *canp_error_class_name(unsigned bit)
{
    return bit < COUNT(classes) ? classes[bit] : NULL;
}

const char *canp_error_controller_name(unsigned bit)
{
    return bit < COUNT(controller_states) ? controller_states[bit] : NULL;
}

const char *canp_error_protocol_name(unsigned bit)
{
    return bit < COUNT(violations) ? violations[bit] : NULL;
}

/* Candump calls places that have no name so, and says nothing of 0 and of what is no place. */
static const char *location_name(uint8_t place)
{
    if (place == 0 || place >= COUNT(locations))
        return NULL;
    return locations[place] ? locations[place] : "unspecified";
}

void canp_error_read(const struct canp_frame *frame, struct canp_error_facts *out)
{
    uint8_t data[8] = {0};
    memcpy(data, frame->data, frame->len < sizeof(data) ? frame->len : sizeof(data));
    *out = (struct canp_error_facts){.classes = frame->id & CANP_ID_EFF_MASK};
    if (out->classes & CLASS_ARBITRATION)
        out->arbitration_bit = data[0];
    if (out->classes & CLASS_CONTROLLER)
        out->controller = data[1];
    if (out->classes & CLASS_PROTOCOL) {
        out->protocol = data[2];
        out->location = location_name(data[3]);
    }
    if (out->classes & CLASS_TRANSCEIVER) {
        out->can_high = high_faults[data[4] & 15];
        out->can_low = low_faults[data[4] >> 4];
    }
    out->has_counters = (out->classes & CLASS_COUNTERS) || data[6] || data[7];
    out->tx_errors = data[6];
    out->rx_errors = data[7];
}

/* ---- the text ---------------------------------------------------------------------------------- */

struct text {
    char *at;
    char *end;
};

static void put(struct text *t, const char *text)
{
    size_t bytes = strlen(text), room = (size_t)(t->end - t->at);
    bytes = bytes < room ? bytes : room;
    memcpy(t->at, text, bytes);
    t->at += bytes;
}

__attribute__((format(printf, 2, 3))) static void put_format(struct text *t, const char *format, ...)
{
    char text[40];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(t, text);
}

static void put_bits(struct text *t, uint32_t bits, const char *(*name)(unsigned bit))
{
    const char *between = "";
    for (unsigned bit = 0; bit < 8; bit++) {
        if (!(bits & 1U << bit) || !name(bit))
            continue;
        put(t, between);
        put(t, name(bit));
        between = ",";
    }
}

static void put_counters(struct text *t, const struct canp_error_facts *e)
{
    put_format(t, "{{%u}", e->tx_errors);
    put_format(t, "{%u}}", e->rx_errors);
}

static void put_details(struct text *t, uint32_t class, const struct canp_error_facts *e)
{
    if (class == CLASS_ARBITRATION)
        put_format(t, "{at bit %u}", e->arbitration_bit);
    if (class == CLASS_CONTROLLER) {
        put(t, "{");
        put_bits(t, e->controller, canp_error_controller_name);
        put(t, "}");
    }
    if (class == CLASS_PROTOCOL) {
        put(t, "{{");
        put_bits(t, e->protocol, canp_error_protocol_name);
        put(t, "}{");
        put(t, e->location ? e->location : "");
        put(t, "}}");
    }
    if (class == CLASS_COUNTERS)
        put_counters(t, e);
}

size_t canp_error_text(const struct canp_frame *frame, const char *between, char out[CANP_ERROR_TEXT_BYTES])
{
    struct canp_error_facts e;
    struct text t = {out, out + CANP_ERROR_TEXT_BYTES - 1};
    canp_error_read(frame, &e);
    for (unsigned bit = 0; bit < COUNT(classes); bit++) {
        if (!(e.classes & 1U << bit))
            continue;
        put(&t, t.at > out ? between : "");
        put(&t, classes[bit]);
        put_details(&t, 1U << bit, &e);
    }
    if (e.classes & ~(uint32_t)CLASS_KNOWN || e.classes == 0) {
        put(&t, t.at > out ? between : "");
        put_format(&t, "unknown-class-0x%x", e.classes & ~(uint32_t)CLASS_KNOWN);
    }
    if (e.has_counters && !(e.classes & CLASS_COUNTERS)) {
        put(&t, between);
        put(&t, "error-counter-tx-rx");
        put_counters(&t, &e);
    }
    *t.at = '\0';
    return (size_t)(t.at - out);
}

/*
 * The messages of the vehicle profile and how they are filled. Invented, but shaped like those of real cars
 * and trucks: counters and checksums where chassis messages have them, filler where suppliers leave it.
 * J1939's own parameter groups (the ids with 8 digits) have their published scaling. Any thread; no state.
 */
#include <assert.h>

#include "vehicle_priv.h"

#define X29(id) ((id) | CANP_ID_EFF)
#define NONE    CANP_NO_BYTE
#define LE(v, byte, bytes, factor, offset)                                                                   \
    {                                                                                                        \
        DRIVE_##v, byte, bytes, 0, factor, offset                                                            \
    }
#define BE(v, byte, bytes, factor, offset)                                                                   \
    {                                                                                                        \
        DRIVE_##v, byte, bytes, 1, factor, offset                                                            \
    }

/* clang-format off */
const struct canp_message canp_messages[] = {
    /* id, period, len, counter, checksum, filler, signals */
    {0x0A0, 10, 8, 1, 0, 0x00, {LE(ENGINE_RPM, 2, 2, 0.25, 0), LE(TORQUE_NM, 4, 2, 0.1, -100), LE(THROTTLE_PERCENT, 6, 1, 0.4, 0)}},
    {0x0A5, 10, 8, 1, 0, 0x00, {LE(STEER_DEGREES, 2, 2, 0.05, -1000), LE(YAW_DEGREES_PER_S, 4, 2, 0.01, -300)}},
    {0x0B4, 10, 8, 7, NONE, 0xFF, {BE(WHEEL_FL_KMH, 0, 2, 0.01, 0), BE(WHEEL_FR_KMH, 2, 2, 0.01, 0), BE(SPEED_KMH, 4, 2, 0.01, 0)}},
    {0x0B6, 10, 8, NONE, NONE, 0x00, {BE(WHEEL_FL_KMH, 0, 2, 0.01, 0), BE(WHEEL_FR_KMH, 2, 2, 0.01, 0), BE(WHEEL_RL_KMH, 4, 2, 0.01, 0), BE(WHEEL_RR_KMH, 6, 2, 0.01, 0)}},
    {0x0C1, 10, 8, 6, 7, 0x00, {BE(BRAKE_BAR, 0, 2, 0.05, 0), BE(ACCELERATION_MS2, 2, 2, 0.001, -32)}},
    {0x0C9, 10, 7, 5, 6, 0x00, {BE(LATERAL_MS2, 0, 2, 0.001, -32), BE(YAW_DEGREES_PER_S, 2, 2, 0.01, -327)}},
    {X29(0x0CF00400), 10, 8, NONE, NONE, 0xFF, {LE(TORQUE_NM, 2, 1, 2.4, -300), LE(ENGINE_RPM, 3, 2, 0.125, 0)}},
    {0x0D1, 20, 6, 5, 4, 0x00, {LE(STEER_DEGREES, 0, 2, 0.1, -800), LE(SPEED_KMH, 2, 2, 0.01, 0)}},
    {0x120, 20, 8, 6, 7, 0x10, {BE(GEAR, 0, 1, 1, 0), BE(ENGINE_RPM, 1, 2, 0.25, 0), BE(TORQUE_NM, 3, 2, 0.1, -100)}},
    {0x128, 20, 8, 1, 0, 0x00, {LE(THROTTLE_PERCENT, 2, 1, 0.4, 0), LE(TORQUE_NM, 3, 2, 0.25, -200), LE(FUEL_L_PER_H, 5, 2, 0.05, 0)}},
    {0x130, 20, 5, 4, NONE, 0xC0, {LE(BATTERY_V, 0, 2, 0.01, 0)}},
    {0x140, 20, 8, 7, 6, 0x00, {LE(WHEEL_RL_KMH, 0, 2, 0.0625, 0), LE(WHEEL_RR_KMH, 2, 2, 0.0625, 0)}},
    {X29(0x0CF00300), 50, 8, NONE, NONE, 0xFF, {LE(THROTTLE_PERCENT, 1, 1, 0.4, 0), LE(TORQUE_NM, 2, 1, 3, 0)}},
    {0x15A, 20, 8, NONE, NONE, 0x00, {BE(BRAKE_BAR, 0, 1, 0.5, 0), BE(SPEED_KMH, 1, 2, 0.01, 0)}},
    {0x1A0, 20, 8, 7, NONE, 0x20, {LE(SPEED_KMH, 0, 2, 0.1, 0), LE(ACCELERATION_MS2, 2, 2, 0.025, -65)}},
    {X29(0x0C000003), 20, 8, NONE, NONE, 0xFF, {LE(ENGINE_RPM, 1, 2, 0.125, 0), LE(TORQUE_NM, 3, 1, 1, -125)}},
    {0x1A6, 50, 8, 0, NONE, 0x00, {LE(SPEED_KMH, 1, 2, 0.01, 0), LE(ODOMETER_KM, 3, 4, 0.01, 0)}},
    {0x1D0, 50, 6, 5, NONE, 0xF0, {LE(GEAR, 0, 1, 1, 0)}},
    {0x1F5, 50, 8, 7, 6, 0x00, {BE(TORQUE_NM, 0, 2, 0.5, -848), BE(GEAR, 3, 1, 1, 0)}},
    {0x200, 50, 8, 1, 0, 0x0F, {LE(STEER_DEGREES, 2, 2, 0.0625, -2048)}},
    {0x21A, 50, 4, NONE, NONE, 0x00, {LE(BRAKE_BAR, 1, 1, 1, 0)}},
    {0x224, 50, 8, NONE, NONE, 0x00, {BE(BRAKE_BAR, 4, 2, 0.03, 0)}},
    {0x244, 50, 8, 7, NONE, 0x00, {BE(THROTTLE_PERCENT, 1, 1, 0.5, 0), BE(SPEED_KMH, 2, 2, 0.01, 0)}},
    {0x260, 100, 7, 6, 5, 0x19, {LE(TORQUE_NM, 1, 2, 0.5, 0)}},
    {0x280, 100, 8, 7, 6, 0x00, {LE(ENGINE_RPM, 2, 2, 0.25, 0), LE(COOLANT_C, 4, 1, 0.75, -48)}},
    {0x288, 100, 8, NONE, NONE, 0x8A, {LE(COOLANT_C, 1, 1, 0.75, -48), LE(INTAKE_C, 2, 1, 0.75, -48)}},
    {0x2C4, 100, 8, NONE, 7, 0x00, {BE(ENGINE_RPM, 0, 2, 1, 0)}},
    {0x2E1, 100, 8, 0, NONE, 0x00, {LE(FUEL_L_PER_H, 2, 2, 0.01, 0), LE(FUEL_PERCENT, 4, 1, 0.5, 0)}},
    {X29(0x18FEF100), 100, 8, NONE, NONE, 0xFF, {LE(SPEED_KMH, 1, 2, 0.00390625, 0)}},
    {X29(0x18FEF200), 100, 8, NONE, NONE, 0xFF, {LE(FUEL_L_PER_H, 0, 2, 0.05, 0), LE(THROTTLE_PERCENT, 6, 1, 0.4, 0)}},
    {X29(0x18F0010B), 100, 8, NONE, NONE, 0xCF, {LE(BRAKE_BAR, 1, 1, 0.4, 0)}},
    {X29(0x18F00503), 100, 8, NONE, NONE, 0xFF, {LE(GEAR, 0, 1, 1, -125), LE(GEAR, 3, 1, 1, -125)}},
    {0x320, 100, 8, NONE, NONE, 0x00, {LE(FUEL_PERCENT, 2, 1, 0.5, 0), LE(SPEED_KMH, 3, 2, 0.32, 0)}},
    {0x351, 100, 8, 7, NONE, 0xE0, {LE(SPEED_KMH, 1, 2, 0.005, 0), LE(AMBIENT_C, 5, 1, 0.5, -50)}},
    {0x359, 100, 8, NONE, NONE, 0x00, {LE(YAW_DEGREES_PER_S, 1, 2, 0.05, -100)}},
    {0x3A0, 100, 3, 2, NONE, 0x55, {LE(BATTERY_V, 0, 1, 0.1, 0)}},
    {0x3B3, 200, 8, 7, 6, 0x00, {BE(CABIN_C, 0, 1, 0.5, -40), BE(AMBIENT_C, 1, 1, 0.5, -40)}},
    {0x3C0, 200, 4, 1, 0, 0x00, {LE(GEAR, 2, 1, 1, 0)}},
    {0x3D5, 200, 8, NONE, NONE, 0xAA, {LE(OIL_BAR, 0, 1, 0.04, 0), LE(OIL_C, 1, 1, 1, -60)}},
    {0x3E9, 200, 2, NONE, NONE, 0x00, {LE(BATTERY_V, 0, 2, 0.001, 0)}},
    {0x400, 500, 6, NONE, NONE, 0x00, {LE(TIME_S, 0, 4, 1, 0)}},
    {0x420, 500, 8, NONE, NONE, 0x3C, {LE(COOLANT_C, 0, 1, 0.75, -48), LE(OIL_C, 1, 1, 1, -60), LE(AMBIENT_C, 2, 1, 0.5, -50)}},
    {0x457, 500, 8, NONE, NONE, 0x00, {BE(FUEL_PERCENT, 0, 2, 0.01, 0)}},
    {0x4F1, 1000, 8, NONE, NONE, 0x00, {BE(ODOMETER_KM, 0, 4, 0.1, 0)}},
    {0x520, 1000, 8, NONE, NONE, 0x41, {LE(TIME_S, 0, 4, 0.001, 0)}},
    {0x5A0, 1000, 1, NONE, NONE, 0x01, {{0}}},
    {X29(0x18FEEE00), 1000, 8, NONE, NONE, 0xFF, {LE(COOLANT_C, 0, 1, 1, -40), LE(OIL_C, 2, 2, 0.03125, -273)}},
    {X29(0x18FEF700), 1000, 8, NONE, NONE, 0xFF, {LE(BATTERY_V, 4, 2, 0.05, 0), LE(BATTERY_V, 6, 2, 0.05, 0)}},
    {X29(0x18FEF500), 1000, 8, NONE, NONE, 0xFF, {LE(CABIN_C, 1, 2, 0.03125, -273), LE(AMBIENT_C, 3, 2, 0.03125, -273), LE(INTAKE_C, 5, 1, 1, -40)}},
    {X29(0x18FEC1EE), 1000, 8, NONE, NONE, 0xFF, {LE(ODOMETER_KM, 0, 4, 0.005, 0)}},
    {X29(0x18FEE500), 1000, 8, NONE, NONE, 0xFF, {LE(ENGINE_HOURS, 0, 4, 0.05, 0)}},
    {X29(0x18FECA00), 1000, 8, NONE, NONE, 0x00, {{0}}},
    /* on change: doors, lights, buttons; counted so that each one differs */
    {0x3F1, 0, 4, 0, NONE, 0x80, {{0}}},
    {0x470, 0, 6, 2, NONE, 0x00, {{0}}},
    {0x5C1, 0, 2, 1, NONE, 0x1A, {{0}}},
    {0x63A, 0, 8, 7, NONE, 0x00, {LE(TIME_S, 0, 4, 0.01, 0)}},
};
/* clang-format on */
const unsigned canp_message_count = sizeof(canp_messages) / sizeof(canp_messages[0]);
_Static_assert(sizeof(canp_messages) / sizeof(canp_messages[0]) <= CANP_MESSAGES_MAX, "bound");

static uint64_t raw_value(const struct canp_signal *s, double value)
{
    double raw = (value - s->offset) / s->factor;
    double top = (double)((UINT64_C(1) << (8 * s->bytes)) - 1); /* bytes <= 4 */
    return raw <= 0 ? 0 : raw >= top ? (uint64_t)top : (uint64_t)(raw + 0.5);
}

static void put_signal(const struct canp_signal *s, double value, uint8_t *data)
{
    uint64_t raw = raw_value(s, value);
    for (unsigned i = 0; i < s->bytes; i++, raw >>= 8)
        data[s->big_endian ? s->byte + s->bytes - 1U - i : s->byte + i] = (uint8_t)raw;
}

uint8_t canp_message_checksum(const struct canp_message *m, const uint8_t *data)
{
    uint32_t sum = (m->id & 0xFF) + (m->id >> 8 & 0xFF) + m->len;
    for (unsigned i = 0; i < m->len; i++)
        sum += i == m->checksum_byte ? 0 : data[i];
    return (uint8_t)sum;
}

void canp_message_fill(const struct canp_message *m, const struct canp_drive *drive, uint32_t count,
                       uint8_t *data)
{
    for (unsigned i = 0; i < m->len; i++)
        data[i] = m->filler;
    for (unsigned i = 0; i < 4 && m->signals[i].bytes; i++) {
        assert(m->signals[i].byte + m->signals[i].bytes <= m->len);
        put_signal(&m->signals[i], drive->values[m->signals[i].value], data);
    }
    if (m->counter_byte != CANP_NO_BYTE)
        data[m->counter_byte] = (uint8_t)((m->filler & 0xF0) | (count & 0x0F));
    if (m->checksum_byte != CANP_NO_BYTE)
        data[m->checksum_byte] = canp_message_checksum(m, data);
}

/* Private to the generator: the drive (vehicle_drive.c) and its messages (vehicle_messages.c). */
#ifndef CANP_ENGINE_VEHICLE_H
#define CANP_ENGINE_VEHICLE_H

#include <stdint.h>

#include "vehicle.h"

/* splitmix64: one word of state, every seed is good. */
static inline uint64_t canp_random_u64(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* -1 .. 1, around 0 more often than at the ends. */
static inline double canp_random_spread(uint64_t *state)
{
    uint64_t z = canp_random_u64(state);
    return ((double)(uint32_t)z - (double)(uint32_t)(z >> 32)) / 4294967296.0;
}

/* What a signal can show: physical values of the drive. X(NAME) */
/* clang-format off */
#define DRIVE_VALUES(X) \
    X(SPEED_KMH) \
    X(ENGINE_RPM) \
    X(GEAR) \
    X(THROTTLE_PERCENT) \
    X(TORQUE_NM) \
    X(BRAKE_BAR) \
    X(STEER_DEGREES) \
    X(YAW_DEGREES_PER_S) \
    X(ACCELERATION_MS2) \
    X(LATERAL_MS2) \
    X(WHEEL_FL_KMH) \
    X(WHEEL_FR_KMH) \
    X(WHEEL_RL_KMH) \
    X(WHEEL_RR_KMH) \
    X(COOLANT_C) \
    X(OIL_C) \
    X(INTAKE_C) \
    X(AMBIENT_C) \
    X(CABIN_C) \
    X(OIL_BAR) \
    X(FUEL_PERCENT) \
    X(FUEL_L_PER_H) \
    X(BATTERY_V) \
    X(ODOMETER_KM) \
    X(ENGINE_HOURS) \
    X(TIME_S)
/* clang-format on */

#define DRIVE_ENUM(name) DRIVE_##name,
enum drive_value { DRIVE_VALUES(DRIVE_ENUM) DRIVE_VALUE_COUNT };
#undef DRIVE_ENUM

struct canp_drive {
    uint64_t random;
    double target_kmh;
    uint32_t target_steps; /* steps until the driver wants something else */
    double steer_target;
    double values[DRIVE_VALUE_COUNT];
};

#define DRIVE_STEP_NS 10000000U

void canp_drive_init(struct canp_drive *drive, uint64_t seed);
/* 10 ms later. */
void canp_drive_step(struct canp_drive *drive);

struct canp_signal {
    uint8_t value; /* enum drive_value */
    uint8_t byte, bytes;
    uint8_t big_endian;
    double factor, offset; /* raw = (value - offset) / factor */
};

#define CANP_NO_BYTE 0xFF

struct canp_message {
    uint32_t id;
    uint16_t period_ms; /* 0: on change */
    uint8_t len;
    uint8_t counter_byte;          /* low nibble counts 0..15; CANP_NO_BYTE: none */
    uint8_t checksum_byte;         /* over id and the other bytes; CANP_NO_BYTE: none */
    uint8_t filler;                /* what bytes without a signal hold */
    struct canp_signal signals[4]; /* ends with bytes == 0 */
};

#define CANP_MESSAGES_MAX 64
extern const struct canp_message canp_messages[];
extern const unsigned canp_message_count;

/* Writes signals, counter and checksum into len zeroed bytes. */
void canp_message_fill(const struct canp_message *m, const struct canp_drive *drive, uint32_t count,
                       uint8_t *data);
/* The checksum that canp_message_fill() writes. */
uint8_t canp_message_checksum(const struct canp_message *m, const uint8_t *data);

#endif

/*
 * The simulated drive of the vehicle profile: a driver with a wanted speed, an engine, wheels, temperatures.
 *
 It is plausible, not exact: values have the range and the rate of change of real sensors. Only
 * + - * / and comparisons on doubles, compiled without contraction, so that every machine gets the same bits.
 * One thread.
 */
#include "vehicle_priv.h"

#define STEP_S (DRIVE_STEP_NS / 1e9)

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Moves value towards target with time constant tau_s. */
static double approach(double value, double target, double tau_s)
{
    return value + (target - value) * (STEP_S / tau_s);
}

void canp_drive_init(struct canp_drive *drive, uint64_t seed)
{
    *drive = (struct canp_drive){.random = seed};
    double *v = drive->values;
    double ambient = 12 + 10 * canp_random_spread(&drive->random);
    v[DRIVE_AMBIENT_C] = v[DRIVE_COOLANT_C] = v[DRIVE_OIL_C] = v[DRIVE_INTAKE_C] = v[DRIVE_CABIN_C] = ambient;
    v[DRIVE_ENGINE_RPM] = 900;
    v[DRIVE_BATTERY_V] = 12.6;
    v[DRIVE_FUEL_PERCENT] = 60 + 30 * canp_random_spread(&drive->random);
    v[DRIVE_ODOMETER_KM] = 20000 + (double)(canp_random_u64(&drive->random) % 100000);
    v[DRIVE_ENGINE_HOURS] = v[DRIVE_ODOMETER_KM] / 42;
}

static void decide(struct canp_drive *drive)
{
    static const uint8_t targets_kmh[] = {0, 30, 50, 50, 70, 80, 100, 120};
    uint64_t z = canp_random_u64(&drive->random);
    drive->target_kmh = targets_kmh[z % sizeof(targets_kmh)];
    drive->target_steps = 600 + (uint32_t)(z >> 32) % 2400; /* 6 to 30 s */
    drive->steer_target = 60 * canp_random_spread(&drive->random);
}

static void move(struct canp_drive *drive)
{
    double *v = drive->values;
    double wanted_ms2 = clamp((drive->target_kmh - v[DRIVE_SPEED_KMH]) * 0.12, -4.5, 2.6);
    v[DRIVE_ACCELERATION_MS2] = approach(v[DRIVE_ACCELERATION_MS2], wanted_ms2, 0.4);
    double kmh = v[DRIVE_SPEED_KMH] + v[DRIVE_ACCELERATION_MS2] * 3.6 * STEP_S;
    v[DRIVE_SPEED_KMH] = kmh = clamp(kmh, 0, 180);
    v[DRIVE_ODOMETER_KM] += kmh / 3600 * STEP_S;
    v[DRIVE_STEER_DEGREES] = approach(v[DRIVE_STEER_DEGREES], drive->steer_target, 1.5);
    v[DRIVE_YAW_DEGREES_PER_S] = v[DRIVE_STEER_DEGREES] * kmh / 900;
    v[DRIVE_LATERAL_MS2] = v[DRIVE_YAW_DEGREES_PER_S] * kmh / 206;
    double turn = v[DRIVE_YAW_DEGREES_PER_S] * 0.05;
    double noise = kmh > 0 ? 0.05 * canp_random_spread(&drive->random) : 0;
    v[DRIVE_WHEEL_FL_KMH] = v[DRIVE_WHEEL_RL_KMH] = clamp(kmh + turn + noise, 0, 200);
    v[DRIVE_WHEEL_FR_KMH] = v[DRIVE_WHEEL_RR_KMH] = clamp(kmh - turn - noise, 0, 200);
    v[DRIVE_BRAKE_BAR] = wanted_ms2 < -0.6 ? (-wanted_ms2 - 0.6) * 14 : 0;
}

static void run_engine(struct canp_drive *drive)
{
    static const double rpm_per_kmh[] = {0, 130, 74, 48, 36, 29, 24};
    double *v = drive->values;
    double kmh = v[DRIVE_SPEED_KMH];
    unsigned gear = kmh < 2    ? 0
                    : kmh < 18 ? 1
                    : kmh < 34 ? 2
                    : kmh < 52 ? 3
                    : kmh < 72 ? 4
                    : kmh < 95 ? 5
                               : 6;
    double rpm = kmh * rpm_per_kmh[gear];
    rpm = rpm < 820 ? 820 : rpm;
    v[DRIVE_GEAR] = gear;
    v[DRIVE_ENGINE_RPM] = approach(v[DRIVE_ENGINE_RPM], rpm, 0.25) + 2.5 * canp_random_spread(&drive->random);
    double pull = v[DRIVE_ACCELERATION_MS2] > 0 ? v[DRIVE_ACCELERATION_MS2] * 28 : 0;
    v[DRIVE_THROTTLE_PERCENT] = clamp(kmh * 0.14 + pull, 0, 100);
    v[DRIVE_TORQUE_NM] = clamp(12 + v[DRIVE_THROTTLE_PERCENT] * 2.8, 0, 300);
    v[DRIVE_FUEL_L_PER_H] = v[DRIVE_ENGINE_RPM] * v[DRIVE_TORQUE_NM] / 42000 + 0.4;
    v[DRIVE_FUEL_PERCENT] = clamp(v[DRIVE_FUEL_PERCENT] - v[DRIVE_FUEL_L_PER_H] / 3600 * STEP_S * 2, 3, 100);
    v[DRIVE_OIL_BAR] = 1.1 + v[DRIVE_ENGINE_RPM] / 1800;
    v[DRIVE_ENGINE_HOURS] += STEP_S / 3600;
}

static void warm_up(struct canp_drive *drive)
{
    double *v = drive->values;
    v[DRIVE_COOLANT_C] = approach(v[DRIVE_COOLANT_C], 90, 240);
    v[DRIVE_OIL_C] = approach(v[DRIVE_OIL_C], 84 + v[DRIVE_TORQUE_NM] / 12, 420);
    v[DRIVE_INTAKE_C] = approach(v[DRIVE_INTAKE_C], v[DRIVE_AMBIENT_C] + 14 - v[DRIVE_SPEED_KMH] / 16, 60);
    v[DRIVE_CABIN_C] = approach(v[DRIVE_CABIN_C], 21.5, 200);
    v[DRIVE_BATTERY_V] = approach(v[DRIVE_BATTERY_V], 14.1, 3) + 0.004 * canp_random_spread(&drive->random);
    v[DRIVE_TIME_S] += STEP_S;
}

void canp_drive_step(struct canp_drive *drive)
{
    if (drive->target_steps == 0)
        decide(drive);
    drive->target_steps--;
    move(drive);
    run_engine(drive);
    warm_up(drive);
}

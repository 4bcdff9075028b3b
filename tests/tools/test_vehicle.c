/* The generator: the same seed gives the same frames; periods, counters, checksums and signals hold. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "gen/vehicle.h"

#include "gen/vehicle_priv.h"

static union canp_frame_store frame;
static int64_t time_ns;

static struct canp_vehicle *open_profile(enum canp_profile profile, uint64_t seed, double rate, double load)
{
    struct canp_vehicle_opts opts = CANP_VEHICLE_OPTS_INIT;
    struct canp_vehicle *v;
    opts.profile = profile;
    opts.seed = seed;
    opts.frames_per_second = rate;
    opts.load = load;
    opts.start_ns = 1700000000000000000;
    cr_assert_eq(canp_vehicle_open(&opts, &v), 0);
    return v;
}

Test(vehicle, a_seed_is_a_drive)
{
    for (int profile = 0; profile < CANP_PROFILE_COUNT; profile++) {
        struct canp_vehicle *a = open_profile(profile, 7, 0, 0), *b = open_profile(profile, 7, 5000, 0);
        struct canp_vehicle *c = open_profile(profile, 8, 0, 0), *d = open_profile(profile, 7, 0, 0);
        unsigned differ = 0;
        for (unsigned i = 0; i < 50000; i++) {
            union canp_frame_store fa, fb, fc, fd;
            int64_t ta, tb, tc, td;
            uint8_t kind = canp_vehicle_next(a, &ta, &fa);
            cr_assert_eq(canp_vehicle_next(b, &tb, &fb), kind);
            canp_vehicle_next(c, &tc, &fc);
            canp_vehicle_next(d, &td, &fd);
            cr_assert_arr_eq(&fa, &fb, sizeof(fa), "frame %u differs at another rate", i);
            cr_assert_arr_eq(&fa, &fd, sizeof(fa));
            cr_assert_eq(ta, td);
            differ += memcmp(&fa, &fc, sizeof(fa)) != 0;
        }
        cr_assert_gt(differ, 40000);
        canp_vehicle_close(a);
        canp_vehicle_close(b);
        canp_vehicle_close(c);
        canp_vehicle_close(d);
    }
}

/* Machines, compilers and levels of optimisation must agree: a checksum over the first frames, set once. */
Test(vehicle, the_drive_is_the_same_everywhere)
{
    static const uint64_t expected[CANP_PROFILE_COUNT] = {0x36B63E0379D6E1EA, 0xA2480305D3964F60,
                                                          0xB18BD3A62182CBE5, 0x5F21F4183EC14C05};
    for (int profile = 0; profile < CANP_PROFILE_COUNT; profile++) {
        struct canp_vehicle *v = open_profile(profile, 1, 0, 0);
        uint64_t hash = 0xCBF29CE484222325U;
        for (unsigned i = 0; i < 100000; i++) {
            canp_vehicle_next(v, &time_ns, &frame);
            for (unsigned k = 0; k < sizeof(frame); k++)
                hash = (hash ^ frame.bytes[k]) * 0x100000001B3U;
            hash = (hash ^ (uint64_t)time_ns) * 0x100000001B3U;
        }
        cr_assert_eq(hash, expected[profile], "profile %d: %#llx", profile, (unsigned long long)hash);
        canp_vehicle_close(v);
    }
}

static int find_message(uint32_t id)
{
    for (unsigned i = 0; i < canp_message_count; i++) {
        if (canp_messages[i].id == id)
            return (int)i;
    }
    return -1;
}

Test(vehicle, periods_counters_and_checksums)
{
    struct canp_vehicle *v = open_profile(CANP_PROFILE_VEHICLE, 3, 0, 0);
    unsigned count[CANP_MESSAGES_MAX] = {0};
    int64_t last[CANP_MESSAGES_MAX] = {0}, previous = 0, start = 1700000000000000000;
    const int64_t seconds = 60;
    while (canp_vehicle_next(v, &time_ns, &frame) == CANP_KIND_CAN &&
           time_ns - start < seconds * 1000000000) {
        int i = find_message(frame.frame.id);
        cr_assert_geq(i, 0);
        const struct canp_message *m = &canp_messages[i];
        cr_assert_geq(time_ns, previous);
        cr_assert_eq(frame.frame.len, m->len);
        for (unsigned k = 8U + m->len; k < sizeof(frame); k++)
            cr_assert_eq(frame.bytes[k], 0);
        if (m->counter_byte != CANP_NO_BYTE)
            cr_assert_eq(frame.frame.data[m->counter_byte] & 15, count[i] & 15);
        if (m->checksum_byte != CANP_NO_BYTE)
            cr_assert_eq(frame.frame.data[m->checksum_byte], canp_message_checksum(m, frame.frame.data));
        if (m->period_ms && count[i]) /* jitter, and waiting for the bus */
            cr_assert_lt(llabs(time_ns - last[i] - m->period_ms * 1000000), 5000000);
        last[i] = time_ns;
        count[i]++;
        previous = time_ns;
    }
    for (unsigned i = 0; i < canp_message_count; i++) {
        unsigned period_ms = canp_messages[i].period_ms;
        if (period_ms)
            cr_assert_leq(abs((int)count[i] - (int)(seconds * 1000 / period_ms)), 1, "%X",
                          canp_messages[i].id);
        else
            cr_assert(count[i] >= 3 && count[i] <= 90);
    }
    canp_vehicle_close(v);
}

Test(vehicle, messages_are_well_formed)
{
    unsigned extended = 0;
    for (unsigned i = 0; i < canp_message_count; i++) {
        const struct canp_message *m = &canp_messages[i];
        cr_assert_eq(find_message(m->id), (int)i, "id %X twice", m->id);
        extended += (m->id & CANP_ID_EFF) != 0;
        cr_assert((m->id & CANP_ID_EFF) || m->id <= CANP_ID_SFF_MASK);
        cr_assert(m->len <= 8 && (m->counter_byte < m->len || m->counter_byte == CANP_NO_BYTE));
        cr_assert(m->checksum_byte < m->len || m->checksum_byte == CANP_NO_BYTE);
        uint8_t used[8] = {0};
        for (unsigned s = 0; s < 4 && m->signals[s].bytes; s++) {
            for (unsigned k = 0; k < m->signals[s].bytes; k++)
                cr_assert_eq(used[m->signals[s].byte + k]++, 0, "%X: two signals on a byte", m->id);
        }
        if (m->counter_byte != CANP_NO_BYTE)
            cr_assert_eq(used[m->counter_byte]++, 0, "%X", m->id);
        if (m->checksum_byte != CANP_NO_BYTE)
            cr_assert_eq(used[m->checksum_byte]++, 0, "%X", m->id);
    }
    cr_assert(canp_message_count >= 40 && canp_message_count <= 60 && extended >= 8);
}

/* An hour: nothing leaves what is physically possible, and things move as slowly as they should. */
Test(vehicle, the_drive_is_plausible)
{
    struct canp_drive drive;
    canp_drive_init(&drive, 42);
    double top_kmh = 0, *v = drive.values, km = v[DRIVE_ODOMETER_KM];
    for (unsigned i = 0; i < 360000; i++) {
        double kmh = v[DRIVE_SPEED_KMH], coolant = v[DRIVE_COOLANT_C], steer = v[DRIVE_STEER_DEGREES];
        canp_drive_step(&drive);
        cr_assert(v[DRIVE_SPEED_KMH] >= 0 && v[DRIVE_SPEED_KMH] <= 150);
        cr_assert_lt(fabs(v[DRIVE_SPEED_KMH] - kmh), 0.2);
        cr_assert(v[DRIVE_ENGINE_RPM] > 700 && v[DRIVE_ENGINE_RPM] < 6000, "%f", v[DRIVE_ENGINE_RPM]);
        cr_assert(v[DRIVE_COOLANT_C] > -10 && v[DRIVE_COOLANT_C] < 100 &&
                  fabs(v[DRIVE_COOLANT_C] - coolant) < 0.01);
        cr_assert_lt(fabs(v[DRIVE_STEER_DEGREES] - steer), 2);
        cr_assert(v[DRIVE_BATTERY_V] > 12 && v[DRIVE_BATTERY_V] < 15);
        cr_assert(v[DRIVE_FUEL_PERCENT] >= 3 && v[DRIVE_FUEL_PERCENT] <= 100);
        top_kmh = v[DRIVE_SPEED_KMH] > top_kmh ? v[DRIVE_SPEED_KMH] : top_kmh;
    }
    cr_assert_gt(top_kmh, 90);
    cr_assert(v[DRIVE_COOLANT_C] > 85);
    cr_assert(v[DRIVE_ODOMETER_KM] - km > 20 && v[DRIVE_ODOMETER_KM] - km < 130);
}

/* Mean rate over 20 s of the generator's own time, in frames per second. */
static double mean_rate(struct canp_vehicle *v, double *load)
{
    double busy_ns = 0;
    int64_t start = 1700000000000000000;
    unsigned frames = 0;
    for (; frames < 2000000; frames++) {
        uint8_t kind = canp_vehicle_next(v, &time_ns, &frame);
        if (time_ns - start >= 20000000000)
            break;
        busy_ns += (double)canp_bits_ns(canp_frame_bits(kind, &frame.frame), 500000, 2000000);
    }
    *load = busy_ns / 20e9;
    return frames / 20.0;
}

Test(vehicle, rates_and_loads_are_kept)
{
    for (int profile = 0; profile < CANP_PROFILE_COUNT; profile++) {
        double load;
        struct canp_vehicle *v = open_profile(profile, 5, 3000, 0);
        double rate = mean_rate(v, &load);
        cr_assert_float_eq(rate, 3000, 60);
        cr_assert_float_eq(canp_vehicle_rate(v), 3000, 1);
        canp_vehicle_close(v);
        v = open_profile(profile, 5, 0, 0.4);
        rate = mean_rate(v, &load);
        cr_assert_float_eq(rate, canp_vehicle_rate(v), canp_vehicle_rate(v) * 0.02);
        cr_assert_float_eq(load, 0.4, 0.01, "profile %d: load %f", profile, load);
        canp_vehicle_close(v);
    }
}

Test(vehicle, flood_counts)
{
    for (int profile = CANP_PROFILE_FLOOD; profile <= CANP_PROFILE_FLOOD_FD; profile++) {
        struct canp_vehicle *v = open_profile(profile, 0x1FF, 0, 0);
        int64_t previous = 0;
        for (uint64_t i = 0; i < 70000; i++) {
            uint8_t kind = canp_vehicle_next(v, &time_ns, &frame);
            uint64_t sequence;
            memcpy(&sequence, frame.frame.data, 8);
            cr_assert_eq(__builtin_bswap64(sequence), i);
            cr_assert_eq(frame.frame.id, 0x1FF);
            cr_assert_eq(kind, profile == CANP_PROFILE_FLOOD ? CANP_KIND_CAN : CANP_KIND_FD);
            cr_assert_eq(frame.frame.len, kind == CANP_KIND_FD ? 64 : 8);
            cr_assert_gt(time_ns, previous);
            previous = time_ns;
        }
        canp_vehicle_close(v);
    }
}

Test(vehicle, fd_has_many_lengths)
{
    struct canp_vehicle *v = open_profile(CANP_PROFILE_FD, 1, 0, 0);
    uint64_t lengths = 0;
    for (unsigned i = 0; i < 20000; i++) {
        cr_assert_eq(canp_vehicle_next(v, &time_ns, &frame), CANP_KIND_FD);
        cr_assert(frame.frame.flags & CANP_FD_BRS);
        lengths |= UINT64_C(1) << (frame.frame.len - 1);
    }
    cr_assert_geq(__builtin_popcountll(lengths), 9);
    cr_assert(lengths >> 63);
    canp_vehicle_close(v);
}

Test(vehicle, odd_options_are_refused)
{
    struct canp_vehicle *v = NULL;
    static const double bad[] = {-1, 1e-5, 1e10};
    struct canp_vehicle_opts opts = CANP_VEHICLE_OPTS_INIT;
    for (unsigned i = 0; i < 3; i++) {
        opts.frames_per_second = bad[i];
        cr_assert_eq(canp_vehicle_open(&opts, &v), -22);
    }
    opts.frames_per_second = NAN;
    cr_assert_eq(canp_vehicle_open(&opts, &v), -22);
    opts.frames_per_second = 0;
    opts.load = INFINITY;
    cr_assert_eq(canp_vehicle_open(&opts, &v), -22);
    opts.load = 0;
    opts.profile = CANP_PROFILE_COUNT;
    cr_assert_eq(canp_vehicle_open(&opts, &v), -22);
    cr_assert_null(v);
    canp_vehicle_close(NULL);
    cr_assert_eq(canp_profile_find("vehicle"), CANP_PROFILE_VEHICLE);
    cr_assert_eq(canp_profile_find("flood-fd"), CANP_PROFILE_FLOOD_FD);
    cr_assert_lt(canp_profile_find("veh"), 0);
}

Test(bustime, known_lengths)
{
    union canp_frame_store f = {.frame = {.id = 0x123, .len = 8}};
    struct canp_bits bits = canp_frame_bits(CANP_KIND_CAN, &f.frame);
    cr_assert(bits.nominal >= 111 && bits.nominal <= 135 && bits.data == 0, "%u",
              bits.nominal); /* without and at most */
    f.frame.id = 0x18FEF100 | CANP_ID_EFF;
    bits = canp_frame_bits(CANP_KIND_CAN, &f.frame);
    cr_assert(bits.nominal >= 131 && bits.nominal <= 160);
    f.frame.len = 0;
    f.frame.id = 0x123;
    bits = canp_frame_bits(CANP_KIND_CAN, &f.frame);
    cr_assert(bits.nominal >= 47 && bits.nominal <= 55);
    cr_assert_eq(canp_bits_ns((struct canp_bits){100, 0}, 500000, 0), 200000);
    cr_assert_eq(canp_bits_ns((struct canp_bits){100, 200}, 500000, 2000000), 300000);
    cr_assert_eq(canp_bits_ns((struct canp_bits){100, 200}, 0, 0), 0);
}

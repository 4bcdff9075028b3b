/*
 * Puts recordings together from the messages of many vehicles (canp/blocks.h).
 *
 * Invariant: a message reaches no directory but DIR/VEHICLE/RECORDING of the vehicle and the recording that
 * the carrier names; what a vehicle may store, and keep waiting in memory, is bounded. One thread at a time.
 */
#include <canp/blocks.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/private/cleanup.h>
#include <canp/private/opts.h>

#include "assembly.h"
#include "segment/file_lock.h"

#define HOLD_BYTES_DEFAULT  (UINT64_C(16) << 20)
#define HOLD_SHARES         32U /* all vehicles together may keep waiting so many times what one may */
#define RECORDINGS_DEFAULT  10000U
#define VEHICLE_NAME_MAX    64U
#define OPEN_MAX            128U /* recordings with open files */
#define RECORDING_HEX_BYTES 33U

struct vehicle {
    struct vehicle *next; /* in its bucket */
    uint64_t bytes;
    uint64_t held_bytes;
    uint32_t recordings;
    char name[VEHICLE_NAME_MAX + 1];
};

struct recording {
    struct recording *next;      /* in its bucket */
    struct recording *next_open; /* in the list of those with open files, latest use first */
    struct vehicle *vehicle;
    bool is_open;
    struct assembly assembly;
};

#define BUCKETS 4096U

struct canp_block_store {
    int dir_fd;
    uint64_t vehicle_bytes;
    uint32_t vehicle_recordings;
    uint64_t hold_bytes;
    uint64_t held_bytes;
    struct assembly_shared shared;
    struct canp_block_store_stats stats;
    uint8_t *aligned;       /* a message that lies elsewhere: rows are 8-aligned */
    struct recording *open; /* with open files */
    unsigned open_count;
    struct vehicle *vehicles[BUCKETS];
    struct recording *recordings[BUCKETS];
};

bool canp_block_vehicle_is_valid(const char *vehicle)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t n = strnlen(vehicle, VEHICLE_NAME_MAX + 1);
    return n >= 1 && n <= VEHICLE_NAME_MAX && strspn(vehicle, letters) == n;
}

static unsigned bucket_of(const char *name, const uint8_t recording[16])
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * UINT64_C(1099511628211);
    for (unsigned i = 0; recording && i < 16; i++)
        h = (h ^ recording[i]) * UINT64_C(1099511628211);
    return (unsigned)((h ^ h >> 32) % BUCKETS);
}

static void hex_of(const uint8_t recording[16], char out[RECORDING_HEX_BYTES])
{
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", recording[i]);
}

/* ---- directories ----------------------------------------------------------------------------------- */

static int open_dir(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int make_dir(int parent_fd, const char *name)
{
    if (mkdirat(parent_fd, name, 0777) < 0)
        return errno == EEXIST ? 0 : -errno;
    return fsync(parent_fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* Calls `each` for the entries that have no dot in front. */
static int each_entry(int dir_fd, void (*each)(int dir_fd, const char *name, struct vehicle *v),
                      struct vehicle *v)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int r = -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    for (const struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] != '.')
            each(dirfd(dir), e->d_name, v);
    }
    closedir(dir);
    return 0;
}

static void count_file(int dir_fd, const char *name, struct vehicle *v)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        v->bytes += (uint64_t)st.st_size;
}

static void count_recording(int dir_fd, const char *name, struct vehicle *v)
{
    CANP_CLEANUP(canp_fd_close) int fd = open_dir(dir_fd, name);
    if (fd < 0)
        return;
    v->recordings++;
    each_entry(fd, count_file, v);
}

/* ---- vehicles and recordings ----------------------------------------------------------------------- */

static int find_vehicle(struct canp_block_store *store, const char *name, struct vehicle **out)
{
    struct vehicle **bucket = &store->vehicles[bucket_of(name, NULL)];
    for (struct vehicle *v = *bucket; v; v = v->next) {
        if (strcmp(v->name, name) == 0) {
            *out = v;
            return 0;
        }
    }
    int r = make_dir(store->dir_fd, name);
    CANP_CLEANUP(canp_fd_close) int fd = r < 0 ? r : open_dir(store->dir_fd, name);
    if (fd < 0)
        return fd;
    struct vehicle *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    memcpy(v->name, name, strlen(name));
    r = each_entry(fd, count_recording, v);
    if (r < 0) {
        free(v);
        return r;
    }
    v->next = *bucket;
    *out = *bucket = v;
    return 0;
}

/* The recording's directory; a new one counts. */
static int open_recording_dir(struct canp_block_store *store, struct vehicle *v, const uint8_t recording[16])
{
    char name[RECORDING_HEX_BYTES];
    hex_of(recording, name);
    CANP_CLEANUP(canp_fd_close) int parent = open_dir(store->dir_fd, v->name);
    if (parent < 0)
        return parent;
    int fd = open_dir(parent, name);
    if (fd != -ENOENT)
        return fd;
    if (v->recordings >= store->vehicle_recordings)
        return -CANP_E_TOO_MANY;
    int r = make_dir(parent, name);
    if (r < 0)
        return r;
    v->recordings++;
    return open_dir(parent, name);
}

static int new_recording(struct canp_block_store *store, struct vehicle *v, const uint8_t recording[16],
                         struct recording **bucket)
{
    struct recording *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    int error = open_recording_dir(store, v, recording);
    if (error >= 0)
        error = canp_assembly_open(&r->assembly, error, recording, &store->shared);
    if (error < 0) {
        free(r);
        return error;
    }
    r->vehicle = v;
    r->is_open = true;
    r->next = *bucket;
    *bucket = r;
    r->next_open = store->open;
    store->open = r;
    store->open_count++;
    return 0;
}

/* Syncs and closes the files of those that were not used for the longest time. */
static int close_some(struct canp_block_store *store)
{
    struct recording **at = &store->open;
    for (unsigned i = 0; *at && i < OPEN_MAX / 2; i++)
        at = &(*at)->next_open;
    while (*at) {
        struct recording *r = *at;
        int error = canp_assembly_sync(&r->assembly);
        if (error < 0)
            return error;
        canp_grown_pause(&r->assembly.grown);
        close(r->assembly.dir_fd);
        r->assembly.dir_fd = -1;
        r->is_open = false;
        *at = r->next_open;
        store->open_count--;
    }
    return 0;
}

static int open_again(struct canp_block_store *store, struct recording *r)
{
    int fd = open_recording_dir(store, r->vehicle, r->assembly.recording);
    if (fd < 0)
        return fd;
    r->assembly.dir_fd = fd;
    r->is_open = true;
    r->next_open = store->open;
    store->open = r;
    store->open_count++;
    return canp_file_lock_take(fd);
}

static void move_to_front(struct canp_block_store *store, struct recording *r)
{
    struct recording **at = &store->open;
    while (*at != r)
        at = &(*at)->next_open;
    *at = r->next_open;
    r->next_open = store->open;
    store->open = r;
}

static int find_recording(struct canp_block_store *store, struct vehicle *v, const uint8_t recording[16],
                          struct recording **out)
{
    struct recording **bucket = &store->recordings[bucket_of(v->name, recording)], *r = *bucket;
    int error = 0;
    while (r && (r->vehicle != v || memcmp(r->assembly.recording, recording, 16) != 0))
        r = r->next;
    if (r && r->is_open) {
        move_to_front(store, r);
        *out = r;
        return 0;
    }
    if (store->open_count >= OPEN_MAX)
        error = close_some(store);
    if (error == 0)
        error = r ? open_again(store, r) : new_recording(store, v, recording, bucket);
    if (error == 0)
        *out = r ? r : *bucket;
    return error;
}

/* ---- messages -------------------------------------------------------------------------------------- */

/* What a vehicle keeps waiting is bounded: beyond, what it waits for is taken as missing. */
static int bound_held(struct canp_block_store *store, struct recording *r)
{
    int error = 0;
    while (
        error >= 0 && r->assembly.held &&
        (r->vehicle->held_bytes > store->hold_bytes || store->held_bytes > HOLD_SHARES * store->hold_bytes)) {
        uint64_t before = r->assembly.held_bytes;
        error = canp_assembly_settle(&r->assembly, &store->shared);
        r->vehicle->held_bytes -= before - r->assembly.held_bytes;
        store->held_bytes -= before - r->assembly.held_bytes;
    }
    return error;
}

static int put(struct canp_block_store *store, struct recording *r, uint64_t number, const void *bytes,
               size_t size)
{
    struct vehicle *v = r->vehicle;
    uint64_t held = r->assembly.held_bytes, written = store->stats.bytes;
    if (store->vehicle_bytes && v->bytes + size > store->vehicle_bytes)
        return -CANP_E_TOO_MANY;
    int result = canp_assembly_put(&r->assembly, &store->shared, number, bytes, size);
    v->held_bytes += r->assembly.held_bytes - held;
    store->held_bytes += r->assembly.held_bytes - held;
    int bounded = result == 2 ? bound_held(store, r) : 0;
    v->bytes += store->stats.bytes - written;
    return bounded < 0 ? bounded : result;
}

static int explain(struct canp_block_store *store, int r, const char *vehicle, struct canp_why *why)
{
    switch (r) {
    case -CANP_E_TOO_MANY:
        store->stats.refused++;
        return canp_fail(why, r,
                         "%s is beyond what one vehicle may store: raise the limit, or remove recordings",
                         vehicle);
    case -CANP_E_DAMAGED:
    case -CANP_E_VERSION:
    case -CANP_E_FOREIGN:
        store->stats.refused++;
        return canp_fail(why, r, "a message of %s is refused: %s", vehicle, canp_strerror(r));
    default:
        return canp_fail(why, r, "cannot store a message of %s: %s", vehicle, canp_strerror(r));
    }
}

int canp_block_store_put(struct canp_block_store *store, const char *vehicle, const uint8_t recording[16],
                         uint64_t number, const void *bytes, size_t size, struct canp_why *why)
{
    struct canp_block_message message;
    struct vehicle *v = NULL;
    struct recording *r;
    store->stats.messages++;
    if (!canp_block_vehicle_is_valid(vehicle)) {
        store->stats.refused++;
        return canp_fail(why, -EINVAL, "a message of a vehicle whose name is none is refused");
    }
    int result = canp_block_message_read(bytes, size, &message); /* before it makes a directory */
    if (result == 0 && (uintptr_t)bytes % 8 != 0)
        bytes = memcpy(store->aligned, bytes, size);
    if (result == 0)
        result = find_vehicle(store, vehicle, &v);
    if (result == 0)
        result = find_recording(store, v, recording, &r);
    if (result == 0)
        result = put(store, r, number, bytes, size);
    store->stats.duplicates += result == 0;
    return result < 0 ? explain(store, result, vehicle, why) : result;
}

int canp_block_store_sync(struct canp_block_store *store)
{
    int first = 0;
    for (struct recording *r = store->open; r; r = r->next_open) {
        int error = canp_assembly_sync(&r->assembly);
        first = first < 0 ? first : error;
    }
    return first;
}

uint64_t canp_block_store_safe(const struct canp_block_store *store)
{
    uint64_t lowest = UINT64_MAX;
    if (store->stats.waiting == 0)
        return lowest;
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (const struct recording *r = store->recordings[i]; r; r = r->next) {
            uint64_t one = canp_assembly_lowest_held(&r->assembly);
            lowest = one < lowest ? one : lowest;
        }
    }
    return lowest;
}

static int64_t settle_recording(struct canp_block_store *store, struct recording *r)
{
    struct recording *opened;
    int64_t gaps = 0;
    int error = r->assembly.held ? find_recording(store, r->vehicle, r->assembly.recording, &opened) : 0;
    while (error >= 0 && r->assembly.held) {
        uint64_t before = r->assembly.held_bytes;
        error = canp_assembly_settle(&r->assembly, &store->shared);
        r->vehicle->held_bytes -= before - r->assembly.held_bytes;
        store->held_bytes -= before - r->assembly.held_bytes;
        gaps++;
    }
    return error < 0 ? error : gaps;
}

int64_t canp_block_store_settle(struct canp_block_store *store)
{
    int64_t gaps = 0;
    for (unsigned i = 0; i < BUCKETS && store->stats.waiting; i++) {
        for (struct recording *r = store->recordings[i]; r; r = r->next) {
            int64_t n = settle_recording(store, r);
            if (n < 0)
                return n;
            gaps += n;
        }
    }
    return gaps;
}

void canp_block_store_stats(const struct canp_block_store *store, struct canp_block_store_stats *out)
{
    *out = store->stats;
}

/* ---- opening --------------------------------------------------------------------------------------- */

static int open_store(struct canp_block_store *store, const char *dir, struct canp_why *why)
{
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return canp_fail(why, -errno, "cannot make %s: %s", dir, strerror(errno));
    store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0)
        return canp_fail(why, -errno, "cannot open %s: %s", dir, strerror(errno));
    int r = canp_file_lock_take(store->dir_fd);
    if (r == -EBUSY)
        return canp_fail(why, r, "another process stores in %s: end it, or take another directory", dir);
    store->aligned = aligned_alloc(64, CANP_BLOCK_MESSAGE_BYTES_MAX);
    if (r == 0)
        r = store->aligned ? canp_grown_scratch_init(&store->shared.scratch) : -ENOMEM;
    return r < 0 ? canp_fail(why, r, "%s: %s", dir, canp_strerror(r)) : 0;
}

int canp_block_store_open(const char *dir, const struct canp_block_store_opts *opts,
                          struct canp_block_store **out, struct canp_why *why)
{
    struct canp_block_store_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "block store: options that this release of libcanp does not know");
    struct canp_block_store *store = calloc(1, sizeof(*store));
    if (!store)
        return canp_fail(why, -ENOMEM, "out of memory");
    store->dir_fd = -1;
    store->vehicle_bytes = taken.vehicle_bytes;
    store->vehicle_recordings = taken.vehicle_recordings ? taken.vehicle_recordings : RECORDINGS_DEFAULT;
    store->hold_bytes = taken.hold_bytes ? taken.hold_bytes : HOLD_BYTES_DEFAULT;
    store->shared.stats = &store->stats;
    r = open_store(store, dir, why);
    if (r < 0)
        canp_block_store_close(store);
    else
        *out = store;
    return r;
}

static void free_bucket(struct canp_block_store *store, unsigned bucket)
{
    for (struct recording *r = store->recordings[bucket], *next; r; r = next) {
        next = r->next;
        canp_assembly_close(&r->assembly);
        free(r);
    }
    for (struct vehicle *v = store->vehicles[bucket], *next; v; v = next) {
        next = v->next;
        free(v);
    }
}

void canp_block_store_close(struct canp_block_store *store)
{
    if (!store)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        free_bucket(store, i);
    canp_grown_scratch_release(&store->shared.scratch);
    free(store->aligned);
    if (store->dir_fd >= 0)
        close(store->dir_fd);
    free(store);
}

/* The recordings that one `canp ship` sends (shipments.h). */
#include "shipments.h"

#include <canp/pools/clock.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"

#define OPEN_MAX_AT_ONCE 64U
#define LOOK_NS          UINT64_C(1000000000)
#define TELL_NS          UINT64_C(10000000000)

/* ---- finding --------------------------------------------------------------------------------------- */

static bool is_segment(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits >= 8 && strcmp(name + digits, ".canp") == 0;
}

static int add(struct shipments *all, const char *path)
{
    struct shipment **at = &all->first;
    for (; *at; at = &(*at)->next) {
        if (strcmp((*at)->path, path) == 0)
            return 0;
    }
    size_t bytes = strlen(path) + 1;
    struct shipment *s = calloc(1, sizeof(*s) + bytes);
    if (!s)
        return -ENOMEM;
    memcpy(s->path, path, bytes);
    *at = s; /* in the order found */
    return 0;
}

/* Is it a directory with segments? */
static bool is_recording(const char *path)
{
    DIR *dir = opendir(path);
    bool found = false;
    for (const struct dirent *e; dir && !found && (e = readdir(dir));)
        found = is_segment(e->d_name);
    if (dir)
        closedir(dir);
    return found;
}

/* A directory of recordings: those in it, by name. */
static int add_children(struct shipments *all, const char *path)
{
    struct dirent **entries = NULL;
    int r = 0, count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        char child[4096];
        if (r == 0 && entries[i]->d_name[0] != '.' &&
            snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name) < (int)sizeof(child) &&
            is_recording(child))
            r = add(all, child);
        free(entries[i]);
    }
    free(entries);
    return r;
}

static int find(struct shipments *all)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < all->root_count; i++) {
        struct stat st;
        const char *path = all->roots[i];
        bool is_file = stat(path, &st) == 0 && S_ISREG(st.st_mode);
        r = is_file || is_recording(path) ? add(all, path) : add_children(all, path);
    }
    all->looked_ns = canp_monotonic_ns();
    return r;
}

int shipments_open(struct shipments *all, char **roots, unsigned count, const struct canp_ship_opts *opts,
                   bool follow)
{
    all->roots = roots;
    all->root_count = count;
    all->opts = opts;
    all->follow = follow;
    for (unsigned i = 0; !follow && i < count; i++) {
        if (access(roots[i], F_OK) < 0)
            return opts_fail(all->command, CANP_EXIT_ENVIRONMENT, "%s: %s", roots[i], strerror(errno));
    }
    int r = find(all);
    if (r < 0)
        return opts_fail(all->command, CANP_EXIT_ENVIRONMENT, "cannot look for recordings: %s", strerror(-r));
    if (!all->first && !follow)
        return opts_fail(all->command, CANP_EXIT_ENVIRONMENT, "no recording in %s", roots[0]);
    return 0;
}

/* ---- taking turns ---------------------------------------------------------------------------------- */

static void add_stats(struct canp_ship_stats *to, const struct canp_ship_stats *s)
{
    to->messages += s->messages;
    to->frames += s->frames;
    to->bytes += s->bytes;
    to->repeated += s->repeated;
    to->removed += s->removed;
    to->last_ns = s->last_ns > to->last_ns ? s->last_ns : to->last_ns;
}

void shipments_sum_up(const struct shipments *all, struct canp_ship_stats *out)
{
    *out = all->ended_sums;
    for (const struct shipment *s = all->first; s; s = s->next) {
        struct canp_ship_stats one;
        if (!s->ship)
            continue;
        canp_ship_stats(s->ship, &one);
        add_stats(out, &one);
    }
}

static void end(struct shipments *all, struct shipment *s)
{
    struct canp_ship_stats one;
    if (s->ship) {
        canp_ship_stats(s->ship, &one);
        add_stats(&all->ended_sums, &one);
        canp_ship_close(s->ship);
        all->open_count--;
    }
    s->ship = NULL;
    s->ended = true;
}

/* A recording that cannot be read does not keep the others from being shipped. */
static void fail(struct shipments *all, struct shipment *s, const struct canp_why *why)
{
    opts_fail(all->command, 0, "%s is left out: %s", s->path, why->text);
    all->failed++;
    end(all, s);
}

static void open_one(struct shipments *all, struct canp_stream *stream, struct shipment *s)
{
    struct canp_why why;
    int r = canp_ship_open(stream, s->path, all->opts, &s->ship, &why);
    if (r == -CANP_E_EMPTY && all->follow)
        return; /* it has just begun */
    if (r < 0) {
        s->ship = NULL;
        fail(all, s, &why);
    } else {
        all->open_count++;
    }
}

static int step_one(struct shipments *all, struct shipment *s)
{
    struct canp_why why;
    int r = canp_ship_step(s->ship, 0, &why);
    if (r == -EAGAIN) {
        if (!s->trouble)
            opts_fail(all->command, 0, "%s; trying again", why.text);
        s->trouble = all->waits = true;
        return 0;
    }
    if (r < 0) {
        fail(all, s, &why);
        return 1;
    }
    if (r == 1)
        s->trouble = false;
    if (canp_ship_is_done(s->ship)) {
        end(all, s);
        all->finished++;
    }
    return r;
}

/* ---- telling --------------------------------------------------------------------------------------- */

static unsigned left_of(const struct shipments *all)
{
    unsigned left = 0;
    for (const struct shipment *s = all->first; s; s = s->next)
        left += !s->ended;
    return left;
}

static void tell(struct shipments *all, struct canp_stream *stream)
{
    struct canp_ship_stats s;
    struct statvfs fs;
    char json[512];
    shipments_sum_up(all, &s);
    unsigned long long room =
        statvfs(all->roots[0], &fs) == 0 ? (unsigned long long)fs.f_bavail * fs.f_frsize : 0;
    snprintf(json, sizeof(json),
             "{\"last_ns\":%lld,\"frames\":%llu,\"bytes\":%llu,\"recordings\":%u,\"finished\":%u,"
             "\"disk_free\":%llu,\"state\":\"%s\"}",
             (long long)s.last_ns, (unsigned long long)s.frames, (unsigned long long)s.bytes, left_of(all),
             all->finished, room, all->waits ? "waits" : "ships");
    canp_stream_tell(stream, all->opts->vehicle, json);
    all->told_ns = canp_monotonic_ns();
}

int shipments_step(struct shipments *all, struct canp_stream *stream, uint64_t wait_ns)
{
    uint64_t now_ns = canp_monotonic_ns();
    int done = 0;
    if (all->follow && now_ns - all->looked_ns > LOOK_NS && find(all) < 0)
        return opts_fail(all->command, -1, "cannot look for recordings");
    all->waits = false;
    for (struct shipment *s = all->first; s && !stop_is_requested(); s = s->next) {
        if (!s->ship && !s->ended && all->open_count < OPEN_MAX_AT_ONCE)
            open_one(all, stream, s);
        if (s->ship)
            done |= step_one(all, s);
    }
    if (now_ns - all->told_ns > TELL_NS || (!done && shipments_are_level(all) && !all->follow))
        tell(all, stream);
    if (!done)
        nanosleep(&(struct timespec){.tv_nsec = (long)(wait_ns < 5000000 ? wait_ns : 5000000)}, NULL);
    return done;
}

bool shipments_are_level(const struct shipments *all)
{
    for (const struct shipment *s = all->first; s; s = s->next) {
        if (!s->ended && !(s->ship && canp_ship_is_level(s->ship)))
            return false;
    }
    return true;
}

void shipments_close(struct shipments *all)
{
    shipments_sum_up(all, &all->sums);
    for (struct shipment *s = all->first, *next; s; s = next) {
        next = s->next;
        canp_ship_close(s->ship);
        free(s);
    }
    all->first = NULL;
}

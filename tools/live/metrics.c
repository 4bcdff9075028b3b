/* OpenMetrics text (metrics.h; prometheus.io/docs/specs/om/open_metrics_spec). One thread at a time. */
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/version.h>

#include "lib/text.h"

struct page {
    FILE *to;
    const struct control_status *status;
    char recording[TEXT_SAFE_BYTES * 2]; /* as a label's value */
};

/* A label's value: safe text, with backslashes and quotes escaped. */
static const char *label(char *out, size_t size, const char *text)
{
    char safe[TEXT_SAFE_BYTES];
    size_t used = 0;
    text_safe(safe, text);
    for (const char *c = safe; *c && used + 3 < size; c++) {
        if (*c == '\\' || *c == '"')
            out[used++] = '\\';
        out[used++] = *c;
    }
    out[used] = '\0';
    return out;
}

/* A metric family begins. */
static void family(const struct page *p, const char *name, const char *type, const char *help)
{
    fprintf(p->to, "# TYPE canp_%s %s\n# HELP canp_%s %s\n", name /* trusted: ours, as below */, type, name,
            help);
}

/* Of the recording as a whole. */
static void sample(const struct page *p, const char *name, double value)
{
    fprintf(p->to, "canp_%s{recording=\"%s\"} %.17g\n", name, p->recording /* trusted: label() */, value);
}

static void gauge(const struct page *p, const char *name, const char *help, double value)
{
    family(p, name, "gauge", help);
    sample(p, name, value);
}

static void counter(const struct page *p, const char *name, const char *help, uint64_t value)
{
    char total[80];
    snprintf(total, sizeof(total), "%s_total", name);
    family(p, name, "counter", help);
    fprintf(p->to, "canp_%s{recording=\"%s\"} %llu\n", total, p->recording /* trusted: label() */,
            (unsigned long long)value);
}

static void frames(const struct page *p)
{
    char name[CANP_IFACE_NAME_BYTES * 8];
    family(p, "frames", "counter", "Frames received and stored, or about to be.");
    for (unsigned i = 0; i < p->status->iface_count; i++)
        fprintf(p->to, "canp_frames_total{recording=\"%s\",interface=\"%s\"} %llu\n", p->recording,
                label(name /* trusted: escaped */, sizeof(name), p->status->ifaces[i].name),
                (unsigned long long)p->status->ifaces[i].frames);
}

static void lost_at(const struct page *p, const char *iface, const char *layer, uint64_t count)
{
    fprintf(p->to, "canp_lost_frames_total{recording=\"%s\",interface=\"%s\",layer=\"%s\"} %llu\n",
            p->recording, iface, layer /* trusted: ours; label() made the others */,
            (unsigned long long)count);
}

static void losses(const struct page *p)
{
    char name[CANP_IFACE_NAME_BYTES * 8];
    family(p, "lost_frames", "counter", "Frames lost, by where: socket, device, recorder.");
    for (unsigned i = 0; i < p->status->iface_count; i++) {
        const struct control_iface *f = &p->status->ifaces[i];
        label(name, sizeof(name), f->name);
        lost_at(p, name, "socket", f->lost_socket);
        lost_at(p, name, "device", f->lost_device);
        lost_at(p, name, "recorder", f->lost_recorder);
    }
}

static void loads(const struct page *p, const struct health *health)
{
    char name[CANP_IFACE_NAME_BYTES * 8];
    if (!health->has_load)
        return;
    family(p, "bus_load_ratio", "gauge", "Share of the bus that frames took in a recent second.");
    for (unsigned i = 0; i < p->status->iface_count; i++) {
        if (health->loads[i] >= 0)
            fprintf(p->to, "canp_bus_load_ratio{recording=\"%s\",interface=\"%s\"} %.6f\n", p->recording,
                    label(name /* trusted: escaped */, sizeof(name), p->status->ifaces[i].name),
                    health->loads[i]);
    }
}

static void recorder(const struct page *p)
{
    const struct control_status *s = p->status;
    char io[sizeof(s->io) * 8];
    family(p, "recorder", "info", "Release and intake of the recorder.");
    fprintf(p->to, "canp_recorder_info{recording=\"%s\",version=\"%s\",intake=\"%s\"} 1\n", p->recording,
            canp_version(), label(io, sizeof(io), s->io));
    gauge(p, "recording_up", "1 while it is recorded, 0 when the recording has ended.", !s->ended);
    gauge(p, "recording_duration_seconds", "Since frames were first received.", (double)s->duration_ns / 1e9);
    counter(p, "stored_bytes", "Bytes committed to segment files.", s->stored_bytes);
    counter(p, "segments", "Segments begun.", s->segments);
    counter(p, "removed_segments", "Of these, removed again by retention.", s->removed);
    counter(p, "undone_frames", "Frames whose stored segment somebody cut or removed.", s->undone);
    counter(p, "windows", "Windows begun by triggers.", s->windows);
    counter(p, "outside_frames", "Frames outside of windows, neither stored nor lost.", s->outside);
}

static void slabs(const struct page *p)
{
    const struct control_status *s = p->status;
    gauge(p, "slabs", "Slabs between capture and disk.", (double)s->slab_count);
    gauge(p, "slabs_full", "Slabs that wait for the disk.", (double)s->slabs_full);
    gauge(p, "slabs_full_max", "Most slabs that ever waited for the disk.", (double)s->slabs_full_max);
    counter(p, "slab_stalls", "Times that no slab was free.", s->slab_stalls);
}

static void machine(const struct page *p, const struct health *h)
{
    if (h->has_disk) {
        gauge(p, "disk_size_bytes", "Size of the recording's file system.", (double)h->disk_bytes);
        gauge(p, "disk_free_bytes", "Room on it.", (double)h->disk_free_bytes);
    }
    if (h->has_clock) {
        gauge(p, "clock_synchronised", "1 when the kernel says that NTP or PTP keeps the clock right.",
              h->clock_synchronised);
        gauge(p, "clock_max_error_seconds", "How far the clock may be off, by whoever keeps it.",
              h->clock_error_s);
    }
}

void metrics_print(FILE *to, const struct control_status *status, const struct health *health)
{
    struct page p = {.to = to, .status = status};
    label(p.recording, sizeof(p.recording), status->dir);
    recorder(&p);
    frames(&p);
    losses(&p);
    loads(&p, health);
    slabs(&p);
    machine(&p, health);
    fputs("# EOF\n", to);
}

int metrics_replace(const char *file, const struct control_status *status, const struct health *health)
{
    char *name = NULL;
    if (asprintf(&name, "%s.%d.tmp", file, (int)getpid()) < 0)
        return -ENOMEM;
    FILE *to = fopen(name, "we");
    int r = to ? 0 : -errno;
    if (to) {
        metrics_print(to, status, health);
        bool is_written = !ferror(to);
        errno = EIO;
        if (fclose(to) != 0 || !is_written || rename(name, file) < 0)
            r = -errno;
        if (r < 0)
            unlink(name);
    }
    free(name);
    return r;
}

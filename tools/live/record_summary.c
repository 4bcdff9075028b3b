/* What a recording came to (record_summary.h). */
#include "live/record_summary.h"

#include "lib/text.h"

static double rate(uint64_t frames, uint64_t duration_ns)
{
    return duration_ns ? (double)frames * 1e9 / (double)duration_ns : 0;
}

static void print_windows(FILE *out, const struct canp_recorder_stats *s)
{
    char outside[TEXT_BYTES];
    fprintf(out, "%llu window%s; %s frames outside of them were let go\n", (unsigned long long)s->windows,
            s->windows == 1 ? "" : "s", text_count(outside, s->outside));
}

static void print_undone(FILE *out, const struct canp_recorder_stats *s)
{
    char count[TEXT_BYTES];
    fprintf(out, "%s of the lost frames were stored, and somebody cut or removed their segment:",
            text_count(count, s->undone));
    for (unsigned i = 0; i < s->iface_count; i++) {
        const struct canp_recorder_iface_stats *f = &s->ifaces[i];
        if (f->undone)
            fprintf(out, " %s %llu", SAFE(f->name), (unsigned long long)f->undone);
    }
    fputc('\n', out);
}

void record_summary_print(const struct record_summary *how, const struct canp_recorder_stats *s)
{
    FILE *out = how->out;
    char frames[TEXT_BYTES], lost[TEXT_BYTES], bytes[TEXT_BYTES];
    fprintf(out, "%-16s %12s %10s %10s %10s %10s %12s\n", "interface", "frames", "errors", "lost:sock",
            "device", "recorder", "frames/s");
    for (unsigned i = 0; i < s->iface_count; i++) {
        const struct canp_recorder_iface_stats *f = &s->ifaces[i];
        fprintf(out, "%-16s %12llu %10llu %10llu %10llu %10llu %12.1f\n", SAFE(f->name),
                (unsigned long long)f->frames, (unsigned long long)f->error_frames,
                (unsigned long long)f->lost.socket, (unsigned long long)f->lost.device,
                (unsigned long long)f->lost.recorder, rate(f->frames, s->duration_ns));
    }
    fprintf(out, "%s frames, %s lost in %.3f s; %s in %llu segment%s", text_count(frames, s->frames),
            text_count(lost, s->lost), (double)s->duration_ns / 1e9, text_bytes(bytes, s->bytes),
            (unsigned long long)s->segments, s->segments == 1 ? "" : "s");
    if (s->removed)
        fprintf(out, ", %llu of them removed again,", (unsigned long long)s->removed);
    fprintf(out, " of %s (%s)\n", SAFE(how->dir), s->io);
    if (s->undone)
        print_undone(out, s);
    if (how->windows)
        print_windows(out, s);
}

void record_summary_print_json(const struct record_summary *how, const struct canp_recorder_stats *s)
{
    FILE *out = how->out;
    fprintf(out,
            "{\"frames\":%llu,\"error_frames\":%llu,\"lost\":%llu,\"duration_ns\":%llu,\"segments\":%llu,"
            "\"removed\":%llu,\"bytes\":"
            "%llu,"
            "\"directory\":",
            (unsigned long long)s->frames, (unsigned long long)s->error_frames, (unsigned long long)s->lost,
            (unsigned long long)s->duration_ns, (unsigned long long)s->segments,
            (unsigned long long)s->removed, (unsigned long long)s->bytes);
    text_json_string(out, how->dir);
    if (s->undone)
        fprintf(out, ",\"undone\":%llu", (unsigned long long)s->undone);
    if (how->windows)
        fprintf(out, ",\"windows\":%llu,\"outside\":%llu", (unsigned long long)s->windows,
                (unsigned long long)s->outside);
    fputs(",\"interfaces\":[", out);
    for (unsigned i = 0; i < s->iface_count; i++) {
        const struct canp_recorder_iface_stats *f = &s->ifaces[i];
        fputs(i ? ",{\"name\":" : "{\"name\":", out);
        text_json_string(out, f->name);
        fprintf(out,
                ",\"frames\":%llu,\"error_frames\":%llu,\"lost\":{\"socket\":%llu,\"device\":%llu,"
                "\"recorder\":%llu",
                (unsigned long long)f->frames, (unsigned long long)f->error_frames,
                (unsigned long long)f->lost.socket, (unsigned long long)f->lost.device,
                (unsigned long long)f->lost.recorder);
        if (f->undone)
            fprintf(out, ",\"undone\":%llu", (unsigned long long)f->undone);
        fprintf(out, "},\"rate\":%.3f}", rate(f->frames, s->duration_ns));
    }
    fprintf(out,
            "],\"io\":\"%s\",\"harvests\":%llu,\"blocks\":%llu,\"slabs\":%u,\"slabs_full_max\":%llu,"
            "\"slab_stalls\":%llu,",
            s->io, (unsigned long long)s->harvests, (unsigned long long)s->blocks, s->slab_count,
            (unsigned long long)s->slabs_full_max, (unsigned long long)s->slab_stalls);
    fprintf(out, "\"quiet\":{\"harvests\":%llu,\"p50_ns\":%llu,\"p99_ns\":%llu,\"max_ns\":%llu}}\n",
            (unsigned long long)s->quiet_harvests, (unsigned long long)s->quiet_p50_ns,
            (unsigned long long)s->quiet_p99_ns, (unsigned long long)s->quiet_max_ns);
}

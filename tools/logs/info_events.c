/* Notes, clock steps and windows of a recording (info_events.h). Main thread. */
#include "info_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

#define STEP_NS     1000000 /* as capture/record/clock_records.c has it: less may be slewing */
#define SLEW_DIVIDE 1000
#define REMARK_KEY  "note=" /* canp_recorder_note() */

static char *note_with_key(struct info_events *events, const char *text, size_t key_bytes)
{
    for (unsigned i = 0; i < events->note_count; i++) {
        if (strncmp(events->notes[i], text, key_bytes) == 0)
            return events->notes[i];
    }
    return events->note_count < INFO_NOTES_MAX ? events->notes[events->note_count++] : NULL;
}

/* One that was given at the start stands in each segment, and is the same there. */
static void take_remark(struct info_events *events, int64_t time_ns, const char *text)
{
    for (unsigned i = 0; i < events->remark_count && i < INFO_REMARKS_MAX; i++) {
        if (events->remarks[i].time_ns == time_ns && strcmp(events->remarks[i].text, text) == 0)
            return;
    }
    if (events->remark_count < INFO_REMARKS_MAX) {
        events->remarks[events->remark_count].time_ns = time_ns;
        snprintf(events->remarks[events->remark_count].text, INFO_NOTE_BYTES, "%s", text);
    }
    events->remark_count++;
}

static void take_note(struct info_events *events, int64_t time_ns, const struct canp_event *mark)
{
    char text[INFO_NOTE_BYTES];
    size_t bytes = mark->bytes - sizeof(*mark);
    bytes = bytes < sizeof(text) ? bytes : sizeof(text) - 1;
    memcpy(text, mark->payload, bytes);
    text[bytes] = '\0';
    if (strncmp(text, REMARK_KEY, strlen(REMARK_KEY)) == 0) {
        take_remark(events, time_ns, text + strlen(REMARK_KEY));
        return;
    }
    size_t key_bytes = strcspn(text, "=");
    char *note = text[key_bytes] ? note_with_key(events, text, key_bytes + 1) : NULL;
    if (note)
        memcpy(note, text, strlen(text) + 1);
}

static void take_outside(struct info_events *events, const struct canp_event *mark)
{
    uint64_t frames = 0;
    for (size_t i = 0; i + sizeof(*mark) < mark->bytes && mark->payload[i] >= '0' && mark->payload[i] <= '9';
         i++)
        frames = frames * 10 + (uint64_t)(mark->payload[i] - '0');
    events->outside += frames;
}

static void note_step(struct info_events *out, int64_t time_ns, int64_t step_ns)
{
    if (out->step_count < INFO_STEPS_MAX) {
        out->steps[out->step_count].time_ns = time_ns;
        out->steps[out->step_count].step_ns = step_ns;
    }
    out->step_count++;
}

static void note_suspend(struct info_events *out, int64_t time_ns, int64_t suspended_ns)
{
    if (out->suspend_count < INFO_STEPS_MAX) {
        out->suspends[out->suspend_count].time_ns = time_ns;
        out->suspends[out->suspend_count].suspended_ns = suspended_ns;
    }
    out->suspend_count++;
}

/* A file may say anything: no overflow here. */
static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void take_clock(struct info_events_scan *scan, const struct canp_clock *clock)
{
    bool woke = clock->code == CANP_CLOCK_SUSPEND && canp_clock_has_boottime(clock);
    int64_t passed_ns = minus(clock->monotonic_ns, scan->last.monotonic_ns);
    if (scan->has_last && passed_ns >= 0 &&
        memcmp(clock->boot_id, scan->last.boot_id, sizeof(clock->boot_id)) == 0) {
        int64_t step_ns = minus(minus(clock->realtime_ns, scan->last.realtime_ns), passed_ns);
        int64_t least_ns = STEP_NS + passed_ns / SLEW_DIVIDE;
        if (woke)
            step_ns = minus(step_ns, clock->suspended_ns);
        if (step_ns > least_ns || step_ns < -least_ns)
            note_step(scan->out, clock->realtime_ns, step_ns);
    }
    if (woke)
        note_suspend(scan->out, clock->realtime_ns, clock->suspended_ns);
    memcpy(&scan->last, clock, CANP_CLOCK_BYTES_MIN);
    scan->has_last = true;
}

/* A definition stands in each segment, mostly the same. What becomes known (it was 0) did not change. */
static bool is_changed(const struct canp_iface *was, const struct canp_iface *now)
{
    return (was->mtu && was->mtu != now->mtu) || (was->bitrate && was->bitrate != now->bitrate) ||
           (was->bitrate && (was->dbitrate != now->dbitrate || was->ctrlmode != now->ctrlmode)) ||
           strncmp(was->name, now->name, sizeof(now->name)) != 0;
}

static void take_iface(struct info_events_scan *scan, const struct canp_record *record)
{
    struct info_events *out = scan->out;
    struct canp_iface *last = &scan->ifaces[record->channel];
    if (last->bytes && is_changed(last, record->iface)) {
        if (out->change_count < INFO_CHANGES_MAX) {
            out->changes[out->change_count].time_ns = record->time_ns;
            out->changes[out->change_count].iface = *record->iface;
        }
        out->change_count++;
    }
    *last = *record->iface;
}

void info_events_take(struct info_events_scan *scan, const struct canp_record *record)
{
    if (record->kind == CANP_KIND_CLOCK)
        take_clock(scan, record->clock);
    else if (record->kind == CANP_KIND_IFACE)
        take_iface(scan, record);
    else if (record->kind != CANP_KIND_MARK)
        return;
    else if (record->event->code == CANP_MARK_NOTE)
        take_note(scan->out, record->time_ns, record->event);
    else if (record->event->code == CANP_MARK_WINDOW_BEGIN)
        scan->out->windows++;
    else if (record->event->code == CANP_MARK_OUTSIDE)
        take_outside(scan->out, record->event);
}

int info_events_read(struct canp_reader *reader, struct info_events *out)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    struct canp_record r;
    struct info_events_scan scan = {.out = out};
    opts.kinds = 1U << CANP_KIND_MARK | 1U << CANP_KIND_CLOCK | 1U << CANP_KIND_IFACE;
    int result = canp_cursor_open(reader, &opts, &cursor);
    if (result < 0)
        return result;
    while ((result = canp_cursor_next(cursor, &r)) == 1)
        info_events_take(&scan, &r);
    canp_cursor_close(cursor);
    return result;
}

static void print_change_json(const char *comma, int64_t time_ns, const struct canp_iface *iface)
{
    printf("%s{\"time_ns\":%lld,\"name\":", comma, (long long)time_ns);
    text_json_string(stdout, iface->name);
    printf(",\"bitrate\":%u,\"dbitrate\":%u,\"mtu\":%u,\"ctrlmode\":%u}", iface->bitrate, iface->dbitrate,
           iface->mtu, iface->ctrlmode);
}

void info_events_print_json(const struct info_events *events)
{
    fputs(",\"notes\":{", stdout);
    for (unsigned i = 0; i < events->note_count; i++) {
        char key[INFO_NOTE_BYTES];
        size_t key_bytes = strcspn(events->notes[i], "=");
        memcpy(key, events->notes[i], key_bytes);
        key[key_bytes] = '\0';
        if (i)
            putchar(',');
        text_json_string(stdout, key);
        putchar(':');
        text_json_string(stdout, events->notes[i] + key_bytes + 1);
    }
    fputs("},\"remarks\":[", stdout);
    for (unsigned i = 0; i < events->remark_count && i < INFO_REMARKS_MAX; i++) {
        printf("%s{\"time_ns\":%lld,\"text\":", i ? "," : "", (long long)events->remarks[i].time_ns);
        text_json_string(stdout, events->remarks[i].text);
        putchar('}');
    }
    fputs("],\"clock_steps\":[", stdout);
    for (unsigned i = 0; i < events->step_count && i < INFO_STEPS_MAX; i++)
        printf("%s{\"time_ns\":%lld,\"step_ns\":%lld}", i ? "," : "", (long long)events->steps[i].time_ns,
               (long long)events->steps[i].step_ns);
    fputs("],\"suspends\":[", stdout);
    for (unsigned i = 0; i < events->suspend_count && i < INFO_STEPS_MAX; i++)
        printf("%s{\"time_ns\":%lld,\"suspended_ns\":%lld}", i ? "," : "",
               (long long)events->suspends[i].time_ns, (long long)events->suspends[i].suspended_ns);
    fputs("],\"iface_changes\":[", stdout);
    for (unsigned i = 0; i < events->change_count && i < INFO_CHANGES_MAX; i++)
        print_change_json(i ? "," : "", events->changes[i].time_ns, &events->changes[i].iface);
    printf("],\"windows\":%u,\"outside\":%llu", events->windows, (unsigned long long)events->outside);
}

static void print_changes_text(const struct info_events *events)
{
    char time[TEXT_BYTES];
    for (unsigned i = 0; i < events->change_count && i < INFO_CHANGES_MAX; i++) {
        const struct canp_iface *iface = &events->changes[i].iface;
        printf("interface    %s from %s: MTU %u", SAFE(iface->name),
               text_time(time, events->changes[i].time_ns), iface->mtu);
        if (iface->bitrate)
            printf(", %u bit/s", iface->bitrate);
        if (iface->dbitrate)
            printf(" (data %u bit/s)", iface->dbitrate);
        putchar('\n');
    }
    if (events->change_count > INFO_CHANGES_MAX)
        printf("interface    and %u more changes\n", events->change_count - INFO_CHANGES_MAX);
}

void info_events_print_text(const struct info_events *events)
{
    char time[TEXT_BYTES], outside[TEXT_BYTES];
    print_changes_text(events);
    for (unsigned i = 0; i < events->step_count && i < INFO_STEPS_MAX; i++)
        printf("clock        set by %+.3f s at %s\n", (double)events->steps[i].step_ns / 1e9,
               text_time(time, events->steps[i].time_ns));
    if (events->step_count > INFO_STEPS_MAX)
        printf("clock        and %u more steps\n", events->step_count - INFO_STEPS_MAX);
    for (unsigned i = 0; i < events->suspend_count && i < INFO_STEPS_MAX; i++)
        printf("suspended    for %.3f s until %s\n", (double)events->suspends[i].suspended_ns / 1e9,
               text_time(time, events->suspends[i].time_ns));
    if (events->suspend_count > INFO_STEPS_MAX)
        printf("suspended    and %u more times\n", events->suspend_count - INFO_STEPS_MAX);
    if (events->windows || events->outside)
        printf("windows      %u, begun by triggers; %s frames outside of them were not kept\n",
               events->windows, text_count(outside, events->outside));
    for (unsigned i = 0; i < events->remark_count && i < INFO_REMARKS_MAX; i++) {
        printf("note         %s  ", text_time(time, events->remarks[i].time_ns));
        text_put_safe(stdout, events->remarks[i].text);
        putchar('\n');
    }
    if (events->remark_count > INFO_REMARKS_MAX)
        printf("note         and %u more\n", events->remark_count - INFO_REMARKS_MAX);
    if (events->note_count)
        puts("notes");
    for (unsigned i = 0; i < events->note_count; i++) {
        size_t key_bytes = strcspn(events->notes[i], "=");
        char key[INFO_NOTE_BYTES];
        memcpy(key, events->notes[i], key_bytes);
        key[key_bytes] = '\0';
        printf("  %-12s ", SAFE(key));
        text_put_safe(stdout, events->notes[i] + key_bytes + 1);
        putchar('\n');
    }
}

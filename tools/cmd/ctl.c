/*
 * canp ctl: asks and commands a recorder that runs (live/control.h). This file reads the words, and prints
 * the answer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "live/control.h"
#include "live/health.h"
#include "live/metrics.h"

static const char *const verbs[] = {
#define VERB_NAME(name, summary) #name,
    CONTROL_VERBS(VERB_NAME)
#undef VERB_NAME
};

static int verb_of(const char *word)
{
    for (int i = 0; i < CONTROL_VERB_COUNT; i++) {
        if (strcmp(word, verbs[i]) == 0)
            return i;
    }
    return -1;
}

/* ---- the answer ------------------------------------------------------------------------------------ */

static void print_iface_json(const struct control_iface *f, const struct health *h, double load)
{
    fputs("{\"name\":", stdout);
    text_json_string(stdout, f->name);
    printf(",\"frames\":%llu,\"outside\":%llu,\"lost\":{\"socket\":%llu,\"device\":%llu,\"recorder\":%llu},"
           "\"load\":",
           (unsigned long long)f->frames, (unsigned long long)f->outside, (unsigned long long)f->lost_socket,
           (unsigned long long)f->lost_device, (unsigned long long)f->lost_recorder);
    if (h->has_load && load >= 0)
        printf("%.6f}", load);
    else
        fputs("null}", stdout);
}

static void print_machine_json(const struct health *h)
{
    if (h->has_disk)
        printf("\"disk\":{\"bytes\":%llu,\"free\":%llu},", (unsigned long long)h->disk_bytes,
               (unsigned long long)h->disk_free_bytes);
    if (h->has_clock)
        printf("\"clock\":{\"synchronised\":%s,\"max_error_s\":%.6f},",
               h->clock_synchronised ? "true" : "false", h->clock_error_s);
}

static void print_json(const struct control_status *s, const struct health *h)
{
    printf("{\"pid\":%u,\"recording\":", s->pid);
    text_json_string(stdout, s->dir);
    printf(",\"frames\":%llu,\"lost\":%llu,\"undone\":%llu,\"duration_ns\":%llu,\"segments\":%llu,"
           "\"removed\":%llu,"
           "\"bytes\":%llu,\"windows\":%llu,\"outside\":%llu,",
           (unsigned long long)s->frames, (unsigned long long)s->lost, (unsigned long long)s->undone,
           (unsigned long long)s->duration_ns, (unsigned long long)s->segments,
           (unsigned long long)s->removed, (unsigned long long)s->stored_bytes,
           (unsigned long long)s->windows, (unsigned long long)s->outside);
    printf("\"slabs\":{\"count\":%llu,\"full\":%llu,\"full_max\":%llu,\"stalls\":%llu},",
           (unsigned long long)s->slab_count, (unsigned long long)s->slabs_full,
           (unsigned long long)s->slabs_full_max, (unsigned long long)s->slab_stalls);
    print_machine_json(h);
    fputs("\"io\":", stdout);
    text_json_string(stdout, s->io);
    fputs(",\"interfaces\":[", stdout);
    for (unsigned i = 0; i < s->iface_count; i++) {
        fputs(i ? "," : "", stdout);
        print_iface_json(&s->ifaces[i], h, h->loads[i]);
    }
    puts("]}");
}

static void print_ifaces(const struct control_status *s, const struct health *h)
{
    printf("%-16s %12s %10s %10s %10s %7s\n", "interface", "frames", "lost:sock", "device", "recorder",
           "load");
    for (unsigned i = 0; i < s->iface_count; i++) {
        const struct control_iface *f = &s->ifaces[i];
        char load[16] = "-";
        if (h->has_load && h->loads[i] >= 0)
            snprintf(load, sizeof(load), "%.1f %%", h->loads[i] * 100);
        printf("%-16s %12llu %10llu %10llu %10llu %7s\n", SAFE(f->name), (unsigned long long)f->frames,
               (unsigned long long)f->lost_socket, (unsigned long long)f->lost_device,
               (unsigned long long)f->lost_recorder, load /* trusted: ours */);
    }
}

static void print_status(const struct control_status *s, const struct health *h)
{
    char one[TEXT_BYTES], two[TEXT_BYTES], three[TEXT_BYTES];
    printf("recording    %s, by process %u, for %s\n", SAFE(s->dir), s->pid,
           text_duration(one, (int64_t)(s->duration_ns & INT64_MAX)));
    printf("stored       %s frames, %s lost; %s in %llu segments, %llu of them removed again\n",
           text_count(one, s->frames), text_count(two, s->lost), text_bytes(three, s->stored_bytes),
           (unsigned long long)s->segments, (unsigned long long)s->removed);
    if (s->by_triggers)
        printf("windows      %llu; %s frames outside of them\n", (unsigned long long)s->windows,
               text_count(one, s->outside));
    printf("slabs        %llu of %llu full, at most %llu, %llu times none free\n",
           (unsigned long long)s->slabs_full, (unsigned long long)s->slab_count,
           (unsigned long long)s->slabs_full_max, (unsigned long long)s->slab_stalls);
    if (h->has_disk)
        printf("disk         %s free of %s\n", text_bytes(one, h->disk_free_bytes),
               text_bytes(two, h->disk_bytes));
    if (h->has_clock)
        printf("clock        %s\n", h->clock_synchronised ? "kept right by NTP or PTP" : "not synchronised");
    print_ifaces(s, h);
}

static int say_taken(int verb, const struct control_status *s, bool json)
{
    static const char *const said[CONTROL_VERB_COUNT] = {[CONTROL_rotate] = "closes its segment",
                                                         [CONTROL_trigger] = "takes it as a trigger",
                                                         [CONTROL_stop] = "ends the recording",
                                                         [CONTROL_note] = "stores the note"};
    if (json) {
        printf("{\"pid\":%u,\"done\":\"%s\",\"recording\":", s->pid, verbs[verb] /* trusted: ours */);
        text_json_string(stdout, s->dir);
        puts("}");
    } else {
        printf("process %u %s (%s)\n", s->pid, said[verb] /* trusted: ours */, SAFE(s->dir));
    }
    return CANP_EXIT_DONE;
}

static int print_answer(int verb, const struct control_answer *answer, bool json)
{
    static struct health health;
    if (answer->error)
        return opts_fail("ctl", answer->error == -EINVAL ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT,
                         "process %u: %s", answer->status.pid, answer->why);
    if (verb != CONTROL_status && verb != CONTROL_metrics)
        return say_taken(verb, &answer->status, json);
    health_take(&answer->status, &health);
    if (verb == CONTROL_metrics)
        metrics_print(stdout, &answer->status, &health);
    else if (json)
        print_json(&answer->status, &health);
    else
        print_status(&answer->status, &health);
    return CANP_EXIT_DONE;
}

/* ---- the words ------------------------------------------------------------------------------------- */

/* [RECORDING] VERB [TEXT]. A status other than 0 was told. */
static int read_words(char **words, int count, const char **dir, int *verb, const char **text)
{
    int at = 0;
    *verb = count > 0 ? verb_of(words[0]) : -1;
    if (*verb < 0 && count > 1) {
        *dir = words[at++];
        *verb = verb_of(words[1]);
    }
    if (*verb < 0)
        return opts_fail("ctl", CANP_EXIT_USAGE,
                         "expected [RECORDING] and one of status, rotate, trigger, stop, note TEXT, metrics");
    at++;
    if (*verb == CONTROL_note && at < count)
        *text = words[at++];
    else if (*verb == CONTROL_note)
        return opts_fail("ctl", CANP_EXIT_USAGE, "a note needs a text: canp ctl note \"door opened\"");
    if (at < count)
        return opts_fail("ctl", CANP_EXIT_USAGE, "'%s' is too much; a text of several words stands in quotes",
                         words[at]);
    return 0;
}

static const char epilogue[] =
    "status     how the recording goes: frames, losses, slabs, disk, clock, bus load\n"
    "metrics    the same as OpenMetrics text\n"
    "rotate     close the segment, begin the next\n"
    "trigger    a trigger, for a recording by triggers\n"
    "stop       end the recording, as SIGTERM does\n"
    "note TEXT  store a line of text with its time; canp info and canp dump show it\n\n"
    "RECORDING is the directory that is recorded into; without it there has to be one\n"
    "recorder alone that you may command. A recorder takes commands of its own user and\n"
    "of root.\n";

int canp_cmd_ctl(int argc, char **argv)
{
    bool json = false;
    const struct opt options[] = {{0, "json", OPT_FLAG, &json, NULL, "answer as one JSON object"}, {0}};
    const struct opt_spec spec = {"ctl", "[RECORDING] status|rotate|trigger|stop|note TEXT|metrics",
                                  "Ask and command a running recorder.", options, epilogue};
    struct control_request request = {.magic = CONTROL_MAGIC, .bytes = sizeof(request)};
    static struct control_answer answer;
    struct canp_why why;
    const char *dir = NULL, *text = "";
    int verb = -1, count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    int status = read_words(argv + 1, count, &dir, &verb, &text);
    if (status || verb < 0)
        return status;
    if (strlen(text) >= sizeof(request.text))
        return opts_fail("ctl", CANP_EXIT_USAGE, "a note is at most 1018 bytes long");
    request.verb = (uint32_t)verb;
    memcpy(request.text, text, strlen(text) + 1);
    if (control_send(dir, &request, &answer, &why) < 0)
        return opts_fail("ctl", CANP_EXIT_ENVIRONMENT, "%s", why.text);
    return print_answer(verb, &answer, json);
}

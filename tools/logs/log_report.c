/* What commands say about a log (log_report.h). */
#include "log_report.h"

#include <stdio.h>
#include <string.h>

#include "lib/commands.h"
#include "lib/opts.h"

static void tell_place(const char *command, const char *name, const struct canp_log_bad *bad)
{
    if (bad->line)
        opts_fail(command, 0, "%s:%llu: %s: %s", name, (unsigned long long)bad->line, bad->reason, bad->text);
    else
        opts_fail(command, 0, "%s: offset %llu: %s", name, (unsigned long long)bad->offset, bad->reason);
}

void log_report_places(const char *command, const char *name, const struct canp_log_stats *stats)
{
    for (uint64_t i = 0; i < stats->bad && i < CANP_LOG_BAD_MAX; i++)
        tell_place(command, name, &stats->first_bad[i]);
}

int log_report_bad(const char *command, const char *name, struct canp_log_reader *reader)
{
    const struct canp_log_stats *s = canp_log_reader_stats(reader);
    bool is_recording = strcmp(canp_log_reader_format(reader)->name, "canp") == 0;
    if (!s->bad)
        return CANP_EXIT_DONE;
    if (is_recording)
        return opts_fail(command, CANP_EXIT_FINDING, "%llu damaged place%s skipped; `canp verify` names them",
                         (unsigned long long)s->bad, s->bad == 1 ? "" : "s");
    log_report_places(command, name, s);
    if (s->lines)
        return opts_fail(command, CANP_EXIT_FINDING, "%s: %llu of %llu lines cannot be read", name,
                         (unsigned long long)s->bad, (unsigned long long)s->lines);
    return opts_fail(command, CANP_EXIT_FINDING, "%s: %llu places cannot be read", name,
                     (unsigned long long)s->bad);
}

int log_report_abandoned(const char *command, const char *name, const struct canp_log_reader *reader)
{
    if (!canp_log_is_abandoned(reader))
        return CANP_EXIT_DONE;
    return opts_fail(command, CANP_EXIT_FINDING,
                     "%s: the recorder ended without closing it; all that it committed was read", name);
}

void log_report_losses(const char *command, const char *name, const char *format,
                       const struct canp_log_write_stats *stats)
{
    char text[1024];
    size_t used = 0;
    for (unsigned i = 0; i < CANP_LOG_LOSS_COUNT && used < sizeof(text) - 1; i++) {
        if (stats->losses[i])
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu %s", used ? ", " : "",
                                     (unsigned long long)stats->losses[i], canp_log_loss_words(i));
    }
    if (used)
        opts_fail(command, 0, "%s: %s does not hold: %s", name, format, text);
}

void log_report_numbers(const char *command, const struct canp_log_writer *writer)
{
    char text[1024];
    size_t used = 0;
    for (unsigned c = 0; c < 256 && used < sizeof(text) - 1; c++) {
        uint32_t number = canp_log_writer_number(writer, (uint8_t)c);
        if (number != UINT32_MAX)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%u", used ? "," : "",
                                     canp_log_writer_iface(writer, (uint8_t)c)->name, number);
    }
    if (used)
        opts_fail(command, 0, "channels: %s", text);
}

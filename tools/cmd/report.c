/* canp report: a log as one page that needs no network (report/report.h). This file reads it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <canp/busclock.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "logs/log_open.h"
#include "logs/log_progress.h"
#include "report/report.h"
#include "signals/decode_open.h"

struct job {
    struct canp_log_reader *reader;
    struct canp_busclock clock;
    struct report report;
    struct decode_choice choice;
    struct decode_bus bus;
    bool decodes;
    int64_t bus_ns; /* of the record that is looked at */
};

static int take_row(void *user, const struct decode_row *row)
{
    struct job *job = user;
    int r = 0;
    for (uint32_t i = 0; i < row->count && r == 0; i++)
        r = report_take_value(&job->report, job->bus_ns, &row->values[i]);
    return r;
}

/* 0 or an exit status. */
static int read_all(struct job *job)
{
    struct canp_record record;
    struct log_progress progress;
    int r = 0;
    log_progress_begin(&progress, job->report.path);
    while (r >= 0 && !stop_is_requested() && (r = canp_log_next(job->reader, &record)) == 1) {
        job->bus_ns = canp_busclock_time(&job->clock, NULL, &record);
        log_progress_show(&progress, job->reader);
        r = report_take(&job->report, &record, job->bus_ns);
        if (r == 0 && job->decodes)
            r = decode_bus_record(&job->bus, &record);
    }
    log_progress_end(&progress);
    if (stop_is_requested())
        return opts_fail("report", CANP_EXIT_ENVIRONMENT, "stopped");
    if (r < 0)
        return opts_fail("report", CANP_EXIT_ENVIRONMENT, "%s", log_why(job->reader, r));
    if (!job->report.has_start)
        return opts_fail("report", CANP_EXIT_FINDING, "%s: there is no frame in it", job->report.path);
    return 0;
}

/* A new file: one that is there stays. */
static int write_page(const struct report *report, const char *out)
{
    int fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        return opts_fail("report", CANP_EXIT_ENVIRONMENT, "cannot make %s: %s", out, canp_strerror(-errno));
    report_write(to, report);
    bool is_whole = fflush(to) == 0 && !ferror(to);
    if (fclose(to) == 0 && is_whole)
        return CANP_EXIT_DONE;
    int error = errno ? errno : EIO;
    unlink(out);
    return opts_fail("report", CANP_EXIT_ENVIRONMENT, "cannot write %s: %s", out, canp_strerror(-error));
}

static int run(struct job *job, const struct opt_list *databases, const char *out)
{
    int status = 0;
    job->decodes = databases->count > 0;
    if (job->decodes)
        status = decode_open(&job->choice, "report", databases, NULL, 0);
    job->bus.choice = &job->choice;
    job->bus.take = take_row;
    job->bus.user = job;
    if (status == 0 && job->decodes && decode_bus_open(&job->bus) < 0)
        status = opts_fail("report", CANP_EXIT_ENVIRONMENT, "out of memory");
    if (status == 0)
        status = log_open("report", job->report.path, NULL, &job->reader);
    if (status == 0) {
        job->report.format = canp_log_reader_format(job->reader)->title;
        status = read_all(job);
    }
    if (status == 0)
        status = write_page(&job->report, out);
    return status;
}

int canp_cmd_report(int argc, char **argv)
{
    static struct job job; /* large */
    const char *out = NULL;
    struct opt_list databases = {0};
    const struct opt options[] = {
        {'o', "output", OPT_TEXT, &out, "FILE.html", "the page, a new file"},
        {0, "dbc", OPT_LIST, &databases, "[IFACE=]FILE", "a signal database; several are allowed"},
        {0, "j1939", OPT_FLAG, &job.choice.j1939, NULL,
         "all 29 bit messages are J1939's, where a database does not say so"},
        {0}};
    const struct opt_spec spec = {
        "report", "RECORDING -o FILE.html",
        "One page about a recording or a log of any format, for a browser; it needs no network.", options,
        "It shows rate, bus load and error frames over time, what was lost, states and notes, each ID with "
        "period,\n"
        "jitter, the bits that change and what looks like a counter or a checksum, the worst moments, and "
        "with --dbc\n"
        "the signals. A plot has 1024 points at most, so that a week is as large as an hour: below 5 MB.\n"};
    int count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    if (count != 1 || !out)
        return opts_fail("report", CANP_EXIT_USAGE,
                         "expected RECORDING -o FILE.html; `canp report --help` says more");
    job.report.path = argv[1];
    job.report.ids.by_channel = true;
    job.clock = (struct canp_busclock)CANP_BUSCLOCK_INIT;
    int status = run(&job, &databases, out);
    canp_log_close(job.reader);
    decode_bus_close(&job.bus);
    report_release(&job.report);
    decode_choice_close(&job.choice);
    return status;
}

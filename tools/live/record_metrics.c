/* The file of metrics (record_metrics.h). All of `self` is the thread's own while it runs. */
#include "record_metrics.h"

#include "metrics.h"
#include "side_thread.h"
#include "speaker.h"

#define PERIOD_NS UINT64_C(10000000000)

static struct {
    struct control_facts facts;
    const char *file;
    int error_told;
    struct control_status status;
    struct health health;
    struct side_thread thread;
} self = {.thread = SIDE_THREAD_INIT};

static void write_file(bool ended)
{
    control_status_take(&self.facts, &self.status);
    health_take(&self.status, &self.health);
    self.status.ended = ended;
    int r = metrics_replace(self.file, &self.status, &self.health);
    if (r < 0 && r != self.error_told)
        speaker_say("canp record: %s: the metrics cannot be written: %s", self.file, canp_strerror(r));
    self.error_told = r;
}

static void *run(void *arg)
{
    do
        write_file(false);
    while (!side_thread_ends_within(&self.thread, PERIOD_NS));
    return arg;
}

int record_metrics_start(const struct canp_recorder *rec, const struct canp_recorder_opts *opts,
                         const char *file)
{
    control_facts_init(&self.facts, rec, opts);
    self.file = file;
    return side_thread_start(&self.thread, "canp-metrics", run);
}

void record_metrics_stop(void)
{
    if (side_thread_stop(&self.thread))
        write_file(true);
}

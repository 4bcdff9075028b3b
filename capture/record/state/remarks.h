/*
 * What people say while it is recorded (canp_recorder_note()): a few texts with their times that wait for the
 * flush thread, which stores each as a note of its own (CANP_MARK_NOTE). A lock guards them; the capture
 * thread never takes it.
 */
#ifndef CANP_CAPTURE_REMARKS_H
#define CANP_CAPTURE_REMARKS_H

#include <canp/error.h>
#include <canp/rows.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define REMARKS_MAX 8U      /* that wait at a time */
#define REMARK_KEY  "note=" /* what stands before the text in the mark */
#define REMARK_BYTES                                                                                         \
    1019U /* of a text, with its terminating zero; with the key it is as long as any note                    \
           */
#define REMARK_ROW_BYTES (REMARK_BYTES + 64U) /* with the heads of row and event */

struct remark {
    int64_t time_ns;
    char text[REMARK_BYTES];
};

struct remarks {
    pthread_mutex_t lock;
    unsigned count;
    struct remark waiting[REMARKS_MAX];
};

void canp_remarks_init(struct remarks *remarks);
/* Any thread. 0; -EINVAL (empty, too long, a control character in it), -EAGAIN: no place is free. */
int canp_remarks_put(struct remarks *remarks, const char *text, struct canp_why *why);
/* Flush. The oldest, which waits no more, as a row; false: none waits. rows: of REMARK_ROW_BYTES, empty. */
bool canp_remarks_take(struct remarks *remarks, struct canp_rowbuf *rows);

#endif

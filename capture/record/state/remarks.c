/* What people say while it is recorded (remarks.h). Invariant: a text that waits has no control character. */
#include "remarks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <canp/pools/clock.h>

void canp_remarks_init(struct remarks *remarks)
{
    pthread_mutex_init(&remarks->lock, NULL);
}

static int check(const char *text, size_t length, struct canp_why *why)
{
    if (length == 0)
        return canp_fail(why, -EINVAL, "a note needs a text");
    if (length >= REMARK_BYTES)
        return canp_fail(why, -EINVAL, "a note of %zu bytes is longer than %u", length, REMARK_BYTES - 1);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ')
            return canp_fail(why, -EINVAL, "the note has a control character in it: one line of text");
    }
    return 0;
}

int canp_remarks_put(struct remarks *remarks, const char *text, struct canp_why *why)
{
    size_t length = strlen(text);
    int r = check(text, length, why);
    if (r < 0)
        return r;
    pthread_mutex_lock(&remarks->lock);
    if (remarks->count < REMARKS_MAX) {
        struct remark *remark = &remarks->waiting[remarks->count++];
        remark->time_ns = canp_realtime_ns();
        memcpy(remark->text, text, length + 1);
    } else {
        r = canp_fail(why, -EAGAIN, "%u notes wait to be stored already: try again later", REMARKS_MAX);
    }
    pthread_mutex_unlock(&remarks->lock);
    return r;
}

static bool take(struct remarks *remarks, struct remark *out)
{
    pthread_mutex_lock(&remarks->lock);
    bool is_there = remarks->count > 0;
    if (is_there) {
        *out = remarks->waiting[0];
        remarks->count--;
        memmove(remarks->waiting, remarks->waiting + 1, remarks->count * sizeof(remarks->waiting[0]));
    }
    pthread_mutex_unlock(&remarks->lock);
    return is_there;
}

bool canp_remarks_take(struct remarks *remarks, struct canp_rowbuf *rows)
{
    union {
        struct canp_event event;
        char bytes[sizeof(struct canp_event) + sizeof(REMARK_KEY) + REMARK_BYTES];
    } mark = {.event = {.code = CANP_MARK_NOTE}};
    struct remark remark;
    if (!take(remarks, &remark))
        return false;
    size_t head = sizeof(mark.event);
    int length = snprintf(mark.bytes + head, sizeof(mark) - head, "%s%s", REMARK_KEY, remark.text);
    mark.event.bytes = (uint16_t)(head + (size_t)length);
    return canp_rowbuf_put_event(rows, remark.time_ns, 0, CANP_KIND_MARK, &mark) == 0;
}

/* Recognises formats of text lines (log_format.h). No state; any thread. */
#include "formats/log_format.h"

#include <string.h>

#define STRANGE_MAX 4 /* the first line may be torn, others damaged */

enum canp_log_verdict canp_log_probe_lines(const struct canp_log_head *head,
                                           int (*judge)(const char *line, size_t bytes))
{
    const char *at = (const char *)head->bytes, *end = at + head->length;
    for (unsigned strange = 0; at < end && strange < STRANGE_MAX;) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        if (stop == end && !head->at_end)
            return head->length < CANP_SOURCE_HEAD_MAX ? CANP_LOG_UNSURE : CANP_LOG_NOT_MINE;
        int verdict = judge(at, (size_t)(stop - at));
        if (verdict > 0)
            return CANP_LOG_MINE;
        strange += verdict < 0;
        at = stop + 1;
        if (at >= end && strange < STRANGE_MAX)
            return head->at_end ? CANP_LOG_NOT_MINE : CANP_LOG_UNSURE;
    }
    return head->length == 0 && !head->at_end ? CANP_LOG_UNSURE : CANP_LOG_NOT_MINE;
}

enum canp_log_verdict canp_log_probe_begin(const struct canp_log_head *head, const char *text)
{
    size_t whole = strlen(text), bytes = whole < head->length ? whole : head->length;
    if (memcmp(head->bytes, text, bytes) != 0)
        return CANP_LOG_NOT_MINE;
    return bytes == whole ? CANP_LOG_MINE : head->at_end ? CANP_LOG_NOT_MINE : CANP_LOG_UNSURE;
}

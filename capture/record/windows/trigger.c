/* Parses and matches triggers (trigger.h). Any thread; no state. */
#include "trigger.h"

#include <errno.h>
#include <linux/can/error.h>
#include <linux/can/netlink.h>
#include <stdio.h>
#include <string.h>

#include <canp/private/hex.h>

/* "1122", "11.22": bytes up to `end`. Their number, -1 for anything else. */
static int take_bytes(const char *at, const char *end, uint8_t *out)
{
    unsigned n = 0;
    while (at < end) {
        if (end - at < 2 || n == TRIGGER_DATA_MAX)
            return -1;
        int byte = canp_hex_byte(at);
        if (byte < 0)
            return -1;
        out[n++] = (uint8_t)byte;
        at += 2;
        if (at < end && *at == '.' && ++at == end)
            return -1;
    }
    return (int)n;
}

/* DATA or DATA/MASK; what the mask does not reach counts whole. */
static int parse_data(struct trigger *t, const char *text)
{
    const char *end = text + strlen(text), *slash = strchr(text, '/');
    int data_bytes = take_bytes(text, slash ? slash : end, t->data);
    memset(t->mask, 0xFF, sizeof(t->mask));
    int mask_bytes = slash ? take_bytes(slash + 1, end, t->mask) : 0;
    if (data_bytes < 1 || mask_bytes < 0 || mask_bytes > data_bytes || (slash && mask_bytes == 0))
        return -EINVAL;
    t->data_bytes = (unsigned)data_bytes;
    for (unsigned i = 0; i < t->data_bytes; i++)
        t->data[i] &= t->mask[i];
    return 0;
}

static int parse_frame(struct trigger *t, const char *text, struct canp_why *why)
{
    const char *sign = strpbrk(text, ":~");
    const char *data = sign ? strchr(sign, '#') : NULL;
    struct canp_why part;
    char filter[TRIGGER_TEXT_MAX];
    if (!data || memchr(text, ',', (size_t)(data - text))) /* several, error masks among them */
        return canp_filter_parse(&t->filters, text, &part) < 0
                   ? canp_fail(why, -EINVAL, "trigger: %s", part.text)
                   : 0;
    if ((size_t)(data - text) >= sizeof(filter))
        return canp_fail(why, -EINVAL, "trigger '%s' is none: its ID:MASK is too long", text);
    snprintf(filter, sizeof(filter), "%.*s", (int)(data - text), text);
    if (canp_filter_parse(&t->filters, filter, &part) < 0)
        return canp_fail(why, -EINVAL, "trigger: %s", part.text);
    if (parse_data(t, data + 1) < 0)
        return canp_fail(why, -EINVAL,
                         "trigger '%s' is none: behind # stand bytes, as in 123:7FF#11.22/FF.0F", text);
    return 0;
}

int canp_trigger_parse(const char *text, struct trigger *out, struct canp_why *why)
{
    static const struct {
        const char *word;
        enum trigger_kind kind;
    } words[] = {{"error", TRIGGER_ERROR}, {"bus-off", TRIGGER_BUS_OFF}, {"gap", TRIGGER_GAP}};
    memset(out, 0, sizeof(*out));
    snprintf(out->text, sizeof(out->text), "%s", text);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i].word) == 0) {
            out->kind = words[i].kind;
            return 0;
        }
    }
    out->kind = TRIGGER_FRAME;
    return parse_frame(out, text, why);
}

/* ---- matching ----------------------------------------------------------------------------------- */

static bool data_matches(const struct trigger *t, const struct canp_record *r)
{
    const uint8_t *data = r->kind == CANP_KIND_XL ? r->xl->data : r->frame->data;
    unsigned len = r->kind == CANP_KIND_XL ? r->xl->len : r->frame->len;
    if (r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_RTR))
        len = 0; /* a length, but no bytes */
    if (len < t->data_bytes)
        return false;
    for (unsigned i = 0; i < t->data_bytes; i++) {
        if ((data[i] & t->mask[i]) != t->data[i])
            return false;
    }
    return true;
}

static bool is_error_frame(const struct canp_record *r)
{
    return r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_ERR);
}

static bool frame_matches(const struct trigger *t, const struct canp_record *r)
{
    if (!canp_kind_is_frame(r->kind))
        return false;
    if (!is_error_frame(r) && t->filters.count == 0)
        return false; /* an error mask alone: no filter that lets all frames through */
    return canp_filter_match(&t->filters, r) && data_matches(t, r);
}

bool canp_trigger_matches(const struct trigger *t, const struct canp_record *r)
{
    switch (t->kind) {
    case TRIGGER_ERROR:
        return is_error_frame(r);
    case TRIGGER_BUS_OFF:
        return (is_error_frame(r) && (r->frame->id & CAN_ERR_BUSOFF)) ||
               (r->kind == CANP_KIND_LINK && r->link->code == CANP_LINK_STATE &&
                r->link->state == CAN_STATE_BUS_OFF);
    case TRIGGER_GAP:
        return r->kind == CANP_KIND_GAP && r->gap->lost > 0;
    default:
        return frame_matches(t, r);
    }
}

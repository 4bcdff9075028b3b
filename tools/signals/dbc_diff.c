/* Prints the differences for canp dbc --diff. It compares everything that decoding and reading depend on.
 * Main thread.
 */
#include "dbc_diff.h"

#include <canp/frame.h>
#include <stdio.h>
#include <string.h>

#include "dbc_list.h"
#include "lib/text.h"

struct diff {
    bool json;
    uint64_t count;
};

static void say(struct diff *d, char sign, const struct canp_dbc_message *m, const struct canp_dbc_signal *s,
                const char *what, const char *old, const char *new)
{
    static const char *const words[] = {"gone", "new", "changed"};
    const char *word = words[sign == '-' ? 0 : sign == '+' ? 1 : 2];
    if (!d->json) {
        printf("%c %s%s%s", sign, SAFE(m->name), s ? "." : "", SAFE(s ? s->name : ""));
        what ? (void)printf(": %s %s -> %s\n", what, SAFE(old), SAFE(new)) : (void)putchar('\n');
    } else {
        printf("%s{\"change\":\"%s\",\"id\":%u,\"message\":", d->count ? "," : "", word,
               m->id & ~CANP_ID_EFF);
        text_json_string(stdout, m->name);
        fputs(",\"signal\":", stdout);
        s ? text_json_string(stdout, s->name) : (void)fputs("null", stdout);
        if (what) {
            printf(",\"what\":\"%s\",\"old\":", what);
            text_json_string(stdout, old);
            fputs(",\"new\":", stdout);
            text_json_string(stdout, new);
        }
        putchar('}');
    }
    d->count++;
}

static void compare_texts(struct diff *d, const struct canp_dbc_message *m, const struct canp_dbc_signal *s,
                          const char *what, const char *old, const char *new)
{
    if (strcmp(old ? old : "", new ? new : "") != 0)
        say(d, '~', m, s, what, old ? old : "", new ? new : "");
}

static void compare_numbers(struct diff *d, const struct canp_dbc_message *m, const struct canp_dbc_signal *s,
                            const char *what, double old, double new)
{
    char a[32], b[32];
    snprintf(a, sizeof(a), "%.17g", old);
    snprintf(b, sizeof(b), "%.17g", new);
    compare_texts(d, m, s, what, a, b);
}

static void compare_value_texts(struct diff *d, const struct canp_dbc_signal *a,
                                const struct canp_dbc_signal *b)
{
    uint32_t x = 0, y = 0, a_count = a->values ? a->values->count : 0,
             b_count = b->values ? b->values->count : 0;
    while (x < a_count || y < b_count) {
        const struct canp_dbc_value_text *old = x < a_count ? &a->values->texts[x] : NULL;
        const struct canp_dbc_value_text *new = y < b_count ? &b->values->texts[y] : NULL;
        bool in_old = old && (!new || old->value <= new->value),
             in_new = new && (!old || new->value <= old->value);
        char what[40];
        const struct canp_dbc_value_text *one = in_old ? old : new;
        if (!one)
            break; /* the loop goes on while one of them has a text */
        snprintf(what, sizeof(what), "text of %lld", (long long)one->value);
        compare_texts(d, b->message, b, what, in_old ? old->text : NULL, in_new ? new->text : NULL);
        x += in_old;
        y += in_new;
    }
}

static void compare_signals(struct diff *d, const struct canp_dbc_signal *a, const struct canp_dbc_signal *b)
{
    char old[160], new[160];
    const struct canp_dbc_message *m = b->message;
    compare_texts(d, m, b, "bits", dbc_bits_text(old, a), dbc_bits_text(new, b));
    compare_texts(d, m, b, "multiplexing", dbc_mux_text(old, sizeof(old), a),
                  dbc_mux_text(new, sizeof(new), b));
    compare_numbers(d, m, b, "factor", a->factor, b->factor);
    compare_numbers(d, m, b, "offset", a->offset, b->offset);
    compare_numbers(d, m, b, "minimum", a->minimum, b->minimum);
    compare_numbers(d, m, b, "maximum", a->maximum, b->maximum);
    compare_numbers(d, m, b, "SPN", a->spn, b->spn);
    compare_texts(d, m, b, "unit", a->unit, b->unit);
    compare_texts(d, m, b, "long name", a->long_name, b->long_name);
    compare_texts(d, m, b, "comment", a->comment, b->comment);
    compare_value_texts(d, a, b);
}

static void compare_messages(struct diff *d, const struct canp_dbc *a_dbc, const struct canp_dbc_message *a,
                             const struct canp_dbc *b_dbc, const struct canp_dbc_message *b)
{
    compare_texts(d, b, NULL, "name", a->name, b->name);
    compare_numbers(d, b, NULL, "bytes", a->bytes, b->bytes);
    compare_numbers(d, b, NULL, "cycle in ms", a->cycle_ms, b->cycle_ms);
    compare_texts(d, b, NULL, "sender", a->sender, b->sender);
    compare_texts(d, b, NULL, "comment", a->comment, b->comment);
    for (uint32_t i = 0; i < a->signal_count; i++) {
        const struct canp_dbc_signal *other = canp_dbc_signal_by_name(b_dbc, b, a->signals[i].name);
        if (a->signals[i].marks & CANP_DBC_DUPLICATE)
            continue;
        other ? compare_signals(d, &a->signals[i], other) : say(d, '-', a, &a->signals[i], NULL, NULL, NULL);
    }
    for (uint32_t i = 0; i < b->signal_count; i++)
        if (!canp_dbc_signal_by_name(a_dbc, a, b->signals[i].name))
            say(d, '+', b, &b->signals[i], NULL, NULL, NULL);
}

uint64_t dbc_diff(const struct canp_dbc *a, const struct canp_dbc *b, bool json)
{
    const struct canp_dbc_contents *old = canp_dbc_contents(a), *new = canp_dbc_contents(b);
    struct diff d = {json, 0};
    for (uint32_t i = 0; i < old->message_count; i++) {
        const struct canp_dbc_message *m = old->messages[i], *other = canp_dbc_message_by_id(b, m->id);
        if (m->duplicate)
            continue;
        other ? compare_messages(&d, a, m, b, other) : say(&d, '-', m, NULL, NULL, NULL, NULL);
    }
    for (uint32_t i = 0; i < new->message_count; i++)
        if (!canp_dbc_message_by_id(a, new->messages[i]->id))
            say(&d, '+', new->messages[i], NULL, NULL, NULL, NULL);
    return d.count;
}

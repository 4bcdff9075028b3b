/* Conditions on signals, for canp record (signal_trigger.h). */
#include "signal_trigger.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode_open.h"
#include "lib/commands.h"

/* ---- as typed ----------------------------------------------------------------------------------------- */

bool signal_trigger_is(const char *text)
{
    return strpbrk(text, "<>=") != NULL;
}

/* The relation at the start of the text, and its length; 0: none. */
static size_t relation_of(const char *text, enum signal_relation *out)
{
    static const struct {
        const char *sign;
        enum signal_relation relation;
    } relations[] = {{"<=", SIGNAL_LESS_EQUAL}, {">=", SIGNAL_GREATER_EQUAL}, {"==", SIGNAL_EQUAL},
                     {"!=", SIGNAL_UNEQUAL},    {"<", SIGNAL_LESS},           {">", SIGNAL_GREATER},
                     {"=", SIGNAL_EQUAL}};
    for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
        size_t length = strlen(relations[i].sign);
        if (strncmp(text, relations[i].sign, length) != 0)
            continue;
        *out = relations[i].relation;
        return length;
    }
    return 0;
}

/* A copy without blanks around it, NULL without memory. */
static char *trimmed(const char *from, const char *end)
{
    while (from < end && isblank((unsigned char)*from))
        from++;
    while (end > from && isblank((unsigned char)end[-1]))
        end--;
    return strndup(from, (size_t)(end - from));
}

/* A number, or a text with or without quotes; false: neither fits the relation. */
static bool take_operand(struct signal_condition *c, char *operand)
{
    char *end;
    size_t length = strlen(operand);
    c->number = strtod(operand, &end);
    if (length && *end == '\0' && !isnan(c->number))
        return true;
    if (length >= 2 && operand[0] == '"' && operand[length - 1] == '"') {
        operand[length - 1] = '\0';
        operand++;
    }
    c->text = operand;
    return *operand && (c->relation == SIGNAL_EQUAL || c->relation == SIGNAL_UNEQUAL);
}

int signal_trigger_add(struct signal_trigger *t, const char *command, const char *text)
{
    struct signal_condition *c = &t->conditions[t->count++]; /* as many as an option can be given */
    const char *sign = strpbrk(text, "<>=!");
    size_t length = sign ? relation_of(sign, &c->relation) : 0;
    c->typed = text;
    c->name = trimmed(text, sign ? sign : text);
    c->operand = length ? trimmed(sign + length, text + strlen(text)) : NULL;
    if (c->name && *c->name && c->operand && take_operand(c, c->operand))
        return 0;
    return opts_fail(
        command, CANP_EXIT_USAGE,
        "option --trigger: '%s' is no condition: SIGNAL, one of < <= > >= == !=, and a number, or a "
        "value's text behind == and !=",
        text);
}

/* ---- asked -------------------------------------------------------------------------------------------- */

static bool compare(enum signal_relation relation, double value, double number)
{
    switch (relation) {
    case SIGNAL_LESS:
        return value < number;
    case SIGNAL_LESS_EQUAL:
        return value <= number;
    case SIGNAL_GREATER:
        return value > number;
    case SIGNAL_GREATER_EQUAL:
        return value >= number;
    case SIGNAL_EQUAL:
        return value >= number && value <= number;
    default:
        return value < number || value > number;
    }
}

/* A value without a number, or without a text, is not compared with one. */
static bool is_met(const struct signal_condition *c, const struct canp_value *v)
{
    const char *words = c->text ? canp_value_text(v) : NULL;
    if (c->text)
        return words && (strcmp(words, c->text) == 0) == (c->relation == SIGNAL_EQUAL);
    return decode_has_number(v) && compare(c->relation, v->value, c->number);
}

static int take_row(void *user, const struct decode_row *row)
{
    struct signal_trigger *t = user;
    const struct decode_message *m = row->message;
    for (uint32_t i = 0; i < row->count && !t->met; i++) {
        const struct canp_value *v = &row->values[i];
        uint64_t conditions = t->of_column[m->columns[v->signal - m->message->signals]];
        for (; conditions && !t->met; conditions &= conditions - 1) {
            const struct signal_condition *c = &t->conditions[__builtin_ctzll(conditions)];
            t->met = is_met(c, v) ? c->typed : NULL;
        }
    }
    return 0;
}

const char *signal_trigger_ask(struct signal_trigger *t, const char *iface, const struct canp_record *record)
{
    t->met = NULL;
    if (decode_bus_name(&t->bus, record->channel, iface) < 0)
        return NULL; /* no memory now: the next frame tries again */
    decode_bus_frame(&t->bus, record);
    return t->met;
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

/* Bit 1 << condition of each that is on the signal. */
static uint64_t conditions_on(const struct signal_trigger *t, const struct canp_dbc_signal *signal)
{
    uint64_t conditions = 0;
    for (unsigned i = 0; i < t->count; i++) {
        if (decode_choice_matches(t->conditions[i].name, signal))
            conditions |= UINT64_C(1) << i;
    }
    return conditions;
}

/* Which conditions are on which signal; a condition that is on none has the name of a trouble code. */
static int find_signals(struct signal_trigger *t, const char *command)
{
    uint64_t found = 0;
    t->of_column = calloc((size_t)t->choice.column_count + 1, sizeof(*t->of_column));
    if (!t->of_column)
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "no memory for triggers");
    for (uint32_t m = 0; m < t->choice.message_count; m++) {
        const struct decode_message *message = &t->choice.messages[m];
        for (uint32_t s = 0; s < message->message->signal_count; s++) {
            if (message->columns[s] == DECODE_UNWANTED)
                continue;
            uint64_t conditions = conditions_on(t, &message->message->signals[s]);
            t->of_column[message->columns[s]] = conditions;
            found |= conditions;
        }
    }
    for (unsigned i = 0; i < t->count; i++) {
        if (!(found >> i & 1))
            return opts_fail(command, CANP_EXIT_USAGE, "trigger '%s' is on no signal",
                             t->conditions[i].typed);
    }
    return 0;
}

int signal_trigger_open(struct signal_trigger *t, const char *command, const struct opt_list *databases)
{
    char *names[OPT_LIST_MAX];
    for (unsigned i = 0; i < t->count; i++)
        names[i] = t->conditions[i].name;
    int status = decode_open(&t->choice, command, databases, names, (int)t->count);
    if (status)
        return status;
    t->bus.choice = &t->choice;
    t->bus.take = take_row;
    t->bus.user = t;
    if (decode_bus_open(&t->bus) < 0)
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "no memory for triggers");
    return find_signals(t, command);
}

void signal_trigger_close(struct signal_trigger *t)
{
    decode_bus_close(&t->bus);
    decode_choice_close(&t->choice);
    for (unsigned i = 0; i < t->count; i++) {
        free(t->conditions[i].name);
        free(t->conditions[i].operand);
    }
    free(t->of_column);
}

/*
 * A database after it was read: its owners, and the functions that find things in it. Invariant: only the
 * number of its owners changes. Any thread.
 */
#include <stdlib.h>
#include <string.h>

#include "dbc_priv.h"

struct canp_dbc *canp_dbc_share(struct canp_dbc *dbc)
{
    atomic_fetch_add_explicit(&dbc->owners, 1, memory_order_relaxed);
    return dbc;
}

void canp_dbc_release(struct canp_dbc *dbc)
{
    if (!dbc || atomic_fetch_sub_explicit(&dbc->owners, 1, memory_order_acq_rel) != 1)
        return;
    canp_dbc_names_free(&dbc->names);
    canp_dbc_arena_free(&dbc->arena);
    free(dbc->errors);
    free(dbc);
}

const struct canp_dbc_contents *canp_dbc_contents(const struct canp_dbc *dbc)
{
    return &dbc->contents;
}

uint64_t canp_dbc_errors(const struct canp_dbc *dbc, const struct canp_dbc_error **kept, uint32_t *kept_count)
{
    if (kept) {
        *kept = dbc->errors;
        *kept_count = dbc->kept_count;
    }
    return dbc->error_count;
}

/* ---- finding ----------------------------------------------------------------------------------------------
 */

const struct canp_dbc_message *canp_dbc_message_by_id(const struct canp_dbc *dbc, uint32_t id)
{
    return canp_dbc_names_find(&dbc->names, DBC_NAMES_MESSAGE_ID, id, (struct dbc_word){"", 0});
}

const struct canp_dbc_message *canp_dbc_message_by_name(const struct canp_dbc *dbc, const char *name)
{
    return canp_dbc_names_find(&dbc->names, DBC_NAMES_MESSAGE, 0, dbc_word_of(name));
}

const struct canp_dbc_signal *
canp_dbc_signal_by_name(const struct canp_dbc *dbc, const struct canp_dbc_message *message, const char *name)
{
    if (!message->duplicate)
        return canp_dbc_names_find(&dbc->names, DBC_NAMES_SIGNAL, message->id, dbc_word_of(name));
    for (uint32_t i = 0; i < message->signal_count; i++)
        if (strcmp(message->signals[i].name, name) == 0)
            return &message->signals[i];
    return NULL;
}

const struct canp_dbc_node *canp_dbc_node_by_name(const struct canp_dbc *dbc, const char *name)
{
    return canp_dbc_names_find(&dbc->names, DBC_NAMES_NODE, 0, dbc_word_of(name));
}

const struct canp_dbc_attribute_value *canp_dbc_attribute(const struct canp_dbc *dbc,
                                                          enum canp_dbc_object object,
                                                          const struct canp_dbc_attribute *list,
                                                          const char *name)
{
    const struct canp_dbc_attribute_definition *d =
        canp_dbc_names_find(&dbc->names, DBC_NAMES_DEFINITION, (uint32_t)object, dbc_word_of(name));
    const struct canp_dbc_attribute_value *value = d && d->has_default ? &d->by_default : NULL;
    for (; d && list; list = list->next)
        if (list->definition == d)
            value = &list->value;
    return value;
}

const char *canp_dbc_value_text(const struct canp_dbc_value_table *table, int64_t raw)
{
    if (!table || table->count == 0)
        return NULL;
    const struct canp_dbc_value_text *texts = table->texts;
    uint64_t step =
        (uint64_t)raw - (uint64_t)texts[0].value; /* most tables count on from their first value */
    if (step < table->count && texts[step].value == raw)
        return texts[step].text;
    uint32_t low = 0, high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (texts[middle].value < raw)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->count && texts[low].value == raw ? texts[low].text : NULL;
}

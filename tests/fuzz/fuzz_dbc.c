/* Signal databases from hostile text: no crash, what is published is consistent, and its checks end. */
#include <stdlib.h>
#include <string.h>

#include <canp/decode.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void look_at_signal(const struct canp_dbc *dbc, const struct canp_dbc_message *m,
                           const struct canp_dbc_signal *s)
{
    require(s->message == m && s->bits > 0 && strlen(s->name) > 0 && s->long_name && s->unit);
    require(!s->muxer || s->muxer->message == m);
    require(canp_dbc_signal_by_name(dbc, m, s->name) != NULL);
    for (uint32_t i = 0; i < s->receiver_count; i++)
        require(s->receivers[i] != NULL);
    for (uint32_t i = 0; s->values && i < s->values->count; i++)
        require(canp_dbc_value_text(s->values, s->values->texts[i].value) == s->values->texts[i].text);
    unsigned depth = 0;
    for (const struct canp_dbc_signal *up = s; up->muxer; up = up->muxer)
        require(++depth < 100);
    (void)canp_dbc_attribute(dbc, CANP_DBC_SIGNAL, s->attributes, "SPN");
}

static void found(void *user, const struct canp_dbc_finding *finding)
{
    require(finding->text[0] != '\0' && canp_dbc_finding_name(finding->kind) != NULL);
    ++*(int64_t *)user;
}

static void look_at(const struct canp_dbc *dbc)
{
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    int64_t count = 0;
    for (uint32_t i = 0; i < c->message_count; i++) {
        const struct canp_dbc_message *m = c->messages[i];
        require(m->name && m->sender && canp_dbc_message_by_id(dbc, m->id) &&
                canp_dbc_message_by_name(dbc, m->name));
        for (uint32_t k = 0; k < m->signal_count; k++)
            look_at_signal(dbc, m, &m->signals[k]);
    }
    require(canp_dbc_check(dbc, found, &count) >= count);
}

/* Every message is decoded from the file's own bytes, at several lengths, into just the room that was
 * promised. */
static void decode(struct canp_dbc *dbc, const uint8_t *data, size_t size)
{
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    struct canp_decoder_opts opts = {.j1939 = CANP_J1939_ALWAYS};
    struct canp_decode_counts counts = {0};
    struct canp_decoder *decoder;
    if (canp_decoder_open(dbc, &opts, &decoder, NULL) < 0)
        return;
    for (uint32_t i = 0; i < c->message_count && i < 50; i++) {
        const struct canp_plan *plan = canp_decoder_plan(decoder, c->messages[i]->id & ~0x60000000U);
        if (!plan)
            continue;
        uint32_t room = canp_plan_values(plan);
        struct canp_value *values = malloc((room ? room : 1) * sizeof(*values));
        for (size_t bytes = 0; values && bytes <= size && bytes < 80; bytes += bytes < 9 ? 1 : 7) {
            uint8_t *payload = malloc(bytes ? bytes : 1);
            if (!payload)
                break;
            memcpy(payload, data + (size - bytes), bytes);
            uint32_t count = canp_plan_decode(plan, payload, bytes, values, &counts);
            require(count <= room);
            for (uint32_t k = 0; k < count; k++)
                (void)canp_value_text(&values[k]);
            free(payload);
        }
        free(values);
    }
    canp_decoder_close(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct canp_dbc_opts opts = CANP_DBC_OPTS_INIT;
    struct canp_dbc *dbc;
    char *text = malloc(size ? size : 1); /* its own, so that the sanitizer sees every byte too far */
    if (!text)
        return 0;
    memcpy(text, data, size);
    if (canp_dbc_parse(text, size, "fuzz", NULL, &dbc, NULL) == 0) {
        look_at(dbc);
        decode(dbc, data, size);
        canp_dbc_release(dbc);
    }
    opts.strict = true;
    if (canp_dbc_parse(text, size, "fuzz", &opts, &dbc, NULL) == 0) {
        require(canp_dbc_errors(dbc, NULL, NULL) == 0);
        canp_dbc_release(dbc);
    }
    free(text);
    return 0;
}

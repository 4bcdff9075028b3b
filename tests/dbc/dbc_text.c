/*
 * Prints what a database makes of payloads, for comparison with other decoders.
 * usage: dbc_text FILE.dbc [auto|always|never] < payloads; each line is `ID HEX`, the id as in canp_frame.id,
 * in hex. Per line: one line `MESSAGE count short`, and one per value: ` SIGNAL raw bits-of-the-double
 * flags`, in hex.
 */
#include <canp/decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t unhex(const char *text, uint8_t *out, size_t room)
{
    size_t bytes = 0;
    unsigned byte;
    while (bytes < room && sscanf(text + 2 * bytes, "%2x", &byte) == 1)
        out[bytes++] = (uint8_t)byte;
    return bytes;
}

static void print_values(const struct canp_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i].value, sizeof(bits));
        if (values[i].value != values[i].value) /* NaN has no sign here */
            bits = UINT64_C(0x7FF8000000000000);
        printf(" %s %llx %llx %x\n", values[i].signal->long_name, (unsigned long long)values[i].raw,
               (unsigned long long)bits, values[i].flags);
    }
}

static void decode_line(const struct canp_decoder *decoder, const char *line, struct canp_value *values)
{
    uint8_t payload[2048];
    struct canp_decode_counts counts = {0};
    char *rest;
    uint32_t id = (uint32_t)strtoul(line, &rest, 16);
    size_t bytes = unhex(*rest == ' ' ? rest + 1 : rest, payload, sizeof(payload));
    const struct canp_plan *plan = canp_decoder_plan(decoder, id);
    if (!plan) {
        puts("-");
        return;
    }
    uint8_t *exact = malloc(bytes ? bytes : 1); /* so that a sanitizer sees any step outside */
    if (!exact)
        exit(3);
    memcpy(exact, payload, bytes);
    uint32_t count = canp_plan_decode(plan, exact, bytes, values, &counts);
    printf("%s %u %llu\n", canp_plan_message(plan)->name, count, (unsigned long long)counts.short_values);
    print_values(values, count);
    free(exact);
}

int main(int argc, char **argv)
{
    static char line[8192];
    struct canp_decoder_opts opts = CANP_DECODER_OPTS_INIT;
    struct canp_decoder *decoder;
    struct canp_dbc *dbc;
    struct canp_why why;
    if (argc > 2)
        opts.j1939 = argv[2][1] == 'l'   ? CANP_J1939_ALWAYS
                     : argv[2][0] == 'n' ? CANP_J1939_NEVER
                                         : CANP_J1939_AUTO;
    if (argc < 2 || canp_dbc_open(argv[1], NULL, &dbc, &why) < 0 ||
        canp_decoder_open(dbc, &opts, &decoder, &why) < 0) {
        fprintf(stderr, "dbc_text: %s\n", argc < 2 ? "expected a file" : why.text);
        return 3;
    }
    struct canp_value *values = malloc((canp_decoder_values_max(decoder) + 1) * sizeof(*values));
    while (values && fgets(line, sizeof(line), stdin))
        decode_line(decoder, line, values);
    free(values);
    canp_decoder_close(decoder);
    canp_dbc_release(dbc);
    return 0;
}

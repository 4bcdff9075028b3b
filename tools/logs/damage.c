/* Describes damage (damage.h). Main thread. */
#include "damage.h"

#include <errno.h>

#include "lib/text.h"

static void print_span(FILE *to, const struct canp_damage *d)
{
    char a[TEXT_BYTES], b[TEXT_BYTES];
    fprintf(to, ", between %s and %s", d->from_ns == INT64_MIN ? "the start" : text_time(a, d->from_ns),
            d->to_ns == INT64_MAX ? "the end" : text_time(b, d->to_ns));
}

void damage_print(FILE *to, const struct canp_damage *d)
{
    fprintf(to, "segment %08llu", (unsigned long long)d->segment);
    if (d->block == UINT32_MAX && d->bytes) {
        fprintf(to, " (offset %llu, %llu bytes): %s; no frame is affected\n", (unsigned long long)d->offset,
                (unsigned long long)d->bytes,
                d->offset ? "seal or index damaged"
                          : "a bit of the header is wrong, its checksum says which");
        return;
    }
    if (d->block == UINT32_MAX) {
        fprintf(to, ": %s", d->error == -ENOENT ? "missing" : canp_strerror(d->error));
    } else {
        fprintf(to, ", block %u", d->block);
        if (d->blocks > 1)
            fprintf(to, "..%u", d->block + d->blocks - 1);
        fprintf(to, " (offset %llu, %llu bytes): damaged", (unsigned long long)d->offset,
                (unsigned long long)d->bytes);
    }
    if (d->frames_known)
        fprintf(to, ", %llu frames", (unsigned long long)d->frames);
    else
        fputs(", number of frames not known", to);
    print_span(to, d);
    fputc('\n', to);
}

void damage_print_json(FILE *to, const struct canp_damage *d)
{
    fprintf(to, "{\"segment\":%llu", (unsigned long long)d->segment);
    if (d->block != UINT32_MAX)
        fprintf(to, ",\"block\":%u,\"blocks\":%u", d->block, d->blocks);
    if (d->block != UINT32_MAX || d->bytes)
        fprintf(to, ",\"offset\":%llu,\"bytes\":%llu", (unsigned long long)d->offset,
                (unsigned long long)d->bytes);
    fputs(",\"error\":", to);
    text_json_string(to, canp_strerror(d->error));
    if (d->frames_known)
        fprintf(to, ",\"frames\":%llu", (unsigned long long)d->frames);
    if (d->from_ns != INT64_MIN)
        fprintf(to, ",\"from_ns\":%lld", (long long)d->from_ns);
    if (d->to_ns != INT64_MAX)
        fprintf(to, ",\"to_ns\":%lld", (long long)d->to_ns);
    fputc('}', to);
}

/* Candump lines and filters from hostile text: no crash, and what is read and printed reads as the same
 * again. */
#include <stdlib.h>
#include <string.h>

#include <canp/candump.h>
#include <canp/filter.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void try_line(const char *text, size_t bytes)
{
    static struct canp_candump_line first, second;
    static char printed[CANP_CANDUMP_LINE_BYTES];
    struct canp_record record;
    memset(&first, 0, sizeof(first));
    int r = canp_candump_parse(text, bytes, &first);
    require(r == 1 || r == 0 || r == -CANP_E_SYNTAX);
    if (r != 1 || first.time_ns == INT64_MIN) /* a DROPCOUNT gets its time from the log */
        return;
    canp_candump_record(&first, 0, &record);
    size_t length =
        canp_candump_format(&record, first.iface, first.has_dir ? CANP_CANDUMP_DIRECTION : 0, printed);
    require(length <= sizeof(printed) && printed[length - 1] == '\n');
    memset(&second, 0, sizeof(second));
    require(canp_candump_parse(printed, length, &second) == 1);
    require(second.time_ns == first.time_ns && second.kind == first.kind && second.dir == first.dir);
    require(memcmp(second.iface, first.iface, sizeof(first.iface)) == 0);
    size_t part = first.kind == CANP_KIND_XL    ? sizeof(first.xl)
                  : first.kind == CANP_KIND_GAP ? sizeof(first.gap)
                                                : sizeof(first.can);
    require(memcmp(&second.xl, &first.xl, part) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct canp_filter_set set;
    char *text = malloc(size + 1); /* its own, so that the sanitizer sees every byte too far */
    if (!text)
        return 0;
    memcpy(text, data, size);
    for (size_t at = 0; at < size;) {
        const char *newline = memchr(text + at, '\n', size - at);
        size_t bytes = newline ? (size_t)(newline - (text + at)) : size - at;
        try_line(text + at, bytes);
        at += bytes + 1;
    }
    text[size] = '\0';
    memset(&set, 0, sizeof(set));
    if (canp_filter_parse(&set, text, NULL) == 0)
        (void)canp_filter_match_id(&set, size > 4 ? *(const uint32_t *)text : 0);
    free(text);
    return 0;
}

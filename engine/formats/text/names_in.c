/* Words to values (names_in.h). */
#include "formats/text/names_in.h"

#include <canp/frame.h>
#include <canp/names.h>

static bool is(const struct canp_text *word, const char *name, size_t bytes)
{
    return (size_t)(word->end - word->at) == bytes && memcmp(word->at, name, bytes) == 0;
}

static int named(const struct canp_text *word, const char *(*name_of)(uint8_t value), uint8_t most)
{
    for (uint8_t value = 0; value <= most; value++) {
        const char *name = name_of(value);
        if (name && canp_text_is(word, name))
            return value;
    }
    return -1;
}

int canp_kind_named(const struct canp_text *word)
{
    return is(word, "can", 3) ? CANP_KIND_CAN : named(word, canp_kind_name, CANP_KIND_CLOCK);
}

int canp_dir_named(const struct canp_text *word)
{
    return is(word, "rx", 2) ? CANP_DIR_RX : named(word, canp_dir_name, CANP_DIR_OWN);
}

uint32_t canp_layer_named(const struct canp_text *word)
{
    for (uint32_t layer = CANP_LAYER_SOCKET; layer <= CANP_LAYER_STREAM; layer++) {
        if (canp_text_is(word, canp_layer_name(layer)))
            return layer;
    }
    return 0;
}

/* The table of formats (log_table.h), and functions that answer from it alone. Constant: any thread. */
#include "formats/log_format.h"

#include <string.h>
#include <strings.h>

#include "formats/log_table.h"

#define DECLARE(name) extern const struct canp_log_format canp_format_##name;
CANP_LOG_FORMATS(DECLARE)
#undef DECLARE

#define ENTRY(name) &canp_format_##name,
static const struct canp_log_format *const formats[] = {CANP_LOG_FORMATS(ENTRY)};
#undef ENTRY
#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

const struct canp_log_format *canp_log_format_get(unsigned index)
{
    return index < FORMAT_COUNT ? formats[index] : NULL;
}

const struct canp_log_format *canp_log_format_find(const char *name)
{
    for (unsigned i = 0; i < FORMAT_COUNT; i++) {
        if (strcmp(formats[i]->info.name, name) == 0)
            return formats[i];
    }
    return NULL;
}

const struct canp_log_format_info *canp_log_format_at(unsigned index)
{
    return index < FORMAT_COUNT ? &formats[index]->info : NULL;
}

const struct canp_log_format_info *canp_log_format_named(const char *name)
{
    const struct canp_log_format *format = canp_log_format_find(name);
    return format ? &format->info : NULL;
}

/* Is the word among those, which blanks separate? */
static bool has_word(const char *words, const char *word)
{
    size_t bytes = strlen(word);
    for (const char *at = words; *at;) {
        size_t length = strcspn(at, " ");
        if (length == bytes && strncasecmp(at, word, bytes) == 0)
            return true;
        at += length;
        at += *at == ' ';
    }
    return false;
}

const struct canp_log_format_info *canp_log_format_by_suffix(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (!dot || strchr(dot, '/') || !dot[1])
        return NULL;
    for (unsigned i = 0; i < FORMAT_COUNT; i++) {
        if (has_word(formats[i]->info.suffixes, dot + 1))
            return &formats[i]->info;
    }
    return NULL;
}

const char *canp_log_loss_words(enum canp_log_loss loss)
{
#define WORDS(name, words) words,
    static const char *const of[] = {CANP_LOG_LOSSES(WORDS)};
#undef WORDS
    return loss < CANP_LOG_LOSS_COUNT ? of[loss] : "?";
}

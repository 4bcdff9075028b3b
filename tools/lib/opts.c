/* The command-line parser (opts.h says how it behaves). Main thread. */
#include "opts.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <canp/safe_text.h>

#include "commands.h"
#include "manners.h"
#include "nearest.h"
#include "program.h"

int opts_fail(const char *command, int status, const char *format, ...)
{
    va_list args;
    char text[1024], safe[CANP_SAFE_EXPANSION * sizeof(text)];
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    canp_safe_text(safe, sizeof(safe), text, strlen(text), 0); /* names and paths in it are anybody's */
    bool colored = manners_colored(STDERR_FILENO);
    /* one write(2): never torn */
    fprintf(stderr, "%s%s%s:%s %s\n", colored ? status ? MANNERS_BAD : MANNERS_OTHER : "", program_prefix,
            command, colored ? MANNERS_PLAIN : "", safe);
    return status;
}

double opts_decimal(const char *text, char **end)
{
    bool is_hex = text[0] == '0' && (text[1] | 0x20) == 'x';
    *end = (char *)(uintptr_t)text;
    if ((!isdigit((unsigned char)text[0]) && text[0] != '.') || is_hex)
        return -1;
    errno = 0;
    double number = strtod(text, end);
    return errno || !isfinite(number) || *end == text ? -1 : number;
}

/* A non-negative decimal number with a unit from a table; the whole text must be used up. */
struct unit {
    const char *name;
    double factor;
};

static int parse_with_unit(const char *text, const struct unit *units, double *out)
{
    char *end;
    double number = opts_decimal(text, &end);
    if (number < 0)
        return -EINVAL;
    for (; units->name; units++) {
        if (strcasecmp(end, units->name) == 0) {
            *out = number * units->factor;
            return 0;
        }
    }
    return -EINVAL;
}

int opts_duration(const char *text, uint64_t *ns)
{
    static const struct unit units[] = {{"", 1e9},   {"ns", 1},     {"us", 1e3},   {"ms", 1e6},    {"s", 1e9},
                                        {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0}};
    double value;
    if (parse_with_unit(text, units, &value) < 0 || value > 9e18)
        return -EINVAL;
    *ns = (uint64_t)(value + 0.5);
    return 0;
}

int opts_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1},        {"B", 1},         {"k", 1024},    {"KiB", 1024},
                                        {"M", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30},
                                        {"T", 0x1p40},  {"TiB", 0x1p40},  {NULL, 0}};
    double value;
    if (parse_with_unit(text, units, &value) < 0 || value > 9e18)
        return -EINVAL;
    *bytes = (uint64_t)value;
    return 0;
}

/* The digits behind a point, if there is one: nanoseconds; digits beyond the ninth count nothing. */
static int take_fraction(const char **text, int64_t *fraction_ns)
{
    int64_t scale = 100000000;
    *fraction_ns = 0;
    if (**text != '.')
        return 0;
    const char *first = ++*text;
    for (; isdigit((unsigned char)**text); (*text)++, scale /= 10)
        *fraction_ns += (**text - '0') * scale;
    return *text == first ? -EINVAL : 0;
}

/* Seconds since 1970, exact to the nanosecond (a double would not be); what an int64_t cannot hold is
 * refused. */
static int put_time(int64_t seconds, int64_t fraction_ns, int64_t *time_ns)
{
    if (seconds > 9000000000LL || seconds < -9000000000LL)
        return -EINVAL;
    *time_ns = seconds * 1000000000LL + fraction_ns;
    return 0;
}

/* "1700000000.123456789", or negative */
static int parse_epoch(const char *text, int64_t *time_ns)
{
    bool is_negative = text[0] == '-';
    int64_t fraction_ns;
    char *end;
    if (!isdigit((unsigned char)text[is_negative]))
        return -EINVAL;
    errno = 0;
    long long seconds = strtoll(text, &end, 10);
    const char *rest = end;
    if (errno || take_fraction(&rest, &fraction_ns) < 0 || *rest != '\0')
        return -EINVAL;
    return put_time(seconds, is_negative ? -fraction_ns : fraction_ns, time_ns);
}

/* Just so many digits, a number from least to most. -EINVAL when there is something else. */
static int take_digits(const char **text, int digits, int least, int most)
{
    int value = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return -EINVAL;
        value = value * 10 + **text - '0';
    }
    return value < least || value > most ? -EINVAL : value;
}

static int take_one_of(const char **text, const char *characters)
{
    if (**text == '\0' || !strchr(characters, **text))
        return -EINVAL;
    return *(*text)++;
}

/* Z, or the distance from it. */
static int take_zone(const char **text, int64_t *zone_seconds)
{
    int sign = take_one_of(text, "Zz+-");
    *zone_seconds = 0;
    if (sign < 0 || sign == 'Z' || sign == 'z')
        return sign < 0 ? sign : 0;
    int hours = take_digits(text, 2, 0, 23);
    int colon = take_one_of(text, ":");
    int minutes = take_digits(text, 2, 0, 59);
    if (hours < 0 || colon < 0 || minutes < 0)
        return -EINVAL;
    *zone_seconds = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return 0;
}

/* "2026-01-31T12:00:00" and its parts' bounds; a leap second is the second behind it. */
static int take_date_and_time(const char **text, struct tm *tm)
{
    static const struct {
        int digits, least, most;
        const char *behind;
    } parts[] = {{4, 0, 9999, "-"}, {2, 1, 12, "-"}, {2, 1, 31, "Tt "},
                 {2, 0, 23, ":"},   {2, 0, 59, ":"}, {2, 0, 60, ""}};
    int values[6];
    for (int i = 0; i < 6; i++) {
        values[i] = take_digits(text, parts[i].digits, parts[i].least, parts[i].most);
        if (values[i] < 0 || (parts[i].behind[0] && take_one_of(text, parts[i].behind) < 0))
            return -EINVAL;
    }
    *tm = (struct tm){.tm_year = values[0] - 1900,
                      .tm_mon = values[1] - 1,
                      .tm_mday = values[2],
                      .tm_hour = values[3],
                      .tm_min = values[4],
                      .tm_sec = values[5]};
    struct tm day = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday};
    timegm(&day); /* makes March of February 30 */
    return day.tm_mon == tm->tm_mon ? 0 : -EINVAL;
}

static int parse_rfc3339(const char *text, int64_t *time_ns)
{
    struct tm tm;
    int64_t fraction_ns, zone_seconds;
    if (take_date_and_time(&text, &tm) < 0 || take_fraction(&text, &fraction_ns) < 0 ||
        take_zone(&text, &zone_seconds) < 0 || *text != '\0')
        return -EINVAL;
    return put_time((int64_t)timegm(&tm) - zone_seconds, fraction_ns, time_ns);
}

int opts_point(const char *text, int64_t start_ns, int64_t *time_ns)
{
    uint64_t offset_ns;
    if (text[0] == '@')
        return parse_epoch(text + 1, time_ns);
    if (text[0] != '+')
        return parse_rfc3339(text, time_ns);
    if (opts_duration(text + 1, &offset_ns) < 0 ||
        __builtin_add_overflow(start_ns, (int64_t)offset_ns, time_ns))
        return -EINVAL;
    return 0;
}

static int parse_count(const char *text, uint64_t *count)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || !isdigit((unsigned char)text[0]) || *end != '\0')
        return -EINVAL;
    *count = value;
    return 0;
}

static int parse_real(const char *text, double *value)
{
    static const struct unit units[] = {{"", 1}, {"x", 1}, {NULL, 0}};
    return parse_with_unit(text, units, value);
}

static int store_in_list(struct opt_list *list, const char *text)
{
    if (list->count == OPT_LIST_MAX)
        return -E2BIG;
    list->texts[list->count++] = text;
    return 0;
}

static int more_than_0(int r, const uint64_t *value)
{
    return r == 0 && *value == 0 ? -ERANGE : r;
}

static int store(const struct opt *o, const char *text)
{
    switch (o->type) {
    case OPT_FLAG:
        *(bool *)o->value = true;
        return 0;
    case OPT_TEXT:
        *(const char **)o->value = text;
        return 0;
    case OPT_LIST:
        return store_in_list(o->value, text);
    case OPT_NUMBER:
        return parse_count(text, o->value);
    case OPT_COUNT:
        return more_than_0(parse_count(text, o->value), o->value);
    case OPT_SIZE:
        return more_than_0(opts_size(text, o->value), o->value);
    case OPT_DELAY:
        return opts_duration(text, o->value);
    case OPT_DURATION:
        return more_than_0(opts_duration(text, o->value), o->value);
    case OPT_REAL:
        return parse_real(text, o->value);
    }
    return -EINVAL;
}

/* Of every command. */
static const char *color;
static const struct opt common[] = {
    {'q', "quiet", OPT_FLAG, &manners.quiet, NULL, "errors and warnings, but no progress, notes and summary"},
    {'v', "verbose", OPT_FLAG, &manners.verbose, NULL, "say more of what is done, and what it took"},
    {0, "color", OPT_TEXT, &color, "WHEN", "auto (default; heeds NO_COLOR), always or never"},
    {0, "local", OPT_FLAG, &manners.local, NULL, "dates in the local time zone, not in UTC"},
    {0, NULL, OPT_FLAG, NULL, NULL, NULL},
};

static void print_options(const struct opt *options)
{
    for (const struct opt *o = options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "  ", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        printf("  %-28s %s\n", left, o->help);
    }
}

static void print_help(const struct opt_spec *spec)
{
    printf("usage: %s%s [OPTION]... %s\n\n%s\n\n", program_prefix, spec->command, spec->arguments,
           spec->summary);
    print_options(spec->options);
    print_options(common);
    printf("  %-28s %s\n", "-h, --help", "print this");
    if (spec->epilogue)
        printf("\n%s", spec->epilogue);
}

static const struct opt *find_in(const struct opt *options, const char *name, size_t length)
{
    for (const struct opt *o = options; o->name; o++) {
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    }
    return NULL;
}

static const struct opt *find_long(const struct opt_spec *spec, const char *name, size_t length)
{
    const struct opt *o = find_in(spec->options, name, length);
    return o ? o : find_in(common, name, length);
}

bool opts_has(const struct opt_spec *spec, const char *name)
{
    return find_long(spec, name, strlen(name)) != NULL;
}

static const struct opt *find_letter_in(const struct opt *options, char letter)
{
    for (const struct opt *o = options; o->name; o++) {
        if (o->letter == letter && letter)
            return o;
    }
    return NULL;
}

static const struct opt *find_letter(const struct opt_spec *spec, char letter)
{
    const struct opt *o = find_letter_in(spec->options, letter);
    return o ? o : find_letter_in(common, letter);
}

struct parse {
    const struct opt_spec *spec;
    int argc;
    char **argv;
    int at; /* the argument being read */
};

__attribute__((format(printf, 2, 3))) static int usage_error(const struct opt_spec *spec, const char *format,
                                                             ...)
{
    char said[512];
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    return -opts_fail(spec->command, CANP_EXIT_USAGE, "%s; `%s%s --help` lists the options", said,
                      program_prefix, spec->command) -
           1;
}

/* Gives the option its argument: the rest of its own word, or the next word. */
static int take(struct parse *p, const struct opt *o, const char *attached)
{
    const char *text = attached;
    if (o->type == OPT_FLAG && attached)
        return usage_error(p->spec, "option --%s takes no argument", o->name);
    if (o->type != OPT_FLAG && !text) {
        if (p->at + 1 >= p->argc)
            return usage_error(p->spec, "option --%s needs an argument", o->name);
        text = p->argv[++p->at];
    }
    int r = store(o, text);
    if (r == 0 && o->value == &color && manners_set_color(color) < 0)
        return usage_error(p->spec, "option --color: '%s' is neither auto, always nor never", color);
    if (r == 0)
        return 0;
    if (r == -ERANGE)
        return usage_error(p->spec, "option --%s must be more than 0", o->name);
    if (r == -E2BIG)
        return usage_error(p->spec, "more of option --%s than it takes", o->name);
    return -opts_fail(p->spec->command, CANP_EXIT_USAGE, "option --%s: '%s' is no %s", o->name, text,
                      o->argument) -
           1;
}

static int unknown_option(const struct opt_spec *spec, const char *word, size_t length)
{
    struct nearest nearest;
    nearest_begin(&nearest, word, length);
    for (const struct opt *o = spec->options; o->name; o++)
        nearest_offer(&nearest, o->name);
    for (const struct opt *o = common; o->name; o++)
        nearest_offer(&nearest, o->name);
    if (nearest.best)
        return usage_error(spec, "unknown option '--%s': is it --%s", word, nearest.best);
    return usage_error(spec, "unknown option '--%s'", word);
}

static int parse_long(struct parse *p, const char *word)
{
    size_t length = strcspn(word, "=");
    const struct opt *o = find_long(p->spec, word, length);
    if (!o)
        return unknown_option(p->spec, word, length);
    return take(p, o, word[length] == '=' ? word + length + 1 : NULL);
}

static int parse_letters(struct parse *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct opt *o = find_letter(p->spec, *letters);
        if (!o)
            return usage_error(p->spec, "unknown option '-%s'", letters);
        if (o->type != OPT_FLAG)
            return take(p, o, letters[1] ? letters + 1 : NULL);
        take(p, o, NULL);
    }
    return 0;
}

int opts_parse(const struct opt_spec *spec, int argc, char **argv)
{
    struct parse p = {spec, argc, argv, 1};
    int arguments = 0;
    for (; p.at < argc; p.at++) {
        char *word = argv[p.at];
        int r = 0;
        if (strcmp(word, "--") == 0) {
            for (p.at++; p.at < argc; p.at++)
                argv[++arguments] = argv[p.at];
            break;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            print_help(spec);
            return -CANP_EXIT_DONE - 1;
        }
        if (strncmp(word, "--", 2) == 0)
            r = parse_long(&p, word + 2);
        else if (word[0] == '-' && word[1])
            r = parse_letters(&p, word + 1);
        else
            argv[++arguments] = word;
        if (r < 0)
            return r;
    }
    return arguments;
}

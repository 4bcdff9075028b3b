/* Parts of a recording (select.h). Main thread. */
#include "select.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <canp/busclock.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "log_open.h"

/* Filters have a sign in them, or are a j or `error`; names of interfaces do not. Behind an @ all is a name.
 */
static bool is_iface_name(const char *text)
{
    return !strpbrk(text, ":~#,") && strcmp(text, "j") != 0 && strcmp(text, "J") != 0 &&
           strcmp(text, "error") != 0 && text[0] != '\0' && strlen(text) < CANP_IFACE_NAME_BYTES;
}

/* 7DF, 18FEF100: as many digits as candump prints. */
static bool is_bare_id(const char *text)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (text[digits])
        return false;
    return (digits == 3 && text[0] <= '7') || (digits == 8 && text[0] <= '1');
}

static bool take_direction(struct selection *s, const char *text)
{
    if (strcmp(text, "rx") == 0)
        s->dirs |= 1U << CANP_DIR_RX;
    else if (strcmp(text, "tx") == 0)
        s->dirs |= 1U << CANP_DIR_TX | 1U << CANP_DIR_OWN;
    else
        return false;
    return true;
}

bool select_is_filter(const char *argument)
{
    struct selection none = {0};
    if (strchr(argument, '/') || strcmp(argument, "-") == 0)
        return false;
    if (argument[0] == '@')
        return true;
    return is_bare_id(argument) || take_direction(&none, argument) || !is_iface_name(argument)
               ? !strchr(argument, '.')
               : false;
}

static int add_iface(struct selection *s, const char *command, const char *name)
{
    if (s->iface_count == SELECT_IFACES_MAX)
        return opts_fail(command, CANP_EXIT_USAGE, "more than %d interfaces", SELECT_IFACES_MAX);
    if (name[0] == '\0' || strlen(name) >= CANP_IFACE_NAME_BYTES)
        return opts_fail(command, CANP_EXIT_USAGE,
                         "'@%s': @ stands in front of an interface's name, 1 to %zu bytes", name,
                         CANP_IFACE_NAME_BYTES - (size_t)1);
    s->ifaces[s->iface_count++] = name;
    return 0;
}

int select_add(struct selection *s, const char *command, const char *argument)
{
    struct canp_why why;
    char exact[24];
    if (argument[0] == '@')
        return add_iface(s, command, argument + 1);
    if (take_direction(s, argument))
        return 0;
    if (is_bare_id(argument)) { /* remote frames as well: bit 30 is not in the mask */
        snprintf(exact, sizeof(exact), "%s:%s", argument, strlen(argument) == 3 ? "800007FF" : "9FFFFFFF");
        argument = exact;
    }
    if (is_iface_name(argument))
        return add_iface(s, command, argument);
    if (canp_filter_parse(&s->filters, argument, &why) < 0)
        return opts_fail(command, CANP_EXIT_USAGE, "%s", why.text);
    s->has_filters = true;
    return 0;
}

static int point(const char *command, const char *option, const char *text, int64_t start_ns, int64_t *ns)
{
    if (!text || opts_point(text, start_ns, ns) == 0)
        return 0;
    return opts_fail(command, CANP_EXIT_USAGE,
                     "option --%s: '%s' is no point in time: @SECONDS, RFC 3339 or +DURATION", option, text);
}

static bool is_relative(const char *text)
{
    return text && text[0] == '+';
}

/* Relative times count from the first record, or in bus time from the first frame. */
static int choose_clock(struct selection *s, const char *command, struct canp_reader *reader,
                        int64_t *start_ns)
{
    struct canp_bus_span span = {0};
    struct canp_info info;
    *start_ns = 0;
    if (!is_relative(s->from) && !is_relative(s->to))
        return 0;
    int r = canp_reader_info_quick(reader, &info);
    if (r == 0)
        r = canp_busclock_span(reader, &info, &span);
    *start_ns = span.first_ns; /* the first record names an interface, at any time */
    if (r == 0 && span.plain)
        r = canp_reader_start(reader, start_ns);
    if (r < 0)
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
    s->bus_window = !span.plain;
    bool absolute = (s->from && !is_relative(s->from)) || (s->to && !is_relative(s->to));
    if (s->bus_window && absolute)
        return opts_fail(command, CANP_EXIT_USAGE,
                         "this recording's clock was set: give --from and --to both as +TIME, or neither");
    return 0;
}

int select_window(struct selection *s, const char *command, struct canp_reader *reader)
{
    int64_t start_ns;
    s->from_ns = INT64_MIN;
    s->to_ns = INT64_MAX;
    int r = choose_clock(s, command, reader, &start_ns);
    if (r == 0)
        r = point(command, "from", s->from, start_ns, &s->from_ns);
    if (r == 0)
        r = point(command, "to", s->to, start_ns, &s->to_ns);
    /* 0 means no bound to the library: the epoch itself is a nanosecond beside. */
    s->from_ns = s->from_ns ? s->from_ns : -1;
    s->to_ns = s->to_ns ? s->to_ns : 1;
    if (r == 0 && s->from_ns > s->to_ns)
        r = opts_fail(command, CANP_EXIT_USAGE, "--from %s is behind --to %s", s->from, s->to);
    return r;
}

static int log_point(const char *command, const char *option, const char *text, bool *is_there,
                     bool *is_relative, int64_t *ns)
{
    *is_there = text != NULL;
    *is_relative = text && text[0] == '+';
    return point(command, option, text, 0, ns);
}

int select_log(struct selection *s, const char *command, struct canp_log_reader *reader)
{
    struct canp_log_selection wanted = {.size = sizeof(wanted), .dirs = s->dirs};
    int r = log_point(command, "from", s->from, &wanted.has_from, &wanted.from_is_relative, &wanted.from_ns);
    if (r == 0)
        r = log_point(command, "to", s->to, &wanted.has_to, &wanted.to_is_relative, &wanted.to_ns);
    if (r)
        return r;
    if (s->from && s->to && wanted.from_is_relative == wanted.to_is_relative && wanted.from_ns > wanted.to_ns)
        return opts_fail(command, CANP_EXIT_USAGE, "--from %s is behind --to %s", s->from, s->to);
    wanted.filter = s->has_filters ? &s->filters : NULL;
    wanted.ifaces = s->ifaces;
    wanted.iface_count = s->iface_count;
    r = select_is_narrow(s) ? canp_log_select(reader, &wanted) : 0;
    if (r == -EINVAL)
        return opts_fail(command, CANP_EXIT_USAGE, "%s", canp_log_why(reader));
    return r < 0 ? opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", log_why(reader, r)) : 0;
}

bool select_is_narrow(const struct selection *s)
{
    return s->has_filters || s->iface_count || s->dirs || s->from || s->to;
}

static bool is_known(const struct canp_reader *reader, const char *name)
{
    for (unsigned c = 0; c < canp_reader_iface_count(reader); c++) {
        if (strcmp(select_iface_name(reader, (uint8_t)c), name) == 0)
            return true;
    }
    return false;
}

static void tell_unknown(const char *command, const char *name)
{
    opts_fail(command, CANP_EXIT_FINDING,
              "no interface '%s' in it (a filter is an ID, 7DF or 18FEF100, or an ID and a mask, 123:7FF)",
              name);
}

void select_tell_unknown(const struct selection *s, const char *command, const struct canp_reader *reader)
{
    for (unsigned i = 0; i < s->iface_count; i++) {
        if (!is_known(reader, s->ifaces[i]))
            tell_unknown(command, s->ifaces[i]);
    }
}

static bool is_known_in_log(const struct canp_log_reader *reader, const char *name)
{
    char number[16];
    for (unsigned c = 0; c < canp_log_iface_count(reader); c++) {
        const struct canp_iface *iface = canp_log_iface(reader, (uint8_t)c);
        snprintf(number, sizeof(number), "%u", canp_log_iface_number(reader, (uint8_t)c));
        if (iface && (strcmp(iface->name, name) == 0 || strcmp(number, name) == 0))
            return true;
    }
    return false;
}

void select_tell_unknown_in_log(const struct selection *s, const char *command,
                                const struct canp_log_reader *reader)
{
    for (unsigned i = 0; i < s->iface_count; i++) {
        if (!is_known_in_log(reader, s->ifaces[i]))
            tell_unknown(command, s->ifaces[i]);
    }
}

static bool has_iface(const struct selection *s, const char *iface)
{
    for (unsigned i = 0; i < s->iface_count; i++) {
        if (strcmp(s->ifaces[i], iface) == 0)
            return true;
    }
    return false;
}

bool select_match(const struct selection *s, const struct canp_record *record, const char *iface)
{
    if (s->has_filters && !canp_filter_match(&s->filters, record))
        return false;
    if (s->dirs && canp_kind_is_frame(record->kind) && !(s->dirs >> record->dir & 1))
        return false;
    return s->iface_count == 0 || has_iface(s, iface);
}

const char *select_iface_name(const struct canp_reader *reader, uint8_t channel)
{
    static char unnamed[CANP_IFACE_NAME_BYTES];
    const struct canp_iface *iface = canp_reader_iface(reader, channel);
    return text_iface(unnamed, iface ? iface->name : NULL, channel);
}

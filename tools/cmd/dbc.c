/* canp dbc: lists and checks a signal database, or tells how two of them differ. */
#include <canp/dbc.h>
#include <errno.h>
#include <stdio.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "signals/dbc_diff.h"
#include "signals/dbc_list.h"

struct findings {
    const char *path;
    bool json;
    uint64_t count;
};

static void print_finding_json(const struct canp_dbc_finding *finding)
{
    printf("{\"kind\":\"%s\",\"line\":%u,\"message\":", canp_dbc_finding_name(finding->kind), finding->line);
    finding->message ? text_json_string(stdout, finding->message->name) : (void)fputs("null", stdout);
    fputs(",\"signal\":", stdout);
    finding->signal ? text_json_string(stdout, finding->signal->name) : (void)fputs("null", stdout);
    fputs(",\"text\":", stdout);
    text_json_string(stdout, finding->text);
    putchar('}');
}

static void print_finding(void *user, const struct canp_dbc_finding *finding)
{
    struct findings *f = user;
    if (f->json) {
        fputs(f->count ? "," : "", stdout);
        print_finding_json(finding);
    } else {
        printf("%s:%u: %s: %s\n", SAFE(f->path), finding->line, canp_dbc_finding_name(finding->kind),
               SAFE(finding->text));
    }
    f->count++;
}

static int list_and_check(const char *path, const struct canp_dbc *dbc, bool json)
{
    struct findings f = {path, json, 0};
    if (json) {
        putchar('{');
        dbc_print_json(stdout, path, dbc);
        fputs(",\"findings\":[", stdout);
    } else {
        dbc_print_list(stdout, path, dbc);
    }
    int64_t count = canp_dbc_check(dbc, print_finding, &f);
    if (json)
        printf("],\"finding_count\":%lld}\n", (long long)(count < 0 ? 0 : count));
    else if (count > (int64_t)f.count)
        printf("%s: %llu further statements that could not be read\n", SAFE(path),
               (unsigned long long)count - f.count);
    if (count < 0)
        return opts_fail("dbc", CANP_EXIT_ENVIRONMENT, "cannot check %s: %s", path,
                         canp_strerror((int)count));
    return count ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}

static int compare(const char *path, const struct canp_dbc *dbc, const char *other_path,
                   const struct canp_dbc *other, bool json)
{
    if (json) {
        fputs("{\"file\":", stdout);
        text_json_string(stdout, path);
        fputs(",\"other\":", stdout);
        text_json_string(stdout, other_path);
        fputs(",\"differences\":[", stdout);
    }
    uint64_t count = dbc_diff(dbc, other, json);
    if (json)
        puts("]}");
    return count ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}

/* 0 or an exit status. */
static int open_one(const char *path, bool strict, struct canp_dbc **dbc)
{
    struct canp_dbc_opts opts = CANP_DBC_OPTS_INIT;
    struct canp_why why;
    opts.strict = strict;
    int r = canp_dbc_open(path, &opts, dbc, &why);
    if (r < 0)
        return opts_fail("dbc", r == -CANP_E_SYNTAX ? CANP_EXIT_FINDING : CANP_EXIT_ENVIRONMENT, "%s",
                         why.text);
    return 0;
}

int canp_cmd_dbc(int argc, char **argv)
{
    bool json = false, strict = false;
    const char *other_path = NULL;
    const struct opt options[] = {
        {0, "diff", OPT_TEXT, &other_path, "OTHER", "how OTHER differs from FILE: - gone, + new, ~ changed"},
        {0, "json", OPT_FLAG, &json, NULL, "one JSON object instead of text"},
        {0, "strict", OPT_FLAG, &strict, NULL, "refuse a file at the first statement that cannot be read"},
        {0}};
    const struct opt_spec spec = {
        "dbc", "FILE",
        "Lists the messages and signals of a DBC file and checks them: overlaps, duplicate ids and names,\n"
        "signals beyond their message, missing muxers, bounds and texts that the bits cannot hold. Status 1 "
        "with\n"
        "findings, or with differences.",
        options,
        "KCD, ARXML, SYM and XLS files become DBC files by canconvert of Debian's python3-canmatrix.\n"};
    struct canp_dbc *dbc = NULL, *other = NULL;
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1)
        return opts_fail("dbc", CANP_EXIT_USAGE, "expected one FILE; `canp dbc --help` says more");
    int status = open_one(argv[1], strict, &dbc);
    if (status == 0 && other_path)
        status = open_one(other_path, strict, &other);
    if (status == 0)
        status = other ? compare(argv[1], dbc, other_path, other, json) : list_and_check(argv[1], dbc, json);
    canp_dbc_release(dbc);
    canp_dbc_release(other);
    return status;
}

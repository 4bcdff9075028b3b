/* canp: finds the sub-command and hands over. Everything a command says about itself is in its own file. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/error.h>
#include <canp/pools/ledger.h>
#include <canp/pools/mapped.h>

#include "lib/commands.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define CANP_COMMAND_ROW(name, summary) {#name, summary, canp_cmd_##name},
    CANP_COMMANDS(CANP_COMMAND_ROW)
#undef CANP_COMMAND_ROW
};

static void print_help(FILE *to)
{
    fputs("usage: canp COMMAND [OPTION]... [ARGUMENT]...\n\nThe SocketCAN flight recorder.\n\n", to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\n`canp help COMMAND` or `canp COMMAND --help` says more. `canp --version` prints the version.\n",
          to);
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, argv[0]) == 0)
            return commands[i].run(argc, argv);
    }
    fprintf(stderr, "canp: no command '%s'; `canp help` lists them\n", argv[0]);
    return CANP_EXIT_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* A closed standard stream's number would be given to the next file that is opened, and what is printed would
 * land in a recording. So something stands there whose use fails as that of a closed one does. */
static int fill_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return -EBADF;
    }
    return 0;
}

/* CANP_LEDGER=stacks,guards in the environment: the debug modes of canp/pools/ledger.h, for all that is made
 * from now on. */
static void set_ledger_modes(void)
{
    const char *modes = getenv("CANP_LEDGER");
    if (modes)
        canp_ledger_set_modes((strstr(modes, "stacks") ? CANP_LEDGER_STACKS : 0) |
                              (strstr(modes, "guards") ? CANP_LEDGER_GUARDS : 0));
}

/* Results that could not be written are an error; a pipe whose reader has seen enough is none. */
static int finish(int status)
{
    int error = fflush(stdout) < 0 ? errno : 0;
    if ((!error && !ferror(stdout)) || error == EPIPE)
        return status;
    fprintf(stderr, "canp: the output cannot be written: %s\n",
            error ? canp_strerror(error) : "it is incomplete");
    return CANP_EXIT_ENVIRONMENT;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CANP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("canp " CANP_VERSION);
        return CANP_EXIT_DONE;
    }
    if (is_help(argv[1]) && (argc == 2 || is_help(argv[2]))) {
        print_help(stdout);
        return CANP_EXIT_DONE;
    }
    if (is_help(argv[1])) {
        char help_option[] = "--help";
        char *help_argv[] = {argv[2], help_option, NULL};
        return run_command(2, help_argv);
    }
    /* A file that is cut while it is read becomes an error, not the end of the process. */
    canp_sigbus_guard_install();
    set_ledger_modes();
    return run_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return fill_standard_streams() < 0 ? CANP_EXIT_ENVIRONMENT : finish(run(argc, argv));
}

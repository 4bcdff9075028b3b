/* canp: finds the sub-command and calls it. A command's help and messages are in its own file. Main thread.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <canp/version.h>

#include "lib/commands.h"
#include "lib/nearest.h"
#include "lib/program.h"
#include "lib/remote.h"
#include "lib/text.h"

const char program_prefix[] = "canp ";

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
        fprintf(to, "  %-8s %s\n", commands[i].name /* trusted: ours */, commands[i].summary);
    fputs("\n`canp help COMMAND` or `canp COMMAND --help` says more. `canp --version` prints the version.\n",
          to);
}

/* Recordings on a server are fetched first. */
static int run_with_remotes(int (*command)(int argc, char **argv), int argc, char **argv)
{
    int status = remote_begin(argc, argv);
    if (status == CANP_EXIT_DONE)
        status = command(argc, argv);
    remote_end();
    return status;
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, argv[0]) == 0)
            return run_with_remotes(commands[i].run, argc, argv);
    }
    struct nearest nearest;
    nearest_begin(&nearest, argv[0], strlen(argv[0]));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        nearest_offer(&nearest, commands[i].name);
    if (nearest.best)
        fprintf(stderr, "canp: no command '%s': is it %s; `canp help` lists them\n", SAFE(argv[0]),
                nearest.best);
    else
        fprintf(stderr, "canp: no command '%s'; `canp help` lists them\n", SAFE(argv[0]));
    return CANP_EXIT_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CANP_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("canp %s\n", canp_version());
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
    return run_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv, run);
}

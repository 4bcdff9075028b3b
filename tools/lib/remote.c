/* Recordings that are on a NATS server, as arguments (remote.h). */
#include "remote.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "opts.h"

#define PATH_BYTES  4096
#define REMOTES_MAX 16U
#ifndef CANP_STREAM_FROM_BIN /* fuzzed, with canp's other commands */
#define CANP_STREAM_FROM_BIN "canp-stream"
#endif

static struct {
    char dir[PATH_BYTES];  /* that goes at the end */
    char path[PATH_BYTES]; /* of the recording in it */
    pid_t child;           /* that still fetches, or 0 */
} remotes[REMOTES_MAX];
static unsigned remote_count;

/* Beside this program in a build tree, else where it is installed. */
void remote_exec_stream(int argc, char **argv)
{
    static const char *const places[] = {"canp-stream", CANP_STREAM_FROM_BIN};
    char self[PATH_BYTES], path[PATH_BYTES + 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
    char **args = calloc((size_t)argc + 2, sizeof(*args)); /* it ends with the process */
    if (!slash || !args)
        return;
    slash[1] = '\0';
    args[0] = path;
    memcpy(args + 1, argv, (size_t)argc * sizeof(*argv));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", self, places[i]);
        execv(path, args);
    }
    free(args);
}

/* Does not return. What it says on stdout is for us alone. */
static void run_child(const char *url, const char *dir, bool live, int said)
{
    char *args[] = {(char[]){"fetch"}, strdup(url), strdup(dir), live ? (char[]){"--live"} : NULL, NULL};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(said, STDOUT_FILENO);
    remote_exec_stream(live ? 4 : 3, args);
    opts_fail(args[0], 0, "canp-stream, which speaks to NATS, is not there: install the package canp-stream");
    _exit(CANP_EXIT_ENVIRONMENT);
}

/* Waits until it has all that there is now: then it says the recording's path. 0 or an exit status. */
static int wait_for_path(int said, pid_t child, bool live, unsigned i)
{
    int status = 0;
    FILE *from = fdopen(said, "r");
    bool got = from && fgets(remotes[i].path, sizeof(remotes[i].path), from);
    if (from)
        fclose(from);
    if (got)
        remotes[i].path[strcspn(remotes[i].path, "\n")] = '\0';
    if (got && live) {
        remotes[i].child = child;
        return 0;
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && got)
        return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : CANP_EXIT_ENVIRONMENT;
}

static int fetch(const char *command, const char *url, bool live)
{
    const char *tmp = getenv("TMPDIR");
    unsigned i = remote_count;
    int said[2];
    if (i == REMOTES_MAX)
        return opts_fail(command, CANP_EXIT_USAGE, "at most %u recordings can be on a server", REMOTES_MAX);
    snprintf(remotes[i].dir, sizeof(remotes[i].dir), "%s/canp-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
    if (!mkdtemp(remotes[i].dir) || pipe(said) < 0)
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "no room for what is fetched, %s: %s",
                         remotes[i].dir, strerror(errno));
    remote_count++;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(said[0]);
        run_child(url, remotes[i].dir, live, said[1]);
    }
    close(said[1]);
    if (child < 0) {
        close(said[0]);
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "cannot fetch %s: %s", url, strerror(errno));
    }
    return wait_for_path(said[0], child, live, i);
}

static bool is_remote(const char *text)
{
    return strncmp(text, "nats://", 7) == 0 || strncmp(text, "tls://", 6) == 0;
}

/* These take a server, not a recording. */
static bool speaks_itself(const char *command)
{
    return strcmp(command, "ship") == 0 || strcmp(command, "collect") == 0 || strcmp(command, "fleet") == 0;
}

int remote_begin(int argc, char **argv)
{
    bool live = false;
    int status = 0;
    if (speaks_itself(argv[0]))
        return 0;
    for (int i = 1; i < argc; i++)
        live = live || strcmp(argv[i], "--follow") == 0 || strcmp(argv[0], "top") == 0;
    for (int i = 1; status == 0 && i < argc; i++) {
        if (!is_remote(argv[i]))
            continue;
        status = fetch(argv[0], argv[i], live);
        argv[i] = remotes[remote_count ? remote_count - 1 : 0].path;
    }
    return status;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void remote_end(void)
{
    for (unsigned i = 0; i < remote_count; i++) {
        if (remotes[i].child) {
            kill(remotes[i].child, SIGTERM);
            waitpid(remotes[i].child, NULL, 0);
        }
        nftw(remotes[i].dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    remote_count = 0;
}

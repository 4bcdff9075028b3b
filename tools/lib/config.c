/*
 * Options in a file (config.h). Each line becomes a word of the command line, so that parser, list of options
 * and messages are the same for both. Invariant: words point into the file's text or to memory that is never
 * freed. Main thread.
 */
#include "lib/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/error.h>

#include "lib/commands.h"

#define FILE_BYTES_MAX 65536
#define BLANKS         " \t\r"

static struct {
    char **list;
    size_t count;
    char **argv; /* what is handed out */
} words;

static int failed(const struct opt_spec *spec, int status, const char *file, const char *what)
{
    return -opts_fail(spec->command, status, "%s: %s", file, what) - 1;
}

/* The text of a regular file, zero-terminated; NULL: errno says why. */
static char *read_text(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
        if (S_ISREG(st.st_mode) && st.st_size < FILE_BYTES_MAX)
            text = calloc(1, FILE_BYTES_MAX);
    }
    ssize_t n = text ? read(fd, text, FILE_BYTES_MAX - 1) : 0;
    int error = errno;
    if (n < 0) {
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    errno = error;
    return text;
}

/* Cuts blanks and the comment off, in place. */
static char *trim(char *line)
{
    char *end = line;
    line += strspn(line, BLANKS);
    for (char *c = line; *c; c++) {
        if (*c == '#' && (c == line || strchr(BLANKS, c[-1])))
            *c-- = '\0';
    }
    for (end = line + strlen(line); end > line && strchr(BLANKS, end[-1]);)
        *--end = '\0';
    return line;
}

static bool has_option(const struct opt_spec *spec, const char *name)
{
    return strcmp(name, "config") != 0 && opts_has(spec, name);
}

/* "flush = 50ms" -> "--flush=50ms"; "interface = can0" -> "can0". NULL: no such option, or no memory (errno).
 */
static char *word_of(const struct opt_spec *spec, char *line)
{
    char *value = strchr(line, '='), *word = NULL;
    if (value) {
        *value++ = '\0';
        value = trim(value);
    }
    char *name = trim(line);
    errno = ENOENT;
    if (value && strcmp(name, "interface") == 0)
        return strdup(value);
    if (!has_option(spec, name) ||
        asprintf(&word, "--%s%s%s", name, value ? "=" : "", value ? value : "") < 0)
        return NULL;
    return word;
}

/* One line as a word; 0, or negative with the error said. */
static int add_line(const struct opt_spec *spec, const char *file, unsigned number, char *line)
{
    char place[512], what[128];
    line = trim(line);
    if (*line == '\0')
        return 0;
    char *word = word_of(spec, line);
    if (word) {
        words.list[words.count++] = word;
        return 0;
    }
    snprintf(place, sizeof(place), "%s, line %u", file, number);
    snprintf(what, sizeof(what), "no option '%.64s'; `canp %s --help` lists them", line, spec->command);
    return failed(spec, CANP_EXIT_USAGE, place, what);
}

static int add_file(const struct opt_spec *spec, const char *file)
{
    char *text = read_text(file), *rest = text, *line;
    int r = 0;
    if (!text)
        return failed(spec, CANP_EXIT_ENVIRONMENT, file, canp_strerror(-errno));
    for (unsigned number = 1; r == 0 && (line = strsep(&rest, "\n")) != NULL; number++)
        r = add_line(spec, file, number, line);
    free(text);
    return r;
}

/* Is it `--config FILE` or `--config=FILE`? Then its FILE, and how many words that takes. */
static const char *config_at(char **argv, int left, int *taken)
{
    *taken = 2;
    if (strcmp(argv[0], "--config") == 0 && left > 1)
        return argv[1];
    *taken = 1;
    return strncmp(argv[0], "--config=", 9) == 0 ? argv[0] + 9 : NULL;
}

int config_expand(const struct opt_spec *spec, int *argc, char ***argv)
{
    /* each line of a file is a word at most, and each file is named by one word at least */
    words.list = calloc((size_t)*argc * FILE_BYTES_MAX / 2 + 1, sizeof(char *));
    if (!words.list)
        return failed(spec, CANP_EXIT_ENVIRONMENT, "--config", canp_strerror(-ENOMEM));
    for (int i = 0, taken; i < *argc; i += taken) {
        const char *file = config_at(*argv + i, *argc - i, &taken);
        int r = file ? add_file(spec, file) : 0;
        if (r < 0)
            return r;
        if (!file)
            words.list[words.count++] = (*argv)[i];
    }
    *argv = malloc((words.count + 1) * sizeof(char *)); /* a copy: opts_parse() moves what is in it */
    if (!*argv)
        return failed(spec, CANP_EXIT_ENVIRONMENT, "--config", canp_strerror(-ENOMEM));
    memcpy(*argv, words.list, (words.count + 1) * sizeof(char *));
    words.argv = *argv;
    *argc = (int)words.count;
    return 0;
}

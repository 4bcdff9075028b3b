/* Asking running recorders (live.h). Any thread; no state. */
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <canp/private/cleanup.h>

#define PREFIX     "canp-record-"
#define PROC_UNIX  "/proc/net/unix" /* shows an abstract name with @ for its first byte */
#define LINE_BYTES 512

/* An abstract address: a zero byte, then the name. */
static int address_of(const char *name, struct sockaddr_un *out)
{
    size_t n = strlen(name);
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    if (n + 1 > sizeof(out->sun_path))
        return -ENAMETOOLONG;
    memcpy(out->sun_path + 1, name, n);
    return (int)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

int live_address(const char *dir, struct sockaddr_un *out)
{
    char name[sizeof(out->sun_path)];
    struct stat st;
    if (stat(dir, &st) < 0)
        return -errno;
    snprintf(name, sizeof(name), PREFIX "%llx-%llx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return address_of(name, out);
}

static int ask(const struct sockaddr_un *address, int bytes, struct live_state *out)
{
    struct live_state state;
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, (socklen_t)bytes) < 0)
        return -errno;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, LIVE_WAIT_MS) <= 0)
        return -ETIMEDOUT;
    ssize_t n = recv(fd, &state, sizeof(state), 0);
    if (n < 0)
        return -errno;
    if ((size_t)n < sizeof(state) || state.magic != LIVE_MAGIC || state.bytes < sizeof(state))
        return -EPROTO; /* another version's */
    state.ifaces[sizeof(state.ifaces) - 1] = '\0';
    *out = state;
    return 0;
}

int live_ask(const char *dir, struct live_state *out)
{
    struct sockaddr_un address;
    int bytes = live_address(dir, &address);
    return bytes < 0 ? bytes : ask(&address, bytes, out);
}

/* "...: 00000002 00000000 00010000 0005 01 12345 @canp-record-fe00-1234" */
static bool take_line(const char *line, struct live_state *out)
{
    struct sockaddr_un address;
    char name[sizeof(address.sun_path)];
    const char *at = strstr(line, " @" PREFIX);
    size_t n = at ? strcspn(at + 2, "\n") : 0;
    if (!at || n >= sizeof(name))
        return false;
    memcpy(name, at + 2, n);
    name[n] = '\0';
    int bytes = address_of(name, &address);
    return bytes > 0 && ask(&address, bytes, out) == 0;
}

unsigned live_ask_all(struct live_state *out, unsigned count)
{
    char line[LINE_BYTES];
    unsigned found = 0;
    FILE *file = fopen(PROC_UNIX, "re");
    while (file && found < count && fgets(line, sizeof(line), file)) {
        bool is_new = take_line(line, &out[found]);
        for (unsigned i = 0; i < found && is_new; i++) /* connections in the making bear the name, too */
            is_new = out[i].pid != out[found].pid;
        found += is_new;
    }
    if (file)
        fclose(file);
    return found;
}

bool live_has_iface(const struct live_state *state, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = state->ifaces; *at; at += strcspn(at, " ") + 1) { /* a blank stands behind each */
        if (strncmp(at, name, n) == 0 && at[n] == ' ')
            return true;
    }
    return false;
}

/* How the commands ship, collect and fleet reach a server: the options that they share. Main thread. */
#ifndef CANP_TOOLS_LINK_H
#define CANP_TOOLS_LINK_H

#include <canp/stream.h>

#include "lib/opts.h"

/* Rows of a table of options. Secrets come from files or the environment, never from the command line, which
 * others can see. */
#define LINK_OPTIONS(o)                                                                                       \
    {0, "stream", OPT_TEXT, &(o)->name, "NAME", "the stream (default CAN)"},                                  \
        {0, "domain", OPT_TEXT, &(o)->domain, "NAME", "the JetStream domain, of a leaf node for example"},    \
        {0, "creds", OPT_TEXT, &(o)->credentials, "FILE", "credentials: JWT and seed"},                       \
        {0, "nkey", OPT_TEXT, &(o)->nkey, "FILE", "an NKEY: seed and public key, as `nk -gen user -pubout`"}, \
        {0, "ca", OPT_TEXT, &(o)->ca, "FILE", "TLS, trusting these certificates"},                            \
        {0, "cert", OPT_TEXT, &(o)->certificate, "FILE", "the client's own certificate, with --key"},         \
    {                                                                                                         \
        0, "key", OPT_TEXT, &(o)->key, "FILE", "its private key"                                              \
    }

#define LINK_EPILOGUE                                                                                        \
    "User and password are read from CANP_NATS_USER and CANP_NATS_PASSWORD in the environment; the\n"        \
    "files of --creds, --nkey and --ca may be named by CANP_NATS_CREDS, CANP_NATS_NKEY and CANP_NATS_CA.\n"

/* Connects; an exit status, 0 when *out is owned. With `wait`, until somebody answers. */
int link_open(const char *command, const char *url, struct canp_stream_opts *opts, bool wait,
              struct canp_stream **out);

/* The exit status of an error. */
int link_status(int error);

#endif

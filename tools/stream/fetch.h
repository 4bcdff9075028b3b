/* canp-stream fetch: one recording into a directory, for commands that read (lib/remote.h). Main thread. */
#ifndef CANP_TOOLS_FETCH_H
#define CANP_TOOLS_FETCH_H

/* argv: fetch nats://HOST/VEHICLE/RECORDING DIR [--live]. When all that there is now is there, prints the
 * recording's path; with --live it goes on until SIGTERM. Returns an exit status. */
int fetch_run(int argc, char **argv);

#endif

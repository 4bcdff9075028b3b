/*
 * What every program of tools/ does around its main work: safe standard streams, the debug modes of the
 * environment, and an error exit when results could not be written. Main thread.
 */
#ifndef CANP_TOOLS_PROGRAM_H
#define CANP_TOOLS_PROGRAM_H

/* What stands before a command's name in messages: "canp " or "canp-". Each program defines its own. */
extern const char program_prefix[];

/* The whole of main(): prepares, runs, and returns the exit status: run's own, unless the output is
 * incomplete. */
int program_main(int argc, char **argv, int (*run)(int argc, char **argv));

#endif

/* The queueing discipline of an interface (tc-qdisc(8)), by rtnetlink. Any thread; no state. */
#ifndef CANP_CAPTURE_QDISC_H
#define CANP_CAPTURE_QDISC_H

#define QDISC_KIND_BYTES 16

/* The kind of an interface's root qdisc ("noqueue", "pfifo_fast", "fq", ...; empty when the kernel told of
 * none). 0 or a negative errno. */
int canp_qdisc_of(int ifindex, char kind[QDISC_KIND_BYTES]);

#endif

/*
 * The list of formats, from which the table, `canp convert`'s help, the fuzz targets and the documents are
 * made. Recognition asks the formats in this order, so put a more specific format before a more general one.
 * X(NAME): engine/formats defines `const struct canp_log_format canp_format_NAME`.
 */
#ifndef CANP_FORMATS_LOG_TABLE_H
#define CANP_FORMATS_LOG_TABLE_H

#define CANP_LOG_FORMATS(X)                                                                                  \
    X(canp)                                                                                                  \
    X(pcapng)                                                                                                \
    X(pcap)                                                                                                  \
    X(db)                                                                                                    \
    X(trc)                                                                                                   \
    X(trc11)                                                                                                 \
    X(screen)                                                                                                \
    X(candump)                                                                                               \
    X(csv)                                                                                                   \
    X(json)                                                                                                  \
    X(crtd)                                                                                                  \
    X(gvret)                                                                                                 \
    X(busmaster)                                                                                             \
    X(microchip)                                                                                             \
    X(generic)                                                                                               \
    X(ydwg)                                                                                                  \
    X(carbus)                                                                                                \
    X(canhacker)                                                                                             \
    X(css)                                                                                                   \
    X(panda)                                                                                                 \
    X(asc)                                                                                                   \
    X(blf)                                                                                                   \
    X(mf4)

#endif

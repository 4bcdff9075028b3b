/* Describes damage in words, for verify and repair. Main thread. */
#ifndef CANP_TOOLS_DAMAGE_H
#define CANP_TOOLS_DAMAGE_H

#include <canp/reader.h>

#include <stdio.h>

/* One line: segment, block, bytes, frames affected, time span. */
void damage_print(FILE *to, const struct canp_damage *damage);
void damage_print_json(FILE *to, const struct canp_damage *damage);

#endif

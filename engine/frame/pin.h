/* For structs that are stored in files: the compiler checks that each field has the offset that FORMAT.md
 * gives. */
#ifndef CANP_ENGINE_PIN_H
#define CANP_ENGINE_PIN_H

#include <stddef.h>

#define PIN(type, field, at) _Static_assert(offsetof(struct type, field) == (at), #type "." #field)

#endif

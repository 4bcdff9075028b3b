/* The values of a row, for all code that prints or keeps them (decode_row.h). Any thread. */
#include "decode_row.h"

#include <math.h>

bool decode_has_number(const struct canp_value *v)
{
    return !(v->flags & (CANP_VALUE_NOT_AVAILABLE | CANP_VALUE_ERROR | CANP_VALUE_BYTES));
}

const char *decode_mark(const struct canp_value *v)
{
    return v->flags & CANP_VALUE_NOT_AVAILABLE  ? "not available"
           : v->flags & CANP_VALUE_ERROR        ? "error"
           : v->flags & CANP_VALUE_OUT_OF_RANGE ? "out of range"
                                                : "";
}

bool decode_is_integer(const struct canp_dbc_signal *s)
{
    bool is_float = s->number != CANP_DBC_INTEGER && !(s->marks & CANP_DBC_BAD_FLOAT);
    return !is_float && s->bits <= 64 && fpclassify(s->offset) == FP_ZERO && s->factor >= 1 && s->factor <= 1;
}

const uint8_t *decode_bytes(const struct decode_row *row, const struct canp_value *v, size_t *bytes)
{
    size_t first = v->raw < row->bytes ? (size_t)v->raw : row->bytes;
    size_t count = (v->signal->bits + 7U) / 8;
    *bytes = count < row->bytes - first ? count : row->bytes - first;
    return row->data + first;
}

const char *decode_characters(const struct decode_row *row, const struct canp_value *v, size_t *bytes)
{
    const uint8_t *data = decode_bytes(row, v, bytes);
    while (*bytes && (data[*bytes - 1] == 0 || data[*bytes - 1] == 0xFF || data[*bytes - 1] == ' ' ||
                      data[*bytes - 1] == '@'))
        --*bytes;
    return (const char *)data;
}

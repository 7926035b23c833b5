/* SPDX-License-Identifier: GPL-2.0-or-later */
/* error.c - see error.h. */
#include "profiles/error.h"

#include <stdarg.h>
#include <stdio.h>

_Bool error_set(struct error *error, enum exit_code code, const char *format, ...)
{
    va_list arguments;

    if (!error)
        return 0;
    error->code = code;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    /* One line, whatever a path or a parser's text may hold. */
    for (char *at = error->text; *at; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    return 0;
}

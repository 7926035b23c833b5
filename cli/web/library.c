/* SPDX-License-Identifier: GPL-2.0-or-later */
/* library.c - see library.h. */
#include "cli/web/library.h"

#include <dlfcn.h>

#define LIBRARY "libmicrohttpd.so.12"

bool http_library_load(struct http_library *library, struct error *error)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW);
    bool whole = handle;

#define HTTP_LIBRARY_LOAD(call)                                                                    \
    *(void **)&library->call = handle ? dlsym(handle, #call) : NULL;                               \
    whole = whole && library->call;
    HTTP_LIBRARY_CALLS(HTTP_LIBRARY_LOAD)
#undef HTTP_LIBRARY_LOAD
    return whole ||
           error_set(error, EXIT_FAILED, "web: %.300s: install libmicrohttpd12", dlerror());
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * library.h - libmicrohttpd, loaded where HTTP is spoken: it brings in GnuTLS, which a process that
 * carries frames has no use for.
 */
#ifndef SYNWARD_CLI_WEB_LIBRARY_H
#define SYNWARD_CLI_WEB_LIBRARY_H

#include <microhttpd.h>
#include <stdbool.h>

#include "profiles/error.h"

#define HTTP_LIBRARY_CALLS(X)                                                                      \
    X(MHD_add_response_header)                                                                     \
    X(MHD_create_response_from_buffer)                                                             \
    X(MHD_create_response_from_callback)                                                           \
    X(MHD_destroy_response)                                                                        \
    X(MHD_get_connection_info)                                                                     \
    X(MHD_get_daemon_info)                                                                         \
    X(MHD_get_timeout)                                                                             \
    X(MHD_lookup_connection_value)                                                                 \
    X(MHD_queue_response)                                                                          \
    X(MHD_resume_connection)                                                                       \
    X(MHD_run)                                                                                     \
    X(MHD_start_daemon)                                                                            \
    X(MHD_stop_daemon)                                                                             \
    X(MHD_suspend_connection)

/* The functions of <microhttpd.h>, by their names. */
struct http_library {
#define HTTP_LIBRARY_MEMBER(call) __typeof__(call) *call;
    HTTP_LIBRARY_CALLS(HTTP_LIBRARY_MEMBER)
#undef HTTP_LIBRARY_MEMBER
};

bool http_library_load(struct http_library *library, struct error *error);

#endif

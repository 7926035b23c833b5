/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate.h - who is let in by `synward web`, and where it listens.
 *
 * Only this machine reaches it: a UNIX socket, or a loopback address with a token. A browser on
 * this machine runs scripts of strangers, too. What those ask for is answered to nobody: a page of
 * theirs whose name leads here (DNS rebinding) says its name in Host, and has no token.
 */
#ifndef SYNWARD_CLI_WEB_GATE_H
#define SYNWARD_CLI_WEB_GATE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "profiles/error.h"

/* Where to listen: "127.0.0.1:8080", "[::1]:8080" (port 0: any that is free), or a path. */
union gate_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};
struct gate_place {
    union gate_address address;
    socklen_t bytes;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": it is an address */
};
bool gate_read_place(const char *text, struct gate_place *place, struct error *error);
/* "http://127.0.0.1:8080/" of a socket that listens there. */
#define GATE_URL_BYTES 80
char *gate_url(int fd, char url[GATE_URL_BYTES]);

/* Does a Host header (may be NULL) name this machine by what no name server can promise: a loopback
 * address or "localhost", with any port? */
bool gate_host(const char *host);

/* The first line of a file, 16 to 128 letters, digits and "-._~"; one that others may read is
 * refused. */
#define GATE_TOKEN_BYTES 129
bool gate_read_token(const char *path, char token[GATE_TOKEN_BYTES], struct error *error);
/* 128 random bits. */
void gate_make_token(char token[GATE_TOKEN_BYTES]);
/* Is an Authorization header (may be NULL) "Bearer TOKEN"? An empty token lets everybody in. Takes
 * as long for each. */
bool gate_authorized(const char *authorization, const char *token);

#endif

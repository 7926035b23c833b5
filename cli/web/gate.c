/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate.c - see gate.h. */
#include "cli/web/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define TOKEN_LEAST 16
#define HOST_BYTES  64

/* --- addresses ------------------------------------------------------------------------------- */

static bool is_loopback4(const struct in_addr *address)
{
    return ntohl(address->s_addr) >> 24 == 127;
}

/* 0 to 65535; -1: it is no port. */
static long port_of(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    const long port = strtol(text, NULL, 10);

    return digits > 0 && digits <= 5 && text[digits] == '\0' && port <= UINT16_MAX ? port : -1;
}

/* Splits "ADDRESS:PORT" and "[ADDRESS]:PORT"; `*port` is NULL where there is none. False: it is
 * neither. */
static bool split(const char *text, char host[HOST_BYTES], const char **port, bool *six)
{
    const char *end;

    *six = *text == '[';
    end = *six ? strchr(text, ']') : text + strcspn(text, ":");
    text += *six;
    if (!end || (size_t)(end - text) >= HOST_BYTES)
        return false;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    end += *six;
    *port = *end == ':' ? end + 1 : NULL;
    return *end == ':' || *end == '\0';
}

static bool read_address(const char *text, struct gate_place *place)
{
    struct sockaddr_in *four = &place->address.four;
    struct sockaddr_in6 *six = &place->address.six;
    char host[HOST_BYTES];
    const char *port;
    bool is_six;

    if (!split(text, host, &port, &is_six) || !port || port_of(port) < 0)
        return false;
    if (is_six) {
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                     .sin6_port = htons((uint16_t)port_of(port))};
        place->bytes = sizeof(*six);
        return inet_pton(AF_INET6, host, &six->sin6_addr) == 1 &&
               IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    }
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(port))};
    place->bytes = sizeof(*four);
    return inet_pton(AF_INET, host, &four->sin_addr) == 1 && is_loopback4(&four->sin_addr);
}

bool gate_read_place(const char *text, struct gate_place *place, struct error *error)
{
    *place = (struct gate_place){0};
    if (strchr(text, '/')) {
        if (strlen(text) >= sizeof(place->path))
            return error_set(error, EXIT_USAGE, "web: --listen %.100s: the path is too long", text);
        memcpy(place->path, text, strlen(text) + 1);
        return true;
    }
    return read_address(text, place) ||
           error_set(error, EXIT_USAGE,
                     "web: --listen %.100s: write 127.0.0.1:PORT, [::1]:PORT or the path of a "
                     "socket: others reach it by `ssh -L`",
                     text);
}

char *gate_url(int fd, char url[GATE_URL_BYTES])
{
    union gate_address address = {.six = {0}};
    socklen_t bytes = sizeof(address);
    const bool six =
        getsockname(fd, &address.any, &bytes) == 0 && address.any.sa_family == AF_INET6;
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(six ? AF_INET6 : AF_INET,
              six ? (void *)&address.six.sin6_addr : (void *)&address.four.sin_addr, text,
              sizeof(text));
    snprintf(url, GATE_URL_BYTES, six ? "http://[%s]:%u/" : "http://%s:%u/", text,
             ntohs(six ? address.six.sin6_port : address.four.sin_port));
    return url;
}

bool gate_host(const char *host)
{
    struct in6_addr six;
    struct in_addr four;
    char name[HOST_BYTES];
    const char *port;
    bool is_six;

    if (!host || !split(host, name, &port, &is_six) || (port && port_of(port) < 0))
        return false;
    if (is_six)
        return inet_pton(AF_INET6, name, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return strcasecmp(name, "localhost") == 0 ||
           (inet_pton(AF_INET, name, &four) == 1 && is_loopback4(&four));
}

/* --- tokens ---------------------------------------------------------------------------------- */

static bool fits(const char *token)
{
    const size_t length = strlen(token);

    return length >= TOKEN_LEAST && length < GATE_TOKEN_BYTES &&
           strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") ==
               length;
}

static bool read_line(FILE *file, const char *path, char token[GATE_TOKEN_BYTES],
                      struct error *error)
{
    char line[GATE_TOKEN_BYTES + 2] = "";
    struct stat status;

    if (fstat(fileno(file), &status) != 0 || (status.st_mode & S_IROTH))
        return error_set(error, EXIT_FAILED,
                         "web: --token %.300s: others may read it: chmod o-r it, and write another",
                         path);
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (!fits(line))
        return error_set(error, EXIT_FAILED,
                         "web: --token %.300s: its first line is not 16 to 128 letters, digits "
                         "and -._~",
                         path);
    memcpy(token, line, strlen(line) + 1);
    return true;
}

bool gate_read_token(const char *path, char token[GATE_TOKEN_BYTES], struct error *error)
{
    FILE *file = fopen(path, "re");
    bool done;

    if (!file)
        return error_set(error, EXIT_FAILED, "web: --token %.300s: %s: give another file", path,
                         strerror(errno));
    done = read_line(file, path, token, error);
    fclose(file);
    return done;
}

void gate_make_token(char token[GATE_TOKEN_BYTES])
{
    uint8_t random[16];

    randombytes_buf(random, sizeof(random));
    sodium_bin2base64(token, GATE_TOKEN_BYTES, random, sizeof(random),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool gate_authorized(const char *authorization, const char *token)
{
    static const char scheme[] = "Bearer ";
    char given[GATE_TOKEN_BYTES] = "", wanted[GATE_TOKEN_BYTES] = "";

    if (*token == '\0')
        return true;
    if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return false;
    snprintf(given, sizeof(given), "%s", authorization + sizeof(scheme) - 1);
    snprintf(wanted, sizeof(wanted), "%s", token);
    return sodium_memcmp(given, wanted, sizeof(given)) == 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_text.c - reads and writes servers as people do (server_text.h). */
#include "bridge/text/server_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tables/source.h"

static bool transport_parse(const char *text, uint16_t *transport)
{
    *transport = strcmp(text, "/udp") == 0   ? TRANSPORT_UDP
                 : strcmp(text, "/tcp") == 0 ? TRANSPORT_TCP
                                             : TRANSPORT_ANY;
    return *transport != TRANSPORT_ANY || *text == '\0';
}

/* 1 to 65535 in plain decimal, and perhaps a transport; 0 for anything else. */
static uint16_t port_parse(const char *text, uint16_t *transport)
{
    uint32_t port = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || !transport_parse(text + digits, transport))
        return 0;
    for (size_t i = 0; i < digits; i++)
        port = port * 10 + (uint32_t)(text[i] - '0');
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/*
 * Splits `text` into address and port text. `*port` is NULL where none is written. A single colon
 * ends an IPv4 address; an IPv6 address with a port needs brackets, since fd77::2:110 is itself an
 * address.
 */
static bool split(const char *text, char address[ADDR_TEXT_BYTES], const char **port,
                  bool *bracketed)
{
    const char *begin = text, *end;

    *port = NULL;
    *bracketed = text[0] == '[';
    if (*bracketed) {
        begin = text + 1;
        end = strchr(begin, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        if (end[1] == ':')
            *port = end + 2;
    } else {
        end = strchr(text, ':');
        if (end && !strchr(end + 1, ':'))
            *port = end + 1;
        else
            end = text + strlen(text);
    }
    if (end == begin || (size_t)(end - begin) >= ADDR_TEXT_BYTES)
        return false;
    memcpy(address, begin, (size_t)(end - begin));
    address[end - begin] = '\0';
    return true;
}

bool server_selector_parse(const char *text, struct server_selector *out, struct error *error)
{
    char address[ADDR_TEXT_BYTES];
    struct server_selector parsed = {0};
    const char *port;
    bool bracketed;

    if (!split(text, address, &port, &bracketed) || !addr_from_text(address, &parsed.addr) ||
        (bracketed && !strchr(address, ':')))
        return error_set(error, EXIT_USAGE,
                         "not a server: %.100s: write 10.77.0.2:110, [fd77::2]:110, or an address "
                         "alone for all its ports",
                         text);
    if (port) {
        parsed.port = port_parse(port, &parsed.transport);
        if (parsed.port == 0)
            return error_set(error, EXIT_USAGE,
                             "not a port: %.100s: write a number from 1 to 65535", text);
    }
    *out = parsed;
    return true;
}

bool server_selector_wants_brackets(const struct server_selector *selector,
                                    char text[SERVER_TEXT_BYTES])
{
    char address[ADDR_TEXT_BYTES];
    struct ip_addr rest;
    uint16_t transport;
    char *last;

    if (selector->port != 0 || addr_is_v4(&selector->addr))
        return false;
    addr_to_text(&selector->addr, address);
    last = strrchr(address, ':');
    if (!last || port_parse(last + 1, &transport) == 0)
        return false;
    *last = '\0';
    if (!addr_from_text(address, &rest))
        return false;
    snprintf(text, SERVER_TEXT_BYTES, "[%s]:%s", address, last + 1);
    return true;
}

bool server_selector_unknown(const struct server_selector *selector, const char *what,
                             const char *list, struct error *error)
{
    char text[SERVER_TEXT_BYTES], port[SERVER_TEXT_BYTES];
    const bool other = server_selector_wants_brackets(selector, port);

    return error_set(error, EXIT_NOT_FOUND, "no %s %s%s%s: `synward %s` lists those known", what,
                     server_to_text(&selector->addr, selector->port, text),
                     other ? "; with a port it is written " : "", other ? port : "", list);
}

bool server_selector_matches(const struct server_selector *selector, const struct server_key *key)
{
    return memcmp(&selector->addr, &key->addr, sizeof(key->addr)) == 0 &&
           (selector->port == 0 || selector->port == key->port) &&
           (selector->transport == TRANSPORT_ANY ||
            (selector->transport == TRANSPORT_UDP) == server_key_is_udp(key));
}

const char *server_transport_name(const struct server_key *key)
{
    return server_key_is_udp(key) ? "udp" : "tcp";
}

char *server_to_text(const struct ip_addr *addr, uint16_t port, char text[SERVER_TEXT_BYTES])
{
    char address[ADDR_TEXT_BYTES];
    bool brackets = !addr_is_v4(addr);

    addr_to_text(addr, address);
    if (port == 0)
        snprintf(text, SERVER_TEXT_BYTES, "%s%s%s", brackets ? "[" : "", address,
                 brackets ? "]" : "");
    else
        snprintf(text, SERVER_TEXT_BYTES, "%s%s%s:%u", brackets ? "[" : "", address,
                 brackets ? "]" : "", port);
    return text;
}

char *server_key_to_text(const struct server_key *key, char text[SERVER_TEXT_BYTES])
{
    const size_t used = strlen(server_to_text(&key->addr, key->port, text));

    if (server_key_is_udp(key))
        snprintf(text + used, SERVER_TEXT_BYTES - used, "/udp");
    return text;
}

static bool wrong_prefix(const char *text, const char *why, struct error *error)
{
    return error_set(error, EXIT_USAGE, "not a source: %.100s: %s: write ADDRESS or ADDRESS/LENGTH",
                     text, why);
}

/* Digits alone, at most `most`. */
static bool read_length(const char *text, unsigned most, uint8_t *length)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || strlen(text) > 3 || number > most)
        return false;
    *length = (uint8_t)number;
    return true;
}

bool prefix_parse(const char *text, struct ip_addr *prefix, uint8_t *length, struct error *error)
{
    const char *slash = strchr(text, '/');
    const size_t bytes = slash ? (size_t)(slash - text) : strlen(text);
    char address[ADDR_TEXT_BYTES];
    unsigned most;

    if (bytes >= sizeof(address))
        return wrong_prefix(text, "too long for an address", error);
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (!addr_from_text(address, prefix))
        return wrong_prefix(text, "no IPv4 or IPv6 address", error);

    most = addr_is_v4(prefix) ? 32 : 128;
    *length = (uint8_t)most;
    if (slash && !read_length(slash + 1, most, length))
        return wrong_prefix(text, most == 32 ? "the length is 0 to 32" : "the length is 0 to 128",
                            error);
    *prefix = source_masked(prefix, *length);
    return true;
}
